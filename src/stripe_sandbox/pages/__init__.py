"""The sandbox's pages: the hosted checkout that buyers see and the dashboard for developers."""

from stripe_sandbox.pages.checkout import blueprint as checkout_blueprint
from stripe_sandbox.pages.dashboard import blueprint as dashboard_blueprint

blueprints = (checkout_blueprint, dashboard_blueprint)

__all__ = ["blueprints"]

"""The standalone store: accounts, pages and the API in one Flask app."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from inspect import CO_COROUTINE
from typing import TYPE_CHECKING, Any

from flask import Flask, Request, Response, redirect, request
from flask.globals import request_ctx
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix

from coinpurse.accounts import Accounts
from coinpurse.extension import Coinpurse
from coinpurse.settings import Settings, origin_of
from coinpurse.web import access, accounts, admin, errors, measuring, ops, pages, request_ids
from coinpurse.web.access import BODY_LIMIT_BYTES
from coinpurse.web.visitors import is_service_call
from coinpurse.web.webhook import tell_of_proxies

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

SESSION_DAYS = 14
# A request that the database works on for longer helps nobody any more, and keeps a thread.
STATEMENT_SECONDS = 60
YEAR_SECONDS = 365 * 24 * 3600


class _App(Flask):
    """Flask, which looks at every hook and view of every request for whether it is asynchronous; ours never are."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that is synchronous."""
        code = getattr(func, "__code__", None)
        if code is not None and not code.co_flags & CO_COROUTINE:
            return func
        return super().ensure_sync(func)


class _Sessions(SecureCookieSessionInterface):
    """Flask's cookie sessions, of which the service API is spared: its callers have keys and call often."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        if is_service_call():
            return self.make_null_session(app)
        return super().open_session(app, request)


def create_app(settings: Settings | None = None) -> Flask:
    """Make the app. settings: default from the environment and `.env`.

    Raises ConfigurationError, with the mend, where a setting is wrong or the database is not migrated.
    """
    settings = settings or Settings()
    app = _App("coinpurse", static_folder=None)
    app.session_interface = _Sessions()
    is_https = settings.base_url.startswith("https://")
    app.config.update(
        SECRET_KEY=settings.require_secret_key(),
        MAX_CONTENT_LENGTH=BODY_LIMIT_BYTES,
        # The prefix has browsers refuse the cookie from anything but this very host over https.
        SESSION_COOKIE_NAME="__Host-coinpurse" if is_https else "coinpurse_session",
        SESSION_COOKIE_PATH="/",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=is_https,
        PERMANENT_SESSION_LIFETIME=timedelta(days=SESSION_DAYS),
    )
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    request_ids.use_everywhere(app)
    measuring.use(app)
    purse = Coinpurse(settings=settings, pages_prefix="")
    purse.init_app(app)
    purse.database.statement_seconds = STATEMENT_SECONDS
    purse.require_ready()
    accounts.use(app, Accounts(purse.database))
    tell_of_proxies(app)
    app.register_blueprint(ops.blueprint)
    admin.mount(app)
    app.register_error_handler(HTTPException, _refuse)
    if settings.demo:
        app.before_request(_lead_to_the_base_url)
    app.wsgi_app = _with_headers(app.wsgi_app, _security_headers(settings))  # type: ignore[assignment,method-assign]
    return app


def _with_headers(serve: WSGIApplication, headers: dict[str, str]) -> WSGIApplication:
    """Add headers to every answer that does not have them. Flask's own way takes a tenth of a spend's request."""
    added = {name.lower(): (name, value) for name, value in headers.items()}

    def serve_with_headers(
        environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        def start(status: str, given: list[tuple[str, str]], *error: Any) -> Any:
            present = {name.lower() for name, _value in given}
            given += [header for name, header in added.items() if name not in present]
            return start_response(status, given, *error)

        return serve(environ, start)

    return serve_with_headers


def _lead_to_the_base_url() -> Response | None:
    """Keep a visitor of `localhost` on one host: the cookie of the other is lost on the way back from Stripe."""
    base_url = access.current_purse().settings.base_url
    if (
        request.method != "GET"
        or request.path.startswith(("/api/", "/healthz", "/readyz", "/metrics"))
        or origin_of(request.host_url) == base_url
    ):
        return None
    return redirect(base_url + request.full_path.rstrip("?"))  # type: ignore[return-value]


def _refuse(error: HTTPException) -> Response | HTTPException:
    """Answer what no blueprint answers: unknown addresses, wrong methods and errors of our own."""
    if request_ctx.url_adapter is None:
        return error  # The Host header itself is wrong: no page of ours has an address there.
    return errors.http_error(error) if request.path.startswith("/api/") else pages.refuse(error)


def _security_headers(settings: Settings) -> dict[str, str]:
    # Browsers hold redirects after a form to `form-action`, and Stripe's checkout may have the operator's
    # own domain, so any https address is allowed there; a local sandbox has none.
    forms_may_lead_to = "'self' https:" + (" http:" if settings.api_base else "")
    policy = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "connect-src": "'self'",
        "form-action": forms_may_lead_to,
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
    }
    headers = {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "strict-origin-when-cross-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
        # What says nothing of it is about somebody: a wallet, a payment, a way to log in.
        "Cache-Control": "no-store",
    }
    if settings.base_url.startswith("https://"):
        headers["Strict-Transport-Security"] = f"max-age={YEAR_SECONDS}"
    return headers

"""The shop as a Django app."""

import os

from django.apps import AppConfig


class ShopConfig(AppConfig):
    """Connects the handler of paid sessions."""

    name = "benchmarks.djstripe_host.shop"
    label = "shop"

    def ready(self) -> None:
        """Listen to dj-stripe's signals; without its own handler of the event where the environment says so."""
        from benchmarks.djstripe_host.shop import handlers  # noqa: F401  Connects by being imported.

        if os.environ.get("WITHOUT_LOOK_UP"):
            from djstripe.event_handlers import handle_other_event
            from djstripe.models import Event
            from djstripe.signals import WEBHOOK_SIGNALS

            signal = WEBHOOK_SIGNALS["checkout.session.completed"]
            if not signal.disconnect(handle_other_event, sender=Event):
                raise RuntimeError("dj-stripe's own handler was not connected")

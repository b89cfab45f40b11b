"""What a shop does once a session is paid: mark the payment, add the coins."""

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from djstripe.event_handlers import djstripe_receiver

from benchmarks.djstripe_host.shop.models import Buyer, Payment


@djstripe_receiver("checkout.session.completed")
def credit(sender, event, **kwargs):  # noqa: ARG001  As dj-stripe calls it.
    """Credit a paid session once."""
    session = event.data["object"]
    if session["payment_status"] != "paid":
        return
    with transaction.atomic():
        payment = Payment.objects.select_for_update().get(session_id=session["id"])
        if payment.status == "completed":
            return
        payment.status = "completed"
        payment.completed_at = timezone.now()
        payment.save(update_fields=["status", "completed_at"])
        Buyer.objects.filter(pk=payment.buyer_id).update(coins=F("coins") + payment.coins)

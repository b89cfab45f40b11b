"""Where a payment stands, in words for its buyer. One table; the page shows what it says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from coinpurse.purchases import Payment
from coinpurse.web.language import lazy_gettext as _


class Tone(Enum):
    """How a stage looks, besides its icon and its words."""

    GOOD = "good"
    WAIT = "wait"
    WARN = "warn"
    CALM = "calm"


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage. name: a stable test hook. moving: whether the page keeps asking how it goes on.

    resumable: whether the checkout at Stripe can still be paid.
    """

    name: str
    title: object
    words: object
    tone: Tone
    icon: str
    moving: bool = False
    resumable: bool = False


_STAGES = (
    Stage(
        "checking",
        _("Confirming your payment"),
        _(
            "This usually takes a few seconds. You may leave this page: the coins arrive all the same."
        ),
        Tone.WAIT,
        "clock",
        moving=True,
        resumable=True,
    ),
    Stage(
        "settling",
        _("Your payment is on its way"),
        _(
            "Bank payments usually take 3 to 7 working days, sometimes up to 14. Your coins arrive by"
            " themselves as soon as the money does. There is nothing more to do."
        ),
        Tone.WAIT,
        "bank",
        moving=True,
    ),
    Stage(
        "completed",
        _("Your coins are here"),
        _("Thank you. The payment is complete."),
        Tone.GOOD,
        "check",
    ),
    Stage(
        "declined",
        _("The payment was declined"),
        _("No coins were added. Your order is still open: try another card or way to pay."),
        Tone.WARN,
        "alert",
        moving=True,
        resumable=True,
    ),
    Stage(
        "failed",
        _("The payment did not go through"),
        _("Your bank did not complete it, so no coins were added. A card is usually quicker."),
        Tone.WARN,
        "alert",
    ),
    Stage(
        "expired",
        _("This order has expired"),
        _("It stayed open for too long without a payment. You were not charged."),
        Tone.CALM,
        "clock",
    ),
    Stage(
        "cancelled",
        _("This order was cancelled"),
        _("You were not charged."),
        Tone.CALM,
        "cross",
    ),
    Stage(
        "review",
        _("We are checking your payment"),
        _(
            "We have your payment and a person is looking at it before the coins are added."
            " Please do not pay again."
        ),
        Tone.WAIT,
        "person",
    ),
    Stage(
        "settled",
        _("This order was settled"),
        _(
            "A person looked at this payment and settled it without adding coins. Questions? Contact us."
        ),
        Tone.CALM,
        "person",
    ),
    Stage(
        "partially_refunded",
        _("Part of this payment was refunded"),
        _("The wallet shows which coins were taken back for it."),
        Tone.CALM,
        "back",
    ),
    Stage(
        "refunded",
        _("This payment was refunded"),
        _("The money goes back the way it came. Banks take 5 to 10 working days to show it."),
        Tone.CALM,
        "back",
    ),
    Stage(
        "disputed",
        _("This payment is disputed"),
        _("It was questioned at the bank. Until that is settled, its coins may not be usable."),
        Tone.WARN,
        "alert",
    ),
)
STAGES = {stage.name: stage for stage in _STAGES}

# Why banks say no, as far as the buyer can do something about it.
# Source: Stripe's list of decline codes.
DECLINES = {
    "insufficient_funds": _("The card does not have enough money for this."),
    "expired_card": _("The card has expired."),
    "incorrect_cvc": _("The security code is not right."),
    "incorrect_number": _("The card number is not right."),
    "processing_error": _("The bank could not be reached just then. Trying again often helps."),
    "authentication_required": _("Your bank wants you to confirm the payment."),
    "card_not_supported": _("The card cannot be used for this kind of payment."),
    "currency_not_supported": _("The card cannot be used in this currency."),
    "card_velocity_exceeded": _("The card has reached its limit for now."),
}
UNEXPLAINED_DECLINE = _("The bank gave no reason. It can tell you when you ask.")


def stage_of(payment: Payment) -> Stage:
    """The stage of a payment; completed and later ones are shown as such even while a person looks."""
    if payment.status != "pending":
        # `failed` and the like can have been paid all the same; then a person is looking at it.
        unpaid = payment.status in ("failed", "expired", "cancelled")
        if unpaid and payment.review_reason is not None:
            return STAGES["review" if payment.is_in_review else "settled"]
        return STAGES[payment.status]
    if payment.is_in_review:
        return STAGES["review"]
    if payment.settling_at is not None:
        return STAGES["settling"]
    return STAGES["declined" if payment.declined_at is not None else "checking"]


def decline_words(payment: Payment) -> object:
    """Why the bank declined, for the buyer. Suspicions of fraud are never repeated to the buyer."""
    return DECLINES.get(payment.decline_code or "", UNEXPLAINED_DECLINE)

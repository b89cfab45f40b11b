"""The pages that stand instead of a payment form, each in a few English sentences."""

from __future__ import annotations

from dataclasses import dataclass

from stripe_sandbox.hosted_checkout import HostedSession


@dataclass(frozen=True, slots=True)
class Notice:
    """A page that says one thing. `name` is its test hook, `tone` its colour: warm or good."""

    name: str
    title: str
    advice: str
    icon: str
    tone: str
    http_status: int


UNKNOWN = Notice(
    "unknown",
    "There is no such checkout",
    "The address may be cut off, or the sandbox was started afresh since. "
    "Go back to the shop and start again.",
    "search",
    "warm",
    404,
)
EXPIRED = Notice(
    "expired",
    "This checkout has expired",
    "Nothing was charged. Go back to the shop and start again.",
    "clock",
    "warm",
    410,
)
COMPLETE = Notice(
    "complete",
    "This checkout is already paid",
    "There is nothing more to do here.",
    "done",
    "good",
    200,
)
SETTLING = Notice(
    "settling",
    "This payment is on its way",
    "The bank confirms it within a few days. There is nothing more to do here.",
    "clock",
    "good",
    200,
)
WRONG_ORIGIN = Notice(
    "wrong-origin",
    "This form was sent from another site",
    "Nothing happened. Open the checkout itself and pay there.",
    "alert",
    "warm",
    403,
)


def notice_for(session: HostedSession | None) -> Notice:
    """Return what stands instead of a form that can no longer, or never could, be paid."""
    if session is None:
        return UNKNOWN
    if session.status == "expired":
        return EXPIRED
    return SETTLING if session.payment_status == "unpaid" else COMPLETE

"""What a buyer is told after a decline: what happened, and what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Alert:
    """A message above the form, as two English sentences."""

    title: str
    advice: str


_TRY_ANOTHER = "Nothing was charged. Try another card."

DECLINE_ALERTS: Mapping[str, Alert] = {
    "insufficient_funds": Alert("Your card has insufficient funds.", _TRY_ANOTHER),
    "expired_card": Alert("Your card has expired.", _TRY_ANOTHER),
    "incorrect_cvc": Alert(
        "Your card’s security code is incorrect.",
        "Nothing was charged. Check the code and try again.",
    ),
    "incorrect_number": Alert(
        "Your card number is incorrect.", "Nothing was charged. Check the number and try again."
    ),
    "processing_error": Alert(
        "Your card could not be processed.", "Nothing was charged. Try again in a little while."
    ),
    "test_mode_live_card": Alert(
        "This is not a test card.", "Nothing was charged. The sandbox knows test cards only."
    ),
    "payment_intent_authentication_failure": Alert(
        "The authentication failed.", "Nothing was charged. Try again or use another card."
    ),
}
DECLINED = Alert("Your card was declined.", _TRY_ANOTHER)
METHOD_DECLINED = Alert("The payment was declined.", "Nothing was charged. Try another way to pay.")


def decline_alert(*codes: str | None, method: str = "card") -> Alert:
    """Return the alert of the first known code: pass the more precise one first."""
    known = next((DECLINE_ALERTS[code] for code in codes if code and code in DECLINE_ALERTS), None)
    return known or (DECLINED if method == "card" else METHOD_DECLINED)

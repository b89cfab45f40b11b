"""Stripe's test cards: what each number, token and ready-made PaymentMethod does.

One row per behaviour. A card is reached by its number (the hosted page), by
its token (`tok_...`) or by its PaymentMethod (`pm_card_...`). Source: Stripe's
testing page and the recorded behaviour.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Decline:
    """Why a bank or Stripe refuses, in the words and codes that the API gives."""

    code: str = "card_declined"
    decline_code: str | None = "generic_decline"
    message: str = "Your card was declined."
    advice_code: str | None = "try_again_later"
    network_decline_code: str | None = "01"
    param: str | None = None
    blocked: bool = False


@dataclass(frozen=True, slots=True)
class TestCard:
    """One test card.

    challenge: "none", "optional" (supported, not asked for), "required" (asked
    for when the buyer is there; declined off-session), "frictionless".
    decline: after a passed challenge too. aftermath: what happens to a paid
    charge. refund: what becomes of its refunds.
    """

    __test__ = False

    number: str
    name: str
    brand: str = "visa"
    country: str = "US"
    funding: str = "credit"
    decline: Decline | None = None
    challenge: str = "none"
    aftermath: str | None = None
    refund: str = "succeeds"
    risk_level: str = "normal"
    available_at_once: bool = False
    aliases: tuple[str, ...] = ()


def _declined(code: str, message: str, network: str) -> Decline:
    return Decline("card_declined", code, message, network_decline_code=network)


DECLINED = "Your card was declined."
NO_FUNDS = Decline(
    "card_declined", "insufficient_funds", "Your card has insufficient funds.",
    "try_again_later", "51",
)  # fmt: skip
BLOCKED = Decline("card_declined", "fraudulent", DECLINED, "do_not_try_again", None, blocked=True)
EXPIRED = Decline(
    "expired_card", "expired_card", "Your card has expired.", "confirm_card_data", "54",
    "exp_month",
)  # fmt: skip
BAD_CVC = Decline(
    "incorrect_cvc", "incorrect_cvc", "Your card's security code is incorrect.",
    "confirm_card_data", "N7", "cvc",
)  # fmt: skip
PROCESSING = Decline(
    "processing_error", "processing_error",
    "An error occurred while processing your card. Try again in a little bit.",
    "try_again_later", "19",
)  # fmt: skip
# A number that is no test card at all.
NOT_A_TEST_CARD = Decline(
    "card_declined", "test_mode_live_card",
    "Your card was declined. Your request was in test mode, but used a non test card. "
    "For a list of valid test cards, visit: https://stripe.com/docs/testing.",
    None, None,
)  # fmt: skip
UNAUTHENTICATED = Decline(
    "authentication_required", "authentication_required",
    "Your card was declined. This transaction requires authentication.", None, None,
)  # fmt: skip

CARDS = (
    TestCard("4242424242424242", "visa"),
    TestCard("4000056655665556", "visa_debit", funding="debit"),
    TestCard("5555555555554444", "mastercard", brand="mastercard"),
    TestCard("5200828282828210", "mastercard_debit", brand="mastercard", funding="debit"),
    TestCard("5105105105105100", "mastercard_prepaid", brand="mastercard", funding="prepaid"),
    TestCard("378282246310005", "amex", brand="amex"),
    TestCard("6011111111111117", "discover", brand="discover"),
    TestCard("3056930009020004", "diners", brand="diners"),
    TestCard("3566002020360505", "jcb", brand="jcb", country="JP"),
    TestCard("6200000000000005", "unionpay", brand="unionpay", country="CN"),
    TestCard("4000000760000002", "br", country="BR"),
    TestCard("4000001560000002", "cn", country="CN"),
    TestCard("4000002760000016", "de", country="DE"),
    TestCard("4000008260000000", "gb", country="GB", aliases=("visa_gb",)),
    TestCard("4000003920000003", "jp", country="JP"),
    TestCard("4000000000000002", "visa_chargeDeclined", decline=Decline(),
             aliases=("chargeDeclined",)),
    TestCard("4000000000009995", "visa_chargeDeclinedInsufficientFunds", decline=NO_FUNDS,
             aliases=("chargeDeclinedInsufficientFunds",)),
    TestCard("4000000000009987", "visa_chargeDeclinedLostCard",
             decline=_declined("lost_card", DECLINED, "41"),
             aliases=("chargeDeclinedLostCard",)),
    TestCard("4000000000009979", "visa_chargeDeclinedStolenCard",
             decline=_declined("stolen_card", DECLINED, "43"),
             aliases=("chargeDeclinedStolenCard",)),
    TestCard("4000000000000069", "chargeDeclinedExpiredCard", decline=EXPIRED,
             aliases=("visa_chargeDeclinedExpiredCard",)),
    TestCard("4000000000000127", "chargeDeclinedIncorrectCvc", decline=BAD_CVC,
             aliases=("visa_chargeDeclinedIncorrectCvc",)),
    TestCard("4000000000000119", "chargeDeclinedProcessingError", decline=PROCESSING,
             aliases=("visa_chargeDeclinedProcessingError",)),
    TestCard("4000000000006975", "visa_chargeDeclinedVelocityLimitExceeded",
             decline=_declined("card_velocity_exceeded",
                               "Your card was declined for making repeated attempts too "
                               "frequently or exceeding its amount limit.", "65"),
             aliases=("chargeDeclinedVelocityLimitExceeded",)),
    TestCard("4100000000000019", "radarBlock", decline=BLOCKED, risk_level="highest",
             aliases=("chargeDeclinedFraudulent",)),
    TestCard("4000000000004954", "riskLevelHighest", decline=BLOCKED, risk_level="highest"),
    TestCard("4000000000009235", "riskLevelElevated", risk_level="elevated"),
    TestCard("4000000000003220", "threeDSecure2Required", country="IE", challenge="required",
             aliases=("threeDSecureRequired",)),
    TestCard("4000002760003184", "authenticationRequired", country="DE", challenge="required"),
    TestCard("4000002500003155", "authenticationRequiredOnSetup", country="FR",
             challenge="required", aliases=("authenticationRequiredSetupForOffSession",)),
    TestCard("4000008400001629", "threeDSecureRequiredChargeDeclined", decline=Decline(),
             challenge="required"),
    TestCard("4000008260003178", "authenticationRequiredChargeDeclinedInsufficientFunds",
             country="GB", decline=NO_FUNDS, challenge="required"),
    TestCard("4000000000003055", "threeDSecureOptional", challenge="optional"),
    TestCard("4000000032200000", "threeDSecureFrictionless", challenge="frictionless"),
    TestCard("4000000000000259", "createDispute", aftermath="dispute_fraudulent",
             aliases=("visa_createDispute",)),
    TestCard("4000000000002685", "createDisputeProductNotReceived",
             aftermath="dispute_not_received",
             aliases=("visa_createDisputeProductNotReceived",)),
    TestCard("4000000000001976", "createDisputeInquiry", aftermath="inquiry",
             aliases=("visa_createDisputeInquiry",)),
    TestCard("4000000000005423", "createIssuerFraudRecord", aftermath="early_fraud_warning",
             aliases=("visa_createIssuerFraudRecord",)),
    TestCard("4000000404000079", "createMultipleDisputes", aftermath="multiple_disputes",
             aliases=("visa_createMultipleDisputes",)),
    TestCard("4000000000007726", "pendingRefund", refund="pending",
             aliases=("visa_pendingRefund",)),
    TestCard("4000000000005126", "refundFail", refund="fails", aliases=("visa_refundFail",)),
    TestCard("4000000000000077", "bypassPending", available_at_once=True,
             aliases=("visa_bypassPending",)),
)  # fmt: skip

BY_NUMBER = {card.number: card for card in CARDS}
BY_NAME = {name: card for card in CARDS for name in (card.name, *card.aliases)}


def find_by_token(token: str) -> TestCard | None:
    """Return the card of a `tok_...` or `pm_card_...` name."""
    for prefix in ("tok_", "pm_card_"):
        if token.startswith(prefix):
            return BY_NAME.get(token.removeprefix(prefix))
    return None


def passes_luhn(number: str) -> bool:
    """Tell whether a card number's check digit is right."""
    if not number.isdecimal():
        return False
    digits = [int(digit) for digit in reversed(number)]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0

"""What states, kinds and refusals are called in the back office: one table each, with an icon and a tone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from werkzeug.exceptions import HTTPException

from coinpurse.errors import DomainError, GatewayError
from coinpurse.web.errors import ANSWERS, code_of
from coinpurse.web.language import lazy_gettext as _

Tone = Literal["good", "wait", "warn", "calm"]


@dataclass(frozen=True, slots=True)
class Words:
    """A name, and how it looks. icon: one of icons.html; the colour is never the only sign."""

    name: object
    tone: Tone = "calm"
    icon: str = "dot"


ROLES = {
    "viewer": Words(_("Viewer")),
    "support": Words(_("Support")),
    "finance": Words(_("Finance")),
    "owner": Words(_("Owner")),
}
PAYMENT_STATUSES = {
    "pending": Words(_("Pending"), "wait", "clock"),
    "completed": Words(_("Completed"), "good", "check"),
    "failed": Words(_("Failed"), "warn", "cross"),
    "cancelled": Words(_("Cancelled"), "calm", "cross"),
    "expired": Words(_("Expired"), "calm", "clock"),
    "partially_refunded": Words(_("Partly refunded"), "calm", "back"),
    "refunded": Words(_("Refunded"), "calm", "back"),
    "disputed": Words(_("Disputed"), "warn", "alert"),
}
IN_REVIEW = Words(_("In review"), "wait", "person")
FRAUD_WARNING = Words(_("Fraud warning"), "warn", "alert")
BLOCKED = Words(_("May not spend"), "warn", "lock")
TEST_MODE = Words(_("Test mode"))
EVENT_STATES = {
    "received": Words(_("Received"), "wait", "clock"),
    "processed": Words(_("Processed"), "good", "check"),
    "ignored": Words(_("Ignored")),
    "foreign": Words(_("Not ours")),
    "failed": Words(_("Failed, tried again"), "warn", "repeat"),
    "dead": Words(_("Given up"), "warn", "alert"),
}
REFUND_STATUSES = {
    "pending": Words(_("On its way"), "wait", "clock"),
    "requires_action": Words(_("Buyer must act"), "wait", "person"),
    "succeeded": Words(_("Paid back"), "good", "check"),
    "failed": Words(_("Failed"), "warn", "cross"),
    "canceled": Words(_("Cancelled"), "calm", "cross"),
}
REQUEST_STATES = {
    "requested": Words(_("Stripe has not answered"), "wait", "clock"),
    "made": Words(_("Made at Stripe"), "good", "check"),
    "refused": Words(_("Refused by Stripe"), "warn", "cross"),
}
DISPUTE_STATUSES = {
    "warning_needs_response": Words(_("Bank asks"), "wait", "bank"),
    "warning_under_review": Words(_("Bank's question under review"), "wait", "clock"),
    "warning_closed": Words(_("Bank's question closed"), "good", "check"),
    "needs_response": Words(_("Needs your answer"), "warn", "alert"),
    "under_review": Words(_("Under review"), "wait", "clock"),
    "appeal_needs_response": Words(_("Appeal needs your answer"), "warn", "alert"),
    "appeal_under_review": Words(_("Appeal under review"), "wait", "clock"),
    "won": Words(_("Won"), "good", "check"),
    "lost": Words(_("Lost"), "warn", "cross"),
    "prevented": Words(_("Prevented"), "good", "check"),
}
FINDING_OUTCOMES = {
    "repaired": Words(_("Repaired"), "good", "check"),
    "left": Words(_("Left for a person"), "warn", "person"),
    "found": Words(_("Found"), "wait", "search"),
}
ADJUSTMENT_STATES = {
    "waiting": Words(_("Waits for a second person"), "wait", "person"),
    "applied": Words(_("Applied"), "good", "check"),
    "refused": Words(_("Refused"), "warn", "cross"),
    "withdrawn": Words(_("Withdrawn")),
}
REFUND_REASONS = {
    "requested_by_customer": _("The buyer asked for it"),
    "duplicate": _("Paid twice"),
    "fraudulent": _("Fraud"),
}
# Source: the values of a dispute's `reason` in Stripe's API reference.
DISPUTE_REASONS = {
    "bank_cannot_process": _("The bank cannot process it"),
    "check_returned": _("The cheque was returned"),
    "credit_not_processed": _("A refund that was due has not come"),
    "customer_initiated": _("The buyer asked their bank"),
    "debit_not_authorized": _("The debit was not authorised"),
    "duplicate": _("Paid twice"),
    "fraudulent": _("Fraud"),
    "general": _("Not said"),
    "incorrect_account_details": _("The account's details were wrong"),
    "insufficient_funds": _("The account had too little money"),
    "noncompliant": _("Against the card network's rules"),
    "product_not_received": _("Nothing was delivered"),
    "product_unacceptable": _("Not what was promised"),
    "subscription_canceled": _("The subscription had been cancelled"),
    "unrecognized": _("The buyer does not recognise it"),
}
DECISIONS = {
    "credit": (
        _("Credit the coins"),
        _("The buyer gets what was sold, although something did not fit."),
    ),
    "refund": (_("Give the money back"), _("Refunds the payment that the review is about.")),
    "dismiss": (_("Dismiss"), _("It was dealt with elsewhere: no coins move, and no money.")),
}
FINDING_KINDS = {
    "payment_missing": _("Stripe has a checkout of ours that we have no row of"),
    "paid_not_credited": _("Stripe was paid, the coins were not credited"),
    "credited_not_paid": _("Coins were credited, Stripe was not paid"),
    "state_different": _("The payment stands otherwise at Stripe"),
    "session_unknown": _("Stripe does not know the checkout"),
    "never_opened": _("The checkout was never opened at Stripe"),
    "refund_missed": _("A refund that we did not follow"),
    "dispute_missed": _("A dispute that we did not follow"),
    "warning_missed": _("A fraud warning that we did not follow"),
    "event_missed": _("An event that was not delivered to us"),
    "event_stuck": _("An event that was delivered and had no effect"),
    "amount_different": _("Stripe's balance moved by another amount"),
    "unreadable": _("Something at Stripe that we cannot read"),
    "needs_review": _("A payment that a person must settle"),
}


@dataclass(frozen=True, slots=True)
class RefusalWords:
    """Why not, and what to do instead. status: of the answer."""

    status: int
    title: object
    advice: object


NOT_HERE = RefusalWords(
    404, _("There is nothing here"), _("The address may be cut off, or what it names never was.")
)
ROLE_TOO_LOW = RefusalWords(
    403,
    _("Your role does not reach that far"),
    _("Ask an owner of the store for another role, or somebody who has it to do this."),
)
EXPIRED_FORM = RefusalWords(
    400,
    _("This form has expired"),
    _("Nothing was changed. Go back, reload the page and send it again."),
)
STRIPE_AWAY = RefusalWords(
    502,
    _("Stripe did not answer"),
    _("It is not certain whether it was done. Look at the page again before you repeat it."),
)
NOT_DONE = _("This was not done")


def refusal_words(error: Exception) -> RefusalWords:
    """Say why a page could not be shown or a change not be made."""
    if isinstance(error, GatewayError):
        return STRIPE_AWAY
    if isinstance(error, DomainError):
        if error.code == "role_too_low":
            return ROLE_TOO_LOW
        if error.code == "not_found":
            return NOT_HERE
        sentence = refusal_sentence(error)
        known = ANSWERS.get(code_of(error), ANSWERS["refused"])
        return RefusalWords(known.status, NOT_DONE, sentence)
    assert isinstance(error, HTTPException)
    by_status = {400: EXPIRED_FORM, 403: ROLE_TOO_LOW, 404: NOT_HERE}
    status = error.code or 500
    return by_status.get(status, RefusalWords(status, NOT_DONE, EXPIRED_FORM.advice))


def refusal_sentence(error: DomainError) -> str:
    """A refusal in one sentence, in the reader's language."""
    sentence = str(ANSWERS.get(code_of(error), ANSWERS["refused"]).sentence)
    return sentence % error.facts if error.facts else sentence


def words_of(table: dict[str, Words], name: object) -> Words:
    """The words for a state. Stripe adds states: one that is not in the table goes by its own name."""
    return table.get(str(name)) or Words(str(name).replace("_", " "))

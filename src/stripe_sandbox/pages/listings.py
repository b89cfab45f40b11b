"""The dashboard's lists as one table: which objects, which columns, which filters, which words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from stripe_sandbox.json_types import Json
from stripe_sandbox.pages.formats import format_amount, format_time
from stripe_sandbox.pages.languages import Language


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell. `link_to`: an object id to open. kind: text, code, amount, status or time."""

    text: str
    kind: str = "text"
    link_to: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A heading and how its cell is read from an object."""

    title: str
    cell: Callable[[Json, Language], Cell]
    numeric: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """One list page. `empty` teaches what would fill it."""

    name: str
    title: str
    kind: str
    columns: Sequence[Column]
    empty: str
    filters: Mapping[str, Sequence[str]] = field(default_factory=dict)


def _code(key: str) -> Callable[[Json, Language], Cell]:
    return lambda body, _language: Cell(_text(body.get(key)), "code")


def _link(key: str) -> Callable[[Json, Language], Cell]:
    return lambda body, _language: Cell(_text(body.get(key)), "code", _text(body.get(key)))


def _words(key: str) -> Callable[[Json, Language], Cell]:
    return lambda body, _language: Cell(_text(body.get(key)))


def _status(*keys: str) -> Callable[[Json, Language], Cell]:
    def cell(body: Json, _language: Language) -> Cell:
        return Cell(" · ".join(_text(body.get(key)) for key in keys), "status")

    return cell


def _amount(key: str) -> Callable[[Json, Language], Cell]:
    def cell(body: Json, language: Language) -> Cell:
        amount, currency = body.get(key), body.get("currency")
        if not isinstance(amount, int) or not currency:
            return Cell("")
        return Cell(f"{format_amount(amount, str(currency), language)}", "amount")

    return cell


def _time(body: Json, language: Language) -> Cell:
    return Cell(format_time(body.get("created"), language), "time")


def _due(body: Json, language: Language) -> Cell:
    details = body.get("evidence_details") or {}
    return Cell(format_time(details.get("due_by"), language), "time")


def _subject(body: Json, _language: Language) -> Cell:
    subject = _text(((body.get("data") or {}).get("object") or {}).get("id"))
    return Cell(subject, "code", subject)


def _email(body: Json, _language: Language) -> Cell:
    details = body.get("customer_details") or {}
    return Cell(_text(details.get("email") or body.get("customer_email")))


def _last_error(body: Json, _language: Language) -> Cell:
    error = body.get("last_payment_error") or {}
    return Cell(_text(error.get("decline_code") or error.get("code")), "code")


def _subscriptions(body: Json, _language: Language) -> Cell:
    types = body.get("enabled_events") or []
    return Cell("*" if "*" in types else str(len(types)))


def _text(value: object) -> str:
    return "" if value is None else str(value)


_ID = Column("Identifier", _link("id"))
_CREATED = Column("Created", _time)

LISTINGS = (
    Listing(
        "sessions",
        "Sessions",
        "checkout.session",
        (
            _ID,
            Column("Status", _status("status", "payment_status")),
            Column("Amount", _amount("amount_total"), numeric=True),
            Column("Reference", _code("client_reference_id")),
            Column("Email", _email),
            _CREATED,
        ),
        "A session appears here when your app calls POST /v1/checkout/sessions. "
        "Open its url to pay it.",
        {"status": ("open", "complete", "expired")},
    ),
    Listing(
        "payments",
        "Payments",
        "payment_intent",
        (
            _ID,
            Column("Status", _status("status")),
            Column("Amount", _amount("amount"), numeric=True),
            Column("Charge", _link("latest_charge")),
            Column("Last error", _last_error),
            _CREATED,
        ),
        "A payment appears here when a buyer presses Pay on a checkout, also when it is declined.",
        {
            "status": (
                "succeeded",
                "processing",
                "requires_action",
                "requires_payment_method",
                "requires_capture",
                "canceled",
            )
        },
    ),
    Listing(
        "refunds",
        "Refunds",
        "refund",
        (
            _ID,
            Column("Status", _status("status")),
            Column("Amount", _amount("amount"), numeric=True),
            Column("Payment", _link("payment_intent")),
            Column("Reason", _words("reason")),
            _CREATED,
        ),
        "A refund appears here when your app calls POST /v1/refunds. "
        "Pay with 4000 0000 0000 5126 first to see one fail later.",
        {"status": ("succeeded", "pending", "requires_action", "failed", "canceled")},
    ),
    Listing(
        "disputes",
        "Disputes",
        "dispute",
        (
            _ID,
            Column("Status", _status("status")),
            Column("Amount", _amount("amount"), numeric=True),
            Column("Charge", _link("charge")),
            Column("Reason", _words("reason")),
            Column("Answer by", _due),
            _CREATED,
        ),
        "Pay with 4000 0000 0000 0259 to have a payment disputed, "
        "or with 4000 0000 0000 1976 for an inquiry.",
        {
            "status": (
                "needs_response",
                "under_review",
                "won",
                "lost",
                "warning_needs_response",
                "warning_under_review",
                "warning_closed",
            )
        },
    ),
    Listing(
        "events",
        "Events",
        "event",
        (
            _ID,
            Column("Type", _code("type")),
            Column("About", _subject),
            _CREATED,
        ),
        "Every change of a session, payment, refund or dispute is an event. "
        "Create a session and pay it to see the first.",
        {
            "type": (
                "checkout.session.completed",
                "checkout.session.async_payment_succeeded",
                "checkout.session.async_payment_failed",
                "checkout.session.expired",
                "payment_intent.succeeded",
                "payment_intent.payment_failed",
                "charge.refunded",
                "refund.created",
                "refund.updated",
                "refund.failed",
                "charge.dispute.created",
                "charge.dispute.closed",
                "radar.early_fraud_warning.created",
            )
        },
    ),
    Listing(
        "endpoints",
        "Endpoints",
        "webhook_endpoint",
        (
            _ID,
            Column("Status", _status("status")),
            Column("Address", _code("url")),
            Column("Event types", _subscriptions, numeric=True),
            Column("API version", _code("api_version")),
            _CREATED,
        ),
        "Register an endpoint with POST /v1/webhook_endpoints, or start the sandbox with a webhook "
        "address. Without one, events are kept and nobody is told.",
        {"status": ("enabled", "disabled")},
    ),
)

BY_NAME: Mapping[str, Listing] = {listing.name: listing for listing in LISTINGS}

_TONES: Mapping[str, frozenset[str]] = {
    "good": frozenset(
        (
            "paid",
            "succeeded",
            "won",
            "enabled",
            "complete",
            "warning_closed",
            "no_payment_required",
        )
    ),
    "wrong": frozenset(("failed", "lost", "disabled", "needs_response", "abandoned")),
    "quiet": frozenset(("expired", "canceled")),
}


def tone_of(status: str) -> str:
    """Return good, wrong, quiet or warm: the tone of a status, by its last word."""
    last = status.rsplit(" · ", maxsplit=1)[-1]
    first = status.split(" · ", maxsplit=1)[0]
    if first in _TONES["quiet"]:
        return "quiet"
    return next((tone for tone, statuses in _TONES.items() if last in statuses), "warm")

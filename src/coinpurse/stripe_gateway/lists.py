"""Stripe's lists: how each is asked for, and how its entries are read. One table holds them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic

import stripe
import structlog

from coinpurse.errors import WebhookRejected
from coinpurse.ports import (
    BalanceTransaction,
    CheckoutSession,
    Dispute,
    FraudWarning,
    Listed,
    Page,
    Refund,
    StripeEvent,
    StripePrice,
    StripeProduct,
)
from coinpurse.stripe_gateway.events import read_payload
from coinpurse.stripe_gateway.fields import Fields, UnreadableError
from coinpurse.stripe_gateway.readers import (
    read_balance_transaction,
    read_checkout_session,
    read_dispute,
    read_fraud_warning,
    read_price,
    read_product,
    read_refund,
)

log = structlog.get_logger(__name__)

# Stripe's largest page.
PAGE_SIZE = 100


@dataclass(frozen=True, slots=True)
class StripeList(Generic[Listed]):
    """One of Stripe's lists.

    object_type: what Stripe calls its entries. parameters: sent with every request for a page.
    """

    object_type: str
    # The SDK has a type of its own for the parameters of each list; ours are built here.
    ask: Callable[[stripe.StripeClient, Any], stripe.ListObject[Any]]
    read: Callable[[Fields], Listed]
    parameters: Mapping[str, object] = field(default_factory=dict)

    def page_parameters(
        self, conditions: Mapping[str, object], cursor: str | None
    ) -> dict[str, object]:
        """Build what asks for the first page, or for the one after the cursor."""
        asked = {**self.parameters, **conditions, "limit": PAGE_SIZE}
        return asked if cursor is None else asked | {"starting_after": cursor}

    def read_page(self, answer: Mapping[str, object], cursor: str | None) -> Page[Listed]:
        """Read the entries of an answer.

        An entry that cannot be read is logged, named in `unreadable_ids` and left out of the items, so
        that the pages behind it stay in reach. Raises UnreadableError for what is no page of a list.
        """
        page = Fields("list", answer)
        entries = answer.get("data")
        if not isinstance(entries, list):
            raise UnreadableError("list: data has to be a list")
        items: list[Listed] = []
        unreadable: list[str] = []
        for entry in entries:
            try:
                items.append(self._read_entry(entry))
            except UnreadableError as problem:
                unreadable.append(_id_of(entry))
                log.warning(
                    "stripe.entry_unreadable",
                    object_type=self.object_type,
                    object_id=_id_of(entry),
                    problem=str(problem),
                )
        next_cursor = None
        if page.flag("has_more"):
            next_cursor = _id_of(entries[-1]) if entries else ""
            # Without a new place to go on from, the rest of the list would be lost, or never end.
            if next_cursor in ("", cursor):
                raise UnreadableError("list: has_more is true and its last entry leads nowhere")
        return Page(tuple(items), next_cursor, tuple(unreadable))

    def _read_entry(self, entry: object) -> Listed:
        named = Fields.of(self.object_type, entry)
        if named.text("object") != self.object_type:
            raise UnreadableError(f"{self.object_type}: object says that it is something else")
        return self.read(named)


def _id_of(entry: object) -> str:
    found = entry.get("id") if isinstance(entry, Mapping) else None
    return found if isinstance(found, str) else ""


def _read_event(event: Fields) -> StripeEvent:
    """Read an event as if it had been delivered. Its payload is the JSON that the list has of it."""
    created_at = event.moment("created")
    try:
        return read_payload(json.dumps(event.raw()), created_at)
    except WebhookRejected as rejected:
        raise UnreadableError(f"event: {rejected.detail}") from None


# The calls are written out because the SDK finds its services by attribute.
LISTS: Mapping[type[Any], StripeList[Any]] = {
    CheckoutSession: StripeList(
        "checkout.session",
        lambda client, asked: client.v1.checkout.sessions.list(asked),
        read_checkout_session,
    ),
    Refund: StripeList("refund", lambda client, asked: client.v1.refunds.list(asked), read_refund),
    Dispute: StripeList(
        "dispute", lambda client, asked: client.v1.disputes.list(asked), read_dispute
    ),
    FraudWarning: StripeList(
        "radar.early_fraud_warning",
        lambda client, asked: client.v1.radar.early_fraud_warnings.list(asked),
        read_fraud_warning,
    ),
    BalanceTransaction: StripeList(
        "balance_transaction",
        lambda client, asked: client.v1.balance_transactions.list(asked),
        read_balance_transaction,
        # The source says which payment it belongs to.
        {"expand": ["data.source"]},
    ),
    StripeEvent: StripeList(
        "event",
        lambda client, asked: client.v1.events.list(asked),
        _read_event,
        # Those that an endpoint has not taken, or not yet.
        {"delivery_success": False},
    ),
    StripeProduct: StripeList(
        "product", lambda client, asked: client.v1.products.list(asked), read_product
    ),
    StripePrice: StripeList(
        "price", lambda client, asked: client.v1.prices.list(asked), read_price
    ),
}


def list_of(kind: type[Listed]) -> StripeList[Listed]:
    """Find the list of a kind."""
    return LISTS[kind]

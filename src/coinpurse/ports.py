"""What the features need of the outside world: Stripe, and nothing of its SDK.

The dataclasses are our own reading of Stripe's objects: only what we use, frozen, and with statuses
kept as text, because Stripe's statuses are open enums. `stripe_gateway/` makes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, Protocol, TypeVar


@dataclass(frozen=True, slots=True)
class CheckoutSession:
    """Stripe's checkout session.

    amount_minor: total in minor units of `currency` (ours, not the buyer's presentment currency).
    url: where the buyer pays; None once the session is no longer open.
    payment_intent_id: None until the buyer has confirmed a payment.
    """

    id: str
    status: str
    payment_status: str
    amount_minor: int
    currency: str
    livemode: bool
    mode: str
    url: str | None = None
    payment_intent_id: str | None = None
    client_reference_id: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    customer_email: str | None = None
    created_at: datetime | None = None
    expires_at: datetime | None = None
    integration_identifier: str | None = None


@dataclass(frozen=True, slots=True)
class PaymentIntent:
    """Stripe's payment intent, with the reason of its last decline."""

    id: str
    status: str
    amount_minor: int
    currency: str
    livemode: bool
    metadata: Mapping[str, str] = field(default_factory=dict)
    decline_code: str | None = None
    decline_message: str | None = None


@dataclass(frozen=True, slots=True)
class Charge:
    """Stripe's charge, as far as events about it lead to a payment."""

    id: str
    payment_intent_id: str | None
    livemode: bool


@dataclass(frozen=True, slots=True)
class Refund:
    """Stripe's refund: money on its way back. Its money has returned to us once it is failed or canceled.

    payment_intent_id: None for a refund of something that is no payment of ours.
    """

    id: str
    status: str
    amount_minor: int
    currency: str
    payment_intent_id: str | None
    created_at: datetime
    reason: str | None = None
    failure_reason: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Dispute:
    """Stripe's dispute: an inquiry (`warning_…`) or a chargeback.

    amount_minor: what is disputed, in `currency`, the charge's.
    withdrawn_minor, reinstated_minor: what the bank took and gave back so far, without fees, in the currency of our
    balance, which may be another one.
    """

    id: str
    status: str
    amount_minor: int
    currency: str
    payment_intent_id: str | None
    livemode: bool
    created_at: datetime
    reason: str | None = None
    withdrawn_minor: int = 0
    reinstated_minor: int = 0
    evidence_due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class FraudWarning:
    """Stripe's early fraud warning: an issuer reports a payment as fraud. No money has moved.

    actionable: a full refund can still come before a dispute.
    """

    id: str
    payment_intent_id: str | None
    actionable: bool
    fraud_type: str
    livemode: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class AfterSale:
    """All that Stripe knows of what came after one payment, as it stands now."""

    refunds: tuple[Refund, ...] = ()
    disputes: tuple[Dispute, ...] = ()
    warnings: tuple[FraudWarning, ...] = ()


@dataclass(frozen=True, slots=True)
class BalanceTransaction:
    """One movement of our balance at Stripe, in the currency of the balance.

    type: Stripe's: charge, payment, refund, payment_refund, refund_failure, adjustment, …
    source_id: what moved it: a charge, refund or dispute.
    payment_intent_id: the payment behind the source, where Stripe tells it.
    """

    id: str
    type: str
    reporting_category: str
    amount_minor: int
    fee_minor: int
    currency: str
    created_at: datetime
    source_id: str | None = None
    payment_intent_id: str | None = None


@dataclass(frozen=True, slots=True)
class StripeProduct:
    """Stripe's product: what the Dashboard calls a pack. images: addresses."""

    id: str
    name: str
    active: bool
    description: str | None = None
    images: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StripePrice:
    """Stripe's price of a product; it never changes, it is only taken out of use.

    amount_minor: in minor units of `currency`; None for one that is not a whole number of them.
    """

    id: str
    product_id: str
    currency: str
    amount_minor: int | None
    active: bool
    metadata: Mapping[str, str] = field(default_factory=dict)


# What an event can be about, as far as we read it today.
StripeObject = CheckoutSession | PaymentIntent | Charge | Refund | Dispute | FraudWarning


@dataclass(frozen=True, slots=True)
class StripeEvent:
    """One verified event, snapshot or thin.

    type: without the thin events' `v1.` prefix.
    object_id: the id of what it is about; "" where Stripe gave none.
    object: our reading of it; None for types that we do not read, for a thin event and for an object
    that cannot be read (fetch it).
    payload: the body as it came, for the inbox.
    object_type: Stripe's type of what it is about (`checkout.session`); "" where there is none.
    """

    id: str
    type: str
    livemode: bool
    event_at: datetime
    object_id: str
    object: StripeObject | None
    thin: bool
    api_version: str | None
    payload: str
    object_type: str = ""


Listed = TypeVar(
    "Listed",
    CheckoutSession,
    Refund,
    Dispute,
    FraudWarning,
    BalanceTransaction,
    StripeEvent,
    StripeProduct,
    StripePrice,
)


@dataclass(frozen=True, slots=True)
class Page(Generic[Listed]):
    """Part of one of Stripe's lists, newest first.

    next_cursor: where the next page begins; None after the last.
    unreadable_ids: entries that are not among the items because they cannot be read ("" for one without
    an id). Whoever compares the list with something has not seen them.
    """

    items: tuple[Listed, ...]
    next_cursor: str | None
    unreadable_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckoutParameters:
    """Exactly what is sent to Stripe to open a checkout; kept on our row for an identical repeat.

    `parameters` is JSON-ready. `idempotency_key` makes the repeat answer with the same session.
    """

    parameters: Mapping[str, object]
    idempotency_key: str


class StripeGateway(Protocol):
    """Stripe, as the features see it. Methods that wait for the network may raise GatewayError."""

    @property
    def livemode(self) -> bool:
        """Whether the configured key moves real money."""

    def create_checkout_session(self, checkout: CheckoutParameters) -> CheckoutSession:
        """Open a hosted checkout. A repeat with the same key and parameters gives the same one."""

    def get_checkout_session(self, session_id: str) -> CheckoutSession:
        """Fetch a session as it stands now."""

    def expire_checkout_session(self, session_id: str) -> CheckoutSession:
        """Close an open session, so that it cannot be paid. GatewayError if it is not open."""

    def get_payment_intent(self, payment_intent_id: str) -> PaymentIntent:
        """Fetch a payment intent as it stands now."""

    def get_after_sale(self, payment_intent_id: str) -> AfterSale:
        """Fetch every refund, dispute and fraud warning of a payment as they stand now."""

    def create_refund(
        self,
        payment_intent_id: str,
        *,
        amount_minor: int,
        reason: str | None,
        metadata: Mapping[str, str],
        idempotency_key: str,
    ) -> Refund:
        """Give money back. A repeat with the same key and content gives the same refund.

        reason: duplicate, fraudulent or requested_by_customer; None for no word of it.
        """

    def list_page(
        self, kind: type[Listed], *, since: datetime, cursor: str | None = None
    ) -> Page[Listed]:
        """Fetch a page of what was created since a moment, newest first, 100 at most.

        Of StripeEvent: only those that an endpoint of the account has not taken.
        """

    def read_event(self, body: bytes, signature: str | None) -> StripeEvent:
        """Verify a webhook delivery against the configured secrets and read it.

        Raises WebhookRejected("Invalid payload" | "Invalid signature").
        """

    def parse_event(self, payload: str) -> StripeEvent:
        """Read the payload of an event that was verified before, as the inbox kept it.

        Raises WebhookRejected("Invalid payload").
        """

    def fetch(self, event: StripeEvent) -> StripeObject | None:
        """Fetch what an event is about as it stands now; None for types that we do not read.

        For thin events, which carry no object, and for snapshots that may be out of date.
        """


class StripeCatalog(Protocol):
    """Products and prices at Stripe. Methods may raise GatewayError; a repeat with a key gives the same object."""

    @property
    def livemode(self) -> bool:
        """Whether the configured key moves real money."""

    def list_products(self) -> tuple[StripeProduct, ...]:
        """Fetch all products of the account, in use or not, newest first."""

    def list_prices(self, product_id: str) -> tuple[StripePrice, ...]:
        """Fetch all prices of a product, in use or not, newest first."""

    def create_product(
        self, parameters: Mapping[str, object], *, idempotency_key: str
    ) -> StripeProduct:
        """Make a product."""

    def update_product(self, product_id: str, parameters: Mapping[str, object]) -> StripeProduct:
        """Change a product."""

    def create_price(
        self, product_id: str, parameters: Mapping[str, object], *, idempotency_key: str
    ) -> StripePrice:
        """Make a price of a product."""

    def set_price_active(self, price_id: str, *, active: bool) -> StripePrice:
        """Take a price out of use, or into use again."""


@dataclass(frozen=True, slots=True)
class WebhookEndpoint:
    """An address that Stripe delivers events to.

    event_types: "*" stands for all. api_version: None for the account's own.
    secret: signs the deliveries; known in the answer to the endpoint's creation, and never again.
    """

    id: str
    url: str
    event_types: tuple[str, ...]
    enabled: bool
    api_version: str | None
    livemode: bool
    metadata: Mapping[str, str] = field(default_factory=dict)
    created_at: datetime | None = None
    secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class StripeAccount:
    """Whose key it is, as far as the key may know, and Stripe's clock.

    id: None where a restricted key may not read it. api_version: the one that Stripe answered in.
    """

    id: str | None
    api_version: str | None
    answered_at: datetime | None


@dataclass(frozen=True, slots=True)
class Permission:
    """Whether the key may do one thing that we need.

    resource: as Stripe's form for restricted keys calls it. access: Read or Write.
    granted: None where it could not be found out; `problem` says why not or why it is unknown.
    """

    resource: str
    access: str
    granted: bool | None
    problem: str | None = None


class StripeSetUp(Protocol):
    """Stripe, as whoever sets the store up sees it. Methods that wait for the network may raise GatewayError."""

    @property
    def api_version(self) -> str:
        """The version that our requests ask for and our readers were written for."""

    @property
    def sdk_version(self) -> str:
        """The version that the installed SDK was made for."""

    def get_account(self) -> StripeAccount:
        """Ask who the key belongs to."""

    def list_webhook_endpoints(self) -> list[WebhookEndpoint]:
        """Fetch all endpoints of the account, newest first."""

    def create_webhook_endpoint(
        self, url: str, event_types: Sequence[str], metadata: Mapping[str, str]
    ) -> WebhookEndpoint:
        """Register an endpoint for our API version; only this answer has its secret."""

    def update_webhook_endpoint(
        self, endpoint_id: str, event_types: Sequence[str], metadata: Mapping[str, str]
    ) -> WebhookEndpoint:
        """Give an endpoint these event types, add the metadata, and switch it on."""

    def delete_webhook_endpoint(self, endpoint_id: str) -> None:
        """Remove an endpoint. What was on its way to it is not delivered any more."""

    def check_permissions(self) -> list[Permission]:
        """Find out what the key may do, by asking; nothing is changed."""

    def sign(self, body: str, secret: str) -> str:
        """Make the `Stripe-Signature` header of a delivery, signed now."""


class Clock(Protocol):
    """The time now; aware, in UTC."""

    def __call__(self) -> datetime:
        """The moment of the call."""

"""What setting up a store asks of Stripe: `ports.StripeSetUp` over Stripe's SDK."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, cast

import stripe

from coinpurse.errors import GatewayError
from coinpurse.ports import Permission, StripeAccount, WebhookEndpoint
from coinpurse.stripe_gateway.client import STRIPE_VERSION, TIMEOUT_SECONDS, make_client
from coinpurse.stripe_gateway.fields import Fields, UnreadableError
from coinpurse.stripe_gateway.refusals import refusal, send, unusable_answer

if TYPE_CHECKING:
    from stripe.params import WebhookEndpointCreateParams, WebhookEndpointUpdateParams

UNAUTHORIZED = 401
FORBIDDEN = 403
# What a request about something that does not exist is answered with, once the key may make it.
REFUSED_AS_WRONG = (400, 404)
NOTHING = "coinpurse_permission_check"

Ask = Callable[[stripe.StripeClient], object]
# What the store asks of Stripe. Writes are tried on what does not exist, so that nothing is changed.
NEEDED: tuple[tuple[str, str, Ask], ...] = (
    ("Checkout Sessions", "Read", lambda client: client.v1.checkout.sessions.list({"limit": 1})),
    (
        "Checkout Sessions",
        "Write",
        lambda client: client.v1.checkout.sessions.expire(f"cs_test_{NOTHING}"),
    ),
    ("PaymentIntents", "Read", lambda client: client.v1.payment_intents.list({"limit": 1})),
    ("Charges", "Read", lambda client: client.v1.charges.list({"limit": 1})),
    ("Refunds", "Read", lambda client: client.v1.refunds.list({"limit": 1})),
    (
        "Refunds",
        "Write",
        lambda client: client.v1.refunds.create({"payment_intent": f"pi_{NOTHING}"}),
    ),
    ("Disputes", "Read", lambda client: client.v1.disputes.list({"limit": 1})),
    (
        "Early Fraud Warnings",
        "Read",
        lambda client: client.v1.radar.early_fraud_warnings.list({"limit": 1}),
    ),
    ("Events", "Read", lambda client: client.v1.events.list({"limit": 1})),
    (
        "Balance Transactions",
        "Read",
        lambda client: client.v1.balance_transactions.list({"limit": 1}),
    ),
)


class SetUp:
    """Stripe, asked by whoever sets the store up. Its errors never have a key in them."""

    def __init__(
        self,
        secret_key: str,
        *,
        api_base: str | None = None,
        timeout_seconds: tuple[float, float] = TIMEOUT_SECONDS,
    ) -> None:
        self._secret_key = secret_key
        self._client = make_client(secret_key, api_base, timeout_seconds)

    @property
    def api_version(self) -> str:
        """The version that our requests ask for and our readers were written for."""
        return STRIPE_VERSION

    @property
    def sdk_version(self) -> str:
        """The version that the installed SDK was made for."""
        return str(stripe.api_version)

    def get_account(self) -> StripeAccount:
        """Ask who the key belongs to; a restricted key may not be told, and hears Stripe's clock all the same."""
        try:
            account = self._client.v1.accounts.retrieve_current()
        except stripe.StripeError as error:
            # Translated below, outside of this handler, so that no traceback carries it along.
            refused = error
        else:
            response = account.last_response
            return _account(account.id, response.headers if response else None)
        if refused.http_status == FORBIDDEN:
            return _account(None, refused.headers)
        raise refusal(refused, self._secret_key)

    def list_webhook_endpoints(self) -> list[WebhookEndpoint]:
        """Fetch all endpoints of the account, newest first."""

        def fetch() -> list[stripe.WebhookEndpoint]:
            return list(self._client.v1.webhook_endpoints.list({"limit": 100}).auto_paging_iter())

        return [_read(endpoint) for endpoint in send(fetch, self._secret_key)]

    def create_webhook_endpoint(
        self, url: str, event_types: Sequence[str], metadata: Mapping[str, str]
    ) -> WebhookEndpoint:
        """Register an endpoint for our API version; only this answer has its secret."""
        parameters = cast(
            "WebhookEndpointCreateParams",
            {
                "url": url,
                "enabled_events": list(event_types),
                "api_version": STRIPE_VERSION,
                "description": "Coinpurse",
                "metadata": dict(metadata),
            },
        )
        made = _read(
            send(lambda: self._client.v1.webhook_endpoints.create(parameters), self._secret_key)
        )
        if made.secret is None:
            raise GatewayError(
                f"Stripe made the endpoint {made.id} and did not say its secret.", retryable=False
            )
        return made

    def update_webhook_endpoint(
        self, endpoint_id: str, event_types: Sequence[str], metadata: Mapping[str, str]
    ) -> WebhookEndpoint:
        """Give an endpoint these event types, add the metadata, and switch it on."""
        parameters = cast(
            "WebhookEndpointUpdateParams",
            {"enabled_events": list(event_types), "disabled": False, "metadata": dict(metadata)},
        )
        return _read(
            send(
                lambda: self._client.v1.webhook_endpoints.update(endpoint_id, parameters),
                self._secret_key,
            )
        )

    def delete_webhook_endpoint(self, endpoint_id: str) -> None:
        """Remove an endpoint. What was on its way to it is not delivered any more."""
        send(lambda: self._client.v1.webhook_endpoints.delete(endpoint_id), self._secret_key)

    def check_permissions(self) -> list[Permission]:
        """Find out what the key may do, by asking; nothing is changed."""
        return [self._check(resource, access, ask) for resource, access, ask in NEEDED]

    def sign(self, body: str, secret: str) -> str:
        """Make the `Stripe-Signature` header of a delivery, signed now."""
        return str(stripe.WebhookSignature.generate_signature_header(body, secret))

    def _check(self, resource: str, access: str, ask: Ask) -> Permission:
        try:
            send(lambda: ask(self._client), self._secret_key)
        except GatewayError as error:
            if error.status in REFUSED_AS_WRONG and access == "Write":
                return Permission(resource, access, granted=True)
            granted = False if error.status in (UNAUTHORIZED, FORBIDDEN) else None
            return Permission(resource, access, granted=granted, problem=str(error))
        return Permission(resource, access, granted=True)


def _account(account_id: str | None, headers: Mapping[str, str] | None) -> StripeAccount:
    # The SDK keeps the headers of an error in a dict of its own, in whatever case they came.
    known = {name.lower(): value for name, value in (headers or {}).items()}
    return StripeAccount(account_id, known.get("stripe-version"), _moment(known.get("date")))


def _moment(header: str | None) -> datetime | None:
    try:
        return parsedate_to_datetime(header) if header else None
    except ValueError:
        return None


def _read(endpoint: stripe.WebhookEndpoint) -> WebhookEndpoint:
    try:
        return read_webhook_endpoint(Fields("webhook_endpoint", endpoint.to_dict(for_json=True)))
    except UnreadableError as unreadable:
        raise unusable_answer(str(unreadable), status=None, request_id=None) from None


def read_webhook_endpoint(endpoint: Fields) -> WebhookEndpoint:
    """Read a webhook endpoint. Raises UnreadableError."""
    types: Any = endpoint.raw().get("enabled_events")
    if not isinstance(types, list) or not all(isinstance(name, str) for name in types):
        raise UnreadableError("webhook_endpoint: enabled_events has to be a list of texts")
    return WebhookEndpoint(
        id=endpoint.text("id"),
        url=endpoint.text("url"),
        event_types=tuple(types),
        enabled=endpoint.optional_text("status") != "disabled",
        api_version=endpoint.optional_text("api_version"),
        livemode=endpoint.flag("livemode"),
        metadata=endpoint.metadata(),
        created_at=endpoint.optional_moment("created"),
        secret=endpoint.optional_text("secret"),
    )

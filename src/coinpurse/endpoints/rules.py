"""Endpoints of outgoing webhooks: what they are, how they are signed, when they are given up. Pure: no I/O."""

from __future__ import annotations

import base64
import json
import re
import secrets
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID

from standardwebhooks import Webhook

from coinpurse.errors import InvalidRequest

SECRET_PREFIX = "whsec_"  # noqa: S105  The form's beginning, not a secret.
SECRET_BYTES = 32
LONGEST_DESCRIPTION = 200
# How long the secret before a rotation signs too, so that the receiver can change over in peace.
ROTATION = timedelta(hours=24)
# An endpoint that took nothing for so long, and refused so often, is no endpoint any more.
FAILING = timedelta(days=5)
FAILURES = 10
GONE = 410
TEST_TYPE = "webhook.test"
# What `data` holds for each type: these names and no others. docs/outgoing-webhooks.md explains them.
PAYMENT_FIELDS = (
    "payment_id",
    "session_id",
    "user_id",
    "pack",
    "coins",
    "bonus",
    "total_coins",
    "amount_minor",
    "currency",
    "status",
    "livemode",
)
DISPUTE_FIELDS = (
    *PAYMENT_FIELDS,
    "dispute_id",
    "dispute_status",
    "dispute_reason",
    "disputed_minor",
    "evidence_due_at",
)
FIELDS: Mapping[str, tuple[str, ...]] = {
    "payment.completed": PAYMENT_FIELDS,
    "payment.failed": PAYMENT_FIELDS,
    "payment.refunded": (
        *PAYMENT_FIELDS,
        "refunded_minor",
        "refunded_now_minor",
        "coins_taken",
        "coins_owed",
    ),
    "payment.in_review": (*PAYMENT_FIELDS, "reason"),
    "dispute.opened": DISPUTE_FIELDS,
    "dispute.closed": DISPUTE_FIELDS,
    "coins.expiring": ("user_id", "coins", "expires_on", "expires_at"),
    "webhook.test": ("endpoint_id", "note"),
}
REQUEST_ID = re.compile(r"[\x21-\x7e]{1,200}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address that webhooks are sent to.

    event_types: what it wants to hear of; none means everything.
    failing_since: when the first of the failures came that no success has followed yet; failures: how many.
    disabled_why: by_hand, gone or failing; None while active.
    """

    id: UUID
    url: str
    description: str
    event_types: tuple[str, ...]
    active: bool
    created_at: datetime
    disabled_at: datetime | None
    disabled_why: str | None
    failing_since: datetime | None
    failures: int
    previous_secret_until: datetime | None

    @property
    def host(self) -> str:
        """Host and port; the rest of an address may hold what only the receiver should know."""
        return urlsplit(self.url).netloc


@dataclass(frozen=True, slots=True)
class NewSecret:
    """An endpoint that was just made or whose secret was rotated. secret: which nobody can show again."""

    endpoint: Endpoint
    secret: str


@dataclass(frozen=True, slots=True)
class Signing:
    """Where a webhook goes and what signs it now: the secret and, for a day after a rotation, the one before."""

    endpoint_id: UUID
    url: str
    disabled_why: str | None
    secrets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SentWebhook:
    """One webhook on its way to one endpoint, or arrived. state: waiting, delivered or dead."""

    id: UUID
    message_id: UUID
    endpoint_id: UUID
    type: str
    payment_id: UUID | None
    state: str
    attempts: int
    next_attempt_at: datetime | None
    delivered_at: datetime | None
    last_status: int | None
    last_error: str | None
    created_at: datetime


def new_secret() -> str:
    """Return a new secret in the form of Standard Webhooks: `whsec_` and random bytes in Base64."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode("ascii")


def data_of(type_: str, facts: Mapping[str, object]) -> dict[str, object]:
    """Return what a webhook tells: the documented fields. A type without a list, such as alerts, tells all it has."""
    known = FIELDS.get(type_)
    return dict(facts) if known is None else {name: facts.get(name) for name in known}


def body_of(type_: str, created_at: datetime, facts: Mapping[str, object]) -> bytes:
    """Return the body of a webhook: the same bytes at every attempt."""
    time = created_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return json.dumps(
        {"type": type_, "timestamp": time, "data": data_of(type_, facts)},
        ensure_ascii=False,
        separators=(",", ":"),
        allow_nan=False,
    ).encode()


def headers_of(
    message_id: str,
    body: bytes,
    *,
    now: datetime,
    secrets: Iterable[str],
    request_id: str | None = None,
) -> dict[str, str]:
    """Return the headers of one attempt, with a signature by each secret.

    message_id: the same at every attempt. request_id: of the request that caused it; left out where it is none that
    a header can carry.
    """
    now = now.astimezone(UTC)
    signatures = (
        Webhook(secret).sign(msg_id=message_id, timestamp=now, data=body.decode())
        for secret in secrets
    )
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Coinpurse-Webhooks/1",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
    if request_id is not None and REQUEST_ID.fullmatch(request_id):
        headers["X-Request-Id"] = request_id
    return headers


def is_given_up(failing_since: datetime | None, failures: int, now: datetime) -> bool:
    """Tell whether an endpoint has failed long and often enough to be disabled."""
    return failing_since is not None and failures >= FAILURES and now - failing_since >= FAILING


def require_description(text: str) -> str:
    """Return a description: up to 200 printable characters, or none. Raises InvalidRequest."""
    text = text.strip()
    if len(text) > LONGEST_DESCRIPTION or not text.isprintable():
        raise InvalidRequest(
            "description", f"must be at most {LONGEST_DESCRIPTION} printable characters"
        )
    return text


def require_event_types(types: Iterable[str], known: Collection[str]) -> list[str]:
    """Return the types once each, in order; none means all. Raises InvalidRequest for unknown ones."""
    wanted = sorted(set(types))
    unknown = [type_ for type_ in wanted if type_ not in known]
    if unknown:
        raise InvalidRequest("event_types", f"{', '.join(unknown)}: there is no such event")
    return wanted

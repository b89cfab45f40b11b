"""What can be announced. Pure: no I/O."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from coinpurse.db.texts import storable

# An index takes no text of any length; a hash stands for the rest.
LONGEST_CAUSE = 500


@dataclass(frozen=True, slots=True)
class MessageType:
    """Who hears of it, beside the endpoints that chose it: the buyer by mail, the operator by an alert.

    private: between us and the user of an account; no endpoint hears of it, and mail goes to the account's own address.
    """

    buyer: bool = False
    operator: bool = False
    private: bool = False


TYPES = {
    "payment.completed": MessageType(buyer=True),
    # A delayed method has ended without the money. A declined card is tried again and is no news.
    "payment.failed": MessageType(buyer=True),
    "payment.refunded": MessageType(buyer=True),
    "payment.in_review": MessageType(operator=True),
    "dispute.opened": MessageType(operator=True),
    "dispute.closed": MessageType(),
    "coins.expiring": MessageType(buyer=True),
    # By somebody who need not be the user. About nobody where the address has no account.
    "password.reset_asked": MessageType(buyer=True, private=True),
    # Trouble that is not about one payment; the facts' `event` names it.
    "operator.alert": MessageType(operator=True),
    # Goes to one endpoint, for a person who asks whether it works.
    "webhook.test": MessageType(),
}


@dataclass(frozen=True, slots=True)
class Message:
    """One announcement.

    cause: what it is told once for. facts: JSON, complete in themselves, without secrets and without addresses.
    request_id: of the HTTP request that it happened in, where there was one.
    """

    id: UUID
    type: str
    cause: str
    user_id: str | None
    payment_id: UUID | None
    facts: Mapping[str, Any]
    request_id: str | None
    created_at: datetime


def bounded_cause(cause: str) -> str:
    """Return a cause that the database takes, and the same one for the same cause."""
    cause = storable(cause)
    if len(cause) <= LONGEST_CAUSE:
        return cause
    digest = hashlib.sha256(cause.encode()).hexdigest()
    return f"{cause[: LONGEST_CAUSE - len(digest) - 1]}:{digest}"


def storable_facts(facts: Mapping[str, object]) -> dict[str, object]:
    """Return facts as JSON that the database takes."""
    return {storable(str(name)): _storable(value) for name, value in facts.items()}


def _storable(value: object) -> object:
    match value:
        case None | bool() | int():
            return value
        case float() if math.isfinite(value):
            return value
        case Mapping():
            return storable_facts(value)
        case list() | tuple():
            return [_storable(each) for each in value]
        case _:
            return storable(str(value))

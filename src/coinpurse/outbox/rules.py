"""What can be announced. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class MessageType:
    """Who hears of it, beside the endpoints that chose it: the buyer by mail, the operator by an alert."""

    buyer: bool = False
    operator: bool = False


TYPES = {
    "payment.completed": MessageType(buyer=True),
    # A delayed method has ended without the money. A declined card is tried again and is no news.
    "payment.failed": MessageType(buyer=True),
    "payment.refunded": MessageType(buyer=True),
    "payment.in_review": MessageType(operator=True),
    "dispute.opened": MessageType(operator=True),
    "dispute.closed": MessageType(),
    "coins.expiring": MessageType(buyer=True),
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

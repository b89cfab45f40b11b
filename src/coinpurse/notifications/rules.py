"""What a delivery is, and when it is tried again. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from coinpurse.db import UnitOfWork
from coinpurse.outbox import Message

STATES = ("waiting", "delivered", "dead")

MINUTE, HOUR = 60, 3600
# How long each channel waits after its first, second, … failed attempt; after the last the delivery is dead.
BACK_OFF: Mapping[str, Sequence[int]] = {
    "mail": (MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, 24 * HOUR),
    "alert": (30, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE, 2 * HOUR, 6 * HOUR, 12 * HOUR),
    "webhook": (
        *(5, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR),
        *(10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR),
    ),
}
# How many deliveries of a channel one worker sends at a time.
SENDERS: Mapping[str, int] = {"mail": 2, "alert": 1, "webhook": 8}
# How long one attempt has. A channel's own time-outs end before it, so that nobody else sends meanwhile.
TURN = timedelta(seconds=90)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message on its way to one target.

    endpoint_id: which of the channel's targets; None where it has but one. attempts: with the one under way.
    next_attempt_at: None unless it is waiting. last_status, last_error: of the latest attempt that failed.
    """

    id: UUID
    message_id: UUID
    channel: str
    endpoint_id: UUID | None
    state: str
    attempts: int
    next_attempt_at: datetime | None
    delivered_at: datetime | None
    last_status: int | None
    last_error: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of a delivery. status: the other side's, where that is a number. error: None if it took it."""

    at: datetime
    status: int | None
    error: str | None
    duration_ms: int
    answer: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended. error: in words, without secrets. final: no further attempt can help."""

    ok: bool
    status: int | None = None
    error: str | None = None
    final: bool = False
    answer: str | None = None


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whom a mail goes to. locale: the buyer's language tag, where it is known."""

    email: str
    locale: str | None


class Channel(Protocol):
    """A way to tell somebody. It is called with no transaction open, and by several threads."""

    def targets(self, work: UnitOfWork, message: Message) -> Sequence[UUID | None]:
        """Whom the message goes to by this channel: an id for each, None for a channel's only one; none at all."""

    def send(self, delivery: Delivery, message: Message) -> Outcome:
        """Try once. A repeat after a lost answer is recognised by the delivery's id, which stays the same."""


def back_off(channel: str, attempts: int) -> timedelta | None:
    """How long to wait after this many failed attempts; None when it is given up."""
    waits = BACK_OFF[channel]
    return timedelta(seconds=waits[attempts - 1]) if attempts <= len(waits) else None

"""From an announcement to everybody who is to hear of it: fan out, claim, send, note, try again."""

from __future__ import annotations

import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import psycopg
import structlog

from coinpurse.counting import counts
from coinpurse.db import Database, UnitOfWork
from coinpurse.db.identifiers import new_id
from coinpurse.db.texts import storable
from coinpurse.errors import NotFound
from coinpurse.notifications import store
from coinpurse.notifications.rules import (
    TURN,
    Attempt,
    Channel,
    Delivery,
    Outcome,
    back_off,
)
from coinpurse.outbox import Message

log = structlog.get_logger()

LONGEST_ERROR = 500


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that its holder may send now, and nobody else."""

    delivery: Delivery
    message: Message


class Notifications:
    """Delivers messages at least once, by each channel that there is. No transaction is open while one is sent.

    channels: by their names, which are those of BACK_OFF. What is not there delivers nothing.
    """

    def __init__(self, database: Database, channels: Mapping[str, Channel]) -> None:
        self._database = database
        self._channels = channels

    @property
    def channels(self) -> tuple[str, ...]:
        """The names of the channels that there are."""
        return tuple(self._channels)

    def fan_out(self, *, limit: int = 100) -> int:
        """Make the deliveries of new messages, oldest first; returns how many messages it were.

        Safe to run in several processes: each takes messages of its own.
        """
        with self._database.unit_of_work() as work:
            found = store.lock_new(work, limit=limit)
            for message in found:
                for name, target in self._targets(work, message):
                    store.add(work, new_id(), message.id, name, target)
            if found:
                store.fanned_out(work, [message.id for message in found])
        return len(found)

    def _targets(self, work: UnitOfWork, message: Message) -> list[tuple[str, UUID | None]]:
        """Whom the message goes to. A channel that breaks over it keeps neither the others nor other messages."""
        found: list[tuple[str, UUID | None]] = []
        for name, channel in self._channels.items():
            try:
                found += [(name, target) for target in channel.targets(work, message)]
            except psycopg.Error:
                raise  # The transaction is over; all of it is done again.
            except Exception as error:  # noqa: BLE001
                # Once it is mended, a replay of the message makes what is missing.
                _log_break("message.broken", name, error, message_id=str(message.id))
        return found

    def claim(self, channel: str, *, limit: int, besides: Sequence[UUID] = ()) -> list[Claim]:
        """Take deliveries that are due. Who takes one sends it within a turn; after that it is due again.

        besides: endpoints whose deliveries are left for later.
        """
        with self._database.unit_of_work() as work:
            taken = store.claim(work, channel, limit=limit, besides=besides, turn=TURN)
            messages = store.messages(work, [each.message_id for each in taken]) if taken else {}
        return [Claim(each, messages[each.message_id]) for each in taken]

    def attempt(self, claim: Claim) -> Outcome:
        """Try a claimed delivery once and note how it ended."""
        delivery = claim.delivery
        began = time.monotonic()
        try:
            outcome = self._channels[delivery.channel].send(delivery, claim.message)
        except Exception as error:  # noqa: BLE001
            # Kept on its row and tried again, as every failed attempt is.
            _log_break("delivery.broken", delivery.channel, error, delivery_id=str(delivery.id))
            outcome = Outcome(ok=False, error=type(error).__name__)
        self._note(claim, outcome, duration_ms=round((time.monotonic() - began) * 1000))
        return outcome

    def deliver_due(self, *, limit: int = 100) -> int:
        """Fan out, and try what is due, one after the other; returns how many deliveries were tried."""
        while self.fan_out(limit=limit) == limit:
            pass
        claims = [claim for name in self._channels for claim in self.claim(name, limit=limit)]
        for claim in claims:
            self.attempt(claim)
        return len(claims)

    def replay(self, id_: UUID) -> None:
        """Have a delivery sent again, or what a message has not delivered, and to whom it had no delivery.

        Raises NotFound.
        """
        with self._database.unit_of_work() as work:
            if not store.wake(work, id_):
                raise NotFound("message or delivery", str(id_))

    def replay_dead(self, channel: str | None = None) -> int:
        """Have all dead deliveries tried again, of one channel or of all; returns how many."""
        with self._database.unit_of_work() as work:
            return store.wake_dead(work, channel)

    def latest(
        self, *, type_: str | None = None, state: str | None = None, limit: int = 50
    ) -> list[tuple[Message, list[Delivery]]]:
        """Return messages with their deliveries, newest first. state: of one of the deliveries."""
        with self._database.unit_of_work() as work:
            messages = store.latest(work, type_=type_, state=state, limit=limit)
            found = store.deliveries(work, [message.id for message in messages])
        return [
            (message, [each for each in found if each.message_id == message.id])
            for message in messages
        ]

    def find(
        self, message_id: UUID
    ) -> tuple[Message, list[tuple[Delivery, Sequence[Attempt]]]] | None:
        """Return a message, its deliveries and their attempts."""
        with self._database.unit_of_work() as work:
            message = store.messages(work, [message_id]).get(message_id)
            if message is None:
                return None
            return message, [
                (each, store.attempts(work, each.id))
                for each in store.deliveries(work, [message_id])
            ]

    def find_delivery(self, id_: UUID) -> tuple[Message, Delivery, Sequence[Attempt]] | None:
        """Return a delivery with its message and its attempts, oldest first."""
        with self._database.unit_of_work() as work:
            delivery = store.find_delivery(work, id_)
            if delivery is None:
                return None
            message = store.messages(work, [delivery.message_id]).get(delivery.message_id)
            if message is None:
                return None
            return message, delivery, store.attempts(work, id_)

    def _note(self, claim: Claim, outcome: Outcome, *, duration_ms: int) -> None:
        delivery = claim.delivery
        wait = None if outcome.final else back_off(delivery.channel, delivery.attempts)
        # An attempt that could not be noted would be made again for ever.
        outcome = replace(
            outcome,
            error=outcome.error and storable(outcome.error[:LONGEST_ERROR]),
            answer=outcome.answer and storable(outcome.answer),
        )
        with self._database.unit_of_work() as work:
            store.note(work, delivery, outcome, duration_ms=duration_ms, wait=wait)
        ended = "delivered" if outcome.ok else "dead" if wait is None else "failed"
        counts().notifications[delivery.channel, ended].inc()
        facts = {
            "delivery_id": str(delivery.id),
            "channel": delivery.channel,
            "type": claim.message.type,
            "attempts": delivery.attempts,
        }
        if outcome.ok:
            log.info("delivery.delivered", **facts)
        elif wait is None:
            log.error("delivery.dead", **facts, status=outcome.status, error=outcome.error)
        else:
            log.warning("delivery.failed", **facts, status=outcome.status, error=outcome.error)


def _log_break(event: str, channel: str, error: Exception, **about: str) -> None:
    """Log where a channel broke. Its words, and the values on the way, may hold an address or a secret."""
    frames = traceback.extract_tb(error.__traceback__)
    log.error(
        event,
        **about,
        channel=channel,
        error=type(error).__name__,
        where=[f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    )

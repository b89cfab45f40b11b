"""From a delivery to its effect: verify, store, act, and try again what failed."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial

import psycopg
import structlog
from structlog.contextvars import bound_contextvars

from coinpurse import signals
from coinpurse.counting import counts
from coinpurse.db import Database, UnitOfWork
from coinpurse.db.texts import storable
from coinpurse.errors import (
    CoinpurseError,
    InvalidRequest,
    LedgerInvariantBroken,
    NotFound,
    RetryLater,
)
from coinpurse.inbox import store
from coinpurse.inbox.rules import (
    AFTER_SALE_TYPES,
    HANDLED_TYPES,
    PAID_TYPES,
    REPORTS,
    RETRY_LATER_ATTEMPTS,
    StoredEvent,
    back_off,
)
from coinpurse.ledger import SpendOrder
from coinpurse.ports import CheckoutSession, PaymentIntent, StripeEvent, StripeGateway, StripeObject
from coinpurse.purchases import Payment, fulfil
from coinpurse.refunds import AfterSales, LookUp

ScheduleRetry = Callable[[UnitOfWork, str, datetime], None]
# What an event is about, as far as it is known when we act on it; an exception where Stripe could not be asked.
Subject = StripeObject | LookUp | Exception | None

log = structlog.get_logger()


class Inbox:
    """Stripe's events, each stored before it takes effect.

    schedule_retry: defers a job, in the given work, that calls `process` at the given time.
    """

    def __init__(
        self,
        database: Database,
        gateway: StripeGateway,
        after_sales: AfterSales,
        schedule_retry: ScheduleRetry,
        spend_order: SpendOrder = "bonus_first",
    ) -> None:
        self._database = database
        self._gateway = gateway
        self._after_sales = after_sales
        self._schedule_retry = schedule_retry
        self._spend_order = spend_order

    def receive(self, body: bytes, signature: str | None) -> StoredEvent:
        """Take a delivery: verify, store and, where nothing must be fetched first, act, in one transaction.

        After this returns the event is stored durably, and processed or owed a further attempt.
        Safe to repeat. Raises WebhookRejected; any other error means that nothing was stored.
        """
        event = self._gateway.read_event(body, signature)
        with bound_contextvars(event_id=event.id), self._database.unit_of_work() as work:
            stored = store.insert(work, event) or store.lock(work, event.id)
            if not stored.is_open:
                return stored
            if not _must_fetch(event) and event.type not in AFTER_SALE_TYPES:
                return self._attempt(work, stored, event, event.object)
        # Stripe must be asked, and not while a transaction is open. A crash from here on leaves it to the worker.
        return self.process(event.id)

    def take(self, event: StripeEvent) -> StoredEvent:
        """Store and act on an event that Stripe itself listed for us, as if it had been delivered. Safe to repeat."""
        with self._database.unit_of_work() as work:
            store.insert(work, event)
        return self.process(event.id)

    def process(self, event_id: str, *, again: bool = False, counts: bool = True) -> StoredEvent:
        """Act on a stored event that still needs it. Safe to repeat and to run concurrently.

        again: also act on one that was dealt with, perhaps under older rules; effects rest on their own keys, so a
        repeat changes nothing. counts: whether a failure is one of its attempts; otherwise it changes nothing.
        Raises NotFound.
        """
        with bound_contextvars(event_id=event_id):
            return self._process(event_id, again=again, counts=counts)

    def _process(self, event_id: str, *, again: bool, counts: bool) -> StoredEvent:
        with self._database.unit_of_work() as work:
            stored = store.find(work, event_id)
        if stored is None:
            raise NotFound("event", event_id)
        if not (stored.is_open or again):
            return stored
        fetched: Subject
        event = self._gateway.parse_event(stored.payload)
        try:
            fetched = self._ask(event)
        except Exception as error:  # noqa: BLE001  Kept on the event's row, as any failed attempt is.
            fetched = error
        with self._database.unit_of_work() as work:
            stored = store.lock(work, event_id)
            if stored.is_open or again:
                return self._attempt(work, stored, event, fetched, counts=counts)
            return stored

    def process_due(self, *, limit: int = 100) -> int:
        """Act on events whose attempt is owed: failed ones, and those that a crash left behind."""
        with self._database.unit_of_work() as work:
            ids = store.due(work, limit=limit)
        for event_id in ids:
            try:
                self.process(event_id)
            except (CoinpurseError, psycopg.Error) as error:
                # The others are owed their attempt too; this one is still due.
                log.exception("event.not_attempted", event_id=event_id, error=type(error).__name__)
        return len(ids)

    def replay(
        self, *, type_: str | None = None, only_wrong: bool = False, page: int = 500
    ) -> Iterator[StoredEvent]:
        """Act again on stored events, oldest first, and yield each as it is then.

        type_: only events of this type. only_wrong: only those that failed or are dead. Harmless on processed ones.
        Those that arrive meanwhile are not waited for. Keeps no more than a page of ids in memory.
        """
        if type_ is None and not only_wrong:
            raise InvalidRequest("type", "name a type, or ask for those that failed")
        after = (datetime.min.replace(tzinfo=UTC), "")
        with self._database.unit_of_work() as work:
            until = store.moment(work)
        while True:
            with self._database.unit_of_work() as work:
                found = store.page(
                    work, type_=type_, only_wrong=only_wrong, after=after, until=until, limit=page
                )
            for _received_at, event_id in found:
                yield self._replay(event_id)
            if len(found) < page:
                return
            after = found[-1]

    def _replay(self, event_id: str) -> StoredEvent:
        try:
            return self.process(event_id, again=True)
        except (CoinpurseError, psycopg.Error) as error:
            # The others are replayed all the same.
            log.exception("event.not_attempted", event_id=event_id, error=type(error).__name__)
        with self._database.unit_of_work() as work:
            stored = store.find(work, event_id)
        assert stored is not None
        return stored

    def find(self, event_id: str) -> StoredEvent | None:
        """Return a stored event."""
        with self._database.unit_of_work() as work:
            return store.find(work, event_id)

    def latest(
        self, *, state: str | None = None, type_: str | None = None, limit: int = 50
    ) -> list[StoredEvent]:
        """Return stored events, newest first."""
        with self._database.unit_of_work() as work:
            return store.latest(work, state=state, type_=type_, limit=limit)

    def _attempt(
        self,
        work: UnitOfWork,
        stored: StoredEvent,
        event: StripeEvent,
        about: Subject,
        *,
        counts: bool = True,
    ) -> StoredEvent:
        """Act inside a savepoint; note the outcome, good or bad, beside it."""
        try:
            with work.savepoint():
                state, note, payment = self._act(work, event, about, first=stored.is_open)
        except RetryLater as error:
            if not counts:
                return stored
            if stored.attempts + 1 >= RETRY_LATER_ATTEMPTS:
                return self._finished(work, event, "foreign", str(error))
            return self._failed(work, stored, error)
        except Exception as error:  # noqa: BLE001  Whatever it is, the event is kept with it and tried again.
            return self._failed(work, stored, error) if counts else stored
        log.info(
            "event.finished",
            event_id=event.id,
            type=event.type,
            state=state,
            payment_id=payment and str(payment.id),
        )
        return self._finished(work, event, state, note)

    def _finished(
        self, work: UnitOfWork, event: StripeEvent, state: str, note: str | None
    ) -> StoredEvent:
        work.after_commit(counts().attempts[state].inc)
        return store.finished(work, event.id, state=state, note=note)

    def _ask(self, event: StripeEvent) -> Subject:
        """Fetch what must be known to act on the event. No transaction is open."""
        if event.type not in AFTER_SALE_TYPES:
            return self._gateway.fetch(event) if _must_fetch(event) else event.object
        if event.livemode != self._gateway.livemode:
            return None
        intent_id = _intent_of(event.object or self._gateway.fetch(event))
        return None if intent_id is None else self._after_sales.look_up(intent_id)

    def _act(
        self, work: UnitOfWork, event: StripeEvent, about: Subject, *, first: bool
    ) -> tuple[str, str | None, Payment | None]:
        if isinstance(about, Exception):
            raise about
        if event.type in AFTER_SALE_TYPES:
            payment = self._after_sales.apply(work, about) if isinstance(about, LookUp) else None
        elif event.type not in REPORTS:
            return "ignored", None, None
        else:
            expected, read = REPORTS[event.type]
            if not isinstance(about, expected):
                raise TypeError(f"a {event.type} event is about a {type(about).__name__}")
            assert isinstance(about, CheckoutSession | PaymentIntent)
            if about.livemode != event.livemode:
                return "foreign", "the event and its object are of different modes", None
            payment = fulfil(work, read(about), spend_order=self._spend_order).payment
            if first and event.type in PAID_TYPES and payment and payment.completed_at:
                # A look-up may have been quicker than the event; the coins are there since then.
                waited = (payment.completed_at - event.event_at).total_seconds()
                work.after_commit(partial(counts().paid_to_spendable.observe, max(waited, 0.0)))
        if payment is None:
            return "foreign", "about a payment that is not ours", None
        return "processed", f"payment {payment.id}: {payment.status}", payment

    def _failed(self, work: UnitOfWork, stored: StoredEvent, error: Exception) -> StoredEvent:
        wait = back_off(stored.attempts + 1)
        at = datetime.now(UTC) + wait if wait is not None else None
        failed = store.failed(
            work,
            stored.id,
            error=storable("".join(traceback.format_exception(error))),
            next_attempt_at=at,
        )
        facts: dict[str, object] = {
            "event_id": stored.id,
            "type": stored.type,
            "attempts": stored.attempts + 1,
            "error": type(error).__name__,
        }
        work.after_commit(counts().attempts[failed.state].inc)
        if isinstance(error, LedgerInvariantBroken):
            signals.alert_operator(work, "ledger.broken", cause=stored.id, facts=facts)
        if at is None:
            # Its coins, if it is about any, wait for a person: replay it once the cause is mended.
            log.critical("event.dead", **facts)
            signals.alert_operator(
                work, "event.dead", cause=f"{stored.id}:{failed.attempts}", facts=facts
            )
            return failed
        self._schedule_retry(work, stored.id, at)
        # An event that came before its row is no fault, and most often another application's.
        report = log.warning if isinstance(error, RetryLater) else log.error
        report("event.failed", **facts, next_attempt_at=at.isoformat())
        return failed


def _must_fetch(event: StripeEvent) -> bool:
    """A thin event carries no object; a snapshot's may be one that we cannot read."""
    return event.object is None and event.type in HANDLED_TYPES


def _intent_of(about: StripeObject | None) -> str | None:
    """The payment intent behind what came after a sale; None where there is none, as for another's old charge."""
    if about is None or isinstance(about, CheckoutSession | PaymentIntent):
        raise TypeError(f"an event about what came after a sale is about a {type(about).__name__}")
    return about.payment_intent_id

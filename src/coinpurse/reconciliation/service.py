"""Comparing Stripe with our books, both ways, and repairing what differs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from itertools import pairwise
from uuid import UUID

import psycopg
import structlog

from coinpurse import signals
from coinpurse.catalog import Catalog
from coinpurse.db import Database
from coinpurse.db.identifiers import new_id
from coinpurse.errors import ReconciliationRunning
from coinpurse.inbox import Inbox
from coinpurse.ledger import SpendOrder
from coinpurse.ledger.rules import require_moment
from coinpurse.ports import StripeGateway
from coinpurse.reconciliation import store
from coinpurse.reconciliation.books import Books, Pace
from coinpurse.reconciliation.rules import DEFAULT_WINDOW, Finding, ReconciliationReport
from coinpurse.reconciliation.steps import STEPS
from coinpurse.reconciliation.store import Run
from coinpurse.refunds import AfterSales

# Stripe allows a test account 25 calls a second, and others need some of them.
CALLS_PER_SECOND = 15.0

# Told after each page: the name of the step, and how much that step has looked at.
Progress = Callable[[str, int], None]

log = structlog.get_logger()


class Reconciliation:
    """Runs, resumes and remembers reconciliations. Memory does not grow with what is compared."""

    def __init__(
        self,
        database: Database,
        gateway: StripeGateway,
        *,
        after_sales: AfterSales,
        inbox: Inbox,
        catalog: Callable[[], Catalog],
        spend_order: SpendOrder,
    ) -> None:
        self._database = database
        self._gateway = gateway
        self._after_sales = after_sales
        self._inbox = inbox
        self._catalog = catalog
        self._spend_order = spend_order

    def run(
        self,
        *,
        since: datetime | None = None,
        dry_run: bool = False,
        calls_per_second: float | None = CALLS_PER_SECOND,
        progress: Progress = lambda _step, _count: None,
    ) -> ReconciliationReport:
        """Compare everything since a moment and repair it; one that was interrupted is gone on with.

        since: with a time zone; a good month back by default. dry_run: find and repair nothing.
        Raises ReconciliationRunning, and GatewayError where Stripe stays away: run it again to go on.
        """
        run, holder = self._begin(since, dry_run=dry_run)
        books = Books(
            self._database,
            self._gateway,
            self._after_sales,
            self._inbox,
            self._catalog(),
            self._spend_order,
            Pace(calls_per_second),
            run,
        )
        names = list(STEPS)
        cursor = run.cursor
        try:
            for name, following in pairwise([*names[names.index(run.step) :], None]):
                assert name is not None
                looked_at = 0
                while True:
                    page = STEPS[name](books, cursor)
                    looked_at += page.count
                    cursor = page.cursor
                    self._advance(run, holder, name, following, cursor, page.count)
                    progress(name, looked_at)
                    if cursor is None:
                        break
        except BaseException:
            # Whoever runs it next need not wait until this one counts as abandoned.
            with suppress(psycopg.Error), self._database.unit_of_work() as work:
                store.give_up(work, run, holder=holder)
            raise
        with self._database.unit_of_work() as work:
            store.finish(work, run, holder=holder)
        return self._report(run)

    def findings(self, reconciliation_id: int) -> Iterator[Finding]:
        """Yield what a reconciliation found, in order."""
        with self._database.unit_of_work() as work:
            yield from store.findings(work, reconciliation_id)

    def _begin(self, since: datetime | None, *, dry_run: bool) -> tuple[Run, UUID]:
        if since is not None:
            require_moment(since, field="since")
        holder = new_id()
        with self._database.unit_of_work() as work:
            # One after another: two that begin at once would both find nobody at work.
            store.lock_runs(work)
            if store.is_running(work):
                raise ReconciliationRunning(
                    "Another reconciliation is under way; let it end first."
                )
            wanted = since or datetime.now(UTC) - DEFAULT_WINDOW
            run = store.resume(work, holder=holder, repairing=not dry_run, since=wanted)
            run = run or store.start(
                work,
                holder=holder,
                repairing=not dry_run,
                since=wanted,
                step=next(iter(STEPS)),
            )
        log.info("reconciliation.started", reconciliation_id=run.id, step=run.step)
        return run, holder

    def _advance(
        self,
        run: Run,
        holder: UUID,
        name: str,
        following: str | None,
        cursor: str | None,
        count: int,
    ) -> None:
        step = name if cursor is not None or following is None else following
        with self._database.unit_of_work() as work:
            kept = store.advance(
                work, run, holder=holder, name=name, step=step, cursor=cursor, count=count
            )
        if not kept:
            raise ReconciliationRunning("Another process has taken this reconciliation over.")

    def _report(self, run: Run) -> ReconciliationReport:
        with self._database.unit_of_work() as work:
            report = store.report(work, run.id)
            facts: dict[str, object] = {
                "reconciliation_id": report.id,
                "repaired": report.repaired,
                "left": report.left,
            }
            log.info("reconciliation.finished", **facts)
            if report.left and not report.dry_run:
                log.error("reconciliation.drift", **facts)
                signals.alert_operator(
                    work, "reconciliation.drift", cause=str(report.id), facts=facts
                )
            return report

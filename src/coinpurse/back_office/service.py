"""The back office as one object: staff, audit log, adjustments, lists, figures."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog

from coinpurse.back_office import figures
from coinpurse.back_office.adjustments import Adjustments
from coinpurse.back_office.audit import record
from coinpurse.back_office.listing import (
    Listing,
    ListPage,
    ListQuery,
    Row,
    read_query,
)
from coinpurse.back_office.rules import (
    Adjustment,
    AdjustmentDecision,
    AdjustmentPreview,
    AuditEntry,
    Overview,
    Role,
    Staff,
    TimelineEntry,
    require_role,
)
from coinpurse.back_office.spreadsheet import csv_header, csv_line
from coinpurse.back_office.store import audit as audit_store
from coinpurse.back_office.store import paging
from coinpurse.back_office.store import staff as staff_store
from coinpurse.back_office.store.listings import LISTINGS
from coinpurse.back_office.timeline import timeline_of
from coinpurse.db import Database, UnitOfWork
from coinpurse.errors import LastOwner, NotFound
from coinpurse.ledger import SpendOrder
from coinpurse.ledger.rules import require_key
from coinpurse.purchases import Payment

log = structlog.get_logger()


class BackOffice:
    """The use cases. approval_above: coins that one person may adjust within 24 hours before a second one must agree.

    time_zone: whose midnight divides the days.
    """

    def __init__(
        self,
        database: Database,
        *,
        spend_order: SpendOrder,
        approval_above: int,
        time_zone: str,
    ) -> None:
        self._database = database
        self._time_zone = time_zone
        self._adjustments = Adjustments(
            database, spend_order=spend_order, approval_above=approval_above
        )

    def role_of(self, user_id: str) -> Role | None:
        """Return somebody's role; None for whoever is not on the staff, and for what cannot be an id."""
        if not user_id.isprintable():
            return None
        with self._database.single_statement() as work:
            found = staff_store.find(work, user_id)
        return found.role if found else None

    def staff(self) -> Sequence[Staff]:
        """Return the staff, oldest first."""
        with self._database.unit_of_work() as work:
            return staff_store.list_all(work)

    def grant_role(self, user_id: str, role: str, *, actor: str, reason: str = "") -> Staff:
        """Give somebody a role, in place of the one before. Safe to repeat.

        Raises InvalidRequest, and LastOwner where nobody would be left to give roles.
        """
        require_key(user_id, field="user_id")
        wanted = require_role(role)
        with self._database.unit_of_work() as work:
            staff_store.lock(work)
            before = staff_store.find(work, user_id)
            if before is not None and before.role == wanted:
                return before
            if before is not None:
                _require_owner_left(work, before)
            granted = staff_store.save(work, user_id, wanted, actor=actor)
            facts = {"role": wanted, "before": before and before.role}
            _record_staff(work, actor, "staff.granted", user_id, facts, reason)
        log.info("staff.granted", user_id=user_id, role=wanted)
        return granted

    def revoke_role(self, user_id: str, *, actor: str, reason: str = "") -> Staff:
        """Take somebody off the staff and return what they were. Raises NotFound and LastOwner."""
        with self._database.unit_of_work() as work:
            staff_store.lock(work)
            before = staff_store.find(work, user_id)
            if before is None:
                raise NotFound("member of the staff", user_id)
            _require_owner_left(work, before)
            staff_store.delete(work, user_id)
            _record_staff(work, actor, "staff.revoked", user_id, {"before": before.role}, reason)
        log.info("staff.revoked", user_id=user_id)
        return before

    def record(
        self,
        *,
        actor: str,
        action: str,
        subject_kind: str,
        subject_id: str,
        reason: str = "",
        facts: Mapping[str, object] | None = None,
    ) -> AuditEntry:
        """Write what somebody is about to do, in a transaction of its own: before a call to Stripe.

        Inside a transaction use `back_office.record`.
        """
        with self._database.unit_of_work() as work:
            return record(
                work,
                actor=actor,
                action=action,
                subject_kind=subject_kind,
                subject_id=subject_id,
                reason=reason,
                facts=facts,
            )

    def audit_about(self, subject_kind: str, subject_id: str) -> Sequence[AuditEntry]:
        """Return what was done to one thing, oldest first."""
        with self._database.unit_of_work() as work:
            return audit_store.about(work, subject_kind, subject_id)

    def names(self, user_ids: Collection[str]) -> Mapping[str, str]:
        """Return the e-mail addresses of those who have an account of ours; a host's users have none."""
        ids = [id_ for id_ in map(_read_uuid, set(user_ids)) if id_ is not None]
        if not ids:
            return {}
        with self._database.unit_of_work() as work:
            return staff_store.emails(work, ids)

    def listing(self, name: str) -> Listing:
        """Return one of the lists by its name. Raises NotFound."""
        found = LISTINGS.get(name)
        if found is None:
            raise NotFound("list", name)
        return found

    def read_query(self, name: str, address: Mapping[str, str]) -> ListQuery:
        """Read what an address asks of a list. Raises InvalidRequest whose field is the name in the address."""
        return read_query(self.listing(name), address, time_zone=self._time_zone)

    def page(self, name: str, query: ListQuery) -> ListPage:
        """Return one page of a list. Raises NotFound, and InvalidRequest for what no list can answer."""
        with self._database.connection() as connection:
            return paging.page(connection, self.listing(name), query)

    def export(self, name: str, query: ListQuery) -> Iterator[Row]:
        """Yield all rows of a list that fit, by a cursor of the server's, whatever the query's page.

        A connection is held until the last row was taken or the iterator is closed.
        """
        listing = self.listing(name)
        with self._database.connection() as connection:
            yield from paging.stream(connection, listing, query)

    def export_csv(self, name: str, query: ListQuery) -> Iterator[str]:
        """Yield the list as lines of CSV, the names of the columns first. Spreadsheets find no formula in it."""
        listing = self.listing(name)
        yield csv_header(listing)
        for row in self.export(name, query):
            yield csv_line(listing, row)

    def overview(self) -> Overview:
        """Return the figures of today and of the last 30 days, as of this moment."""
        today = datetime.now(ZoneInfo(self._time_zone)).date()
        return figures.read_overview(self._database, today=today, time_zone=self._time_zone)

    def count_figures(self) -> None:
        """Count what has happened since the last time, so that the overview need not. The worker does it."""
        figures.count(self._database)

    def timeline(self, payment: Payment) -> Sequence[TimelineEntry]:
        """Return everything that happened to a payment, oldest first. Stripe is not asked."""
        with self._database.unit_of_work() as work:
            return timeline_of(work, payment)

    def preview_adjustment(self, user_id: str, coins: int, *, actor: str) -> AdjustmentPreview:
        """Tell what an adjustment that somebody asks for would do, and do nothing."""
        return self._adjustments.preview(user_id, coins, actor=actor)

    def request_adjustment(
        self,
        user_id: str,
        coins: int,
        *,
        reason: str,
        actor: str,
        key: str,
        balance: int | None = None,
    ) -> Adjustment:
        """Ask for a correction by hand; a small one is applied at once. See `Adjustments.request`."""
        return self._adjustments.request(
            user_id, coins, reason=reason, actor=actor, key=key, balance=balance
        )

    def decide_adjustment(
        self, id_: UUID, decision: AdjustmentDecision, *, actor: str
    ) -> Adjustment:
        """Apply what was asked for, or refuse it, as a second person. See `Adjustments.decide`."""
        return self._adjustments.decide(id_, decision, actor=actor)

    def withdraw_adjustment(self, id_: UUID, *, actor: str) -> Adjustment:
        """Take back one's own request while it waits."""
        return self._adjustments.withdraw(id_, actor=actor)

    def find_adjustment(self, id_: UUID) -> Adjustment | None:
        """Return an adjustment that was asked for."""
        return self._adjustments.find(id_)


def _require_owner_left(work: UnitOfWork, member: Staff) -> None:
    if member.role == "owner" and not staff_store.has_other_owner(work, member.user_id):
        raise LastOwner("Somebody must stay an owner.", user_id=member.user_id)


def _record_staff(
    work: UnitOfWork,
    actor: str,
    action: str,
    user_id: str,
    facts: Mapping[str, object],
    reason: str,
) -> None:
    record(
        work,
        actor=actor,
        action=action,
        subject_kind="staff",
        subject_id=user_id,
        reason=reason,
        facts=facts,
    )


def _read_uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None

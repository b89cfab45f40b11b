"""Corrections by hand: small ones at once, large ones once a second person agrees."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import structlog

from coinpurse import ledger
from coinpurse.back_office.audit import record
from coinpurse.back_office.rules import Adjustment, AdjustmentDecision, AdjustmentPreview
from coinpurse.back_office.store import adjustments as store
from coinpurse.db import Database, UnitOfWork
from coinpurse.db.identifiers import new_id
from coinpurse.errors import (
    AlreadyDecided,
    Forbidden,
    IdempotencyConflict,
    InvalidRequest,
    NotFound,
    Outdated,
    SecondPersonNeeded,
)
from coinpurse.ledger import SpendOrder, Transaction
from coinpurse.ledger.rules import require_coins, require_key, require_reason

log = structlog.get_logger()

# What one person adjusts within it counts together against the limit; in parts it would be none.
A_DAY = timedelta(hours=24)


class Adjustments:
    """The use cases. approval_above: coins within 24 hours above which a second person must agree."""

    def __init__(self, database: Database, *, spend_order: SpendOrder, approval_above: int) -> None:
        self._database = database
        self._spend_order = spend_order
        self._approval_above = approval_above

    def preview(self, user_id: str, coins: int, *, actor: str) -> AdjustmentPreview:
        """Tell what an adjustment would do, and do nothing. Raises InvalidRequest and NotFound as a request does."""
        require_key(user_id, field="user_id")
        _require_signed_coins(coins)
        with self._database.unit_of_work() as work:
            _require_wallet(work, user_id, coins)
            wallet = ledger.get_wallet(work, user_id)
            is_new = not store.has_wallet(work, user_id)
            adjusted = store.sum_adjusted_alone(work, actor, within=A_DAY)
        return AdjustmentPreview(
            user_id=user_id,
            coins=coins,
            balance=wallet.balance,
            available=wallet.available,
            balance_after=wallet.balance + coins,
            needs_approval=self._needs_approval(user_id, coins, actor, adjusted),
            adjusted_alone=adjusted,
            is_new=is_new,
        )

    def request(
        self,
        user_id: str,
        coins: int,
        *,
        reason: str,
        actor: str,
        key: str,
        balance: int | None = None,
    ) -> Adjustment:
        """Ask for a correction. It is applied at once, but for one's own wallet, while what the person has given and
        taken without a second one in the last 24 hours, of all users and with this, is `approval_above` coins at most.

        Of two requests at once by one person the second counts the first.
        coins: signed. key: a repeat with the same content returns the first request with created=False.
        balance: what who asks was shown; where it is another one now, Outdated is raised.
        Raises InvalidRequest, IdempotencyConflict, NotFound where coins are to be taken of a wallet that is not there,
        and what `ledger.adjust` raises.
        """
        require_key(user_id, field="user_id")
        _require_signed_coins(coins)
        require_reason(reason, actor)
        with self._database.unit_of_work() as work:
            store.lock_requester(work, actor)
            made = store.insert(
                work,
                id=new_id(),
                user_id=user_id,
                coins=coins,
                reason=reason,
                requested_by=actor,
                request_key=require_key(key),
            )
            if made is None:
                return _require_same(store.find_by_key(work, key), key, user_id, coins, actor)
            _require_wallet(work, user_id, coins)
            if balance is not None and ledger.get_wallet(work, user_id).balance != balance:
                raise Outdated
            adjusted = store.sum_adjusted_alone(work, actor, within=A_DAY)
            if not self._needs_approval(user_id, coins, actor, adjusted):
                row = self._apply(work, made)
                made = store.decided(
                    work, made.id, state="applied", transaction_id=row.id, created=True
                )
            _record(work, made, actor, f"adjustment.{_what(made)}")
        log.info("adjustment.requested", adjustment_id=made.id, coins=coins, state=made.state)
        return made

    def decide(self, id_: UUID, decision: AdjustmentDecision, *, actor: str) -> Adjustment:
        """Apply what was asked for, or refuse it. Of two who decide at once, one does.

        A repeat by the same person changes nothing. Raises NotFound, SecondPersonNeeded for whoever asked for it and
        for whose wallet it is, AlreadyDecided, and what `ledger.adjust` raises: it then still waits.
        """
        require_key(actor, field="actor")
        if decision not in ("approve", "refuse"):
            raise InvalidRequest("decision", "must be approve or refuse")
        with self._database.unit_of_work() as work:
            found = self._lock(work, id_)
            if not found.may_be_decided_by(actor):
                raise SecondPersonNeeded(
                    "Somebody other than who asked for it, or gets it, must decide.",
                    adjustment_id=str(id_),
                )
            wanted = "applied" if decision == "approve" else "refused"
            if found.state == wanted and found.decided_by == actor:
                return found
            _require_waiting(found)
            row = self._apply(work, found) if decision == "approve" else None
            decided = store.decided(
                work,
                id_,
                state="applied" if row else "refused",
                decided_by=actor,
                transaction_id=row.id if row else None,
                created=True,
            )
            _record(work, decided, actor, f"adjustment.{decided.state}")
        log.info("adjustment.decided", adjustment_id=id_, state=decided.state)
        return decided

    def withdraw(self, id_: UUID, *, actor: str) -> Adjustment:
        """Take back one's own request while it waits. Safe to repeat. Raises NotFound, Forbidden, AlreadyDecided."""
        with self._database.unit_of_work() as work:
            found = self._lock(work, id_)
            if found.requested_by != actor:
                raise Forbidden("Only who asked for it may withdraw it.", adjustment_id=str(id_))
            if found.state == "withdrawn":
                return found
            _require_waiting(found)
            withdrawn = store.decided(work, id_, state="withdrawn", created=True)
            _record(work, withdrawn, actor, "adjustment.withdrawn")
        return withdrawn

    def find(self, id_: UUID) -> Adjustment | None:
        """Return a request."""
        with self._database.unit_of_work() as work:
            return store.find(work, id_)

    def _needs_approval(self, user_id: str, coins: int, actor: str, adjusted: int) -> bool:
        return abs(coins) + adjusted > self._approval_above or user_id == actor

    def _lock(self, work: UnitOfWork, id_: UUID) -> Adjustment:
        found = store.lock(work, id_)
        if found is None:
            raise NotFound("adjustment", str(id_))
        return found

    def _apply(self, work: UnitOfWork, adjustment: Adjustment) -> Transaction:
        return ledger.adjust(
            work,
            adjustment.user_id,
            adjustment.coins,
            key=f"adjustment:{adjustment.id}",
            reason=adjustment.reason,
            actor=adjustment.requested_by,
            spend_order=self._spend_order,
        )


def _what(adjustment: Adjustment) -> str:
    return "requested" if adjustment.state == "waiting" else adjustment.state


def _record(work: UnitOfWork, adjustment: Adjustment, actor: str, action: str) -> None:
    record(
        work,
        actor=actor,
        action=action,
        subject_kind="adjustment",
        subject_id=str(adjustment.id),
        reason=adjustment.reason,
        facts={
            "user_id": adjustment.user_id,
            "coins": adjustment.coins,
            "transaction_id": adjustment.transaction_id,
        },
    )


def _require_signed_coins(coins: int) -> None:
    if type(coins) is not int or coins == 0:
        raise InvalidRequest("coins", "must be a whole number other than 0")
    require_coins(abs(coins))


def _require_wallet(work: UnitOfWork, user_id: str, coins: int) -> None:
    """Refuse to take coins of somebody who never had any: most likely a wrong id."""
    if coins < 0 and not store.has_wallet(work, user_id):
        raise NotFound("wallet", user_id)


def _require_same(
    found: Adjustment | None, key: str, user_id: str, coins: int, actor: str
) -> Adjustment:
    if found is None or (found.user_id, found.coins, found.requested_by) != (user_id, coins, actor):
        raise IdempotencyConflict(key)
    return found


def _require_waiting(found: Adjustment) -> None:
    if found.state != "waiting":
        raise AlreadyDecided(
            f"This adjustment was {found.state} before.",
            adjustment_id=str(found.id),
            state=found.state,
        )

"""The wallet operations of the public object: each alone, or inside a transaction of the host."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Literal

import psycopg
import structlog

from coinpurse import ledger, signals
from coinpurse.db import CommitWatcher, Database, HostConnection, UnitOfWork, join
from coinpurse.errors import InvalidRequest, LedgerInvariantBroken
from coinpurse.ledger import (
    Difference,
    Explanation,
    Hold,
    NewGrant,
    Spend,
    SpendOrder,
    SpendResult,
    Transaction,
    Wallet,
)
from coinpurse.ledger.group_commit import GroupCommit
from coinpurse.ledger.rules import require_callers_key

MAXIMUM_PAGE = 200
MAXIMUM_BATCH = 1000

log = structlog.get_logger()


class WalletOperations:
    """Coins in, coins out. Every change takes a `key`: a repeat returns the first result with created=False.

    connection: a SQLAlchemy session or connection, or a psycopg connection, of the host. The change then commits
    or rolls back with the host; a refusal leaves the host's transaction usable. Without it the change has
    committed when the call returns.
    All raise InvalidRequest for a value that cannot be, and IdempotencyConflict for a key used for something else.
    """

    @property
    def database(self) -> Database:
        """The connection pool."""
        raise NotImplementedError

    @property
    def _spend_order(self) -> SpendOrder:
        raise NotImplementedError

    @property
    def _commit_watcher(self) -> CommitWatcher:
        raise NotImplementedError

    @property
    def _group_commit(self) -> GroupCommit | None:
        raise NotImplementedError

    def wallet(self, user_id: str, *, connection: HostConnection | None = None) -> Wallet:
        """Return what the user has now; somebody never seen has zero coins."""
        with self._statement(connection) as work:
            return ledger.get_wallet(work, user_id)

    def credit(
        self,
        user_id: str,
        coins: int,
        *,
        key: str,
        source: str = "promotion",
        kind: Literal["paid", "bonus"] = "bonus",
        expires_at: datetime | None = None,
        description: str = "",
        connection: HostConnection | None = None,
    ) -> Transaction:
        """Give coins. expires_at: when what is left of them is lost; with a time zone. A debt is repaid first."""
        with self._statement(connection) as work:
            return ledger.credit(
                work,
                user_id,
                [NewGrant(kind, coins, expires_at=expires_at)],
                key=require_callers_key(key),
                source=source,
                description=description,
                spend_order=self._spend_order,
            )

    def spend(
        self,
        user_id: str,
        coins: int,
        *,
        key: str,
        description: str = "",
        metadata: Mapping[str, Any] | None = None,
        connection: HostConnection | None = None,
    ) -> Transaction:
        """Use coins: the soonest to expire first. Raises InsufficientCoins, WalletBlocked and NotFound."""
        if connection is None and self._group_commit is not None:
            try:
                return self._group_commit.spend(Spend(user_id, coins, key, description, metadata))
            except LedgerInvariantBroken as error:
                _tell_of_broken_books(self.database, error)
                raise
        with self._statement(connection) as work:
            return ledger.spend(
                work, user_id, coins, key=key, description=description, metadata=metadata
            )

    def spend_many(
        self, spends: Sequence[Spend], *, connection: HostConnection | None = None
    ) -> list[SpendResult]:
        """Apply up to 1000 spends in one call; a result or a refusal for each, in order."""
        if len(spends) > MAXIMUM_BATCH:
            raise InvalidRequest("spends", f"must be at most {MAXIMUM_BATCH}")
        with self._statement(connection) as work:
            results = ledger.spend_many(work, spends)
        for result in results:
            if isinstance(result, LedgerInvariantBroken):
                _tell_of_broken_books(self.database, result)
        return results

    def reverse(
        self,
        transaction_id: int,
        *,
        key: str,
        coins: int | None = None,
        description: str = "",
        connection: HostConnection | None = None,
    ) -> Transaction:
        """Undo a spend or a capture, whole or in part, into the grants that it took from.

        Raises NotFound and AmountTooLarge.
        """
        with self._statement(connection) as work:
            return ledger.reverse(
                work, transaction_id, key=key, coins=coins, description=description
            )

    def hold(
        self,
        user_id: str,
        coins: int,
        *,
        key: str,
        ttl_seconds: float = 3600,
        description: str = "",
        connection: HostConnection | None = None,
    ) -> Hold:
        """Set coins aside; after `ttl_seconds` they are free again by themselves.

        Raises InsufficientCoins, WalletBlocked and NotFound.
        """
        with self._work(connection) as work:
            return ledger.hold(
                work, user_id, coins, key=key, ttl_seconds=ttl_seconds, description=description
            )

    def capture(
        self,
        hold_id: int,
        *,
        key: str,
        coins: int | None = None,
        description: str | None = None,
        connection: HostConnection | None = None,
    ) -> Transaction:
        """Take held coins, all or part; the rest is free again.

        Raises HoldAlreadyResolved, AmountTooLarge and NotFound.
        """
        with self._statement(connection) as work:
            return ledger.capture(work, hold_id, key=key, coins=coins, description=description)

    def void(
        self, hold_id: int, *, key: str, connection: HostConnection | None = None
    ) -> Transaction:
        """Let go of held coins. Raises HoldAlreadyResolved and NotFound."""
        with self._statement(connection) as work:
            return ledger.void(work, hold_id, key=key)

    def adjust(
        self,
        user_id: str,
        coins: int,
        *,
        key: str,
        reason: str,
        actor: str,
        connection: HostConnection | None = None,
    ) -> Transaction:
        """Correct a balance by hand, up or down; who did it and why stays on the row."""
        with self._statement(connection) as work:
            return ledger.adjust(
                work,
                user_id,
                coins,
                key=require_callers_key(key),
                reason=reason,
                actor=actor,
                spend_order=self._spend_order,
            )

    def unblock(
        self,
        user_id: str,
        *,
        key: str,
        reason: str,
        actor: str,
        connection: HostConnection | None = None,
    ) -> Transaction:
        """Let a wallet spend again that a refund or dispute had blocked. Its debt stays."""
        with self._statement(connection) as work:
            return ledger.unblock(work, user_id, key=key, reason=reason, actor=actor)

    def transactions(
        self, user_id: str, before: int | None = None, limit: int = 50
    ) -> Sequence[Transaction]:
        """Return the user's ledger rows, newest first. before: only rows with a smaller id. limit: 1 to 200."""
        if type(limit) is not int or not 1 <= limit <= MAXIMUM_PAGE:
            raise InvalidRequest("limit", f"must be from 1 to {MAXIMUM_PAGE}")
        if before is not None and type(before) is not int:
            raise InvalidRequest("before", "must be the id of a transaction")
        with self._statement(None) as work:
            return ledger.list_transactions(work, user_id, before=before, limit=limit)

    def explain(self, user_id: str, at: datetime | None = None) -> Explanation:
        """Return the balance at a moment with its causes. at: with a time zone; None for now."""
        with self._work(None) as work:
            return ledger.explain(work, user_id, at=at)

    def verify(self) -> Iterator[tuple[int, list[Difference]]]:
        """Recompute every wallet from its rows and grants, in constant memory.

        Yields, page by page, how many wallets were looked at and which differ.
        """
        with self._work(None) as work:
            yield from ledger.verify(work)

    @contextmanager
    def _work(self, connection: HostConnection | None) -> Iterator[UnitOfWork]:
        """A unit of work of our own, or one that joins the host's transaction and leaves it open."""
        if connection is None:
            with self.database.unit_of_work() as work:
                yield work
            return
        work = join(connection)
        yield work
        self._commit_watcher.watch(work)

    def _statement(self, connection: HostConnection | None) -> AbstractContextManager[UnitOfWork]:
        """The same for calls whose statements are each whole by themselves: no BEGIN and COMMIT around them."""
        database = self.database
        inner = database.single_statement() if connection is None else self._work(connection)
        return _Telling(inner, database)


class _Telling(AbstractContextManager[UnitOfWork]):
    """Runs a block and, where the books turn out to be broken in it, tells the operator."""

    __slots__ = ("_database", "_inner")

    def __init__(self, inner: AbstractContextManager[UnitOfWork], database: Database) -> None:
        self._inner = inner
        self._database = database

    def __enter__(self) -> UnitOfWork:
        return self._inner.__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        handled = self._inner.__exit__(kind, error, trace)
        if isinstance(error, LedgerInvariantBroken):
            _tell_of_broken_books(self._database, error)
        return handled


def _tell_of_broken_books(database: Database, error: LedgerInvariantBroken) -> None:
    """Alert the operator, once a day for the same trouble, in a transaction of its own: the other one rolls back."""
    mark = hashlib.sha256(str(error).encode()).hexdigest()[:16]
    cause = f"{mark}:{datetime.now(UTC):%Y-%m-%d}"
    try:
        with database.unit_of_work() as work:
            signals.alert_operator(work, "ledger.broken", cause=cause, facts={"error": str(error)})
    except psycopg.Error:
        # The caller is to hear of the books, not of this.
        log.exception("ledger.broken_untold")

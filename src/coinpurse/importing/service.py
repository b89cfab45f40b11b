"""Planning an import, and bringing the balances over."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

import structlog

from coinpurse import ledger
from coinpurse.db import Database, UnitOfWork
from coinpurse.errors import AmountTooLarge, IdempotencyConflict
from coinpurse.importing import rules
from coinpurse.importing.rules import BadRow, Balances, ImportFailed, Plan
from coinpurse.importing.store import Source
from coinpurse.ledger import NewGrant, SpendOrder
from coinpurse.ledger.rules import GrantKind

# Users in one transaction: few enough that their locked wallets keep nobody waiting for long.
BATCH = 200
LOOK_UP = 10_000
# What the ledger may say about one user. All else is about everybody, and ends the import.
REFUSALS = (AmountTooLarge, IdempotencyConflict)

Item = TypeVar("Item")
# Called with how many users are through.
Progress = Callable[[int], None]

log = structlog.get_logger()


class Importing:
    """Brings the balances of one source into wallets, each once.

    name: of the source; it is part of every key, so that a repeat, also after a crash, brings nothing twice.
    """

    def __init__(
        self, database: Database, source: Source, *, name: str, spend_order: SpendOrder
    ) -> None:
        self._database = database
        self._source = source
        self._name = rules.require_source(name)
        self._spend_order: SpendOrder = spend_order

    def plan(
        self,
        *,
        sessions_table: str | None,
        open_statuses: Sequence[str],
        ended_statuses: Sequence[str] = (),
        keep_changed: bool = False,
    ) -> Plan:
        """Read and check everything, and change nothing. sessions_table: None where there is none to look at."""
        balances = rules.read_balances(self._source.balances(), self._name)
        done = self._imported(balances)
        checkouts = self._source.sessions(sessions_table) if sessions_table else ()
        return Plan(
            source=self._name,
            balances=balances,
            done=done,
            changed=rules.find_changed(balances, done),
            keep_changed=keep_changed,
            sessions=rules.read_sessions(checkouts, open_statuses, ended_statuses),
        )

    def apply(
        self, plan: Plan, *, kind: GrantKind, description: str, progress: Progress | None = None
    ) -> tuple[BadRow, ...]:
        """Bring over what the plan has left to do, some users at a time, and prove the sums of what came over.

        Returns the users whom the ledger refused, and why; the others are imported. A crash leaves whole users, and
        the next run goes on behind them.
        Raises ImportFailed for a plan with bad rows, before anything is written, and where ledger or source do not
        say afterwards what the plan says.
        """
        if plan.problems:
            raise ImportFailed(
                f"{len(plan.problems)} rows cannot be imported; nothing was changed."
            )
        through = 0
        refused: list[BadRow] = []
        for users in _pages(sorted(plan.to_do.items()), BATCH):
            with self._database.unit_of_work() as work:
                for user_id, coins in users:
                    try:
                        self._credit(work, user_id, NewGrant(kind, coins), description)
                    except REFUSALS as refusal:
                        refused.append(BadRow(user_id, str(coins), str(refusal)))
            through += len(users)
            if progress is not None:
                progress(through)
        self._prove(plan, refused)
        log.info(
            "import.finished",
            source=self._name,
            users=through - len(refused),
            refused=len(refused),
            coins=plan.balances.total,
        )
        return tuple(refused)

    def _credit(self, work: UnitOfWork, user_id: str, grant: NewGrant, description: str) -> None:
        ledger.credit(
            work,
            user_id,
            [grant],
            key=rules.key_of(self._name, user_id),
            source="import",
            description=description,
            spend_order=self._spend_order,
        )

    def _prove(self, plan: Plan, refused: Sequence[BadRow]) -> None:
        ours = self._imported(plan.balances)
        left_out = {row.user_id for row in refused}
        expected = {user: coins for user, coins in plan.expected.items() if user not in left_out}
        if ours != expected:
            raise ImportFailed(
                f"The ledger has {sum(ours.values())} coins of {len(ours)} users from this import, and should have"
                f" {sum(expected.values())} of {len(expected)}. Run it again; it brings nothing twice."
            )
        now = rules.read_balances(self._source.balances(), self._name)
        moved = sorted(_differing(plan.balances.coins, now))
        if moved:
            raise ImportFailed(
                f"All is imported, but the source changed meanwhile: it now has {now.total} coins and had"
                f" {plan.balances.total}. Users: {', '.join(moved[:20])}. Stop the old application, then correct"
                " these wallets with `coinpurse wallet adjust`."
            )

    def _imported(self, balances: Balances) -> dict[str, int]:
        """The coins that this import has brought to the source's users until now."""
        found: dict[str, int] = {}
        with self._database.unit_of_work() as work:
            for users in _pages(sorted(balances.coins), LOOK_UP):
                keys = [rules.key_of(self._name, user_id) for user_id in users]
                found |= ledger.find_coins_by_key(work, users, keys)
        return found


def _differing(before: Mapping[str, int], now: Balances) -> set[str]:
    users = {*before, *now.coins, *(row.user_id for row in now.bad)}
    return {user_id for user_id in users if before.get(user_id, 0) != now.coins.get(user_id, 0)}


def _pages(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]

"""Every operation of the ledger in any order, against a model in plain Python, on PostgreSQL."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from coinpurse import ledger
from coinpurse.db import Database, UnitOfWork
from coinpurse.errors import DomainError, IdempotencyConflict
from coinpurse.ledger import Hold, NewGrant, Spend, Transaction, store
from coinpurse.ledger.service import RANKS
from tests.ledger.model import NEVER, ModelGrant, ModelHold, ModelWallet, Refused, Row

PAST = datetime(2001, 1, 1, tzinfo=UTC)
FUTURE = datetime(2201, 1, 1, tzinfo=UTC)
LONGEST_HOLD_DAYS = 9
examples = itertools.count()

picks = st.integers(0, 1000)
users = st.integers(0, 2)
payments = st.none() | st.integers(0, 1)
# -1 stands for all that is available, -2 for one more.
amounts = st.one_of(st.integers(1, 60), st.sampled_from([-1, -2]))
days = st.one_of(st.just(NEVER), st.integers(1, 9))
new_grants = st.lists(
    st.tuples(st.sampled_from(["paid", "bonus"]), st.integers(1, 60), days), min_size=1, max_size=3
)


NEW_ROWS = f"""
    SELECT {store.COLUMNS} FROM coinpurse.transactions
     WHERE user_id = ANY (%(users)s) AND id > %(after)s ORDER BY id
"""  # noqa: S608  Our own columns.
GRANTS = """
    SELECT user_id, id, kind, remaining, held, frozen, taken, expired, exhausted FROM coinpurse.grants
     WHERE user_id = ANY (%(users)s) ORDER BY id
"""
# is_planned: nothing comes due before the wallet says that something does.
FIGURES = """
    SELECT user_id, balance, held, frozen, debt, blocked,
           (SELECT coalesce(sum(coins), 0) FROM coinpurse.transactions AS t WHERE t.user_id = w.user_id) AS posted,
           (SELECT coalesce(sum(coins), 0) FROM coinpurse.holds AS h
             WHERE h.user_id = w.user_id AND state = 'open') AS open_holds,
           NOT EXISTS (SELECT FROM coinpurse.grants AS g WHERE g.user_id = w.user_id
                          AND g.remaining > g.held + g.frozen AND g.expires_at < next_due_at)
           AND NOT EXISTS (SELECT FROM coinpurse.holds AS h WHERE h.user_id = w.user_id
                              AND h.state = 'open' AND h.expires_at < next_due_at) AS is_planned
      FROM coinpurse.wallets AS w WHERE user_id = ANY (%(users)s)
"""
LET_TIME_PASS = (
    """
    UPDATE coinpurse.grants SET expires_at = expires_at - %(back)s
     WHERE user_id = %(user)s AND expires_at BETWEEN '2201-01-01' AND %(until)s
    """,
    """
    UPDATE coinpurse.holds SET expires_at = '2001-01-01' WHERE id = ANY (%(over)s) AND expires_at > now()
    """,
    """
    UPDATE coinpurse.wallets SET next_due_at = '2001-01-01'
     WHERE user_id = %(user)s
       AND (next_due_at <= %(until)s
            AND EXISTS (SELECT FROM coinpurse.grants
                         WHERE user_id = %(user)s AND NOT exhausted AND expires_at <= now())
            OR EXISTS (SELECT FROM coinpurse.holds WHERE id = ANY (%(over)s) AND state = 'open'))
    """,
)


@dataclass
class Posted:
    """A call that succeeded: its model row, what it returned, and how to make it again."""

    user: int
    key: str
    first: Transaction | Hold
    again: Callable[[str], Transaction | Hold]
    row: Row | None = None


class LedgerMachine(RuleBasedStateMachine):
    """Drives the ledger and its model side by side; every call commits at once."""

    database: Database

    def __init__(self) -> None:
        super().__init__()
        self.prefix = f"m{next(examples):08}"
        self.users = [f"{self.prefix}{letter}" for letter in "abc"]
        self.wallets = [ModelWallet() for _ in self.users]
        # A payment is of one user.
        self.payments = [[uuid4(), uuid4()] for _ in self.users]
        self.keys = map("key-{}".format, itertools.count())
        self.posted: list[Posted] = []
        self.holds: list[tuple[int, int, ModelHold]] = []
        self.seen: list[list[Any]] = [[] for _ in self.users]
        self._lent = self.database.connection()
        self.connection = self._lent.__enter__()
        self.connection.autocommit = True
        self.work = UnitOfWork(self.connection)

    def teardown(self) -> None:
        self.connection.autocommit = False
        self._lent.__exit__(None, None, None)

    # ---- operations

    @rule(user=users, new=new_grants, payment=payments, order=st.sampled_from(list(RANKS)))
    def credit(
        self, user: int, new: list[tuple[str, int, int]], payment: int | None, order: Any
    ) -> None:
        wallet = self.wallets[user]
        of_payment = None if payment is None else self.payments[user][payment]
        grants = [
            NewGrant(kind, coins, expires_at=_moment(day, wallet.day))  # type: ignore[arg-type]
            for kind, coins, day in new
        ]
        self.compare(
            user,
            lambda: wallet.credit(
                [(kind, RANKS[order][kind], coins, day) for kind, coins, day in new], of_payment
            ),
            lambda key: ledger.credit(
                self.work,
                self.users[user],
                grants,
                key=key,
                source="promotion",
                payment_id=of_payment,
                spend_order=order,
            ),
        )

    @rule(user=users, amount=amounts)
    def spend(self, user: int, amount: int) -> None:
        coins = self.coins(user, amount)
        self.compare(
            user,
            lambda: self.touched(user).take(coins, "usage"),
            lambda key: ledger.spend(self.work, self.users[user], coins, key=key),
        )

    @rule(items=st.lists(st.tuples(users, amounts, st.booleans()), min_size=1, max_size=5))
    def spend_many(self, items: list[tuple[int, int, bool]]) -> None:
        spends: list[Spend] = []
        for user, amount, same_key in items:
            coins = self.coins(user, amount)
            key = spends[-1].key if same_key and spends else next(self.keys)
            spends.append(Spend(self.users[user], coins, key))

        results = ledger.spend_many(self.work, spends)

        for (user, _, _), item, result in zip(items, spends, results, strict=True):
            earlier = self.find(user, item.key)
            if earlier is not None:
                self.wallets[user].settle()
                if earlier.first.coins == -item.coins:
                    assert result == replace(earlier.first, created=False)
                else:
                    assert isinstance(result, IdempotencyConflict)
                continue

            def again(key: str, item: Spend = item) -> Transaction:
                return ledger.spend(self.work, item.user_id, item.coins, key=key)

            def model(user: int = user, item: Spend = item) -> Row:
                return self.touched(user).take(item.coins, "usage")

            self.record(user, item.key, model, result, again)

    @rule(user=users, amount=amounts, less=st.booleans())
    def adjust(self, user: int, amount: int, less: bool) -> None:
        coins = self.coins(user, amount)
        wallet = self.wallets[user]
        self.compare(
            user,
            lambda: (
                self.touched(user).take(coins, "adjustment")
                if less
                else wallet.credit([("bonus", 0, coins, NEVER)], None, "adjustment")
            ),
            lambda key: ledger.adjust(
                self.work,
                self.users[user],
                -coins if less else coins,
                key=key,
                reason="test",
                actor="op",
            ),
        )

    @precondition(lambda self: self.of_type("usage", "capture"))
    @rule(pick=picks, coins=st.none() | st.integers(1, 40))
    def reverse(self, pick: int, coins: int | None) -> None:
        original = _pick(self.of_type("usage", "capture"), pick)
        assert original.row is not None
        row = original.row
        self.compare(
            original.user,
            lambda: self.touched(original.user).reverse(row, coins),
            lambda key: ledger.reverse(self.work, original.first.id, key=key, coins=coins),
        )

    @rule(user=users, amount=amounts, ttl_days=st.integers(1, LONGEST_HOLD_DAYS))
    def hold(self, user: int, amount: int, ttl_days: int) -> None:
        coins = self.coins(user, amount)
        result = self.compare(
            user,
            lambda: self.touched(user).hold(coins, ttl_days),
            lambda key: ledger.hold(
                self.work, self.users[user], coins, key=key, ttl_seconds=ttl_days * 86400
            ),
        )
        if isinstance(result, Hold):
            self.holds.append((user, result.id, self.wallets[user].holds[-1]))

    @precondition(lambda self: self.holds)
    @rule(pick=picks, coins=st.none() | st.integers(1, 60))
    def capture(self, pick: int, coins: int | None) -> None:
        user, id_, held = _pick(self.holds, pick)
        self.compare(
            user,
            lambda: self.touched(user).resolve(held, coins),
            lambda key: ledger.capture(self.work, id_, key=key, coins=coins),
        )

    @precondition(lambda self: self.holds)
    @rule(pick=picks)
    def void(self, pick: int) -> None:
        user, id_, held = _pick(self.holds, pick)
        self.compare(
            user,
            lambda: self.touched(user).resolve(held, 0),
            lambda key: ledger.void(self.work, id_, key=key),
        )

    @rule(
        user=users,
        payment=st.integers(0, 1),
        taking=st.integers(0, 150),
        freezing=st.integers(0, 150),
        owing=st.integers(0, 150),
        policy=st.sampled_from(["debt", "forgive", "block"]),
    )
    def claim(
        self, user: int, payment: int, taking: int, freezing: int, owing: int, policy: Any
    ) -> None:
        wallet = self.wallets[user]
        if not wallet.exists:
            return
        owing = min(owing, freezing)
        of_payment = self.payments[user][payment]

        posted = ledger.claim(
            self.work,
            self.users[user],
            of_payment,
            taking=taking,
            freezing=freezing,
            owing=owing,
            policy=policy,
        )

        wallet.settle()
        expected = wallet.claim(of_payment, taking, freezing, owing, policy)
        assert (posted is None) == (expected is None)
        again = ledger.claim(
            self.work,
            self.users[user],
            of_payment,
            taking=taking,
            freezing=freezing,
            owing=owing,
            policy=policy,
        )
        # Coins that the first call let go may be past their day, and are settled by the second.
        wallet.settle()
        expected = wallet.claim(of_payment, taking, freezing, owing, policy)
        assert (again is None) == (expected is None)

    @rule(user=users)
    def unblock(self, user: int) -> None:
        self.compare(
            user,
            lambda: self.touched(user).unblock(),
            lambda key: ledger.unblock(
                self.work, self.users[user], key=key, reason="test", actor="op"
            ),
        )

    @precondition(lambda self: self.posted)
    @rule(pick=picks)
    def repeat(self, pick: int) -> None:
        earlier = _pick(self.posted, pick)
        self.wallets[earlier.user].settle()
        again, first = earlier.again(earlier.key), replace(earlier.first, created=False)
        if isinstance(first, ledger.Hold):
            first = replace(first, expires_at=again.expires_at)  # `let_time_pass` moves it.
        assert again == first

    @precondition(lambda self: len(self.posted) > 1)
    @rule(pick=picks, other=picks)
    def reuse_a_key_for_something_else(self, pick: int, other: int) -> None:
        earlier = _pick(self.posted, pick)
        self.wallets[earlier.user].settle()
        with pytest.raises(IdempotencyConflict):
            ledger.spend(self.work, self.users[earlier.user], 61 + other, key=earlier.key)

    @rule(user=users, to=st.integers(1, 9), sweep=st.booleans())
    def let_time_pass(self, user: int, to: int, sweep: bool) -> None:
        """What was due up to that day moves to the past in PostgreSQL; in the model the day comes."""
        wallet = self.wallets[user]
        until = FUTURE + timedelta(days=max(to, wallet.day))
        wallet.day = max(to, wallet.day)
        over = [id_ for of, id_, held in self.holds if of == user and held.day <= wallet.day]
        values = {"user": self.users[user], "until": until, "over": over, "back": FUTURE - PAST}
        for statement in LET_TIME_PASS:
            self.connection.execute(statement, values)
        if sweep:
            ledger.sweep_due(self.work, most=100)
            for each in self.wallets:
                each.settle()

    @rule(user=users, blocked=st.booleans())
    def block(self, user: int, blocked: bool) -> None:
        self.wallets[user].blocked = blocked and self.wallets[user].exists
        self.connection.execute(
            "UPDATE coinpurse.wallets SET blocked = %s WHERE user_id = %s",
            [blocked, self.users[user]],
        )

    @rule(user=users)
    def read(self, user: int) -> None:
        wallet = self.wallets[user]
        wallet.settle()
        found = ledger.get_wallet(self.work, self.users[user])
        by_kind = {
            kind: sum(grant.remaining for grant in wallet.grants if grant.kind == kind)
            for kind in ("paid", "bonus")
        }
        assert (found.balance, found.held, found.frozen, found.debt, found.available) == (
            wallet.balance,
            wallet.held,
            wallet.frozen,
            wallet.debt,
            wallet.available,
        )
        assert {"paid": found.paid, "bonus": found.bonus} == by_kind

    @rule(user=users, pick=picks)
    def explain(self, user: int, pick: int) -> None:
        if not self.seen[user]:
            return
        self.wallets[user].settle()
        at = _pick(self.seen[user], pick).created_at

        told = ledger.explain(self.work, self.users[user], at=at)

        known = [row for row in self.seen[user] if row.created_at <= at]
        assert told.balance == known[-1].balance_after
        assert told.held == sum(row.held for row in known)
        assert told.frozen == sum(row.frozen for row in known)
        assert told.balance == sum(grant.remaining for grant in told.grants) - told.debt
        assert [row.id for row in told.transactions] == [row.id for row in known[::-1]][:50]

    # ---- what always holds

    @invariant()
    def the_database_is_the_model(self) -> None:
        new_rows = self.fetch(
            NEW_ROWS, after=max((rows[-1].id for rows in self.seen if rows), default=0)
        )
        for row in new_rows:
            self.seen[self.users.index(row.user_id)].append(row)
        figures = {row.user_id: row for row in self.fetch(FIGURES)}
        grants = self.fetch(GRANTS)
        for place, (user_id, wallet) in enumerate(zip(self.users, self.wallets, strict=True)):
            assert wallet.exists == (user_id in figures)
            if not wallet.exists:
                continue
            found = figures[user_id]
            assert found.balance == found.posted == wallet.balance
            assert found.held == found.open_holds == wallet.held
            assert (found.frozen, found.debt) == (wallet.frozen, wallet.debt)
            assert found.blocked == wallet.blocked
            assert found.balance - found.held - found.frozen >= 0 or found.debt > 0
            assert found.is_planned
            self.compare_grants(wallet, [row for row in grants if row.user_id == user_id])
            self.compare_rows(wallet, self.seen[place])

    @invariant()
    def the_books_agree(self) -> None:
        page = store.Page(self.prefix, f"{self.prefix}m", f"{self.prefix}z", wallets=0)
        assert store.differences(self.work, page) == []

    def compare_grants(self, wallet: ModelWallet, found: list[Any]) -> None:
        for grant, row in zip(wallet.grants, found, strict=True):
            grant.id = row.id
            assert (row.kind, row.remaining, row.held, row.frozen, row.taken, row.expired) == (
                grant.kind,
                grant.remaining,
                grant.held,
                grant.frozen,
                grant.taken,
                grant.expired,
            )
            assert row.exhausted == (grant.remaining == 0)

    def compare_rows(self, wallet: ModelWallet, found: list[Any]) -> None:
        assert len(found) == len(wallet.rows)
        before = 0
        for row, model in zip(found, wallet.rows, strict=True):
            assert row.balance_after == before + row.coins
            before = row.balance_after
            assert (row.type, row.coins, row.balance_after, row.held, row.frozen, row.debt) == (
                model.type,
                model.coins,
                model.balance_after,
                model.held,
                model.frozen,
                model.debt,
            )
            assert row.forgiven == model.forgiven
            assert dict(zip(row.grant_ids, row.grant_coins, strict=True)) == _moves(model.moves)

    # ---- the machinery

    def compare(
        self,
        user: int,
        model: Callable[[], Row | ModelHold],
        call: Callable[[str], Transaction | Hold],
    ) -> Transaction | Hold | DomainError:
        """Do it in both; the results or the refusals are the same."""
        key = next(self.keys)
        result: Transaction | Hold | DomainError
        try:
            result = call(key)
        except DomainError as error:
            result = error
        self.record(user, key, model, result, call)
        return result

    def record(
        self,
        user: int,
        key: str,
        model: Callable[[], Row | ModelHold],
        result: Transaction | Hold | DomainError,
        again: Callable[[str], Transaction | Hold],
    ) -> None:
        expected = refused = None
        try:
            expected = model()
        except Refused as refusal:
            refused = refusal
        if refused is not None:
            assert type(result) is refused.error
            assert refused.facts.items() <= result.facts.items()
            return
        assert not isinstance(result, DomainError), result
        assert result.created
        row = expected if isinstance(expected, Row) else None
        if isinstance(result, Transaction):
            assert row is not None
            assert (result.coins, result.balance_after) == (row.coins, row.balance_after)
        self.posted.append(Posted(user, key, result, again, row))

    def touched(self, user: int) -> ModelWallet:
        self.wallets[user].touch()
        return self.wallets[user]

    def coins(self, user: int, amount: int) -> int:
        """A number of coins; the special ones as they stand before anything is settled."""
        if amount > 0:
            return amount
        return max(1, self.wallets[user].available + (amount == -2))

    def find(self, user: int, key: str) -> Any:
        return next((p for p in self.posted if p.user == user and p.key == key), None)

    def of_type(self, *types: str) -> list[Posted]:
        return [p for p in self.posted if p.row is not None and p.row.type in types]

    def fetch(self, statement: str, **values: object) -> list[Any]:
        return self.work.rows(statement, users=self.users, **values)


def _pick(items: list[Any], pick: int) -> Any:
    return items[pick % len(items)]


def _moment(day: int, today: int) -> datetime | None:
    if day == NEVER:
        return None
    return (PAST if day <= today else FUTURE) + timedelta(days=day)


def _moves(moves: Any) -> dict[int | None, int]:
    changes: list[tuple[ModelGrant, int]] = list(moves)
    return {grant.id: change for grant, change in changes}


@pytest.mark.parametrize("shard", range(4))
def test_the_ledger_does_what_the_model_does(
    shared_database: Database, profile: settings, shard: int
) -> None:
    class Machine(LedgerMachine):
        database = shared_database

    run_state_machine_as_test(
        Machine, settings=settings(profile, max_examples=profile.max_examples // 4)
    )

    with shared_database.unit_of_work() as work:
        assert [wrong for _, differing in ledger.verify(work) for wrong in differing] == []


def test_coins_past_their_day_that_a_claim_lets_go_are_lost_at_the_next_call(
    shared_database: Database,
) -> None:
    """A walk that a long search found: a lower claim thaws coins that have expired meanwhile."""

    class Machine(LedgerMachine):
        database = shared_database

    machine = Machine()
    never = 1_000_000_000
    machine.credit(0, [("paid", 34, never), ("paid", 33, never), ("paid", 42, 6)], 0, "bonus_first")
    machine.claim(0, 0, taking=100, freezing=142, owing=118, policy="debt")
    machine.let_time_pass(0, to=7, sweep=False)
    machine.credit(0, [("paid", 73, never)], None, "bonus_first")
    machine.claim(0, 0, taking=14, freezing=129, owing=59, policy="forgive")
    machine.claim(0, 0, taking=64, freezing=17, owing=119, policy="debt")
    machine.the_database_is_the_model()
    machine.the_books_agree()

    lost = [row for row in machine.wallets[0].rows if row.type == "expiry"]
    machine.teardown()

    assert [row.coins for row in lost] == [-28]

"""Refunds and disputes are reported in any order and number: only what is true in the end counts."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coinpurse import ledger
from coinpurse.db import Database, UnitOfWork
from coinpurse.ledger import NewGrant, SpentPolicy

PAST = datetime(2001, 1, 1, tzinfo=UTC)
examples = itertools.count()

Target = tuple[int, int, int]


@dataclass(frozen=True)
class Past:
    """What became of a payment's coins before anything was reported. Grants: (kind, coins, whether expired)."""

    grants: list[tuple[Any, int, bool]]
    others: int
    spent: int
    held: int


pasts = st.builds(
    Past,
    grants=st.lists(
        st.tuples(st.sampled_from(["paid", "bonus"]), st.integers(1, 50), st.booleans()),
        min_size=1,
        max_size=3,
    ),
    others=st.integers(0, 30),
    spent=st.integers(0, 60),
    held=st.integers(0, 60),
)


@st.composite
def targets(draw: st.DrawFn) -> Target:
    """Taking, freezing and owing of one report."""
    freezing = draw(st.integers(0, 100))
    return draw(st.integers(0, 100)), freezing, draw(st.integers(0, freezing))


class Store:
    """A wallet of its own with the given past, in which reports come in."""

    def __init__(self, work: UnitOfWork, past: Past, policy: SpentPolicy) -> None:
        self.work, self.policy = work, policy
        self.user_id, self.payment = f"order-{next(examples)}", uuid4()
        self.spent = self.held = None
        for number, (kind, coins, expired) in enumerate(past.grants):
            expires_at = PAST if expired else None
            self._credit([NewGrant(kind, coins, expires_at=expires_at)], f"c{number}", self.payment)
        if past.others:
            self._credit([NewGrant("bonus", past.others)], "other", uuid4())
        for coins, call in ((past.spent, self._spend), (past.held, self._hold)):
            available = ledger.get_wallet(work, self.user_id).available
            if min(coins, available) > 0:
                call(min(coins, available))

    def report(self, target: Target) -> bool:
        """Whether there was something to post."""
        taking, freezing, owing = target
        posted = ledger.claim(
            self.work,
            self.user_id,
            self.payment,
            taking=taking,
            freezing=freezing,
            owing=owing,
            policy=self.policy,
        )
        return posted is not None

    def let_go(self) -> None:
        """What was held or spent comes back."""
        if self.held is not None:
            ledger.void(self.work, self.held, key="v")
        if self.spent is not None:
            ledger.reverse(self.work, self.spent, key="r")

    def figures(self) -> list[Any]:
        """The wallet and its grants, but for their names."""
        wallet = ledger.get_wallet(self.work, self.user_id)
        grants = self.work.rows(
            "SELECT kind, coins, remaining, held, frozen, taken, expired, exhausted"
            "  FROM coinpurse.grants WHERE user_id = %(user_id)s ORDER BY id",
            user_id=self.user_id,
        )
        return [replace(wallet, user_id=""), *map(tuple, grants)]

    def _credit(self, grants: list[NewGrant], key: str, payment: UUID) -> None:
        ledger.credit(
            self.work, self.user_id, grants, key=key, source="purchase", payment_id=payment
        )

    def _spend(self, coins: int) -> None:
        self.spent = ledger.spend(self.work, self.user_id, coins, key="s").id

    def _hold(self, coins: int) -> None:
        self.held = ledger.hold(self.work, self.user_id, coins, key="h", ttl_seconds=600).id


@pytest.mark.parametrize("policy", ["debt", "forgive", "block"])
def test_any_order_and_number_of_reports_ends_as_the_last_one_alone(
    shared_database: Database, profile: settings, policy: SpentPolicy
) -> None:
    @settings(profile, max_examples=profile.max_examples // 4)
    @given(past=pasts, reports=st.lists(targets(), min_size=1, max_size=5), data=st.data())
    def check(past: Past, reports: list[Target], data: st.DataObject) -> None:
        last = reports[-1]
        order = data.draw(st.lists(st.sampled_from(reports), max_size=10))
        with shared_database.unit_of_work() as work:
            alone, many = Store(work, past, policy), Store(work, past, policy)
            alone.report(last)
            for target in [*order, last]:
                many.report(target)
                assert not many.report(target)

            assert many.figures() == alone.figures()
            for each in (alone, many):
                each.let_go()
            assert many.figures() == alone.figures()

    check()
    with shared_database.unit_of_work() as work:
        assert [wrong for _, differing in ledger.verify(work) for wrong in differing] == []


@pytest.mark.parametrize("policy", ["debt", "forgive", "block"])
def test_reports_before_and_after_the_coins_came_back_end_alike(
    shared_database: Database, profile: settings, policy: SpentPolicy
) -> None:
    @settings(profile, max_examples=profile.max_examples // 4)
    @given(past=pasts, target=targets())
    def check(past: Past, target: Target) -> None:
        with shared_database.unit_of_work() as work:
            before, after = Store(work, past, policy), Store(work, past, policy)
            before.report(target)
            before.let_go()
            after.let_go()
            after.report(target)

            assert before.figures() == after.figures()

    check()

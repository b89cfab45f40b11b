"""What a call costs when the ledger is large, beside the same call when it is small."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from functools import partial

import psycopg

from benchmarks.dataset import DEEP_USER, ROWS_PER_WALLET, fill
from benchmarks.measure import Plan, Row, milliseconds_each
from benchmarks.server import Server
from coinpurse import ledger
from coinpurse.db import UnitOfWork
from coinpurse.purchases import store as payments

ACTIVE_WALLETS = 100
LIMIT = 1.2


def prepare(server: Server, plan: Plan) -> dict[str, str]:
    """Fill the two databases."""
    urls = {name: server.database(name) for name in ("small", "large")}
    fill(urls["small"], rows=plan.small_rows)
    fill(urls["large"], rows=plan.large_rows, deep_rows=plan.deep_rows)
    return urls


def rows(urls: dict[str, str], plan: Plan) -> Iterator[Row]:
    """Time calls in turn on both; the wallets in use are as many in both, spread over all."""
    choice = random.Random(1)  # noqa: S311  Not for secrets.
    connections = {name: psycopg.connect(url, autocommit=True) for name, url in urls.items()}
    for connection in connections.values():
        # The disk's part is the same whatever the size, and would hide what differs.
        connection.execute("SET synchronous_commit = off")
    works = {name: UnitOfWork(connection) for name, connection in connections.items()}
    strides = {
        name: count // ROWS_PER_WALLET // ACTIVE_WALLETS
        for name, count in (("small", plan.small_rows), ("large", plan.large_rows))
    }

    def number(where: str) -> int:
        return choice.randint(0, ACTIVE_WALLETS - 1) * strides[where] + 1

    def spend(where: str, user_id: str | None = None) -> None:
        user = user_id or f"user-{number(where)}"
        ledger.spend(works[where], user, 1, key=f"bench-{choice.getrandbits(62)}")

    def wallet_page(where: str, user_id: str | None = None) -> None:
        user = user_id or f"user-{number(where)}"
        ledger.get_wallet(works[where], user)
        ledger.list_transactions(works[where], user, before=None, limit=50)

    def payment_status(where: str) -> None:
        found = payments.find_by_session(works[where], f"cs_test_{number(where)}")
        assert found is not None

    def times(call: Callable[..., None], *, deep: bool) -> dict[str, float]:
        calls: dict[str, Callable[[], None]] = {name: partial(call, name) for name in urls}
        if deep:
            calls["deep"] = partial(call, "large", DEEP_USER)
        return milliseconds_each(calls, calls=plan.calls)

    large = f"{plan.large_rows:,} ledger rows"
    deep = f"a wallet of {plan.deep_rows:,} rows and 200 grants"
    for work, call in (("spend", spend), ("wallet page", wallet_page)):
        taken = times(call, deep=True)
        yield _row(f"{work}, {large}", taken["large"], taken["small"], plan)
        yield _row(
            f"{work}, {deep}",
            taken["deep"],
            taken["small"],
            plan,
            limit=LIMIT if call is spend else None,
        )
    taken = times(payment_status, deep=False)
    yield _row(f"payment status, {large}", taken["large"], taken["small"], plan)
    for connection in connections.values():
        connection.close()


def _row(work: str, ours: float, theirs: float, plan: Plan, *, limit: float | None = LIMIT) -> Row:
    against = f"the same, {plan.small_rows:,} rows"
    return Row(work, against, "ms a call", ours, theirs, ours / theirs, limit, at_least=False)

"""Spending through the Python interface, beside pgbench calling the kernel."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import partial

from benchmarks.measure import Plan, Row, alternate, calls_per_second
from benchmarks.server import Server, purse_of, spends_per_second
from coinpurse import Coinpurse
from coinpurse.ledger import Spend, Transaction

BATCH = 500
BATCH_THREADS = 4
ONE_WALLET_THREADS = 16


def prepare(server: Server, plan: Plan) -> str:
    """Make a database of wallets that have a paid and a bonus grant each."""
    url = server.database("spending")
    purse = purse_of(url)
    for user in _users(plan.wallets):
        for kind in ("paid", "bonus"):
            purse.credit(user, 10**9, key=f"given-{kind}", kind=kind)
    purse.database.close()
    return url


def rows(server: Server, url: str, plan: Plan) -> Iterator[Row]:
    """Measure single spends, batches, and a single hot wallet."""
    purse, grouping = purse_of(url), purse_of(url, group_commit=True)

    def pgbench(clients: int, wallets: int = plan.wallets) -> float:
        return spends_per_second(
            url, server.folder, clients=clients, wallets=wallets, seconds=plan.seconds
        )

    def single(of: Coinpurse, threads: int, wallets: int = plan.wallets) -> float:
        def call(choice: random.Random, _thread: int) -> int:
            user = f"user-{choice.randint(1, wallets)}"
            of.spend(user, 1, key=_key(choice), description="A spell")
            return 1

        return calls_per_second(call, threads=threads, seconds=plan.seconds)

    def batches() -> float:
        # Each thread has wallets of its own, as workers of a usage log have: batches that share wallets
        # wait for each other to the end.
        share = plan.wallets // BATCH_THREADS

        def call(choice: random.Random, thread: int) -> int:
            users = (f"user-{share * thread + choice.randint(1, share)}" for _ in range(BATCH))
            items = [Spend(user, 1, _key(choice), "A spell") for user in users]
            done = purse.spend_many(items)
            assert all(isinstance(result, Transaction) for result in done)
            return BATCH

        return calls_per_second(call, threads=BATCH_THREADS, seconds=plan.seconds)

    # Pools, prepared statements and plans.
    single(purse, 16)
    comparisons = (
        ("purse.spend, 8 threads", "8 clients", lambda: single(purse, 8), 8, plan.wallets, 0.6),
        ("purse.spend, 1 thread", "1 client", lambda: single(purse, 1), 1, plan.wallets, 0.8),
        (
            f"purse.spend_many of {BATCH}, {BATCH_THREADS} threads",
            "8 clients",
            batches,
            8,
            plan.wallets,
            5.0,
        ),
        (
            f"one wallet, group commit, {ONE_WALLET_THREADS} threads",
            "one wallet, 8 clients",
            lambda: single(grouping, ONE_WALLET_THREADS, 1),
            8,
            1,
            3.0,
        ),
    )
    for work, against, ours, clients, wallets, limit in comparisons:
        a, b, ratio = alternate(ours, partial(pgbench, clients, wallets), repeats=plan.repeats)
        yield Row(work, f"pgbench, {against}", "spends/s", a, b, ratio, limit)
    purse.database.close()
    grouping.database.close()


def _users(wallets: int) -> list[str]:
    return [f"user-{n}" for n in range(1, wallets + 1)]


def _key(choice: random.Random) -> str:
    return f"bench-{choice.getrandbits(62)}"

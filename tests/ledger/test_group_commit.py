"""Group commit: what each caller gets is what it would have got alone."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coinpurse import Coinpurse, ledger, signals
from coinpurse.db import Database, engine
from coinpurse.errors import DomainError, LedgerInvariantBroken
from coinpurse.ledger import NewGrant, Spend, Transaction, group_commit
from coinpurse.ledger.group_commit import GroupCommit
from tests.ledger.conftest import make_purse

USERS = ["ada", "bob", "cyd"]


def credit(database: Database, coins: int = 1000, users: list[str] = USERS) -> None:
    with database.unit_of_work() as work:
        for user in users:
            ledger.credit(work, user, [NewGrant("bonus", coins)], key="c", source="promotion")


def outcome(result: Any) -> Any:
    """What is the same in two ledgers: not the ids."""
    if isinstance(result, Transaction):
        return result.user_id, result.coins, result.created
    return type(result).__name__, getattr(result, "facts", None)


def attempt(call: Callable[[Spend], Transaction], item: Spend) -> Any:
    try:
        return call(item)
    except DomainError as error:
        return error


def alone(database: Database, item: Spend) -> Transaction:
    with database.unit_of_work() as work:
        return ledger.spend(work, item.user_id, item.coins, key=item.key, metadata=item.metadata)


def verified(database: Database) -> None:
    with database.unit_of_work() as work:
        assert [wrong for _, differing in ledger.verify(work) for wrong in differing] == []


class Gate:
    """Keeps Ada's wallet locked, so that a batch is under way while others queue up."""

    def __init__(self, database: Database) -> None:
        self.connection = psycopg.connect(database.conninfo)

    def __enter__(self) -> Gate:
        self.connection.execute("SELECT 1 FROM coinpurse.wallets WHERE user_id = 'ada' FOR UPDATE")
        return self

    def open(self) -> None:
        self.connection.rollback()

    def __exit__(self, *_: object) -> None:
        self.connection.close()


items = st.builds(
    Spend,
    st.sampled_from([*USERS, "nobody", ""]),
    st.sampled_from([1, 2, 5, 20, 60, 0, -1]),
    st.sampled_from([*map("k{}".format, range(12)), "", "\x00"]),
    metadata=st.sampled_from([None, {"a": 1}, {"n": float("nan")}]),
)


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(batch=st.lists(items, max_size=25), numbers=st.uuids())
def test_a_batch_has_the_results_of_its_spends_one_by_one(
    shared_database: Database, batch: list[Spend], numbers: object
) -> None:
    def own(side: str) -> list[Spend]:
        return [
            Spend(
                item.user_id and f"{numbers}{side}{item.user_id}",
                item.coins,
                item.key,
                metadata=item.metadata,
            )
            for item in batch
        ]

    for side in "ab":
        credit(shared_database, 70, [f"{numbers}{side}{user}" for user in USERS])
    with shared_database.unit_of_work() as work:
        together = ledger.spend_many(work, own("a"))
    one_by_one = [attempt(lambda item: alone(shared_database, item), item) for item in own("b")]

    def shown(result: Any, side: str) -> str:
        return str(outcome(result)).replace(f"{numbers}{side}", "")

    assert [shown(result, "a") for result in together] == [
        shown(result, "b") for result in one_by_one
    ]


@pytest.mark.parametrize("leaders", [1, 2, 4])
@pytest.mark.parametrize("users", [1, 40])
def test_many_threads_lose_and_double_nothing(database: Database, leaders: int, users: int) -> None:
    names = [f"user-{number}" for number in range(users)]
    credit(database, 100_000, names)
    group = GroupCommit(database, leaders=leaders)
    each = 150

    def spend(thread: int) -> int:
        return sum(
            group.spend(Spend(names[(thread + n) % users], 1, f"{thread}-{n}")).created
            for n in range(each)
        )

    with ThreadPoolExecutor(64) as pool:
        done = [pool.submit(spend, thread) for thread in range(64)]
        assert sum(future.result(60) for future in done) == 64 * each

    verified(database)
    with database.unit_of_work() as work:
        total = sum(ledger.get_wallet(work, name).balance for name in names)
        commits = work.row("SELECT count(DISTINCT xmin::text) AS n FROM coinpurse.transactions")
    assert total == users * 100_000 - 64 * each
    assert commits is not None
    assert commits.n < 64 * each, "nothing shared a commit"


def test_every_caller_gets_its_own_result_or_refusal(database: Database) -> None:
    credit(database, 100)
    group = GroupCommit(database)
    wanted = [
        (Spend("ada", 1, "a"), "Transaction"),
        (Spend("ada", 500, "b"), "InsufficientCoins"),
        (Spend("nobody", 1, "c"), "NotFound"),
        (Spend("ada", 0, "d"), "InvalidRequest"),
        (Spend("bob", 5, "c"), "IdempotencyConflict"),
        (Spend("cyd", 5, "e"), "Transaction"),
    ]

    with Gate(database) as gate, ThreadPoolExecutor(32) as pool:
        calls = [
            (pool.submit(attempt, group.spend, item), item, kind)
            for _ in range(5)
            for item, kind in wanted
        ]
        time.sleep(0.1)
        gate.open()
        for call, item, kind in calls:
            result = call.result(30)
            assert type(result).__name__ == kind
            if isinstance(result, Transaction):
                assert (result.user_id, result.coins) == (item.user_id, -item.coins)
    verified(database)


def test_a_batch_that_fails_fails_each_of_its_callers_and_a_repeat_spends_once(
    database: Database, sql: psycopg.Connection, eventually: Callable[..., Any]
) -> None:
    credit(database, 100)
    group = GroupCommit(database)

    def victim() -> Any:
        return sql.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
            " AND wait_event_type = 'Lock' AND query LIKE '%spend_many%'"
        ).fetchone()

    with Gate(database) as gate, ThreadPoolExecutor(16) as pool:
        first = pool.submit(group.spend, Spend("ada", 1, "first"))
        (pid,) = eventually(victim)
        rest = [pool.submit(group.spend, Spend("ada", 1, f"k{n}")) for n in range(12)]
        eventually(lambda: len(group._of_wallets["ada"].queue) == 12)
        sql.execute("SELECT pg_terminate_backend(%s)", [pid])
        with pytest.raises(psycopg.OperationalError):
            first.result(30)
        (second,) = eventually(victim)
        assert second != pid
        sql.execute("SELECT pg_terminate_backend(%s)", [second])
        errors = [call.exception(30) for call in rest]
        assert len({id(error) for error in errors}) == 1
        assert isinstance(errors[0], psycopg.OperationalError)
        gate.open()

    with ThreadPoolExecutor(13) as pool:
        keys = ["first", *(f"k{n}" for n in range(12))]
        results = list(pool.map(lambda key: group.spend(Spend("ada", 1, key)), keys))
    assert all(result.created for result in results)
    with database.unit_of_work() as work:
        assert ledger.get_wallet(work, "ada").balance == 100 - 13
    verified(database)


class Stopped(BaseException):
    """What a server raises in a thread that is to stop."""


@contextmanager
def stopped_after(seconds: float) -> Iterator[None]:
    """Interrupt the main thread once, as a server's time limit does."""

    def stop(*_: object) -> None:
        raise Stopped

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _waiting(database: Database) -> bool:
    with psycopg.connect(database.conninfo) as connection:
        return (
            connection.execute(
                "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                " AND datname = current_database() AND query LIKE '%spend_many%'"
            ).fetchone()
            is not None
        )


def test_a_waiting_caller_that_is_interrupted_gives_up_its_place(
    database: Database, eventually: Callable[..., Any]
) -> None:
    credit(database, 100)
    group = GroupCommit(database)

    with Gate(database) as gate, ThreadPoolExecutor(4) as pool:
        leading = pool.submit(group.spend, Spend("ada", 1, "leading"))
        eventually(lambda: _waiting(database))
        with stopped_after(0.2), pytest.raises(Stopped):
            group.spend(Spend("ada", 1, "interrupted"))
        assert not group._of_wallets["ada"].queue
        later = pool.submit(group.spend, Spend("ada", 1, "later"))
        gate.open()
        assert leading.result(30).created
        assert later.result(30).created

    assert group.spend(Spend("ada", 1, "interrupted")).created
    verified(database)


def test_a_leader_that_is_interrupted_strands_nobody(
    database: Database, eventually: Callable[..., Any]
) -> None:
    credit(database, 100)
    group = GroupCommit(database)
    queued: list[Any] = []

    def join_the_queue() -> None:
        eventually(lambda: group._of_wallets)
        queued.extend(pool.submit(group.spend, Spend("ada", 1, f"k{n}")) for n in range(6))

    with Gate(database) as gate, ThreadPoolExecutor(8) as pool:
        joining = pool.submit(join_the_queue)
        with stopped_after(1), pytest.raises(Stopped):
            group.spend(Spend("ada", 1, "leader"))
        joining.result(30)
        gate.open()
        for call in queued:
            assert call.result(30).created

    group.spend(Spend("ada", 1, "leader"))
    with database.unit_of_work() as work:
        assert ledger.get_wallet(work, "ada").balance == 100 - 7
    verified(database)


def test_a_new_leader_that_is_interrupted_passes_the_lead_on(database: Database) -> None:
    credit(database, 100)
    group = GroupCommit(database)
    ticket = group_commit._Ticket(Spend("ada", 1, "k"))

    class Interrupted:
        """Woken as a leader and interrupted at the same moment."""

        def acquire(self) -> None:
            raise Stopped

    group._common.leads = 0
    ticket.leads = True
    ticket.woken = Interrupted()  # type: ignore[assignment]

    with pytest.raises(Stopped):
        group._wait(ticket, group._common)

    assert group.spend(Spend("ada", 1, "next")).created


def test_a_leader_that_is_told_to_stop_does_not_tell_the_others_to(database: Database) -> None:
    group = GroupCommit(database)
    others = [group_commit._Ticket(Spend("ada", 1, f"k{n}")) for n in range(2)]
    group._common.queue.extend(others)
    group._common.leads = 0

    class Stopping(Spend):
        """Its coins cannot be read: the thread is told to stop then."""

        @property
        def coins(self) -> int:  # type: ignore[override]
            raise Stopped

    leader = group_commit._Ticket(Stopping.__new__(Stopping))
    object.__setattr__(leader.item, "metadata", None)
    object.__setattr__(leader.item, "user_id", "ada")
    group._lead(leader, group._common)

    assert isinstance(leader.result, Stopped)
    assert [type(other.result) for other in others] == [psycopg.OperationalError] * 2
    assert group._common.leads == 1


def test_a_locked_wallet_holds_up_nobody_but_its_own_callers(
    database: Database, eventually: Callable[..., Any]
) -> None:
    credit(database, 100)
    group = GroupCommit(database)

    with Gate(database) as gate, ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(group.spend, Spend("ada", 1, f"k{n}")) for n in range(4)]
        eventually(lambda: _waiting(database))
        for user in ("bob", "cyd"):
            assert pool.submit(group.spend, Spend(user, 1, "k")).result(10).created
        assert not any(call.done() for call in waiting)
        gate.open()
        assert all(call.result(30).created for call in waiting)

    assert group._of_wallets == {}
    assert group.spend(Spend("ada", 1, "after")).created
    verified(database)


def test_who_waits_for_a_locked_wallet_too_long_is_told_so_and_nobody_else(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    credit(database, 100)
    monkeypatch.setattr(engine, "LOCK_SECONDS", 1)
    impatient = Database(database.conninfo)
    group = GroupCommit(impatient)

    with Gate(database), ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(group.spend, Spend("ada", 1, f"k{n}")) for n in range(4)]
        others = [pool.submit(group.spend, Spend("bob", 1, f"k{n}")) for n in range(4)]
        assert all(call.result(30).created for call in others)
        for call in waiting:
            assert isinstance(call.exception(30), psycopg.errors.LockNotAvailable)

    assert group.spend(Spend("ada", 1, "k0")).created
    impatient.close()
    verified(database)


def test_a_hot_wallet_that_was_locked_for_a_moment_shares_commits_again(
    database: Database, sql: psycopg.Connection, eventually: Callable[..., Any]
) -> None:
    credit(database, 10_000)
    group = GroupCommit(database)

    def spend(thread: int) -> None:
        for number in range(40):
            group.spend(Spend("ada", 1, f"{thread}-{number}"))

    with Gate(database) as gate, ThreadPoolExecutor(16) as pool:
        calls = [pool.submit(spend, thread) for thread in range(16)]
        eventually(lambda: _waiting(database))
        gate.open()
        for call in calls:
            call.result(60)

    row = sql.execute("SELECT count(DISTINCT xmin::text) FROM coinpurse.transactions").fetchone()
    assert row is not None
    assert row[0] < 16 * 40 / 2
    verified(database)


def test_a_wallet_whose_books_are_broken_fails_alone_in_a_shared_commit(
    database: Database, sql: psycopg.Connection
) -> None:
    credit(database, 100)
    sql.execute("UPDATE coinpurse.wallets SET balance = 99 WHERE user_id = 'ada'")
    group = GroupCommit(database)
    group._common.leads = 0
    queued = [group_commit._Ticket(Spend(user, 1, "k")) for user in ("ada", "cyd")]
    group._common.queue.extend(queued)
    leader = group_commit._Ticket(Spend("bob", 1, "k"))
    group._lead(leader, group._common)
    # All three are to try again by wallet, as `spend` does.
    assert [ticket.result for ticket in (leader, *queued)] == [None] * 3

    with pytest.raises(LedgerInvariantBroken, match="does not continue its chain"):
        group.spend(Spend("ada", 1, "k"))
    assert group.spend(Spend("bob", 1, "k")).created
    assert group.spend(Spend("cyd", 1, "k")).created


def test_a_receiver_hears_of_its_own_thread_s_spend_and_may_spend_itself(
    database_url: str,
) -> None:
    purse = make_purse(database_url, group_commit=True)
    purse.credit("ada", 1000, key="c")
    heard: list[tuple[str, str]] = []

    def receive(_: object, *, transaction: Transaction) -> None:
        heard.append((threading.current_thread().name, transaction.idempotency_key))
        if not transaction.idempotency_key.startswith("fee"):
            purse.spend("ada", 1, key=f"fee-{transaction.idempotency_key}")

    def spend(number: int) -> None:
        key = f"{threading.current_thread().name}-{number}"
        purse.spend("ada", 1, key=key)
        purse.spend("ada", 1, key=key)

    with signals.coins_spent.connected_to(receive), ThreadPoolExecutor(8) as pool:
        for call in [pool.submit(spend, number) for number in range(60)]:
            call.result(30)

    assert len(heard) == len({key for _, key in heard}) == 120
    assert all(name in key for name, key in heard)
    assert purse.wallet("ada").balance == 1000 - 120
    purse.database.close()


@pytest.mark.parametrize("switched_on", [True, False])
def test_the_public_spend_is_the_same_with_and_without(
    database_url: str, switched_on: bool
) -> None:
    purse: Coinpurse = make_purse(database_url, group_commit=switched_on)
    purse.credit("ada", 10, key="c")

    posted = purse.spend("ada", 4, key="s", description="Hat", metadata={"hat": 1})

    assert (posted.coins, posted.balance_after, posted.description) == (-4, 6, "Hat")
    assert posted.metadata == {"hat": 1}
    assert not purse.spend("ada", 4, key="s", metadata={"hat": 1}).created
    with psycopg.connect(database_url) as connection:
        purse.spend("ada", 1, key="joined", connection=connection)
        connection.rollback()
    assert purse.wallet("ada").balance == 6
    purse.database.close()

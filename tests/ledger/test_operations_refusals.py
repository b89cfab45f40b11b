"""What the operations refuse: clearly, before they change anything, and without harm to a host's transaction."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from coinpurse import Coinpurse, ledger
from coinpurse.db import UnitOfWork
from coinpurse.errors import (
    AmountTooLarge,
    DomainError,
    HoldAlreadyResolved,
    IdempotencyConflict,
    InsufficientCoins,
    InvalidRequest,
    NotFound,
    WalletBlocked,
)
from coinpurse.ledger import Spend

BAD_COINS = [0, -1, True, 1.0, 1.5, "5", None, 2**53, 2**63, 2**70]
BAD_TEXTS = ["", "k" * 300, "a\x00b", "\ud800", "a\nb", None, 5]
BAD_IDS = [0, -1, 999_999, 2**63, True, "1", None]

# Every operation that changes something, with values that are good; a test spoils one of them.
CALLS: dict[str, Callable[[Coinpurse, dict[str, Any]], Any]] = {
    "credit": lambda purse, v: purse.credit(v["user_id"], v["coins"], key=v["key"]),
    "spend": lambda purse, v: purse.spend(v["user_id"], v["coins"], key=v["key"]),
    "spend_many": lambda purse, v: _only(
        purse.spend_many([Spend(v["user_id"], v["coins"], v["key"])])
    ),
    "hold": lambda purse, v: purse.hold(v["user_id"], v["coins"], key=v["key"]),
    "adjust": lambda purse, v: purse.adjust(
        v["user_id"], v["coins"], key=v["key"], reason="r", actor="op"
    ),
    "reverse": lambda purse, v: purse.reverse(v["spent"], key=v["key"], coins=v["coins"]),
    "capture": lambda purse, v: purse.capture(v["held"], key=v["key"], coins=v["coins"]),
    "void": lambda purse, v: purse.void(v["held"], key=v["key"]),
    "unblock": lambda purse, v: _in_work(
        purse, ledger.unblock, v["user_id"], key=v["key"], reason="r", actor="op"
    ),
    "claim": lambda purse, v: _in_work(
        purse, ledger.claim, v["user_id"], v["payment"], taking=v["coins"]
    ),
}
# A claim has no key: its figures are absolute.
WITH_KEY = sorted({*CALLS} - {"claim"})
OF_A_USER = sorted({*CALLS} - {"reverse", "capture", "void"})
OF_COINS = sorted({*CALLS} - {"void", "unblock", "claim"})


def _only(results: list[Any]) -> Any:
    (result,) = results
    if isinstance(result, DomainError):
        raise result
    return result


def _in_work(purse: Coinpurse, call: Callable[..., Any], *args: Any, **values: Any) -> Any:
    with purse.database.unit_of_work() as work:
        return call(work, *args, **values)


@pytest.fixture
def good(purse: Coinpurse) -> dict[str, Any]:
    """A wallet with 100 free coins, a spend, an open hold, a claim, and values that each call accepts."""
    payment = uuid4()
    with purse.database.unit_of_work() as work:
        ledger.credit(
            work,
            "ada",
            [ledger.NewGrant("paid", 130)],
            key="credit-1",
            source="purchase",
            payment_id=payment,
        )
        claimed = ledger.claim(work, "ada", payment, taking=10)
    assert claimed is not None
    return {
        "user_id": "ada",
        "coins": 5,
        "key": "new-key",
        "spent": purse.spend("ada", 10, key="spend-1").id,
        "held": purse.hold("ada", 10, key="hold-1").id,
        "payment": payment,
        "claimed": claimed.id,
    }


@pytest.fixture
def untouched(purse: Coinpurse, good: dict[str, Any]) -> Callable[[], bool]:
    """Whether the ledger is as it was when the test began."""

    def everything() -> list[Any]:
        with purse.database.unit_of_work() as work:
            return [
                work.rows(f"SELECT * FROM coinpurse.{table} ORDER BY 1")  # noqa: S608
                for table in ("transactions", "holds", "claims")
            ] + [work.rows("SELECT user_id, balance, held FROM coinpurse.wallets ORDER BY 1")]

    before = everything()
    return lambda: everything() == before


@pytest.mark.parametrize("operation", sorted(CALLS))
def test_the_good_values_are_accepted(
    purse: Coinpurse, good: dict[str, Any], operation: str
) -> None:
    posted = CALLS[operation](purse, good)

    assert posted.created


@pytest.mark.parametrize("operation", OF_COINS)
def test_numbers_that_are_not_coins_are_refused(
    purse: Coinpurse, good: dict[str, Any], untouched: Callable[[], bool], operation: str
) -> None:
    for coins in BAD_COINS:
        if coins is None and operation in ("reverse", "capture"):
            continue  # There it means all.
        if coins == -1 and operation == "adjust":
            continue  # There it is a correction downwards.
        with pytest.raises(InvalidRequest) as refused:
            CALLS[operation](purse, {**good, "coins": coins})
        assert refused.value.field == "coins"
    assert untouched()


@pytest.mark.parametrize("operation", WITH_KEY)
def test_texts_that_are_not_keys_are_refused(
    purse: Coinpurse, good: dict[str, Any], untouched: Callable[[], bool], operation: str
) -> None:
    for key in BAD_TEXTS:
        with pytest.raises(InvalidRequest) as refused:
            CALLS[operation](purse, {**good, "key": key})
        assert refused.value.field == "key"
    assert untouched()


@pytest.mark.parametrize("field", ["taking", "freezing", "owing"])
def test_figures_of_a_claim_that_are_not_coins_are_refused(
    purse: Coinpurse, good: dict[str, Any], untouched: Callable[[], bool], field: str
) -> None:
    for coins in BAD_COINS:
        if coins == 0 and type(coins) is int:
            continue  # There it means that nothing is asked.
        with pytest.raises(InvalidRequest) as refused:
            _in_work(purse, ledger.claim, "ada", good["payment"], **{"taking": 10, field: coins})
        assert refused.value.field == field
    assert untouched()


@pytest.mark.parametrize("operation", OF_A_USER)
def test_texts_that_are_not_user_ids_are_refused(
    purse: Coinpurse, good: dict[str, Any], untouched: Callable[[], bool], operation: str
) -> None:
    for user_id in BAD_TEXTS:
        with pytest.raises(InvalidRequest) as refused:
            CALLS[operation](purse, {**good, "user_id": user_id})
        assert refused.value.field == "user_id"
    assert untouched()


@pytest.mark.parametrize("user_id", BAD_TEXTS)
def test_reads_refuse_texts_that_are_not_user_ids(purse: Coinpurse, user_id: Any) -> None:
    for read in (purse.wallet, purse.transactions, purse.explain):
        with pytest.raises(InvalidRequest, match="user_id"):
            read(user_id)


@pytest.mark.parametrize(
    ("operation", "named", "kind"),
    [
        ("reverse", "spent", "transaction"),
        ("capture", "held", "hold"),
        ("void", "held", "hold"),
    ],
)
def test_ids_of_nothing_are_not_found(
    purse: Coinpurse, good: dict[str, Any], operation: str, named: str, kind: str
) -> None:
    for id_ in BAD_IDS:
        with pytest.raises(NotFound) as refused:
            CALLS[operation](purse, {**good, named: id_})
        assert refused.value.facts == {"kind": kind, "id": str(id_)}


@pytest.mark.parametrize("operation", sorted({*OF_A_USER} - {"credit"}))
def test_a_missing_wallet_is_not_found_rather_than_short_of_coins(
    purse: Coinpurse, good: dict[str, Any], operation: str
) -> None:
    values = {**good, "user_id": "nobody"}
    if operation == "adjust":
        values["coins"] = -5

    with pytest.raises(NotFound) as refused:
        CALLS[operation](purse, values)

    assert refused.value.facts == {"kind": "wallet", "id": "nobody"}


def test_what_is_short_is_told(purse: Coinpurse, good: dict[str, Any]) -> None:
    with pytest.raises(InsufficientCoins) as refused:
        purse.spend("ada", 101, key="k")

    assert refused.value.facts == {
        "user_id": "ada",
        "needed": 101,
        "available": 100,
        "shortfall": 1,
    }


def test_only_rows_that_used_coins_can_be_undone(purse: Coinpurse, good: dict[str, Any]) -> None:
    wrong = {row.type: row.id for row in purse.transactions("ada") if row.id != good["spent"]}
    assert wrong.keys() == {"grant", "hold", "refund"}
    for id_ in wrong.values():
        with pytest.raises(NotFound):
            CALLS["reverse"](purse, {**good, "spent": id_})


def test_no_more_than_was_held_is_captured(purse: Coinpurse, good: dict[str, Any]) -> None:
    with pytest.raises(AmountTooLarge) as refused:
        purse.capture(good["held"], key="k", coins=11)

    assert refused.value.facts == {"needed": 11, "available": 10}
    assert purse.capture(good["held"], key="k", coins=10).coins == -10


@pytest.mark.parametrize("first", ["capture", "void"])
@pytest.mark.parametrize("second", ["capture", "void"])
def test_a_hold_is_resolved_once(
    purse: Coinpurse, good: dict[str, Any], first: str, second: str
) -> None:
    CALLS[first](purse, {**good, "key": "first"})

    with pytest.raises(HoldAlreadyResolved) as refused:
        CALLS[second](purse, {**good, "key": "second"})

    assert refused.value.facts == {"hold_id": str(good["held"])}


def test_no_more_than_was_spent_is_reversed(purse: Coinpurse, good: dict[str, Any]) -> None:
    purse.reverse(good["spent"], key="r1", coins=4)

    with pytest.raises(AmountTooLarge) as refused:
        purse.reverse(good["spent"], key="r2", coins=7)
    assert refused.value.facts == {"needed": 7, "available": 6}

    assert purse.reverse(good["spent"], key="r3").coins == 6
    for coins in (None, 1):
        with pytest.raises(AmountTooLarge):
            purse.reverse(good["spent"], key="r4", coins=coins)


def test_a_reversal_fills_a_wallet_no_further_than_a_credit_may(purse: Coinpurse) -> None:
    purse.credit("ada", 2**53 - 1, key="c")
    spent = purse.spend("ada", 10, key="s")
    purse.credit("ada", 7, key="d")

    with pytest.raises(AmountTooLarge) as refused:
        purse.reverse(spent.id, key="r")
    assert refused.value.facts == {"needed": 10, "available": 3}

    assert purse.reverse(spent.id, key="r", coins=3).balance_after == 2**53 - 1


def test_a_claim_that_asks_for_what_was_done_already_posts_nothing(
    purse: Coinpurse, good: dict[str, Any], untouched: Callable[[], bool]
) -> None:
    for _ in range(3):
        assert CALLS["claim"](purse, {**good, "coins": 10}) is None
    assert untouched()


def test_a_wallet_without_blocks_can_be_unblocked_and_its_debt_stays(purse: Coinpurse) -> None:
    payment = uuid4()
    _in_work(
        purse,
        ledger.credit,
        "ada",
        [ledger.NewGrant("paid", 10)],
        key="c",
        source="purchase",
        payment_id=payment,
    )
    purse.spend("ada", 10, key="s")
    _in_work(purse, ledger.claim, "ada", payment, taking=10)

    posted = _in_work(purse, ledger.unblock, "ada", key="u", reason="Asked", actor="op")

    assert (posted.type, posted.coins, posted.description, posted.actor) == (
        "unblock",
        0,
        "Asked",
        "op",
    )
    assert (purse.wallet("ada").blocked, purse.wallet("ada").debt) == (False, 10)


@pytest.mark.parametrize(("reason", "actor"), [("", "op"), ("  ", "op"), ("r", ""), ("r", " ")])
def test_an_unblock_needs_a_reason_and_an_actor(
    purse: Coinpurse, good: dict[str, Any], reason: str, actor: str
) -> None:
    with pytest.raises(InvalidRequest, match=r"reason|actor"):
        _in_work(purse, ledger.unblock, "ada", key="u", reason=reason, actor=actor)


@pytest.mark.parametrize("used", ["credit-1", "spend-1", "hold-1"])
@pytest.mark.parametrize("operation", WITH_KEY)
def test_a_key_that_was_used_for_something_else_is_a_conflict(
    purse: Coinpurse,
    good: dict[str, Any],
    untouched: Callable[[], bool],
    operation: str,
    used: str,
) -> None:
    with pytest.raises(IdempotencyConflict) as refused:
        CALLS[operation](purse, {**good, "key": used})

    assert refused.value.facts == {"key": used}
    assert untouched()


@pytest.mark.parametrize(
    "operation", ["credit", "spend", "spend_many", "hold", "adjust", "reverse", "capture"]
)
def test_the_same_key_with_other_coins_is_a_conflict(
    purse: Coinpurse, good: dict[str, Any], operation: str
) -> None:
    CALLS[operation](purse, good)

    with pytest.raises(IdempotencyConflict):
        CALLS[operation](purse, {**good, "coins": 6})


def test_a_replay_is_answered_with_the_first_result_and_not_with_today_s_balance(
    purse: Coinpurse,
) -> None:
    first = purse.credit("ada", 100, key="c")
    spent = purse.spend("ada", 30, key="s", metadata={"chapter": 1})
    held = purse.hold("ada", 5, key="h")
    purse.capture(held.id, key="x")
    purse.spend("ada", 65, key="all")

    assert purse.credit("ada", 100, key="c").balance_after == first.balance_after == 100
    again = purse.spend("ada", 30, key="s", metadata={"chapter": 1})
    assert (again.id, again.balance_after, again.created) == (spent.id, 70, False)
    held_again = purse.hold("ada", 5, key="h")
    assert (held_again.state, held_again.captured, held_again.created) == ("open", 0, False)
    assert held_again.expires_at == held.expires_at
    with pytest.raises(IdempotencyConflict):
        purse.spend("ada", 30, key="s", metadata={"chapter": 2})


def test_words_may_differ_in_a_replay(purse: Coinpurse) -> None:
    purse.credit("ada", 100, key="c", description="Welcome")

    assert purse.credit("ada", 100, key="c", description="欢迎").description == "Welcome"


@pytest.mark.parametrize("when", [datetime(2100, 1, 1), date(2100, 1, 1), "2100-01-01"])  # noqa: DTZ001
def test_a_moment_needs_a_time_zone(purse: Coinpurse, when: Any) -> None:
    with pytest.raises(InvalidRequest, match="time zone"):
        purse.credit("ada", 5, key="k", expires_at=when)
    with pytest.raises(InvalidRequest, match="time zone"):
        purse.explain("ada", at=when)


def nested(levels: int) -> object:
    """A list in a list in a list."""
    found: list[object] = []
    for _ in range(levels - 1):
        found = [found]
    return found


@pytest.mark.parametrize(
    "metadata",
    [
        {"n": float("nan")},
        {"n": float("inf")},
        {"text": "x" * 8192},
        {"text": "字" * 3000},
        {"o": object()},
        {"when": datetime.now(UTC)},
        {1: "a", "b": "c"},
        {"n": "\x00"},
        {"n": "\ud83d"},
        ["a list"],
        "text",
        {"n": 10**5000},
        {"n": nested(100)},
        {"n": (nested(100),), "more": {}},
    ],
)
def test_metadata_that_json_cannot_carry_is_refused(
    purse: Coinpurse, good: dict[str, Any], untouched: Callable[[], bool], metadata: Any
) -> None:
    with pytest.raises(InvalidRequest, match="metadata"):
        purse.spend("ada", 5, key="k", metadata=metadata)
    (result,) = purse.spend_many([Spend("ada", 5, "k", metadata=metadata)])
    assert isinstance(result, InvalidRequest)
    assert untouched()


def test_metadata_that_contains_itself_is_refused(purse: Coinpurse, good: dict[str, Any]) -> None:
    metadata: dict[str, Any] = {}
    metadata["self"] = metadata

    with pytest.raises(InvalidRequest, match="metadata"):
        purse.spend("ada", 5, key="k", metadata=metadata)


def test_metadata_comes_back_as_it_was_given(purse: Coinpurse, good: dict[str, Any]) -> None:
    metadata = {
        "title": "第一章 😀",
        "path": r"C:\u0000",
        "quote": '"',
        "n": [1, None, 0.5],
        "deep": nested(99),
        "wide": [[]] * 200,
    }

    assert purse.spend("ada", 5, key="k", metadata=metadata).metadata == metadata
    assert purse.transactions("ada", limit=1)[0].metadata == metadata


@pytest.mark.parametrize("description", ["x" * 1001, "a\x00b", "\udfff", None, 5, 0])
def test_words_that_postgresql_does_not_take_are_refused(
    purse: Coinpurse, good: dict[str, Any], description: Any
) -> None:
    for call in (
        lambda: purse.credit("ada", 5, key="k", description=description),
        lambda: purse.spend("ada", 5, key="k", description=description),
        lambda: purse.hold("ada", 5, key="k", description=description),
        lambda: purse.reverse(good["spent"], key="k", description=description),
        lambda: purse.adjust("ada", 5, key="k", reason=description, actor="op"),
        lambda: _in_work(
            purse, ledger.claim, "ada", good["payment"], taking=5, description=description
        ),
        lambda: _in_work(purse, ledger.unblock, "ada", key="k", reason=description, actor="op"),
        # None stands for the hold's own words.
        lambda: purse.capture(good["held"], key="k", description=description or 0),
    ):
        with pytest.raises(InvalidRequest):
            call()


@pytest.mark.parametrize("actor", [*BAD_TEXTS, " "])
def test_an_adjustment_needs_an_actor(purse: Coinpurse, actor: Any) -> None:
    with pytest.raises(InvalidRequest):
        purse.adjust("ada", 5, key="k", reason="Refund by post", actor=actor)


@pytest.mark.parametrize("reason", ["", "   "])
def test_an_adjustment_needs_a_reason(purse: Coinpurse, reason: str) -> None:
    with pytest.raises(InvalidRequest, match="reason"):
        purse.adjust("ada", -5, key="k", reason=reason, actor="op")


@pytest.mark.parametrize("ttl_seconds", [0, -1, float("nan"), float("inf"), 10**9, True, "5", None])
def test_a_hold_needs_a_time_that_ends(
    purse: Coinpurse, good: dict[str, Any], ttl_seconds: Any
) -> None:
    with pytest.raises(InvalidRequest, match="ttl_seconds"):
        purse.hold("ada", 5, key="k", ttl_seconds=ttl_seconds)


@pytest.mark.parametrize("changes", [{"kind": "gold"}, {"source": ""}, {"source": "a\x00"}])
def test_a_credit_is_of_a_known_kind_and_has_a_source(
    purse: Coinpurse, changes: dict[str, Any]
) -> None:
    with pytest.raises(InvalidRequest):
        purse.credit("ada", 5, key="k", **changes)


@pytest.mark.parametrize("limit", [0, 201, -1, "5", None, 1.0, True])
def test_a_page_has_a_reasonable_size(purse: Coinpurse, limit: Any) -> None:
    with pytest.raises(InvalidRequest, match="limit"):
        purse.transactions("ada", limit=limit)


def test_a_page_begins_before_an_id(purse: Coinpurse, good: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match="before"):
        purse.transactions("ada", before="5")  # type: ignore[arg-type]
    assert purse.transactions("ada", before=good["held"] and 1) == []
    assert len(purse.transactions("ada", before=2**80)) == 4


def test_a_batch_has_a_reasonable_size(purse: Coinpurse) -> None:
    with pytest.raises(InvalidRequest, match="spends"):
        purse.spend_many([Spend("ada", 1, "k")] * 1001)
    assert purse.spend_many([]) == []


def test_one_bad_item_of_a_batch_fails_alone(purse: Coinpurse, good: dict[str, Any]) -> None:
    results = purse.spend_many(
        [
            Spend("ada", 60, "b1"),
            Spend("ada", 0, "b2"),
            Spend("ada", 60, "b3"),
            Spend("nobody", 1, "b4"),
            Spend("ada", 1, "credit-1"),
            Spend("ada", 60, "b1"),
            Spend("ada", 40, "b5"),
        ]
    )

    assert [type(result).__name__ for result in results] == [
        "Transaction",
        "InvalidRequest",
        "InsufficientCoins",
        "NotFound",
        "IdempotencyConflict",
        "Transaction",
        "Transaction",
    ]
    assert results[5].id == results[0].id  # type: ignore[union-attr]
    assert purse.wallet("ada").available == 0


def test_a_blocked_wallet_receives_and_does_not_spend(
    purse: Coinpurse, good: dict[str, Any], sql: psycopg.Connection
) -> None:
    sql.execute("UPDATE coinpurse.wallets SET blocked = true")

    for operation in ("spend", "spend_many", "hold"):
        with pytest.raises(WalletBlocked) as refused:
            CALLS[operation](purse, good)
        assert refused.value.facts == {"user_id": "ada"}
    purse.credit("ada", 5, key="c")
    purse.adjust("ada", -5, key="a", reason="r", actor="op")
    purse.capture(good["held"], key="x")


class _Joining:
    """The purse's operations, all on the host's connection."""

    def __init__(self, purse: Coinpurse, connection: psycopg.Connection) -> None:
        self.purse, self.connection, self.database = purse, connection, self

    def __getattr__(self, name: str) -> Any:
        return partial(getattr(self.purse, name), connection=self.connection)

    def unit_of_work(self) -> Any:
        return nullcontext(UnitOfWork(self.connection))


@pytest.mark.parametrize("operation", sorted(CALLS))
def test_a_refusal_leaves_the_host_s_transaction_usable(
    purse: Coinpurse, good: dict[str, Any], database_url: str, operation: str
) -> None:
    refusals = 0
    with psycopg.connect(database_url) as connection:
        joining: Any = _Joining(purse, connection)
        for spoiled in ({"key": "credit-1"}, {"user_id": "nobody"}, {"coins": 0, "held": 0}):
            try:
                CALLS[operation](joining, {**good, "key": f"k{refusals}", **spoiled})
            except DomainError:
                refusals += 1
            assert connection.execute("SELECT 1").fetchone() == (1,)
        purse.spend("ada", 1, key="after", connection=connection)
    assert refusals
    assert purse.transactions("ada", limit=1)[0].idempotency_key == "after"


def test_postgresql_refuses_a_row_that_does_not_continue_its_chain(
    purse: Coinpurse, good: dict[str, Any], sql: psycopg.Connection
) -> None:
    forged = (
        "INSERT INTO coinpurse.transactions (user_id, type, coins, balance_after, idempotency_key,"
        " digest, grant_ids, grant_coins) VALUES ('ada', 'grant', 1000, %s, 'forged', '', '{}', '{}')"
    )
    for after in (1000, 1111, -1, 0):
        with pytest.raises(psycopg.Error) as refused:
            sql.execute(forged, [after])
        assert refused.value.sqlstate == "CP500"


def test_expired_coins_cannot_be_spent_before_anybody_swept_them(
    purse: Coinpurse, sql: psycopg.Connection
) -> None:
    purse.credit("ada", 10, key="a", expires_at=datetime.now(UTC) + timedelta(days=1))
    purse.credit("ada", 5, key="b")
    sql.execute("UPDATE coinpurse.grants SET expires_at = now() WHERE expires_at < 'infinity'")
    sql.execute("UPDATE coinpurse.wallets SET next_due_at = now()")

    with pytest.raises(InsufficientCoins) as refused:
        purse.spend("ada", 6, key="s")

    assert refused.value.facts["available"] == 5
    assert purse.wallet("ada").balance == 5


def test_coins_that_are_credited_too_late_are_lost_at_once(purse: Coinpurse) -> None:
    posted = purse.credit("ada", 10, key="a", expires_at=datetime(2020, 1, 1, tzinfo=UTC))

    assert posted.balance_after == 10
    assert purse.wallet("ada").balance == 0
    assert [row.type for row in purse.transactions("ada")] == ["expiry", "grant"]


def test_a_reversal_into_an_expired_grant_expires_again(
    purse: Coinpurse, sql: psycopg.Connection
) -> None:
    purse.credit("ada", 10, key="a", expires_at=datetime.now(UTC) + timedelta(days=1))
    spent = purse.spend("ada", 10, key="s")
    sql.execute("UPDATE coinpurse.grants SET expires_at = now()")

    assert purse.reverse(spent.id, key="r").balance_after == 10

    assert purse.wallet("ada").balance == 0
    assert [row.type for row in purse.transactions("ada")] == [
        "expiry",
        "reversal",
        "usage",
        "grant",
    ]


def test_a_hold_times_out_by_itself(purse: Coinpurse, sql: psycopg.Connection) -> None:
    purse.credit("ada", 10, key="a")
    held = purse.hold("ada", 10, key="h", ttl_seconds=0.001)
    sql.execute("SELECT pg_sleep(0.01)")

    assert purse.spend("ada", 10, key="s").balance_after == 0

    with pytest.raises(HoldAlreadyResolved):
        purse.capture(held.id, key="c")
    assert [row.type for row in purse.transactions("ada")] == [
        "usage",
        "hold_timeout",
        "hold",
        "grant",
    ]


def test_no_key_of_a_caller_is_in_the_way_of_a_time_out(
    purse: Coinpurse, sql: psycopg.Connection
) -> None:
    purse.credit("ada", 10, key="a")
    held = purse.hold("ada", 5, key="h", ttl_seconds=0.001)
    for number in range(held.id - 1, held.id + 2):
        with psycopg.connect(purse.database.conninfo) as connection:
            purse.spend("ada", 1, key=f"hold_timeout:{number}", connection=connection)

    assert purse.wallet("ada").held == 0

"""Lists: pages by keys in both directions, looking up, narrowing, and CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from coinpurse import ledger
from coinpurse.accounts import Accounts
from coinpurse.back_office import BackOffice, ListPage, Row, neutralise
from coinpurse.back_office.store.listings import LISTINGS
from coinpurse.db import Database
from coinpurse.errors import InvalidRequest, NotFound
from coinpurse.ledger import NewGrant

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
PAYMENT = """
    INSERT INTO coinpurse.payment_sessions (id, session_id, user_id, pack_sku, coins, bonus, amount_minor, currency,
                                            livemode, status, request_digest, stripe_parameters, payment_intent_id,
                                            review_reason, created_at)
    VALUES (%(id)s, %(session_id)s, %(user_id)s, 'handful', 100, 10, 1999, 'usd', false, %(status)s, '', '{}',
            %(intent_id)s, %(review)s, %(at)s)
"""


def pay(
    database: Database,
    number: int,
    *,
    user_id: str = "ada",
    status: str = "completed",
    review: str | None = None,
    at: datetime | None = None,
) -> UUID:
    id_ = uuid4()
    with database.unit_of_work() as work:
        work.execute(
            PAYMENT,
            id=id_,
            session_id=f"cs_test_{number}",
            user_id=user_id,
            status=status,
            intent_id=f"pi_{number}",
            review=review,
            at=at or NOON + timedelta(minutes=number),
        )
    return id_


def ask(office: BackOffice, name: str = "payments", **address: str) -> ListPage:
    names = {"first": "from"}
    return office.page(
        name,
        office.read_query(name, {names.get(key, key): value for key, value in address.items()}),
    )


def sessions(rows: Iterator[Row] | tuple[Row, ...]) -> list[str]:
    return [str(row["session_id"]).removeprefix("cs_test_") for row in rows]


def test_pages_lead_to_the_oldest_row_and_back(office: BackOffice, database: Database) -> None:
    # Several at the same moment: their ids decide.
    for number in range(7):
        pay(database, number, at=NOON + timedelta(minutes=number // 3))
    every = sessions(ask(office).rows)

    first = ask(office, limit="3")
    second = ask(office, limit="3", older=first.older or "")
    last = ask(office, limit="3", older=second.older or "")
    assert [*sessions(first.rows), *sessions(second.rows), *sessions(last.rows)] == every
    assert (first.newer, last.older) == (None, None)

    back = ask(office, limit="3", newer=last.newer or "")
    assert back.rows == second.rows
    assert ask(office, limit="3", newer=back.newer or "").rows == first.rows


def test_new_rows_above_fill_the_first_page(office: BackOffice, database: Database) -> None:
    for number in range(4):
        pay(database, number)
    second = ask(office, limit="3", older=ask(office, limit="3").older or "")
    pay(database, 4)

    assert sessions(ask(office, limit="9", newer=second.newer or "").rows) == [
        "4",
        "3",
        "2",
        "1",
        "0",
    ]


def test_a_payment_is_found_by_all_its_names(office: BackOffice, database: Database) -> None:
    account = Accounts(database).register("Ada@example.com", "a long password")
    wanted = pay(database, 1, user_id=account.user_id)
    pay(database, 2, user_id="42")
    pay(database, 3, user_id="bob@work")

    for typed in (
        str(wanted),
        str(wanted).upper(),
        "cs_test_1",
        "pi_1",
        account.user_id,
        "ada@EXAMPLE.com",
    ):
        assert sessions(ask(office, q=f" {typed} ").rows) == ["1"], typed
    assert sessions(ask(office, q="42").rows) == ["2"]
    for typed in ("nobody", "cs_test_9", "a@b.example", str(uuid4()), "' OR 1=1 --", "%"):
        assert ask(office, q=typed).rows == (), typed


def test_filters_and_days_narrow_together(office: BackOffice, database: Database) -> None:
    pay(database, 1, status="refunded")
    pay(database, 2, status="refunded", at=NOON + timedelta(days=1))
    pay(database, 3, at=NOON + timedelta(days=1))
    pay(database, 4, status="pending", review="Stripe took 1 usd")

    assert sessions(ask(office, status="refunded", first="2026-03-11", to="2026-03-11").rows) == [
        "2"
    ]
    assert sessions(ask(office, to="2026-03-10").rows) == ["4", "1"]
    assert sessions(ask(office, in_review="1").rows) == ["4"]
    assert sessions(ask(office, status="refunded", q="ada").rows) == ["2", "1"]


def test_days_are_those_of_the_time_zone(database: Database) -> None:
    office = BackOffice(
        database, spend_order="bonus_first", approval_above=0, time_zone="Asia/Kolkata"
    )
    pay(database, 1, at=datetime(2026, 3, 9, 18, 29, tzinfo=UTC))
    pay(database, 2, at=datetime(2026, 3, 9, 18, 31, tzinfo=UTC))

    assert sessions(ask(office, first="2026-03-10").rows) == ["2"]


def test_ledger_rows_are_narrowed_by_day_type_and_user(
    office: BackOffice, database: Database
) -> None:
    with database.unit_of_work() as work:
        for user_id in ("ada", "bob"):
            ledger.credit(work, user_id, [NewGrant("bonus", 9)], key="1", source="promotion")
            ledger.spend(work, user_id, 4, key="2")
    today = datetime.now(UTC).date()

    rows = ask(office, "transactions", type="usage", user="bob", first=today.isoformat()).rows
    assert [(row["user_id"], row["coins"]) for row in rows] == [("bob", -4)]
    assert ask(office, "transactions", to=(today - timedelta(days=1)).isoformat()).rows == ()
    (row,) = ask(office, "transactions", q=str(rows[0]["id"])).rows
    assert row == rows[0]


@pytest.mark.parametrize(
    ("address", "field"),
    [
        ({"status": "paid"}, "status"),
        ({"in_review": "yes"}, "in_review"),
        ({"from": "yesterday"}, "from"),
        ({"from": "2026-02-30"}, "from"),
        ({"from": "0001-01-01"}, "from"),
        ({"to": "9999-12-31"}, "to"),
        ({"from": "2026-03-02", "to": "2026-03-01"}, "to"),
        ({"limit": "0"}, "limit"),
        ({"limit": "1e9"}, "limit"),
        ({"limit": "201"}, "limit"),
        ({"q": "a\x00b"}, "q"),
        ({"q": "\ud800"}, "q"),
        ({"q": "a" * 321}, "q"),
        ({"older": "x"}, "older"),
        ({"older": "é"}, "older"),
        ({"older": "WzFd"}, "older"),
        ({"newer": "WyIyMDI2LTAzLTEwIiwgIngiXQ"}, "newer"),
        # A time, and a number where an id belongs.
        ({"older": "WyIyMDI2LTAzLTEwVDAwOjAwOjAwKzAwOjAwIiwgNV0"}, "older"),
        ({"older": "W10", "newer": "W10"}, "older"),
        ({"user": "a\n"}, "user"),
    ],
)
def test_a_wrong_value_is_refused_at_its_field(
    office: BackOffice, address: dict[str, str], field: str
) -> None:
    if field == "user":
        address = {"user": "a\nb"}
    with pytest.raises(InvalidRequest) as refused:
        office.read_query("payments", address)
    assert refused.value.field == field


def test_a_place_in_another_list_is_refused(office: BackOffice, database: Database) -> None:
    for number in range(2):
        pay(database, number)
    cursor = ask(office, limit="1").older or ""

    with pytest.raises(InvalidRequest):
        ask(office, "transactions", older=cursor)
    with pytest.raises(InvalidRequest):
        ask(office, "findings", run="1 OR 1=1")
    with pytest.raises(NotFound):
        office.listing("users; DROP TABLE")


def test_every_list_answers_whatever_narrows_it(office: BackOffice) -> None:
    for listing in LISTINGS.values():
        tried = [
            {known.name: known.choices[0] if known.choices else "1"} for known in listing.filters
        ]
        if listing.time:
            tried.append({"from": "2026-01-01", "to": "2026-01-02"})
        if listing.searches:
            typed = ("cs_1", "pi_1", "re_1", "dp_1", "evt_1", str(uuid4()), "7", "a@b.example", "x")
            tried += [
                {"q": text}
                for text in typed
                if any(s.form.fullmatch(text) for s in listing.searches)
            ]
        for address in [{}, *tried]:
            query = office.read_query(listing.name, address)
            assert list(office.export(listing.name, query)) == list(
                office.page(listing.name, query).rows
            )


def test_csv_has_money_in_major_units_and_no_formula(
    office: BackOffice, database: Database
) -> None:
    for number, user_id in enumerate(("=1+2", "+cmd", "-2", "@SUM(A1)", "\tx", 'a"b,c', "＝1+2")):
        pay(database, number, user_id=user_id)

    lines = list(office.export_csv("payments", office.read_query("payments", {})))
    header, *rows = csv.reader(lines)

    users = [row[header.index("user_id")] for row in reversed(rows)]
    assert users == ["'=1+2", "'+cmd", "'-2", "'@SUM(A1)", "'\tx", 'a"b,c', "'＝1+2"]
    assert {row[header.index("amount")] for row in rows} == {"19.99"}
    assert lines[0].startswith("created_at,id,user_id,")


@pytest.mark.parametrize("separator", [";", "\t", "\n", "\r\n"])
def test_no_formula_begins_where_another_country_parts_cells(separator: str) -> None:
    assert neutralise(f"sorry{separator}=1+2{separator}x-1;y") == (
        f"sorry{separator}'=1+2{separator}x-1;y"
    )


def test_negative_numbers_stay_numbers_in_csv(office: BackOffice, database: Database) -> None:
    with database.unit_of_work() as work:
        ledger.credit(work, "ada", [NewGrant("bonus", 9)], key="1", source="promotion")
        ledger.spend(work, "ada", 4, key="2", description="=HYPERLINK()")

    header, spent, _ = csv.reader(
        office.export_csv("transactions", office.read_query("transactions", {}))
    )

    assert spent[header.index("coins")] == "-4"
    assert spent[header.index("description")] == "'=HYPERLINK()"


def test_a_stream_that_is_left_gives_its_connection_back(
    office: BackOffice, database: Database
) -> None:
    for number in range(3):
        pay(database, number)
    rows = office.export("payments", office.read_query("payments", {}))
    next(rows)
    rows.close()  # type: ignore[attr-defined]

    with database.connection() as connection:
        idle = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND state LIKE 'idle in transaction%'"
        ).fetchone()
    assert idle == (0,)

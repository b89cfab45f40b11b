"""Keys of the service API."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from coinpurse.api_keys import CACHE_SECONDS, SCOPES, ApiKey, ApiKeys
from coinpurse.db import Database, UnitOfWork
from coinpurse.errors import InvalidRequest, NotFound


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(database: Database, clock: Clock) -> ApiKeys:
    return ApiKeys(database, clock)


def stored(database: Database) -> str:
    with database.unit_of_work() as work:
        return str(work.rows("SELECT * FROM coinpurse.api_keys"))


def test_a_key_is_found_by_its_text(keys: ApiKeys) -> None:
    made = keys.create("backend", ["spend", "read", "spend"])

    found = keys.find_valid(made.text)

    assert found is not None
    assert (found.id, found.name, found.scopes) == (made.key.id, "backend", {"read", "spend"})
    assert made.text.startswith(f"{found.prefix}_")


def test_only_the_digest_is_stored(keys: ApiKeys, database: Database) -> None:
    made = keys.create("backend", SCOPES)

    secret = made.text.rpartition("_")[2]
    assert len(bytes.fromhex(secret)) * 8 >= 128
    assert secret not in stored(database)


def test_keys_differ(keys: ApiKeys) -> None:
    assert len({keys.create("backend", ["read"]).text for _ in range(20)}) == 20


@pytest.mark.parametrize(
    "text", ["", "cpk_", "cpk_00000000_" + 40 * "0", "Bearer", "cpk_\u0660", "x" * 100_000, "\x00"]
)
def test_anything_else_is_no_key(keys: ApiKeys, text: str) -> None:
    assert keys.find_valid(text) is None


def test_the_prefix_of_a_key_with_another_secret_is_no_key(keys: ApiKeys) -> None:
    made = keys.create("backend", ["read"])
    assert keys.find_valid(f"{made.key.prefix}_{40 * '0'}") is None


@pytest.mark.parametrize("name", ["", "   ", "x" * 101, "a\nb", "a\x00b"])
def test_a_bad_name_is_refused(keys: ApiKeys, name: str) -> None:
    with pytest.raises(InvalidRequest, match="name"):
        keys.create(name, ["read"])


@pytest.mark.parametrize("scopes", [[], ["admin"], ["read", "admin"]])
def test_bad_scopes_are_refused(keys: ApiKeys, scopes: list[str]) -> None:
    with pytest.raises(InvalidRequest, match="read, spend"):
        keys.create("backend", scopes)


def test_a_revoked_key_is_refused_at_once_where_it_was_revoked(keys: ApiKeys) -> None:
    made = keys.create("backend", ["read"])
    assert keys.find_valid(made.text) is not None

    keys.revoke(made.key.prefix)

    assert keys.find_valid(made.text) is None


def test_a_revoked_key_is_refused_elsewhere_when_it_is_asked_again(
    keys: ApiKeys, database: Database, clock: Clock
) -> None:
    elsewhere = ApiKeys(database)
    made = elsewhere.create("backend", ["read"])
    assert keys.find_valid(made.text) is not None
    elsewhere.revoke(made.key.prefix)

    clock.now += CACHE_SECONDS - 0.1
    assert keys.find_valid(made.text) is not None
    clock.now += 0.1
    assert keys.find_valid(made.text) is None


def test_revoking_twice_keeps_the_first_time(keys: ApiKeys) -> None:
    made = keys.create("backend", ["read"])
    first = keys.revoke(made.key.prefix)
    assert keys.revoke(made.key.prefix) == first
    assert first.revoked_at is not None


def test_revoking_an_unknown_key_says_so(keys: ApiKeys) -> None:
    with pytest.raises(NotFound, match="cpk_nobody"):
        keys.revoke("cpk_nobody")


def test_a_known_key_asks_the_database_nothing(
    keys: ApiKeys, database: Database, clock: Clock
) -> None:
    made = keys.create("backend", ["read"])
    keys.find_valid(made.text)
    with database.unit_of_work() as work:
        work.execute("DROP TABLE coinpurse.api_keys")

    clock.now += CACHE_SECONDS / 2

    assert keys.find_valid(made.text) is not None


def test_the_last_use_is_written_once_a_minute(
    keys: ApiKeys, database: Database, clock: Clock
) -> None:
    made = keys.create("backend", ["read"])
    assert made.key.last_used_at is None
    keys.find_valid(made.text)
    (first,) = keys.list_all()
    assert first.last_used_at is not None

    clock.now += CACHE_SECONDS
    keys.find_valid(made.text)
    assert keys.list_all() == [first]

    with database.unit_of_work() as work:
        work.execute("UPDATE coinpurse.api_keys SET last_used_at = now() - interval '61 seconds'")
    clock.now += CACHE_SECONDS
    keys.find_valid(made.text)
    (later,) = keys.list_all()
    assert later.last_used_at is not None
    assert later.last_used_at >= first.last_used_at


def test_many_threads_may_ask_at_once(keys: ApiKeys) -> None:
    made = keys.create("backend", ["read"])
    with ThreadPoolExecutor(16) as threads:
        found = list(threads.map(keys.find_valid, [made.text] * 64))
    assert all(key is not None and key.id == made.key.id for key in found)


def test_keys_are_listed_newest_first(keys: ApiKeys) -> None:
    first, second = keys.create("one", ["read"]), keys.create("two", ["grant"])
    keys.revoke(first.key.prefix)
    listed = keys.list_all()
    assert [key.name for key in listed] == ["two", "one"]
    assert [key.revoked_at is None for key in listed] == [True, False]
    assert second.key in listed


def test_what_is_noted_of_a_key_stands_or_falls_with_it(keys: ApiKeys) -> None:
    def fail(work: UnitOfWork, key: ApiKey) -> None:
        raise RuntimeError(key.prefix)

    noted: list[str] = []
    with pytest.raises(RuntimeError):
        keys.create("game", ["read"], note=fail)
    assert keys.list_all() == []
    prefix = keys.create("game", ["read"]).key.prefix
    with pytest.raises(RuntimeError):
        keys.revoke(prefix, note=fail)
    assert keys.list_all()[0].revoked_at is None
    for _ in range(2):
        keys.revoke(prefix, note=lambda _work, key: noted.append(key.prefix))
    assert noted == [prefix]

"""Which rows of another application's table are balances, and what an import would do. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from numbers import Integral
from uuid import UUID

from coinpurse.errors import CoinpurseError, InvalidRequest
from coinpurse.ledger.rules import MAXIMUM_COINS, MAXIMUM_KEY, require_key

# What the ledger's keys of an import begin with; no caller's key does.
PREFIX = "import:"
LONGEST_SOURCE = 40
# What applications call a checkout that nobody will pay any more.
ENDED = frozenset(
    {
        "canceled",
        "cancelled",
        "complete",
        "completed",
        "credited",
        "expired",
        "failed",
        "fulfilled",
        "paid",
        "refunded",
        "succeeded",
        "success",
    }
)


class ImportFailed(CoinpurseError):
    """An import that must not begin, or one whose sums do not agree afterwards."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot become a wallet. value: what stands there, as text."""

    user_id: str
    value: str
    problem: str


@dataclass(frozen=True, slots=True)
class Sessions:
    """What the old application says of its checkouts.

    open: Stripe's ids of those that may still be paid. unknown: the statuses that may mean so and may not, and how
    many rows have each; NULL is one of them.
    """

    open: tuple[str, ...] = ()
    unknown: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Balances:
    """What a source says. coins: of every user, also of those who have none."""

    coins: Mapping[str, int] = field(default_factory=dict)
    bad: tuple[BadRow, ...] = ()

    @property
    def owners(self) -> int:
        """How many users have coins."""
        return sum(1 for coins in self.coins.values() if coins)

    @property
    def total(self) -> int:
        """All of their coins."""
        return sum(self.coins.values())


@dataclass(frozen=True, slots=True)
class Plan:
    """What an import would do, and what stands against it.

    done: users that an earlier run has brought over. changed: those whose balance is another one by now.
    keep_changed: whether these stay as they were brought over, and stop nothing.
    """

    source: str
    balances: Balances
    done: Mapping[str, int]
    changed: tuple[BadRow, ...]
    keep_changed: bool
    sessions: Sessions

    @property
    def to_do(self) -> dict[str, int]:
        """Users that are to be brought over, and their coins."""
        return {
            user_id: coins
            for user_id, coins in self.balances.coins.items()
            if coins and user_id not in self.done
        }

    @property
    def problems(self) -> tuple[BadRow, ...]:
        """Rows because of which nothing is imported."""
        return self.balances.bad if self.keep_changed else (*self.balances.bad, *self.changed)

    @property
    def expected(self) -> dict[str, int]:
        """What the ledger is to have from this import at its end."""
        return {**self.to_do, **self.done}


def require_source(name: str) -> str:
    """Return the name of a source, which becomes part of keys. Raises InvalidRequest."""
    if not name.isascii() or not name.replace("-", "").replace("_", "").isalnum():
        raise InvalidRequest("name", "must be letters, digits, - and _")
    if len(name) > LONGEST_SOURCE:
        raise InvalidRequest("name", f"must be {LONGEST_SOURCE} characters at most")
    return name


def key_of(source: str, user_id: str) -> str:
    """Return the idempotency key of one user's balance."""
    return f"{PREFIX}{source}:{user_id}"


def read_balances(rows: Iterable[tuple[object, object]], source: str) -> Balances:
    """Sort a table's rows of user id and coins into balances and bad rows."""
    coins: dict[str, int] = {}
    seen: set[str] = set()
    bad: list[BadRow] = []
    for given_id, given_coins in rows:
        user_id, problem = _user_id(given_id, source)
        amount, wrong = _coins(given_coins)
        problem = problem or wrong or (user_id in seen and "This user id is there twice") or None
        seen.add(user_id)
        if problem:
            bad.append(BadRow(user_id, _shown(given_coins), problem))
        else:
            coins[user_id] = amount
    return Balances(coins, tuple(bad))


def read_sessions(
    rows: Iterable[tuple[object, object]], open_statuses: Iterable[str], ended: Iterable[str] = ()
) -> Sessions:
    """Sort a table's rows of session id and status. Case and the spaces around a status mean nothing.

    ended: statuses of the application's own that mean that a checkout is over, besides the usual ones.
    """
    wanted = {_folded(status) for status in open_statuses}
    over = (ENDED | {_folded(status) for status in ended}) - wanted
    found: list[str] = []
    unknown: dict[str, int] = {}
    for session_id, status in rows:
        shown = _shown(status).strip()
        if status is not None and _folded(shown) in wanted:
            found.append(str(session_id))
        elif status is None or _folded(shown) not in over:
            unknown[shown] = unknown.get(shown, 0) + 1
    return Sessions(tuple(sorted(found)), dict(sorted(unknown.items())))


def find_changed(balances: Balances, done: Mapping[str, int]) -> tuple[BadRow, ...]:
    """Return the users whose balance is not what was brought over before."""
    return tuple(
        BadRow(
            user_id,
            str(balances.coins[user_id]),
            f"{coins} coins were imported before",
        )
        for user_id, coins in done.items()
        if balances.coins[user_id] != coins
    )


def _user_id(given: object, source: str) -> tuple[str, str | None]:
    if isinstance(given, Integral) and not isinstance(given, bool):
        return str(int(given)), None
    if isinstance(given, UUID):
        return str(given), None
    if not isinstance(given, str):
        return _shown(given), "The user id must be a number, a text or a UUID"
    try:
        require_key(given, field="user_id")
    except InvalidRequest:
        return given, f"The user id must be 1 to {MAXIMUM_KEY} printable characters"
    if len(key_of(source, given)) > MAXIMUM_KEY:
        return given, "The user id is too long for a key with this name of the import"
    return given, None


def _coins(given: object) -> tuple[int, str | None]:
    if given is None:
        return 0, "There is no balance (NULL)"
    if isinstance(given, bool) or not isinstance(given, int | float | Decimal):
        return 0, "The balance is no number"
    if given != given or given in (float("inf"), float("-inf")) or given != int(given):
        return 0, "The balance is no whole number"
    coins = int(given)
    if coins < 0:
        return 0, "The balance is negative"
    if coins > MAXIMUM_COINS:
        return 0, f"The balance is more than {MAXIMUM_COINS}"
    return coins, None


def _folded(status: str) -> str:
    return status.strip().casefold()


def _shown(value: object) -> str:
    return "NULL" if value is None else str(value)[:60]

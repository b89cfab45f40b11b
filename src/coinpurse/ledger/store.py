"""The ledger's SQL: the kernel's functions and the reads."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import psycopg

from coinpurse.db import UnitOfWork
from coinpurse.errors import LedgerInvariantBroken
from coinpurse.ledger.rules import (
    Difference,
    ExpiringCoins,
    GrantStory,
    Hold,
    NewGrant,
    Transaction,
    Wallet,
)
from coinpurse.money import Money

COLUMNS = (
    "id, user_id, type, coins, balance_after, held, frozen, debt, forgiven, amount_minor, currency, payment_id,"
    " session_id, hold_id, reverses, description, actor, metadata, idempotency_key, grant_ids, grant_coins, created_at"
)
POSTED = ", ".join(f"(r.posted).{name.strip()}" for name in COLUMNS.split(","))
# Every operation answers with its outcome and, where it posted or repeated, with the ledger row.
RESULT = f"r.outcome, {POSTED}"
FULL_RESULT = f"r.needed, r.available, {RESULT}"

CREDIT = f"""
    SELECT {FULL_RESULT} FROM coinpurse.credit(
        %(user_id)s, %(key)s, %(digest)s, %(type)s, %(description)s, %(source)s, %(grants)s, %(amount_minor)s,
        %(currency)s, %(payment_id)s, %(session_id)s, %(actor)s) AS r
"""
SPEND = f"""
    SELECT {FULL_RESULT} FROM coinpurse.spend(
        %(user_id)s, %(coins)s, %(key)s, %(digest)s, %(description)s, %(metadata)s, %(type)s, %(actor)s) AS r
"""
SPEND_MANY = f"""
    SELECT {FULL_RESULT} FROM coinpurse.spend_many(
        %(users)s::text[], %(coins)s::bigint[], %(keys)s::text[], %(digests)s::bytea[], %(descriptions)s::text[],
        %(metadatas)s::jsonb[], %(skipping)s) AS r ORDER BY r.item
"""
REVERSE = f"""
    SELECT {FULL_RESULT} FROM coinpurse.reverse(
        %(transaction_id)s, %(coins)s, %(key)s, %(digest)s, %(description)s) AS r
"""
HOLD = f"""
    SELECT {FULL_RESULT} FROM coinpurse.hold(
        %(user_id)s, %(coins)s, %(key)s, %(digest)s, %(ttl_seconds)s, %(description)s) AS r
"""
RESOLVE = f"""
    SELECT {FULL_RESULT} FROM coinpurse.resolve_hold(
        %(hold_id)s, %(coins)s, %(key)s, %(digest)s, %(description)s) AS r
"""
CLAIM = f"""
    SELECT {RESULT} FROM coinpurse.claim(
        %(user_id)s, %(payment_id)s, %(taking)s, %(freezing)s, %(owing)s, %(policy)s, %(cause)s, %(description)s) AS r
"""
UNBLOCK = f"""
    SELECT {RESULT} FROM coinpurse.unblock(%(user_id)s, %(key)s, %(digest)s, %(description)s, %(actor)s) AS r
"""
EXPIRING = """
    WITH due AS MATERIALIZED (
        SELECT user_id FROM coinpurse.wallets
         WHERE next_due_at <= now() + %(within)s AND next_due_at < 'infinity' AND user_id > %(after)s
         ORDER BY user_id LIMIT %(limit)s
    )
    SELECT due.user_id, (g.expires_at AT TIME ZONE %(zone)s)::date AS day,
           sum(g.remaining - g.held - g.frozen)::bigint AS coins, min(g.expires_at) AS first_at
      FROM due LEFT JOIN coinpurse.grants AS g
             ON g.user_id = due.user_id AND NOT g.exhausted AND g.remaining > g.held + g.frozen
            AND g.expires_at > now() AND g.expires_at <= now() + %(within)s
     GROUP BY 1, 2 ORDER BY 1, 2
"""
SWEEP = "SELECT coinpurse.sweep_due(%(most)s) AS settled"

SETTLE = """
    SELECT coinpurse.lock_wallet(user_id) FROM coinpurse.wallets
     WHERE user_id = %(user_id)s AND next_due_at <= clock_timestamp()
"""
WALLET = """
    SELECT w.balance, w.held, w.frozen, w.debt, w.blocked, w.next_due_at <= clock_timestamp() AS is_due,
           coalesce(sum(g.remaining) FILTER (WHERE g.kind = 'paid'), 0)::bigint AS paid,
           coalesce(sum(g.remaining) FILTER (WHERE g.kind = 'bonus'), 0)::bigint AS bonus
      FROM coinpurse.wallets AS w LEFT JOIN coinpurse.grants AS g ON g.user_id = w.user_id AND NOT g.exhausted
     WHERE w.user_id = %(user_id)s GROUP BY w.user_id
"""
LIST = f"""
    SELECT {COLUMNS} FROM coinpurse.transactions
     WHERE user_id = %(user_id)s AND id < %(before)s ORDER BY id DESC LIMIT %(limit)s
"""
COINS_BY_KEY = """
    SELECT t.user_id, t.coins FROM unnest(%(users)s::text[], %(keys)s::text[]) AS asked (user_id, key)
      JOIN coinpurse.transactions AS t ON t.user_id = asked.user_id AND t.idempotency_key = asked.key
"""
GET_HOLD = """
    SELECT id, user_id, coins, captured, state, description, expires_at, created_at
      FROM coinpurse.holds WHERE id = %(id)s
"""
OPEN_HOLDS = """
    SELECT id, user_id, coins, captured, state, description, expires_at, created_at
      FROM coinpurse.holds WHERE user_id = %(user_id)s AND state = 'open' ORDER BY expires_at, id LIMIT %(limit)s
"""
# Where the chain stands now or stood at a moment: ids and times of a user's rows rise together.
POSITION = """
    SELECT coalesce((SELECT id FROM coinpurse.transactions
                      WHERE user_id = %(user_id)s AND (%(at)s::timestamptz IS NULL OR created_at <= %(at)s)
                      ORDER BY id DESC LIMIT 1), 0) AS id,
           coalesce(%(at)s, clock_timestamp()) AS at
"""
SUMS = """
    SELECT coalesce(sum(coins), 0)::bigint AS coins, coalesce(sum(held), 0)::bigint AS held,
           coalesce(sum(frozen), 0)::bigint AS frozen, coalesce(sum(debt), 0)::bigint AS debt
      FROM coinpurse.transactions WHERE user_id = %(user_id)s AND id <= %(position)s
"""
# A hold sets coins of a grant aside and leaves them in it.
GRANT_STORIES = """
    SELECT g.id, g.kind, g.source, g.coins, g.payment_id, g.created_at,
           nullif(g.expires_at, 'infinity') AS expires_at, t.type, sum(touched.coins)::bigint AS moved
      FROM coinpurse.transactions AS t, unnest(t.grant_ids, t.grant_coins) AS touched (grant_id, coins)
      JOIN coinpurse.grants AS g ON g.id = touched.grant_id
     WHERE t.user_id = %(user_id)s AND t.id <= %(position)s AND t.type <> 'hold'
     GROUP BY g.id, t.type ORDER BY g.id, min(t.id)
"""
NEXT_WALLETS = """
    SELECT count(*) AS found, max(user_id) AS last, percentile_disc(0.5) WITHIN GROUP (ORDER BY user_id) AS middle
      FROM (SELECT user_id FROM coinpurse.wallets WHERE user_id > %(after)s ORDER BY user_id LIMIT %(limit)s) AS page
"""
COUNT_WALLETS = "SELECT count(*) AS wallets FROM coinpurse.wallets"
# How a chain is proved without sorting or a window: in the order of the index over user and id, which also carries
# both figures, what each row continues must be what the row before it left, and the first row continues nothing. A
# chain that is whole ends at the sum of its rows. Only where it is not are rows counted.
CHAINS = """
        SELECT user_id, afters[1] AS coins, cardinality(afters) AS length,
               afters[2:] = befores[:cardinality(befores) - 1] AND befores[cardinality(befores)] = 0 AS linked
          FROM (SELECT user_id, array_agg(balance_after ORDER BY id DESC) AS afters,
                       array_agg(balance_after - coins ORDER BY id DESC) AS befores
                  FROM coinpurse.transactions WHERE {part} GROUP BY user_id) AS chain"""
# Each half of a page's chains is read by a process of its own where the server may use several: parallel plans
# cannot divide a scan whose order matters. Every row's first grant is read from the table in one pass, which they can;
# the few rows that touch several have an index.
VERIFY = """
    WITH chains AS ({lower_chains}
         UNION ALL{upper_chains}
    ), linked AS (
        SELECT chains.user_id, coalesce(counted.coins, chains.coins) AS coins, broken
          FROM chains,
               LATERAL (SELECT sum(coins)::bigint AS coins, count(*) FILTER (WHERE continued <> before) AS broken
                          FROM (SELECT coins, balance_after - coins AS continued,
                                       lag(balance_after, 1, 0::bigint) OVER (ORDER BY id) AS before
                                  FROM coinpurse.transactions
                                 WHERE user_id = chains.user_id AND NOT chains.linked) AS link) AS counted
    ), aside AS (
        SELECT user_id, sum(held)::bigint AS held, sum(frozen)::bigint AS frozen, sum(debt)::bigint AS debt
          FROM coinpurse.transactions
         WHERE {page} AND (held <> 0 OR frozen <> 0 OR debt <> 0) GROUP BY user_id
    ), moved AS (
        SELECT grant_id AS id, sum(coins)::bigint AS coins
          FROM (SELECT grant_ids[1] AS grant_id, grant_coins[1] AS coins
                  FROM coinpurse.transactions
                 WHERE {page} AND type NOT IN ('hold', 'freeze', 'release')
                 UNION ALL
                SELECT touched.grant_id, touched.coins
                  FROM coinpurse.transactions AS t,
                       unnest(t.grant_ids[2:], t.grant_coins[2:]) AS touched (grant_id, coins)
                 WHERE {page} AND type NOT IN ('hold', 'freeze', 'release')
                   AND cardinality(grant_ids) > 1) AS touched
         GROUP BY grant_id
    ), kept AS (
        SELECT user_id, sum(remaining)::bigint AS remaining, sum(held)::bigint AS held,
               sum(frozen)::bigint AS frozen,
               count(*) FILTER (WHERE remaining <> coalesce(moved.coins, 0)) AS changed
          FROM coinpurse.grants AS g LEFT JOIN moved USING (id)
         WHERE {page} GROUP BY user_id
    ), open AS (
        SELECT user_id, sum(coins)::bigint AS held
          FROM coinpurse.holds WHERE {page} AND state = 'open' GROUP BY user_id
    ), figures AS (
        SELECT w.user_id, what, wallet, rows
          FROM coinpurse.wallets AS w LEFT JOIN linked USING (user_id) LEFT JOIN aside USING (user_id)
               LEFT JOIN kept USING (user_id) LEFT JOIN open USING (user_id),
               LATERAL (VALUES ('balance against transactions', w.balance, coalesce(linked.coins, 0)),
                               ('balance against grants', w.balance + w.debt, coalesce(kept.remaining, 0)),
                               ('held against transactions', w.held, coalesce(aside.held, 0)),
                               ('grants that are not what their transactions left', coalesce(kept.changed, 0), 0),
                               ('transactions that break the chain', coalesce(linked.broken, 0), 0),
                               ('held against grants', w.held, coalesce(kept.held, 0)),
                               ('held against open holds', w.held, coalesce(open.held, 0)),
                               ('frozen against transactions', w.frozen, coalesce(aside.frozen, 0)),
                               ('frozen against grants', w.frozen, coalesce(kept.frozen, 0)),
                               ('debt against transactions', w.debt, coalesce(aside.debt, 0))) AS f (what, wallet, rows)
         WHERE {page}
         UNION ALL
        SELECT user_id, 'transactions without a wallet', length, 0
          FROM chains LEFT JOIN coinpurse.wallets AS w USING (user_id) WHERE w.user_id IS NULL
    )
    SELECT user_id, what, wallet, rows FROM figures WHERE wallet <> rows ORDER BY user_id, what
"""
# What the sums above cannot tell. All of it is in indexes that spends are not in.
VERIFY_DETAILS = """
    WITH page AS MATERIALIZED (
        SELECT user_id, next_due_at FROM coinpurse.wallets WHERE {page}
    ), due AS (
        SELECT user_id, min(expires_at) AS at
          FROM (SELECT user_id, expires_at FROM coinpurse.grants
                 WHERE {page} AND NOT exhausted AND expires_at < 'infinity'
                   AND remaining > held + frozen
                 UNION ALL
                SELECT user_id, expires_at FROM coinpurse.holds
                 WHERE {page} AND state = 'open') AS ends
         GROUP BY user_id
    ), set_aside AS (
        SELECT part.grant_id, sum(part.coins)::bigint AS coins
          FROM coinpurse.holds, unnest(grant_ids, grant_coins) AS part (grant_id, coins)
         WHERE {page} AND state = 'open' GROUP BY part.grant_id
    ), holding AS (
        SELECT id, user_id, held FROM coinpurse.grants
         WHERE {page} AND NOT exhausted AND held > 0
    ), held_by_rows AS (
        SELECT user_id, hold_id, sum(held)::bigint AS held, -sum(coins)::bigint AS captured
          FROM coinpurse.transactions
         WHERE {page} AND (held <> 0 OR frozen <> 0 OR debt <> 0) AND held <> 0
         GROUP BY user_id, hold_id
    ), held AS (
        SELECT user_id, id, captured, CASE WHEN state = 'open' THEN coins ELSE 0 END AS held
          FROM coinpurse.holds WHERE {page}
    ), undone AS (
        SELECT user_id, reverses, sum(coins)::bigint AS coins FROM coinpurse.transactions
         WHERE {page} AND reverses IS NOT NULL GROUP BY user_id, reverses
    ), claimed AS (
        SELECT c.user_id, c.owed, c.forgiven,
               (SELECT coalesce(sum(taken), 0) FROM coinpurse.grants WHERE payment_id = c.payment_id) AS taken,
               (SELECT coalesce(sum(t.forgiven), 0) FROM coinpurse.transactions AS t
                 WHERE payment_id = c.payment_id) AS row_forgiven,
               (SELECT coalesce(sum(t.debt), 0) FROM coinpurse.transactions AS t
                 WHERE payment_id = c.payment_id AND idempotency_key LIKE 'claim:%%') AS row_debt, own, others
          FROM coinpurse.claims AS c,
               LATERAL (SELECT coalesce(sum(part.coins) FILTER (WHERE g.payment_id = c.payment_id), 0) AS own,
                               coalesce(sum(part.coins) FILTER (WHERE g.payment_id IS NULL), 0) AS others
                          FROM coinpurse.transactions AS t, unnest(t.grant_ids, t.grant_coins) AS part (grant_id, coins)
                          JOIN coinpurse.grants AS g ON g.id = part.grant_id
                         WHERE t.payment_id = c.payment_id AND t.idempotency_key LIKE 'claim:%%') AS moved
         WHERE {page}
    ), wrong AS (
        SELECT user_id, 'wallets that would be settled too late' AS what
          FROM page JOIN due USING (user_id) WHERE next_due_at > at
         UNION ALL
        SELECT user_id, 'grants that hold other coins than the open holds'
          FROM holding LEFT JOIN set_aside ON grant_id = id WHERE held IS DISTINCT FROM coins
         UNION ALL
        SELECT coalesce(h.user_id, r.user_id), 'holds that are not what their transactions say'
          FROM held AS h FULL JOIN held_by_rows AS r ON r.hold_id = h.id AND r.user_id = h.user_id
         WHERE h.captured IS DISTINCT FROM r.captured OR h.held IS DISTINCT FROM r.held
         UNION ALL
        SELECT u.user_id, 'reversals of other than what was spent'
          FROM undone AS u LEFT JOIN coinpurse.transactions AS t
               ON t.id = u.reverses AND t.user_id = u.user_id AND t.type IN ('usage', 'capture')
         WHERE t.id IS NULL OR u.coins > -t.coins
         UNION ALL
        SELECT user_id, 'claims that are not what their transactions say'
          FROM claimed WHERE forgiven <> row_forgiven OR taken <> -own OR owed <> row_debt - others
    )
    SELECT user_id, what, count(*) AS wallet, 0 AS rows FROM wrong GROUP BY user_id, what ORDER BY user_id, what
"""
# The plan depends on how much of the table the page is; and compiling it would take longer than running it.
PLAN_EACH_PAGE = "SET LOCAL plan_cache_mode = force_custom_plan; SET LOCAL jit = off"
LARGEST_ID = 2**63 - 1
BOOKS_BROKEN = "CP500"


class Page(NamedTuple):
    """Users whose ids are beyond `after`, up to `last`; None for all. wallets: how many of them had one."""

    after: str
    middle: str
    last: str | None
    wallets: int


def credit(
    work: UnitOfWork,
    grants: Sequence[NewGrant],
    *,
    ranks: dict[str, int],
    price: Money | None,
    payment_id: UUID | None,
    **values: object,
) -> Any:
    """Call the kernel's `credit`."""
    listed = [
        {
            "kind": grant.kind,
            "coins": grant.coins,
            "rank": ranks[grant.kind],
            **({"expires_at": grant.expires_at.isoformat()} if grant.expires_at else {}),
            **(
                {"amount_minor": grant.price.amount_minor, "currency": grant.price.currency}
                if grant.price
                else {}
            ),
        }
        for grant in grants
    ]
    return call(
        work,
        CREDIT,
        grants=json.dumps(listed),
        amount_minor=price and price.amount_minor,
        currency=price and price.currency,
        payment_id=payment_id,
        **values,
    )


def call(work: UnitOfWork, operation: str, **values: object) -> Any:
    """Call one of the kernel's operations above; returns its row with `outcome`. Raises LedgerInvariantBroken."""
    return _run(lambda: work.call(operation, values))


def spend_many(
    work: UnitOfWork,
    *,
    users: Sequence[str],
    coins: Sequence[int],
    keys: Sequence[str],
    digests: Sequence[bytes],
    descriptions: Sequence[str],
    metadatas: Sequence[str | None],
    skipping: bool,
) -> list[Any]:
    """Call the kernel's `spend_many`; one row for each item, in order. Raises LedgerInvariantBroken."""
    rows: list[Any] = _run(
        lambda: work.rows(
            SPEND_MANY,
            users=_array(users),
            coins=f"{{{','.join(map(str, coins))}}}",
            keys=_array(keys),
            digests=_array([f"\\x{digest.hex()}" for digest in digests]),
            descriptions=_array(descriptions),
            metadatas=_array(metadatas),
            skipping=skipping,
        )
    )
    return rows


def get_wallet(work: UnitOfWork, user_id: str) -> Wallet:
    """Return the wallet, after what is due in it was settled; one that has no row is empty."""
    row = work.row(WALLET, user_id=user_id)
    if row is None:
        return Wallet(user_id=user_id)
    if row.is_due:
        work.execute(SETTLE, user_id=user_id)
        row = work.row(WALLET, user_id=user_id)
        assert row is not None
    return Wallet(
        user_id=user_id,
        balance=row.balance,
        held=row.held,
        frozen=row.frozen,
        paid=row.paid,
        bonus=row.bonus,
        debt=row.debt,
        blocked=row.blocked,
    )


def list_transactions(
    work: UnitOfWork, user_id: str, *, before: int | None, limit: int
) -> list[Transaction]:
    """Return the user's rows, newest first."""
    before = LARGEST_ID if before is None else before
    return [
        transaction(row) for row in work.rows(LIST, user_id=user_id, before=before, limit=limit)
    ]


def coins_by_key(work: UnitOfWork, users: Sequence[str], keys: Sequence[str]) -> dict[str, int]:
    """Return what was posted to each user under the key in the same place; users without it are left out."""
    found = work.rows(COINS_BY_KEY, users=list(users), keys=list(keys))
    return {row.user_id: row.coins for row in found}


def get_hold(work: UnitOfWork, hold_id: int, *, created: bool = False) -> Hold:
    """Return a hold that exists."""
    row = work.row(GET_HOLD, id=hold_id)
    assert row is not None
    return Hold(**row._asdict(), created=created)


def open_holds(work: UnitOfWork, user_id: str, *, limit: int) -> list[Hold]:
    """Return the user's open holds, the soonest to end first."""
    return [Hold(**row._asdict()) for row in work.rows(OPEN_HOLDS, user_id=user_id, limit=limit)]


def position_at(work: UnitOfWork, user_id: str, at: datetime | None) -> tuple[int, datetime]:
    """Return the id of the user's last row at the moment, 0 where there was none, and the moment; None for now."""
    row = work.row(POSITION, user_id=user_id, at=at)
    assert row is not None
    return row.id, row.at


def list_expiring(
    work: UnitOfWork, *, within: timedelta, zone: str, after: str, limit: int
) -> tuple[list[ExpiringCoins], str | None]:
    """Return what a page of wallets loses soon, and the last of its users; None after the last page."""
    rows = work.rows(EXPIRING, within=within, zone=zone, after=after, limit=limit)
    found = [ExpiringCoins(**row._asdict()) for row in rows if row.day is not None]
    return found, rows[-1].user_id if rows else None


def sums_at(work: UnitOfWork, user_id: str, position: int) -> Any:
    """Return the sums of the user's rows up to the position."""
    row = work.row(SUMS, user_id=user_id, position=position)
    assert row is not None
    return row


def grant_stories(work: UnitOfWork, user_id: str, position: int) -> list[GrantStory]:
    """Return what became of each of the user's grants up to the position, oldest first."""
    moves: dict[int, dict[str, int]] = {}
    rows = {}
    for row in work.rows(GRANT_STORIES, user_id=user_id, position=position):
        rows[row.id] = row
        moves.setdefault(row.id, {})[row.type] = row.moved
    return [
        GrantStory(
            id=row.id,
            kind=row.kind,
            source=row.source,
            coins=row.coins,
            payment_id=row.payment_id,
            created_at=row.created_at,
            expires_at=row.expires_at,
            moves=moves[row.id],
            remaining=sum(moves[row.id].values()),
        )
        for row in rows.values()
    ]


def count_wallets(work: UnitOfWork) -> int:
    """Return how many wallets there are."""
    row = work.row(COUNT_WALLETS)
    assert row is not None
    found: int = row.wallets
    return found


def wallet_pages(work: UnitOfWork, *, limit: int) -> Iterator[Page]:
    """Cut all user ids into pages of so many wallets; the last page has no end, and may have no wallet."""
    after: str | None = ""
    while after is not None:
        row = work.row(NEXT_WALLETS, after=after, limit=limit)
        assert row is not None
        last = row.last if row.found == limit else None
        yield Page(after, row.middle or after, last, row.found)
        after = last


def differences(work: UnitOfWork, page: Page) -> list[Difference]:
    """Return the users of a page whose figures are not those of their rows and grants."""
    work.execute(PLAN_EACH_PAGE)
    whole = _between(after=page.after, last=page.last)
    lower = CHAINS.format(part=_between(after=page.after, last=page.middle, last_name="middle"))
    upper = CHAINS.format(part=_between(after=page.middle, last=page.last, after_name="middle"))
    found = [
        Difference(**row._asdict())
        for query in (VERIFY, VERIFY_DETAILS)
        for row in work.rows(
            query.format(page=whole, lower_chains=lower, upper_chains=upper),
            after=page.after,
            middle=page.middle,
            last=page.last,
        )
    ]
    return sorted(found, key=lambda difference: (difference.user_id, difference.what))


def transaction(row: Any, *, created: bool = False) -> Transaction:
    """Read a row that has all of COLUMNS."""
    return Transaction(
        id=row.id,
        user_id=row.user_id,
        type=row.type,
        coins=row.coins,
        balance_after=row.balance_after,
        held=row.held,
        frozen=row.frozen,
        debt=row.debt,
        forgiven=row.forgiven,
        price=None if row.currency is None else Money(row.amount_minor, row.currency),
        payment_id=row.payment_id,
        session_id=row.session_id,
        hold_id=row.hold_id,
        reverses=row.reverses,
        description=row.description,
        actor=row.actor,
        metadata=row.metadata,
        idempotency_key=row.idempotency_key,
        grants=tuple(zip(row.grant_ids, row.grant_coins, strict=True)),
        created_at=row.created_at,
        created=created,
    )


def _between(
    *, after: str, last: str | None, after_name: str = "after", last_name: str = "last"
) -> str:
    """Write the condition for a range of users; none where it holds for all: it takes a fifth of a scan."""
    conditions = [f"user_id > %({after_name})s"] if after else []
    if last is not None:
        conditions.append(f"user_id <= %({last_name})s")
    return " AND ".join(conditions) or "true"


def _array(texts: Sequence[str | None]) -> str:
    """Write an array as PostgreSQL reads it. The driver's way took a quarter of a batch's time in our process."""
    written = [
        "NULL" if text is None else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
        for text in texts
    ]
    return "{" + ",".join(written) + "}"


def _run(statement: Callable[[], Any]) -> Any:
    try:
        return statement()
    except psycopg.DatabaseError as error:
        if error.sqlstate != BOOKS_BROKEN:
            raise
        raise LedgerInvariantBroken(error.diag.message_primary) from error

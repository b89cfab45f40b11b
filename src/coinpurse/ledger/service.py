"""What can be done with a wallet. Every operation is one atomic call; the caller commits.

Each takes a key: a repeat with the same content returns the first result with created=False, other content
raises IdempotencyConflict. Refusals leave the caller's transaction usable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, get_args
from uuid import UUID

from coinpurse import signals
from coinpurse.counting import counts
from coinpurse.db import UnitOfWork
from coinpurse.errors import (
    AmountTooLarge,
    DomainError,
    HoldAlreadyResolved,
    IdempotencyConflict,
    InsufficientCoins,
    InvalidRequest,
    LedgerInvariantBroken,
    NotFound,
    WalletBlocked,
)
from coinpurse.ledger import rules, store
from coinpurse.ledger.rules import (
    ClaimCause,
    Difference,
    ExpiringCoins,
    Explanation,
    Hold,
    NewGrant,
    Spend,
    SpentPolicy,
    Transaction,
    Wallet,
    digest,
    require_callers_key,
    require_coins,
    require_description,
    require_key,
    require_moment,
    require_reason,
)
from coinpurse.money import Money

SpendOrder = Literal["bonus_first", "paid_first"]
RANKS: dict[SpendOrder, dict[str, int]] = {
    "bonus_first": {"bonus": 0, "paid": 1},
    "paid_first": {"paid": 0, "bonus": 1},
}
VERIFY_PAGE = 20_000
LATEST_ROWS = 50
LARGEST_ID = 2**63 - 1

# What became of one item of a batch. Books that contradict themselves concern the item's own wallet alone.
SpendResult = Transaction | DomainError | LedgerInvariantBroken

# What each refusal of the kernel means; `about` is what the call named: a user, a hold or a transaction.
REFUSALS: dict[str, Callable[[Any, str, str], DomainError | LedgerInvariantBroken]] = {
    "conflict": lambda _row, _about, key: IdempotencyConflict(key),
    "insufficient": lambda row, about, _key: InsufficientCoins(
        user_id=about, needed=row.needed, available=row.available
    ),
    "blocked": lambda _row, about, _key: WalletBlocked("This wallet may not spend.", user_id=about),
    "no_wallet": lambda _row, about, _key: NotFound("wallet", about),
    "no_hold": lambda _row, about, _key: NotFound("hold", about),
    "no_transaction": lambda _row, about, _key: NotFound("transaction", about),
    "resolved": lambda _row, about, _key: HoldAlreadyResolved(
        "This hold was captured, voided or timed out before.", hold_id=about
    ),
    "too_much": lambda row, _about, _key: AmountTooLarge(
        needed=row.needed or 0, available=row.available or 0
    ),
    "broken": lambda _row, about, _key: LedgerInvariantBroken(
        f"The grants of wallet {about!r} have fewer coins than its balance says."
    ),
}


def credit(
    work: UnitOfWork,
    user_id: str,
    grants: Sequence[NewGrant],
    *,
    key: str,
    type_: str = "grant",
    source: str,
    description: str = "",
    price: Money | None = None,
    payment_id: UUID | None = None,
    session_id: str | None = None,
    actor: str | None = None,
    spend_order: SpendOrder = "bonus_first",
) -> Transaction:
    """Add coins that came together as one ledger row and one grant each. A debt is repaid first.

    price: what was paid for all of them. spend_order: which kind is used first among those that expire together.
    """
    assert grants
    for grant in grants:
        require_coins(grant.coins)
        if grant.kind not in RANKS[spend_order]:
            raise InvalidRequest("kind", "must be paid or bonus")
        if grant.expires_at is not None:
            require_moment(grant.expires_at, field="expires_at")
    row = store.credit(
        work,
        grants,
        ranks=RANKS[spend_order],
        price=price,
        payment_id=payment_id,
        user_id=require_key(user_id, field="user_id"),
        key=require_key(key),
        digest=digest(
            "credit",
            type_,
            source,
            [
                (grant.kind, grant.coins, grant.expires_at and grant.expires_at.astimezone(UTC))
                for grant in grants
            ],
            price and [price.amount_minor, price.currency],
            payment_id,
        ),
        type=type_,
        description=require_description(description),
        source=require_key(source, field="source"),
        session_id=session_id,
        actor=actor,
    )
    return _posted(work, row, user_id, key)


def spend(
    work: UnitOfWork,
    user_id: str,
    coins: int,
    *,
    key: str,
    description: str = "",
    metadata: Mapping[str, Any] | None = None,
) -> Transaction:
    """Use coins: the soonest to expire first. Raises InsufficientCoins, WalletBlocked and NotFound."""
    row = store.call(
        work,
        store.SPEND,
        **_spend_values(user_id, coins, key, description, metadata),
        type="usage",
        actor=None,
    )
    return _posted(work, row, user_id, key)


def spend_many(work: UnitOfWork, spends: Sequence[Spend]) -> list[SpendResult]:
    """Apply many spends in one call, in order; a result or a refusal for each, in the same place."""
    results = _spend_many(work, spends, skipping=False)
    assert None not in results
    return results  # type: ignore[return-value]


def spend_unlocked(work: UnitOfWork, spends: Sequence[Spend]) -> list[SpendResult | None]:
    """Do what `spend_many` does, for all but the wallets that somebody else has locked: their items stay None."""
    return _spend_many(work, spends, skipping=True)


def reverse(
    work: UnitOfWork,
    transaction_id: int,
    *,
    key: str,
    coins: int | None = None,
    description: str = "",
) -> Transaction:
    """Undo a usage or a capture into the grants that it took from.

    coins: how many; None for all that is left to undo. Raises NotFound and AmountTooLarge.
    """
    row = store.call(
        work,
        store.REVERSE,
        transaction_id=_known_id(transaction_id, "transaction"),
        coins=None if coins is None else require_coins(coins),
        key=require_callers_key(key),
        digest=digest("reverse", transaction_id, coins),
        description=require_description(description),
    )
    return _posted(work, row, str(transaction_id), key)


def adjust(
    work: UnitOfWork,
    user_id: str,
    coins: int,
    *,
    key: str,
    reason: str,
    actor: str,
    spend_order: SpendOrder = "bonus_first",
) -> Transaction:
    """Correct a balance by hand: positive adds bonus coins, negative takes what is available."""
    require_coins(abs(coins) if type(coins) is int else coins)
    require_reason(reason, actor)
    if coins > 0:
        return credit(
            work,
            user_id,
            [NewGrant("bonus", coins)],
            key=key,
            type_="adjustment",
            source="adjustment",
            description=reason,
            actor=actor,
            spend_order=spend_order,
        )
    values = {
        # Its own callers have looked at the key; it may be one of the store's own.
        **_spend_values(user_id, -coins, "by hand", reason, None),
        "key": require_key(key),
        "digest": digest("adjust", coins),
    }
    row = store.call(work, store.SPEND, **values, type="adjustment", actor=actor)
    return _posted(work, row, user_id, key)


def hold(
    work: UnitOfWork,
    user_id: str,
    coins: int,
    *,
    key: str,
    ttl_seconds: float,
    description: str = "",
) -> Hold:
    """Set coins aside for at most the time given; after it they are free again by themselves.

    Raises InsufficientCoins, WalletBlocked and NotFound.
    """
    if type(ttl_seconds) not in (int, float) or not 0 < ttl_seconds <= rules.MAXIMUM_TTL_SECONDS:
        raise InvalidRequest(
            "ttl_seconds", f"must be more than 0 and at most {rules.MAXIMUM_TTL_SECONDS}"
        )
    row = store.call(
        work,
        store.HOLD,
        user_id=require_key(user_id, field="user_id"),
        coins=require_coins(coins),
        key=require_callers_key(key),
        digest=digest("hold", coins, float(ttl_seconds)),
        ttl_seconds=float(ttl_seconds),
        description=require_description(description),
    )
    posted = _posted(work, row, user_id, key)
    assert posted.hold_id is not None
    found = store.get_hold(work, posted.hold_id, created=posted.created)
    # A repeat is answered as the first call was, whatever became of the hold.
    return replace(found, state="open", captured=0)


def capture(
    work: UnitOfWork,
    hold_id: int,
    *,
    key: str,
    coins: int | None = None,
    description: str | None = None,
) -> Transaction:
    """Take held coins, all of them or part; the rest is free again.

    Raises HoldAlreadyResolved, AmountTooLarge and NotFound.
    """
    return _resolve(
        work,
        hold_id,
        None if coins is None else require_coins(coins),
        key,
        digest("capture", hold_id, coins),
        description,
    )


def void(work: UnitOfWork, hold_id: int, *, key: str) -> Transaction:
    """Let go of held coins. Raises HoldAlreadyResolved and NotFound."""
    return _resolve(work, hold_id, 0, key, digest("void", hold_id), None)


def claim(
    work: UnitOfWork,
    user_id: str,
    payment_id: UUID,
    *,
    taking: int,
    freezing: int = 0,
    owing: int = 0,
    policy: SpentPolicy = "debt",
    cause: ClaimCause = "refund",
    description: str = "",
) -> Transaction | None:
    """Bring a payment's coins in line with what became of its money, and post the difference.

    taking: coins that are gone. freezing: coins in dispute, frozen as far as they are there. owing: how many of the
    disputed ones are owed meanwhile where they are not there. policy: what becomes of spent coins.
    The figures are absolute: calls in any order and number end as the last one says. None where nothing changed.
    Coins that come back later (a hold let go, a spend reversed) follow the claim by themselves.
    """
    require_coins(freezing, field="freezing", least=0)
    if require_coins(owing, field="owing", least=0) > freezing:
        raise InvalidRequest("owing", "must be at most `freezing`")
    for field, value, known in (
        ("policy", policy, get_args(SpentPolicy)),
        ("cause", cause, get_args(ClaimCause)),
    ):
        if value not in known:
            raise InvalidRequest(field, f"must be one of {', '.join(known)}")
    row = store.call(
        work,
        store.CLAIM,
        user_id=require_key(user_id, field="user_id"),
        payment_id=payment_id,
        taking=require_coins(taking, field="taking", least=0),
        freezing=freezing,
        owing=owing,
        policy=policy,
        cause=cause,
        description=require_description(description),
    )
    if row.outcome == "unchanged":
        return None
    if row.outcome != "posted":
        raise REFUSALS[row.outcome](row, user_id, "")
    transaction = store.transaction(row, created=True)
    work.tally(counts().operations[transaction.type], transaction_id=transaction.id)
    return transaction


def unblock(work: UnitOfWork, user_id: str, *, key: str, reason: str, actor: str) -> Transaction:
    """Let a wallet spend again that a refund or dispute had blocked. Its debt stays."""
    require_reason(reason, actor)
    row = store.call(
        work,
        store.UNBLOCK,
        user_id=require_key(user_id, field="user_id"),
        key=require_callers_key(key),
        digest=digest("unblock"),
        description=reason,
        actor=actor,
    )
    return _posted(work, row, user_id, key)


def get_wallet(work: UnitOfWork, user_id: str) -> Wallet:
    """Return the wallet, after what is due in it was settled; one that has no row is empty."""
    return store.get_wallet(work, require_key(user_id, field="user_id"))


def list_transactions(
    work: UnitOfWork, user_id: str, *, before: int | None, limit: int
) -> list[Transaction]:
    """Return the user's rows, newest first. before: only rows with a smaller id."""
    require_key(user_id, field="user_id")
    return store.list_transactions(work, user_id, before=before, limit=limit)


def find_coins_by_key(
    work: UnitOfWork, users: Sequence[str], keys: Sequence[str]
) -> dict[str, int]:
    """Return the coins that were posted to each user under the key in the same place, where there is such a row."""
    assert len(users) == len(keys)
    return store.coins_by_key(work, users, keys)


def open_holds(work: UnitOfWork, user_id: str, *, limit: int = 100) -> list[Hold]:
    """Return what is set aside of the user's coins, the soonest to end first."""
    return store.open_holds(work, require_key(user_id, field="user_id"), limit=limit)


def sweep_due(work: UnitOfWork, *, most: int = 500) -> int:
    """Time out holds and expire grants whose time has come; returns how many wallets were settled.

    Wallets whose books are broken are passed over. Raises LedgerInvariantBroken where there are no others.
    """
    row = store.call(work, store.SWEEP, most=most)
    settled: int = row.settled
    return settled


def list_expiring(
    work: UnitOfWork, *, within: timedelta, zone: str, after: str = "", limit: int = 500
) -> tuple[list[ExpiringCoins], str | None]:
    """Return what a page of wallets loses within the time, by user and day, and where the next page begins.

    zone: whose midnight divides the days. after: what the page before returned; None there was the last page.
    """
    return store.list_expiring(work, within=within, zone=zone, after=after, limit=limit)


def explain(work: UnitOfWork, user_id: str, *, at: datetime | None = None) -> Explanation:
    """Return the balance at a moment (now by default) with its causes.

    All of it is as of one row of the user's, while others may arrive. What somebody has not committed yet is missing.
    """
    get_wallet(work, user_id)
    position, moment = store.position_at(
        work, user_id, None if at is None else require_moment(at, field="at")
    )
    sums = store.sums_at(work, user_id, position)
    return Explanation(
        user_id=user_id,
        at=moment,
        balance=sums.coins,
        held=sums.held,
        frozen=sums.frozen,
        debt=sums.debt,
        grants=tuple(store.grant_stories(work, user_id, position)),
        transactions=tuple(
            list_transactions(work, user_id, before=position + 1, limit=LATEST_ROWS)
        ),
    )


def verify(work: UnitOfWork) -> Iterator[tuple[int, list[Difference]]]:
    """Recompute every wallet from its rows and grants, a page at a time.

    Yields how many wallets the page had and which differ. Memory does not grow with the ledger.
    """
    for page in store.wallet_pages(work, limit=VERIFY_PAGE):
        found = store.differences(work, page)
        if page.wallets or found:
            yield page.wallets, found


def _spend_values(
    user_id: str, coins: int, key: str, description: str, metadata: Mapping[str, Any] | None
) -> dict[str, Any]:
    written = rules.metadata_json(metadata)
    return {
        "user_id": require_key(user_id, field="user_id"),
        "coins": require_coins(coins),
        "key": require_callers_key(key),
        "digest": rules.spend_digest(coins, written),
        "description": require_description(description),
        "metadata": written,
    }


def _spend_many(
    work: UnitOfWork, spends: Sequence[Spend], *, skipping: bool
) -> list[SpendResult | None]:
    results: list[SpendResult | None] = [None] * len(spends)
    good = []
    for place, item in enumerate(spends):
        try:
            values = _spend_values(
                item.user_id, item.coins, item.key, item.description, item.metadata
            )
        except InvalidRequest as error:
            results[place] = error
        else:
            good.append((place, values))
    if good:
        columns = {name: [values[name] for _, values in good] for name in good[0][1]}
        rows = store.spend_many(
            work,
            skipping=skipping,
            users=columns["user_id"],
            coins=columns["coins"],
            keys=columns["key"],
            digests=columns["digest"],
            descriptions=columns["description"],
            metadatas=columns["metadata"],
        )
        for (place, _), row in zip(good, rows, strict=True):
            if row.outcome != "busy":
                results[place] = _result(work, row, spends[place].user_id, spends[place].key)
    return results


def _resolve(
    work: UnitOfWork,
    hold_id: int,
    coins: int | None,
    key: str,
    content: bytes,
    description: str | None,
) -> Transaction:
    row = store.call(
        work,
        store.RESOLVE,
        hold_id=_known_id(hold_id, "hold"),
        coins=coins,
        key=require_callers_key(key),
        digest=content,
        description=None if description is None else require_description(description),
    )
    return _posted(work, row, str(hold_id), key)


def _known_id(id_: object, kind: str) -> int:
    if type(id_) is not int or not 0 < id_ <= LARGEST_ID:
        raise NotFound(kind, str(id_))
    return id_


def _posted(work: UnitOfWork, row: Any, about: str, key: str) -> Transaction:
    result = _result(work, row, about, key)
    if isinstance(result, Transaction):
        return result
    raise result


def _result(work: UnitOfWork, row: Any, about: str, key: str) -> SpendResult:
    if row.outcome not in ("posted", "repeated"):
        counts().refusals[row.outcome].inc()
        return REFUSALS[row.outcome](row, about, key)
    transaction = store.transaction(row, created=row.outcome == "posted")
    if transaction.created:
        work.tally(counts().operations[transaction.type], transaction_id=transaction.id)
    if transaction.created and transaction.coins:
        signal = signals.coins_credited if transaction.coins > 0 else signals.coins_spent
        signals.send_after_commit(
            work, signal, transaction_id=transaction.id, transaction=transaction
        )
    return transaction

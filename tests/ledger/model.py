"""What a wallet does, told again in plain Python: lists and sums, no SQL, no locks, no shortcuts.

Days stand for time. A refusal is raised as `Refused` with the kind of error and its facts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from coinpurse.errors import (
    AmountTooLarge,
    DomainError,
    HoldAlreadyResolved,
    InsufficientCoins,
    NotFound,
    WalletBlocked,
)

NEVER = 10**9


class Refused(Exception):
    """The model says no."""

    def __init__(self, error: type[DomainError], **facts: object) -> None:
        super().__init__(error, facts)
        self.error = error
        self.facts = facts


@dataclass
class ModelGrant:
    """Coins that came together. `row` is the credit's place among the rows."""

    kind: str
    rank: int
    remaining: int
    day: int
    payment: object
    number: int
    held: int = 0
    frozen: int = 0
    taken: int = 0
    expired: int = 0
    id: int | None = None

    @property
    def free(self) -> int:
        return self.remaining - self.held - self.frozen


@dataclass
class Row:
    """One ledger row; `moves` in the order of the grants touched."""

    type: str
    coins: int
    balance_after: int
    held: int = 0
    frozen: int = 0
    debt: int = 0
    forgiven: int = 0
    moves: Sequence[tuple[ModelGrant, int]] = ()
    reversed_by: list[Row] = field(default_factory=list)


@dataclass
class ModelHold:
    parts: Sequence[tuple[ModelGrant, int]]
    day: int
    state: str = "open"

    @property
    def coins(self) -> int:
        return sum(coins for _, coins in self.parts)


@dataclass
class ModelClaim:
    """What is asked of a payment's coins, and what was found spent."""

    taking: int
    freezing: int
    owing: int
    policy: str
    owed: int = 0
    forgiven: int = 0
    blocks: bool = False


@dataclass
class ModelWallet:
    """One user's wallet. `exists` after the first credit."""

    exists: bool = False
    blocked: bool = False
    debt: int = 0
    day: int = 0
    grants: list[ModelGrant] = field(default_factory=list)
    holds: list[ModelHold] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    claims: dict[UUID, ModelClaim] = field(default_factory=dict)

    @property
    def balance(self) -> int:
        return sum(grant.remaining for grant in self.grants) - self.debt

    @property
    def held(self) -> int:
        return sum(grant.held for grant in self.grants)

    @property
    def frozen(self) -> int:
        return sum(grant.frozen for grant in self.grants)

    @property
    def available(self) -> int:
        return self.balance - self.held - self.frozen

    def post(self, type_: str, coins: int, **details: object) -> Row:
        row = Row(type_, coins, self.balance, **details)  # type: ignore[arg-type]
        self.rows.append(row)
        return row

    def settle(self) -> None:
        """Whoever touches a wallet first lets go of what is over."""
        for hold in self.holds:
            if hold.state == "open" and hold.day <= self.day:
                self._let_go(hold, "timed_out", "hold_timeout", 0)
        for grant in sorted(self.grants, key=_order):
            if grant.day <= self.day and grant.free:
                gone = grant.free
                repaid = min(gone, self.debt)
                self.debt -= repaid
                grant.remaining -= gone
                grant.expired += gone - repaid
                self.post("expiry", repaid - gone, debt=-repaid, moves=[(grant, -gone)])

    def touch(self) -> None:
        if not self.exists:
            raise Refused(NotFound)
        self.settle()

    def credit(
        self, new: Sequence[tuple[str, int, int, int]], payment: object, type_: str = "grant"
    ) -> Row:
        """new: (kind, rank, coins, day) of each grant."""
        self.exists = True
        self.settle()
        total = sum(coins for _, _, coins, _ in new)
        repaid = min(self.debt, total)
        self.debt -= repaid
        made = [
            ModelGrant(kind, rank, coins, day, payment, len(self.grants) + place)
            for place, (kind, rank, coins, day) in enumerate(new)
        ]
        owed = repaid
        for grant in made[::-1]:
            part = min(owed, grant.remaining)
            grant.remaining -= part
            owed -= part
        self.grants += made
        moves = [(grant, grant.remaining) for grant in made]
        posted = self.post(type_, total, debt=-repaid, moves=moves)
        if payment in self.claims:
            self._follow(payment, self.claims[payment])
        return posted

    def take(self, coins: int, type_: str) -> Row:
        """Spend, or adjust downwards."""
        if self.blocked and type_ == "usage":
            raise Refused(WalletBlocked)
        parts = self._choose(coins)
        for grant, part in parts:
            grant.remaining -= part
        return self.post(type_, -coins, moves=[(grant, -part) for grant, part in parts])

    def hold(self, coins: int, days: int) -> ModelHold:
        if self.blocked:
            raise Refused(WalletBlocked)
        parts = self._choose(coins)
        for grant, part in parts:
            grant.held += part
        made = ModelHold(parts, self.day + days)
        self.holds.append(made)
        self.post("hold", 0, held=coins, moves=parts)
        return made

    def resolve(self, hold: ModelHold, coins: int | None) -> Row:
        """Capture, or with 0 void."""
        coins = hold.coins if coins is None else coins
        if hold.state != "open":
            raise Refused(HoldAlreadyResolved)
        if coins > hold.coins:
            raise Refused(AmountTooLarge, needed=coins, available=hold.coins)
        kinds = ("captured", "capture") if coins else ("voided", "void")
        return self._let_go(hold, *kinds, coins)

    def reverse(self, row: Row, coins: int | None) -> Row:
        left = -row.coins - sum(undone.coins for undone in row.reversed_by)
        wanted = left if coins is None else coins
        if wanted > left or left == 0:
            raise Refused(AmountTooLarge, needed=wanted, available=left)
        moves = []
        owed = wanted
        for grant, took in reversed(row.moves):
            undone = sum(
                back for other in row.reversed_by for place, back in other.moves if place is grant
            )
            part = min(owed, -took - undone)
            if part:
                grant.remaining += part
                owed -= part
                moves.append((grant, part))
        posted = self.post("reversal", wanted, moves=moves)
        row.reversed_by.append(posted)
        self._follow_all()
        return posted

    def claim(
        self, payment: UUID, taking: int, freezing: int, owing: int, policy: str
    ) -> Row | None:
        known = self.claims.setdefault(payment, ModelClaim(0, 0, 0, "debt"))
        known.taking, known.freezing, known.owing, known.policy = taking, freezing, owing, policy
        return self._follow(payment, known)

    def unblock(self) -> Row:
        self.blocked = False
        for known in self.claims.values():
            known.blocks = False
        return self.post("unblock", 0)

    def _follow_all(self) -> None:
        for payment in sorted(self.claims):
            self._follow(payment, self.claims[payment])

    def _follow(self, payment: UUID, known: ModelClaim) -> Row | None:
        """Undo what the claim did to the grants, and do it again as it is asked now."""
        before = (self.balance, self.frozen, self.debt, known.forgiven)
        mine = [grant for grant in self.grants if grant.payment == payment]
        mine.sort(key=lambda grant: grant.kind == "bonus")
        had = {id(grant): grant.remaining for grant in mine}
        for grant in mine:
            grant.remaining, grant.taken, grant.frozen = grant.remaining + grant.taken, 0, 0
        take, freeze = known.taking, known.freezing
        for grant in mine:
            grant.taken = min(take, grant.remaining - grant.held)
            grant.remaining -= grant.taken
            take -= grant.taken
        for grant in mine:
            grant.frozen = min(freeze, grant.remaining - grant.held)
            freeze -= grant.frozen
        frozen = sum(grant.frozen for grant in mine)
        short = take + max(0, known.owing - frozen) - sum(grant.expired for grant in mine)
        short = max(0, short)
        moves = [(g, g.remaining - had[id(g)]) for g in mine if g.remaining != had[id(g)]]

        worse = short - known.owed - known.forgiven
        blocked_before = known.blocks
        if worse > 0 and known.policy == "forgive":
            known.forgiven += worse
        elif worse > 0:
            known.owed += worse
            self.debt += worse
            known.blocks = known.blocks or known.policy == "block"
        else:
            pardon = min(known.forgiven, -worse)
            known.forgiven -= pardon
            better = -worse - pardon
            known.owed -= better
            waived = min(better, self.debt)
            self.debt -= waived
            if better > waived:
                ranks = [grant.rank for grant in mine if grant.kind == "paid"]
                rank = max(ranks, default=0)
                made = ModelGrant("paid", rank, better - waived, NEVER, None, len(self.grants))
                self.grants.append(made)
                moves.append((made, made.remaining))
            known.blocks = known.blocks and known.owed > 0
        if known.blocks != blocked_before:
            self.blocked = any(claim.blocks for claim in self.claims.values())

        coins, frozen, debt, forgiven = (
            now - then
            for now, then in zip(
                (self.balance, self.frozen, self.debt, known.forgiven), before, strict=True
            )
        )
        if not (moves or frozen or debt or forgiven):
            return None
        back = coins > 0 or (coins == 0 and (frozen < 0 or forgiven < 0))
        return self.post(
            "restoration" if back else "refund",
            coins,
            frozen=frozen,
            debt=debt,
            forgiven=forgiven,
            moves=moves,
        )

    def _choose(self, coins: int) -> list[tuple[ModelGrant, int]]:
        if coins > self.available:
            raise Refused(InsufficientCoins, needed=coins, available=self.available)
        chosen = []
        for grant in sorted(self.grants, key=_order):
            part = min(coins, grant.free)
            if part > 0:
                chosen.append((grant, part))
                coins -= part
        assert coins == 0
        return chosen

    def _let_go(self, hold: ModelHold, state: str, type_: str, coins: int) -> Row:
        hold.state = state
        owed, moves = coins, []
        for grant, part in hold.parts:
            taken = min(owed, part)
            owed -= taken
            grant.held -= part
            grant.remaining -= taken
            moves.append((grant, -taken))
        posted = self.post(type_, -coins, held=-hold.coins, moves=moves)
        self._follow_all()
        return posted


def _order(grant: ModelGrant) -> tuple[int, int, int]:
    return grant.day, grant.rank, grant.number

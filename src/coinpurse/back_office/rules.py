"""Who may do what in the back office, and the values that it shows and keeps. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal, get_args
from uuid import UUID

from coinpurse.errors import InvalidRequest

Role = Literal["viewer", "support", "finance", "owner"]
# Each may do all that the ones before it may.
ROLES: tuple[Role, ...] = get_args(Role)

Action = Literal[
    "see",
    "export",
    "replay_event",
    "request_adjustment",
    "cancel_checkout",
    "refund",
    "resolve_review",
    "decide_adjustment",
    "unblock",
    "staff",
    "api_keys",
    "webhooks",
    "catalog",
]
LEAST_ROLE: dict[Action, Role] = {
    "see": "viewer",
    "export": "viewer",
    "replay_event": "support",
    "request_adjustment": "support",
    "cancel_checkout": "support",
    "refund": "finance",
    "resolve_review": "finance",
    "decide_adjustment": "finance",
    "unblock": "finance",
    "staff": "owner",
    "api_keys": "owner",
    "webhooks": "owner",
    "catalog": "owner",
}

AdjustmentState = Literal["waiting", "applied", "refused", "withdrawn"]
ADJUSTMENT_STATES: tuple[AdjustmentState, ...] = get_args(AdjustmentState)
AdjustmentDecision = Literal["approve", "refuse"]

# What stands before the login name of somebody who used a command.
COMMAND_ACTOR = "cli:"
OVERVIEW_DAYS = 30


def may(role: str | None, action: Action) -> bool:
    """Whether somebody with this role may do it. A role that we do not know may nothing."""
    return role in ROLES and ROLES.index(role) >= ROLES.index(LEAST_ROLE[action])


def require_role(role: str) -> Role:
    """Return a role by its name. Raises InvalidRequest."""
    for known in ROLES:
        if role == known:
            return known
    raise InvalidRequest("role", f"must be one of {', '.join(ROLES)}")


@dataclass(frozen=True, slots=True)
class Staff:
    """Somebody who may enter the back office. changed_at: when the role was last given."""

    user_id: str
    role: Role
    created_at: datetime
    created_by: str
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One thing that somebody did; rows never change.

    actor: the user id of a member of the staff, or `cli:` and a login name. subject_kind, subject_id: what it was
    about, such as `payment` and its id. facts: what JSON can carry.
    """

    id: int
    at: datetime
    actor: str
    action: str
    subject_kind: str
    subject_id: str
    reason: str
    facts: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Adjustment:
    """A correction by hand that was asked for. coins: signed, what the balance is to change by.

    decided_by: None where it was small enough to be applied at once, and while it waits. transaction_id: the ledger row
    that applied it. created: False for a repeat of a request that was made before.
    """

    id: UUID
    user_id: str
    coins: int
    reason: str
    requested_by: str
    state: AdjustmentState
    decided_by: str | None
    decided_at: datetime | None
    transaction_id: int | None
    created_at: datetime
    created: bool = False

    def may_be_decided_by(self, user_id: str) -> bool:
        """Whether somebody is a second person: neither who asked for it nor whose wallet it is."""
        return user_id not in (self.requested_by, self.user_id)


@dataclass(frozen=True, slots=True)
class AdjustmentPreview:
    """What an adjustment would do: the balance before and after it, and whether a second person must agree.

    adjusted_alone: coins that who asks has given and taken in the last day without a second person, of all users.
    is_new: the user has no wallet yet, which may mean that the id is wrong.
    """

    user_id: str
    coins: int
    balance: int
    available: int
    balance_after: int
    needs_approval: bool
    adjusted_alone: int
    is_new: bool


@dataclass(frozen=True, slots=True)
class Revenue:
    """Money of one currency, in its minor units. refunded_minor: of refunds that have not failed.

    quarters: of an hour, in which something was sold: what tells how much is sold across currencies.
    """

    currency: str
    gross_minor: int
    refunded_minor: int
    quarters: int

    @property
    def net_minor(self) -> int:
        """What is left."""
        return self.gross_minor - self.refunded_minor


@dataclass(frozen=True, slots=True)
class DayFigures:
    """One day in the time zone of the settings.

    coins_sold: with the bonus that was part of the pack. coins_spent: less what was reversed. outstanding_paid,
    outstanding_bonus: coins in all wallets at the end of the day. checkouts_paid: that were paid on this day, whenever
    they were started.
    """

    day: date
    revenue: tuple[Revenue, ...] = ()
    coins_sold: int = 0
    coins_spent: int = 0
    outstanding_paid: int = 0
    outstanding_bonus: int = 0
    checkouts_started: int = 0
    checkouts_paid: int = 0
    refunds: int = 0
    disputes: int = 0

    @property
    def conversion(self) -> float | None:
        """Paid checkouts of started ones, 1.0 at most; None where none was started."""
        if not self.checkouts_started:
            return None
        return min(1.0, self.checkouts_paid / self.checkouts_started)


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for a person, or went wrong, at this moment."""

    events_failed: int = 0
    events_dead: int = 0
    in_review: int = 0
    disputes_open: int = 0
    refunds_unanswered: int = 0
    adjustments: int = 0


@dataclass(frozen=True, slots=True)
class Overview:
    """The figures of today and of the 30 days before it.

    days: oldest first, without gaps; the last one is today. counted_until: up to where the worker has counted; what
    came after it was counted just now. None before the worker has run.
    """

    at: datetime
    time_zone: str
    days: tuple[DayFigures, ...]
    waiting: Waiting
    counted_until: datetime | None

    @property
    def today(self) -> DayFigures:
        """The figures of the day that is not over yet."""
        return self.days[-1]


# What an entry of a payment's timeline can be; pages have words for each.
TimelineKind = Literal[
    "created",
    "checkout_opened",
    "checkout_failed",
    "cancel_requested",
    "declined",
    "settling",
    "completed",
    "review_opened",
    "review_settled",
    "ledger",
    "refund_requested",
    "refund",
    "dispute",
    "fraud_warning",
    "event",
    "message",
    "delivery",
    "audit",
]


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One thing that happened to a payment.

    facts: by name, such as `coins`, `amount_minor` with `currency`, `status`. actor: who did it, where a person did.
    reference: the id of the row or of Stripe's object. stripe_url: its page in Stripe's Dashboard, for a person.
    """

    at: datetime
    kind: TimelineKind
    facts: Mapping[str, object] = field(default_factory=dict)
    actor: str | None = None
    reference: str | None = None
    stripe_url: str | None = None


# Stripe's ids by how they begin, and where the Dashboard shows such objects.
DASHBOARD_PAGES = {
    "pi_": "payments",
    "ch_": "payments",
    "re_": "refunds",
    "pyr_": "refunds",
    "dp_": "disputes",
    "du_": "disputes",
    "evt_": "events",
    "cus_": "customers",
}


def dashboard_url(stripe_id: str | None, *, livemode: bool) -> str | None:
    """Return the page of an object in Stripe's Dashboard; None for one that has none there."""
    if stripe_id is None:
        return None
    for prefix, page in DASHBOARD_PAGES.items():
        if stripe_id.startswith(prefix):
            return f"https://dashboard.stripe.com/{'' if livemode else 'test/'}{page}/{stripe_id}"
    return None

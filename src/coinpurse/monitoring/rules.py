"""What is watched, and from where on somebody should look. Pure: no I/O.

The thresholds below are also those of `deploy/monitoring/alerts.yml`; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

# A worker notes that it lives every ten seconds.
ALIVE_SECONDS = 30
# How long a paid event may be under way before its coins count as missing.
CREDIT_SECONDS = 300
# Sums over whole tables take a hundredth of the time at most, and are not taken more often than this.
FIGURES_SECONDS = 300
FIGURES_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class States:
    """How the store stands now. Counts stop at 10,000, where it no longer matters how many there are.

    events: not dealt with, by state (received, failed, dead). oldest_event_seconds: age of the oldest of them that is
    not dead. recent_events, recent_failed: of the last hour; failed leaves out those that only wait for their row.
    recent_payments: checkouts of the last day by outcome. in_review: payments that a person must look at;
    review_not_credited: those of them without coins. paid_waiting: events of paid checkouts that have been waiting for
    longer than CREDIT_SECONDS. drift: what the last reconciliation and the last one that went back a month left to a
    person. figures: sums over whole tables, as they were figures_age_seconds ago. Ages are None where there is nothing.
    """

    events: Mapping[str, int] = field(default_factory=dict)
    oldest_event_seconds: float | None = None
    recent_events: int = 0
    recent_failed: int = 0
    recent_payments: Mapping[str, int] = field(default_factory=dict)
    in_review: int = 0
    review_not_credited: int = 0
    paid_waiting: int = 0
    jobs_waiting: int = 0
    oldest_job_seconds: float | None = None
    workers: int = 0
    heartbeat_age_seconds: float | None = None
    drift: int = 0
    reconciled_seconds_ago: float | None = None
    disputes_open: int = 0
    refunds_waiting: int = 0
    oldest_refund_seconds: float | None = None
    deliveries: Mapping[str, int] = field(default_factory=dict)
    oldest_delivery_seconds: float | None = None
    connections: Mapping[str, int] = field(default_factory=dict)
    figures: Mapping[str, float] = field(default_factory=dict)
    figures_age_seconds: float | None = None

    @property
    def paid_not_credited(self) -> int:
        """Payments whose money is there and whose coins are not."""
        return self.paid_waiting + self.review_not_credited

    @property
    def tried_payments(self) -> int:
        """Checkouts of the last day in which the buyer, or we, tried to take money and know how it went."""
        return sum(self.recent_payments.get(outcome, 0) for outcome in TRIED)

    @property
    def disputes_per_payment(self) -> float | None:
        """Chargebacks of the last 30 days over payments of the last 30 days; None without payments."""
        return _ratio(self.figures.get("disputes_30d", 0), self.figures.get("payments_30d", 0))


TRIED = ("credited", "declined", "failed", "in_review")

Severity = Literal["critical", "warning"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One condition. It fires where the value is beyond the threshold, and there are enough cases to say so.

    alert: its name in Prometheus's rules. value: None where it cannot be told. below: whether small values are wrong.
    mend: what to do, with the command. what: what the value is, in words.
    """

    name: str
    alert: str
    severity: Severity
    threshold: float
    value: Callable[[States], float | None]
    mend: str
    what: str
    enough: Callable[[States], bool] = lambda _: True
    below: bool = False


@dataclass(frozen=True, slots=True)
class Condition:
    """How one rule stands now. value: None where there is nothing to tell it by; then it does not fire.

    below: whether it fires below the threshold instead of above it. what: what the value is, in words.
    """

    name: str
    severity: Severity
    firing: bool
    value: float | None
    threshold: float
    mend: str
    what: str
    below: bool = False


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


RULES = (
    Rule(
        "webhook_failures",
        "CoinpurseWebhookFailures",
        "critical",
        0.05,
        lambda states: _ratio(states.recent_failed, states.recent_events),
        "Read why with `coinpurse events list --state failed` and `coinpurse events show ID`; once the cause is mended,"
        " run `coinpurse events replay --failed`.",
        what="share of the last hour's events from Stripe that failed",
        enough=lambda states: states.recent_failed >= 3,
    ),
    Rule(
        "payment_success",
        "CoinpurseFewPaymentsSucceed",
        "warning",
        0.5,
        lambda states: _ratio(states.recent_payments.get("credited", 0), states.tried_payments),
        "Compare `coinpurse payments list --status failed` with the declines in Stripe's Dashboard.",
        what="share of the last day's payments that succeeded when a buyer tried",
        enough=lambda states: states.tried_payments >= 20,
        below=True,
    ),
    Rule(
        "paid_not_credited",
        "CoinpursePaidNotCredited",
        "critical",
        0,
        lambda states: states.paid_not_credited,
        "Buyers wait for coins that they paid for: `coinpurse payments list --review`, settle each with `coinpurse"
        " payments resolve ID`, and run `coinpurse events replay --failed`.",
        what="payments whose money is there and whose coins are not",
    ),
    Rule(
        "payments_in_review",
        "CoinpursePaymentsInReview",
        "warning",
        0,
        lambda states: states.in_review,
        "List them with `coinpurse payments list --review` and settle each with `coinpurse payments resolve ID`.",
        what="payments that a person must look at",
    ),
    Rule(
        "dead_events",
        "CoinpurseDeadEvents",
        "critical",
        0,
        lambda states: states.events.get("dead", 0),
        "List them with `coinpurse events list --state dead`; once the cause is mended, run `coinpurse events replay"
        " --failed`.",
        what="events from Stripe that are not tried any more",
    ),
    Rule(
        "old_events",
        "CoinpurseOldEvents",
        "warning",
        3600,
        lambda states: states.oldest_event_seconds,
        "See `coinpurse events list --state failed` and whether `coinpurse worker` runs.",
        what="seconds that the oldest unfinished event has waited",
    ),
    Rule(
        "worker_away",
        "CoinpurseWorkerAway",
        "critical",
        1,
        lambda states: states.workers,
        "Start `coinpurse worker`, and read its last log lines.",
        what="workers that run",
        below=True,
    ),
    Rule(
        "drift",
        "CoinpurseDrift",
        "critical",
        0,
        lambda states: states.drift,
        "Run `coinpurse reconcile`; it says what differs from Stripe and needs a person.",
        what="differences from Stripe that wait for a person",
    ),
    Rule(
        "reconciliation_late",
        "CoinpurseReconciliationLate",
        "warning",
        21600,
        lambda states: states.reconciled_seconds_ago,
        "It should run every hour. Run `coinpurse reconcile`, and see that `coinpurse worker` runs and reaches Stripe.",
        what="seconds since our books were last compared with Stripe's",
    ),
    Rule(
        "dead_deliveries",
        "CoinpurseDeadDeliveries",
        "warning",
        0,
        lambda states: states.deliveries.get("dead", 0),
        "Mail, alerts or webhooks of ours were tried in vain for days. Mend the receiver, then send them again from the"
        " back office, page Deliveries.",
        what="mails, alerts and webhooks of ours that were given up",
    ),
    Rule(
        "dispute_rate",
        "CoinpurseManyDisputes",
        "warning",
        0.0075,
        lambda states: states.disputes_per_payment,
        "See `coinpurse payments list --status disputed` and Stripe's Dashboard; card networks fine shops from about"
        " 0.75 %. Refund what buyers complain of before their banks do.",
        what="share of the last 30 days' payments that buyers disputed",
        enough=lambda states: states.figures.get("disputes_30d", 0) >= 3,
    ),
)


def judge(rule: Rule, states: States) -> Condition:
    """Say how the rule stands."""
    value = rule.value(states)
    beyond = value is not None and (
        value < rule.threshold if rule.below else value > rule.threshold
    )
    return Condition(
        name=rule.name,
        severity=rule.severity,
        firing=beyond and rule.enough(states),
        value=value,
        threshold=rule.threshold,
        mend=rule.mend,
        what=rule.what,
        below=rule.below,
    )


def figures_are_due(age_seconds: float, took_seconds: float) -> bool:
    """Whether sums over whole tables may be taken again."""
    return age_seconds >= max(FIGURES_SECONDS, took_seconds / FIGURES_SHARE)

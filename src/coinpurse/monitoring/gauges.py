"""The states as Prometheus's gauges: one table, read anew at every scrape."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import psycopg
import structlog
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from coinpurse.monitoring.rules import States
from coinpurse.monitoring.service import Monitoring

# One figure, none, or one for each value of the label.
Reading = float | None | Mapping[str, float]

EVENT_STATES = ("received", "failed", "dead")
OUTCOMES = ("credited", "declined", "failed", "in_review", "abandoned", "open", "other")
COINS = {
    "paid": "coins_paid",
    "bonus": "coins_bonus",
    "held": "coins_held",
    "frozen": "coins_frozen",
    "owed": "coins_owed",
}

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Gauge:
    """One metric. label: the name of its label, where it has one."""

    name: str
    help: str
    read: Callable[[States], Reading]
    label: str | None = None


def _coins(states: States) -> Reading:
    return {state: states.figures[name] for state, name in COINS.items() if name in states.figures}


GAUGES = (
    Gauge(
        "events",
        "Events that are not dealt with: received, failed (tried again), dead (a person must look).",
        lambda states: {state: states.events.get(state, 0) for state in EVENT_STATES},
        "state",
    ),
    Gauge(
        "oldest_event_age_seconds",
        "Age of the oldest event that is still to be acted on; 0 without any.",
        lambda states: states.oldest_event_seconds or 0,
    ),
    Gauge(
        "recent_events",
        "Events of the last hour, at most 10,000: all, and failed.",
        lambda states: {"all": states.recent_events, "failed": states.recent_failed},
        "which",
    ),
    Gauge(
        "recent_payments",
        "Checkouts of the last day by outcome, the latest 10,000.",
        lambda states: {outcome: states.recent_payments.get(outcome, 0) for outcome in OUTCOMES},
        "outcome",
    ),
    Gauge(
        "payments_in_review",
        "Payments that a person must look at.",
        lambda states: states.in_review,
    ),
    Gauge(
        "paid_not_credited",
        "Payments whose money is there and whose coins are not: in review, or their event has waited for five minutes.",
        lambda states: states.paid_not_credited,
    ),
    Gauge("jobs_waiting", "Background jobs that are due.", lambda states: states.jobs_waiting),
    Gauge(
        "oldest_job_age_seconds",
        "How long the oldest of them has been due; 0 without any.",
        lambda states: states.oldest_job_seconds or 0,
    ),
    Gauge("workers", "Workers that have shown themselves lately.", lambda states: states.workers),
    Gauge(
        "worker_heartbeat_age_seconds",
        "Since any worker has last shown itself.",
        lambda states: states.heartbeat_age_seconds,
    ),
    Gauge(
        "reconciliation_drift",
        "Differences from Stripe that the last reconciliations left to a person.",
        lambda states: states.drift,
    ),
    Gauge(
        "reconciliation_age_seconds",
        "Since the last reconciliation ended.",
        lambda states: states.reconciled_seconds_ago,
    ),
    Gauge("disputes_open", "Open disputes and inquiries.", lambda states: states.disputes_open),
    Gauge(
        "disputes_30d",
        "Chargebacks of the last 30 days.",
        lambda states: states.figures.get("disputes_30d"),
    ),
    Gauge(
        "payments_30d",
        "Credited payments of the last 30 days.",
        lambda states: states.figures.get("payments_30d"),
    ),
    Gauge(
        "refunds_waiting",
        "Refunds that were asked for and that Stripe has not answered.",
        lambda states: states.refunds_waiting,
    ),
    Gauge(
        "oldest_refund_age_seconds",
        "How long the oldest of them has waited; 0 without any.",
        lambda states: states.oldest_refund_seconds or 0,
    ),
    Gauge(
        "deliveries",
        "Mails, alerts and webhooks of ours that are not delivered: waiting, or dead (given up).",
        lambda states: {state: states.deliveries.get(state, 0) for state in ("waiting", "dead")},
        "state",
    ),
    Gauge(
        "oldest_delivery_age_seconds",
        "How long the oldest of them has waited; 0 without any.",
        lambda states: states.oldest_delivery_seconds or 0,
    ),
    Gauge(
        "coins",
        "Coins in all wallets: paid and bonus together are all; held and frozen are among them; owed are debts.",
        _coins,
        "state",
    ),
    Gauge(
        "figures_age_seconds",
        "Since the coins and the figures of 30 days were counted.",
        lambda states: states.figures_age_seconds,
    ),
    Gauge(
        "database_connections",
        "Connections of all Coinpurse's processes to the database, by what PostgreSQL says they do.",
        lambda states: {"active": 0, "idle": 0, **states.connections},
        "state",
    ),
)


class StateCollector(Collector):
    """Reads the states at each scrape. Hosts may register it: `REGISTRY.register(StateCollector(purse.monitoring))`."""

    def __init__(self, monitoring: Monitoring) -> None:
        self._monitoring = monitoring

    def describe(self) -> Iterable[Metric]:
        """Name the metrics without asking the database."""
        return [_up(True), *(_family(gauge) for gauge in GAUGES)]

    def collect(self) -> Iterable[Metric]:
        """Read the states; where the database does not answer, say only that."""
        try:
            states = self._monitoring.states()
        except psycopg.Error as error:
            log.warning("metrics.no_database", error=type(error).__name__)
            yield _up(False)
            return
        yield _up(True)
        for gauge in GAUGES:
            reading = gauge.read(states)
            if reading is None:
                continue
            family = _family(gauge)
            readings = reading if isinstance(reading, Mapping) else {"": reading}
            for label, value in readings.items():
                family.add_metric([label] if gauge.label else [], value)
            yield family


def _up(answered: bool) -> Metric:
    return GaugeMetricFamily(
        "coinpurse_database_up",
        "Whether the database answered all questions of this scrape.",
        value=float(answered),
    )


def _family(gauge: Gauge) -> GaugeMetricFamily:
    labels = [gauge.label] if gauge.label else []
    return GaugeMetricFamily(f"coinpurse_{gauge.name}", gauge.help, labels=labels)

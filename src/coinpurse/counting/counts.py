"""What is counted, in one table, and where the counts of this process are.

No label ever names a user, a payment or anything else that there can be any number of.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Sequence
from typing import Generic, TypeVar

import structlog
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram, Metric, values
from prometheus_client.metrics import MetricWrapperBase

from coinpurse.counting.files import DIRECTORY, Folder
from coinpurse.counting.room import LenientFile

Child = TypeVar("Child", bound=MetricWrapperBase)

REQUEST_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
STRIPE_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 60)
JOB_SECONDS = (0.01, 0.05, 0.25, 1, 5, 15, 60, 300, 1800)
CREDIT_SECONDS = (0.5, 1, 2, 5, 10, 30, 60, 300, 1800, 3600, 21600, 86400)

# What is there from the start, at zero: the first of a kind would otherwise come out of nothing, and no rate shows it.
DELIVERED = ("received", "processed", "ignored", "foreign", "failed", "dead", "refused", "error")
ATTEMPTED = ("processed", "ignored", "foreign", "failed", "dead")
OPERATIONS = (
    "purchase", "grant", "usage", "reversal", "hold", "capture", "void", "adjustment", "refund", "dispute",
    "restoration", "unblock",
)  # fmt: skip
REFUSALS = ("conflict", "insufficient", "blocked", "no_wallet", "resolved", "too_much", "broken")
CHANNELS = ("mail", "alert", "webhook")
SENT = ("delivered", "failed", "dead")
CALLS = ("ok", "refused", "limited", "error", "unreachable", "unusable")

log = structlog.get_logger()


class Children(dict[str | tuple[str, ...], Child], Generic[Child]):
    """The children of a metric by their labels, each found once: finding one takes longer than counting."""

    def __init__(self, parent: Child) -> None:
        super().__init__()
        self._parent = parent

    def __missing__(self, labels: str | tuple[str, ...]) -> Child:
        child = self._parent.labels(*((labels,) if isinstance(labels, str) else labels))
        self[labels] = child
        return child


class Counts:
    """All metrics of things that happen. There is one object in a process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = self._counter(
            "http_requests", "Requests answered.", "method", "route", "status"
        )
        self.request_seconds = self._histogram(
            "http_request_seconds", "From a request to its answer.", REQUEST_SECONDS, "route"
        )
        self.deliveries = self._counter(
            "webhook_deliveries",
            "Deliveries from Stripe by what they met: the state that the event was left in, refused (signature or"
            " body), or error (not stored; Stripe sends it again).",
            "outcome",
        )
        self.attempts = self._counter(
            "event_attempts",
            "Attempts to act on an event, by the state that it was left in.",
            "outcome",
        )
        self.operations = self._counter(
            "ledger_operations",
            "Committed operations by the type of their ledger row. What one settles on its way, such as coins that"
            " expire, is not counted.",
            "type",
        )
        self.refusals = self._counter(
            "ledger_refusals", "Operations that the ledger refused.", "reason"
        )
        self.checkouts = self._counter(
            "checkouts", "Checkouts that Stripe opened (started) or did not (failed).", "outcome"
        )
        self.paid_to_spendable = self._histogram(
            "paid_to_spendable_seconds",
            "From Stripe's word that a checkout is paid to the coins in the wallet.",
            CREDIT_SECONDS,
        )[()]
        self.stripe_calls = self._counter(
            "stripe_calls",
            "Calls of Stripe's API, repeats by the SDK within one: ok, refused, limited, error, unreachable, unusable.",
            "method",
            "outcome",
        )
        self.stripe_seconds = self._histogram(
            "stripe_call_seconds", "How long they took.", STRIPE_SECONDS, "method"
        )
        self.jobs = self._counter("jobs", "Background jobs that ended.", "task", "outcome")
        self.job_seconds = self._histogram(
            "job_seconds", "How long they took.", JOB_SECONDS, "task"
        )
        self.notifications = self._counter(
            "delivery_attempts",
            "Attempts to deliver a mail, an alert or a webhook of ours: delivered, failed (tried again), dead.",
            "channel",
            "outcome",
        )
        self.pool_waits = self._counter(
            "pool_waits",
            "Times that the pool had no connection for a second (waited), or for ten (gave_up).",
            "outcome",
        )

        for children, known in (
            (self.deliveries, DELIVERED),
            (self.attempts, ATTEMPTED),
            (self.operations, OPERATIONS),
            (self.refusals, REFUSALS),
            (self.checkouts, ("started", "failed")),
            (self.stripe_calls, [(method, call) for method in ("GET", "POST") for call in CALLS]),
            (
                self.notifications,
                [(channel, outcome) for channel in CHANNELS for outcome in SENT],
            ),
            (self.pool_waits, ("waited", "gave_up")),
        ):
            for labels in known:
                children[labels]

    def _counter(self, name: str, help_: str, *labels: str) -> Children[Counter]:
        made = Counter(f"coinpurse_{name}", help_, labels, registry=self.registry)
        return Children(made)

    def _histogram(
        self, name: str, help_: str, buckets: Sequence[float], *labels: str
    ) -> Children[Histogram]:
        made = Histogram(
            f"coinpurse_{name}", help_, labels, buckets=buckets, registry=self.registry
        )
        children = Children(made)
        if not labels:
            children[()] = made
        return children


_making = threading.Lock()
_made: Counts | None = None
_folder: Folder | None = None


def counts() -> Counts:
    """Return the process's counts, made at their first use, so that a host can set up prometheus-client before."""
    return _made or _make()


def keep_in(folder: Folder) -> None:
    """Count in files of the folder from now on. Call it once, after the process was forked.

    Where the folder cannot be used the process counts in its memory, and says so.
    """
    global _folder
    try:
        folder.enter()
    except OSError as error:
        log.warning("metrics.not_shared", folder=str(folder.path), error=error.strerror)
        return
    with _making:
        # What prometheus-client reads when it makes a value.
        os.environ[DIRECTORY] = str(folder.path)
        values.MmapedDict = LenientFile  # type: ignore[attr-defined]
        values.ValueClass = values.MultiProcessValue(folder.identity)
        _folder = folder
        with folder.locked():
            _replace(Counts())


def collect() -> Iterable[Metric]:
    """Return all counts: those of every process that shares the folder, or else those of this one."""
    if _folder is not None:
        try:
            return _folder.collect()
        except OSError as error:
            # The sums of one process alone would look as if the others had begun anew.
            log.warning("metrics.not_collected", folder=str(_folder.path), error=error.strerror)
            return ()
    return [_without_birthdays(metric) for metric in counts().registry.collect()]


def _without_birthdays(metric: Metric) -> Metric:
    """Leave out since when each count has been there: the files above do not know it."""
    metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
    return metric


def _make() -> Counts:
    with _making:
        return _made or _replace(Counts())


def _replace(made: Counts) -> Counts:
    """Put the counts where hosts find them: in prometheus-client's own registry."""
    global _made
    if _made is not None:
        REGISTRY.unregister(_made.registry)
    REGISTRY.register(made.registry)
    _made = made
    return made

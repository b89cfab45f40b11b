"""Looking at how the store stands, and judging it."""

from __future__ import annotations

from coinpurse.db import Database
from coinpurse.monitoring import store
from coinpurse.monitoring.rules import RULES, Condition, States, figures_are_due, judge

# Whoever scrapes gives up after ten seconds.
LOOK_SECONDS = 3


class Monitoring:
    """How the store stands. Looks on a connection of its own, so that it sees a pool that is used up."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def states(self) -> States:
        """Read how the store stands, in bounded time. Raises psycopg.Error where the database does not answer."""
        with self._database.read_aside(seconds=LOOK_SECONDS) as work:
            return store.look(work)

    def check(self) -> list[Condition]:
        """Return how each rule stands, those that fire among them. Raises what `states` raises."""
        states = self.states()
        return [judge(rule, states) for rule in RULES]

    def take_figures(self) -> bool:
        """Count what takes long, unless that was done lately; returns whether it was done now."""
        with self._database.unit_of_work() as work:
            taken = store.figures_taken(work)
            if taken is not None and not figures_are_due(*taken):
                return False
            store.take_figures(work)
        return True

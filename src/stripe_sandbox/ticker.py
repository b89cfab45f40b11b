"""The thread that lets time pass: it runs timers when the sandbox clock reaches them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stripe_sandbox.world import World

LONGEST_PAUSE = 60.0


class Ticker:
    """Sleeps until the next timer is due, or until somebody changes the timers or the clock."""

    def __init__(self, world: World) -> None:
        """Prepare; `start` begins."""
        self._world = world
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ticker", daemon=True)

    def start(self) -> None:
        """Begin to tick."""
        self._thread.start()

    def stop(self) -> None:
        """End after the timer that is running."""
        self._stopped.set()
        with self._world.timers_changed:
            self._world.timers_changed.notify_all()
        self._thread.join(timeout=2)

    def alive(self) -> bool:
        """Tell whether time passes."""
        return self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._world.run_due_timers()
            with self._world.timers_changed:
                pause = self._pause()
                if pause > 0 and not self._stopped.is_set():
                    self._world.timers_changed.wait(timeout=pause)

    def _pause(self) -> float:
        with self._world.lock:
            row = self._world.store.row("SELECT min(due) AS due FROM timers")
            if row is None or row["due"] is None:
                return LONGEST_PAUSE
            return min(self._world.seconds_until(row["due"]), LONGEST_PAUSE)

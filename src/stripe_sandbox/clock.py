"""The sandbox's own time: it runs with the wall clock, may be moved on, and may stand still."""

from __future__ import annotations

import time
from dataclasses import dataclass

from stripe_sandbox.json_types import Json


@dataclass(frozen=True, slots=True)
class Clock:
    """Time as wall clock plus an offset, or frozen at one moment. Never goes back."""

    offset: float = 0.0
    frozen_at: float | None = None

    def now(self) -> float:
        """Return epoch seconds."""
        return self.frozen_at if self.frozen_at is not None else time.time() + self.offset

    def advanced(self, seconds: float) -> Clock:
        """Return the clock moved on; a frozen one stays frozen at the later moment."""
        if seconds < 0:
            raise ValueError("The clock only goes forward: created times must not decrease.")
        if self.frozen_at is not None:
            return Clock(self.offset, self.frozen_at + seconds)
        return Clock(self.offset + seconds)

    def frozen(self) -> Clock:
        """Return the clock standing still now."""
        return Clock(self.offset, self.now())

    def running(self) -> Clock:
        """Return the clock going on from where it stands."""
        return Clock(self.now() - time.time())

    def as_json(self) -> Json:
        """Return what is stored and shown."""
        return {"offset": self.offset, "frozen_at": self.frozen_at}

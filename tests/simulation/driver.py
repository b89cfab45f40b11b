"""Carries out a plan on the real processes: one method for each kind of act."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psycopg

from tests.simulation.artist import Act
from tests.simulation.journal import Call
from tests.simulation.sandbox import Json
from tests.simulation.shop import REQUEST_SECONDS, Shop
from tests.simulation.time_machine import let_time_pass, run_schedule, wait_until_quiet


class Driver(Shop):
    """One seed under way."""

    def act(self, act: Act) -> None:
        """Do one act; then what was down long enough comes back."""
        getattr(self, f"do_{act.kind}")(**act.args)
        for name, (acts, start) in list(self._back_up.items()):
            if acts <= 0:
                del self._back_up[name]
                start()
            else:
                self._back_up[name] = (acts - 1, start)
        if "web" not in self._back_up and "postgres" not in self._back_up:
            self.application.supervise()

    def bring_up(self) -> None:
        """Start everything that is down, and let the worker begin anew."""
        for name in ("postgres", "web", "worker"):
            if name in self._back_up:
                self._back_up.pop(name)[1]()
        self.application.supervise()

    # Wallets.

    def do_credit(self, call: int, user: str, coins: int) -> None:
        self._call(call, "credit", user, coins)

    def do_spend(self, call: int, user: str, coins: int) -> None:
        self._call(call, "spend", user, coins)

    def do_hold(self, call: int, user: str, coins: int) -> None:
        self._call(call, "hold", user, coins)

    def do_capture(self, call: int, hold: int, coins: int | None) -> None:
        self._call(call, "capture", None, coins, about=hold)

    def do_void(self, call: int, hold: int) -> None:
        self._call(call, "void", None, None, about=hold)

    def do_reverse(self, call: int, spend: int, coins: int | None) -> None:
        self._call(call, "reverse", None, coins, about=spend)

    def do_usage(self, items: list[tuple[int, str, int]]) -> None:
        self.journal.send_usage([self._noted(number, user, coins) for number, user, coins in items])

    def do_burst(self, items: list[tuple[int, str, int]]) -> None:
        calls = [self._noted(number, user, coins) for number, user, coins in items]
        self._together([lambda call=call: self.journal.send(call) for call in calls])

    def do_repeat(self, call: int) -> None:
        made = self.journal.calls.get(call)
        if made is not None:
            self.journal.send(made)

    def do_conflict(self, call: int) -> None:
        made = self.journal.calls.get(call)
        if made is not None:
            self.journal.send_conflict(made)

    # Faults and time.

    def do_fault(self, rule: Json) -> None:
        self.sandbox.control("faults", **rule)

    def do_fine(self) -> None:
        self.sandbox.end_faults()

    def do_advance(self, seconds: float) -> None:
        self.sandbox.control("clock/advance", seconds=seconds)

    def do_flush(self) -> None:
        self.sandbox.control("deliveries/flush", timeout=5)

    def do_tick(self) -> None:
        if "postgres" not in self._back_up:
            run_schedule(self.database_url)

    def do_age(self, seconds: float) -> None:
        if "postgres" not in self._back_up:
            if self.application.worker is not None:
                wait_until_quiet(self.database_url)
            let_time_pass(self.database_url, seconds)

    def do_kill_web(self, after_ms: int, down: int, during: str | None, **args: Any) -> None:
        self._interrupt(during, args, after_ms, self.application.kill_web)
        self.counts["web killed"] += 1
        self._back_up["web"] = (down, self._start_web)

    def do_kill_worker(self, after_ms: int, down: int, during: str | None, **args: Any) -> None:
        self._interrupt(during, args, after_ms, self.application.kill_worker)
        self.counts["worker killed"] += 1
        self._back_up["worker"] = (down, self._start_worker)

    def do_restart_postgres(
        self, after_ms: int, down: int, during: str | None, **args: Any
    ) -> None:
        def restart() -> None:
            self.postgres.stop()
            if down == 0:
                self.postgres.start()

        self._interrupt(during, args, after_ms, restart)
        self.counts["PostgreSQL restarted"] += 1
        if down:
            self._back_up["postgres"] = (down, self.postgres.start)

    # How it is done.

    def _start_web(self) -> None:
        if "postgres" in self._back_up:
            self._back_up["web"] = (0, self._start_web)  # It would not start without its database.
        else:
            self.application.start_web()

    def _start_worker(self) -> None:
        if "postgres" in self._back_up:
            self._back_up["worker"] = (0, self._start_worker)
        else:
            self.application.start_worker()

    def _interrupt(
        self, during: str | None, args: Json, after_ms: int, strike: Callable[[], None]
    ) -> None:
        """Begin something, and strike while it is under way."""
        beginning = threading.Thread(target=self._begin, args=(during, args), daemon=True)
        if during is not None:
            beginning.start()
        time.sleep(after_ms / 1000)
        strike()
        if during == "refund":
            self.application.kill_command()
        if during is not None:
            beginning.join(REQUEST_SECONDS)

    def _begin(self, during: str, args: Json) -> None:
        acts: dict[str, Callable[..., None]] = {
            "spend": self.do_spend,
            "checkout": self.do_checkout,
            "poll": self.do_poll,
            "refund": self.do_refund_ours,
            "webhook": lambda checkout: self.do_redeliver(checkout, 3),
        }
        # We may be reading the database ourselves when it goes down.
        with suppress(psycopg.OperationalError):
            acts[during](**args)

    def _call(
        self, number: int, kind: str, user: str | None, coins: int | None, about: int | None = None
    ) -> None:
        id_ = self.members.ids[user] if user else None
        self.journal.send(self.journal.add(Call(number, kind, id_, coins, about)))

    def _noted(self, number: int, user: str, coins: int) -> Call:
        return self.journal.add(Call(number, "spend", self.members.ids[user], coins))

"""Stripe's stand-in as the simulator holds it: its control API, and Stripe's API as the operator uses it."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections import Counter
from dataclasses import dataclass
from typing import Any

import requests

KEY = "sk_test_simulation"
EVERYTHING = 100
TRIES = 200
# Which fault has this status.
STRIKES = {429: "rate_limit", 500: "server_error"}

Json = dict[str, Any]


class Unlucky(Exception):
    """Stripe's API did not answer, or answered with a fault."""


@dataclass(frozen=True)
class Truth:
    """Everything that Stripe has, by its kind."""

    sessions: list[Json]
    intents: list[Json]
    charges: list[Json]
    refunds: list[Json]
    disputes: list[Json]


class Sandbox:
    """One sandbox process, used seed after seed. Its clock stands still between two acts. Safe for threads."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "stripe_sandbox", "serve", "--port", "0", "--state", ":memory:",
             "--delivery-timeout", "5"],
            stdout=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().split()[-1]
        self._local = threading.local()
        # Faults that met the simulator instead of the application.
        self.strikes: Counter[str] = Counter()

    def close(self) -> None:
        """End the process."""
        self._process.kill()  # Its state is in its memory alone.
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def begin(self, seed: int, webhook_url: str, styles: tuple[str, ...]) -> list[str]:
        """Forget the seed before; returns the secrets of the endpoints, one for each style of event."""
        self.strikes.clear()
        self.control("reset")
        self.control("clock/freeze")
        self.control("seed", seed=seed)
        secrets = []
        if "snapshot" in styles:
            made = self.ask(
                "POST", "webhook_endpoints", {"url": webhook_url, "enabled_events[]": "*"}
            )
            secrets.append(made["secret"])
        if "thin" in styles:
            answer = self._http.post(
                f"{self.url}/v2/core/event_destinations",
                json={
                    "name": "thin",
                    "type": "webhook_endpoint",
                    "event_payload": "thin",
                    "enabled_events": ["*"],
                    "webhook_endpoint": {"url": webhook_url},
                    "include": ["webhook_endpoint.signing_secret"],
                },
                auth=(KEY, ""),
                timeout=30,
            )
            answer.raise_for_status()
            secrets.append(answer.json()["webhook_endpoint"]["signing_secret"])
        return secrets

    def control(self, path: str, /, **body: object) -> requests.Response:
        """Order something; what is refused is the caller's to see."""
        return self._http.post(f"{self.url}/_sandbox/{path}", json=body, timeout=60)

    def told(self, path: str, **query: object) -> Json:
        """Ask the control API."""
        answer = self._http.get(f"{self.url}/_sandbox/{path}", params=query, timeout=60)
        answer.raise_for_status()
        found: Json = answer.json()
        return found

    def end_faults(self) -> None:
        """Take all faults out of force; their counts stay."""
        self._http.delete(f"{self.url}/_sandbox/faults", timeout=60).raise_for_status()

    def ask(self, method: str, path: str, data: Json | None = None, key: str | None = None) -> Json:
        """Ask Stripe's API once, as the operator's own tools do. Raises Unlucky."""
        try:
            answer = self._http.request(
                method,
                f"{self.url}/v1/{path}",
                data=data if method == "POST" else None,
                params=data if method == "GET" else None,
                headers={"Idempotency-Key": key} if key else None,
                auth=(KEY, ""),
                timeout=30,
            )
        except requests.ConnectionError as error:
            self.strikes["timeout"] += 1
            raise Unlucky(str(error)) from None
        if not answer.ok:
            if answer.status_code in STRIKES:
                self.strikes[STRIKES[answer.status_code]] += 1
            raise Unlucky(f"{answer.status_code}: {answer.text[:200]}")
        found: Json = answer.json()
        return found

    def find(self, path: str) -> Json:
        """Fetch one object, again and again where a fault strikes."""
        return self._persist(path, None)

    def all_of(self, kind: str) -> list[Json]:
        """Fetch every object of a kind, oldest first, whatever faults strike."""
        found: list[Json] = []
        query: Json = {"limit": EVERYTHING}
        while True:
            page = self._persist(kind, query)
            found += page["data"]
            if not page["has_more"]:
                return found[::-1]
            query = {"limit": EVERYTHING, "starting_after": found[-1]["id"]}

    def truth(self) -> Truth:
        """Read everything that decides about coins."""
        return Truth(
            sessions=self.all_of("checkout/sessions"),
            intents=self.all_of("payment_intents"),
            charges=self.all_of("charges"),
            refunds=self.all_of("refunds"),
            disputes=self.all_of("disputes"),
        )

    def _persist(self, path: str, query: Json | None) -> Json:
        for _ in range(TRIES):
            try:
                return self.ask("GET", path, query)
            except Unlucky as unlucky:
                last = unlucky
        raise last

    @property
    def _http(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = requests.Session()
            session.trust_env = False
        return session

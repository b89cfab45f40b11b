"""What the simulator's own back end asked of wallets, and what it was answered.

A call that was not answered is repeated with its key until it is: only then does the journal know what became of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import requests

from tests.simulation.sandbox import Json

REQUEST_SECONDS = 30.0
# What decides: anything else may have happened, or not.
UNDECIDED = frozenset({408, 425, 429, *range(500, 600)})
SAME = ("id", "type", "coins", "balance_after", "held", "hold_id", "reverses")


@dataclass
class Call:
    """One change of a wallet that was asked for. status: of the answer that counts; None while there is none.

    coins: None for all of them. about: the number of the call whose hold or spend it names.
    """

    number: int
    kind: str
    user: str | None
    coins: int | None
    about: int | None = None
    status: int | None = None
    answer: Json = field(default_factory=dict)
    tries: int = 0

    @property
    def key(self) -> str:
        return f"call-{self.number}"

    @property
    def is_done(self) -> bool:
        """Whether it was answered, with yes or no."""
        return self.status is not None

    @property
    def succeeded(self) -> bool:
        return self.status == 200


class Journal:
    """All calls of a seed. Safe for threads that make different calls."""

    def __init__(self, url: str, key: str) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {key}"}
        self.calls: dict[int, Call] = {}
        self.violations: list[str] = []

    def add(self, call: Call) -> Call:
        """Write a call down before it is made."""
        return self.calls.setdefault(call.number, call)

    def send(self, call: Call) -> None:
        """Make the call, or make it again."""
        request = self._request(call)
        if request is None:
            return
        path, body = request
        call.tries += 1
        answered = self.post(path, body, call.key)
        if answered is not None:
            self.note(call, *answered)

    def send_usage(self, calls: list[Call]) -> None:
        """Report several spends at once."""
        spends = [{"user_id": call.user, "coins": call.coins, "key": call.key} for call in calls]
        for call in calls:
            call.tries += 1
        answered = self.post("usage", {"spends": spends}, f"usage-{calls[0].number}")
        if answered is None or answered[0] in UNDECIDED:
            return
        status, body = answered
        if status != 200 or len(body["results"]) != len(calls):
            self.violations.append(f"a usage report of {len(calls)} was answered {status} {body}")
            return
        for call, result in zip(calls, body["results"], strict=True):
            self.note(call, result["status"], result.get("transaction", result))

    def send_conflict(self, call: Call) -> None:
        """Use a call's key for something else: it must be refused, and nothing change."""
        request = self._request(call)
        if request is None or not call.succeeded or call.kind == "void":
            return
        path, body = request
        answered = self.post(path, {**body, "coins": (call.coins or 0) + 7}, call.key)
        if answered is not None and answered[0] not in {*UNDECIDED, 409}:
            self.violations.append(f"{call} was asked again with other content: {answered}")

    def note(self, call: Call, status: int, body: Json) -> None:
        """Keep an answer; one that says something else than the one before is a violation."""
        if status in UNDECIDED:
            return
        answer = {**body, "hold_id": body["id"]} if call.kind == "hold" and status == 200 else body
        if call.succeeded:
            changed = [name for name in SAME if answer.get(name) != call.answer.get(name)]
            if status != 200 or changed:
                self.violations.append(f"{call} was answered differently: {status} {body}")
            return
        if body.get("code") == "idempotency_conflict":
            self.violations.append(f"{call} met a key of its own: {body}")
        call.status, call.answer = status, answer

    def post(self, path: str, body: Json, key: str) -> tuple[int, Json] | None:
        """Ask the service API; None where no answer came."""
        try:
            answer = requests.post(
                f"{self._url}/api/v1/{path}",
                json=body,
                headers={**self._headers, "Idempotency-Key": key},
                timeout=REQUEST_SECONDS,
            )
        except requests.RequestException:
            return None
        try:
            return answer.status_code, answer.json()
        except ValueError:
            return answer.status_code, {}

    def open_calls(self) -> list[Call]:
        """Calls that were made and not answered."""
        return [call for call in self.calls.values() if call.tries and not call.is_done]

    def _request(self, call: Call) -> tuple[str, Json] | None:
        """The path and the body; None where what the call names was never made."""
        coins: dict[str, Any] = {} if call.coins is None else {"coins": call.coins}
        if call.kind in ("credit", "spend", "hold"):
            ending = "holds" if call.kind == "hold" else call.kind
            return f"wallets/{call.user}/{ending}", coins
        assert call.about is not None
        named = self.calls.get(call.about)
        if named is None or not named.succeeded:
            return None
        if call.kind == "reverse":
            return f"transactions/{named.answer['id']}/reverse", coins
        return f"holds/{named.answer['hold_id']}/{call.kind}", coins

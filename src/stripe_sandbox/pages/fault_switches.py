"""The dashboard's fault switches: one form per kind of fault, and how it becomes a rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stripe_sandbox.json_types import Json


@dataclass(frozen=True, slots=True)
class FaultSwitch:
    """One kind of fault. `fields` names the inputs beside chance and count."""

    kind: str
    title: str
    effect: str
    fields: Sequence[str]


_DELIVERY_PATTERNS = ("event_type", "endpoint")
_API_PATTERNS = ("method", "path", "when")

DELIVERY_SWITCHES = (
    FaultSwitch("lose", "Lose", "The event is never sent and never retried.", _DELIVERY_PATTERNS),
    FaultSwitch(
        "repeat",
        "Repeat",
        "The same event arrives more than once.",
        ("copies", *_DELIVERY_PATTERNS),
    ),
    FaultSwitch("delay", "Delay", "The event is sent later.", ("seconds", *_DELIVERY_PATTERNS)),
    FaultSwitch(
        "reorder",
        "Reorder",
        "Each event waits a random part of the time, so that they overtake each other.",
        ("seconds", *_DELIVERY_PATTERNS),
    ),
)
API_SWITCHES = (
    FaultSwitch("rate_limit", "429", "The API answers “too many requests”.", _API_PATTERNS),
    FaultSwitch("server_error", "500", "The API answers with a server error.", _API_PATTERNS),
    FaultSwitch(
        "timeout",
        "Time-out",
        "The API keeps silent, then hangs up.",
        ("seconds", *_API_PATTERNS),
    ),
)
SWITCHES: Mapping[str, FaultSwitch] = {
    switch.kind: switch for switch in (*DELIVERY_SWITCHES, *API_SWITCHES)
}

NO_SUCH_FAULT = "There is no such fault."
NOT_NUMBERS = "Chance, count, copies and seconds are numbers from 0 up."
OUT_OF_BOUNDS = "Chance is at most 100 %, and a repeat makes at least one copy."


class InvalidSwitchError(ValueError):
    """A form that is not a rule; the message is an English sentence for the page."""


def rule_from_form(form: Mapping[str, str]) -> Json:
    """Read one switch's form into a rule for `World.set_fault`. Empty inputs are left out.

    The form speaks of chance in percent and the rule of probability from 0 to 1.
    Raises InvalidSwitchError.
    """
    switch = SWITCHES.get(form.get("kind", ""))
    if switch is None:
        raise InvalidSwitchError(NO_SUCH_FAULT)
    rule: Json = {"kind": switch.kind}
    chance = form.get("chance", "").strip()
    if chance:
        rule["probability"] = _number(chance) / 100
    for name in ("count", *switch.fields):
        text = form.get(name, "").strip()
        if text:
            rule[name] = _number(text) if name in {"count", "copies", "seconds"} else text
    if rule.get("probability", 0) > 1 or rule.get("copies", 1) < 1:
        raise InvalidSwitchError(OUT_OF_BOUNDS)
    return rule


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError as error:
        raise InvalidSwitchError(NOT_NUMBERS) from error
    if not 0 <= number <= 1_000_000:
        raise InvalidSwitchError(NOT_NUMBERS)
    return number

"""What a request may carry: one rule per parameter, written as tables.

`check(form, PARAMETERS)` returns a plain dict of converted values, with only
the parameters that were sent. Refusals carry Stripe's words and codes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, Protocol

from stripe_sandbox.api.errors import MalformedRequest, missing_parameter, unsupported
from stripe_sandbox.api.form_encoding import Form
from stripe_sandbox.json_types import Json

LARGEST_INTEGER = 2**53


class Rule(Protocol):
    """Checks and converts one parameter; `path` is its name in bracket notation."""

    def convert(self, value: str | Form, path: str) -> Any:
        """Return the converted value or raise MalformedRequest."""


@dataclass(frozen=True, slots=True)
class Text:
    """A string. clearable: an empty one unsets the field (None)."""

    longest: int = 5000
    clearable: bool = False

    def convert(self, value: str | Form, path: str) -> str | None:
        """Return the text, or None for a field to be unset."""
        text = _scalar(value, path, "string")
        if text == "":
            if self.clearable:
                return None
            raise _empty(path)
        if len(text) > self.longest:
            raise MalformedRequest(
                f"Invalid string: {text[:20]}...; must be at most {self.longest} characters",
                code="parameter_invalid_string_blank" if not text.strip() else None,
                param=path,
            )
        return text


@dataclass(frozen=True, slots=True)
class Integer:
    """A whole number; `least` is refused below, in Stripe's words."""

    least: int | None = None
    clearable: bool = False

    def convert(self, value: str | Form, path: str) -> int | None:
        """Return the number."""
        text = _scalar(value, path, "integer")
        if text == "":
            if self.clearable:
                return None
            raise _empty(path)
        try:
            number = int(text) if text.strip() == text and "_" not in text else None
        except ValueError:
            number = None
        if number is None or abs(number) > LARGEST_INTEGER:
            raise MalformedRequest(
                f"Invalid integer: {text[:60]}", code="parameter_invalid_integer", param=path
            )
        if self.least is not None and number < self.least:
            raise MalformedRequest(
                f"This value must be greater than or equal to {self.least}.",
                code="parameter_invalid_integer",
                param=path,
            )
        return number


@dataclass(frozen=True, slots=True)
class Boolean:
    """`true` or `false`."""

    def convert(self, value: str | Form, path: str) -> bool:
        """Return the truth value."""
        text = _scalar(value, path, "boolean")
        if text not in {"true", "false"}:
            raise MalformedRequest(f"Invalid boolean: {text[:60]}", param=path)
        return text == "true"


@dataclass(frozen=True, slots=True)
class Amount:
    """A decimal number of minor units, kept as text (`unit_amount_decimal`)."""

    def convert(self, value: str | Form, path: str) -> str:
        """Return the decimal's text."""
        text = _scalar(value, path, "decimal")
        try:
            number = Decimal(text)
        except InvalidOperation:
            number = Decimal("NaN")
        if not math.isfinite(number):
            raise MalformedRequest(f"Invalid decimal: {text[:60]}", param=path)
        return text


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words."""

    words: tuple[str, ...]
    clearable: bool = False

    def convert(self, value: str | Form, path: str) -> str | None:
        """Return the word."""
        text = _scalar(value, path, "string")
        if text == "" and self.clearable:
            return None
        if text not in self.words:
            raise MalformedRequest(
                f"Invalid {path}: must be one of {_sentence(self.words)}", param=path
            )
        return text


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of equal things; an empty string unsets it where `clearable`."""

    rule: Rule
    most: int = 100
    clearable: bool = False

    def convert(self, value: str | Form, path: str) -> list[Any]:
        """Return the converted elements in the order of their indexes."""
        if value == "" and self.clearable:
            return []
        if not isinstance(value, dict) or not all(key.isdecimal() for key in value):
            raise MalformedRequest("Invalid array", param=path)
        if len(value) > self.most:
            raise MalformedRequest(
                f"Array {path} has too many elements: at most {self.most}.", param=path
            )
        ordered = sorted(value, key=int)
        return [self.rule.convert(value[key], f"{path}[{key}]") for key in ordered]


@dataclass(frozen=True, slots=True)
class Shape:
    """A nested object with its own parameters."""

    rules: Mapping[str, Rule]
    required: tuple[str, ...] = ()
    clearable: bool = False

    def convert(self, value: str | Form, path: str) -> Json | None:
        """Return the converted object."""
        if value == "" and self.clearable:
            return None
        if not isinstance(value, dict):
            raise MalformedRequest("Invalid object", param=path)
        return _check(value, self.rules, self.required, path)


@dataclass(frozen=True, slots=True)
class Metadata:
    """Up to 50 keys; an empty value removes its key, an empty parameter all of them."""

    def convert(self, value: str | Form, path: str) -> Json | None:
        """Return the given keys, None for one to remove; None instead of all to clear."""
        if value == "":
            return None
        if not isinstance(value, dict):
            raise MalformedRequest("Invalid object", param=path)
        converted: Json = {}
        for key, text in value.items():
            name = f"{path}[{key}]"
            content = _scalar(text, name, "string")
            if len(key) > 40 or "[" in key or "]" in key:
                raise MalformedRequest(
                    "Metadata keys are at most 40 characters, without square brackets.", param=path
                )
            if len(content) > 500:
                raise MalformedRequest(
                    f"Metadata values can have up to 500 characters, but you passed in a value "
                    f"that is {len(content)} characters.",
                    param=name,
                )
            converted[key] = content or None
        if len(converted) > 50:
            raise MalformedRequest("Metadata can have up to 50 keys.", param=path)
        return converted


@dataclass(frozen=True, slots=True)
class Either:
    """A scalar by one rule, an object by another (`created`)."""

    scalar: Rule
    nested: Rule

    def convert(self, value: str | Form, path: str) -> Any:
        """Return what the fitting rule makes of it."""
        return (self.nested if isinstance(value, dict) else self.scalar).convert(value, path)


@dataclass(frozen=True, slots=True)
class Accepted:
    """Taken as Stripe takes it, and without effect here (or read as it stands)."""

    def convert(self, value: str | Form, path: str) -> str | Form:  # noqa: ARG002 - the protocol's
        """Return the value untouched."""
        return value


@dataclass(frozen=True, slots=True)
class NotModelled:
    """Known to Stripe and unknown here: refused loudly, so that no test believes in it."""

    feature: str

    def convert(self, value: str | Form, path: str) -> Any:  # noqa: ARG002 - the protocol's
        """Refuse."""
        raise unsupported(path, self.feature)


@dataclass(frozen=True, slots=True)
class Parameters:
    """All that a request may and must carry; `expand` and paging come with every list."""

    rules: Mapping[str, Rule] = field(default_factory=dict)
    required: tuple[str, ...] = ()


EXPAND = ListOf(Text())
TIME_RANGE = Either(
    Integer(), Shape({"gt": Integer(), "gte": Integer(), "lt": Integer(), "lte": Integer()})
)
PAGING: Mapping[str, Rule] = {
    "limit": Integer(),
    "starting_after": Text(),
    "ending_before": Text(),
}
ADDRESS = Shape(
    {
        name: Text(clearable=True)
        for name in ("city", "country", "line1", "line2", "postal_code", "state")
    },
    clearable=True,
)
SHIPPING = Shape(
    {
        "address": ADDRESS,
        "name": Text(),
        "phone": Text(clearable=True),
        "carrier": Text(),
        "tracking_number": Text(),
    },
    clearable=True,
)


def check(form: Form, parameters: Parameters) -> Json:
    """Check a whole request: unknown parameters first, then types, then missing ones."""
    return _check(form, {**parameters.rules, "expand": EXPAND}, parameters.required, "")


def _check(form: Form, rules: Mapping[str, Rule], required: tuple[str, ...], path: str) -> Json:
    unknown = [_join(path, name) for name in form if name not in rules]
    if unknown:
        plural = "s" if len(unknown) > 1 else ""
        raise MalformedRequest(
            f"Received unknown parameter{plural}: {', '.join(unknown)}",
            code="parameter_unknown",
            param=unknown[0],
        )
    for name in required:
        if name not in form:
            raise missing_parameter(_join(path, name))
    return {name: rules[name].convert(value, _join(path, name)) for name, value in form.items()}


def _join(path: str, name: str) -> str:
    return f"{path}[{name}]" if path else name


def _scalar(value: str | Form, path: str, kind: str) -> str:
    if isinstance(value, dict):
        raise MalformedRequest(f"Invalid {kind}", param=path)
    return value


def _empty(path: str) -> MalformedRequest:
    return MalformedRequest(
        f"You passed an empty string for '{path}'. We assume empty values are an attempt to unset "
        f"a field; however '{path}' cannot be unset. You should remove '{path}' from your request "
        f"or supply a non-empty value.",
        code="parameter_invalid_empty",
        param=path,
    )


def _sentence(words: tuple[str, ...]) -> str:
    return ", ".join(words[:-1]) + f", or {words[-1]}" if len(words) > 2 else " or ".join(words)

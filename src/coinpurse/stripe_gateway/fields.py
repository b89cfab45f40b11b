"""Typed access to the fields of Stripe's JSON objects."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from coinpurse.db.texts import storable

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# What a 64-bit column can hold; Stripe's own integers are far smaller.
LARGEST_INTEGER = 2**63 - 1


class UnreadableError(Exception):
    """Stripe's JSON lacks what we need. The message names the field and never quotes a value."""


class Fields:
    """One JSON object, read field by field.

    kind: what the object is, for error messages.
    A field that is absent and one that is null are the same. Raises UnreadableError.
    """

    def __init__(self, kind: str, values: Mapping[str, object]) -> None:
        self.kind = kind
        self._values = values

    @classmethod
    def of(cls, kind: str, value: object) -> Fields:
        """Read a value that has to be a JSON object."""
        if not isinstance(value, Mapping):
            raise UnreadableError(f"{kind} is not a JSON object")
        return cls(kind, value)

    def _unreadable(self, name: str, wanted: str) -> UnreadableError:
        state = "absent" if self._values.get(name) is None else "something else"
        return UnreadableError(f"{self.kind}: {name} has to be {wanted} and is {state}")

    def optional_text(self, name: str) -> str | None:
        """Text that a database takes; None where it is absent, null or empty."""
        value = self._values.get(name)
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            raise self._unreadable(name, "text")
        return storable(value)

    def text(self, name: str) -> str:
        """Text that is present and not empty."""
        value = self.optional_text(name)
        if value is None:
            raise self._unreadable(name, "text")
        return value

    def optional_integer(self, name: str) -> int | None:
        """A whole number, None where it is absent or null. `true` and 1.0 are not whole numbers."""
        value = self._values.get(name)
        if value is None:
            return None
        if type(value) is not int or abs(value) > LARGEST_INTEGER:
            raise self._unreadable(name, "a whole number")
        return value

    def integer(self, name: str) -> int:
        """A whole number that is present."""
        value = self.optional_integer(name)
        if value is None:
            raise self._unreadable(name, "a whole number")
        return value

    def optional_flag(self, name: str) -> bool | None:
        """True or false, None where it is absent or null."""
        value = self._values.get(name)
        if value is None or isinstance(value, bool):
            return value
        raise self._unreadable(name, "true or false")

    def flag(self, name: str) -> bool:
        """True or false, present."""
        value = self.optional_flag(name)
        if value is None:
            raise self._unreadable(name, "true or false")
        return value

    def optional_moment(self, name: str) -> datetime | None:
        """A time in UTC: seconds since 1970 in Stripe's first API, ISO 8601 in its second."""
        value = self._values.get(name)
        if value is None:
            return None
        try:
            if isinstance(value, str):
                moment = datetime.fromisoformat(value)
                return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
            if type(value) is int:
                return EPOCH + timedelta(seconds=value)
        except (ValueError, OverflowError):
            # Falls to the refusal below: a text or number that is no time.
            pass
        raise self._unreadable(name, "a time")

    def moment(self, name: str) -> datetime:
        """A time that is present."""
        value = self.optional_moment(name)
        if value is None:
            raise self._unreadable(name, "a time")
        return value

    def optional_part(self, name: str) -> Fields | None:
        """The JSON object inside this one, None where it is absent or null."""
        value = self._values.get(name)
        return None if value is None else Fields.of(f"{self.kind}.{name}", value)

    def parts(self, name: str) -> list[Fields]:
        """The JSON objects of a list, without what is none (ids); empty where it is absent or null."""
        value = self._values.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self._unreadable(name, "a list")
        kind = f"{self.kind}.{name}"
        return [Fields(kind, entry) for entry in value if isinstance(entry, Mapping)]

    def optional_reference(self, name: str) -> str | None:
        """The id of another object, whether Stripe expanded it or not."""
        value = self._values.get(name)
        if isinstance(value, Mapping):
            return Fields(f"{self.kind}.{name}", value).text("id")
        return self.optional_text(name)

    def metadata(self) -> dict[str, str]:
        """The object's metadata as plain text; empty where it has none."""
        value = self._values.get("metadata")
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            raise self._unreadable("metadata", "a JSON object")
        for entry in value.values():
            if not isinstance(entry, str | int):
                raise self._unreadable("metadata", "a JSON object of texts")
        return {storable(str(key)): storable(str(entry)) for key, entry in value.items()}

    def raw(self) -> Mapping[str, object]:
        """The object as it came."""
        return self._values

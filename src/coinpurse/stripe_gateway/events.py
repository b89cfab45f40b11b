"""The payload of a webhook event, read without asking who sent it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NoReturn

from coinpurse.errors import WebhookRejected
from coinpurse.ports import StripeEvent, StripeObject
from coinpurse.stripe_gateway.fields import Fields, UnreadableError
from coinpurse.stripe_gateway.readers import read_object

EventReader = Callable[[Fields, str, datetime], StripeEvent]

# Ids and types become keys of rows: visible ASCII without spaces, and not without end.
NAME_FORM = re.compile(r"[!-~]{1,255}")


def read_payload(payload: str, received_at: datetime) -> StripeEvent:
    """Read an event, snapshot or thin.

    received_at: stands in for the time of an event that does not say it.
    Raises WebhookRejected("Invalid payload"); its detail names what is missing and quotes nothing.
    """
    try:
        event = Fields.of("event", json.loads(payload, parse_constant=_refuse_constant))
        return _reader_for(event)(event, payload, received_at)
    except UnreadableError as problem:
        raise WebhookRejected("Invalid payload", str(problem)) from None
    except (ValueError, RecursionError):
        raise WebhookRejected("Invalid payload", "the body is not JSON that can be read") from None


def _refuse_constant(name: str) -> NoReturn:
    """Refuse NaN and Infinity, which Python reads and which are not JSON."""
    raise UnreadableError(f"the body is not JSON: it has {name}")


def _reader_for(event: Fields) -> EventReader:
    """Choose by the style of the event. One that does not say it is read as a snapshot."""
    reader = EVENT_READERS.get(event.optional_text("object") or "event")
    if reader is None:
        raise UnreadableError(f"event: object has to be one of {', '.join(EVENT_READERS)}")
    return reader


def _name(event: Fields, field: str) -> str:
    name = event.text(field)
    # Two broken names must not become one: what had to be replaced is no name.
    if NAME_FORM.fullmatch(name) is None or name != event.raw()[field]:
        raise UnreadableError(f"event: {field} has to be up to 255 visible ASCII characters")
    return name


def _read_snapshot(event: Fields, payload: str, received_at: datetime) -> StripeEvent:
    """Read an event that carries the object as it was, in the API version of its endpoint."""
    data = event.optional_part("data")
    subject = (data and data.optional_part("object")) or Fields("event.data.object", {})
    return StripeEvent(
        id=_name(event, "id"),
        type=_name(event, "type"),
        # An event that does not say so is never taken for real money.
        livemode=event.optional_flag("livemode") or False,
        event_at=event.optional_moment("created") or received_at,
        object_id=subject.optional_text("id") or "",
        object=_find_object(subject),
        thin=False,
        api_version=event.optional_text("api_version"),
        payload=payload,
        object_type=subject.optional_text("object") or "",
    )


def _find_object(subject: Fields) -> StripeObject | None:
    """Read the object where it can be read; what an odd event means is asked of Stripe, not lost."""
    try:
        return read_object(subject.raw())
    except UnreadableError:
        return None


def _read_thin(event: Fields, payload: str, received_at: datetime) -> StripeEvent:
    """Read an event that only names the object that it is about."""
    subject = event.optional_part("related_object") or Fields("event.related_object", {})
    return StripeEvent(
        id=_name(event, "id"),
        type=_name(event, "type").removeprefix("v1."),
        livemode=event.optional_flag("livemode") or False,
        event_at=event.optional_moment("created") or received_at,
        object_id=subject.optional_text("id") or "",
        object=None,
        thin=True,
        api_version=None,
        payload=payload,
        object_type=subject.optional_text("type") or "",
    )


EVENT_READERS: Mapping[str, EventReader] = {
    "event": _read_snapshot,
    "v2.core.event": _read_thin,
}

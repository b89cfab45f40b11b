"""Alerts to whoever runs the store, through apprise: chat, mail, telephone, and a hundred other services."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from functools import cached_property
from uuid import UUID

from pydantic import SecretStr

from coinpurse.db import UnitOfWork
from coinpurse.notifications.rules import Delivery, Outcome
from coinpurse.outbox import TYPES, Message

# Writes an alert: its title and its text.
Write = Callable[[Message], tuple[str, str]]


class AlertChannel:
    """Tells each of the operator's addresses. They may hold passwords: nothing here logs or keeps one.

    write: makes the words of an alert.
    """

    def __init__(self, urls: SecretStr, *, write: Write) -> None:
        self._given = urls
        self._write = write

    @cached_property
    def _urls(self) -> dict[UUID, str]:
        from apprise.utils.parse import (
            parse_urls,  # Takes a second, which only workers with news spend.
        )

        # Its messages name addresses that it cannot use, with all that is in them.
        logging.getLogger("apprise").addFilter(lambda _record: False)
        return {_id_of(url): url for url in parse_urls(self._given.get_secret_value())}  # type: ignore[no-untyped-call]

    def targets(self, work: UnitOfWork, message: Message) -> Sequence[UUID | None]:  # noqa: ARG002
        """Every address, for what concerns the operator: one that fails is tried again alone."""
        return tuple(self._urls) if TYPES[message.type].operator else ()

    def send(self, delivery: Delivery, message: Message) -> Outcome:
        """Tell one address."""
        assert delivery.endpoint_id is not None
        url = self._urls.get(delivery.endpoint_id)
        if url is None:
            return Outcome(False, error="no longer among COINPURSE_ALERT_URLS", final=True)
        from apprise import Apprise

        target = Apprise()
        if not target.add(url):
            return Outcome(False, error="apprise does not know an address of this form", final=True)
        title, body = self._write(message)
        # Said to be plain text, so that apprise escapes it where a service takes HTML.
        if target.notify(title=title, body=body, body_format="text"):
            return Outcome(True)
        return Outcome(False, error=f"{target[0].service_name} did not take it")


def _id_of(url: str) -> UUID:
    """A name for an address that stays the same and tells nothing of it."""
    return UUID(bytes=hashlib.sha256(url.encode()).digest()[:16])

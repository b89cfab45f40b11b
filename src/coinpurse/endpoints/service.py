"""Endpoints: add, edit, rotate, disable, test, and what was sent to them. The caller commits."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

import structlog

from coinpurse import outbox
from coinpurse.db import UnitOfWork
from coinpurse.db.identifiers import new_id
from coinpurse.endpoints import rules, store
from coinpurse.endpoints.addresses import Reach
from coinpurse.endpoints.rules import Endpoint, NewSecret, SentWebhook
from coinpurse.endpoints.urls import read_url
from coinpurse.errors import NotFound

log = structlog.get_logger()

# What an endpoint can choose from; a test comes unasked.
EVENT_TYPES = tuple(
    name for name, kind in outbox.TYPES.items() if name != rules.TEST_TYPE and not kind.private
)
TEST_NOTE = "This is a test. Nothing has happened."


class Endpoints:
    """The endpoints of outgoing webhooks. reach: which addresses they may have besides public ones."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    def add(
        self,
        work: UnitOfWork,
        url: str,
        *,
        description: str = "",
        event_types: Iterable[str] = (),
        id_: UUID | None = None,
    ) -> NewSecret:
        """Make an endpoint; its secret is in the result and is never shown again. Raises InvalidRequest.

        event_types: what it wants to hear of; none means everything, also what is added to the product later.
        id_: where the caller must know a repeat: the database refuses a second one.
        """
        secret = rules.new_secret()
        made = store.insert(
            work,
            id_=id_ or new_id(),
            url=read_url(url, self._reach).url,
            description=rules.require_description(description),
            event_types=rules.require_event_types(event_types, EVENT_TYPES),
            secret=secret,
        )
        log.info("webhook_endpoint.added", endpoint_id=str(made.id))
        return NewSecret(made, secret)

    def edit(
        self,
        work: UnitOfWork,
        id_: UUID,
        *,
        url: str,
        description: str,
        event_types: Iterable[str],
    ) -> Endpoint:
        """Change where an endpoint is and what it wants; its secret stays. Raises InvalidRequest and NotFound."""
        edited = store.edit(
            work,
            id_,
            url=read_url(url, self._reach).url,
            description=rules.require_description(description),
            event_types=rules.require_event_types(event_types, EVENT_TYPES),
        )
        return _there(edited, id_)

    def rotate(self, work: UnitOfWork, id_: UUID) -> NewSecret:
        """Give an endpoint a new secret. For a day the one before signs too; one before that ends now.

        Raises NotFound.
        """
        secret = rules.new_secret()
        rotated = _there(store.rotate(work, id_, secret, overlap=rules.ROTATION), id_)
        log.info("webhook_endpoint.rotated", endpoint_id=str(id_))
        return NewSecret(rotated, secret)

    def disable(self, work: UnitOfWork, id_: UUID) -> Endpoint:
        """Send nothing for now. What is on its way waits; what happens meanwhile is not sent. Safe to repeat.

        Raises NotFound.
        """
        disabled = store.disable(work, id_, "by_hand")
        if disabled is None:
            return self.get(work, id_)
        log.info("webhook_endpoint.disabled", endpoint_id=str(id_), why="by_hand")
        return disabled

    def enable(self, work: UnitOfWork, id_: UUID) -> Endpoint:
        """Send again. Safe to repeat. Raises NotFound."""
        enabled = _there(store.enable(work, id_), id_)
        log.info("webhook_endpoint.enabled", endpoint_id=str(id_))
        return enabled

    def test(self, work: UnitOfWork, id_: UUID) -> Endpoint:
        """Send a `webhook.test` to this endpoint alone, once, even where it is disabled. Raises NotFound."""
        endpoint = self.get(work, id_)
        outbox.announce(
            work,
            rules.TEST_TYPE,
            cause=f"{id_}:{new_id()}",
            facts={"endpoint_id": str(id_), "note": TEST_NOTE},
        )
        return endpoint

    def get(self, work: UnitOfWork, id_: UUID, *, lock: bool = False) -> Endpoint:
        """Return one endpoint. lock: nobody else changes it before the end of the work. Raises NotFound."""
        return _there(store.find(work, id_, lock=lock), id_)

    def list_all(self, work: UnitOfWork) -> list[Endpoint]:
        """Return every endpoint, newest first, also the disabled ones."""
        return store.list_all(work)

    def deliveries(
        self,
        work: UnitOfWork,
        *,
        endpoint_id: UUID | None = None,
        state: str | None = None,
        limit: int = 50,
    ) -> list[SentWebhook]:
        """Return what was sent to endpoints or is to be sent, newest first."""
        return store.latest(work, endpoint_id=endpoint_id, state=state, limit=limit)

    def dead_deliveries(self, work: UnitOfWork, id_: UUID) -> list[UUID]:
        """Return the deliveries to an endpoint that were given up, oldest first. Raises NotFound."""
        self.get(work, id_)
        return store.dead_of(work, id_)


def _there(endpoint: Endpoint | None, id_: UUID) -> Endpoint:
    if endpoint is None:
        raise NotFound("endpoint", str(id_))
    return endpoint

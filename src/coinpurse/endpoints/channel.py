"""The channel `webhook`: sends messages to endpoints, and gives endpoints up that are no more."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import structlog

from coinpurse import signals
from coinpurse.db import Database, UnitOfWork
from coinpurse.endpoints import rules, store
from coinpurse.endpoints.sender import Answer, Sender
from coinpurse.notifications import Delivery, Outcome
from coinpurse.outbox import TYPES, Message

log = structlog.get_logger()


class WebhookChannel:
    """Tells endpoints. A repeat is recognised by the webhook's id, which is the message's."""

    def __init__(self, database: Database, sender: Sender) -> None:
        self._database = database
        self._sender = sender

    def targets(self, work: UnitOfWork, message: Message) -> Sequence[UUID]:
        """The active endpoints that chose the type; a test goes to the one that it is for."""
        if message.type == rules.TEST_TYPE:
            return [UUID(str(message.facts["endpoint_id"]))]
        return [] if TYPES[message.type].private else store.wanting(work, message.type)

    def send(self, delivery: Delivery, message: Message) -> Outcome:
        """Post once and note what it says about the endpoint."""
        assert delivery.endpoint_id is not None
        with self._database.unit_of_work() as work:
            signing = store.find_signing(work, delivery.endpoint_id)
        if signing is None or signing.disabled_why == "gone":
            return Outcome(ok=False, error="There is no such endpoint any more", final=True)
        is_test = message.type == rules.TEST_TYPE
        if signing.disabled_why is not None and not is_test:
            # Tried again later: whoever disabled it may enable it meanwhile.
            return Outcome(ok=False, error="The endpoint is disabled")
        body = rules.body_of(message.type, message.created_at, message.facts)
        headers = rules.headers_of(
            str(message.id),
            body,
            now=datetime.now(UTC),
            secrets=signing.secrets,
            request_id=message.request_id,
        )
        answer = self._sender.post(signing.url, body, headers)
        gone = answer.status == rules.GONE
        self._note(delivery.endpoint_id, answer)
        # Somebody watches a test and will repeat it.
        return Outcome(
            ok=answer.accepted,
            status=answer.status,
            error=None if answer.accepted else answer.error or _words(answer),
            final=gone or (is_test and not answer.accepted),
            answer=answer.body or None,
        )

    def _note(self, endpoint_id: UUID, answer: Answer) -> None:
        with self._database.unit_of_work() as work:
            if answer.accepted:
                store.note_success(work, endpoint_id)
                return
            endpoint = store.note_failure(work, endpoint_id)
            if endpoint is None or not endpoint.active:
                return
            if answer.status == rules.GONE:
                self._give_up(work, endpoint, "gone")
            elif rules.is_given_up(endpoint.failing_since, endpoint.failures, datetime.now(UTC)):
                self._give_up(work, endpoint, "failing")

    def _give_up(self, work: UnitOfWork, endpoint: rules.Endpoint, why: str) -> None:
        disabled = store.disable(work, endpoint.id, why)
        assert disabled is not None
        assert disabled.disabled_at is not None
        facts = {
            "endpoint_id": str(endpoint.id),
            "why": why,
            "failures": endpoint.failures,
            "failing_since": endpoint.failing_since and endpoint.failing_since.isoformat(),
        }
        log.error("webhook_endpoint.disabled", **facts)
        cause = f"{endpoint.id}:{disabled.disabled_at.isoformat()}"
        signals.alert_operator(work, "webhook_endpoint.disabled", cause=cause, facts=facts)


def _words(answer: Answer) -> str:
    return f"The receiver answered {answer.status}"

"""Announcing what happened."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

import structlog

from coinpurse.db import UnitOfWork
from coinpurse.db.identifiers import new_id
from coinpurse.db.texts import storable
from coinpurse.outbox import store
from coinpurse.outbox.rules import TYPES, bounded_cause, storable_facts


def announce(
    work: UnitOfWork,
    type_: str,
    *,
    cause: str,
    user_id: str | None = None,
    payment_id: UUID | None = None,
    facts: Mapping[str, object],
) -> None:
    """Tell of what this work does, once for each cause, if it commits. The worker delivers it soon afterwards.

    type_: one of TYPES. facts: as `Message` has them; times and ids become text. What stands in them never fails the
    work: whatever the database would not take is replaced.
    """
    assert type_ in TYPES, type_
    request_id = structlog.contextvars.get_contextvars().get("request_id")
    store.insert(
        work,
        id_=new_id(),
        type_=type_,
        cause=bounded_cause(cause),
        user_id=user_id,
        payment_id=payment_id,
        facts=storable_facts(facts),
        # A host's is of any kind and form.
        request_id=None if request_id is None else storable(str(request_id)),
    )

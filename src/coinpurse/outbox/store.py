"""The SQL of announcements."""

from __future__ import annotations

import json
from collections.abc import Mapping
from uuid import UUID

from coinpurse.db import UnitOfWork

INSERT = """
    INSERT INTO coinpurse.messages (id, type, cause, user_id, payment_id, facts, request_id)
    VALUES (%(id)s, %(type)s, %(cause)s, %(user_id)s, %(payment_id)s, CAST(%(facts)s AS jsonb), %(request_id)s)
    ON CONFLICT (type, cause) DO NOTHING
"""


def insert(
    work: UnitOfWork,
    *,
    id_: UUID,
    type_: str,
    cause: str,
    user_id: str | None,
    payment_id: UUID | None,
    facts: Mapping[str, object],
    request_id: str | None,
) -> None:
    """Write an announcement, unless its cause has been announced."""
    work.execute(
        INSERT,
        id=id_,
        type=type_,
        cause=cause,
        user_id=user_id,
        payment_id=payment_id,
        facts=json.dumps(facts),
        request_id=request_id,
    )

"""What can be done with a wallet. The caller commits."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from uuid import UUID

from coinpurse.db import UnitOfWork
from coinpurse.ledger import store
from coinpurse.ledger.rules import NewGrant, Transaction
from coinpurse.ledger.store import get_wallet, list_transactions
from coinpurse.money import Money

__all__ = ["credit", "get_wallet", "list_transactions"]


def credit(
    work: UnitOfWork,
    user_id: str,
    grants: Sequence[NewGrant],
    *,
    key: str,
    type_: str,
    source: str,
    description: str,
    price: Money | None = None,
    payment_id: UUID | None = None,
    session_id: str | None = None,
) -> Transaction:
    """Add coins that came together as one ledger row and one grant each.

    key: the business cause; a repeat with the same content returns the first row with created=False.
    price: what was paid for all of them. Raises IdempotencyConflict where the content differs.
    """
    assert grants
    assert all(grant.coins > 0 for grant in grants)
    # Descriptions may be reworded by a later release; what counts is who gets which coins for what.
    content = json.dumps(
        [
            "credit",
            type_,
            source,
            [(grant.kind, grant.coins) for grant in grants],
            price and [price.amount_minor, price.currency],
            payment_id and str(payment_id),
        ]
    )
    return store.credit(
        work,
        user_id,
        grants,
        key=key,
        digest=hashlib.sha256(content.encode()).digest(),
        type_=type_,
        source=source,
        description=description,
        price=price,
        payment_id=payment_id,
        session_id=session_id,
    )

"""What a key stands for: everything that a call decides, however it is written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coinpurse import Coinpurse
from coinpurse.errors import IdempotencyConflict
from coinpurse.ledger.rules import digest, spend_digest

END = datetime(2100, 1, 1, 12, tzinfo=UTC)


def test_a_hold_for_another_time_is_another_hold(purse: Coinpurse) -> None:
    purse.credit("ada", 10, key="c")
    held = purse.hold("ada", 5, key="h", ttl_seconds=60)

    with pytest.raises(IdempotencyConflict):
        purse.hold("ada", 5, key="h", ttl_seconds=61)
    assert purse.hold("ada", 5, key="h", ttl_seconds=60.0).id == held.id


def test_the_same_moment_in_another_time_zone_is_the_same_credit(purse: Coinpurse) -> None:
    first = purse.credit("ada", 10, key="c", expires_at=END)
    elsewhere = END.astimezone(timezone(timedelta(hours=5)))

    assert purse.credit("ada", 10, key="c", expires_at=elsewhere).id == first.id
    with pytest.raises(IdempotencyConflict):
        purse.credit("ada", 10, key="c", expires_at=elsewhere + timedelta(seconds=1))


@given(st.integers(1, 2**53 - 1), st.none() | st.text())
def test_a_spend_s_digest_is_what_it_always_was(coins: int, metadata: str | None) -> None:
    assert spend_digest(coins, metadata) == digest("spend", coins, metadata)

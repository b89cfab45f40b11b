"""A back office on a database of the test's own, with three people in it."""

from __future__ import annotations

import pytest

from coinpurse.back_office import BackOffice
from coinpurse.db import Database

ABOVE = 1000


@pytest.fixture
def office(database: Database) -> BackOffice:
    """A back office whose adjustments above 1000 coins need a second person."""
    made = BackOffice(database, spend_order="bonus_first", approval_above=ABOVE, time_zone="UTC")
    for user_id, role in (("olga", "owner"), ("finn", "finance"), ("sue", "support")):
        made.grant_role(user_id, role, actor="cli:root")
    return made

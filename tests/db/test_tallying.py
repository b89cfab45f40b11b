"""What is counted inside a host's transaction counts once it has committed, and never otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from coinpurse import Coinpurse
from coinpurse.counting import counts
from coinpurse.errors import InsufficientCoins


def spends() -> float:
    (found,) = (
        sample.value
        for metric in counts().registry.collect()
        for sample in metric.samples
        if sample.name == "coinpurse_ledger_operations_total" and sample.labels["type"] == "usage"
    )
    return found


@pytest.fixture
def before(purse: Coinpurse) -> float:
    purse.credit("ada", 100, key="start")
    return spends()


def test_a_host_s_spend_counts_after_its_commit(
    purse: Coinpurse, database_url: str, before: float, eventually: Callable[..., Any]
) -> None:
    with psycopg.connect(database_url) as host:
        purse.spend("ada", 1, key="kept", connection=host)
        with host.transaction(force_rollback=True):
            purse.spend("ada", 1, key="undone", connection=host)
        assert spends() == before
        host.commit()
        eventually(lambda: spends() == before + 1)
        purse.spend("ada", 1, key="rolled back", connection=host)
        host.rollback()
        purse.spend("ada", 1, key="kept too", connection=host)
        host.commit()

    eventually(lambda: spends() == before + 2)


def test_a_spend_in_autocommit_mode_counts_at_once(
    purse: Coinpurse, database_url: str, before: float
) -> None:
    with psycopg.connect(database_url, autocommit=True) as host:
        purse.spend("ada", 1, key="one", connection=host)

    assert spends() == before + 1


def test_repeats_refusals_and_rollbacks_are_no_operations(purse: Coinpurse, before: float) -> None:
    purse.spend("ada", 1, key="one")
    purse.spend("ada", 1, key="one")
    with pytest.raises(InsufficientCoins):
        purse.spend("ada", 1000, key="two")

    assert spends() == before + 1

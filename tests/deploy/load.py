"""Clients that spend without pause while something is restarted, and the proof that nothing was lost."""

from __future__ import annotations

import http.client
import itertools
import json
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import psycopg

from coinpurse import Coinpurse
from tests.conftest import Store

CLIENTS = 8
WALLET_COINS = 1_000_000
ROWS = """
    SELECT idempotency_key, count(*), min(id) FROM coinpurse.transactions
     WHERE type = 'usage' GROUP BY idempotency_key
"""
# As the ledger keeps the keys that come over HTTP.
KEY_PREFIX = "api:"


@dataclass
class Spending:
    """Clients that spend without pause. Each repeats a key until it is answered, as a backend would.

    acknowledged: the ledger row that each key was answered with. broken: what became of requests that had no answer.
    A reset and an orderly end without an answer are different things here, which some clients blur.
    """

    store: Store
    secret: str
    acknowledged: dict[str, int] = field(default_factory=dict)
    broken: list[Exception] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Spending:
        self._threads = [
            threading.Thread(target=self._spend, args=(number,)) for number in range(CLIENTS)
        ]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        for thread in self._threads:
            thread.join(60)

    def _spend(self, client: int) -> None:
        for number in itertools.count():
            key = f"client-{client}-{number}"
            while key not in self.acknowledged:
                if self.ended.is_set():
                    return
                self._try(key)

    def _try(self, key: str) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.store.port, timeout=30)
        try:
            with closing(connection):
                connection.request(
                    "POST",
                    "/api/v1/wallets/ada/spend",
                    body=json.dumps({"coins": 1}),
                    headers={
                        "Authorization": f"Bearer {self.secret}",
                        "Content-Type": "application/json",
                        "Idempotency-Key": key,
                    },
                )
                answer = connection.getresponse()
                body = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.broken.append(error)
            time.sleep(0.05)
            return
        if answer.status == 200:
            self.acknowledged[key] = json.loads(body)["id"]
        else:
            self.refused.append(answer.status)
            time.sleep(0.05)


def spending(store: Store, purse: Coinpurse) -> Spending:
    purse.credit("ada", WALLET_COINS, key="gift")
    return Spending(store, purse.api_keys.create("load", ["spend"]).text)


def more(load: Spending, eventually: Callable[..., Any], count: int = 50) -> None:
    """Wait until further spends were acknowledged."""
    goal = len(load.acknowledged) + count
    eventually(lambda: len(load.acknowledged) >= goal)


def assert_each_once(load: Spending, purse: Coinpurse, database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        rows = {
            key.removeprefix(KEY_PREFIX): (count, id_)
            for key, count, id_ in connection.execute(ROWS)
        }
    assert {key: rows.get(key) for key in load.acknowledged} == {
        key: (1, id_) for key, id_ in load.acknowledged.items()
    }
    assert purse.wallet("ada").balance == WALLET_COINS - len(rows)
    assert all(not wrong for _, wrong in purse.verify())

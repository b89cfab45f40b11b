"""Processes that are forked while the parent is in the middle of something."""

from __future__ import annotations

import subprocess
import sys

BEGINNING = """
import os, sys, threading, time
import psycopg
from coinpurse import signals
from tests.ledger.conftest import make_purse

address = sys.argv[1]
heard = []

def receive(_, *, transaction):
    heard.append(transaction.idempotency_key)

def heard_in_time(keys):
    until = time.monotonic() + 20
    while heard != keys and time.monotonic() < until:
        time.sleep(0.02)
    time.sleep(0.1)
    return heard == keys or heard
"""

JOINED = """
purse = make_purse(address)
purse.credit("ada", 10, key="start")
signals.coins_spent.connect(receive)
open_one = psycopg.connect(address)
purse.spend("ada", 1, key="parent", connection=open_one)
child = os.fork()
if child == 0:
    with psycopg.connect(address) as connection:
        purse.credit("bob", 10, key="start", connection=connection)
        purse.spend("bob", 1, key="child", connection=connection)
    print("child", heard_in_time(["child"]), flush=True)
    os._exit(0)
os.waitpid(child, 0)
open_one.commit()
print("parent", heard_in_time(["parent"]))
"""

COALESCED = """
purse = make_purse(address, group_commit=True)
purse.credit("ada", 10, key="start")
purse.credit("bob", 10, key="start")
gate = psycopg.connect(address)
gate.execute("LOCK TABLE coinpurse.transactions")
leading = threading.Thread(target=purse.spend, args=("ada", 1), kwargs={"key": "parent"})
leading.start()
with psycopg.connect(address, autocommit=True) as eye:
    while eye.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone() is None:
        time.sleep(0.02)
child = os.fork()
if child == 0:
    threading.Timer(20, os._exit, [1]).start()
    print("child", purse.spend("bob", 1, key="child").balance_after, flush=True)
    os._exit(0)
gate.rollback()
leading.join()
os.waitpid(child, 0)
print("parent", purse.wallet("ada").balance)
"""


def run(program: str, database_url: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", BEGINNING + program, database_url],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_a_child_tells_of_its_own_commits_and_the_parent_of_its_own(database_url: str) -> None:
    """The thread that watches for commits is not there in a child, whatever the parent waits for."""
    assert run(JOINED, database_url) == ["child True", "parent True"]


def test_a_child_waits_for_no_batch_of_the_parent(database_url: str) -> None:
    """Who led the batch is a thread that the child does not have."""
    assert run(COALESCED, database_url) == ["child 9", "parent 9"]

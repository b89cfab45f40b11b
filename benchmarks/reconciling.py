"""`reconcile` of many payments beside few: time for each, and memory. One in a hundred was paid unheard.

Stripe is the sandbox, whose state is written in bulk: one payment is made and paid through its API, and copied.
"""

from __future__ import annotations

import json
import secrets
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import requests

from benchmarks import deliveries
from benchmarks.measure import Plan, Row
from benchmarks.server import Server

LARGEST_RSS_MB = 200
LOST_PERCENT = 1
COPIED = ("checkout.session", "charge", "balance_transaction")
RECONCILE = """
import json, resource, secrets, sys, time
from datetime import UTC, datetime, timedelta
from coinpurse import Coinpurse, Settings
purse = Coinpurse(settings=Settings(
    stripe_secret_key=sys.argv[3], stripe_webhook_secret="whsec_" + secrets.token_hex(24),
    secret_key=secrets.token_hex(32), database_url=sys.argv[1], stripe_api_base=sys.argv[2]))
purse.require_ready()
begun = time.perf_counter()
report = purse.services.reconciliation.run(
    since=datetime.now(UTC) - timedelta(days=30), calls_per_second=None)
seconds = time.perf_counter() - begun
rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"seconds": seconds, "rss_mb": rss_mb, "repaired": report.repaired, "left": report.left,
                  "looked_at": dict(report.looked_at)}))
purse.database.close()
"""
# What fulfilment leaves, for all but the lost ones.
CREDIT = """
WITH due AS (
    SELECT *, row_number() OVER (ORDER BY id) AS place FROM coinpurse.payment_sessions
), credited AS (
    SELECT id, coinpurse.credit(
               user_id, 'purchase:' || id, sha256('1'), 'purchase', 'Purchased', 'purchase',
               jsonb_build_array(jsonb_build_object('kind', 'paid', 'coins', coins),
                                 jsonb_build_object('kind', 'bonus', 'coins', bonus)),
               amount_minor, currency, id, session_id) AS r
      FROM due WHERE place % (100 / %(lost_percent)s) <> 0
)
UPDATE coinpurse.payment_sessions AS p
   SET status = 'completed', completed_at = now(), transaction_id = ((credited.r).posted).id,
       payment_intent_id = replace(%(intent_id)s, %(token)s, right(p.session_id, 12))
  FROM credited WHERE credited.id = p.id
"""


def rows(server: Server, plan: Plan) -> Iterator[Row]:
    """Reconcile both sizes once each; the small one again for a median of three."""
    template = _template(server.folder)
    small_count, large_count = plan.reconciled_few, plan.reconciled_many
    small = sorted(_reconcile(server, template, small_count, turn)["seconds"] for turn in range(3))[
        1
    ]
    large = _reconcile(server, template, large_count, 3)
    each_small, each_large = 1000 * small / small_count, 1000 * large["seconds"] / large_count
    work = f"reconcile of {large_count:,} payments"
    yield Row(
        f"{work}, for each",
        f"of {small_count:,}",
        "ms",
        each_large,
        each_small,
        each_large / each_small,
        1.2,
        at_least=False,
    )
    yield Row(
        f"{work}: memory of the process",
        "the limit",
        "MB",
        large["rss_mb"],
        LARGEST_RSS_MB,
        large["rss_mb"] / LARGEST_RSS_MB,
        1.0,
        at_least=False,
    )


def _reconcile(server: Server, template: Path, count: int, turn: int) -> dict[str, float]:
    """Make both sides anew and reconcile them, in a process of its own. Every lost payment must come home."""
    url = server.database(f"reconciled_{turn}")
    deliveries.prepare(url, first=deliveries.FIRST, count=count)
    values = {
        "lost_percent": LOST_PERCENT,
        "intent_id": deliveries.INTENT_ID,
        "token": deliveries.PLACEHOLDER,
    }
    with psycopg.connect(url) as connection:
        connection.execute(CREDIT.replace("% (", "%% ("), values)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
    state = _state(server.folder, template, count)
    with _sandbox(state) as stripe:
        ran = subprocess.run(
            [sys.executable, "-c", RECONCILE, url, stripe, f"sk_test_{secrets.token_hex(12)}"],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            timeout=3600,
        )
    answer: dict[str, float] = json.loads(ran.stdout.splitlines()[-1])
    lost = count * LOST_PERCENT // 100
    assert (answer["repaired"], answer["left"]) == (lost, 0), answer
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT count(*) FILTER (WHERE status = 'completed'), count(DISTINCT transaction_id)"
            " FROM coinpurse.payment_sessions"
        ).fetchone()
    assert row == (count, count)
    return answer


def _template(folder: Path) -> Path:
    """Make one payment in a sandbox, and return its state."""
    state = folder / "template.sqlite"
    with _sandbox(state) as url:
        key = f"sk_test_{secrets.token_hex(12)}"
        item = "line_items[0]"
        data = {
            "mode": "payment",
            "success_url": deliveries.ADDRESSES["success_url"],
            "cancel_url": deliveries.ADDRESSES["cancel_url"],
            "client_reference_id": deliveries.USER_ID,
            f"{item}[quantity]": "1",
            f"{item}[price_data][currency]": deliveries.CURRENCY,
            f"{item}[price_data][unit_amount]": str(deliveries.AMOUNT_MINOR),
            f"{item}[price_data][product_data][name]": f"{deliveries.COINS} Coins",
            **{f"metadata[{name}]": value for name, value in deliveries.METADATA.items()},
            **{
                f"payment_intent_data[metadata][{name}]": value
                for name, value in deliveries.METADATA.items()
            },
        }
        made = requests.post(f"{url}/v1/checkout/sessions", data, auth=(key, ""), timeout=30)
        made.raise_for_status()
        requests.post(
            f"{url}/_sandbox/checkout/{made.json()['id']}/pay", json={}, timeout=30
        ).raise_for_status()
        # The charge is booked a little later.
        requests.post(
            f"{url}/_sandbox/clock/advance", json={"seconds": 60}, timeout=30
        ).raise_for_status()
    return state


def _state(folder: Path, template: Path, count: int) -> Path:
    """Copy the template's payment as often as needed, a second apart, under numbers of its own."""
    state = folder / "stripe.sqlite"
    for old in folder.glob("stripe.sqlite*"):
        old.unlink()
    shutil.copy(template, state)
    now = int(time.time())
    with sqlite3.connect(state) as connection:
        found = dict(
            connection.execute("SELECT kind, body FROM objects WHERE kind IN (?, ?, ?)", COPIED)
        )
        assert set(found) == set(COPIED), "the template's payment is not booked"
        session, charge = (json.loads(found[kind]) for kind in COPIED[:2])
        entry = json.loads(found["balance_transaction"])
        ids = {
            session["id"]: deliveries.SESSION_ID,
            session["payment_intent"]: deliveries.INTENT_ID,
            charge["id"]: f"ch_bench{deliveries.PLACEHOLDER}",
            entry["id"]: f"txn_bench{deliveries.PLACEHOLDER}",
        }
        connection.execute("DELETE FROM objects")
        for table in ("timers", "deliveries", "attempts"):
            connection.execute(f"DELETE FROM {table}")  # noqa: S608  Names from the line above.
        connection.execute("DELETE FROM settings WHERE name = 'clock'")
        for place in range(count):
            number = str(deliveries.FIRST + place)
            created = now - (count - place) * 20
            for kind in COPIED:
                body = json.loads(found[kind])
                text = json.dumps(body | {"created": created})
                for old_id, new_id in ids.items():
                    text = text.replace(old_id, new_id)
                text = text.replace(deliveries.PLACEHOLDER, number)
                connection.execute(
                    "INSERT INTO objects (id, kind, created, body) VALUES (?, ?, ?, ?)",
                    (json.loads(text)["id"], kind, created, text),
                )
    return state


@contextmanager
def _sandbox(state: Path) -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "stripe_sandbox", "serve", "--port", "0", "--state", str(state)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().split()[-1]
    finally:
        process.terminate()
        process.wait(30)

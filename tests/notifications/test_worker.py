"""From a purchase in the standalone store to the buyer's mail, with workers that run, run twice, and are killed."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from tests.conftest import Sandbox, Store
from tests.notifications.conftest import Listener, PostOffice

ADA, BO = "ada@example.com", "bo@example.com"


@pytest.fixture
def posting(store: Store, post_office: PostOffice, listener: Listener) -> Store:
    """The store, told where mail and alerts go."""
    store.environment = {
        "MAIL_SERVER": "127.0.0.1",
        "MAIL_PORT": str(post_office.port),
        "MAIL_DEFAULT_SENDER": "shop@example.com",
        "COINPURSE_ALERT_URLS": f"json://127.0.0.1:{listener.port}/hush",
    }
    return store


def buy(store: Store, sandbox: Sandbox, *, language: str = "en-US", email: str) -> str:
    customer = store.customer(email)
    customer.headers["Accept-Language"] = language
    started = customer.post(
        f"{store.url}/api/payment/create-checkout-session", json={"pack": "chest"}, timeout=30
    )
    started.raise_for_status()
    session_id: str = started.json()["session_id"]
    sandbox.pay(session_id, email=email)
    return session_id


def test_repeated_webhooks_and_two_workers_make_one_mail_for_each_purchase(
    posting: Store,
    sandbox: Sandbox,
    post_office: PostOffice,
    listener: Listener,
    eventually: Callable[..., Any],
) -> None:
    sandbox.post("faults", kind="repeat", copies=3)
    posting.start_web()
    posting.start_worker()
    first_worker = posting.worker
    assert first_worker is not None
    posting.start_worker()

    try:
        buy(posting, sandbox, email=ADA)
        disputed = buy(posting, sandbox, language="zh-CN", email=BO)
        eventually(lambda: post_office.to(ADA) and post_office.to(BO))
        payment = json.loads(posting.run("payments", "show", disputed).stdout)
        sandbox.post(f"charges/{payment['payment_intent_id']}/dispute").raise_for_status()
        eventually(lambda: listener.heard)
        waiting = ("messages", "list", "--state", "waiting", "--json")
        eventually(lambda: json.loads(posting.run(*waiting).stdout) == [])
    finally:
        first_worker.terminate()
        first_worker.wait(15)

    (to_ada,), (to_bo,) = post_office.to(ADA), post_office.to(BO)
    assert to_ada["Subject"] == "Your receipt from Coinpurse: $99.99"
    assert to_bo["Content-Language"] == "zh-Hans"
    told = [body["message"] for _, body in listener.heard]
    assert len([message for message in told if payment["id"] in message]) == 1
    logs = (posting.directory / "worker.log").read_text()
    assert ADA not in logs
    assert "hush" not in logs


def test_a_worker_killed_between_the_claim_and_the_answer_loses_no_mail(
    posting: Store,
    sandbox: Sandbox,
    post_office: PostOffice,
    database_url: str,
    eventually: Callable[..., Any],
) -> None:
    post_office.stalls = True
    posting.start_web()
    posting.start_worker()
    session_id = buy(posting, sandbox, email=ADA)
    with psycopg.connect(database_url, autocommit=True) as connection:

        def found() -> Any:
            return connection.execute(
                "SELECT d.state, d.attempts, d.next_attempt_at > now() FROM coinpurse.deliveries AS d"
                " JOIN coinpurse.messages AS m ON m.id = d.message_id WHERE facts->>'session_id' = %s",
                [session_id],
            ).fetchall()

        eventually(lambda: found() == [("waiting", 1, True)])
        assert post_office.asked.wait(30), "the worker sent nothing"
        assert posting.worker is not None
        os.killpg(posting.worker.pid, signal.SIGKILL)
        posting.worker.wait()
        post_office.stalls = False
        assert found() == [("waiting", 1, True)]
        # Its turn is over.
        connection.execute("UPDATE coinpurse.deliveries SET next_attempt_at = now()")
        posting.start_worker()
        eventually(lambda: found() == [("delivered", 2, None)])

    assert len(post_office.to(ADA)) == 1


def test_the_operator_lists_shows_and_replays(
    posting: Store,
    sandbox: Sandbox,
    post_office: PostOffice,
    eventually: Callable[..., Any],
) -> None:
    post_office.to_recipient = "550 no"
    posting.start_web()
    posting.start_worker()
    session_id = buy(posting, sandbox, email=ADA)

    def listed() -> list[dict[str, Any]]:
        rows = json.loads(posting.run("messages", "list", "--state", "dead", "--json").stdout)
        payment = json.loads(posting.run("payments", "show", session_id).stdout)
        return [row for row in rows if row["payment_id"] == payment["id"]]

    (message,) = eventually(listed)
    assert (message["type"], message["deliveries"]) == ("payment.completed", "mail dead")
    shown = json.loads(posting.run("messages", "show", message["id"]).stdout)
    (delivery,) = shown["deliveries"]
    assert [tried["status"] for tried in delivery["tried"]] == [550]
    post_office.to_recipient = "250 OK"
    assert posting.run("messages", "replay", message["id"]).returncode == 0

    eventually(lambda: len(post_office.to(ADA)) == 1)
    nobody = posting.run("messages", "replay", "01890a5d-ac96-774b-bcce-b302099a8057")
    assert (nobody.returncode, "There is no message" in nobody.stderr) == (2, True)
    assert posting.run("messages", "replay", "--dead", "--channel", "alert").stdout.endswith(
        ": 0.\n"
    )


def test_a_mail_can_be_looked_at_before_anybody_gets_one(posting: Store) -> None:
    page = posting.directory / "mail.html"

    made = posting.run("mail", "preview", "refund", "--locale", "zh", "--output", str(page))
    text = posting.run("mail", "preview", "receipt", "--text")

    assert made.returncode == 0, made.stderr
    assert '<html lang="zh-Hans">' in page.read_text(encoding="utf-8")
    assert text.stdout.startswith("Your receipt from Coinpurse: $99.99\n")

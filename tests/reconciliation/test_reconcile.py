"""Webhooks were lost, rows were lost, money moved: reconciliation alone brings the books home."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from coinpurse.errors import ReconciliationRunning
from coinpurse.reconciliation import KINDS, Finding, ReconciliationReport
from tests.refunds.conftest import Shop


def unheard_sale(
    shop: Shop, user_id: str = "ada", *, currency: str = "usd", **details: object
) -> str:
    """A pack that was paid for while nobody told us."""
    started = shop.purse.start_checkout(
        user_id,
        pack="chest",
        currency=currency,
        success_url="http://127.0.0.1:5000/s",
        cancel_url="http://127.0.0.1:5000/c",
    )
    assert shop.sandbox.pay(started.session_id, **details)["result"] in ("paid", "processing")
    return started.session_id


def reconcile(shop: Shop, **options: Any) -> ReconciliationReport:
    return shop.purse.services.reconciliation.run(calls_per_second=None, **options)


def found(shop: Shop, report: ReconciliationReport) -> dict[tuple[str, str], int]:
    """How many findings of each kind and outcome are about our own payments; the sandbox has other tests' too."""
    counts: dict[tuple[str, str], int] = {}
    for finding in shop.purse.reconciliation_findings(report.id):
        counts[finding.kind, finding.outcome] = counts.get((finding.kind, finding.outcome), 0) + 1
    return counts


@pytest.fixture(autouse=True)
def clean_sandbox(shop: Shop) -> None:
    """Lists at Stripe are of the whole account: nothing of other tests is in it."""
    requests.post(f"{shop.sandbox.url}/_sandbox/reset", timeout=30).raise_for_status()


def test_all_webhooks_of_a_day_lost(shop: Shop) -> None:
    """Purchases, refunds, disputes, a delayed payment, an expired checkout: all of it comes home."""
    for number in range(4):
        unheard_sale(shop, f"user-{number}")
    payments = {payment.user_id: payment for payment in shop.purse.all_payments()}
    sessions = {user: payment.session_id for user, payment in payments.items()}
    intents = {
        user: shop.stripe("GET", f"checkout/sessions/{id_}")["payment_intent"]
        for user, id_ in sessions.items()
    }
    shop.stripe("POST", "refunds", data={"payment_intent": intents["user-1"], "amount": "3333"})
    shop.sandbox.post(f"charges/{intents['user-2']}/dispute").raise_for_status()
    failing = shop.stripe("POST", "refunds", data={"payment_intent": intents["user-3"]})
    shop.sandbox.post(f"refunds/{failing['id']}/fail").raise_for_status()
    delayed = unheard_sale(shop, "user-4", currency="eur", iban="AT611904300234573201")
    intent = shop.stripe("GET", f"checkout/sessions/{delayed}")["payment_intent"]
    shop.sandbox.post(f"payment_intents/{intent}/settle").raise_for_status()
    open_one = shop.purse.start_checkout(
        "user-5",
        pack="chest",
        success_url="http://127.0.0.1:5000/s",
        cancel_url="http://127.0.0.1:5000/c",
    )
    shop.stripe("POST", f"checkout/sessions/{open_one.session_id}/expire")

    report = reconcile(shop)

    assert report.left == 0
    assert report.finished_at is not None
    assert shop.figures("user-0") == (1200, 0, 0)
    assert shop.figures("user-1") == (800, 0, 0)
    assert shop.figures("user-2") == (1200, 1200, 0)
    assert shop.figures("user-3") == (1200, 0, 0)
    assert shop.figures("user-4") == (1200, 0, 0)
    assert shop.figures("user-5") == (0, 0, 0)
    states = {payment.user_id: payment.status for payment in shop.purse.all_payments()}
    assert states == {
        "user-0": "completed",
        "user-1": "partially_refunded",
        "user-2": "disputed",
        "user-3": "completed",
        "user-4": "completed",
        "user-5": "expired",
    }
    again = reconcile(shop)
    assert (again.repaired, again.left) == (0, 0), found(shop, again)


def test_a_dry_run_finds_and_changes_nothing(shop: Shop) -> None:
    unheard_sale(shop)

    report = reconcile(shop, dry_run=True)

    assert report.left > 0
    assert report.repaired == 0
    assert found(shop, report)["paid_not_credited", "found"] >= 1
    assert shop.figures() == (0, 0, 0)


def test_a_database_of_yesterday_is_brought_forward(shop: Shop) -> None:
    """The rows of the payments are gone; Stripe still has what we wrote into its metadata."""
    session = unheard_sale(shop)
    refunded = shop.buy("bob")
    shop.refund_at_stripe(refunded)
    with shop.purse.database.unit_of_work() as work:
        work.execute("ALTER TABLE coinpurse.transactions DISABLE TRIGGER USER")
        for table in ("refunds", "claims", "payment_sessions", "grants", "transactions", "wallets"):
            work.execute(f"DELETE FROM coinpurse.{table}")  # noqa: S608
        work.execute("ALTER TABLE coinpurse.transactions ENABLE TRIGGER USER")

    report = reconcile(shop)

    assert report.left == 0, found(shop, report)
    assert found(shop, report)["payment_missing", "repaired"] == 2
    assert shop.figures("ada") == (1200, 0, 0)
    assert shop.figures("bob") == (0, 0, 0)
    assert shop.purse.payment_status(session, "ada").payment.pack_sku == "chest"
    assert [wrong for _, differing in shop.purse.verify() for wrong in differing] == []


@pytest.mark.parametrize(
    ("tampered", "repaired"),
    [
        ({"coins": "100000", "total_coins": "100200"}, False),
        ({"coins": "-5"}, False),
        ({"user_id": "mallory"}, False),
        ({"bonus": "x"}, False),
        ({"payment_id": "no id"}, False),
    ],
)
def test_metadata_that_does_not_hold_together_credits_nothing(
    shop: Shop,
    tampered: dict[str, str],
    repaired: bool,
) -> None:
    session = unheard_sale(shop)
    shop.stripe(
        "POST",
        f"checkout/sessions/{session}",
        data={f"metadata[{name}]": value for name, value in tampered.items()},
    )
    with shop.purse.database.unit_of_work() as work:
        work.execute("DELETE FROM coinpurse.payment_sessions")

    report = reconcile(shop)

    assert found(shop, report)["payment_missing", "left"] == 1
    for user in ("ada", "mallory"):
        assert shop.figures(user) == (0, 0, 0)


def test_sessions_of_another_app_are_left_alone(shop: Shop) -> None:
    other = shop.stripe(
        "POST",
        "checkout/sessions",
        data={
            "mode": "payment",
            "success_url": "https://other.example/",
            "line_items[0][quantity]": "1",
            "line_items[0][price_data][currency]": "usd",
            "line_items[0][price_data][unit_amount]": "500",
            "line_items[0][price_data][product_data][name]": "A mug",
        },
    )
    shop.sandbox.pay(other["id"])
    intent = shop.stripe("GET", f"checkout/sessions/{other['id']}")["payment_intent"]
    shop.stripe("POST", "refunds", data={"payment_intent": intent})

    report = reconcile(shop)

    assert (report.repaired, report.left) == (0, 0), found(shop, report)


def test_what_another_installation_on_the_account_sold_is_not_ours(shop: Shop) -> None:
    unheard_sale(shop)
    with shop.purse.database.unit_of_work() as work:
        work.execute("DELETE FROM coinpurse.payment_sessions")
        work.execute("UPDATE coinpurse.installation SET id = gen_random_uuid()")

    report = reconcile(shop)

    assert (report.repaired, report.left) == (0, 0), found(shop, report)
    assert shop.figures() == (0, 0, 0)


def test_a_rebuilt_payment_that_nobody_sells_is_credited_by_a_person_alone(shop: Shop) -> None:
    session = unheard_sale(shop)
    more = {"coins": "1000000", "bonus": "0", "total_coins": "1000000"}
    shop.stripe(
        "POST",
        f"checkout/sessions/{session}",
        data={f"metadata[{name}]": value for name, value in more.items()},
    )
    with shop.purse.database.unit_of_work() as work:
        work.execute("DELETE FROM coinpurse.payment_sessions")

    for _ in range(2):
        report = reconcile(shop)
        payment = shop.purse.payment_status(session, "ada").payment

    assert report.left > 0
    assert payment.is_in_review
    assert shop.figures() == (0, 0, 0)


def test_funds_that_came_back_unheard_are_found(shop: Shop) -> None:
    payment = shop.buy()
    dispute = shop.dispute(payment)
    shop.decide(dispute, "lose")
    shop.follow(payment)
    assert shop.figures() == (0, 0, 0)
    with shop.purse.database.unit_of_work() as work:
        work.execute("UPDATE coinpurse.disputes SET withdrawn_minor = 0")

    report = reconcile(shop)

    assert found(shop, report) == {("dispute_missed", "repaired"): 1}


def test_a_narrower_run_that_was_left_does_not_stand_in_for_a_wider_one(shop: Shop) -> None:
    unheard_sale(shop)
    with shop.purse.database.unit_of_work() as work:
        work.execute(
            "UPDATE coinpurse.payment_sessions SET created_at = created_at - interval '5 days'"
        )

    def stop(_step: str, _count: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reconcile(shop, since=datetime.now(UTC) + timedelta(minutes=5), progress=stop)
    report = reconcile(shop)

    assert report.repaired >= 1
    assert shop.figures() == (1200, 0, 0)


def test_a_look_at_failed_events_does_not_use_up_their_tries(shop: Shop) -> None:
    payment = shop.buy()
    shop.sandbox.post(
        "faults", kind="server_error", method="GET", path="/v1/refunds"
    ).raise_for_status()
    event = {
        "id": "evt_stuck",
        "object": "event",
        "type": "refund.created",
        "created": 1_790_000_000,
        "livemode": False,
        "data": {"object": {"id": "re_1", "object": "refund", "payment_intent": payment.payment_intent_id,
                            "amount": 1, "currency": "usd", "status": "pending", "created": 1_790_000_000}},
    }  # fmt: skip
    parsed = shop.purse.services.gateway.parse_event(json.dumps(event))
    before = shop.purse.inbox.take(parsed)
    assert (before.state, before.attempts) == ("failed", 1)

    after = shop.purse.inbox.process(before.id, counts=False)

    assert after == before


def test_coins_without_money_are_named_and_left(shop: Shop) -> None:
    payment = shop.buy()
    open_one = shop.purse.start_checkout(
        "eve",
        pack="chest",
        success_url="http://127.0.0.1:5000/s",
        cancel_url="http://127.0.0.1:5000/c",
    )
    with shop.purse.database.unit_of_work() as work:
        work.execute(
            "UPDATE coinpurse.payment_sessions SET transaction_id = %(t)s, completed_at = now(), status = 'completed'"
            " WHERE id = %(id)s",
            t=payment.transaction_id,
            id=open_one.payment_id,
        )

    report = reconcile(shop)

    assert found(shop, report) == {("credited_not_paid", "left"): 1}


def test_a_session_that_stripe_does_not_know_is_named(shop: Shop) -> None:
    payment = shop.buy()
    requests.post(f"{shop.sandbox.url}/_sandbox/reset", timeout=30).raise_for_status()

    report = reconcile(shop)

    findings = list(shop.purse.reconciliation_findings(report.id))
    assert [(f.kind, f.outcome, f.payment_id) for f in findings] == [
        ("session_unknown", "left", payment.id)
    ]


def test_a_payment_in_review_is_listed_until_it_is_settled(shop: Shop) -> None:
    session = unheard_sale(shop)
    with shop.purse.database.unit_of_work() as work:
        work.execute("UPDATE coinpurse.payment_sessions SET amount_minor = 5")

    first = reconcile(shop)
    assert first.left > 0
    payment = shop.purse.payment_status(session, "ada").payment
    assert payment.is_in_review
    shop.purse.resolve_review(payment.id, "credit", reason="price was wrong here", actor="grace")
    second = reconcile(shop)

    assert shop.figures() == (1200, 0, 0)
    assert ("needs_review", "left") not in found(shop, second)


def test_events_that_were_never_delivered_reach_the_inbox(shop: Shop) -> None:
    endpoint = shop.stripe(
        "POST", "webhook_endpoints", data={"url": "http://127.0.0.1:9/no", "enabled_events[]": "*"}
    )
    session = unheard_sale(shop)

    report = reconcile(shop)

    assert found(shop, report)["event_missed", "repaired"] >= 2
    assert shop.figures() == (1200, 0, 0)
    completed = [e for e in shop.purse.inbox.latest() if e.type == "checkout.session.completed"]
    assert [event.object_id for event in completed] == [session]
    assert completed[0].state == "processed"
    shop.stripe("DELETE", f"webhook_endpoints/{endpoint['id']}")


def test_an_interrupted_run_is_gone_on_with(shop: Shop) -> None:
    for number in range(3):
        unheard_sale(shop, f"user-{number}")
    seen: list[str] = []

    def stop(step: str, _count: int) -> None:
        seen.append(step)
        if step == "refunds":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reconcile(shop, progress=stop)
    resumed: list[str] = []
    report = reconcile(shop, progress=lambda step, _count: resumed.append(step))

    assert seen == ["sessions", "payments", "refunds"]
    assert resumed[0] == "disputes"
    assert found(shop, report)["paid_not_credited", "repaired"] == 3
    assert report.looked_at["sessions"] == 3


def test_only_one_runs_at_a_time(shop: Shop) -> None:
    def again(_step: str, _count: int) -> None:
        with pytest.raises(ReconciliationRunning):
            reconcile(shop)

    reconcile(shop, progress=again)


def test_a_busy_stripe_is_waited_for(shop: Shop) -> None:
    unheard_sale(shop)
    shop.sandbox.post("faults", kind="rate_limit", method="GET", count=3).raise_for_status()

    assert reconcile(shop).left == 0

    assert shop.figures() == (1200, 0, 0)


def test_a_delayed_payment_that_failed_unheard_ends(shop: Shop) -> None:
    session = unheard_sale(shop, currency="eur", iban="AT861904300235473202")
    intent = shop.stripe("GET", f"checkout/sessions/{session}")["payment_intent"]
    shop.sandbox.post(f"payment_intents/{intent}/settle").raise_for_status()

    reconcile(shop)

    assert shop.purse.payment_status(session, "ada").payment.status == "failed"


def test_a_checkout_that_never_reached_stripe_is_given_up_after_a_day(shop: Shop) -> None:
    started = shop.purse.start_checkout(
        "ada",
        pack="chest",
        success_url="http://127.0.0.1:5000/s",
        cancel_url="http://127.0.0.1:5000/c",
    )
    requests.post(f"{shop.sandbox.url}/_sandbox/reset", timeout=30).raise_for_status()
    with shop.purse.database.unit_of_work() as work:
        work.execute("UPDATE coinpurse.payment_sessions SET session_id = NULL")

    assert reconcile(shop).repaired == 0
    with shop.purse.database.unit_of_work() as work:
        work.execute("UPDATE coinpurse.payment_sessions SET created_at = now() - interval '2 days'")
    report = reconcile(shop)

    assert found(shop, report) == {("never_opened", "repaired"): 1}
    payment = shop.purse.find_payment(str(started.payment_id))
    assert payment is not None
    assert payment.status == "failed"


def test_every_kind_of_finding_has_words() -> None:
    assert all(words for words in KINDS.values())
    assert Finding("needs_review", "x", None, "", "left").kind in KINDS

"""One payment's whole story, told in order."""

from __future__ import annotations

from coinpurse import Coinpurse
from coinpurse.back_office import TimelineEntry, dashboard_url
from coinpurse.purchases import Payment
from tests.conftest import Sandbox


def buy(purse: Coinpurse, sandbox: Sandbox) -> Payment:
    started = purse.start_checkout(
        "ada",
        pack="chest",
        success_url="http://127.0.0.1:5000/s",
        cancel_url="http://127.0.0.1:5000/c",
    )
    sandbox.pay(started.session_id)
    return purse.payment_status(started.session_id, "ada").payment


def kinds(entries: tuple[TimelineEntry, ...] | list[TimelineEntry]) -> list[str]:
    return [entry.kind for entry in entries]


def test_a_refunded_payment_tells_all_that_happened(purse: Coinpurse, sandbox: Sandbox) -> None:
    payment = buy(purse, sandbox)
    purse.spend("ada", 900, key="1")
    office = purse.back_office
    office.record(
        actor="finn", action="payment.refund", subject_kind="payment", subject_id=str(payment.id)
    )
    refund = purse.refund(payment.id, 4000, reason="requested_by_customer", actor="finn")
    found = purse.find_payment(str(payment.id))
    assert found is not None

    entries = list(office.timeline(found))

    story = [kind for kind in kinds(entries) if kind not in ("event", "message", "delivery")]
    assert story[:4] == ["created", "checkout_opened", "completed", "ledger"]
    # Stripe's clock tells whole seconds: where its own entry stands among those of that second is open.
    assert sorted(story[4:]) == ["audit", "ledger", "refund", "refund_requested"]
    seconds = [entry.at.replace(microsecond=0) for entry in entries]
    assert seconds == sorted(seconds)
    by_kind = {entry.kind: entry for entry in entries}
    assert by_kind["refund_requested"].actor == "finn"
    assert by_kind["refund"].reference == refund.refund_id
    assert by_kind["refund"].facts["amount_minor"] == 4000
    assert by_kind["ledger"].facts["type"] == "refund"
    assert by_kind["completed"].stripe_url == (
        f"https://dashboard.stripe.com/test/payments/{payment.payment_intent_id}"
    )


def test_events_about_the_payment_and_what_came_of_it_are_told(
    purse: Coinpurse, sandbox: Sandbox
) -> None:
    payment, other = buy(purse, sandbox), buy(purse, sandbox)
    objects = (payment.session_id, payment.payment_intent_id, other.payment_intent_id)
    with purse.database.unit_of_work() as work:
        for number, object_id in enumerate(objects):
            work.execute(
                "INSERT INTO coinpurse.stripe_events"
                " (id, type, object_id, livemode, event_at, payload, state)"
                " VALUES (%(id)s, 'a.type', %(object_id)s, false, now(), '{}', 'processed')",
                id=f"evt_{number}",
                object_id=object_id,
            )

    told = [each for each in purse.back_office.timeline(payment) if each.kind == "event"]

    assert [each.reference for each in told] == ["evt_0", "evt_1"]


def test_only_live_objects_lie_in_the_live_dashboard() -> None:
    assert dashboard_url("pi_1", livemode=True) == "https://dashboard.stripe.com/payments/pi_1"
    assert dashboard_url("re_1", livemode=False) == "https://dashboard.stripe.com/test/refunds/re_1"
    assert dashboard_url("cs_1", livemode=False) is None
    assert dashboard_url(None, livemode=False) is None

"""Levers on payments: disputes, warnings, failed refunds and challenges when a test wants them."""

from __future__ import annotations

from sandbox_process import Sandbox


def test_a_paid_charge_is_disputed_and_won_on_demand(fresh: Sandbox) -> None:
    session = fresh.paid_session()
    dispute = fresh.control("POST", f"/charges/{session.payment_intent}/dispute", {"amount": 4000})
    won = fresh.control("POST", f"/disputes/{dispute['id']}/decide", {"verdict": "win"})

    assert (dispute["status"], dispute["amount"]) == ("needs_response", 4000)
    assert won["status"] == "won"
    assert fresh.event_types(dispute["id"]) == [
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.funds_reinstated",
        "charge.dispute.closed",
    ]


def test_an_inquiry_becomes_a_chargeback_and_is_lost(fresh: Sandbox) -> None:
    charge = fresh.charge_of(fresh.paid_session())
    dispute = fresh.control("POST", f"/charges/{charge.id}/dispute", {"inquiry": True})
    path = f"/disputes/{dispute['id']}/decide"
    escalated = fresh.control("POST", path, {"verdict": "escalate"})
    lost = fresh.control("POST", path, {"verdict": "lose"})

    assert [dispute["status"], escalated["status"], lost["status"]] == [
        "warning_needs_response",
        "needs_response",
        "lost",
    ]
    assert "error" in fresh.control("POST", path, {"verdict": "win"})


def test_a_refund_fails_long_after_it_succeeded(fresh: Sandbox) -> None:
    session = fresh.paid_session()
    refund = fresh.stripe.v1.refunds.create(
        params={"payment_intent": str(session.payment_intent), "amount": 500}
    )
    fresh.advance(86_400)
    failed = fresh.control("POST", f"/refunds/{refund.id}/fail")

    assert failed["status"] == "failed"
    assert fresh.charge_of(session).amount_refunded == 0
    assert "refund.failed" in fresh.event_types(refund.id)


def test_warnings_come_on_demand(fresh: Sandbox) -> None:
    session = fresh.paid_session()
    warning = fresh.control("POST", f"/charges/{session.payment_intent}/warning")

    assert warning["actionable"] is True


def test_a_challenge_of_the_api_is_answered(fresh: Sandbox) -> None:
    intent = fresh.stripe.v1.payment_intents.create(
        params={
            "amount": 2000,
            "currency": "usd",
            "confirm": True,
            "payment_method": "pm_card_authenticationRequired",
        }
    )
    path = f"/payment_intents/{intent.id}/challenge"

    assert intent.status == "requires_action"
    assert fresh.control("POST", path, {"passed": True})["status"] == "succeeded"


def test_a_debit_settles_on_demand(fresh: Sandbox) -> None:
    session = fresh.paid_session(currency="eur", iban="AT051904300235473205")
    settled = fresh.control("POST", f"/payment_intents/{session.payment_intent}/settle")

    assert settled["status"] == "requires_payment_method"
    assert fresh.event_types(session.id)[-1] == "checkout.session.async_payment_failed"

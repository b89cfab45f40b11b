"""Delayed ways to pay, refunds that wait for the buyer, and chargebacks that end in part."""

from __future__ import annotations

from typing import Any

import pytest
import stripe
from api_description import problems
from sandbox_process import Sandbox

DAY = 86_400


def pay_with(sandbox: Sandbox, method: str, currency: str = "jpy", **details: Any) -> Any:
    session = sandbox.session(5000, currency, allowed_payment_method_types=[method])
    result = sandbox.pay(session.id, method=method, **details)
    assert result["result"] in {"paid", "processing"}, result
    return sandbox.stripe.v1.checkout.sessions.retrieve(session.id)


@pytest.fixture
def banking(fresh: Sandbox) -> Sandbox:
    """A sandbox whose account takes bank transfers."""
    assert fresh.control("POST", "/payment_methods/customer_balance", {"on": True}) == {
        "customer_balance": True
    }
    return fresh


def refund_of(sandbox: Sandbox, session: Any, **more: Any) -> Any:
    return sandbox.stripe.v1.refunds.create(
        params={"payment_intent": session.payment_intent, **more}
    )


def dispute_of(sandbox: Sandbox, session: Any, **more: Any) -> Any:
    return sandbox.control("POST", f"/charges/{session.payment_intent}/dispute", more)


def movements(dispute: dict[str, Any]) -> list[tuple[str, int]]:
    return [
        (each["reporting_category"], each["amount"]) for each in dispute["balance_transactions"]
    ]


# Delayed ways to pay --------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["alipay", "wechat_pay"])
def test_wallets_pay_at_once(sandbox: Sandbox, method: str) -> None:
    assert pay_with(sandbox, method, "cny").payment_status == "paid"


@pytest.mark.parametrize("method", ["konbini", "customer_balance"])
def test_payment_made_elsewhere_comes_after_the_checkout(banking: Sandbox, method: str) -> None:
    session = pay_with(banking, method)
    banking.advance(10)

    assert (session.status, session.payment_status) == ("complete", "unpaid")
    assert banking.stripe.v1.checkout.sessions.retrieve(session.id).payment_status == "paid"
    assert banking.event_types(session.id)[-1] == "checkout.session.async_payment_succeeded"


@pytest.mark.parametrize("method", ["konbini", "customer_balance"])
def test_payment_made_elsewhere_may_never_come(banking: Sandbox, method: str) -> None:
    session = pay_with(banking, method, email="expire_with_delay@example.com")
    banking.advance(60)
    assert banking.event_types(session.id)[-1] == "checkout.session.completed"
    banking.advance(190)

    intent = banking.stripe.v1.payment_intents.retrieve(session.payment_intent)
    assert banking.event_types(session.id)[-1] == "checkout.session.async_payment_failed"
    assert intent.last_payment_error.code == "payment_intent_payment_attempt_expired"
    assert problems(banking.request("GET", f"/v1/payment_intents/{intent.id}").json()) == []


def test_ways_to_pay_are_turned_on_and_off(fresh: Sandbox) -> None:
    before = fresh.session(currency="jpy").payment_method_types
    fresh.control("POST", "/payment_methods/konbini", {"on": False})
    fresh.control("POST", "/payment_methods/customer_balance", {"on": True})
    after = fresh.session(currency="jpy").payment_method_types

    assert set(before) - set(after) == {"konbini"}
    assert set(after) - set(before) == {"customer_balance"}
    assert "error" in fresh.control("POST", "/payment_methods/shells", {"on": True})


@pytest.mark.parametrize(("succeeds", "status"), [(True, "paid"), (False, "unpaid")])
def test_payment_that_waits_for_ever_ends_as_told(
    fresh: Sandbox, succeeds: bool, status: str
) -> None:
    session = pay_with(fresh, "konbini", email="fill_never@example.com")
    fresh.advance(20 * DAY)
    assert fresh.event_types(session.id)[-1] == "checkout.session.completed"

    path = f"/payment_intents/{session.payment_intent}/settle"
    fresh.control("POST", path, {"succeeds": succeeds})

    assert fresh.stripe.v1.checkout.sessions.retrieve(session.id).payment_status == status
    assert "error" in fresh.control("POST", path, {"succeeds": "yes"})


# Refunds that wait for the buyer --------------------------------------------------------------


@pytest.fixture
def waiting(fresh: Sandbox) -> Any:
    """A refund of a payment that came from no account."""
    session = pay_with(fresh, "konbini")
    fresh.advance(10)
    return refund_of(fresh, session, instructions_email="ada@example.com", amount=2000)


def test_refund_waits_for_the_buyers_account(fresh: Sandbox, waiting: Any) -> None:
    fresh.advance(DAY)
    raw = fresh.request("GET", f"/v1/refunds/{waiting.id}").json()

    assert raw["status"] == "requires_action"
    assert raw["next_action"]["display_details"]["email_sent"]["email_sent_to"] == "ada@example.com"
    assert problems(raw) == []


def test_refund_goes_on_once_the_buyer_gave_an_account(fresh: Sandbox, waiting: Any) -> None:
    accepted = fresh.control("POST", f"/refunds/{waiting.id}/accept")
    fresh.advance(60 * DAY)

    assert (accepted["status"], accepted.get("next_action")) == ("pending", None)
    assert fresh.stripe.v1.refunds.retrieve(waiting.id).status == "succeeded"
    assert "error" in fresh.control("POST", f"/refunds/{waiting.id}/accept")


def test_refund_that_nobody_asks_for_fails(fresh: Sandbox, waiting: Any) -> None:
    fresh.advance(46 * DAY)
    raw = fresh.request("GET", f"/v1/refunds/{waiting.id}").json()

    assert (raw["status"], "next_action" in raw) == ("failed", False)
    assert fresh.event_types(waiting.id)[-1] == "refund.failed"
    assert problems(raw) == []


def test_only_a_waiting_refund_is_canceled_and_its_money_returns(
    fresh: Sandbox, waiting: Any
) -> None:
    canceled = fresh.stripe.v1.refunds.cancel(waiting.id)
    charge = fresh.stripe.v1.charges.retrieve(str(waiting.charge))
    of_card = refund_of(fresh, fresh.paid_session())

    assert (canceled.status, charge.amount_refunded) == ("canceled", 0)
    assert fresh.event_types(waiting.id).count("refund.failed") == 0
    for refund_id in (waiting.id, of_card.id):
        with pytest.raises(stripe.InvalidRequestError, match="Canceling this refund"):
            fresh.stripe.v1.refunds.cancel(refund_id)


# Chargebacks ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdict", "status", "reinstate", "returned"),
    [
        ("win", "won", {}, [("dispute_reversal", 9999)]),
        ("win", "won", {"reinstate": 4000}, [("dispute_reversal", 4000)]),
        ("win", "won", {"reinstate": 0}, []),
        ("lose", "lost", {}, []),
        ("lose", "lost", {"reinstate": 1500}, [("dispute_reversal", 1500)]),
    ],
)
def test_chargeback_gives_back_all_nothing_or_a_part(
    sandbox: Sandbox,
    verdict: str,
    status: str,
    reinstate: dict[str, int],
    returned: list[tuple[str, int]],
) -> None:
    dispute = dispute_of(sandbox, sandbox.paid_session())
    path = f"/disputes/{dispute['id']}/decide"
    decided = sandbox.control("POST", path, {"verdict": verdict, **reinstate})

    assert decided["status"] == status
    assert movements(decided) == [("dispute", -9999), *returned]
    assert sandbox.event_types(dispute["id"]) == [
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
        *["charge.dispute.funds_reinstated" for _ in returned],
        "charge.dispute.closed",
    ]
    assert problems(sandbox.request("GET", f"/v1/disputes/{dispute['id']}").json()) == []


@pytest.mark.parametrize("reinstate", [-1, 10_000, "1", True, 1.5, None])
def test_what_is_no_part_of_the_dispute_is_not_given_back(sandbox: Sandbox, reinstate: Any) -> None:
    dispute = dispute_of(sandbox, sandbox.paid_session())
    path = f"/disputes/{dispute['id']}/decide"

    assert "error" in sandbox.control("POST", path, {"verdict": "win", "reinstate": reinstate})
    assert sandbox.stripe.v1.disputes.retrieve(dispute["id"]).status == "needs_response"


@pytest.mark.parametrize("verdict", ["win", "escalate"])
def test_inquiry_took_nothing_that_could_be_given_back(sandbox: Sandbox, verdict: str) -> None:
    dispute = dispute_of(sandbox, sandbox.paid_session(), inquiry=True)
    body = {"verdict": verdict, "reinstate": 100}

    assert "error" in sandbox.control("POST", f"/disputes/{dispute['id']}/decide", body)


def test_movements_show_what_made_them(sandbox: Sandbox) -> None:
    session = sandbox.paid_session()
    refund = refund_of(sandbox, session, amount=500)
    dispute = dispute_of(sandbox, session, amount=4000)
    raw = sandbox.request("GET", "/v1/balance_transactions?limit=100&expand[]=data.source").json()

    sources = {each["source"]["id"]: each["source"] for each in raw["data"]}
    assert sources[refund.id]["payment_intent"] == session.payment_intent
    assert sources[dispute["id"]]["payment_intent"] == session.payment_intent
    assert problems(raw) == []

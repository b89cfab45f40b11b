"""A checkout opened and closed; a payment made, reported, credited, given back; one declined and one disputed.

Stripe's hosted page can be paid by nobody but a person. So the payment is made by an intent of its own, with the
metadata that the checkout's would have, and Stripe's own event about it is delivered to the store.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
import stripe
from flask import Flask

from coinpurse import Coinpurse, Settings
from coinpurse.errors import GatewayError
from coinpurse.ports import CheckoutParameters
from coinpurse.purchases import Payment
from coinpurse.stripe_gateway import SetUp

Soon = Callable[[Callable[[], Any]], Any]


@pytest.fixture
def checkout(purse: Coinpurse, run_id: str) -> Payment:
    """An open checkout of user `ada`."""
    started = purse.start_checkout(
        "ada",
        pack=f"check-{run_id}",
        success_url="http://127.0.0.1:5000/success?session_id={CHECKOUT_SESSION_ID}",
        cancel_url="http://127.0.0.1:5000/cancel",
        key="check",
    )
    payment = purse.find_payment(started.session_id)
    assert payment is not None
    return payment


def parameters_of(purse: Coinpurse, payment: Payment) -> dict[str, Any]:
    """What Stripe was sent for a checkout."""
    with purse.database.connection() as connection:
        row = connection.execute(
            "SELECT stripe_parameters FROM coinpurse.payment_sessions WHERE id = %s", [payment.id]
        ).fetchone()
    assert row is not None
    found: dict[str, Any] = row[0]
    return found


def pay(
    client: stripe.StripeClient, method: str, metadata: dict[str, str], run_id: str
) -> stripe.PaymentIntent:
    """Pay 9.99 by a test card."""
    return client.v1.payment_intents.create(
        {
            "amount": 999,
            "currency": "usd",
            "payment_method": method,
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
            "confirm": True,
            "metadata": {**metadata, "coinpurse_check": run_id},
        }
    )


def deliver_event(
    host: Flask, set_up: SetUp, client: stripe.StripeClient, secret: str, type_: str, intent: str
) -> int | None:
    """Deliver Stripe's own event about an intent to the store, signed anew; None if Stripe has none yet."""
    for event in client.v1.events.list({"type": type_, "limit": 20}).data:
        facts = event.to_dict(for_json=True)
        if facts["data"]["object"]["id"] == intent:
            body = json.dumps(facts)
            answer = host.test_client().post(
                "/api/payment/webhook",
                data=body,
                headers={
                    "Content-Type": "application/json",
                    "Stripe-Signature": set_up.sign(body, secret),
                },
            )
            return answer.status_code
    return None


def test_a_checkout_is_opened_once_fetched_and_closed(purse: Coinpurse, checkout: Payment) -> None:
    assert checkout.session_id is not None
    gateway = purse.services.gateway
    asked = CheckoutParameters(parameters_of(purse, checkout), f"checkout:{checkout.id}")

    opened = gateway.get_checkout_session(checkout.session_id)
    repeated = gateway.create_checkout_session(asked)
    changed = {**asked.parameters, "cancel_url": "http://127.0.0.1:5000/elsewhere"}
    with pytest.raises(GatewayError) as refused:
        gateway.create_checkout_session(CheckoutParameters(changed, asked.idempotency_key))
    status = purse.cancel_checkout(checkout.session_id, "ada")

    assert (opened.status, opened.payment_status, opened.mode) == ("open", "unpaid", "payment")
    assert (opened.amount_minor, opened.currency, opened.livemode) == (999, "usd", False)
    assert opened.metadata["payment_id"] == str(checkout.id)
    assert opened.url is not None
    assert urlsplit(opened.url).scheme in ("https", "http")
    assert repeated.id == checkout.session_id
    assert not refused.value.retryable
    assert status.payment.status == "cancelled"
    assert gateway.get_checkout_session(checkout.session_id).status == "expired"


def test_a_payment_is_credited_by_stripes_own_event_and_given_back(
    purse: Coinpurse,
    host: Flask,
    set_up: SetUp,
    settings: Settings,
    buyer_at_stripe: stripe.StripeClient,
    checkout: Payment,
    run_id: str,
    soon: Soon,
) -> None:
    secret = settings.require_webhook_secrets()[0]
    metadata = parameters_of(purse, checkout)["payment_intent_data"]["metadata"]
    intent = pay(buyer_at_stripe, "pm_card_visa", metadata, run_id)
    assert intent.status == "succeeded"

    answers = [
        soon(
            lambda: deliver_event(
                host, set_up, buyer_at_stripe, secret, "payment_intent.succeeded", intent.id
            )
        )
        for _ in range(2)
    ]

    assert answers == [200, 200]
    assert purse.wallet("ada").balance == 120
    half = purse.refund(checkout.id, 500, reason="requested_by_customer", key="half")
    rest = purse.refund(checkout.id, key="rest")
    again = purse.refund(checkout.id, key="rest")
    assert (half.state, rest.state, again.id) == ("made", "made", rest.id)
    after = purse.services.gateway.get_after_sale(intent.id)
    assert sum(refund.amount_minor for refund in after.refunds) == 999
    assert purse.wallet("ada").balance == 0
    found = purse.find_payment(str(checkout.id))
    assert found is not None
    assert found.status == "refunded"
    assert purse.reconcile(since=datetime.now(UTC) - timedelta(minutes=10), dry_run=True) is not None  # fmt: skip
    assert checkout.session_id is not None
    purse.services.gateway.expire_checkout_session(checkout.session_id)


def test_a_decline_is_read(
    purse: Coinpurse, buyer_at_stripe: stripe.StripeClient, run_id: str
) -> None:
    with pytest.raises(stripe.CardError) as declined:
        pay(buyer_at_stripe, "pm_card_visa_chargeDeclinedInsufficientFunds", {}, run_id)
    assert declined.value.error is not None
    assert declined.value.error.payment_intent is not None

    intent = purse.services.gateway.get_payment_intent(declined.value.error.payment_intent.id)

    assert intent.status == "requires_payment_method"
    assert intent.decline_code == "insufficient_funds"


def test_a_dispute_is_read_with_what_it_moved(
    purse: Coinpurse, buyer_at_stripe: stripe.StripeClient, run_id: str, soon: Soon
) -> None:
    intent = pay(buyer_at_stripe, "pm_card_createDispute", {}, run_id)

    disputes = soon(lambda: purse.services.gateway.get_after_sale(intent.id).disputes)

    assert [(each.amount_minor, each.currency) for each in disputes] == [(999, "usd")]
    assert disputes[0].status == "needs_response"

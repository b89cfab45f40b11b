"""Signed deliveries of `checkout.session.completed`, each about another pending payment.

A payment is known by its number, of twelve digits always, which stands at the end of each of its ids.
"""

from __future__ import annotations

import copy
import hashlib
import hmac
import json
import time
from collections.abc import Iterator

import psycopg

from stripe_sandbox.config import DEFAULT_API_VERSION
from stripe_sandbox.objects import checkout_session

FIRST = 10**11
COINS, BONUS, AMOUNT_MINOR, CURRENCY = 1000, 200, 9999, "usd"
CREATED = 1_790_000_000
PLACEHOLDER = "100000000000"

PAYMENT_ID = f"00000000-0000-7000-8000-{PLACEHOLDER}"
SESSION_ID = f"cs_test_{'b' * 46}{PLACEHOLDER}"
INTENT_ID = f"pi_bench{PLACEHOLDER}"
USER_ID = f"buyer-{PLACEHOLDER}"
METADATA = {
    "user_id": USER_ID,
    "coins": str(COINS),
    "bonus": str(BONUS),
    "total_coins": str(COINS + BONUS),
    "payment_id": PAYMENT_ID,
}
LINE_ITEM = {
    "price_data": {
        "currency": CURRENCY,
        "unit_amount": AMOUNT_MINOR,
        "product_data": {
            "name": f"{COINS} Coins",
            "description": f"Get {COINS} coins + {BONUS} bonus coins",
        },
    },
    "quantity": 1,
}
ADDRESSES = {
    "success_url": "https://shop.example/payment/success?session_id={CHECKOUT_SESSION_ID}",
    "cancel_url": "https://shop.example/payment/cancel",
}
# What the buyer's click leaves: the row that was sent to Stripe, with its session. The wallet is there already.
PREPARE = """
WITH numbers AS (
    SELECT n::text AS n FROM generate_series(%(first)s::bigint, %(first)s::bigint + %(count)s - 1) AS n
), wallets AS (
    INSERT INTO coinpurse.wallets (user_id) SELECT replace(%(user_id)s, %(token)s, n) FROM numbers
)
INSERT INTO coinpurse.payment_sessions (id, session_id, user_id, pack_sku, coins, bonus, amount_minor, currency,
                                        livemode, request_digest, stripe_parameters, checkout_url)
SELECT replace(%(payment_id)s, %(token)s, n)::uuid, replace(%(session_id)s, %(token)s, n),
       replace(%(user_id)s, %(token)s, n), 'chest', %(coins)s, %(bonus)s, %(amount_minor)s, %(currency)s, false,
       sha256('1'), replace(%(parameters)s, %(token)s, n)::jsonb,
       'https://checkout.stripe.com/c/pay/' || replace(%(session_id)s, %(token)s, n)
  FROM numbers
"""
# A payment counts where all of it agrees: its row, one ledger row, its grants, the wallet, and the event.
CREDITED = """
SELECT count(*)
  FROM coinpurse.payment_sessions AS p
  JOIN coinpurse.wallets AS w USING (user_id)
  JOIN coinpurse.transactions AS t ON t.id = p.transaction_id
  JOIN coinpurse.stripe_events AS e ON e.object_id = p.session_id
 WHERE p.id BETWEEN replace(%(payment_id)s, %(token)s, %(first)s::text)::uuid
                AND replace(%(payment_id)s, %(token)s, %(last)s::text)::uuid
   AND p.status = 'completed' AND p.payment_intent_id IS NOT NULL
   AND e.state = 'processed' AND e.attempts = 1
   AND t.payment_id = p.id AND t.type = 'purchase' AND t.coins = p.coins + p.bonus
   AND w.balance = p.coins + p.bonus
   AND (SELECT count(*) FROM coinpurse.transactions AS one WHERE one.user_id = p.user_id) = 1
   AND (SELECT sum(g.remaining) FROM coinpurse.grants AS g WHERE g.payment_id = p.id) = p.coins + p.bonus
"""


def prepare(url: str, *, first: int, count: int) -> None:
    """Write pending payments with the numbers from `first`, as `purchases` leaves them before they are paid."""
    parameters = {
        "mode": "payment",
        "line_items": [LINE_ITEM],
        **ADDRESSES,
        "client_reference_id": USER_ID,
        "metadata": METADATA,
        "payment_intent_data": {"metadata": METADATA},
    }
    with psycopg.connect(url) as connection:
        connection.execute(
            PREPARE,
            {
                "first": first,
                "count": count,
                "token": PLACEHOLDER,
                "payment_id": PAYMENT_ID,
                "session_id": SESSION_ID,
                "user_id": USER_ID,
                "coins": COINS,
                "bonus": BONUS,
                "amount_minor": AMOUNT_MINOR,
                "currency": CURRENCY,
                "parameters": json.dumps(parameters),
            },
        )


def count_credited(url: str, *, first: int, last: int) -> int:
    """Count the payments of these numbers that were credited once and whole, and whose event says so."""
    values = {"first": first, "last": last, "token": PLACEHOLDER, "payment_id": PAYMENT_ID}
    with psycopg.connect(url) as connection:
        row = connection.execute(CREDITED, values).fetchone()
    assert row is not None
    found: int = row[0]
    return found


def session_of(number: int) -> dict[str, object]:
    """Return the paid session of a payment, as Stripe's API and its event show it."""
    session = {
        **copy.deepcopy(checkout_session.AS_OPENED),
        "id": SESSION_ID,
        "object": "checkout.session",
        **dict.fromkeys(checkout_session.ECHOED),
        **ADDRESSES,
        "amount_subtotal": AMOUNT_MINOR,
        "amount_total": AMOUNT_MINOR,
        "client_reference_id": USER_ID,
        "client_secret": None,
        "created": CREATED,
        "currency": CURRENCY,
        "customer_creation": "if_required",
        "customer_details": {"email": "buyer@shop.example", "name": "A Buyer", "phone": None},
        "expires_at": CREATED + 86400,
        "metadata": METADATA,
        "payment_intent": INTENT_ID,
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": ["card"],
        "payment_status": "paid",
        "status": "complete",
        "ui_mode": "hosted_page",
        "url": None,
    }
    found: dict[str, object] = json.loads(json.dumps(session).replace(PLACEHOLDER, str(number)))
    return found


def event_of(number: int) -> str:
    """Return the body of a delivery, indented as Stripe sends it."""
    event = {
        "id": f"evt_bench{number}",
        "object": "event",
        "api_version": DEFAULT_API_VERSION,
        "created": CREATED,
        "data": {"object": session_of(number)},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": "checkout.session.completed",
    }
    return json.dumps(event, indent=2)


def signed(body: bytes, secret: str) -> str:
    """Return the `Stripe-Signature` of a body, made now."""
    at = int(time.time())
    digest = hmac.new(secret.encode(), b"%d.%s" % (at, body), hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def requests(*, first: int, count: int, host: str, path: str, secret: str) -> Iterator[bytes]:
    """Yield whole HTTP requests, each a delivery about the next payment."""
    template = event_of(FIRST)
    for number in range(first, first + count):
        body = template.replace(str(FIRST), str(number)).encode()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: Stripe/1.0\r\n"
            f"Content-Type: application/json; charset=utf-8\r\nContent-Length: {len(body)}\r\n"
            f"Stripe-Signature: {signed(body, secret)}\r\n\r\n"
        )
        yield head.encode() + body

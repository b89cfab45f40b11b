"""Webhook deliveries: who signed them, and what they say."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import stripe
from hypothesis import example, given, settings
from hypothesis import strategies as st

from coinpurse.errors import WebhookRejected
from coinpurse.ports import CheckoutSession, PaymentIntent, StripeEvent
from coinpurse.stripe_gateway import Gateway

Sign = Callable[..., str]


def rejection(gateway: Gateway, body: bytes, signature: str | None) -> WebhookRejected:
    with pytest.raises(WebhookRejected) as rejected:
        gateway.read_event(body, signature)
    return rejected.value


@pytest.fixture
def body(event_json: dict[str, Any]) -> bytes:
    return json.dumps(event_json).encode()


def test_signed_snapshot_becomes_an_event(reader: Gateway, body: bytes, sign: Sign) -> None:
    event = reader.read_event(body, sign(body))

    assert isinstance(event.object, CheckoutSession)
    assert event.object.metadata == {"payment_id": "42", "coins": "1000"}
    assert event == StripeEvent(
        id="evt_1",
        type="checkout.session.completed",
        livemode=False,
        event_at=datetime.fromtimestamp(1_793_000_100, UTC),
        object_id="cs_test_1",
        object=event.object,
        thin=False,
        api_version="2026-10-28.endive",
        payload=body.decode(),
        object_type="checkout.session",
    )


def test_signed_thin_event_becomes_an_event(
    reader: Gateway, thin_json: dict[str, Any], sign: Sign
) -> None:
    body = json.dumps(thin_json).encode()

    assert reader.read_event(body, sign(body)) == StripeEvent(
        id="evt_test_2",
        type="checkout.session.completed",
        livemode=False,
        event_at=datetime(2026, 11, 2, 11, 59, 58, 250_000, UTC),
        object_id="cs_test_1",
        object=None,
        thin=True,
        api_version=None,
        payload=body.decode(),
        object_type="checkout.session",
    )


def test_stored_payload_reads_as_the_delivery_did(reader: Gateway, body: bytes, sign: Sign) -> None:
    event = reader.read_event(body, sign(body))

    assert reader.parse_event(event.payload) == event


def test_system_clock_is_the_default(body: bytes, webhook_secret: str, secret_key: str) -> None:
    gateway = Gateway(secret_key, webhook_secrets=[webhook_secret])
    sign = stripe.WebhookSignature.generate_signature_header

    assert gateway.read_event(body, sign(body.decode(), webhook_secret)).id == "evt_1"
    old = sign(body.decode(), webhook_secret, int(time.time()) - 310)
    assert rejection(gateway, body, old).reason == "Invalid signature"


# Signatures -----------------------------------------------------------------------------------

BROKEN_HEADERS = [
    None,
    "",
    "garbage",
    ",",
    "=",
    "t",
    "t=",
    "v1",
    "t,v1=0",
    "t=1793620800",
    "t=1793620800,v0=00",
    "v1=00",
    "t=soon,v1=00",
    "t=" + "9" * 5000 + ",v1=00",
    "t=" + "9" * 4000 + ",v1=00",
    "t=1793620800,v1",
    "t=1793620800,v1=",
    "t=1793620800,v1=00=00=00",
    "t=1793620800,v1=é",
    "t=１７９３６２０８００,v1=00",
    "t=1793620800,v1=\ud800",
    "t=1793620800,v1=\x00",
]


@pytest.mark.parametrize("header", BROKEN_HEADERS, ids=lambda header: ascii(header)[:40])
@pytest.mark.parametrize("body", [b"{}", b"", b"not JSON", b"[]"])
def test_broken_header_is_an_invalid_signature(
    reader: Gateway, header: str | None, body: bytes
) -> None:
    assert rejection(reader, body, header).reason == "Invalid signature"


def test_non_ascii_in_a_good_header_is_refused(reader: Gateway, body: bytes, sign: Sign) -> None:
    refused = rejection(reader, body, sign(body) + ",v1=é")

    assert refused.reason == "Invalid signature"
    assert "ASCII" in refused.detail


def test_wrong_secret_names_the_mend_and_no_secret(
    reader: Gateway, body: bytes, sign: Sign, webhook_secret: str
) -> None:
    other = "whsec_" + secrets.token_hex(16)
    header = sign(body, other)

    refused = rejection(reader, body, header)

    assert refused.reason == "Invalid signature"
    for word in ("STRIPE_WEBHOOK_SECRET", "stripe listen", "Dashboard"):
        assert word in refused.detail
    shown = "".join(traceback.format_exception(refused)) + repr(vars(refused))
    for hidden in (webhook_secret, other, header.split("v1=")[1], "buyer@example.com"):
        assert hidden not in shown


@pytest.mark.parametrize("change", ["", " ", "\n"])
def test_secret_that_is_blank_or_has_an_end_of_line_matches_nothing(
    secret_key: str, webhook_secret: str, body: bytes, sign: Sign, now: datetime, change: str
) -> None:
    configured = webhook_secret + change if change == "\n" else change
    gateway = Gateway(secret_key, webhook_secrets=[configured], clock=lambda: now)

    assert rejection(gateway, body, sign(body)).reason == "Invalid signature"


def test_without_a_secret_nothing_is_believed(secret_key: str, body: bytes, sign: Sign) -> None:
    refused = rejection(Gateway(secret_key, webhook_secrets=[]), body, sign(body))

    assert refused.reason == "Invalid signature"
    assert "STRIPE_WEBHOOK_SECRET" in refused.detail


def test_changed_body_is_refused(reader: Gateway, body: bytes, sign: Sign) -> None:
    changed = body.replace(b"9999", b"0001")

    assert rejection(reader, changed, sign(body)).reason == "Invalid signature"


def test_both_secrets_work_while_one_is_rolled(
    secret_key: str, body: bytes, sign: Sign, now: datetime
) -> None:
    old, new, foreign = ("whsec_" + secrets.token_hex(16) for _ in range(3))
    gateway = Gateway(secret_key, webhook_secrets=[old, new], clock=lambda: now)

    for secret in (old, new):
        assert gateway.read_event(body, sign(body, secret)).id == "evt_1"
    assert rejection(gateway, body, sign(body, foreign)).reason == "Invalid signature"


def test_one_of_several_signatures_is_enough(reader: Gateway, body: bytes, sign: Sign) -> None:
    stamp, good = sign(body).split(",")
    foreign = sign(body, "whsec_" + secrets.token_hex(16)).split(",")[1]

    assert reader.read_event(body, f"{stamp},{foreign},{good},v0=00").id == "evt_1"
    assert rejection(reader, body, f"{stamp},{foreign},{good.replace('v1', 'v0')}").reason == (
        "Invalid signature"
    )


@pytest.mark.parametrize("age_seconds", [-300, -1, 0, 299, 300])
def test_signature_within_the_tolerance_is_taken(
    reader: Gateway, body: bytes, sign: Sign, age_seconds: int
) -> None:
    assert reader.read_event(body, sign(body, age_seconds=age_seconds)).id == "evt_1"


@pytest.mark.parametrize(
    ("age_seconds", "word"), [(301, "ago"), (10**9, "ago"), (-301, "future"), (-(10**30), "future")]
)
def test_signature_beyond_the_tolerance_is_refused(
    reader: Gateway, body: bytes, sign: Sign, age_seconds: int, word: str
) -> None:
    refused = rejection(reader, body, sign(body, age_seconds=age_seconds))

    assert refused.reason == "Invalid signature"
    assert word in refused.detail


def test_signature_is_judged_before_the_body(reader: Gateway, sign: Sign) -> None:
    for body in (b"", b"not JSON", b"[1, 2]", b"NaN", b'{"object": "event"}'):
        header = sign(body, "whsec_" + secrets.token_hex(16))
        assert rejection(reader, body, header).reason == "Invalid signature"


# Payloads -------------------------------------------------------------------------------------

BAD_BODIES = [
    b"",
    b"not JSON",
    b"\xef\xbb\xbf{}",
    b"null",
    b"[]",
    b"[1, 2]",
    b"5",
    b'"text"',
    b"true",
    b"NaN",
    b'{"id": "evt_1", "type": "a.b", "created": NaN}',
    b'{"id": "evt_1", "type": "a.b", "x": -Infinity}',
    b'{"id": "evt_1", "type": "a.b", "x": ' + b"9" * 5000 + b"}",
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b"{}",
    b'{"object": "event"}',
    b'{"object": "event", "id": "evt_1"}',
    b'{"object": "event", "type": "a.b"}',
    b'{"object": "event", "id": null, "type": "a.b"}',
    b'{"object": "event", "id": 5, "type": "a.b"}',
    b'{"object": "event", "id": "evt_1", "type": ["a.b"]}',
    b'{"object": "event", "id": "evt\\u0000", "type": "a.b"}',
    b'{"object": "event", "id": "\\ud800", "type": "a.b"}',
    b'{"object": "v2.core.event"}',
    b'{"object": "v2.core.event", "id": "evt_1"}',
    b'{"object": "charge", "id": "evt_1", "type": "a.b"}',
    b'{"object": 5, "id": "evt_1", "type": "a.b"}',
    b'{"id": "evt_1", "type": "a.b", "livemode": "no"}',
    b'{"id": "evt_1", "type": "a.b", "created": 1e999}',
    b'{"id": "evt_1", "type": "a.b", "created": "soon"}',
    b'{"id": "evt_1", "type": "a.b", "data": []}',
    b'{"id": "evt_1", "type": "a.b", "data": {"object": "cs_1"}}',
    b'{"object": "v2.core.event", "id": "evt_1", "type": "a.b", "related_object": "cs_1"}',
]


@pytest.mark.parametrize("body", BAD_BODIES, ids=lambda body: ascii(body)[:60])
def test_signed_nonsense_is_an_invalid_payload(reader: Gateway, body: bytes, sign: Sign) -> None:
    refused = rejection(reader, body, sign(body))

    assert refused.reason == "Invalid payload"
    assert refused.detail
    with pytest.raises(WebhookRejected, match=r"^Invalid payload"):
        reader.parse_event(body.decode())


def test_signed_body_that_is_not_utf8_is_an_invalid_payload(
    reader: Gateway, webhook_secret: str, now: datetime
) -> None:
    body = b'{"id": "\xff"}'
    stamp = str(int(now.timestamp()))
    mac = hmac.new(
        webhook_secret.encode(), stamp.encode() + b"." + body, hashlib.sha256
    ).hexdigest()

    refused = rejection(reader, body, f"t={stamp},v1={mac}")

    assert refused.reason == "Invalid payload"
    assert "UTF-8" in refused.detail


def test_event_of_a_type_that_we_do_not_read_has_no_object(
    reader: Gateway, event_json: dict[str, Any]
) -> None:
    event_json["type"] = "customer.created"
    event_json["data"] = {"object": {"id": "cus_1", "object": "customer"}}

    event = reader.parse_event(json.dumps(event_json))

    assert (event.object, event.object_id, event.object_type) == (None, "cus_1", "customer")


def test_event_about_a_payment_intent(
    reader: Gateway, event_json: dict[str, Any], intent_json: dict[str, Any]
) -> None:
    event_json |= {"type": "payment_intent.payment_failed", "data": {"object": intent_json}}

    event = reader.parse_event(json.dumps(event_json))

    assert isinstance(event.object, PaymentIntent)
    assert event.object.decline_code == "insufficient_funds"


def test_least_event_that_can_be_stored(reader: Gateway, now: datetime) -> None:
    event = reader.parse_event('{"id": "evt_1", "type": "balance.available"}')

    assert event == StripeEvent(
        id="evt_1",
        type="balance.available",
        livemode=False,
        event_at=now,
        object_id="",
        object=None,
        thin=False,
        api_version=None,
        payload='{"id": "evt_1", "type": "balance.available"}',
    )


def test_live_events_say_so(
    reader: Gateway, event_json: dict[str, Any], thin_json: dict[str, Any]
) -> None:
    for event in (event_json, thin_json):
        assert reader.parse_event(json.dumps(event | {"livemode": True})).livemode


def test_thin_event_without_an_object(reader: Gateway, thin_json: dict[str, Any]) -> None:
    thin_json |= {"related_object": None, "type": "v2.core.event_destination.ping", "created": None}
    del thin_json["livemode"]

    event = reader.parse_event(json.dumps(thin_json))

    assert (event.type, event.object_id, event.object_type) == (
        "v2.core.event_destination.ping",
        "",
        "",
    )
    assert not event.livemode


def test_prefix_of_snapshot_types_is_kept(reader: Gateway, event_json: dict[str, Any]) -> None:
    assert reader.parse_event(json.dumps(event_json | {"type": "v1.x"})).type == "v1.x"


# Fuzz -----------------------------------------------------------------------------------------

header_texts = (
    st.none()
    | st.text()
    | st.from_regex(r"\A(t=[0-9]{0,20}|v1=\w*|[=,tv1]*)(,(v1|t|v0)=?.*){0,3}\Z")
)
json_texts = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
event_like = st.fixed_dictionaries(
    {},
    optional={
        "id": st.just("evt_1") | json_texts,
        "object": st.sampled_from(["event", "v2.core.event"]) | json_texts,
        "type": st.just("v1.a.b") | json_texts,
        "livemode": json_texts,
        "created": json_texts,
        "data": st.fixed_dictionaries({"object": json_texts}) | json_texts,
        "related_object": json_texts,
        "api_version": json_texts,
    },
)


@given(st.binary(), header_texts)
@example(b"{}", "t=1,v1=é")
@example(b"\xff", "t=1,v1=00")
def test_no_delivery_raises_anything_else(reader: Gateway, body: bytes, header: str | None) -> None:
    with pytest.raises(WebhookRejected):
        reader.read_event(body, header)


@settings(max_examples=300)
@given(
    body=st.text(st.characters(codec="utf-8"))
    | event_like.map(json.dumps)
    | json_texts.map(json.dumps)
)
def test_no_signed_body_raises_anything_else(reader: Gateway, sign: Sign, body: str) -> None:
    reason = None
    try:
        event = reader.read_event(body.encode(), sign(body))
    except WebhookRejected as refused:
        reason = refused.reason
    else:
        assert event.id
        assert event.type
        assert event.event_at.utcoffset() is not None
    assert reason in (None, "Invalid payload")


def test_an_event_about_an_unreadable_object_is_kept_without_it(gateway: Gateway) -> None:
    payload = '{"id": "evt_1", "type": "a.b", "data": {"object": {"id": "pi_1", "object": "payment_intent"}}}'

    event = gateway.parse_event(payload)

    assert event.object is None
    assert (event.object_id, event.object_type) == ("pi_1", "payment_intent")

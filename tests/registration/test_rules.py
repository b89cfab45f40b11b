"""What is planned at Stripe, and where Stripe cannot come."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from flask import Flask

from coinpurse.errors import ConfigurationError
from coinpurse.inbox import HANDLED_TYPES
from coinpurse.ports import WebhookEndpoint
from coinpurse.registration import (
    WEBHOOK_PATH,
    endpoint_url,
    plan_finish,
    plan_rotation,
    plan_setup,
    require_reachable,
)
from coinpurse.settings import Settings

URL = "https://coins.example.com/api/payment/webhook"
VERSION = "2026-10-28.endive"
RIGHT = WebhookEndpoint(
    id="we_1",
    url=URL,
    event_types=HANDLED_TYPES,
    enabled=True,
    api_version=VERSION,
    livemode=False,
    metadata={"coinpurse": "webhook"},
)


def test_our_path_is_where_the_store_listens(host: Flask) -> None:
    paths = {rule.rule for rule in host.url_map.iter_rules() if "POST" in (rule.methods or ())}

    assert WEBHOOK_PATH in paths


def test_first_set_up_makes_an_endpoint_and_leaves_others_alone() -> None:
    another = replace(RIGHT, id="we_shop", url="https://other.example.com/hook")

    [step] = plan_setup([another], URL, VERSION)

    assert (step.act, step.url, step.endpoint_id) == ("create", URL, None)


def test_right_endpoint_asks_for_nothing() -> None:
    assert plan_setup([RIGHT], URL, VERSION) == []


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"enabled": False}, "it is switched off"),
        ({"event_types": ("*",)}, "it sends every type of event instead of our 17"),
        ({"event_types": HANDLED_TYPES[1:]}, "it does not send checkout.session.completed"),
        ({"event_types": (*HANDLED_TYPES, "payout.paid")}, "it sends payout.paid, which we ignore"),
        ({"metadata": {}}, "it does not say that it is ours"),
    ],
)
def test_what_is_wrong_with_ours_is_mended_in_place(wrong: dict[str, Any], reason: str) -> None:
    [step] = plan_setup([replace(RIGHT, **wrong)], URL, VERSION)

    assert (step.act, step.endpoint_id, step.reasons) == ("update", "we_1", (reason,))


def test_rotation_makes_a_second_endpoint_and_its_end_removes_the_first() -> None:
    [step] = plan_rotation([RIGHT], URL)
    second = replace(RIGHT, id="we_2", metadata=step.metadata)

    assert step.act == "create"
    assert plan_setup([second, RIGHT], URL, VERSION) == []
    assert [(s.act, s.endpoint_id) for s in plan_finish([second, RIGHT], URL)] == [
        ("delete", "we_1")
    ]
    assert plan_finish([second], URL) == []


def test_only_one_rotation_at_a_time() -> None:
    with pytest.raises(ConfigurationError, match="--finish"):
        plan_rotation([RIGHT, replace(RIGHT, id="we_2")], URL)


def test_two_endpoints_that_no_rotation_made_are_both_kept() -> None:
    assert plan_finish([RIGHT, replace(RIGHT, id="we_2")], URL) == []


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("https://coins.example.com", URL),
        ("https://Coins.Example.com/", URL),
        (
            "https://example.com/shop/api/payment/webhook",
            "https://example.com/shop/api/payment/webhook",
        ),
    ],
)
def test_an_origin_gets_our_path(given: str, address: str) -> None:
    assert endpoint_url(given) == address


@pytest.mark.parametrize(
    "given", ["coins.example.com", "https://", "https://a.b/?x=1", "ftp://a.b"]
)
def test_what_is_no_address_is_refused(given: str) -> None:
    with pytest.raises(ConfigurationError, match="not an address"):
        endpoint_url(given)


@pytest.mark.parametrize(
    "host", ["127.0.0.1:5000", "localhost", "[::1]", "192.168.1.4", "10.0.0.1", "store.local"]
)
def test_stripe_cannot_come_to_this_machine_and_the_mend_is_said(host: str) -> None:
    settings = Settings(stripe_secret_key="sk_test_123456")

    with pytest.raises(ConfigurationError, match="stripe listen"):
        require_reachable(f"http://{host}{WEBHOOK_PATH}", settings)


def test_a_sandbox_can_come_to_this_machine() -> None:
    settings = Settings(
        stripe_secret_key="sk_test_123456", stripe_api_base="http://127.0.0.1:12111"
    )

    require_reachable(f"http://127.0.0.1:5000{WEBHOOK_PATH}", settings)


def test_live_events_need_https() -> None:
    settings = Settings(stripe_secret_key="sk_live_123456", base_url="https://coins.example.com")

    with pytest.raises(ConfigurationError, match="https://"):
        require_reachable(f"http://coins.example.com{WEBHOOK_PATH}", settings)

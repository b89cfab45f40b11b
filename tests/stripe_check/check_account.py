"""The key, our endpoint, the catalog, and every list that reconciliation reads."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from coinpurse import Coinpurse, Settings
from coinpurse.catalog import Catalog
from coinpurse.errors import GatewayError
from coinpurse.inbox import HANDLED_TYPES
from coinpurse.registration import plan_setup
from coinpurse.stripe_gateway import STRIPE_VERSION, Gateway, SetUp
from coinpurse.stripe_gateway.lists import LISTS


def test_stripe_answers_in_our_version_and_by_our_clock(set_up: SetUp) -> None:
    account = set_up.get_account()

    assert account.api_version == STRIPE_VERSION
    assert account.answered_at is not None
    assert abs(account.answered_at - datetime.now(UTC)) < timedelta(seconds=30)


def test_the_key_may_do_what_the_store_does(set_up: SetUp) -> None:
    missing = [each for each in set_up.check_permissions() if each.granted is not True]

    assert missing == []


def test_a_wrong_key_is_refused_and_never_repeated(settings: Settings) -> None:
    wrong = Gateway(
        "not_a_key_" + "0" * 32, webhook_secrets=["whsec_nothing"], api_base=settings.api_base
    )

    with pytest.raises(GatewayError) as refused:
        wrong.get_payment_intent("pi_coinpurse_check")

    assert refused.value.status == 401
    assert not refused.value.retryable
    assert "0" * 32 not in str(refused.value)


def test_what_does_not_exist_is_refused_for_good(purse: Coinpurse) -> None:
    with pytest.raises(GatewayError) as refused:
        purse.services.gateway.get_payment_intent("pi_coinpurse_check")

    assert (refused.value.status, refused.value.code) == (404, "resource_missing")
    assert not refused.value.retryable


def test_the_webhook_endpoint_is_made_found_mended_and_removed(set_up: SetUp, run_id: str) -> None:
    url = f"https://coins.example.com/{run_id}/api/payment/webhook"
    made = set_up.create_webhook_endpoint(url, HANDLED_TYPES[:3], {"coinpurse": "webhook"})
    try:
        assert made.secret is not None
        assert made.secret.startswith("whsec_")
        (step,) = plan_setup(set_up.list_webhook_endpoints(), url, STRIPE_VERSION)
        assert (step.act, step.endpoint_id) == ("update", made.id)

        set_up.update_webhook_endpoint(made.id, HANDLED_TYPES, step.metadata)

        assert plan_setup(set_up.list_webhook_endpoints(), url, STRIPE_VERSION) == []
    finally:
        set_up.delete_webhook_endpoint(made.id)
    assert made.id not in {each.id for each in set_up.list_webhook_endpoints()}


def test_the_catalog_is_synced_once_and_archived(
    purse: Coinpurse, withdrawn: Callable[[], Catalog]
) -> None:
    sync = purse.services.catalog_sync
    planned = [step.action for step in sync.plan(purse.catalog).steps]
    try:
        assert planned == ["create_product", "create_price", "create_price"]
        assert sync.apply(purse.catalog) == 3
        assert sync.plan(purse.catalog).steps == ()
    finally:
        done = sync.apply(withdrawn())
    assert done >= 1


@pytest.mark.parametrize("kind", LISTS, ids=lambda kind: kind.__name__)
def test_every_list_can_be_read(purse: Coinpurse, kind: type) -> None:
    page = purse.services.gateway.list_page(kind, since=datetime.now(UTC) - timedelta(days=30))

    assert page.unreadable_ids == ()
    with contextlib.suppress(TypeError):
        assert len(page.items) <= 100

"""Products and prices at Stripe: planned, made once, changed by successors, and finished after an interruption."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import psycopg
import pytest
import requests

from coinpurse import Coinpurse
from coinpurse.catalog import Catalog, load_catalog
from coinpurse.errors import GatewayError
from coinpurse.settings import Settings
from tests.conftest import Sandbox

PACKS = """
[[packs]]
sku = "pouch"
coins = 100
prices = { usd = "9.99", jpy = "1480" }

[[packs]]
sku = "chest-1"
coins = 1000
bonus = 200
image = "https://img.example.com/chest.png"
prices = { usd = "99.99" }
"""


@pytest.fixture
def purse(settings: Settings) -> Iterator[Coinpurse]:
    made = Coinpurse(settings=settings)
    with made.database.unit_of_work() as work:
        # Databases of tests are clones; the account at Stripe is shared by all of them.
        work.execute("UPDATE coinpurse.installation SET id = gen_random_uuid()")
    yield made
    made.database.close()


@pytest.fixture
def catalog(tmp_path: Path) -> Callable[[str], Catalog]:
    def read(text: str) -> Catalog:
        file = tmp_path / "shop.toml"
        file.write_text(text)
        return load_catalog(file)

    return read


class Stripe:
    """What the sandbox has of this installation."""

    def __init__(self, purse: Coinpurse, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._owner = purse.services.catalog_sync.plan(purse.catalog).owner

    def _list(self, what: str) -> list[dict[str, Any]]:
        found = requests.get(
            f"{self._sandbox.url}/v1/{what}",
            params={"limit": "100"},
            auth=("sk_test_any_key", ""),
            timeout=30,
        ).json()["data"]
        return [each for each in found if each["metadata"].get("coinpurse") == self._owner]

    def products(self) -> dict[str, dict[str, Any]]:
        return {each["metadata"]["sku"]: each for each in self._list("products")}

    def count(self) -> tuple[int, int]:
        return len(self._list("products")), len(self._list("prices"))

    def prices(self) -> set[tuple[str, int, str]]:
        """Those in use: sku, minor units, currency."""
        by_id = {each["id"]: sku for sku, each in self.products().items()}
        return {
            (by_id[each["product"]], each["unit_amount"], each["currency"])
            for each in self._list("prices")
            if each["active"]
        }


@pytest.fixture
def stripe(purse: Coinpurse, sandbox: Sandbox) -> Stripe:
    return Stripe(purse, sandbox)


def test_a_plan_changes_nothing_and_a_second_run_has_nothing_to_do(
    purse: Coinpurse, stripe: Stripe, catalog: Callable[[str], Catalog]
) -> None:
    shop = catalog(PACKS)
    sync = purse.services.catalog_sync

    assert [step.action for step in sync.plan(shop).steps] == [
        "create_product",
        "create_price",
        "create_price",
        "create_product",
        "create_price",
    ]
    assert stripe.count() == (0, 0)

    assert sync.apply(shop) == 5
    chest = stripe.products()["chest-1"]
    assert (chest["name"], chest["description"]) == (
        "1000 Coins",
        "Get 1000 coins + 200 bonus coins",
    )
    assert chest["images"] == ["https://img.example.com/chest.png"]
    assert stripe.prices() == {
        ("pouch", 999, "usd"),
        ("pouch", 1480, "jpy"),
        ("chest-1", 9999, "usd"),
    }
    assert sync.plan(shop).steps == ()
    assert sync.apply(shop) == 0
    assert stripe.count() == (2, 3)


def test_two_runs_at_once_make_each_thing_once(
    purse: Coinpurse, stripe: Stripe, settings: Settings, catalog: Callable[[str], Catalog]
) -> None:
    shop, other = catalog(PACKS), Coinpurse(settings=settings)
    start = Barrier(2)

    def run(each: Coinpurse) -> None:
        start.wait()
        each.services.catalog_sync.apply(shop)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(run, (purse, other)))
    other.database.close()

    assert stripe.count() == (2, 3)
    assert purse.services.catalog_sync.plan(shop).steps == ()


def test_a_changed_price_is_a_new_one_and_going_back_uses_the_old_one_again(
    purse: Coinpurse, stripe: Stripe, catalog: Callable[[str], Catalog]
) -> None:
    sync = purse.services.catalog_sync
    sync.apply(catalog(PACKS))
    dearer = catalog(PACKS.replace('usd = "9.99"', 'usd = "11.99"'))

    assert [step.action for step in sync.plan(dearer).steps] == ["create_price", "archive_price"]
    sync.apply(dearer)

    assert ("pouch", 1199, "usd") in stripe.prices()
    assert ("pouch", 999, "usd") not in stripe.prices()
    back = catalog(PACKS)
    assert [step.action for step in sync.plan(back).steps] == ["use_price", "archive_price"]
    sync.apply(back)
    assert sync.plan(back).steps == ()
    assert ("pouch", 999, "usd") in stripe.prices()
    assert stripe.count() == (2, 4)


@pytest.mark.parametrize("how", ["withdrawn", "deleted"])
def test_a_pack_off_sale_is_a_product_out_of_use(
    purse: Coinpurse, stripe: Stripe, catalog: Callable[[str], Catalog], how: str
) -> None:
    sync = purse.services.catalog_sync
    sync.apply(catalog(PACKS))
    text = {
        "withdrawn": PACKS.replace("coins = 100\n", "coins = 100\nactive = false\n"),
        "deleted": PACKS.replace(PACKS.split("\n\n")[0], ""),
    }[how]

    sync.apply(catalog(text))

    assert {sku: each["active"] for sku, each in stripe.products().items()} == {
        "pouch": False,
        "chest-1": True,
    }
    assert sync.plan(catalog(text)).steps == ()
    sync.apply(catalog(PACKS))
    assert stripe.products()["pouch"]["active"] is True
    assert stripe.count() == (2, 3)


def test_other_words_and_no_picture_change_the_product(
    purse: Coinpurse, stripe: Stripe, catalog: Callable[[str], Catalog]
) -> None:
    sync = purse.services.catalog_sync
    sync.apply(catalog(PACKS))
    plain = catalog(
        PACKS.replace('image = "https://img.example.com/chest.png"\n', "").replace("200", "250")
    )

    sync.apply(plain)

    chest = stripe.products()["chest-1"]
    assert (chest["images"], chest["description"]) == ([], "Get 1000 coins + 250 bonus coins")
    assert sync.plan(plain).steps == ()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("path", ["/v1/products", "/v1/prices"])
def test_a_run_that_was_interrupted_is_finished_by_the_next(
    purse: Coinpurse,
    stripe: Stripe,
    sandbox: Sandbox,
    catalog: Callable[[str], Catalog],
    path: str,
    when: str,
) -> None:
    shop = catalog(PACKS)
    sync = purse.services.catalog_sync
    # The SDK tries three times.
    sandbox.post(
        "faults", kind="timeout", count=3, method="POST", path=path, when=when, seconds=0.0
    )

    with pytest.raises(GatewayError):
        sync.apply(shop)
    sandbox.clear_faults()
    sync.apply(shop)

    assert sync.plan(shop).steps == ()
    assert stripe.count() == (2, 3)


def test_what_was_noted_here_may_be_lost_and_a_product_s_mark_too(
    purse: Coinpurse,
    stripe: Stripe,
    sandbox: Sandbox,
    catalog: Callable[[str], Catalog],
    database_url: str,
) -> None:
    shop = catalog(PACKS)
    sync = purse.services.catalog_sync
    sync.apply(shop)
    with psycopg.connect(database_url) as connection:
        connection.execute("DELETE FROM coinpurse.stripe_products WHERE sku = 'pouch'")
    marked = stripe.products()["chest-1"]["id"]
    requests.post(
        f"{sandbox.url}/v1/products/{marked}",
        data={"metadata": ""},
        auth=("sk_test_any_key", ""),
        timeout=30,
    ).raise_for_status()

    sync.apply(shop)

    assert stripe.products()["chest-1"]["id"] == marked
    assert sync.plan(shop).steps == ()
    assert stripe.count() == (2, 3)


def test_prices_and_products_of_others_are_left_alone(
    purse: Coinpurse, stripe: Stripe, sandbox: Sandbox, catalog: Callable[[str], Catalog]
) -> None:
    sync = purse.services.catalog_sync
    sync.apply(catalog(PACKS))
    made = requests.post(
        f"{sandbox.url}/v1/prices",
        data={
            "product": stripe.products()["pouch"]["id"],
            "currency": "usd",
            "unit_amount": "500",
        },
        auth=("sk_test_any_key", ""),
        timeout=30,
    ).json()

    assert sync.plan(catalog(PACKS)).steps == ()
    sync.apply(catalog(PACKS.replace('"9.99"', '"5.00"')))

    still = requests.get(
        f"{sandbox.url}/v1/prices/{made['id']}", auth=("sk_test_any_key", ""), timeout=30
    ).json()
    assert still["active"] is True

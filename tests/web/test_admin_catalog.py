"""The catalog in the back office: taken over, changed with a preview, kept as versions, handed back, synced."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import requests
from flask import Flask

from coinpurse import Coinpurse
from tests.conftest import Sandbox
from tests.web.conftest import Browser, hidden, text_of
from tests.web.test_admin_frame import staff

CATALOG = "/admin/catalog/"
FORM = {
    "is_new": "1",
    "active": "1",
    "sku": "advent",
    "coins": "300",
    "bonus": "30",
    "price_usd": "19.99",
    "position": "1",
}


@pytest.fixture
def owner(app: Flask, ada: Browser) -> Browser:
    return staff(app, ada)


@pytest.fixture
def purse(app: Flask) -> Coinpurse:
    made: Coinpurse = app.extensions["coinpurse"]
    return made


def take_over(owner: Browser) -> None:
    asked = owner.submit(f"{CATALOG}source", CATALOG)
    answer = owner.submit(
        f"{CATALOG}source", CATALOG, confirmed="1", based_on=hidden(asked.text, "based_on")
    )
    assert answer.status_code == 303


def put(owner: Browser, **fields: str) -> Any:
    """Send the form, and then confirm what its preview shows."""
    preview = owner.submit(f"{CATALOG}pack", CATALOG, **fields)
    assert preview.status_code == 200, text_of(preview.text, "coins-error")
    confirmed = {**fields, "confirmed": "1", "based_on": hidden(preview.text, "based_on")}
    return owner.submit(f"{CATALOG}pack", CATALOG, **confirmed)


@pytest.mark.parametrize("role", ["viewer", "support", "finance"])
def test_only_owners_see_the_page(app: Flask, ada: Browser, role: str) -> None:
    staff(app, ada, role)

    assert CATALOG not in ada.get("/admin/").text
    assert ada.get(CATALOG).status_code == 403
    assert ada.submit(f"{CATALOG}source", "/admin/", confirmed="1").status_code == 403


def test_the_page_says_which_catalog_is_in_force_and_edits_only_its_own(
    owner: Browser, purse: Coinpurse
) -> None:
    html = owner.get(CATALOG).text
    assert "The file is in force: the sample catalog." in text_of(html, "source")
    assert "edit-chest" not in html
    assert owner.get(f"{CATALOG}pack?sku=chest").status_code == 303
    assert owner.submit(f"{CATALOG}pack", CATALOG, **FORM).status_code == 409

    take_over(owner)

    html = owner.get(CATALOG).text
    assert "Edited here: version 1 is in force." in text_of(html, "source")
    assert "edit-chest" in html
    assert purse.services.catalogs.fresh().kind == "database"


def test_a_new_pack_is_shown_as_buyers_will_see_it_before_it_is_in_force(
    owner: Browser, purse: Coinpurse
) -> None:
    take_over(owner)
    terms = {"limit_per_user": "1", "first_purchase_bonus": "70", "bonus_expires_days": "1"}
    window = {"available_until": "2099-12-24T18:00"}

    preview = owner.submit(f"{CATALOG}pack", CATALOG, **FORM, **terms, **window)

    assert "Once per account" in preview.text
    assert "70 more bonus coins on your first purchase" in preview.text
    assert "The bonus expires 1 day after the purchase" in preview.text
    assert purse.services.catalogs.fresh().version == 1
    assert put(owner, **FORM, **terms, **window, note="For the holidays").status_code == 303
    first = purse.services.catalogs.fresh().packs[0]
    assert (first.sku, first.limit_per_user, first.available_until is not None) == (
        "advent",
        1,
        True,
    )
    assert "buy-advent" in owner.get("/").text
    history = text_of(owner.get(f"{CATALOG}history").text, "history")
    assert "For the holidays" in history
    assert "ada@example.com" in history
    (entry, taken) = (
        purse.back_office.audit_about("catalog", "2"),
        purse.back_office.audit_about("catalog", "1"),
    )
    assert [each.action for each in (*entry, *taken)] == ["catalog.change", "catalog.take_over"]


@pytest.mark.parametrize(
    ("fields", "name", "words"),
    [
        ({"coins": "0"}, "coins", "Must be a whole number from 1"),
        ({"coins": "many"}, "coins", "Must be a whole number from 1"),
        ({"bonus": "-1"}, "bonus", "Must be a whole number from 0"),
        ({"sku": "Advent!"}, "sku", "Must be lower-case letters"),
        ({"sku": "chest"}, "sku", "Belongs to another pack already"),
        ({"price_usd": "9,99"}, "price_usd", "Is not a number"),
        ({"price_usd": ""}, "new_currency", "Must name at least one currency"),
        ({"new_currency": "xyz", "new_price": "1"}, "new_currency", "Cannot be sold at"),
        ({"limit_per_user": "0"}, "limit_per_user", "Must be a whole number from 1"),
        ({"available_until": "soon"}, "available_until", "Must be a time with its zone"),
        (
            {"available_from": "2099-01-02T00:00", "available_until": "2099-01-01T00:00"},
            "available_until",
            "Must be later",
        ),
        ({"image": "http://img.example.com/a.png"}, "image", "Must be an https://"),
        ({"bonus": "0", "bonus_expires_days": "3"}, "bonus_expires_days", "Needs a bonus"),
        ({"coins": "100", "bonus": "0", "price_usd": "9.99"}, "coins", "have the same coins"),
    ],
)
def test_a_mistake_stands_at_its_field_and_nothing_changes(
    owner: Browser, purse: Coinpurse, fields: dict[str, str], name: str, words: str
) -> None:
    take_over(owner)

    answer = owner.submit(f"{CATALOG}pack", CATALOG, **{**FORM, **fields})

    assert answer.status_code == 422
    assert words in text_of(answer.text, f"{name}-error")
    assert purse.services.catalogs.fresh().version == 1


def test_a_pack_is_changed_moved_and_withdrawn(owner: Browser, purse: Coinpurse) -> None:
    take_over(owner)
    before = purse.services.catalogs.fresh().by_sku("chest", "usd")
    page = owner.get(f"{CATALOG}pack?sku=chest").text
    assert hidden(page, "sku") == "chest"
    kept = {f"price_{code}": str(price.major) for code, price in before.prices.items()}

    put(owner, sku="chest", coins="1000", bonus="300", active="1", position="1", **kept)
    catalog = purse.services.catalogs.fresh()
    assert catalog.packs[0] == replace(before, bonus=300)

    put(owner, sku="chest", coins="1000", bonus="300", position="1", **kept)
    assert purse.services.catalogs.fresh().packs[0].active is False
    assert "Withdrawn" in owner.get(CATALOG).text
    assert "buy-chest" not in owner.get("/").text


def test_two_owners_who_change_at_once_do_not_overwrite_each_other(
    owner: Browser, purse: Coinpurse
) -> None:
    take_over(owner)
    fields = {**FORM, "confirmed": "1", "based_on": "1"}
    assert owner.submit(f"{CATALOG}pack", CATALOG, **fields).status_code == 303

    # The second click on one button is no second version; another change is refused.
    assert owner.submit(f"{CATALOG}pack", CATALOG, **fields).status_code == 303
    other = owner.submit(f"{CATALOG}pack", CATALOG, **{**fields, "sku": "other", "coins": "7"})

    assert other.status_code == 409
    assert [each.id for each in purse.services.catalogs.versions()] == [2, 1]


def test_an_earlier_version_is_put_in_force_again_and_the_file_too(
    owner: Browser, purse: Coinpurse
) -> None:
    take_over(owner)
    put(owner, **FORM)
    page = f"{CATALOG}history/1"
    assert "edit-advent" in owner.get(CATALOG).text

    restored = owner.submit(page, page, based_on="2")

    assert restored.status_code == 303
    assert "edit-advent" not in owner.get(CATALOG).text
    take_over(owner)
    assert "The file is in force" in text_of(owner.get(CATALOG).text, "source")
    assert [each.source for each in purse.services.catalogs.versions()] == [
        "file",
        "database",
        "database",
        "database",
    ]


def test_a_version_that_nobody_can_read_any_more_says_why(owner: Browser, purse: Coinpurse) -> None:
    with purse.database.unit_of_work() as work:
        row = work.row(
            "INSERT INTO coinpurse.catalog_versions (source, packs, note, actor)"
            " VALUES ('database', '[{\"sku\": \"Old Pack\"}]', 'by hand', 'ada') RETURNING id"
        )
    assert row is not None
    page = f"{CATALOG}history/{row.id}"

    shown = owner.get(page)
    sent = owner.submit(page, CATALOG, based_on=str(row.id))

    assert (shown.status_code, sent.status_code) == (422, 422)
    assert "pack 1: sku must be lower-case" in shown.text
    assert "version" in text_of(owner.get(CATALOG).text, "problem")
    assert "pack 1: sku 只能" in text_of(owner.get(f"{CATALOG}?language=zh").text, "problem")


def test_stripe_is_shown_what_would_be_done_and_then_it_is_done(
    owner: Browser, purse: Coinpurse, sandbox: Sandbox
) -> None:
    with purse.database.unit_of_work() as work:
        work.execute("UPDATE coinpurse.installation SET id = gen_random_uuid()")
    page = f"{CATALOG}stripe"
    assert "Make the product" in text_of(owner.get(page).text, "plan")

    assert owner.submit(page, page).status_code == 303

    assert "Stripe has all of the catalog." in text_of(owner.get(page).text, "in-step")
    products = requests.get(
        f"{sandbox.url}/v1/products", params={"limit": "100"}, auth=("sk_test_any", ""), timeout=30
    ).json()["data"]
    assert "chest" in {each["metadata"].get("sku") for each in products}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_page_opens_in_both_languages(owner: Browser, language: str) -> None:
    take_over(owner)
    for path in ("", "pack", "pack?sku=chest", "history", "history/1", "stripe"):
        joined = "&" if "?" in path else "?"
        answer = owner.get(f"{CATALOG}{path}{joined}language={language}")
        assert (path, answer.status_code) == (path, 200)
        assert "style=" not in answer.text

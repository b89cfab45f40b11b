"""The hosted checkout over plain HTTP, as a browser without scripts uses it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import requests

if TYPE_CHECKING:
    from conftest import Buyer, Merchant, Sandbox

FORM = "payment-form"


def test_a_card_that_pays_leads_to_the_shop_after_the_shop_was_told(
    sandbox: Sandbox, merchant: Merchant, buyer: Buyer, card: dict[str, str]
) -> None:
    session = sandbox.create_session()
    page = buyer.open(session["url"])
    assert page.status == 200
    assert page.text("total") == "$99.99"
    assert page.text("pay") == "Pay $99.99"
    assert "Get 1000 coins + 200 bonus coins" in page.html

    landed = buyer.submit(page, FORM, "pay", **card)

    assert landed.url == f"{merchant.url}/paid?session_id={session['id']}"
    assert merchant.heard(session["id"]) == ["checkout.session.completed"]
    paid = sandbox.session(session["id"])
    assert (paid["status"], paid["payment_status"]) == ("complete", "paid")
    assert paid["customer_details"]["email"] == "ada@example.com"


@pytest.mark.parametrize(
    "number",
    ["4242424242424242", "4242-4242-4242-4242", "４２４２　４２４２　４２４２　４２４２"],
)
def test_card_numbers_are_taken_as_typed(
    sandbox: Sandbox, buyer: Buyer, card: dict[str, str], number: str
) -> None:
    session = sandbox.create_session()
    typed = card | {"card_number": number, "card_expiry": "１２／３４", "card_cvc": "１２３"}
    buyer.submit(buyer.open(session["url"]), FORM, "pay", **typed)
    assert sandbox.session(session["id"])["payment_status"] == "paid"


def test_mistakes_stand_at_their_fields_and_what_was_typed_stays(
    sandbox: Sandbox, buyer: Buyer, card: dict[str, str]
) -> None:
    session = sandbox.create_session()
    typed = card | {"card_number": "4242 4242 4242 4241", "email": "ada"}
    page = buyer.submit(buyer.open(session["url"]), FORM, "pay", **typed)

    assert page.status == 422
    assert page["form-errors"].attributes["role"] == "alert"
    for field in ("email", "card_number"):
        assert page[field].attributes["aria-invalid"] == "true"
        described = page[field].attributes["aria-describedby"]
        assert page.text(described) == page.text(f"{field}-error") != ""
    assert page.value("card_number") == "4242 4242 4242 4241"
    assert page.value("name") == "Ada Buyer"
    assert page.value("card_cvc") == ""
    assert page.find("name-error") is None


def test_after_a_decline_another_card_pays_the_same_session(
    sandbox: Sandbox, merchant: Merchant, buyer: Buyer, card: dict[str, str]
) -> None:
    session = sandbox.create_session()
    declined = buyer.submit(
        buyer.open(session["url"]), FORM, "pay", **(card | {"card_number": "4000000000009995"})
    )
    assert declined.status == 402
    assert declined["alert"].attributes["role"] == "alert"
    assert "insufficient funds" in declined.text("alert")
    assert declined.value("card_number") == "4000000000009995"
    assert declined.value("email") == "ada@example.com"
    assert declined.value("card_cvc") == ""
    assert sandbox.session(session["id"])["status"] == "open"

    landed = buyer.submit(declined, FORM, "pay", **(card | {"email": "new@example.com"}))

    assert landed.url.startswith(merchant.url)
    paid = sandbox.session(session["id"])
    assert paid["payment_status"] == "paid"
    assert paid["customer_details"]["email"] == "new@example.com"


@pytest.mark.parametrize(
    ("number", "words"),
    [
        ("4000000000000002", "Your card was declined."),
        ("4000000000000069", "Your card has expired."),
        ("4000000000000127", "security code is incorrect"),
        ("4000000000000119", "could not be processed"),
        ("4100000000000019", "Your card was declined."),
        ("4000000000000010", "This is not a test card."),
    ],
)
def test_each_decline_has_its_words(
    sandbox: Sandbox, buyer: Buyer, card: dict[str, str], number: str, words: str
) -> None:
    page = buyer.open(sandbox.create_session()["url"])
    declined = buyer.submit(page, FORM, "pay", **(card | {"card_number": number}))
    assert declined.status == 402
    assert words in declined.text("alert")


@pytest.mark.parametrize(("outcome", "status"), [("complete", "paid"), ("fail", "unpaid")])
def test_the_banks_page_decides(
    sandbox: Sandbox,
    merchant: Merchant,
    buyer: Buyer,
    card: dict[str, str],
    outcome: str,
    status: str,
) -> None:
    session = sandbox.create_session()
    bank = buyer.submit(
        buyer.open(session["url"]), FORM, "pay", **(card | {"card_number": "4000000000003220"})
    )
    assert "/challenge/" in bank.url
    assert "$99.99" in bank.text("challenge")

    after = buyer.submit(bank, "challenge", f"challenge-{outcome}")

    assert sandbox.session(session["id"])["payment_status"] == status
    if outcome == "complete":
        assert after.url.startswith(f"{merchant.url}/paid")
    else:
        assert urlsplit(after.url).path == f"/c/pay/{session['id']}"
        assert "authentication failed" in after.text("alert")
        assert after.value("email") == "ada@example.com"
        landed = buyer.submit(after, FORM, "pay", **card)
        assert landed.url.startswith(f"{merchant.url}/paid")


def test_a_card_can_be_declined_after_the_banks_page(
    sandbox: Sandbox, buyer: Buyer, card: dict[str, str]
) -> None:
    session = sandbox.create_session()
    typed = card | {"card_number": "4000008400001629"}
    bank = buyer.submit(buyer.open(session["url"]), FORM, "pay", **typed)
    after = buyer.submit(bank, "challenge", "challenge-complete")
    assert "Your card was declined." in after.text("alert")
    assert sandbox.session(session["id"])["status"] == "open"


def test_a_direct_debit_completes_unpaid(
    sandbox: Sandbox, merchant: Merchant, buyer: Buyer
) -> None:
    session = sandbox.create_session(currency="eur")
    page = buyer.open(session["url"])
    sepa = {"method": "sepa_debit", "email": "ada@example.com", "name": "Ada Buyer"}
    missing = buyer.submit(page, FORM, "pay", **sepa)
    assert missing.status == 422
    assert "checked" in missing["method-sepa_debit"].attributes
    assert missing.text("iban-error") == "Enter your IBAN."

    landed = buyer.submit(missing, FORM, "pay", **sepa, iban="AT61 1904 3002 3457 3201")

    assert landed.url.startswith(f"{merchant.url}/paid")
    after = sandbox.session(session["id"])
    assert (after["status"], after["payment_status"]) == ("complete", "unpaid")
    again = buyer.open(session["url"])
    assert again.find("notice-settling") is not None


def test_a_wallet_pays_at_once(sandbox: Sandbox, buyer: Buyer) -> None:
    session = sandbox.create_session(currency="cny")
    page = buyer.open(session["url"])
    buyer.submit(page, FORM, "pay", method="alipay", email="ada@example.com")
    assert sandbox.session(session["id"])["payment_status"] == "paid"


def test_the_address_that_the_shop_set_is_shown_and_kept(
    sandbox: Sandbox, buyer: Buyer, card: dict[str, str]
) -> None:
    session = sandbox.create_session(customer_email="set@example.com")
    page = buyer.open(session["url"])
    assert page.text("fixed-email") == "set@example.com"
    assert page.find("email") is None
    buyer.submit(page, FORM, "pay", **(card | {"email": "other@example.com"}))
    assert sandbox.session(session["id"])["customer_details"]["email"] == "set@example.com"


def test_a_test_number_fills_the_form_without_scripts(sandbox: Sandbox, buyer: Buyer) -> None:
    session = sandbox.create_session(currency="eur")
    page = buyer.open(session["url"])
    filled = buyer.submit(page, FORM, "fill-378282246310005", name="Grace")
    assert filled.value("card_number") == "3782 822463 10005"
    assert (filled.value("card_expiry"), filled.value("card_cvc")) == ("12 / 34", "1234")
    assert filled.value("name") == "Grace"
    debit = buyer.submit(filled, FORM, "fill-AT611904300234573201")
    assert "checked" in debit["method-sepa_debit"].attributes
    assert debit.value("iban") == "AT61 1904 3002 3457 3201"
    assert sandbox.session(session["id"])["payment_intent"] is None


def test_the_first_button_of_the_form_pays(sandbox: Sandbox, buyer: Buyer) -> None:
    """Enter in a field presses the form's first button, wherever it stands on the screen."""
    page = buyer.open(sandbox.create_session()["url"])
    buttons = [e for e in page.elements if e.tag == "button" and e.form == FORM]
    assert buttons[0].attributes["data-testid"] == "pay"


def test_cancel_leads_back_and_changes_nothing(sandbox: Sandbox, buyer: Buyer) -> None:
    session = sandbox.create_session()
    page = buyer.open(session["url"])
    assert page["cancel"].attributes["href"] == session["cancel_url"]
    assert sandbox.session(session["id"])["status"] == "open"


def test_unknown_expired_and_paid_sessions_say_what_they_are(
    sandbox: Sandbox, buyer: Buyer, card: dict[str, str]
) -> None:
    unknown = buyer.open(f"{sandbox.url}/c/pay/cs_test_unknown")
    assert unknown.status == 404
    assert unknown.find("notice-unknown") is not None

    expired = sandbox.create_session()
    page = buyer.open(expired["url"])
    sandbox.post(f"/v1/checkout/sessions/{expired['id']}/expire")
    for late in (buyer.open(expired["url"]), buyer.submit(page, FORM, "pay", **card)):
        assert late.status == 410
        assert late["way-back"].attributes["href"] == expired["cancel_url"]

    paid = sandbox.create_session()
    page = buyer.open(paid["url"])
    buyer.submit(page, FORM, "pay", **card)
    for again in (buyer.open(paid["url"]), buyer.submit(page, FORM, "pay", **card)):
        assert again.find("notice-complete") is not None
        assert again["way-back"].attributes["href"].endswith(paid["id"])


@pytest.mark.parametrize(
    ("session_locale", "browser", "pay_words"),
    [
        ("auto", "zh-CN,zh;q=0.9", "支付 US$99.99"),
        ("zh", "en", "支付 US$99.99"),
        ("en", "zh-CN", "Pay $99.99"),
        ("auto", "fr", "Pay $99.99"),
    ],
)
def test_the_page_speaks_the_language_of_session_or_browser(
    sandbox: Sandbox, buyer: Buyer, session_locale: str, browser: str, pay_words: str
) -> None:
    session = sandbox.create_session(locale=session_locale)
    buyer.language = browser
    assert buyer.open(session["url"]).text("pay") == pay_words


def test_the_chosen_language_stays_through_mistake_challenge_and_failure(
    sandbox: Sandbox, buyer: Buyer, card: dict[str, str]
) -> None:
    page = buyer.open(sandbox.create_session()["url"])
    chinese = buyer.open(sandbox.url + page["other-language"].attributes["href"])
    mistake = buyer.submit(chinese, FORM, "pay", **(card | {"card_cvc": ""}))
    assert mistake.text("card_cvc-error") == "请填写安全码。"
    bank = buyer.submit(mistake, FORM, "pay", **(card | {"card_number": "4000000000003220"}))
    assert bank.text("challenge-complete") == "通过验证"
    assert "身份验证未通过" in buyer.submit(bank, "challenge", "challenge-fail").text("alert")


def test_yen_have_no_decimals(sandbox: Sandbox, buyer: Buyer) -> None:
    session = sandbox.create_session(currency="jpy", amount_minor="12000")
    assert buyer.open(session["url"]).text("pay") == "Pay ¥12,000"


def test_a_form_from_another_site_is_refused(sandbox: Sandbox, card: dict[str, str]) -> None:
    session = sandbox.create_session()
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        response = requests.post(
            session["url"], data={"method": "card"} | card, headers=headers, timeout=30
        )
        assert response.status_code == 403
    assert sandbox.session(session["id"])["status"] == "open"


def test_what_was_typed_is_shown_as_text_never_as_markup(
    sandbox: Sandbox, buyer: Buyer, card: dict[str, str]
) -> None:
    page = buyer.open(sandbox.create_session()["url"])
    attack = '"><script>alert(1)</script>'
    again = buyer.submit(page, FORM, "pay", **(card | {"name": attack, "card_cvc": ""}))
    assert "<script>alert" not in again.html
    assert again.value("name") == attack


def test_pages_are_small_strict_and_self_contained(sandbox: Sandbox, buyer: Buyer) -> None:
    page = buyer.open(sandbox.create_session(currency="eur")["url"])
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    weight = len(page.html.encode())
    for element in page.elements:
        attributes = element.attributes
        assert "style" not in attributes
        assert not [name for name in attributes if name.startswith("on")]
        source = attributes.get("src") or (attributes["href"] if element.tag == "link" else "")
        if source:
            assert source.startswith("/sandbox-pages/")
            file = buyer.http.get(sandbox.url + source, timeout=30)
            assert file.status_code == 200
            weight += len(file.content)
    assert weight < 100_000


def test_every_field_has_a_label(sandbox: Sandbox, buyer: Buyer) -> None:
    page = buyer.open(sandbox.create_session(currency="eur")["url"])
    labelled = {e.attributes["for"] for e in page.elements if e.tag == "label"}
    inputs = {e.attributes["id"] for e in page.elements if e.tag == "input"}
    assert inputs <= labelled
    ids = [e.attributes["id"] for e in page.elements if "id" in e.attributes]
    assert len(ids) == len(set(ids))

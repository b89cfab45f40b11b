"""What the checkout's templates show of a session: words and formatted amounts only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from stripe_sandbox.hosted_checkout import HostedLineItem, HostedSession
from stripe_sandbox.pages.formats import format_amount
from stripe_sandbox.pages.languages import Language
from stripe_sandbox.payment_method_types import TYPES


@dataclass(frozen=True, slots=True)
class MethodView:
    """One way to pay, as a radio button."""

    type: str
    title: str
    icon: str
    is_delayed: bool


@dataclass(frozen=True, slots=True)
class ItemView:
    """One line of the receipt."""

    name: str
    description: str | None
    quantity: int
    amount: str
    unit_amount: str | None


@dataclass(frozen=True, slots=True)
class OrderView:
    """The receipt. `pay_words` is what the button says, with an {amount} to fill in."""

    merchant_name: str
    amount: str
    items: tuple[ItemView, ...]
    title: str
    pay_words: str


_METHODS: Mapping[str, tuple[str, str]] = {
    "card": ("Card", "card"),
    "sepa_debit": ("SEPA Direct Debit", "bank"),
    "us_bank_account": ("US bank account", "bank"),
    "customer_balance": ("Bank transfer", "bank"),
    "bacs_debit": ("Bacs Direct Debit", "bank"),
    "alipay": ("Alipay", "wallet"),
    "wechat_pay": ("WeChat Pay", "wallet"),
    "konbini": ("Konbini", "wallet"),
    "boleto": ("Boleto", "wallet"),
    "oxxo": ("OXXO", "wallet"),
    "paypal": ("PayPal", "wallet"),
    "link": ("Link", "wallet"),
}

# Stripe's submit_type to the heading of the receipt and the words of the button.
_SUBMIT_WORDS: Mapping[str, tuple[str, str]] = {
    "pay": ("Pay {merchant}", "Pay {amount}"),
    "book": ("Book with {merchant}", "Book for {amount}"),
    "donate": ("Donate to {merchant}", "Donate {amount}"),
    "subscribe": ("Subscribe to {merchant}", "Subscribe for {amount}"),
}


def method_view(method: str) -> MethodView:
    """Return the radio button of a payment method type; unknown types show their plain name."""
    title, icon = _METHODS.get(method, (method.replace("_", " ").title(), "wallet"))
    known = TYPES.get(method)
    return MethodView(method, title, icon, is_delayed=known is not None and known.delayed)


def order_view(session: HostedSession, language: Language) -> OrderView:
    """Prepare a session's receipt in the reader's language."""
    title, pay_words = _SUBMIT_WORDS.get(session.submit_type, _SUBMIT_WORDS["pay"])
    if session.amount_minor == 0:
        pay_words = "Complete order"
    return OrderView(
        merchant_name=session.merchant_name,
        amount=format_amount(session.amount_minor, session.currency, language),
        items=tuple(_item_view(item, session.currency, language) for item in session.line_items),
        title=title,
        pay_words=pay_words,
    )


def web_address(address: str | None) -> str | None:
    """Return `address` if a browser may follow it: http or https, never `javascript:`."""
    if address is None or urlsplit(address).scheme not in {"http", "https"}:
        return None
    return address


def _item_view(item: HostedLineItem, currency: str, language: Language) -> ItemView:
    divides = item.quantity > 0 and item.amount_minor % item.quantity == 0
    each = item.amount_minor // item.quantity if divides else None
    return ItemView(
        name=item.name,
        description=item.description,
        quantity=item.quantity,
        amount=format_amount(item.amount_minor, currency, language),
        unit_amount=None if each is None else format_amount(each, currency, language),
    )

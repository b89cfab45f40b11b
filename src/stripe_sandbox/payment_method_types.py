"""The ways to pay that the sandbox models: one row each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PaymentMethodType:
    """One way to pay.

    delayed: the session completes unpaid and settles later. currencies: empty
    means all. offered: shown by default when its currency fits, until the account
    turns it off (or on). charge_prefix: cards make ch_, others py_.
    transaction_type: what balance transactions of its charges are called.
    """

    name: str
    delayed: bool = False
    currencies: tuple[str, ...] = ()
    offered: bool = True
    charge_prefix: str = "py_"
    refund_prefix: str = "pyr_"
    transaction_type: str = "payment"


TYPES = {
    kind.name: kind
    for kind in (
        PaymentMethodType(
            "card", charge_prefix="ch_", refund_prefix="re_", transaction_type="charge"
        ),
        PaymentMethodType("link", offered=False),
        PaymentMethodType("sepa_debit", delayed=True, currencies=("eur",)),
        PaymentMethodType(
            "alipay",
            currencies=("cny", "aud", "cad", "eur", "gbp", "hkd", "jpy", "myr", "nzd", "sgd", "usd"),
        ),
        PaymentMethodType(
            "wechat_pay",
            currencies=("cny", "aud", "cad", "eur", "gbp", "hkd", "jpy", "sgd", "usd", "dkk", "nok",
                        "sek", "chf"),
        ),
        PaymentMethodType("konbini", delayed=True, currencies=("jpy",)),
        PaymentMethodType(
            "customer_balance", delayed=True, currencies=("eur", "gbp", "jpy", "mxn", "usd"),
            offered=False,
        ),
        PaymentMethodType("bacs_debit", delayed=True, currencies=("gbp",), offered=False),
        PaymentMethodType("us_bank_account", delayed=True, currencies=("usd",), offered=False),
        PaymentMethodType("boleto", delayed=True, currencies=("brl",), offered=False),
        PaymentMethodType("oxxo", delayed=True, currencies=("mxn",), offered=False),
    )
}  # fmt: skip


def fits(name: str, currency: str) -> bool:
    """Tell whether a currency can be paid this way."""
    kind = TYPES[name]
    return not kind.currencies or currency in kind.currencies


def offered_by_default(currency: str, switched: Mapping[str, bool]) -> list[str]:
    """Return what an account offers for a currency when a session names nothing.

    switched: what the account has turned on or off.
    """
    return [
        name
        for name, kind in TYPES.items()
        if switched.get(name, kind.offered) and fits(name, currency)
    ]

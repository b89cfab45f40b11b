"""Buying coins the real way, from a test: the app's checkout, the payment page, the signed webhook."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from flask import Flask
from flask.testing import FlaskClient

from coinpurse.catalog import Pack
from coinpurse.extension import Coinpurse
from coinpurse.purchases import Payment
from coinpurse.testing.sandbox import StripeSandbox


@dataclass(frozen=True, slots=True)
class Bought:
    """A purchase as it stands, and what may come after it. Each call returns the payment as it is then.

    How many coins are gone is the store's to say: look at `purse.wallet(user_id)`.
    """

    session_id: str
    result: str
    host: Flask | Coinpurse
    sandbox: StripeSandbox

    @property
    def payment(self) -> Payment:
        """Our row of the payment, as it is now."""
        with _purse_of(self.host) as purse:
            found = purse.find_payment(self.session_id)
        assert found is not None
        return found

    def refund(self, amount_minor: int | None = None) -> Payment:
        """Give the money back at Stripe's Dashboard. amount_minor: in the currency's minor units; None for all."""
        amount = {} if amount_minor is None else {"amount": amount_minor}
        self.sandbox.stripe("POST", "refunds", payment_intent=self._intent(), **amount)
        return self._told()

    def dispute(self, *, inquiry: bool = False, reason: str = "fraudulent") -> Payment:
        """Let the buyer's bank take the payment back. inquiry: the bank only asks; no money moves yet."""
        self._ask(f"charges/{self._intent()}/dispute", inquiry=inquiry, reason=reason)
        return self._told()

    def decide_dispute(self, verdict: Literal["win", "lose"]) -> Payment:
        """Let the bank decide the latest dispute, for the store or against it."""
        listed = self.sandbox.stripe("GET", "disputes", payment_intent=self._intent(), limit=1)
        self._ask(f"disputes/{listed['data'][0]['id']}/decide", verdict=verdict)
        return self._told()

    def settle(self, *, succeeds: bool = True) -> Payment:
        """End a payment that takes days, as by SEPA debit, now."""
        listed = self.sandbox.stripe("GET", f"checkout/sessions/{self.session_id}")
        self._ask(f"payment_intents/{listed['payment_intent']}/settle", succeeds=succeeds)
        return self._told()

    def _intent(self) -> str:
        intent = self.payment.payment_intent_id
        if intent is None:
            raise AssertionError(f"Nothing was paid: the payment is {self.payment.status}.")
        return intent

    def _ask(self, path: str, **body: object) -> None:
        answer = self.sandbox.control(path, **body)
        if not answer.ok:
            raise AssertionError(f"The sandbox refuses: {answer.text}")

    def _told(self) -> Payment:
        self.sandbox.deliver(self.host)
        return self.payment


@dataclass(frozen=True, slots=True)
class BuyCoins:
    """Buys coins for a user of the app under test: `buy_coins(client)` or `buy_coins(purse, "ada")`."""

    sandbox: StripeSandbox

    def __call__(
        self,
        buyer: FlaskClient | Coinpurse,
        user_id: str | None = None,
        *,
        pack: str | None = None,
        currency: str = "usd",
        **details: object,
    ) -> Bought:
        """Open a checkout, pay it at the sandbox and hand its signed webhooks to the app.

        buyer: a test client that is logged in, or the purse together with `user_id`.
        pack: its sku; by default the first one that is on sale in the currency.
        details: how it is paid, by default with a card that works: card="4000000000000002", iban=…, email=…
        A card that is declined raises nothing: the payment stays pending, as it does in life.
        Raises AssertionError, with the app's answer, where the app refuses, and DomainError where the purse does.
        """
        if isinstance(buyer, Coinpurse):
            assert user_id is not None, "buy_coins(purse, user_id) needs the user's id"
            host: Flask | Coinpurse = buyer
            session_id = _start(buyer, user_id, pack, currency)
        else:
            assert user_id is None, "a client's user is the one that is logged in"
            host = buyer.application
            session_id = _start_as(buyer, pack, currency)
        result = self.sandbox.pay(session_id, **details)
        self.sandbox.deliver(host)
        return Bought(session_id, result, host, self.sandbox)


def _start(purse: Coinpurse, user_id: str, pack: str | None, currency: str) -> str:
    base = purse.settings.base_url
    started = purse.start_checkout(
        user_id,
        pack=pack or _first_pack(purse, currency).sku,
        currency=currency,
        success_url=f"{base}/paid",
        cancel_url=f"{base}/not-paid",
    )
    return started.session_id


def _start_as(client: FlaskClient, pack: str | None, currency: str) -> str:
    with _purse_of(client.application) as purse:
        base = purse.settings.base_url
        chosen = pack or _first_pack(purse, currency).sku
    answer = client.post(
        "/api/payment/create-checkout-session",
        json={
            "pack": chosen,
            "currency": currency,
            "success_url": f"{base}/paid",
            "cancel_url": f"{base}/not-paid",
        },
        headers={"Origin": base},
    )
    if answer.status_code != 200:
        raise AssertionError(f"The app opens no checkout, {answer.status}: {answer.text}")
    session_id: str = answer.get_json()["session_id"]
    return session_id


def _first_pack(purse: Coinpurse, currency: str) -> Pack:
    for pack in purse.catalog.packs:
        if pack.is_on_sale() and currency in pack.prices:
            return pack
    raise AssertionError(f"No pack is on sale in {currency}.")


@contextmanager
def _purse_of(host: Flask | Coinpurse) -> Iterator[Coinpurse]:
    """The purse, with the settings of its app: one purse may serve several."""
    if isinstance(host, Coinpurse):
        yield host
        return
    with host.app_context():
        yield host.extensions["coinpurse"]

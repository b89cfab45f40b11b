"""A buyer who bought, and a shop that follows what Stripe says afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from coinpurse import Coinpurse, Settings
from coinpurse.purchases import Payment
from tests.conftest import Sandbox


@dataclass
class Shop:
    """A purse and its sandbox, as buyers, banks and operators use them. The pack is 1000 + 200 coins for 99.99 USD."""

    purse: Coinpurse
    sandbox: Sandbox
    key: str

    def buy(self, user_id: str = "ada", *, pack: str = "chest", **details: object) -> Payment:
        """Buy a pack and have it credited."""
        started = self.purse.start_checkout(
            user_id,
            pack=pack,
            success_url="http://127.0.0.1:5000/s",
            cancel_url="http://127.0.0.1:5000/c",
        )
        self.sandbox.pay(started.session_id, **details)
        payment = self.purse.payment_status(started.session_id, user_id).payment
        assert payment.payment_intent_id is not None
        return payment

    def payment(self, payment: Payment) -> Payment:
        """The payment as it stands now."""
        found = self.purse.find_payment(str(payment.id))
        assert found is not None
        return found

    def refund_at_stripe(self, payment: Payment, amount: int | None = None) -> str:
        """Refund as in Stripe's Dashboard; we are told by nobody."""
        data = {"payment_intent": payment.payment_intent_id}
        if amount is not None:
            data["amount"] = str(amount)
        answer = self.stripe("POST", "refunds", data=data)
        return str(answer["id"])

    def dispute(self, payment: Payment, **details: object) -> str:
        """Let the bank dispute the payment."""
        answer = self.sandbox.post(f"charges/{payment.payment_intent_id}/dispute", **details)
        answer.raise_for_status()
        return str(answer.json()["id"])

    def decide(self, dispute_id: str, verdict: str, **details: object) -> None:
        """Let the bank decide."""
        self.sandbox.post(
            f"disputes/{dispute_id}/decide", verdict=verdict, **details
        ).raise_for_status()

    def follow(self, payment: Payment) -> Payment:
        """Ask Stripe, as any event about the payment would make us."""
        assert payment.payment_intent_id is not None
        self.purse.services.after_sales.refresh(payment.payment_intent_id)
        return self.payment(payment)

    def stripe(self, method: str, path: str, **options: Any) -> Any:
        """Call Stripe's API as somebody else with our key."""
        answer = requests.request(
            method, f"{self.sandbox.url}/v1/{path}", auth=(self.key, ""), timeout=30, **options
        )
        answer.raise_for_status()
        return answer.json()

    def figures(self, user_id: str = "ada") -> tuple[int, int, int]:
        """Balance, frozen and debt of a wallet."""
        wallet = self.purse.wallet(user_id)
        return wallet.balance, wallet.frozen, wallet.debt


@pytest.fixture
def make_shop(settings: Settings, sandbox: Sandbox) -> Any:
    """Makes a shop with policies of its own."""
    made: list[Coinpurse] = []

    def make(**policies: object) -> Shop:
        purse = Coinpurse(settings=settings.model_copy(update=policies))
        made.append(purse)
        return Shop(purse, sandbox, settings.require_stripe_key())

    yield make
    for purse in made:
        purse.database.close()


@pytest.fixture
def shop(make_shop: Callable[..., Shop]) -> Shop:
    """A shop with the default policies."""
    return make_shop()

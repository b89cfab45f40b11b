"""What host teams get: coins bought from a test, through their app and without a network."""

from __future__ import annotations

from uuid import UUID

import psycopg
import pytest
from flask import Flask, request
from flask.testing import FlaskClient

from coinpurse import Coinpurse, Settings
from coinpurse.errors import PackUnavailable
from coinpurse.purchases import Payment
from coinpurse.signals import payment_completed
from coinpurse.testing import BuyCoins, StripeSandbox

DECLINED = "4000000000000002"


@pytest.fixture
def app(coinpurse_config: dict[str, object]) -> Flask:
    app = Flask("host")
    app.config.update(coinpurse_config)
    Coinpurse(app, user_id=lambda: request.headers.get("X-User"))
    return app


@pytest.fixture
def ada(app: Flask) -> FlaskClient:
    client = app.test_client()
    client.environ_base["HTTP_X_USER"] = "ada"
    return client


def balance(client: FlaskClient) -> int:
    found: int = client.get("/api/wallet").json["balance"]
    return found


def test_a_client_buys_and_the_app_hears_of_it(ada: FlaskClient, buy_coins: BuyCoins) -> None:
    heard: list[UUID] = []

    @payment_completed.connect
    def hear(_sender: object, payment: Payment) -> None:
        heard.append(payment.id)

    bought = buy_coins(ada, pack="chest")

    assert (bought.result, bought.payment.status, bought.payment.user_id) == (
        "paid",
        "completed",
        "ada",
    )
    assert balance(ada) == 1200
    assert heard == [bought.payment.id]


def test_a_purse_buys_without_flask(
    coinpurse_database: str, stripe_sandbox: StripeSandbox, buy_coins: BuyCoins
) -> None:
    values = {name.lower(): value for name, value in stripe_sandbox.config.items()}
    purse = Coinpurse(settings=Settings(database_url=coinpurse_database, **values))

    bought = buy_coins(purse, "bob", currency="jpy")

    assert bought.payment.price.currency == "jpy"
    assert purse.wallet("bob").balance == bought.payment.total_coins
    with pytest.raises(PackUnavailable):
        buy_coins(purse, "bob", pack="no such pack")
    purse.database.close()


def test_a_declined_card_leaves_the_payment_pending(ada: FlaskClient, buy_coins: BuyCoins) -> None:
    bought = buy_coins(ada, card=DECLINED)

    assert (bought.result, bought.payment.status) == ("declined", "pending")
    assert bought.payment.decline_code == "generic_decline"
    assert balance(ada) == 0


def test_a_bank_debit_arrives_when_it_settles(ada: FlaskClient, buy_coins: BuyCoins) -> None:
    bought = buy_coins(ada, pack="chest", currency="eur", iban="AT321904300235473204")
    assert bought.result == "processing"
    assert balance(ada) == 0

    assert bought.settle().status == "completed"

    assert balance(ada) == 1200


def test_half_of_the_money_takes_half_of_the_coins(ada: FlaskClient, buy_coins: BuyCoins) -> None:
    bought = buy_coins(ada, pack="chest")

    assert bought.refund(bought.payment.price.amount_minor // 2).status == "partially_refunded"

    assert balance(ada) == pytest.approx(600, abs=1)


@pytest.mark.parametrize(
    ("verdict", "status", "left"), [("win", "completed", 1200), ("lose", "disputed", 0)]
)
def test_a_dispute_freezes_the_coins_until_the_bank_decides(
    ada: FlaskClient, buy_coins: BuyCoins, verdict: str, status: str, left: int
) -> None:
    bought = buy_coins(ada, pack="chest")
    assert bought.dispute().status == "disputed"
    assert ada.get("/api/wallet").json["available"] == 0

    assert bought.decide_dispute(verdict).status == status  # type: ignore[arg-type]

    assert ada.get("/api/wallet").json["available"] == left


def test_a_stranger_is_told_what_the_app_answered(app: Flask, buy_coins: BuyCoins) -> None:
    with pytest.raises(AssertionError, match=r"401.*login_required"):
        buy_coins(app.test_client())


def test_each_test_has_a_database_of_its_own(coinpurse_database: str) -> None:
    with psycopg.connect(coinpurse_database) as connection:
        found = connection.execute("SELECT count(*) FROM coinpurse.wallets").fetchone()
        assert found == (0,)

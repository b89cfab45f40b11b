"""The example host: its rows and our coins commit together."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from coinpurse import Coinpurse
from coinpurse.testing import BuyCoins
from tests.examples.conftest import load_example


@pytest.fixture(scope="session")
def example() -> ModuleType:
    """The module, as `python app.py` would load it."""
    return load_example("arcade")


@pytest.fixture
def arcade(example: ModuleType, coinpurse_config: dict[str, object]) -> Iterator[Flask]:
    app = example.create_app(coinpurse_config)
    yield app
    with app.app_context():
        example.db.engine.dispose()
    app.extensions["coinpurse"].database.close()


@pytest.fixture
def player(arcade: Flask) -> FlaskClient:
    client = arcade.test_client()
    submit(client, "/enter", name="Ada")
    return client


def submit(client: FlaskClient, path: str, *, page: str = "/enter", **fields: str) -> Any:
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get(page).text)
    assert token is not None
    return client.post(path, data={"csrf_token": token[1], **fields}, follow_redirects=True)


def plays(arcade: Flask, example: ModuleType) -> int:
    with arcade.app_context():
        count: int = example.db.session.query(example.Play).count()
        return count


def purse_of(arcade: Flask) -> Coinpurse:
    purse: Coinpurse = arcade.extensions["coinpurse"]
    return purse


def test_a_player_buys_coins_and_plays(
    arcade: Flask, player: FlaskClient, buy_coins: BuyCoins, example: ModuleType
) -> None:
    bought = buy_coins(player, pack="pouch")
    page = submit(player, "/play/pinball", key="first")

    assert bought.payment.status == "completed"
    assert "You scored" in page.text
    assert purse_of(arcade).wallet("1").balance == 90
    assert plays(arcade, example) == 1


def test_coins_that_were_played_away_are_owed_after_a_refund(
    arcade: Flask, player: FlaskClient, buy_coins: BuyCoins
) -> None:
    bought = buy_coins(player, pack="pouch")
    submit(player, "/play/pinball", key="first")

    assert bought.refund().status == "refunded"

    assert purse_of(arcade).wallet("1").debt == 10
    assert "takes 10 coins" in submit(player, "/play/pinball", key="second").text


def test_a_double_click_is_one_play(
    arcade: Flask, player: FlaskClient, example: ModuleType
) -> None:
    purse_of(arcade).credit("1", 100, key="welcome")

    for _ in range(2):
        submit(player, "/play/pinball", key="same")

    assert purse_of(arcade).wallet("1").balance == 90
    assert plays(arcade, example) == 1


def test_without_coins_there_is_no_play(
    arcade: Flask, player: FlaskClient, example: ModuleType
) -> None:
    page = submit(player, "/play/labyrinth", key="first")

    assert "takes 25 coins" in page.text
    assert plays(arcade, example) == 0


def test_a_play_that_cannot_be_stored_costs_nothing(
    arcade: Flask, player: FlaskClient, example: ModuleType
) -> None:
    purse_of(arcade).credit("1", 100, key="welcome")
    with arcade.app_context():
        example.db.session.execute(example.db.text("ALTER TABLE play ADD CHECK (score < 0)"))
        example.db.session.commit()

    with pytest.raises(Exception, match="violates check constraint"):
        submit(player, "/play/pinball", key="first")

    assert purse_of(arcade).wallet("1").balance == 100
    assert plays(arcade, example) == 0


def test_the_packs_page_is_in_the_host(player: FlaskClient) -> None:
    assert "1,200" in player.get("/coins/").text

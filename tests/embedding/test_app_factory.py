"""Coinpurse in an app factory, beside Flask-Login and Flask-SQLAlchemy, as hosts write them."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest
from flask import Flask, request
from flask.testing import FlaskClient
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from coinpurse import Coinpurse
from coinpurse.testing import BuyCoins


class Base(DeclarativeBase):
    """The host's tables, in its own part of the database that it shares with us."""


db = SQLAlchemy(model_class=Base)
login = LoginManager()
purse = Coinpurse()


class Customer(UserMixin, db.Model):  # type: ignore[name-defined,misc]
    """A host's user, who is known outside by another id than its key."""

    number: Mapped[int] = mapped_column(primary_key=True)
    handle: Mapped[UUID] = mapped_column(unique=True)

    def get_id(self) -> str:
        return str(self.handle)


class Order(db.Model):  # type: ignore[name-defined,misc]
    id: Mapped[int] = mapped_column(primary_key=True)
    customer: Mapped[int]
    transaction_id: Mapped[int] = mapped_column(unique=True)


@login.user_loader
def load(handle: str) -> Customer | None:
    found: Customer | None = db.session.execute(
        db.select(Customer).filter_by(handle=UUID(handle))
    ).scalar_one_or_none()
    return found


def create_app(config: dict[str, object]) -> Flask:
    app = Flask("host")
    app.config.update(config)
    address = str(config["DATABASE_URL"]).removeprefix("postgresql")
    app.config["SQLALCHEMY_DATABASE_URI"] = f"postgresql+psycopg{address}"
    db.init_app(app)
    login.init_app(app)
    purse.init_app(app)

    @app.post("/enter/<uuid:handle>")
    def enter(handle: UUID) -> str:
        customer = Customer(handle=handle)
        db.session.add(customer)
        db.session.commit()
        login_user(customer)
        return ""

    @app.post("/order")
    @login_required
    def order() -> str:
        paid = purse.spend(
            current_user.get_id(), 30, key=request.form["key"], connection=db.session
        )
        db.session.add(Order(customer=current_user.number, transaction_id=paid.id))
        db.session.flush()
        if "fail" in request.form:
            raise RuntimeError("the host changes its mind")
        db.session.commit()
        return ""

    return app


@pytest.fixture
def app(coinpurse_config: dict[str, object]) -> Iterator[Flask]:
    made = create_app(coinpurse_config)
    with made.app_context():
        db.create_all()
    yield made
    with made.app_context():
        db.engine.dispose()
        purse.database.close()


@pytest.fixture
def handle() -> UUID:
    return uuid4()


@pytest.fixture
def customer(app: Flask, handle: UUID) -> FlaskClient:
    client = app.test_client()
    client.post(f"/enter/{handle}")
    return client


def test_coins_belong_to_the_id_that_the_host_gives_its_user(
    app: Flask, customer: FlaskClient, handle: UUID, buy_coins: BuyCoins
) -> None:
    bought = buy_coins(customer, pack="pouch")

    assert bought.payment.user_id == str(handle)
    assert customer.get("/api/wallet").json["balance"] == 100
    with app.app_context():
        assert purse.wallet(str(handle)).balance == 100


def test_an_order_and_its_coins_commit_or_roll_back_together(
    app: Flask, customer: FlaskClient, buy_coins: BuyCoins
) -> None:
    buy_coins(customer, pack="pouch")

    with pytest.raises(RuntimeError, match="changes its mind"):
        customer.post("/order", data={"key": "order:1", "fail": "yes"})
    assert customer.get("/api/wallet").json["balance"] == 100

    customer.post("/order", data={"key": "order:1"})

    assert customer.get("/api/wallet").json["balance"] == 70
    with app.app_context():
        assert db.session.query(Order).count() == 1

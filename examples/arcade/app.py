"""An arcade with users and tables of its own that sells coins and spends them on plays.

Everything about money and coins is Coinpurse's: the packs at /coins/, the way to Stripe and back, the wallet.
The arcade spends in the transaction of its own rows: a play and its coins are there together, or neither is.
"""

from __future__ import annotations

import random
import secrets
from typing import Any

from flask import Flask, flash, redirect, render_template, request, url_for
from flask_login import (
    LoginManager,
    UserMixin,
    current_user,
    login_required,
    login_user,
    logout_user,
)
from flask_sqlalchemy import SQLAlchemy
from flask_wtf.csrf import CSRFProtect
from sqlalchemy.orm import Mapped, mapped_column
from werkzeug.wrappers import Response

from coinpurse import Coinpurse
from coinpurse.db import upgrade
from coinpurse.errors import InsufficientCoins, NotFound

GAMES = {"meteors": 5, "pinball": 10, "labyrinth": 25}

db = SQLAlchemy()


class User(UserMixin, db.Model):  # type: ignore[name-defined,misc]
    """A player. The arcade knows people by a name; its wallets are found by the id."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)


class Play(db.Model):  # type: ignore[name-defined,misc]
    """One game played, and the ledger row that paid for it."""

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int]
    game: Mapped[str]
    score: Mapped[int]
    transaction_id: Mapped[int] = mapped_column(unique=True)


def create_app(config: dict[str, Any] | None = None) -> Flask:
    """Make the arcade. It shares one PostgreSQL database with Coinpurse."""
    app = Flask(__name__)
    app.config.update(config or {"COINPURSE_DEMO": True})
    purse = Coinpurse(app)
    upgrade(purse.database)
    app.config.setdefault("SECRET_KEY", None)
    app.config["SECRET_KEY"] = app.config["SECRET_KEY"] or purse.settings.require_secret_key()
    address = purse.database.conninfo.removeprefix("postgresql")
    app.config["SQLALCHEMY_DATABASE_URI"] = f"postgresql+psycopg{address}"
    db.init_app(app)
    CSRFProtect(app)
    login = LoginManager(app)
    login.login_view = "enter"
    login.user_loader(lambda user_id: db.session.get(User, int(user_id)))
    with app.app_context():
        db.create_all()

    @app.get("/")
    def arcade() -> str:
        plays = db.session.execute(db.select(Play).order_by(Play.score.desc()).limit(5)).scalars()
        wallet = purse.wallet(current_user.get_id()) if current_user.is_authenticated else None
        # The key of the next play: a double click, or a repeat after an error, is one play.
        return render_template(
            "arcade.html", games=GAMES, plays=plays, wallet=wallet, key=secrets.token_hex(8)
        )

    @app.post("/play/<game>")
    @login_required
    def play(game: str) -> Response:
        if game not in GAMES:
            return redirect(url_for("arcade"))
        try:
            paid = purse.spend(
                current_user.get_id(),
                GAMES[game],
                key=f"play:{request.form['key']}",
                description=f"One game of {game}",
                connection=db.session,
            )
        except (InsufficientCoins, NotFound):
            flash(f"A game of {game} takes {GAMES[game]} coins. Get some and play on.")
            return redirect(url_for("arcade"))
        if paid.created:
            score = random.randrange(100, 10_000)  # noqa: S311  # nosec B311  # A score.
            db.session.add(
                Play(user_id=current_user.id, game=game, score=score, transaction_id=paid.id)
            )
            flash(f"You scored {score} at {game}.")
        db.session.commit()
        return redirect(url_for("arcade"))

    @app.route("/enter", methods=["GET", "POST"])
    def enter() -> str | Response:
        name = request.form.get("name", "").strip()[:40]
        if not name:
            return render_template("enter.html")
        user = db.session.execute(db.select(User).filter_by(name=name)).scalar_one_or_none()
        if user is None:
            user = User(name=name)
            db.session.add(user)
            db.session.commit()
        login_user(user)
        return redirect(url_for("arcade"))

    @app.post("/leave")
    def leave() -> Response:
        logout_user()
        return redirect(url_for("arcade"))

    return app


if __name__ == "__main__":
    create_app().run(port=5000)

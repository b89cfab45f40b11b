"""How a host uses the package, as its type checker sees it. Checked by mypy --strict, never run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import assert_type
from uuid import UUID

from flask import Flask
from sqlalchemy.orm import Session

import coinpurse
from coinpurse import Coinpurse, ConfigurationError, DomainError, GatewayError, Settings, signals
from coinpurse.db import HostConnection, UnitOfWork
from coinpurse.errors import CoinpurseError, IdempotencyConflict, InsufficientCoins
from coinpurse.ledger import Difference, Explanation, Hold, Spend, SpendResult, Transaction, Wallet
from coinpurse.purchases import Payment, PaymentStatus, StartedCheckout
from coinpurse.reconciliation import ReconciliationReport
from coinpurse.refunds import RefundRequest


def made() -> Coinpurse:
    """The three ways to make one."""
    settings = Settings(base_url="https://coins.example.com", trusted_proxies=1)
    assert_type(settings.base_url, str)
    assert_type(coinpurse.Coinpurse(settings=settings), Coinpurse)
    late = Coinpurse(user_id=lambda: None, staff_role=lambda: "viewer", pages_prefix=None)
    assert_type(late.init_app(Flask("host")), None)
    return Coinpurse(Flask("host"))


def used(purse: Coinpurse, session: Session) -> None:
    """Coins in, coins out, alone and in the host's own transaction."""
    assert_type(purse.wallet("ada"), Wallet)
    assert_type(purse.wallet("ada").available, int)
    assert_type(purse.credit("ada", 5, key="a", source="promotion"), Transaction)
    assert_type(purse.spend("ada", 5, key="b", connection=session), Transaction)
    assert_type(purse.spend_many([Spend("ada", 1, "c")]), list[SpendResult])
    assert_type(purse.reverse(1, key="d"), Transaction)
    assert_type(purse.hold("ada", 5, key="e", ttl_seconds=60), Hold)
    assert_type(purse.capture(1, key="f", coins=2), Transaction)
    assert_type(purse.void(1, key="g"), Transaction)
    assert_type(purse.transactions("ada", before=None, limit=50), Sequence[Transaction])
    assert_type(purse.explain("ada", at=datetime.now().astimezone()), Explanation)
    assert_type(purse.verify(), Iterator[tuple[int, list[Difference]]])


def sold(purse: Coinpurse, payment_id: UUID) -> None:
    """From the checkout to the refund."""
    started = purse.start_checkout(
        "ada",
        pack="chest",
        success_url="https://coins.example.com/thanks",
        cancel_url="https://coins.example.com/packs",
    )
    assert_type(started, StartedCheckout)
    assert_type(purse.payment_status("cs_1", "ada"), PaymentStatus)
    assert_type(purse.find_payment("cs_1"), Payment | None)
    assert_type(purse.refund(payment_id, amount_minor=100), RefundRequest)
    assert_type(purse.reconcile(since=None), ReconciliationReport)


def told(purse: Coinpurse) -> None:
    """Errors with their facts, and signals."""
    try:
        purse.spend("ada", 5, key="h")
    except InsufficientCoins as error:
        assert_type(error.code, str)
    except IdempotencyConflict as error:
        known: DomainError = error
        assert_type(known.facts, dict[str, object])
    except (ConfigurationError, GatewayError) as error:
        whole: CoinpurseError = error
        raise whole from None

    @signals.payment_completed.connect
    def thank(_sender: object, payment: Payment, transaction: Transaction) -> None:
        assert_type(payment.user_id, str)


def refused(purse: Coinpurse, connection: HostConnection, work: UnitOfWork) -> None:
    """What a checker must not let pass: each line's complaint is expected, and none other."""
    purse.spend("ada", 5, connection=connection)  # type: ignore[call-arg]
    purse.spend("ada", "5", key="i")  # type: ignore[arg-type]
    purse.spend("ada", 5, key="j", connection=work)  # type: ignore[arg-type]
    _ = purse.wallet("ada").balanse  # type: ignore[attr-defined]
    _ = coinpurse.NoSuchName  # type: ignore[attr-defined]

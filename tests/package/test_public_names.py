"""The names that hosts are promised. One that is missing here breaks somebody's program: it may not be taken away."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from dataclasses import fields
from pathlib import Path

import coinpurse
from coinpurse import Coinpurse, Settings, errors, signals
from coinpurse.ledger import Wallet
from coinpurse.settings import environment_name

ROOT = Path(__file__).parents[2]
DOCUMENTS = [*ROOT.glob("README*.md"), *(ROOT / "docs").rglob("*.md")]

NAMES = {
    "Coinpurse",
    "CoinpurseError",
    "ConfigurationError",
    "DomainError",
    "GatewayError",
    "Settings",
}
# Each operation, and what it can be given by name.
OPERATIONS = {
    "init_app": "app",
    "wallet": "user_id",
    "credit": "user_id coins key source expires_at description connection",
    "spend": "user_id coins key description metadata connection",
    "spend_many": "spends connection",
    "reverse": "transaction_id key coins connection",
    "hold": "user_id coins key ttl_seconds connection",
    "capture": "hold_id key coins connection",
    "void": "hold_id key connection",
    "adjust": "user_id coins key reason actor connection",
    "transactions": "user_id before limit",
    "explain": "user_id at",
    "verify": "",
    "start_checkout": "user_id pack currency success_url cancel_url",
    "refund": "payment_id amount_minor reason",
    "reconcile": "since",
}
CODES = {
    "NotFound": "not_found",
    "Forbidden": "forbidden",
    "PackUnavailable": "pack_unavailable",
    "PriceMismatch": "price_mismatch",
    "RedirectNotAllowed": "redirect_not_allowed",
    "InsufficientCoins": "insufficient_coins",
    "WalletBlocked": "wallet_blocked",
    "HoldAlreadyResolved": "hold_already_resolved",
    "IdempotencyConflict": "idempotency_conflict",
}
OTHER_ERRORS = {"WebhookRejected", "RetryLater", "GatewayError", "LedgerInvariantBroken"}
SIGNALS = {
    "coins_credited",
    "coins_spent",
    "payment_completed",
    "payment_refunded",
    "dispute_opened",
    "dispute_closed",
}
SETTINGS = {
    "STRIPE_SECRET_KEY",
    "STRIPE_PUBLISHABLE_KEY",
    "STRIPE_WEBHOOK_SECRET",
    "STRIPE_API_BASE",
    "DATABASE_URL",
    "SECRET_KEY",
    "COINPURSE_BASE_URL",
    "COINPURSE_REDIRECT_ORIGINS",
    "COINPURSE_CATALOG",
}
WALLET = {"balance", "available", "held", "frozen", "paid", "bonus", "debt"}


def test_the_package_has_its_names_also_those_that_are_imported_late() -> None:
    assert set(coinpurse.__all__) == NAMES
    assert set(dir(coinpurse)) >= NAMES
    assert all(inspect.isclass(getattr(coinpurse, name)) for name in NAMES)


def test_every_name_that_a_package_lists_is_there() -> None:
    listed = {}
    for found in pkgutil.walk_packages(coinpurse.__path__, "coinpurse."):
        if "migrations" not in found.name and not found.name.endswith("__main__"):
            module = importlib.import_module(found.name)
            listed[found.name] = getattr(module, "__all__", [])
            assert [each for each in listed[found.name] if not hasattr(module, each)] == []
    assert listed["coinpurse.ledger"]


def test_each_operation_takes_what_was_promised_and_returns_what_it_says() -> None:
    for name, promised in OPERATIONS.items():
        signature = inspect.signature(getattr(Coinpurse, name))
        assert set(promised.split()) <= set(signature.parameters), name
        assert signature.return_annotation is not signature.empty


def test_the_errors_stay_in_their_tree_with_their_codes() -> None:
    for name, code in CODES.items():
        kind = getattr(errors, name)
        assert (kind.code, issubclass(kind, coinpurse.DomainError)) == (code, True)
    for name in OTHER_ERRORS:
        assert issubclass(getattr(errors, name), coinpurse.CoinpurseError)
        assert not issubclass(getattr(errors, name), coinpurse.DomainError)


def test_signals_settings_and_the_wallet_have_their_names() -> None:
    assert set(signals.__all__) >= SIGNALS
    assert {environment_name(name) for name in Settings.model_fields} >= SETTINGS
    assert {field.name for field in fields(Wallet)} | set(dir(Wallet)) >= WALLET


def test_what_the_documents_import_and_call_is_there() -> None:
    texts = "\n".join(path.read_text(encoding="utf-8") for path in DOCUMENTS)
    imports = re.findall(r"^\s*from (coinpurse[\w.]*) import ([\w, ]+)$", texts, re.MULTILINE)
    called = set(re.findall(r"\bpurse\.([a-z_]+)\(", texts))

    assert ("coinpurse", "Coinpurse") in imports
    assert {"spend", "wallet", "refund"} <= called
    for module, names in imports:
        for name in names.split(","):
            assert hasattr(importlib.import_module(module), name.strip()), (module, name)
    assert [name for name in called if not hasattr(Coinpurse, name)] == []

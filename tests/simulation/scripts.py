"""What the operator's own scripts do with the public object: run in a child of the zygote, printed as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from uuid import UUID

from coinpurse import Coinpurse
from coinpurse.cli import output
from coinpurse.errors import DomainError


def run(name: str, *arguments: str) -> int:
    """Run a script; its exit code is 0, or 1 where it was refused."""
    purse = output.purse_of_environment()
    try:
        told = SCRIPTS[name](purse, *arguments)
    except DomainError as refused:
        print(json.dumps({"refused": refused.code}))  # noqa: T201
        return 1
    print(json.dumps(told, default=str))  # noqa: T201
    return 0


def _refund(purse: Coinpurse, payment_id: str, amount_minor: str, key: str) -> dict[str, object]:
    amount = int(amount_minor) if amount_minor else None
    return asdict(purse.refund(UUID(payment_id), amount, key=key))


def _reconcile(purse: Coinpurse) -> dict[str, object]:
    report = purse.reconcile()
    findings = [asdict(finding) for finding in purse.reconciliation_findings(report.id)]
    return {"left": report.left, "repaired": report.repaired, "findings": findings}


SCRIPTS: dict[str, Callable[..., dict[str, object]]] = {
    "refund": _refund,
    "reconcile": _reconcile,
}

"""`coinpurse wallet`."""

from __future__ import annotations

from dataclasses import asdict

import click

from coinpurse.cli import output
from coinpurse.ledger import Transaction


@click.group()
def wallet() -> None:
    """What a user has, and why."""


@wallet.command()
@click.argument("user_id")
@output.limit
@output.as_json
def show(user_id: str, limit: int, as_json: bool) -> None:
    """Show a user's balance and latest transactions."""
    purse = output.purse_of_environment()
    found = purse.wallet(user_id)
    rows = [_summary(row) for row in purse.transactions(user_id, limit=min(limit, 200))]
    if as_json:
        output.print_json({**asdict(found), "available": found.available, "transactions": rows})
        return
    click.echo(
        f"{found.balance} coins ({found.paid} paid, {found.bonus} bonus), {found.available} available\n"
    )
    output.print_rows(rows, as_json=False, empty="No transactions yet.")


def _summary(row: Transaction) -> dict[str, object]:
    return {
        "id": row.id,
        "time": row.created_at,
        "type": row.type,
        "coins": row.coins,
        "balance_after": row.balance_after,
        "description": row.description,
    }

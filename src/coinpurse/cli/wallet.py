"""`coinpurse wallet`."""

from __future__ import annotations

import secrets
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

import click

from coinpurse import ledger
from coinpurse.back_office import record
from coinpurse.cli import output
from coinpurse.db import UnitOfWork
from coinpurse.ledger import Explanation, GrantStory, Transaction, Wallet
from coinpurse.ledger.rules import require_callers_key

# Before 8.4 click has no brackets here.
if TYPE_CHECKING:
    _Type = click.ParamType[datetime]
else:
    _Type = click.ParamType


class _Moment(_Type):
    """A time in ISO 8601; one without a zone is local."""

    name = "time"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        try:
            return datetime.fromisoformat(str(value)).astimezone()
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is not a time such as 2030-01-31T18:00:00+00:00", param, ctx)


@click.group(cls=output.Group)
def wallet() -> None:
    """What a user has, and why."""


@wallet.command()
@click.argument("user_id")
@output.limit
@output.as_json
def show(user_id: str, limit: int, as_json: bool) -> None:
    """Show a user's balance and latest transactions. USER_ID may be an account's e-mail address."""
    purse = output.purse_of_environment()
    user_id = output.known_user(purse, user_id)
    found = purse.wallet(user_id)
    rows = [_summary(row) for row in purse.transactions(user_id, limit=min(limit, 200))]
    if as_json:
        output.print_json({**asdict(found), "available": found.available, "transactions": rows})
        return
    click.echo(f"{_of_wallet(found)}\n")
    output.print_rows(rows, as_json=False, empty="No transactions yet.")


@wallet.command()
@click.argument("user_id")
@click.option(
    "--at", type=_Moment(), help="The moment, as 2030-01-31T18:00:00+00:00; default: now."
)
@output.as_json
def explain(user_id: str, at: datetime | None, as_json: bool) -> None:
    """Show a balance at any moment, and what it is made of. USER_ID may be an account's e-mail address."""
    purse = output.purse_of_environment()
    found = purse.explain(output.known_user(purse, user_id), at=at)
    if as_json:
        output.print_json(asdict(found))
        return
    click.echo(_sentence(found))
    click.echo("\nWhere the coins came from, and what became of them:")
    output.print_rows([_story(grant) for grant in found.grants], as_json=False, empty="No coins.")
    click.echo("\nThe latest transactions until then:")
    rows = [_summary(row) for row in found.transactions]
    output.print_rows(rows, as_json=False, empty="No transactions yet.")


# A negative number of coins is an argument, not an option.
@wallet.command(context_settings={"ignore_unknown_options": True})
@click.argument("user_id")
@click.argument("coins", type=int)
@click.option("--reason", required=True, help="Why; it stays on the transaction.")
@click.option("--actor", required=True, help="Who decided it; it stays on the transaction.")
@click.option("--key", help="An idempotency key, so that a repeat of the command changes nothing.")
@output.as_json
def adjust(
    user_id: str, coins: int, reason: str, actor: str, key: str | None, as_json: bool
) -> None:
    """Correct a balance by hand: add COINS bonus coins, or take them where COINS is negative.

    USER_ID may be an account's e-mail address.
    """
    purse = output.purse_of_environment()
    with purse.database.unit_of_work() as work:
        row = ledger.adjust(
            work,
            output.known_user(purse, user_id),
            coins,
            key=require_callers_key(key or f"by-hand:{secrets.token_hex(16)}"),
            reason=reason,
            actor=actor,
            spend_order=purse.settings.spend_order,
        )
        _record(work, "wallet.adjust", row, reason)
    if as_json:
        output.print_json(asdict(row))
        return
    state = "" if row.created else " before; nothing was changed now"
    click.echo(
        f"{row.coins:+} coins for {user_id}, balance {row.balance_after} (transaction {row.id}){state}"
    )


@wallet.command()
@click.argument("user_id")
@click.option("--reason", required=True, help="Why; it stays on the transaction.")
@click.option("--key", help="An idempotency key, so that a repeat of the command changes nothing.")
@output.actor
@output.as_json
def unblock(user_id: str, reason: str, key: str | None, actor: str, as_json: bool) -> None:
    """Let a wallet spend again that a refund or a dispute had blocked; its debt stays.

    USER_ID may be an account's e-mail address.
    """
    purse = output.purse_of_environment()
    with purse.database.unit_of_work() as work:
        row = ledger.unblock(
            work,
            output.known_user(purse, user_id),
            key=key or f"unblock:{secrets.token_hex(16)}",
            reason=reason,
            actor=actor,
        )
        _record(work, "wallet.unblock", row, reason)
    if as_json:
        output.print_json(asdict(row))
        return
    click.echo(f"{user_id} may spend again (transaction {row.id})")


def _record(work: UnitOfWork, action: str, row: Transaction, reason: str) -> None:
    if row.created:
        record(
            work,
            actor=output.acting(),
            action=action,
            subject_kind="wallet",
            subject_id=row.user_id,
            reason=reason,
            facts={"coins": row.coins, "transaction_id": row.id, "decided_by": row.actor},
        )


def _of_wallet(found: Wallet) -> str:
    parts = [f"{found.paid} paid", f"{found.bonus} bonus"]
    parts += [
        f"{coins} {word}"
        for word, coins in (("held", found.held), ("frozen", found.frozen), ("owed", found.debt))
        if coins
    ]
    blocked = "; BLOCKED: it may not spend, see `wallet unblock`" if found.blocked else ""
    return f"{found.balance} coins ({', '.join(parts)}), {found.available} available{blocked}"


def _sentence(found: Explanation) -> str:
    parts = [
        f"{coins} {word}"
        for word, coins in (("held", found.held), ("frozen", found.frozen), ("owed", found.debt))
        if coins
    ]
    details = f" ({', '.join(parts)})" if parts else ""
    return f"{found.user_id} had {found.balance} coins{details} at {found.at.isoformat()}"


def _story(grant: GrantStory) -> dict[str, object]:
    moves = ", ".join(f"{type_} {coins:+}" for type_, coins in grant.moves.items())
    return {
        "grant": grant.id,
        "kind": grant.kind,
        "source": grant.source,
        "created_at": grant.created_at,
        "expires_at": grant.expires_at,
        "coins": grant.coins,
        "remaining": grant.remaining,
        "moves": moves,
    }


def _summary(row: Transaction) -> dict[str, object]:
    return {
        "id": row.id,
        "time": row.created_at,
        "type": row.type,
        "coins": row.coins,
        "balance_after": row.balance_after,
        "description": row.description,
    }

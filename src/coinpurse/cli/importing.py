"""`coinpurse import`: balances that users have in another application."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Literal

import click

from coinpurse.cli import output
from coinpurse.extension import Coinpurse
from coinpurse.importing import BadRow, Importing, Plan, Source, SourceTable

SHOWN = 100


@click.group("import", cls=output.Group)
def import_() -> None:
    """Bring over what users have in another application."""


@import_.command()
@click.option(
    "--from",
    "url",
    envvar="COINPURSE_IMPORT_FROM",
    help="The database, as SQLAlchemy takes it; by default the store's own, where both share one."
    " Better from COINPURSE_IMPORT_FROM: it may hold a password.",
)
@click.option(
    "--table",
    default="users",
    show_default=True,
    help="The table or view, with a schema before a dot where it needs one.",
)
@click.option("--id-column", default="id", show_default=True, help="The user's id.")
@click.option("--coins-column", default="coin_balance", show_default=True)
@click.option(
    "--name",
    default="balances",
    show_default=True,
    help="Of this source. It is part of every key: never change it between two runs.",
)
@click.option(
    "--kind",
    type=click.Choice(["paid", "bonus"]),
    default="paid",
    show_default=True,
    help="What the coins count as; bonus coins are spent first.",
)
@click.option(
    "--description",
    default="Balance brought over",
    show_default=True,
    help="What users read in their history.",
)
@click.option(
    "--sessions-table",
    default="payment_sessions",
    show_default=True,
    help="Where the old application keeps its checkouts; none are looked for where it has no such table.",
)
@click.option(
    "--open-status",
    "open_statuses",
    multiple=True,
    default=["pending"],
    show_default=True,
    help="Of open checkouts. May be given several times; case and spaces around mean nothing.",
)
@click.option(
    "--ended-status",
    "ended_statuses",
    multiple=True,
    help="Of checkouts that nobody will pay any more, besides usual words such as completed or expired.",
)
@click.option(
    "--ignore-open-sessions",
    is_flag=True,
    help="Import though checkouts are open, or have statuses that are not known.",
)
@click.option(
    "--keep-changed",
    is_flag=True,
    help="Leave users as they are whose balance has changed since it was imported.",
)
@click.option("--apply", is_flag=True, help="Import. Without it, everything is only checked.")
@output.as_json
def balances(
    url: str | None,
    table: str,
    id_column: str,
    coins_column: str,
    name: str,
    kind: Literal["paid", "bonus"],
    description: str,
    sessions_table: str,
    open_statuses: tuple[str, ...],
    ended_statuses: tuple[str, ...],
    ignore_open_sessions: bool,
    keep_changed: bool,
    apply: bool,
    as_json: bool,
) -> None:
    """Give every user of the other application a wallet with their coins.

    Checks only, unless --apply is given. With one bad row nothing is imported. A repeat brings nothing twice, and goes
    on where a crash ended it. Exits 1 where something stands against it, or the ledger refused a user; the others are
    imported then.
    """
    purse = output.purse_of_environment()
    source = Source(url or purse.database.conninfo, SourceTable(table, id_column, coins_column))
    importing = Importing(purse.database, source, name=name, spend_order=purse.settings.spend_order)
    plan = importing.plan(
        sessions_table=sessions_table or None,
        open_statuses=open_statuses,
        ended_statuses=ended_statuses,
        keep_changed=keep_changed,
    )
    waits = bool(plan.sessions.open or plan.sessions.unknown) and not ignore_open_sessions
    stopped = bool(plan.problems) or waits
    applied = apply and not stopped
    refused = _apply(purse, importing, plan, kind, description) if applied else ()
    if as_json:
        output.print_json(_as_json(plan, refused, applied=applied))
    else:
        _tell(plan)
        _tell_outcome(plan, refused, applied=applied, stopped=stopped)
    if stopped or refused:
        raise SystemExit(output.FOUND_SOMETHING)


def _apply(
    purse: Coinpurse,
    importing: Importing,
    plan: Plan,
    kind: Literal["paid", "bonus"],
    description: str,
) -> tuple[BadRow, ...]:
    output.record(
        purse,
        "balances.import",
        "import",
        plan.source,
        users=len(plan.to_do),
        coins=sum(plan.to_do.values()),
    )
    with output.progress() as progress:
        bar = progress.add_task("Importing", total=len(plan.to_do))
        return importing.apply(
            plan,
            kind=kind,
            description=description,
            progress=lambda through: progress.update(bar, completed=through),
        )


def _tell(plan: Plan) -> None:
    found = plan.balances
    click.echo(
        f"The source: {len(found.coins):,} users, {found.total:,} coins of {found.owners:,} of them."
    )
    click.echo(f"Imported before: {len(plan.done):,} users, {sum(plan.done.values()):,} coins.")
    if plan.problems:
        click.echo(f"\n{len(plan.problems):,} rows cannot be imported:")
        _tell_rows(plan.problems)
    if plan.changed:
        click.echo(
            f"\n{len(plan.changed):,} balances have changed since they were imported. What is right is for you to say:"
            " `wallet adjust` corrects a wallet, and --keep-changed goes on without these."
        )
    if plan.sessions.open:
        click.echo(
            f"\n{len(plan.sessions.open):,} checkouts of the old application may still be paid. Let them end first, or"
            " expire them at Stripe; --ignore-open-sessions imports without waiting:"
        )
        click.echo("\n".join(plan.sessions.open[:SHOWN]))
        _tell_of_more(len(plan.sessions.open))
    for status, count in plan.sessions.unknown.items():
        click.echo(
            f"\n{count:,} checkouts have the status {status!r}, which may mean that they are open. Say which it is with"
            " --open-status or --ended-status; --ignore-open-sessions imports without knowing."
        )


def _tell_outcome(plan: Plan, refused: Sequence[BadRow], *, applied: bool, stopped: bool) -> None:
    if stopped:
        click.echo("\nNothing was changed.")
        return
    left_out = {row.user_id for row in refused}
    new = [coins for user_id, coins in plan.to_do.items() if user_id not in left_out]
    new_ones = f"{len(new):,} users, {sum(new):,} coins"
    if not applied:
        click.echo(f"\nTo import: {new_ones}. Nothing was changed; --apply does it.")
        return
    click.echo(f"\nImported: {new_ones}. The sums agree.")
    if refused:
        click.echo(
            f"\n{len(refused):,} users were refused by the ledger and have nothing of it. Mend what is said, and run it"
            " again; it brings nothing twice:"
        )
        _tell_rows(refused)


def _tell_rows(rows: Sequence[BadRow]) -> None:
    output.print_rows([asdict(row) for row in rows[:SHOWN]], as_json=False, empty="")
    _tell_of_more(len(rows))


def _tell_of_more(found: int) -> None:
    if found > SHOWN:
        click.echo(f"… and {found - SHOWN:,} more: --json lists them all.")


def _as_json(plan: Plan, refused: Sequence[BadRow], *, applied: bool) -> dict[str, object]:
    return {
        "source": plan.source,
        "users": len(plan.balances.coins),
        "coins": plan.balances.total,
        "imported_before": {"users": len(plan.done), "coins": sum(plan.done.values())},
        "to_import": {"users": len(plan.to_do), "coins": sum(plan.to_do.values())},
        "changed": [asdict(row) for row in plan.changed],
        "problems": [asdict(row) for row in plan.problems],
        "open_sessions": plan.sessions.open,
        "unknown_statuses": plan.sessions.unknown,
        "refused": [asdict(row) for row in refused],
        "applied": applied,
    }

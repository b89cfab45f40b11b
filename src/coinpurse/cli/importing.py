"""`coinpurse import`: balances that users have in another application."""

from __future__ import annotations

from dataclasses import asdict
from typing import Literal

import click

from coinpurse.cli import output
from coinpurse.extension import Coinpurse
from coinpurse.importing import Importing, Plan, Source, SourceTable

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
@click.option("--open-status", default="pending", show_default=True, help="Of open checkouts.")
@click.option("--ignore-open-sessions", is_flag=True, help="Import though checkouts are open.")
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
    open_status: str,
    ignore_open_sessions: bool,
    keep_changed: bool,
    apply: bool,
    as_json: bool,
) -> None:
    """Give every user of the other application a wallet with their coins.

    Checks only, unless --apply is given. With one bad row nothing is imported. A repeat brings nothing twice, and goes
    on where a crash ended it. Exits 1 where something stands against it.
    """
    purse = output.purse_of_environment()
    source = Source(url or purse.database.conninfo, SourceTable(table, id_column, coins_column))
    importing = Importing(purse.database, source, name=name, spend_order=purse.settings.spend_order)
    plan = importing.plan(
        sessions_table=sessions_table or None, open_status=open_status, keep_changed=keep_changed
    )
    stopped = bool(plan.problems) or bool(plan.open_sessions and not ignore_open_sessions)
    if apply and not stopped:
        _apply(purse, importing, plan, kind, description)
    applied = apply and not stopped
    if as_json:
        output.print_json(_as_json(plan, applied=applied))
    else:
        _tell(plan, applied=applied, stopped=stopped)
    if stopped:
        raise SystemExit(output.FOUND_SOMETHING)


def _apply(
    purse: Coinpurse,
    importing: Importing,
    plan: Plan,
    kind: Literal["paid", "bonus"],
    description: str,
) -> None:
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
        importing.apply(
            plan,
            kind=kind,
            description=description,
            progress=lambda through: progress.update(bar, completed=through),
        )


def _tell(plan: Plan, *, applied: bool, stopped: bool) -> None:
    found = plan.balances
    click.echo(
        f"The source: {len(found.coins):,} users, {found.total:,} coins of {found.owners:,} of them."
    )
    click.echo(f"Imported before: {len(plan.done):,} users, {sum(plan.done.values()):,} coins.")
    if plan.problems:
        click.echo(f"\n{len(plan.problems):,} rows cannot be imported:")
        rows = [asdict(row) for row in plan.problems[:SHOWN]]
        output.print_rows(rows, as_json=False, empty="")
        _tell_of_more(len(plan.problems))
    if plan.changed:
        click.echo(
            f"\n{len(plan.changed):,} balances have changed since they were imported. What is right is for you to say:"
            " `wallet adjust` corrects a wallet, and --keep-changed goes on without these."
        )
    if plan.open_sessions:
        click.echo(
            f"\n{len(plan.open_sessions):,} checkouts of the old application may still be paid. Let them end first, or"
            " expire them at Stripe; --ignore-open-sessions imports without waiting:"
        )
        click.echo("\n".join(plan.open_sessions[:SHOWN]))
        _tell_of_more(len(plan.open_sessions))
    new = f"{len(plan.to_do):,} users, {sum(plan.to_do.values()):,} coins"
    if applied:
        click.echo(f"\nImported: {new}. The sums agree.")
    elif stopped:
        click.echo("\nNothing was changed.")
    else:
        click.echo(f"\nTo import: {new}. Nothing was changed; --apply does it.")


def _tell_of_more(found: int) -> None:
    if found > SHOWN:
        click.echo(f"… and {found - SHOWN:,} more: --json lists them all.")


def _as_json(plan: Plan, *, applied: bool) -> dict[str, object]:
    return {
        "source": plan.source,
        "users": len(plan.balances.coins),
        "coins": plan.balances.total,
        "imported_before": {"users": len(plan.done), "coins": sum(plan.done.values())},
        "to_import": {"users": len(plan.to_do), "coins": sum(plan.to_do.values())},
        "changed": [asdict(row) for row in plan.changed],
        "problems": [asdict(row) for row in plan.problems],
        "open_sessions": plan.open_sessions,
        "applied": applied,
    }

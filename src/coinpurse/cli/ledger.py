"""`coinpurse verify`: whether the wallets agree with their rows and grants."""

from __future__ import annotations

from dataclasses import asdict

import click

from coinpurse.cli import output
from coinpurse.ledger import Difference
from coinpurse.ledger.store import count_wallets


@click.command()
@output.as_json
def verify(as_json: bool) -> None:
    """Recompute every wallet from its rows and grants. Exits 1 and names them where any differ."""
    purse = output.purse_of_environment()
    with purse.database.unit_of_work() as work:
        expected = count_wallets(work)
    looked_at = 0
    differences: list[Difference] = []
    with output.progress() as progress:
        bar = progress.add_task("Verifying wallets", total=expected)
        for found, differing in purse.verify():
            looked_at += found
            differences += differing
            # Wallets may be added meanwhile.
            progress.update(bar, completed=looked_at, total=max(expected, looked_at))
    rows: list[dict[str, object]] = [asdict(difference) for difference in differences]
    if as_json:
        output.print_json({"wallets": looked_at, "differences": rows})
    elif rows:
        output.print_rows(rows, as_json=False, empty="")
        click.echo(f"\n{looked_at} wallets verified; {len(rows)} figures differ.")
    else:
        click.echo(f"{looked_at} wallets verified; every figure agrees.")
    if rows:
        raise SystemExit(output.FOUND_SOMETHING)

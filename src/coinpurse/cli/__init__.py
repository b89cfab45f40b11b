"""The command line: one module for each group of commands.

Exit codes: 0 fine, 1 found something, 2 could not run.
"""

from __future__ import annotations

import click
import psycopg

from coinpurse.cli import (
    catalog,
    database,
    demo,
    doctor,
    endpoints,
    events,
    keys,
    ledger,
    mail,
    messages,
    output,
    payments,
    reconcile,
    serve,
    staff,
    wallet,
    webhook,
    worker,
)
from coinpurse.errors import CoinpurseError

COULD_NOT_RUN = 2


class _Main(output.Group):
    """Turns our errors into one sentence and the exit code 2."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except CoinpurseError as error:
            problem = str(error)
        except psycopg.OperationalError as error:
            said = str(error).strip().partition("\n")[0]
            problem = f"The database cannot be used: {said}. Check DATABASE_URL and the server."
        click.echo(f"Error: {problem}", err=True)
        raise SystemExit(COULD_NOT_RUN)


@click.group(cls=_Main, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="coinpurse")
def main() -> None:
    """Sell in-app coins through Stripe and keep every coin safe afterwards."""


for command in (
    demo.demo,
    doctor.doctor,
    serve.serve,
    worker.worker,
    database.db,
    catalog.catalog,
    webhook.webhook,
    events.events,
    endpoints.endpoints,
    messages.messages,
    mail.mail,
    payments.payments,
    wallet.wallet,
    keys.keys,
    staff.staff,
    ledger.verify,
    reconcile.reconcile,
):
    main.add_command(command)

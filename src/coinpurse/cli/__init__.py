"""The command line: one module for each group of commands.

Exit codes: 0 fine, 1 found something, 2 could not run.
"""

from __future__ import annotations

import click

from coinpurse.cli.groups import LateGroup
from coinpurse.errors import CoinpurseError

COULD_NOT_RUN = 2
# Where each command is.
MODULES = {
    "catalog": "coinpurse.cli.catalog",
    "db": "coinpurse.cli.database",
    "demo": "coinpurse.cli.demo",
    "doctor": "coinpurse.cli.doctor",
    "endpoints": "coinpurse.cli.endpoints",
    "events": "coinpurse.cli.events",
    "import": "coinpurse.cli.importing",
    "keys": "coinpurse.cli.keys",
    "mail": "coinpurse.cli.mail",
    "messages": "coinpurse.cli.messages",
    "payments": "coinpurse.cli.payments",
    "reconcile": "coinpurse.cli.reconcile",
    "serve": "coinpurse.cli.serve",
    "staff": "coinpurse.cli.staff",
    "users": "coinpurse.cli.users",
    "verify": "coinpurse.cli.ledger",
    "wallet": "coinpurse.cli.wallet",
    "webhook": "coinpurse.cli.webhook",
    "worker": "coinpurse.cli.worker",
}


class _Main(LateGroup):
    """Turns our errors into one sentence and the exit code 2."""

    modules = MODULES

    def invoke(self, ctx: click.Context) -> object:
        # `--version` ends before it comes here, and needs no driver.
        import psycopg

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

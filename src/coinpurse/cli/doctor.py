"""`coinpurse doctor`: whether the store is set up right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from coinpurse import logs
from coinpurse.cli import output
from coinpurse.doctor import (
    Patient,
    Result,
    examine,
    examine_alerts,
    exit_code,
    said_of_settings,
    send_test_mail,
)
from coinpurse.errors import ConfigurationError
from coinpurse.settings import Settings
from coinpurse.stripe_gateway import SetUp

MARKS = {"ok": ("✓", "green"), "finding": ("✗", "bold red"), "unchecked": ("?", "yellow")}
WIDEST = 120


@click.command()
@click.option("--alerts", is_flag=True, help="Also judge how the running store stands.")
@click.option(
    "--send-test-mail", "address", metavar="ADDRESS", help="Hand one mail in to this address."
)
@output.as_json
def doctor(alerts: bool, address: str | None, as_json: bool) -> None:
    """Check the set-up, and say what mends what is wrong.

    Changes nothing: Stripe is only asked, and the one event that tries the webhook is removed again. Exits 0 if all
    is well, 1 if something was found, 2 if nothing was found and something could not be checked.
    """
    logs.configure("ERROR")
    results = _examined(alerts=alerts, address=address)
    if as_json:
        count = Counter(result.state for result in results)
        output.print_json(
            {
                "found": count["finding"],
                "unchecked": count["unchecked"],
                "checks": [asdict(result) for result in results],
            }
        )
    else:
        _print(results)
    raise SystemExit(exit_code(results))


def _examined(*, alerts: bool, address: str | None) -> list[Result]:
    try:
        settings = Settings()
    except ConfigurationError as error:
        return [said_of_settings(error)]
    try:
        stripe = SetUp(settings.require_stripe_key(), api_base=settings.api_base)
    except ConfigurationError:
        # One of the checks says so.
        stripe = None
    patient = Patient(settings, stripe, Path.cwd())
    try:
        results = list(examine(patient))
        if alerts:
            results += examine_alerts(patient)
        if address is not None:
            results.append(send_test_mail(patient, address))
    finally:
        patient.close()
    return results


def _print(results: Sequence[Result]) -> None:
    console = Console()
    table = Table(box=None, show_header=False, pad_edge=False, width=min(console.width, WIDEST))
    table.add_column(width=1)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold", ratio=1)
    last = ""
    for result in results:
        mark, style = MARKS[result.state]
        said = Text(result.message)
        if result.mend:
            said.append(f"\n→ {result.mend}", style="bold")
        table.add_row(Text(mark, style=style), "" if result.check == last else result.check, said)
        last = result.check
    console.print(table)
    count = Counter(result.state for result in results)
    console.print(
        f"\n{count['ok']} right, {count['finding']} found, {count['unchecked']} could not be checked."
    )

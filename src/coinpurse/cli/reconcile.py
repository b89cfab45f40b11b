"""`coinpurse reconcile`: Stripe against the ledger, both ways."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime

import click
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from coinpurse.cli import output
from coinpurse.reconciliation import KINDS, ReconciliationReport

# A terminal has no use for more; JSON has all of them.
SHOWN = 200


@click.command()
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]),
    help="From this day or moment (UTC) on; 32 days back by default.",
)
@click.option("--dry-run", is_flag=True, help="Find, and repair nothing.")
@output.as_json
def reconcile(since: datetime | None, dry_run: bool, as_json: bool) -> None:
    """Compare Stripe with the ledger and repair what differs. Exits 1 if something is left.

    One that was interrupted is gone on with when it is run again.
    """
    purse = output.purse_of_environment()
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TextColumn("{task.completed:,}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as progress:
        bars: dict[str, TaskID] = {}

        def show(step: str, looked_at: int) -> None:
            if step not in bars:
                bars[step] = progress.add_task(step.replace("_", " "), total=None)
            progress.update(bars[step], completed=looked_at)

        moment = None if since is None else since.replace(tzinfo=UTC)
        report = purse.reconcile(moment, dry_run=dry_run, progress=show)
    findings = purse.reconciliation_findings(report.id)
    if as_json:
        output.print_json(
            {
                "id": report.id,
                "since": report.since,
                "dry_run": report.dry_run,
                "looked_at": report.looked_at,
                "repaired": report.repaired,
                "left": report.left,
                "findings": [asdict(finding) for finding in findings],
            }
        )
    else:
        shown = [
            {**asdict(finding), "kind": KINDS[finding.kind]}
            for finding, _ in zip(findings, range(SHOWN), strict=False)
        ]
        output.print_rows(shown, as_json=False, empty="Nothing differs.")
        click.echo(_sentence(report, len(shown)))
    if report.left:
        raise SystemExit(output.FOUND_SOMETHING)


def _sentence(report: ReconciliationReport, shown: int) -> str:
    looked_at = ", ".join(
        f"{count:,} {step.replace('_', ' ')}" for step, count in report.looked_at.items() if count
    )
    found = report.repaired + report.left
    more = f" ({found - shown:,} more: --json)" if found > shown else ""
    left = "found" if report.dry_run else "left for you"
    return (
        f"\nSince {report.since:%Y-%m-%d %H:%M} UTC: {looked_at or 'nothing'}."
        f" Repaired: {report.repaired:,}. {left.capitalize()}: {report.left:,}{more}."
    )

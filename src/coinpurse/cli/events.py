"""`coinpurse events`."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict

import click

from coinpurse.cli import output
from coinpurse.errors import NotFound
from coinpurse.inbox import STATES, Inbox, StoredEvent

UNDONE = ("received", "failed", "dead")
ROWS_BETWEEN_REPORTS = 1000


@click.group(cls=output.Group)
def events() -> None:
    """Stripe's events as they were stored."""


@events.command("list")
@click.option("--state", type=click.Choice(STATES), help="Only these.")
@click.option("--type", "type_", help="Only events of this type.")
@output.limit
@output.as_json
def list_(state: str | None, type_: str | None, limit: int, as_json: bool) -> None:
    """List events, newest first."""
    found = output.purse_of_environment().inbox.latest(state=state, type_=type_, limit=limit)
    output.print_rows([_summary(event) for event in found], as_json=as_json, empty="No events.")


@events.command()
@click.argument("event_id")
def show(event_id: str) -> None:
    """Show one event with its payload and, where it failed, the traceback."""
    event = output.purse_of_environment().inbox.find(event_id)
    if event is None:
        raise NotFound("event", event_id)
    output.print_json(asdict(event))


@events.command()
@click.argument("event_id", required=False)
@click.option("--type", "type_", help="All events of this type.")
@click.option("--failed", is_flag=True, help="All that failed or are dead.")
@output.as_json
def replay(event_id: str | None, type_: str | None, failed: bool, as_json: bool) -> None:
    """Act again on one event, or on many, oldest first.

    Harmless on those that were processed: nothing is credited or taken twice. With --type and --failed together, the
    failed ones of that type. Exits 1 if any fails.
    """
    if (event_id is None) == (type_ is None and not failed):
        raise click.UsageError("Give the id of one event, or --type, or --failed.")
    purse = output.purse_of_environment()
    inbox = purse.inbox
    which = "failed" if failed and type_ is None else type_
    output.record(
        purse, "event.replay", "event", event_id or which or "", only_failed=failed or None
    )
    if event_id is not None:
        fine = _replay_one(inbox, event_id, as_json=as_json)
    else:
        fine = _replay_many(inbox, type_, only_wrong=failed, as_json=as_json)
    if not fine:
        raise SystemExit(output.FOUND_SOMETHING)


def _replay_one(inbox: Inbox, event_id: str, *, as_json: bool) -> bool:
    event = inbox.process(event_id, again=True)
    output.print_rows([_summary(event)], as_json=as_json, empty="")
    fine = event.state not in UNDONE
    if not fine and not as_json:
        click.echo(event.error, err=True)
    return fine


def _replay_many(inbox: Inbox, type_: str | None, *, only_wrong: bool, as_json: bool) -> bool:
    states: Counter[str] = Counter()
    for event in inbox.replay(type_=type_, only_wrong=only_wrong):
        states[event.state] += 1
        if states.total() % ROWS_BETWEEN_REPORTS == 0:
            click.echo(f"{states.total()} replayed …", err=True)
    if as_json:
        output.print_json({"replayed": states.total(), "states": dict(states)})
    elif not states:
        click.echo("No such events.")
    else:
        outcome = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
        click.echo(f"{states.total()} replayed: {outcome}")
    return not any(states[state] for state in UNDONE)


def _summary(event: StoredEvent) -> dict[str, object]:
    return {
        "id": event.id,
        "type": event.type,
        "state": event.state,
        "attempts": event.attempts,
        "received_at": event.received_at,
        "note": event.note,
    }

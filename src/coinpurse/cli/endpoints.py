"""`coinpurse endpoints`: who receives our webhooks. Stripe's webhooks to us are `coinpurse webhook`."""

from __future__ import annotations

from dataclasses import asdict
from uuid import UUID

import click

from coinpurse.back_office import COMMAND_ACTOR, record, record_endpoint
from coinpurse.cli import output
from coinpurse.db import UnitOfWork
from coinpurse.endpoints import EVENT_TYPES, Endpoint, NewSecret, SentWebhook
from coinpurse.notifications import STATES

event_types = click.option(
    "--event",
    "event_types",
    multiple=True,
    type=click.Choice(EVENT_TYPES),
    help="What it hears of; repeat the option for several. All events by default.",
)
endpoint_id = click.argument("endpoint_id", type=click.UUID)


@click.group(cls=output.Group)
def endpoints() -> None:
    """Addresses that hear of payments by signed webhooks."""


@endpoints.command()
@click.argument("url")
@click.option("--description", default="", help="What is there, for those who read the list.")
@event_types
@output.as_json
def add(url: str, description: str, event_types: tuple[str, ...], as_json: bool) -> None:
    """Send webhooks to an address, and show the secret that signs them, this once."""
    purse = output.purse_of_environment()
    with purse.database.unit_of_work() as work:
        made = purse.webhook_endpoints.add(
            work, url, description=description, event_types=event_types
        )
        _record(work, "added", made.endpoint)
    _print_secret(made, as_json=as_json)


@endpoints.command("list")
@output.as_json
def list_(as_json: bool) -> None:
    """List the endpoints, newest first, also the disabled ones."""
    purse = output.purse_of_environment()
    with purse.database.unit_of_work() as work:
        found = purse.webhook_endpoints.list_all(work)
    rows = [_json(each) if as_json else _summary(each) for each in found]
    output.print_rows(rows, as_json=as_json, empty="No endpoints.")


@endpoints.command()
@endpoint_id
@output.as_json
def rotate(endpoint_id: UUID, as_json: bool) -> None:
    """Give an endpoint a new secret and show it, this once. The old one signs too for 24 hours."""
    purse = output.purse_of_environment()
    with purse.database.unit_of_work() as work:
        made = purse.webhook_endpoints.rotate(work, endpoint_id)
        _record(work, "rotated", made.endpoint)
    _print_secret(made, as_json=as_json)


@endpoints.command()
@endpoint_id
def disable(endpoint_id: UUID) -> None:
    """Send nothing to an endpoint for now. Safe to repeat."""
    purse = output.purse_of_environment()
    with purse.database.unit_of_work() as work:
        endpoint = purse.webhook_endpoints.disable(work, endpoint_id)
        _record(work, "disabled", endpoint)
    click.echo(f"{endpoint.url} is disabled.")


@endpoints.command()
@endpoint_id
def enable(endpoint_id: UUID) -> None:
    """Send to an endpoint again. Safe to repeat."""
    purse = output.purse_of_environment()
    with purse.database.unit_of_work() as work:
        endpoint = purse.webhook_endpoints.enable(work, endpoint_id)
        _record(work, "enabled", endpoint)
    click.echo(f"{endpoint.url} is enabled.")


@endpoints.command()
@endpoint_id
def test(endpoint_id: UUID) -> None:
    """Have the worker send a webhook.test to this endpoint alone, also where it is disabled."""
    purse = output.purse_of_environment()
    with purse.database.unit_of_work() as work:
        _record(work, "tested", purse.webhook_endpoints.test(work, endpoint_id))
    click.echo(
        f"The worker sends it now; see `coinpurse endpoints deliveries --endpoint {endpoint_id}`."
    )


@endpoints.command()
@click.option("--endpoint", "endpoint_id", type=click.UUID, help="Only those to this endpoint.")
@click.option("--state", type=click.Choice(STATES), help="Only these.")
@output.limit
@output.as_json
def deliveries(endpoint_id: UUID | None, state: str | None, limit: int, as_json: bool) -> None:
    """List what was sent or is to be sent, newest first."""
    purse = output.purse_of_environment()
    with purse.database.unit_of_work() as work:
        found = purse.webhook_endpoints.deliveries(
            work, endpoint_id=endpoint_id, state=state, limit=limit
        )
    rows = [asdict(each) if as_json else _line(each) for each in found]
    output.print_rows(rows, as_json=as_json, empty="No deliveries.")


@endpoints.command()
@click.argument("delivery_id", type=click.UUID, required=False)
@click.option("--dead", "dead_of", type=click.UUID, help="All of an endpoint that were given up.")
def replay(delivery_id: UUID | None, dead_of: UUID | None) -> None:
    """Send a delivery again, with the same webhook-id, or all of an endpoint that were given up."""
    if (delivery_id is None) == (dead_of is None):
        raise click.UsageError("Give the id of one delivery, or --dead with an endpoint's id.")
    purse = output.purse_of_environment()
    ids = [delivery_id] if delivery_id is not None else []
    if dead_of is not None:
        with purse.database.unit_of_work() as work:
            ids = list(purse.webhook_endpoints.dead_deliveries(work, dead_of))
    for id_ in ids:
        purse.notifications.replay(id_)
        with purse.database.unit_of_work() as work:
            record(
                work,
                actor=_actor(),
                action="delivery.replayed",
                subject_kind="delivery",
                subject_id=str(id_),
            )
    click.echo(f"{len(ids)} to be sent again by the worker.")


def _actor() -> str:
    return f"{COMMAND_ACTOR}{output.user_of_system()}"


def _record(work: UnitOfWork, done: str, endpoint: Endpoint) -> None:
    record_endpoint(work, done, endpoint, actor=_actor())


def _print_secret(made: NewSecret, *, as_json: bool) -> None:
    if as_json:
        output.print_json({"secret": made.secret, **_json(made.endpoint)})
        return
    click.echo(f"{made.endpoint.id}  {made.endpoint.url}", err=True)
    click.echo(made.secret)
    click.echo("Give it to the receiver now: it is not shown again.", err=True)


def _json(endpoint: Endpoint) -> dict[str, object]:
    return {**asdict(endpoint), "event_types": list(endpoint.event_types)}


def _summary(endpoint: Endpoint) -> dict[str, object]:
    state = "active" if endpoint.active else f"disabled ({endpoint.disabled_why})"
    return {
        "id": endpoint.id,
        "url": endpoint.url,
        "events": ", ".join(endpoint.event_types) or "all",
        "state": state,
        "failures": endpoint.failures,
        "failing_since": endpoint.failing_since,
        "description": endpoint.description,
    }


def _line(sent: SentWebhook) -> dict[str, object]:
    return {
        "id": sent.id,
        "type": sent.type,
        "endpoint_id": sent.endpoint_id,
        "state": sent.state,
        "attempts": sent.attempts,
        "status": sent.last_status,
        "next_attempt_at": sent.next_attempt_at,
        "error": sent.last_error,
    }

"""`coinpurse messages`."""

from __future__ import annotations

from dataclasses import asdict
from uuid import UUID

import click

from coinpurse.cli import output
from coinpurse.errors import NotFound
from coinpurse.notifications import BACK_OFF, STATES, Delivery
from coinpurse.outbox import TYPES, Message


@click.group(cls=output.Group)
def messages() -> None:
    """What was announced to buyers, operators and other programs."""


@messages.command("list")
@click.option("--type", "type_", type=click.Choice(list(TYPES)), help="Only these.")
@click.option("--state", type=click.Choice(STATES), help="Only with a delivery in this state.")
@output.limit
@output.as_json
def list_(type_: str | None, state: str | None, limit: int, as_json: bool) -> None:
    """List messages and how their deliveries stand, newest first."""
    notifications = output.purse_of_environment().notifications
    found = notifications.latest(type_=type_, state=state, limit=limit)
    rows = [_summary(message, deliveries) for message, deliveries in found]
    output.print_rows(rows, as_json=as_json, empty="No messages.")


@messages.command()
@click.argument("message_id", type=click.UUID)
def show(message_id: UUID) -> None:
    """Show one message with its deliveries and their attempts."""
    found = output.purse_of_environment().notifications.find(message_id)
    if found is None:
        raise NotFound("message", str(message_id))
    message, deliveries = found
    output.print_json(
        {
            **asdict(message),
            "deliveries": [
                {**asdict(delivery), "tried": [asdict(attempt) for attempt in attempts]}
                for delivery, attempts in deliveries
            ],
        }
    )


@messages.command()
@click.argument("id_", metavar="[ID]", type=click.UUID, required=False)
@click.option("--dead", is_flag=True, help="All dead deliveries.")
@click.option("--channel", type=click.Choice(list(BACK_OFF)), help="With --dead: only of this one.")
def replay(id_: UUID | None, dead: bool, channel: str | None) -> None:
    """Have the worker send again: one delivery, what one message has not delivered, or all that is dead."""
    if (id_ is None) != dead or (channel and not dead):
        raise click.UsageError("Give the id of a message or of a delivery, or --dead.")
    notifications = output.purse_of_environment().notifications
    if id_ is not None:
        notifications.replay(id_)
        click.echo("The worker sends it again.")
    else:
        click.echo(f"Deliveries that the worker sends again: {notifications.replay_dead(channel)}.")


def _summary(message: Message, deliveries: list[Delivery]) -> dict[str, object]:
    return {
        "id": message.id,
        "type": message.type,
        "user_id": message.user_id,
        "payment_id": message.payment_id,
        "created_at": message.created_at,
        "deliveries": ", ".join(f"{each.channel} {each.state}" for each in deliveries),
    }

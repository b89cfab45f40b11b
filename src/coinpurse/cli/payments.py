"""`coinpurse payments`."""

from __future__ import annotations

from dataclasses import asdict

import click

from coinpurse.cli import output
from coinpurse.errors import NotFound
from coinpurse.purchases import STATUSES, Payment


@click.group()
def payments() -> None:
    """What buyers paid, or tried to."""


@payments.command("list")
@click.option("--status", type=click.Choice(STATUSES), help="Only these.")
@click.option("--review", is_flag=True, help="Only payments that a person must look at.")
@output.limit
@output.as_json
def list_(status: str | None, review: bool, limit: int, as_json: bool) -> None:
    """List payments, newest first."""
    found = output.purse_of_environment().all_payments(status=status, in_review=review, limit=limit)
    rows: list[dict[str, object]] = [_summary(payment) for payment in found]
    output.print_rows(rows, as_json=as_json, empty="No payments.")


@payments.command()
@click.argument("id_or_session")
def show(id_or_session: str) -> None:
    """Show one payment, by its id or by Stripe's session id."""
    payment = output.purse_of_environment().find_payment(id_or_session)
    if payment is None:
        raise NotFound("payment", id_or_session)
    facts = asdict(payment)
    del facts["request_digest"], facts["price"]
    output.print_json(
        {**facts, "amount": str(payment.price.major), "currency": payment.price.currency}
    )


def _summary(payment: Payment) -> dict[str, object]:
    return {
        "id": payment.id,
        "user_id": payment.user_id,
        "status": "in review" if payment.is_in_review else payment.status,
        "coins": payment.total_coins,
        "amount": f"{payment.price.major} {payment.price.currency.upper()}",
        "session_id": payment.session_id,
        "created_at": payment.created_at,
    }

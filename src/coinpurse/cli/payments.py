"""`coinpurse payments`."""

from __future__ import annotations

import re
import secrets
from dataclasses import asdict
from decimal import Decimal

import click

from coinpurse.cli import output
from coinpurse.errors import InvalidRequest, NotFound
from coinpurse.extension import Coinpurse
from coinpurse.money import Money
from coinpurse.purchases import STATUSES, Payment
from coinpurse.refunds import (
    REASONS,
    Decision,
    History,
    RefundPreview,
    RefundRequest,
    decisions_for,
    history_of,
)

AMOUNT = re.compile(r"[0-9]{1,13}(?:\.[0-9]{1,9})?")


@click.group(cls=output.Group)
def payments() -> None:
    """What buyers paid, or tried to, and giving it back."""


@payments.command("list")
@click.option("--status", type=click.Choice(STATUSES), help="Only these.")
@click.option("--review", is_flag=True, help="Only payments that a person must look at, and why.")
@output.limit
@output.as_json
def list_(status: str | None, review: bool, limit: int, as_json: bool) -> None:
    """List payments, newest first."""
    found = output.purse_of_environment().all_payments(status=status, in_review=review, limit=limit)
    rows = [{**_summary(payment), **(_review(payment) if review else {})} for payment in found]
    output.print_rows(rows, as_json=as_json, empty="No payments.")


@payments.command()
@click.argument("id_or_session")
def show(id_or_session: str) -> None:
    """Show one payment, by its id or by Stripe's session id, and what came after it."""
    purse = output.purse_of_environment()
    payment = _known_payment(purse, id_or_session)
    with purse.database.unit_of_work() as work:
        history = history_of(work, payment)
    facts = asdict(payment)
    del facts["request_digest"], facts["price"]
    output.print_json(
        {
            **facts,
            "amount": str(payment.price.major),
            "currency": payment.price.currency,
            "resolve_with": decisions_for(payment),
            **_after_the_sale(history),
        }
    )


@payments.command()
@click.argument("id_or_session")
@click.option(
    "--amount", help="How much, such as 49.99 in the payment's currency; default: all that is left."
)
@click.option("--reason", type=click.Choice(REASONS), help="What Stripe is told.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--key", help="An idempotency key, so that a repeat of the command changes nothing.")
@output.actor
@output.as_json
def refund(
    id_or_session: str,
    amount: str | None,
    reason: str | None,
    yes: bool,
    key: str | None,
    actor: str,
    as_json: bool,
) -> None:
    """Give a payment's money back, whole or in part, and take back the coins that go with it.

    Says first what becomes of the coins, and asks. Exits 1 where Stripe has not answered yet; the worker goes on.
    """
    if as_json and not yes:
        raise click.UsageError("--json asks nothing: give --yes too.")
    purse = output.purse_of_environment()
    payment = _known_payment(purse, id_or_session)
    amount_minor = None if amount is None else _read_amount(amount, payment)
    if not yes:
        click.echo(
            _what_happens(payment, purse.preview_refund(payment.id, amount_minor))
            if payment.is_credited
            else f"Gives back all that {payment.user_id} paid; no coins were credited for it."
        )
        click.confirm("Give the money back?", abort=True)
    key = key or f"refund:{secrets.token_hex(16)}"
    output.record(
        purse,
        "payment.refund",
        "payment",
        str(payment.id),
        amount_minor=amount_minor,
        stripe_reason=reason,
        decided_by=actor,
        key=key,
    )
    made = purse.refund(payment.id, amount_minor, reason=reason, key=key, actor=actor)
    payment = _known_payment(purse, str(payment.id))
    if as_json:
        output.print_json({**asdict(made), "payment_status": payment.status})
    else:
        click.echo(_what_happened(payment, made))
    if made.state == "requested":
        raise SystemExit(output.FOUND_SOMETHING)


@payments.command()
@click.argument("id_or_session")
@click.option("--credit", "decision", flag_value="credit", help="Give the coins that were sold.")
@click.option("--refund", "decision", flag_value="refund", help="Give back the money in question.")
@click.option("--dismiss", "decision", flag_value="dismiss", help="It was dealt with elsewhere.")
@click.option("--reason", required=True, help="Why; it is kept.")
@output.actor
@output.as_json
def resolve(
    id_or_session: str, decision: Decision | None, reason: str, actor: str, as_json: bool
) -> None:
    """Settle a payment in review; `payments list --review` shows what may settle each."""
    if decision is None:
        raise click.UsageError("Say how: --credit, --refund or --dismiss.")
    purse = output.purse_of_environment()
    payment = _known_payment(purse, id_or_session)
    output.record(
        purse,
        "payment.review",
        "payment",
        str(payment.id),
        reason=reason,
        decision=decision,
        decided_by=actor,
    )
    settled = purse.resolve_review(payment.id, decision, reason=reason, actor=actor)
    output.print_rows(
        [{**_summary(settled), "note": settled.review_note}], as_json=as_json, empty=""
    )
    if settled.is_in_review:
        click.echo(
            "Stripe has not answered yet: the worker asks again, and then it is settled.", err=True
        )
        raise SystemExit(output.FOUND_SOMETHING)


def _known_payment(purse: Coinpurse, id_or_session: str) -> Payment:
    payment = purse.find_payment(id_or_session)
    if payment is None:
        raise NotFound("payment", id_or_session)
    return payment


def _read_amount(text: str, payment: Payment) -> int:
    if AMOUNT.fullmatch(text) is None:
        raise InvalidRequest("amount", f"{text[:40]!r} is not an amount such as 49.99")
    if not payment.is_credited:
        # What Stripe took may be another amount, in another currency.
        raise InvalidRequest("amount", "no coins were credited for this payment: leave it out")
    return Money.from_major(Decimal(text), payment.price.currency).amount_minor


def _what_happens(payment: Payment, preview: RefundPreview) -> str:
    amount = _in_words(Money(preview.amount_minor, preview.currency))
    coins = f"takes back {preview.coins} of {payment.total_coins} coins"
    spent = [
        f"{count} were spent and {end}"
        for count, end in ((preview.owed, "become debt"), (preview.forgiven, "are forgiven"))
        if count
    ]
    return "; ".join([f"Gives back {amount} to {payment.user_id} and {coins}", *spent]) + "."


def _what_happened(payment: Payment, made: RefundRequest) -> str:
    amount = (
        _in_words(Money(made.amount_minor, payment.price.currency))
        if payment.is_credited
        else f"{made.amount_minor} minor units"
    )
    if made.state == "requested":
        return (
            f"Stripe has not answered. The worker asks it again; {amount} will be given back once.\n"
            f"Look again with --key {made.request_key}"
        )
    return f"{amount} given back ({made.refund_id}); the payment is {_words(payment.status)}."


def _words(status: str) -> str:
    return status.replace("_", " ")


def _in_words(money: Money) -> str:
    return f"{money.major} {money.currency.upper()}"


def _after_the_sale(history: History) -> dict[str, object]:
    """What came after a payment, without what its row says already."""
    kinds: dict[str, tuple[list[dict[str, object]], tuple[str, ...]]] = {
        "refunds": ([asdict(each) for each in history.refunds], ("payment_intent_id", "metadata")),
        "disputes": (
            [asdict(each) for each in history.disputes],
            ("payment_intent_id", "livemode"),
        ),
        "fraud_warnings": (
            [asdict(each) for each in history.warnings],
            ("payment_intent_id", "livemode"),
        ),
        "refund_requests": ([asdict(each) for each in history.requests], ("payment_id",)),
    }
    return {
        name: [{key: row[key] for key in row if key not in hidden} for row in rows]
        for name, (rows, hidden) in kinds.items()
    }


def _summary(payment: Payment) -> dict[str, object]:
    return {
        "id": payment.id,
        "user_id": payment.user_id,
        "status": "in review" if payment.is_in_review else payment.status,
        "coins": payment.total_coins,
        "amount": _in_words(payment.price),
        "session_id": payment.session_id,
        "created_at": payment.created_at,
    }


def _review(payment: Payment) -> dict[str, object]:
    return {
        "reason": payment.review_reason,
        "resolve_with": " ".join(f"--{decision}" for decision in decisions_for(payment)),
    }

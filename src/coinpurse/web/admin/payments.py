"""Payments: the list, and one payment with all that happened to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar
from uuid import UUID

from flask import Response

from coinpurse.back_office import Column, Row
from coinpurse.ledger import Wallet
from coinpurse.purchases import Payment
from coinpurse.refunds import History, history_of
from coinpurse.web.access import current_purse
from coinpurse.web.admin import frame
from coinpurse.web.admin.list_words import label_of
from coinpurse.web.admin.lists import Cell, ListPage
from coinpurse.web.admin.refunding import Refunding, get_payment
from coinpurse.web.admin.reviewing import Cancelling, Reviewing, can_be_closed
from coinpurse.web.admin.timeline import shown
from coinpurse.web.admin.views import expose, link_to
from coinpurse.web.admin.words import (
    DISPUTE_REASONS,
    DISPUTE_STATUSES,
    FRAUD_WARNING,
    IN_REVIEW,
    PAYMENT_STATUSES,
    REFUND_STATUSES,
    REQUEST_STATES,
    TEST_MODE,
    Words,
    words_of,
)
from coinpurse.web.language import lazy_gettext as _


class Payments(Refunding, Reviewing, Cancelling, ListPage):
    """Every checkout that was started, paid or not."""

    page = "payments"
    title = _("Payments")
    group = frame.SALES
    listing_name = "payments"
    states: ClassVar[Mapping[str, Mapping[str, Words]]] = {"status": PAYMENT_STATUSES}
    hidden = frozenset(
        {
            "id",
            "buyer_email",
            "in_review",
            "currency",
            "session_id",
            "payment_intent_id",
            "livemode",
            "completed_at",
        }
    )
    quiet = frozenset({"user"})
    nothing = _("No payment yet")
    hint = _("Each checkout that a buyer starts is listed here, whether it is paid or not.")
    search_hint = _("E-mail, order number, pi_…, cs_…")

    def cell(self, column: Column, row: Row) -> Cell:
        """The status says too where a person must look."""
        if column.name == "status" and row["in_review"]:
            return Cell(label_of("status"), "status", words=IN_REVIEW)
        return super().cell(column, row)

    def link_of(self, row: Row) -> str | None:
        """To the payment."""
        return link_to("payments", "show", payment_id=row["id"])

    @expose("/<uuid:payment_id>/")
    def show(self, payment_id: UUID) -> Response:
        """One payment: what was sold, how it stands, everything that happened, and what can be done."""
        payment = get_payment(payment_id)
        purse = current_purse()
        with purse.database.unit_of_work() as work:
            history = history_of(work, payment)
        return self.render(
            "payment.html",
            heading=_("Payment of %(amount)s") % {"amount": _price(payment)},
            back={"link": link_to("payments"), "name": self.title},
            payment=payment,
            badges=badges_of(payment),
            history=history,
            wallet=_wallet(payment),
            timeline=shown(reversed(purse.back_office.timeline(payment))),
            refundable=can_be_refunded(payment, history),
            closable=can_be_closed(payment),
            refund_words=lambda status: words_of(REFUND_STATUSES, status),
            request_words=lambda state: words_of(REQUEST_STATES, state),
            dispute_reasons=DISPUTE_REASONS,
            dispute_words=lambda status: words_of(DISPUTE_STATUSES, status),
        )


def badges_of(payment: Payment) -> list[Words]:
    """How a payment stands, at a glance."""
    badges = [words_of(PAYMENT_STATUSES, payment.status)]
    if payment.is_in_review:
        badges.append(IN_REVIEW)
    if payment.fraud_warning_at is not None:
        badges.append(FRAUD_WARNING)
    if not payment.livemode:
        badges.append(TEST_MODE)
    return badges


def can_be_refunded(payment: Payment, history: History) -> bool:
    """Whether some money is left to give back; Stripe has the last word."""
    asked = sum(each.amount_minor for each in history.requests if each.state == "requested")
    return (
        payment.payment_intent_id is not None
        and payment.is_credited
        and not payment.disputed_minor
        and payment.refunded_minor + asked < payment.paid.amount_minor
    )


def _wallet(payment: Payment) -> Wallet:
    return current_purse().wallet(payment.user_id)


def _price(payment: Payment) -> str:
    return frame.amount(payment.paid.amount_minor, payment.paid.currency)

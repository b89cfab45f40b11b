"""Settling a payment in review, and closing an open checkout."""

from __future__ import annotations

from uuid import UUID

from flask import Response
from werkzeug.wrappers import Response as AnyResponse

from coinpurse.back_office import Action, record
from coinpurse.db import UnitOfWork
from coinpurse.purchases import Payment
from coinpurse.refunds import Decision, decisions_for
from coinpurse.web import formatting, forms
from coinpurse.web.access import current_purse
from coinpurse.web.admin.refunding import get_payment
from coinpurse.web.admin.staff import name_of
from coinpurse.web.admin.views import Page, expose, go_to, is_reason, link_to, member_id, read_text
from coinpurse.web.admin.words import DECISIONS, Words
from coinpurse.web.language import gettext
from coinpurse.web.language import lazy_gettext as _

RESOLVE: Action = "resolve_review"
CANCEL: Action = "cancel_checkout"


class Reviewing(Page):
    """The pages that settle a review."""

    @expose("/<uuid:payment_id>/review")
    def review(self, payment_id: UUID) -> AnyResponse:
        """Ask what would settle it, and why."""
        self.require(RESOLVE)
        payment = get_payment(payment_id)
        return self._ask(payment) if payment.is_in_review else _settled(payment)

    @expose("/<uuid:payment_id>/review", methods=("POST",))
    def settle(self, payment_id: UUID) -> AnyResponse:
        """Show what the decision does; once that was confirmed, carry it out."""
        self.require(RESOLVE)
        payment = get_payment(payment_id)
        if not payment.is_in_review:
            return _settled(payment)
        decision, reason = _read_decision(payment), read_text()
        if decision is None:
            return self._ask(payment, reason, {"decision": _("Choose one of these.")})
        if not is_reason(reason):
            return self._ask(payment, reason, {"reason": _("Say why, in a few words.")}, decision)
        if forms.field("confirmed"):
            return self._carry_out(payment, decision, reason)
        return self.render(
            "confirm.html",
            heading=DECISIONS[decision][0],
            back=back_to(payment),
            effect=effect_of(payment, decision),
            facts={_("Buyer"): name_of(payment.user_id), _("Reason"): reason},
            action=link_to("payments", "settle", payment_id=payment.id),
            kept={"decision": decision, "reason": reason},
            label=DECISIONS[decision][0],
            busy=_("One moment …"),
        )

    def _ask(
        self,
        payment: Payment,
        reason: str = "",
        problems: dict[str, object] | None = None,
        chosen: str = "",
    ) -> Response:
        return self.render(
            "review.html",
            status=422 if problems else 200,
            heading=_("Settle this payment"),
            back=back_to(payment),
            payment=payment,
            decisions={name: DECISIONS[name] for name in decisions_for(payment)},
            chosen=chosen,
            reason=reason,
            problems=problems or {},
        )

    def _carry_out(self, payment: Payment, decision: Decision, reason: str) -> AnyResponse:
        def note(work: UnitOfWork, _settling: Payment) -> None:
            record(
                work,
                actor=member_id(),
                action="payment.review",
                subject_kind="payment",
                subject_id=str(payment.id),
                reason=reason,
                facts={"decision": decision},
            )

        after = current_purse().services.reviews.resolve(
            payment.id, decision, reason=reason, actor=member_id(), note=note
        )
        words = (
            Words(_("Stripe has not answered yet. The review closes once it has."), "wait", "clock")
            if after.is_in_review
            else Words(_("The payment is settled."), "good", "check")
        )
        return go_to(link_to("payments", "show", payment_id=payment.id), words)


class Cancelling(Page):
    """The page that closes an open checkout."""

    @expose("/<uuid:payment_id>/cancel")
    def cancel(self, payment_id: UUID) -> AnyResponse:
        """Say what closing does, and ask."""
        self.require(CANCEL)
        payment = get_payment(payment_id)
        return self.render(
            "confirm.html",
            heading=_("Close this checkout?"),
            back=back_to(payment),
            effect=gettext("The buyer can no longer pay it. If it was paid first, it stays paid."),
            facts={
                _("Buyer"): name_of(payment.user_id),
                _("Price"): formatting.money(payment.price),
            },
            action=link_to("payments", "close", payment_id=payment.id),
            kept={},
            asks_why=True,
            label=_("Close the checkout"),
            busy=_("Asking Stripe …"),
        )

    @expose("/<uuid:payment_id>/cancel", methods=("POST",))
    def close(self, payment_id: UUID) -> AnyResponse:
        """Close it at Stripe."""
        self.require(CANCEL)
        payment = get_payment(payment_id)
        link = link_to("payments", "show", payment_id=payment.id)
        if not can_be_closed(payment) or payment.session_id is None:
            return go_to(link, Words(_("This checkout is not open any more."), "calm", "cross"))
        current_purse().back_office.record(
            actor=member_id(),
            action="payment.cancel",
            subject_kind="payment",
            subject_id=str(payment.id),
            reason=read_text(),
        )
        after = current_purse().cancel_checkout(payment.session_id, payment.user_id).payment
        words = (
            Words(_("The checkout is closed."), "good", "check")
            if after.status == "cancelled"
            else Words(
                _("The checkout was not open any more; this is how it stands."), "calm", "dot"
            )
        )
        return go_to(link, words)


def can_be_closed(payment: Payment) -> bool:
    """Whether there is an open checkout at Stripe."""
    return (
        payment.status == "pending"
        and payment.session_id is not None
        and payment.settling_at is None
        and not payment.is_in_review
    )


def effect_of(payment: Payment, decision: Decision) -> object:
    """What a decision does, in one sentence."""
    facts = {
        "coins": formatting.coins(payment.total_coins),
        "buyer": name_of(payment.user_id),
    }
    if decision == "credit":
        return gettext("Credits %(coins)s coins to %(buyer)s.", **facts)
    if decision == "refund":
        return gettext(
            "Gives the money of this payment back to %(buyer)s. No coins are credited.", **facts
        )
    return gettext("Closes the review. No coins move, and no money.")


def back_to(payment: Payment) -> dict[str, object]:
    """The way back to a payment."""
    return {"link": link_to("payments", "show", payment_id=payment.id), "name": _("Payment")}


def _read_decision(payment: Payment) -> Decision | None:
    wanted = forms.field("decision")
    return next((each for each in decisions_for(payment) if each == wanted), None)


def _settled(payment: Payment) -> AnyResponse:
    words = Words(_("This payment waits for no decision any more."), "calm", "check")
    return go_to(link_to("payments", "show", payment_id=payment.id), words)

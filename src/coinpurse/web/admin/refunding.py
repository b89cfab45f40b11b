"""Giving money back: what to give, what it would do, and doing it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from babel.numbers import NumberFormatError, parse_decimal
from flask import Response
from werkzeug.wrappers import Response as AnyResponse

from coinpurse.back_office import Action, record
from coinpurse.db import UnitOfWork
from coinpurse.errors import DomainError, InvalidRequest, NotFound, Outdated
from coinpurse.money import Money
from coinpurse.purchases import Payment
from coinpurse.refunds import REASONS, RefundPreview, RefundRequest, history_of
from coinpurse.web import formatting, forms, language
from coinpurse.web.access import current_purse
from coinpurse.web.admin import frame
from coinpurse.web.admin.views import Page, expose, go_to, is_reason, link_to, member_id, read_text
from coinpurse.web.admin.words import REFUND_REASONS, Words, refusal_sentence
from coinpurse.web.language import gettext, ngettext
from coinpurse.web.language import lazy_gettext as _

REFUND: Action = "refund"
LONGEST_AMOUNT = 32
AMOUNT = re.compile(r"[0-9][0-9.,'’ \u00a0\u202f]*")


@dataclass(frozen=True, slots=True)
class Wish:
    """What the form says. amount: as it was typed; "" for all that is left. problems: by the fields' names."""

    part: str = "all"
    amount: str = ""
    reason: str = ""
    note: str = ""
    problems: dict[str, object] | None = None


class Refunding(Page):
    """The pages of a refund: a form, a confirmation that says what it does, and the result."""

    @expose("/<uuid:payment_id>/refund")
    def refund(self, payment_id: UUID) -> Response:
        """Ask how much, and why."""
        self.require(REFUND)
        return self._ask_how_much(get_payment(payment_id), Wish())

    @expose("/<uuid:payment_id>/refund", methods=("POST",))
    def give_back(self, payment_id: UUID) -> AnyResponse:
        """Show what the refund would do; once that was confirmed, make it."""
        self.require(REFUND)
        payment = get_payment(payment_id)
        if forms.field("confirmed"):
            return self._make(payment)
        wish = _read_wish()
        try:
            amount_minor = _read_amount(wish, payment)
            preview = current_purse().preview_refund(payment.id, amount_minor)
        except DomainError as error:
            words: object = (
                _("Write an amount such as 12.50, not above what is left.")
                if isinstance(error, InvalidRequest)
                else refusal_sentence(error)
            )
            return self._ask_how_much(payment, wish, {"amount": words})
        if not is_reason(wish.note):
            return self._ask_how_much(payment, wish, {"reason": _("Say why, in a few words.")})
        return self._confirm(payment, preview, wish)

    def _ask_how_much(
        self, payment: Payment, wish: Wish, problems: dict[str, object] | None = None
    ) -> Response:
        left: str | None = None
        try:
            preview = current_purse().preview_refund(payment.id)
            left = formatting.money(Money(preview.amount_minor, preview.currency))
        except DomainError as error:
            return self.render(
                "refusal.html",
                status=422,
                heading=_("Nothing can be given back"),
                advice=refusal_sentence(error),
                back=_back(payment),
            )
        return self.render(
            "refund.html",
            status=422 if problems else 200,
            heading=_("Give money back"),
            back=_back(payment),
            payment=payment,
            left=left,
            wish=wish,
            reasons={name: REFUND_REASONS[name] for name in REASONS},
            problems=problems or {},
        )

    def _confirm(
        self, payment: Payment, preview: RefundPreview, wish: Wish, *, changed: bool = False
    ) -> Response:
        return self.render(
            "refund_confirm.html",
            heading=_("Give back %(amount)s?") % {"amount": _amount(preview)},
            back=_back(payment),
            payment=payment,
            preview=preview,
            before=frame.amount(payment.paid.amount_minor - preview.left_minor, preview.currency)
            if preview.left_minor < payment.paid.amount_minor
            else None,
            effect=effect_of(preview),
            wish=wish,
            reason_words=REFUND_REASONS.get(wish.reason),
            shown=_fingerprint(preview),
            nonce=forms.new_nonce(),
            changed=changed,
        )

    def _make(self, payment: Payment) -> AnyResponse:
        nonce, wish = forms.read_nonce(), _read_wish()
        if nonce is None or not wish.note:
            raise forms.ExpiredForm
        key = f"office:{nonce}"
        done = _find_request(payment, key)
        if done is None:
            amount_minor = _whole_number(forms.field("amount_minor"))
            preview = current_purse().preview_refund(payment.id, amount_minor)
            if _fingerprint(preview) != forms.field("shown"):
                return self._confirm(payment, preview, wish, changed=True)
            try:
                done = current_purse().services.refunds.request(
                    payment.id,
                    amount_minor=amount_minor,
                    reason=wish.reason or None,
                    key=key,
                    actor=member_id(),
                    left_minor=preview.left_minor,
                    note=lambda work, _made: _record(work, payment, preview, wish),
                )
            except Outdated:
                preview = current_purse().preview_refund(payment.id, amount_minor)
                return self._confirm(payment, preview, wish, changed=True)
        return go_to(link_to("payments", "show", payment_id=payment.id), _result(done))


def get_payment(payment_id: UUID) -> Payment:
    """Return a payment. Raises NotFound."""
    payment = current_purse().find_payment(str(payment_id))
    if payment is None:
        raise NotFound("payment", str(payment_id))
    return payment


def effect_of(preview: RefundPreview) -> object:
    """What a refund does to the coins, in one sentence."""
    if preview.coins == 0:
        return gettext("No coins are taken back: the amount is too small for a whole coin.")
    facts = {
        "coins": formatting.coins(preview.coins),
        "taken": formatting.coins(preview.taken),
        "owed": formatting.coins(preview.owed),
        "forgiven": formatting.coins(preview.forgiven),
    }
    if preview.owed:
        words = ngettext(
            "Takes back %(taken)s of %(coins)s coins; %(owed)s was spent and becomes debt.",
            "Takes back %(taken)s of %(coins)s coins; %(owed)s were spent and become debt.",
            preview.owed,
            **facts,
        )
    elif preview.forgiven:
        words = ngettext(
            "Takes back %(taken)s of %(coins)s coins; %(forgiven)s was spent and is forgiven.",
            "Takes back %(taken)s of %(coins)s coins; %(forgiven)s were spent and are forgiven.",
            preview.forgiven,
            **facts,
        )
    else:
        words = ngettext(
            "Takes back %(coins)s coin. None was spent.",
            "Takes back all %(coins)s coins that go with it. None were spent.",
            preview.coins,
            **facts,
        )
    return words


def _read_wish() -> Wish:
    reason = forms.field("stripe_reason")
    return Wish(
        part="some" if forms.field("part") == "some" else "all",
        amount=forms.field("amount").strip()[:LONGEST_AMOUNT],
        reason=reason if reason in REASONS else "",
        note=read_text(),
    )


def _read_amount(wish: Wish, payment: Payment) -> int | None:
    """The amount that was typed, in minor units; None for all. Raises InvalidRequest."""
    return None if wish.part == "all" else read_amount(wish.amount, payment.paid.currency)


def read_amount(typed: str, currency: str) -> int:
    """Return an amount as the reader writes it, in minor units. Raises InvalidRequest."""
    try:
        # Python would also take 1e5 and 1_0, which nobody means who types an amount.
        if AMOUNT.fullmatch(typed) is None:
            raise ValueError
        amount = parse_decimal(typed, locale=language.reader_locale(), strict=True)
    except (NumberFormatError, ValueError):
        raise InvalidRequest("amount", "is not an amount") from None
    money = Money.from_major(Decimal(amount), currency)
    if not money.amount_minor:
        raise InvalidRequest("amount", "is nothing")
    return money.amount_minor


def _whole_number(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 15:
        raise forms.ExpiredForm
    return int(text)


def _fingerprint(preview: RefundPreview) -> str:
    facts = (
        preview.amount_minor,
        preview.taken,
        preview.owed,
        preview.forgiven,
        preview.left_minor,
    )
    return ".".join(map(str, facts))


def _record(work: UnitOfWork, payment: Payment, preview: RefundPreview, wish: Wish) -> None:
    record(
        work,
        actor=member_id(),
        action="payment.refund",
        subject_kind="payment",
        subject_id=str(payment.id),
        reason=wish.note,
        facts={
            "amount_minor": preview.amount_minor,
            "currency": preview.currency,
            "coins": preview.coins,
            "owed": preview.owed,
        },
    )


def _find_request(payment: Payment, key: str) -> RefundRequest | None:
    with current_purse().database.unit_of_work() as work:
        requests = history_of(work, payment).requests
    return next((each for each in requests if each.request_key == key), None)


def _amount(preview: RefundPreview) -> str:
    return frame.amount(preview.amount_minor, preview.currency)


def _result(done: RefundRequest) -> Words:
    amount = frame.amount(done.amount_minor, done.currency)
    if done.state == "made":
        return Words(_("%(amount)s is on its way back.") % {"amount": amount}, "good", "check")
    if done.state == "refused":
        return Words(
            _("Stripe refused to give back %(amount)s.") % {"amount": amount}, "warn", "cross"
        )
    words = _("Stripe has not answered about %(amount)s yet. The worker goes on asking.")
    return Words(words % {"amount": amount}, "wait", "clock")


def _back(payment: Payment) -> dict[str, object]:
    return {"link": link_to("payments", "show", payment_id=payment.id), "name": _("Payment")}

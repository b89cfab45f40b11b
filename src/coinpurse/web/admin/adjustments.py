"""Corrections by hand: asking for one, and deciding those that wait."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from uuid import UUID

from flask import Response, request
from werkzeug.wrappers import Response as AnyResponse

from coinpurse.back_office import (
    Action,
    Adjustment,
    AdjustmentDecision,
    AdjustmentPreview,
    Column,
    Row,
)
from coinpurse.errors import DomainError, NotFound, Outdated
from coinpurse.ledger.rules import MAXIMUM_COINS
from coinpurse.web import formatting, forms
from coinpurse.web.access import current_purse
from coinpurse.web.admin import frame, words
from coinpurse.web.admin.lists import Cell, ListPage
from coinpurse.web.admin.people import SENT_BEFORE, Named, has_accounts, read_named
from coinpurse.web.admin.staff import current_may, name_of
from coinpurse.web.admin.views import expose, go_to, is_reason, link_to, member_id, read_text
from coinpurse.web.admin.words import refusal_sentence, words_of
from coinpurse.web.language import gettext
from coinpurse.web.language import lazy_gettext as _

REQUEST: Action = "request_adjustment"
DECIDE: Action = "decide_adjustment"
# Plain or in groups of three: what looks like a fraction must not become a hundred times as much.
COINS = re.compile(r"[0-9]{1,16}|[0-9]{1,3}([,. \u00a0\u202f'’])[0-9]{3}(?:\1[0-9]{3}){0,4}")
BALANCE = re.compile(r"-?[0-9]{1,16}")
DECISIONS: dict[str, AdjustmentDecision] = {"approve": "approve", "refuse": "refuse"}


@dataclass(frozen=True, slots=True)
class Wish:
    """What the form says. way: give or take. coins: as it was typed. problems: by the fields' names."""

    named: Named
    way: str = "give"
    typed: str = ""
    reason: str = ""
    coins: int = 0
    problems: dict[str, object] = field(default_factory=dict)


class Adjustments(ListPage):
    """What was corrected by hand, and what waits for a second person."""

    page = "adjustments"
    title = _("Adjustments")
    group = frame.COINS
    listing_name = "adjustments"
    states = {"state": words.ADJUSTMENT_STATES}  # noqa: RUF012  As the class it belongs to declares.
    hidden = frozenset({"id", "decided_at", "transaction_id"})
    nothing = _("Nothing was corrected yet")
    hint = _(
        "Give coins to somebody whom something went wrong for, or take those that came by mistake."
    )
    search_hint = _("E-mail or user id")

    def link_of(self, row: Row) -> str | None:
        """To the adjustment."""
        return link_to("adjustments", "show", adjustment_id=row["id"])

    def cell(self, column: Column, row: Row) -> Cell:
        """One cell; coins with their sign."""
        cell = super().cell(column, row)
        if column.name == "coins":
            return replace(cell, text=formatting.signed_coins(int(str(row["coins"]))))
        return cell

    def above(self) -> dict[str, object]:
        """A new one, for those who may ask for it."""
        return (
            {link_to("adjustments", "new"): _("Correct a wallet")} if current_may(REQUEST) else {}
        )

    @expose("/new")
    def new(self) -> Response:
        """Ask whose, how much and why. `user` may stand after the `?`."""
        self.require(REQUEST)
        return self._ask(Wish(Named(request.args.get("user", "")[:255])))

    @expose("/new", methods=("POST",))
    def ask(self) -> AnyResponse:
        """Show what it would do; once that was confirmed, ask for it. The same form asks once."""
        self.require(REQUEST)
        wish = _read_wish()
        if wish.problems or wish.named.problem:
            return self._ask(wish)
        office = current_purse().back_office
        try:
            preview = office.preview_adjustment(wish.named.user_id, wish.coins, actor=member_id())
            if not forms.field("confirmed"):
                return self._confirm(wish, preview)
            nonce = forms.read_nonce()
            if nonce is None:
                raise forms.ExpiredForm
            made = office.request_adjustment(
                wish.named.user_id,
                wish.coins,
                reason=wish.reason,
                actor=member_id(),
                key=f"office:{nonce}",
                balance=_read_balance(),
            )
        except Outdated:
            preview = office.preview_adjustment(wish.named.user_id, wish.coins, actor=member_id())
            return self._confirm(wish, preview, changed=True)
        except NotFound:
            problem = _("This user has no wallet that coins could be taken of.")
            return self._ask(wish, {"user": problem})
        except DomainError as error:
            return self._ask(wish, {"coins": refusal_sentence(error)})
        notice = words.ADJUSTMENT_STATES[made.state] if made.created else SENT_BEFORE
        return go_to(link_to("adjustments", "show", adjustment_id=made.id), notice)

    @expose("/<uuid:adjustment_id>")
    def show(self, adjustment_id: UUID) -> Response:
        """One adjustment, with what deciding it would do."""
        return self._show(_get(adjustment_id))

    @expose("/<uuid:adjustment_id>", methods=("POST",))
    def decide(self, adjustment_id: UUID) -> AnyResponse:
        """Approve, refuse or withdraw it. Of two who decide at once, one does."""
        decision, office = forms.field("decision"), current_purse().back_office
        adjustment = _get(adjustment_id)
        try:
            if decision == "withdraw":
                self.require(REQUEST)
                office.withdraw_adjustment(adjustment_id, actor=member_id())
            elif decision in DECISIONS:
                self.require(DECIDE)
                office.decide_adjustment(adjustment_id, DECISIONS[decision], actor=member_id())
            else:
                return self._show(adjustment, _("Choose one of these."))
        except DomainError as error:
            if error.code in ("role_too_low", "not_found"):
                raise
            return self._show(_get(adjustment_id), refusal_sentence(error))
        done = _get(adjustment_id)
        return go_to(
            link_to("adjustments", "show", adjustment_id=adjustment_id),
            words.ADJUSTMENT_STATES[done.state],
        )

    def _ask(self, wish: Wish, more: dict[str, object] | None = None) -> Response:
        problems = {**wish.problems, **(more or {})}
        if wish.named.problem:
            problems["user"] = wish.named.problem
        return self.render(
            "adjustment_new.html",
            status=422 if problems else 200,
            heading=_("Correct a wallet"),
            back=self._back(),
            wish=wish,
            problems=problems,
            by_email=has_accounts(),
            above=formatting.coins(current_purse().settings.approval_above),
        )

    def _confirm(
        self, wish: Wish, preview: AdjustmentPreview, *, changed: bool = False
    ) -> Response:
        return self.render(
            "confirm.html",
            heading=_("Correct this wallet?"),
            back={
                "link": link_to("adjustments", "new", user=wish.named.user_id),
                "name": self.title,
            },
            effect=_effect(preview),
            facts={
                _("Buyer"): name_of(wish.named.user_id),
                _("Coins"): formatting.signed_coins(wish.coins),
                _("Reason"): wish.reason,
                _("When"): _when(preview),
            },
            action=link_to("adjustments", "ask"),
            kept={
                "user": wish.named.user_id,
                "way": wish.way,
                "coins": str(abs(wish.coins)),
                "reason": wish.reason,
                "balance": str(preview.balance),
            },
            changed=changed,
            nonce=forms.new_nonce(),
            label=_("Ask for it") if preview.needs_approval else _("Correct it"),
            busy=_("One moment …"),
        )

    def _show(self, adjustment: Adjustment, problem: object = None) -> Response:
        waits = adjustment.state == "waiting"
        mine = adjustment.requested_by == member_id()
        return self.render(
            "adjustment.html",
            status=422 if problem else 200,
            heading=gettext(
                "%(coins)s for %(name)s",
                coins=formatting.signed_coins(adjustment.coins),
                name=name_of(adjustment.user_id),
            ),
            back=self._back(),
            adjustment=adjustment,
            words=words_of(words.ADJUSTMENT_STATES, adjustment.state),
            effect=_effect_now(adjustment) if waits else None,
            decides=waits and adjustment.may_be_decided_by(member_id()) and current_may(DECIDE),
            own=waits and mine,
            decisions=_decisions(mine=mine),
            problem=problem,
            wallet_link=link_to("wallets", "show", user=adjustment.user_id),
        )

    def _back(self) -> dict[str, object]:
        return {"link": link_to("adjustments"), "name": self.title}


def _decisions(*, mine: bool) -> list[tuple[str, object, str]]:
    """The buttons below one that waits: what each decides, its words and its look."""
    if mine:
        return [("withdraw", _("Withdraw it"), "secondary")]
    return [("approve", _("Approve"), "danger"), ("refuse", _("Refuse"), "secondary")]


def _get(adjustment_id: UUID) -> Adjustment:
    found = current_purse().back_office.find_adjustment(adjustment_id)
    if found is None:
        raise NotFound("adjustment", str(adjustment_id))
    return found


def _read_wish() -> Wish:
    way, typed, reason = forms.field("way"), forms.field("coins").strip(), read_text()
    coins = int(re.sub("[^0-9]", "", typed)) if COINS.fullmatch(typed) else 0
    problems: dict[str, object] = {}
    if way not in ("give", "take"):
        problems["way"] = _("Choose one of these.")
    if not 1 <= coins <= MAXIMUM_COINS:
        problems["coins"] = _("Write a whole number of coins, 1 or more.")
    if not is_reason(reason):
        problems["reason"] = _("Say why, in a few words.")
    signed = -coins if way == "take" else coins
    return Wish(read_named(), way, typed, reason, signed, problems)


def _read_balance() -> int:
    """The balance that the confirmation showed."""
    text = forms.field("balance")
    if BALANCE.fullmatch(text) is None:
        raise forms.ExpiredForm
    return int(text)


def _when(preview: AdjustmentPreview) -> object:
    """When it is to happen, and why not at once where the form does not show that."""
    if not preview.needs_approval:
        return _("at once")
    if preview.user_id == member_id():
        return _("once a second person agrees, because the wallet is your own")
    if not preview.adjusted_alone:
        return _("once a second person agrees")
    return gettext(
        "once a second person agrees, because with this you have adjusted %(coins)s coins in 24 hours",
        coins=formatting.coins(preview.adjusted_alone + abs(preview.coins)),
    )


def _effect(preview: AdjustmentPreview) -> str:
    before, after = formatting.coins(preview.balance), formatting.coins(preview.balance_after)
    if preview.is_new:
        return str(
            gettext(
                "This user has no wallet yet: one is made, with %(after)s coins in it.", after=after
            )
        )
    return str(
        gettext("The balance goes from %(before)s to %(after)s.", before=before, after=after)
    )


def _effect_now(adjustment: Adjustment) -> str | None:
    try:
        office = current_purse().back_office
        return _effect(
            office.preview_adjustment(
                adjustment.user_id, adjustment.coins, actor=adjustment.requested_by
            )
        )
    except NotFound:
        return None

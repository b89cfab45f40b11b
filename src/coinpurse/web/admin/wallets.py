"""Wallets: the list, and one wallet with where its coins come from and why it is what it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import Response, current_app, request
from werkzeug.wrappers import Response as AnyResponse

from coinpurse import ledger
from coinpurse.back_office import Action, Row, record
from coinpurse.errors import InvalidRequest, NotFound
from coinpurse.ledger import GrantStory, Transaction, Wallet
from coinpurse.ledger.rules import require_key, require_moment
from coinpurse.purchases import Payment
from coinpurse.web import formatting, forms, json_requests
from coinpurse.web.access import current_purse
from coinpurse.web.admin import frame
from coinpurse.web.admin.lists import ListPage
from coinpurse.web.admin.staff import name_of
from coinpurse.web.admin.views import expose, go_to, is_reason, link_to, member_id, read_text
from coinpurse.web.admin.words import BLOCKED, PAYMENT_STATUSES, Words, words_of
from coinpurse.web.language import gettext
from coinpurse.web.language import lazy_gettext as _
from coinpurse.web.transaction_words import changes_of
from coinpurse.web.transaction_words import words_of as transaction_words_of

UNBLOCK: Action = "unblock"
HISTORY_ROWS = 25
RECENT_PAYMENTS = 10
LARGEST_ID = 2**63 - 1
ADJUSTMENT_ENDPOINT = "coinpurse_admin_adjustments.new"

# What the sums of a grant's moves are called: the transaction's type to words.
MOVES: dict[str, object] = {
    "purchase": _("bought"),
    "grant": _("given"),
    "promotion": _("given"),
    "credit": _("given"),
    "adjustment": _("corrected"),
    "usage": _("spent"),
    "capture": _("spent"),
    "reversal": _("spending undone"),
    "expiry": _("expired"),
    "refund": _("refunded"),
    "dispute": _("disputed"),
    "restoration": _("restored"),
}
# Where coins came from, but for payments. A host has sources of its own, which go by their names.
SOURCES: dict[str, object] = {
    "promotion": _("Gift"),
    "adjustment": _("Correction"),
    "import": _("Import"),
}


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """A row of the ledger in words."""

    transaction: Transaction
    name: object
    icon: str
    description: str
    changes: list[str]


class Wallets(ListPage):
    """Everybody who has, or had, coins."""

    page = "wallets"
    title = _("Wallets")
    group = frame.COINS
    listing_name = "wallets"
    hidden = frozenset({"created_at"})
    nothing = _("No wallet yet")
    hint = _("A wallet is there from somebody's first coins on.")
    search_hint = _("E-mail or user id")

    def link_of(self, row: Row) -> str | None:
        """To the wallet."""
        return link_to("wallets", "show", user=str(row["user_id"]))

    @expose("/of")
    def show(self) -> Response:
        """One wallet. The user stands after the `?`: a host's ids may hold any character."""
        user_id = _read_user(request.args.get("user", ""))
        purse = current_purse()
        before = json_requests.query_number("before", least=1, most=LARGEST_ID, default=None)
        asked = request.args.get("at", "")
        problem, at = None, None
        try:
            at = _read_moment(asked)
        except InvalidRequest:
            problem = _("Write a day and a time such as 2026-11-01T12:00.")
        rows = purse.transactions(user_id, before=before, limit=HISTORY_ROWS + 1)
        wallet, payments = purse.wallet(user_id), purse.payments(user_id, limit=RECENT_PAYMENTS)
        if not (rows or before or payments or wallet.balance) and name_of(user_id) == user_id:
            raise NotFound("wallet", user_id)
        with purse.database.unit_of_work() as work:
            holds = ledger.open_holds(work, user_id)
        now = purse.explain(user_id)
        return self.render(
            "wallet.html",
            status=422 if problem else 200,
            heading=name_of(user_id),
            back={"link": link_to("wallets"), "name": self.title},
            user_id=user_id,
            wallet=wallet,
            badges=[BLOCKED] if wallet.blocked else [],
            grants=[grant for grant in reversed(now.grants) if grant.remaining],
            spent_grants=sum(1 for grant in now.grants if not grant.remaining),
            holds=holds,
            payments=[_payment_row(each) for each in payments],
            rows=[_in_words(row) for row in rows[:HISTORY_ROWS]],
            older_link=_older(user_id, rows),
            newest_link=link_to("wallets", "show", user=user_id) if before else None,
            adjustment_link=_adjustment_link(user_id),
            asked=asked,
            problem=problem,
            explanation=purse.explain(user_id, at) if at is not None else None,
            moves=moves_in_words,
            sources=SOURCES,
        )

    @expose("/unblock")
    def unblock(self) -> AnyResponse:
        """Say what it does, and ask why."""
        self.require(UNBLOCK)
        user_id = _read_user(request.args.get("user", ""))
        wallet = current_purse().wallet(user_id)
        return self._ask(wallet) if wallet.blocked else _is_free(user_id)

    @expose("/unblock", methods=("POST",))
    def set_free(self) -> AnyResponse:
        """Let the wallet spend again. A second click with the same form changes nothing."""
        self.require(UNBLOCK)
        user_id, reason, nonce = _read_user(forms.field("user")), read_text(), forms.read_nonce()
        if nonce is None:
            raise forms.ExpiredForm
        wallet = current_purse().wallet(user_id)
        if not wallet.blocked:
            return _is_free(user_id)
        if not is_reason(reason):
            return self._ask(wallet, _("Say why, in a few words."))
        with current_purse().database.unit_of_work() as work:
            row = ledger.unblock(
                work, user_id, key=f"office:{nonce}", reason=reason, actor=member_id()
            )
            # Two clicks at once both find it blocked; one of them frees it.
            if row.created:
                record(
                    work,
                    actor=member_id(),
                    action="wallet.unblock",
                    subject_kind="wallet",
                    subject_id=user_id,
                    reason=reason,
                )
        return _is_free(user_id)

    def _ask(self, wallet: Wallet, problem: object = None) -> Response:
        return self.render(
            "unblock.html",
            status=422 if problem else 200,
            heading=_("Let this wallet spend again?"),
            back={
                "link": link_to("wallets", "show", user=wallet.user_id),
                "name": name_of(wallet.user_id),
            },
            wallet=wallet,
            effect=_effect(wallet),
            nonce=forms.new_nonce(),
            problem=problem,
        )


def moves_in_words(grant: GrantStory) -> list[str]:
    """What became of a grant: `bought +1,000`, `spent −200`."""
    sums: dict[str, int] = {}
    for type_, coins in grant.moves.items():
        name = str(MOVES.get(type_, type_.replace("_", " ")))
        sums[name] = sums.get(name, 0) + coins
    return [f"{name} {formatting.signed_coins(coins)}" for name, coins in sums.items() if coins]


def _effect(wallet: Wallet) -> object:
    if wallet.debt:
        return gettext(
            "The wallet may spend again. Its debt of %(coins)s stays; the next credit repays it.",
            coins=formatting.coins(wallet.debt),
        )
    return gettext("The wallet may spend again.")


def _read_user(text: str) -> str:
    try:
        return require_key(text, field="user")
    except InvalidRequest:
        raise NotFound("wallet", "") from None


def _read_moment(text: str) -> datetime | None:
    """A moment in the zone of the back office, as date fields write it; None where none was asked for."""
    if not text.strip():
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise InvalidRequest("at", "is no moment") from None
    known = moment if moment.tzinfo is not None else moment.replace(tzinfo=frame.zone())
    return require_moment(known, field="at")


def _older(user_id: str, rows: Sequence[Transaction]) -> str | None:
    if len(rows) <= HISTORY_ROWS:
        return None
    return link_to("wallets", "show", user=user_id, before=rows[HISTORY_ROWS - 1].id)


def _adjustment_link(user_id: str) -> str | None:
    if ADJUSTMENT_ENDPOINT not in current_app.view_functions:
        return None
    return frame.address(ADJUSTMENT_ENDPOINT, user=user_id)


def _payment_row(payment: Payment) -> Mapping[str, object]:
    return {
        "link": link_to("payments", "show", payment_id=payment.id),
        "payment": payment,
        "words": words_of(PAYMENT_STATUSES, payment.status),
    }


def _in_words(row: Transaction) -> HistoryRow:
    words = transaction_words_of(row)
    return HistoryRow(
        transaction=row,
        name=words.name,
        icon=words.icon,
        description=row.description if words.described else "",
        changes=changes_of(row),
    )


def _is_free(user_id: str) -> AnyResponse:
    words = Words(_("This wallet may spend."), "good", "check")
    return go_to(link_to("wallets", "show", user=user_id), words)

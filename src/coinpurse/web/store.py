"""The buyers' pages: packs, the way to Stripe and back, and the wallet."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from flask import Blueprint, Response, abort, current_app, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from coinpurse.catalog import Pack
from coinpurse.errors import InvalidRequest, NotFound
from coinpurse.ledger import Transaction
from coinpurse.purchases import Payment, StartedCheckout, find_payment
from coinpurse.web import formatting, forms, json_requests, language, offers
from coinpurse.web.access import current_purse, current_user_id, limit_body
from coinpurse.web.pages import ASSET_SECONDS, answer_in_pages, keep_for, protect, render
from coinpurse.web.stages import decline_words, stage_of
from coinpurse.web.transaction_words import OUTCOMES, changes_of, words_of

SESSION_ID_PLACEHOLDER = "{CHECKOUT_SESSION_ID}"
LONGEST_SESSION_ID = 255
LARGEST_ID = 2**63 - 1
CURRENCY_COOKIE = "coinpurse_currency"
HISTORY_ROWS = 20
# Stripe closes a checkout after a day at most; some margin keeps a dead link off our pages.
RESUMABLE = timedelta(hours=23)
RECENT_PAYMENTS = 20
DIGITS = re.compile("[0-9]{1,13}")

blueprint = Blueprint(
    "coinpurse",
    __name__,
    template_folder="templates",
    static_folder="static",
    static_url_path="/assets",
)
blueprint.before_request(limit_body)
blueprint.before_request(forms.require_own_form)
blueprint.after_request(protect)
answer_in_pages(blueprint)


def default_urls() -> tuple[str, str]:
    """Return our own success and cancel addresses, for a checkout that names none.

    Raises InvalidRequest where the host leaves our pages out.
    """
    if "coinpurse.success" not in current_app.view_functions:
        raise InvalidRequest("success_url", language.gettext("is missing"))
    base = current_purse().settings.base_url
    return (
        f"{base}{url_for('coinpurse.success')}?session_id={SESSION_ID_PLACEHOLDER}",
        f"{base}{url_for('coinpurse.cancel')}",
    )


@blueprint.get("/")
def packs() -> Response:
    """The packs on sale, in the reader's currency."""
    catalog = current_purse().catalog
    currency = _currency()
    response = render(
        "packs.html",
        offers=offers.offers(current_purse(), currency, request.args.get("pack"))
        if currency
        else [],
        currency=currency,
        currencies=[
            {"code": code, "name": formatting.currency_name(code)} for code in catalog.currencies
        ],
        nonce=forms.new_nonce(),
        wanted=request.args.get("pack"),
    )
    if currency is not None and request.args.get("currency") == currency:
        language.remember(response, CURRENCY_COOKIE, currency)
    return response


@blueprint.route("/buy/<sku>", methods=["GET", "POST"])
def buy(sku: str) -> AnyResponse:
    """Send the buyer to Stripe. By GET, as after a log-in, back to the pack: a visit buys nothing."""
    if request.method == "GET":
        return redirect(url_for("coinpurse.packs", pack=sku, _anchor=sku), 303)
    user_id = current_user_id()
    if user_id is None:
        return _ask_for_log_in()
    currency = forms.field("currency")
    pack = current_purse().catalog.by_sku(sku, currency)
    nonce = forms.read_nonce()
    shown = forms.field("bonus")
    shown_bonus = int(shown) if DIGITS.fullmatch(shown) else None
    key = f"page:{nonce}:{sku}:{currency}" if nonce else None
    started = _start(user_id, pack, currency, key, shown_bonus)
    if nonce and not _is_open(started, user_id):
        # The page was kept from before an earlier purchase: this is a new one, not a double click.
        started = _start(user_id, pack, currency, None, shown_bonus)
    return redirect(started.checkout_url, 303)


@blueprint.get("/payment/success")
def success() -> AnyResponse:
    """How the payment really stands, whatever the address seems to say."""
    user_id = current_user_id()
    if user_id is None:
        return _ask_for_log_in()
    session_id = request.args.get("session_id", "")
    if (
        not session_id.isascii()
        or not session_id.isprintable()
        or len(session_id) > LONGEST_SESSION_ID
    ):
        raise NotFound("payment", "")
    found = current_purse().payment_status(session_id, user_id)
    stage = stage_of(found.payment)
    response = render(
        "success.html",
        payment=found.payment,
        stage=stage,
        new_balance=found.new_balance,
        why_declined=_why_declined(found.payment),
        resume_link=found.payment.checkout_url if stage.resumable else None,
        status_link=url_for("coinpurse_payment.status", session_id=session_id),
    )
    response.headers["Cache-Control"] = "no-store"
    # The address names the payment; no other site is told it.
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


@blueprint.get("/payment/cancel")
def cancel() -> Response:
    """Where Stripe's "back" leads. The checkout stays open: only the buyer's own click closes it."""
    user_id = current_user_id()
    payment = _resumable_payment(user_id) if user_id else None
    return render("cancel.html", payment=payment, why_declined=_why_declined(payment))


@blueprint.post("/payment/cancel")
def give_up() -> AnyResponse:
    """Close an open checkout and show how it ended: one that was paid first stays paid."""
    user_id = current_user_id()
    if user_id is None:
        return _ask_for_log_in()
    session_id = forms.field("session_id")
    if not session_id.isascii() or not session_id.isprintable():
        raise NotFound("payment", "")
    current_purse().cancel_checkout(session_id, user_id)
    return redirect(url_for("coinpurse.success", session_id=session_id), 303)


@blueprint.get("/wallet")
def wallet() -> AnyResponse:
    """The balance, and why it is what it is."""
    user_id = current_user_id()
    if user_id is None:
        return _ask_for_log_in()
    purse = current_purse()
    before = json_requests.query_number("before", least=1, most=LARGEST_ID, default=None)
    rows = purse.transactions(user_id, before=before, limit=HISTORY_ROWS + 1)
    shown = rows[:HISTORY_ROWS]
    return render(
        "wallet.html",
        wallet=purse.wallet(user_id),
        rows=_history(shown),
        older=shown[-1].id if len(rows) > HISTORY_ROWS else None,
        is_first=before is None,
        on_their_way=[
            row
            for row in purse.payments(user_id, limit=RECENT_PAYMENTS)
            if stage_of(row).name in ("settling", "review")
        ]
        if before is None
        else [],
    )


def _history(rows: Sequence[Transaction]) -> list[dict[str, object]]:
    """The rows of a page, in words; those of purchases with what became of them."""
    bought = [row.payment_id for row in rows if row.type == "purchase" and row.payment_id]
    with current_purse().database.unit_of_work() as work:
        payments = [find_payment(work, str(payment_id)) for payment_id in bought]
    outcomes: dict[object, object] = {
        each.id: OUTCOMES.get(each.status) for each in payments if each is not None
    }
    return [
        {
            "transaction": row,
            "words": words_of(row),
            "changes": changes_of(row),
            "outcome": outcomes.get(row.payment_id) if row.type == "purchase" else None,
        }
        for row in rows
    ]


@blueprint.after_request
def keep_assets(response: Response) -> Response:
    """Let browsers keep our files: their addresses change with their content."""
    if (
        request.endpoint == "coinpurse.static"
        and "v" in request.args
        and response.status_code == 200
    ):
        keep_for(response, ASSET_SECONDS, immutable=True)
    return response


def _ask_for_log_in() -> AnyResponse:
    """Send the visitor to the host's log-in, which leads back here; 401 where it has none."""
    login_manager = getattr(current_app, "login_manager", None)
    if login_manager is None:
        abort(401)
    return current_app.make_response(login_manager.unauthorized())


def _currency() -> str | None:
    """The reader's pick where it is on sale, else what is likely; None while nothing is on sale."""
    on_sale = current_purse().catalog.currencies
    if not on_sale:
        return None
    for code in (request.args.get("currency"), request.cookies.get(CURRENCY_COOKIE)):
        if code in on_sale:
            return code
    return formatting.likely_currency(on_sale)


def _start(
    user_id: str, pack: Pack, currency: str, key: str | None, shown_bonus: int | None
) -> StartedCheckout:
    success_url, cancel_url = default_urls()
    return current_purse().start_checkout(
        user_id,
        pack=pack.sku,
        currency=currency,
        success_url=success_url,
        cancel_url=cancel_url,
        key=key,
        locale=language.stripe_locale(),
        buyer_locale=language.buyer_locale(),
        shown_bonus=shown_bonus,
    )


def _is_open(started: StartedCheckout, user_id: str) -> bool:
    for payment in current_purse().payments(user_id, limit=RECENT_PAYMENTS):
        if payment.id == started.payment_id:
            return _is_resumable(payment)
    return False


def _resumable_payment(user_id: str) -> Payment | None:
    recent = current_purse().payments(user_id, limit=1)
    return recent[0] if recent and _is_resumable(recent[0]) else None


def _why_declined(payment: Payment | None) -> object:
    declined = payment is not None and stage_of(payment).name == "declined"
    return decline_words(payment) if payment is not None and declined else None


def _is_resumable(payment: Payment) -> bool:
    return (
        stage_of(payment).resumable
        and payment.checkout_url is not None
        and payment.cancel_requested_at is None
        and datetime.now(UTC) - payment.created_at < RESUMABLE
    )

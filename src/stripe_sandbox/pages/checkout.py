"""The hosted checkout: /c/pay/<session> and the bank's page behind it.

Views only translate between a browser and `hosted_checkout`, which holds the rules.
A decline answers 402 and a mistyped field 422, both with the form as the buyer left it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from flask import Blueprint, Response, current_app, redirect, render_template, request, url_for

from stripe_sandbox import dashboard_queries, hosted_checkout
from stripe_sandbox.hosted_checkout import (
    Challenge,
    Declined,
    HostedSession,
    Paid,
    PaymentDetails,
    PaymentResult,
    Processing,
)
from stripe_sandbox.pages.card_numbers import brand_of
from stripe_sandbox.pages.decline_words import Alert, decline_alert
from stripe_sandbox.pages.languages import Language, choose_language, translate
from stripe_sandbox.pages.listed_numbers import TEST_CARDS, TEST_IBANS, find_listed_number
from stripe_sandbox.pages.notices import WRONG_ORIGIN, Notice, notice_for
from stripe_sandbox.pages.order_view import method_view, order_view, web_address
from stripe_sandbox.pages.payment_form import FIELDS, PaymentForm, empty_form, read_payment_form
from stripe_sandbox.pages.security import (
    CHECKOUT_POLICY,
    add_page_headers,
    comes_from_our_page,
)

if TYPE_CHECKING:
    from stripe_sandbox.world import World

blueprint = Blueprint(
    "sandbox_checkout",
    __name__,
    template_folder="templates",
    static_folder="static",
    static_url_path="/sandbox-pages",
)

# Stripe holds the buyer back until the merchant has answered the webhook, at most this long.
REDIRECT_WAIT_SECONDS = 10.0


@blueprint.before_request
def refuse_foreign_forms() -> Response | None:
    """Answer 403 to a payment form that another site sent."""
    if request.method == "POST" and not comes_from_our_page(request):
        return _show_notice(WRONG_ORIGIN, None)
    return None


@blueprint.after_request
def add_headers(response: Response) -> Response:
    """Send the security headers with every page."""
    return add_page_headers(response, CHECKOUT_POLICY)


@blueprint.get("/c/pay/<session_id>")
def show_checkout(session_id: str) -> Response:
    """Show the form of an open session, or why there is none."""
    session = hosted_checkout.find(_world(), session_id)
    if session is None or session.status != "open":
        return _show_notice(notice_for(session), session)
    alert = decline_alert(request.args.get("declined")) if session.last_error else None
    form = empty_form(_offered(session), known_email=session.customer_email)
    return _show_form(session, form, alert=alert)


@blueprint.post("/c/pay/<session_id>")
def pay(session_id: str) -> Response:
    """Take the form: fill in a test number, or try to pay."""
    world = _world()
    session = hosted_checkout.find(world, session_id)
    if session is None or session.status != "open":
        return _show_notice(notice_for(session), session)
    if "fill" in request.form:
        return _fill_in(session, request.form["fill"])
    form = read_payment_form(
        request.form,
        offered_methods=_offered(session),
        known_email=_fixed_email(session),
        today=datetime.fromtimestamp(world.now(), UTC).date(),
    )
    if form.errors:
        return _show_form(session, form, http_status=422)
    result = hosted_checkout.pay(world, session_id, _payment_details(form))
    return _answer(session, form, result)


@blueprint.get("/c/pay/<session_id>/challenge/<challenge_id>")
def show_challenge(session_id: str, challenge_id: str) -> Response:
    """Show the page on which the bank asks the buyer."""
    session = hosted_checkout.find(_world(), session_id)
    if session is None or session.status != "open":
        return _show_notice(notice_for(session), session)
    language = _language(session)
    return _page(
        "challenge.html",
        language,
        order=order_view(session, language),
        links={"challenge": _link("resolve_challenge", session_id, challenge_id)},
    )


@blueprint.post("/c/pay/<session_id>/challenge/<challenge_id>")
def resolve_challenge(session_id: str, challenge_id: str) -> Response:
    """Take the buyer's answer to the bank. Anything but `pass` fails the authentication."""
    world = _world()
    session = hosted_checkout.find(world, session_id)
    if session is None or session.status != "open":
        return _show_notice(notice_for(session), session)
    passed = request.form.get("outcome") == "pass"
    result = hosted_checkout.resolve_challenge(world, session_id, challenge_id, passed=passed)
    if isinstance(result, Paid | Processing | Challenge):
        form = empty_form(_offered(session), known_email=session.customer_email)
        return _answer(session, form, result)
    declined = result.code if isinstance(result, Declined) else None
    return _see_other(_link("show_checkout", session_id, declined=declined))


def _answer(session: HostedSession, form: PaymentForm, result: PaymentResult) -> Response:
    """Turn what came of a payment into the next page."""
    match result:
        case Paid() | Processing():
            _world().wait_for_delivery(session.id, timeout=REDIRECT_WAIT_SECONDS)
            return _see_other(web_address(result.success_url) or _link("show_checkout", session.id))
        case Challenge():
            return _see_other(_link("show_challenge", session.id, result.id))
        case Declined():
            alert = decline_alert(result.decline_code, result.code, method=form.method)
            return _show_form(session, form, alert=alert, http_status=402)
        case _:
            if result.field not in FIELDS:
                # Paid or expired in another tab while this form was being filled in.
                return _see_other(_link("show_checkout", session.id))
            refused = replace(form, errors={result.field: result.message})
            return _show_form(session, refused, http_status=422)


def _payment_details(form: PaymentForm) -> PaymentDetails:
    return PaymentDetails(
        method=form.method,
        email=form.email,
        name=form.name,
        card_number=form.card_number,
        card_expiry=f"{form.expiry_month:02} / {form.expiry_year % 100:02}",
        card_cvc=form.cvc,
        iban=form.iban,
    )


def _fill_in(session: HostedSession, number: str) -> Response:
    """Show the form with a test number in it; what the buyer typed elsewhere stays."""
    entry = find_listed_number(number)
    values = {field: request.form.get(field, "").strip() for field in FIELDS}
    cvc = ""
    if entry is not None and entry.number.isdigit():
        values |= {"method": "card", "card_number": entry.grouped, "card_expiry": "12 / 34"}
        cvc = "1234"[: brand_of(entry.number).cvc_length]
    elif entry is not None:
        values |= {"method": "sepa_debit", "iban": entry.grouped}
    values["email"] = _fixed_email(session) or values["email"] or "buyer@example.com"
    values["name"] = values["name"] or "Ada Buyer"
    form = replace(empty_form(_offered(session), known_email=None), values=values)
    return _show_form(session, form, prefilled_cvc=cvc)


def _show_form(
    session: HostedSession,
    form: PaymentForm,
    *,
    alert: Alert | None = None,
    prefilled_cvc: str = "",
    http_status: int = 200,
) -> Response:
    """Render the checkout. The security code is never repeated, only filled in on request."""
    language = _language(session)
    offered = _offered(session)
    test_numbers = [*(TEST_CARDS.items() if "card" in offered else ())]
    test_numbers += TEST_IBANS.items() if "sepa_debit" in offered else ()
    response = _page(
        "checkout.html",
        language,
        order=order_view(session, language),
        methods=[method_view(method) for method in offered],
        fixed_email=_fixed_email(session),
        form=form,
        alert=alert,
        prefilled_cvc=prefilled_cvc,
        test_numbers=test_numbers,
        help_open=bool(prefilled_cvc),
        links={"pay": _link("pay", session.id), "cancel": web_address(session.cancel_url)},
        other_language=_other_language(session, language),
    )
    response.status_code = http_status
    return response


def _show_notice(notice: Notice, session: HostedSession | None) -> Response:
    way_back = None
    if session is not None:
        finished = session.status == "complete"
        way_back = web_address(session.success_url if finished else session.cancel_url)
    response = _page(
        "notice.html",
        _language(session),
        notice=notice,
        way_back=way_back,
        merchant_name=session.merchant_name if session else "",
    )
    response.status_code = notice.http_status
    return response


def _page(template: str, language: Language, **context: object) -> Response:
    def words(message: str, **values: object) -> str:
        return translate(language, message, **values)

    html = render_template(
        f"sandbox_pages/{template}", _=words, language=language, asset=_asset, **context
    )
    return Response(html, mimetype="text/html")


def _other_language(session: HostedSession, language: Language) -> dict[str, str]:
    other = Language.ENGLISH if language is Language.CHINESE else Language.CHINESE
    titles = {Language.ENGLISH: "English", Language.CHINESE: "简体中文"}
    link = url_for("sandbox_checkout.show_checkout", session_id=session.id, locale=other.value)
    return {"title": titles[other], "tag": other.value, "link": link}


def _language(session: HostedSession | None) -> Language:
    return choose_language(
        asked=request.args.get("locale"),
        session_locale=session.locale if session else None,
        accepted=request.accept_languages,
    )


def _offered(session: HostedSession) -> tuple[str, ...]:
    """Return the ways to pay; an order that costs nothing asks for none."""
    return session.payment_method_types if session.amount_minor else ()


def _fixed_email(session: HostedSession) -> str | None:
    """Return the address that the merchant set; one typed at an earlier try may still change."""
    body = dashboard_queries.find(_world(), session.id) or {}
    return body.get("customer_email")


def _link(
    view: str, session_id: str, challenge_id: str | None = None, declined: str | None = None
) -> str:
    """Return the address of one of these views, in the language that the reader asked for."""
    return url_for(
        f"sandbox_checkout.{view}",
        session_id=session_id,
        challenge_id=challenge_id,
        declined=declined,
        locale=request.args.get("locale"),
    )


def _asset(name: str) -> str:
    return url_for("sandbox_checkout.static", filename=name)


def _see_other(address: str) -> Response:
    return cast("Response", redirect(address, code=303))


def _world() -> World:
    return cast("World", current_app.extensions["stripe_sandbox"])

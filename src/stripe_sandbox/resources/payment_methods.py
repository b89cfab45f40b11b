"""/v1/payment_methods: test tokens, ready-made test methods, bank accounts"""

from __future__ import annotations

from collections.abc import Mapping

from stripe_sandbox import bank_accounts, events, test_cards
from stripe_sandbox.api.call import Call, Route, listing
from stripe_sandbox.api.errors import (
    ApiError,
    MalformedRequest,
    missing_parameter,
    resource_missing,
    unsupported,
)
from stripe_sandbox.api.pagination import page
from stripe_sandbox.api.parameters import (
    ADDRESS,
    Accepted,
    Choice,
    Integer,
    Metadata,
    NotModelled,
    Parameters,
    Rule,
    Shape,
    Text,
)
from stripe_sandbox.json_types import Json
from stripe_sandbox.objects import payment_method
from stripe_sandbox.payment_method_types import TYPES
from stripe_sandbox.resources import metadata
from stripe_sandbox.test_cards import TestCard
from stripe_sandbox.unit_of_work import UnitOfWork

REDISPLAY = Choice(("always", "limited", "unspecified"))
BILLING = Shape(
    {
        "address": ADDRESS,
        "email": Text(clearable=True),
        "name": Text(clearable=True),
        "phone": Text(clearable=True),
        "tax_id": Text(clearable=True),
    }
)
CARD = Shape(
    {
        "cvc": Text(),
        "exp_month": Integer(),
        "exp_year": Integer(),
        "networks": Accepted(),
        "number": Text(),
        "token": Text(),
    }
)
OTHER_TYPES = (
    "acss_debit affirm afterpay_clearpay alma amazon_pay au_becs_debit bancontact billie bizum blik "
    "cashapp crypto custom eps fpx giropay grabpay ideal interac_present kakao_pay klarna kr_card "
    "mb_way mobilepay multibanco naver_pay nz_bank_account p24 pay_by_bank payco paynow paypal payto "
    "pix promptpay revolut_pay samsung_pay satispay scalapay sofort sunbit swish twint upi zip"
)
# What creates a method; also taken as payment_method_data of intents.
DATA_RULES: Mapping[str, Rule] = {
    "allow_redisplay": REDISPLAY,
    "billing_details": BILLING,
    "card": CARD,
    "metadata": Metadata(),
    "radar_options": Accepted(),
    "sepa_debit": Shape({"iban": Text()}, ("iban",)),
    "type": Text(),
    **{name: Accepted() for name in TYPES if name not in {"card", "sepa_debit"}},
}
DATA = Shape(DATA_RULES, ("type",))
CREATE = Parameters(
    {
        **DATA_RULES,
        **dict.fromkeys(OTHER_TYPES.split(), NotModelled("this payment method")),
        "customer": NotModelled("Connect"),
        "payment_method": NotModelled("Connect"),
    }
)
UPDATE = Parameters(
    {
        "allow_redisplay": REDISPLAY,
        "billing_details": BILLING,
        "card": Shape({"exp_month": Integer(1), "exp_year": Integer(1), "networks": Accepted()}),
        "metadata": Metadata(),
        "payto": NotModelled("this payment method"),
        "us_bank_account": Accepted(),
    }
)
ATTACH = Parameters({"customer": Text(), "customer_account": Text()})
LIST = listing(
    {
        "allow_redisplay": REDISPLAY,
        "customer": Text(),
        "customer_account": Text(),
        "type": Text(),
    }
)


def resolve(work: UnitOfWork, identifier: str, param: str = "payment_method") -> Json:
    """Return a stored method, or a fresh one for a ready-made `pm_card_...` name."""
    if identifier.startswith("pm_card_"):
        card = test_cards.find_by_token(identifier)
        if card is not None:
            return payment_method.create_card(work, card)
    return work.get("payment_method", identifier, param)


def from_data(work: UnitOfWork, given: Json, path: str = "") -> Json:
    """Store the method that checked parameters describe."""
    kind = given.get("type")
    if kind is None:
        raise missing_parameter(f"{path}[type]" if path else "type")
    if kind not in TYPES:
        raise unsupported(f"{path}[type]" if path else "type", f"the payment method {kind}")
    billing = given.get("billing_details")
    data = metadata.created(given.get("metadata"))
    if kind == "card":
        details = given.get("card")
        if details is None:
            raise missing_parameter("card")
        card = _card(details)
        return payment_method.create_card(
            work,
            card,
            exp_month=details.get("exp_month"),
            exp_year=details.get("exp_year"),
            metadata=data,
            allow_redisplay=given.get("allow_redisplay", "unspecified"),
            billing=billing,
        )
    public, secret = _account(given, path) if kind == "sepa_debit" else ({}, kind)
    return payment_method.create(work, kind, public, secret=secret, metadata=data, billing=billing)


def create(work: UnitOfWork, call: Call) -> Json:
    """Create a method; it emits no event."""
    return from_data(work, call.parameters)


def retrieve(work: UnitOfWork, call: Call) -> Json:
    """Return a method."""
    return resolve(work, call.path["payment_method"])


def update(work: UnitOfWork, call: Call) -> Json:
    """Change a method's billing details, metadata or expiry."""
    stored = work.get("payment_method", call.path["payment_method"], "payment_method")
    given = call.parameters
    changed = dict(stored)
    if "metadata" in given:
        changed["metadata"] = metadata.merged(stored["metadata"], given["metadata"])
    if "billing_details" in given:
        both = stored["billing_details"] | given["billing_details"]
        changed["billing_details"] = payment_method.billing_details(both)
    if "allow_redisplay" in given:
        changed["allow_redisplay"] = given["allow_redisplay"]
    if "card" in given and stored["type"] == "card":
        dates = {name: value for name, value in given["card"].items() if name != "networks"}
        changed["card"] = stored["card"] | dates
    work.save(changed)
    events.emit(work, "payment_method.updated", changed, events.changed(stored, changed))
    return changed


def attach(work: UnitOfWork, call: Call) -> Json:
    """Attach a method to a customer; declining cards refuse here already."""
    if "customer" not in call.parameters:
        raise missing_parameter("customer")
    method = resolve(work, call.path["payment_method"])
    owner = work.get("customer", call.parameters["customer"], "customer")
    if method["customer"] is not None and method["customer"] != owner["id"]:
        raise ApiError(
            "The payment method you provided has already been attached to a customer.",
            code="payment_method_unexpected_state",
        )
    card = test_cards.BY_NUMBER.get(str(work.private(method["id"]).get("secret")))
    if card is not None and card.decline is not None and card.challenge == "none":
        decline = card.decline
        raise ApiError(
            decline.message,
            status=402,
            type="card_error",
            code=decline.code,
            param=decline.param or "",
            extra={
                "advice_code": decline.advice_code,
                "decline_code": decline.decline_code,
                "network_decline_code": decline.network_decline_code,
            },
        )
    method["customer"] = owner["id"]
    if "card" in method:
        method["card"]["checks"]["cvc_check"] = "pass"
    work.save(method)
    events.emit(work, "payment_method.attached", method)
    return method


def detach(work: UnitOfWork, call: Call) -> Json:
    """Detach a method from its customer."""
    method = work.get("payment_method", call.path["payment_method"], "payment_method")
    owner = method["customer"]
    if owner is None:
        raise ApiError(
            "The payment method you provided is not attached to a customer so detachment is "
            "impossible.",
        )
    method["customer"] = None
    work.save(method)
    events.emit(work, "payment_method.detached", method, {"customer": owner})
    return method


def list_(work: UnitOfWork, call: Call) -> Json:
    """List methods, of one customer or all."""
    filters = {name: call.parameters.get(name) for name in ("customer", "type")}
    return page(work, call, "payment_method", filters)


def _card(given: Json) -> TestCard:
    if "token" in given:
        card = test_cards.find_by_token(given["token"])
        if card is None:
            raise resource_missing("token", given["token"], "card[token]")
        return card
    number = "".join(given.get("number", "").split())
    if not number:
        raise missing_parameter("card[number]")
    for name in ("exp_month", "exp_year"):
        if name not in given:
            raise missing_parameter(f"card[{name}]")
    if not test_cards.passes_luhn(number):
        raise ApiError(
            "Your card number is incorrect.",
            status=402,
            type="card_error",
            code="incorrect_number",
            param="number",
        )
    return test_cards.BY_NUMBER.get(number) or TestCard(number, "unknown")


def _account(given: Json, path: str) -> tuple[Json, str]:
    prefix = f"{path}[sepa_debit]" if path else "sepa_debit"
    if "sepa_debit" not in given:
        raise missing_parameter(prefix)
    iban = bank_accounts.normalise(given["sepa_debit"]["iban"])
    if not bank_accounts.is_valid(iban) and iban not in bank_accounts.ACCOUNTS:
        raise MalformedRequest(
            "The IBAN you provided is invalid.",
            code="invalid_bank_account_iban",
            param=f"{prefix}[iban]",
        )
    return payment_method.iban_details(iban), iban


ROUTES = (
    Route("POST", "/v1/payment_methods", create, CREATE),
    Route("GET", "/v1/payment_methods", list_, LIST),
    Route("GET", "/v1/payment_methods/{payment_method}", retrieve),
    Route("POST", "/v1/payment_methods/{payment_method}", update, UPDATE),
    Route("POST", "/v1/payment_methods/{payment_method}/attach", attach, ATTACH),
    Route("POST", "/v1/payment_methods/{payment_method}/detach", detach),
)

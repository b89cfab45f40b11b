"""What reads the input of others, each as a function of bytes. What leaves one, but a refusal of ours, is a finding."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any

from flask import Flask, request
from werkzeug.exceptions import HTTPException

from coinpurse import Coinpurse, logs
from coinpurse.accounts import rules as account_rules
from coinpurse.back_office import read_query
from coinpurse.back_office.store.listings import LISTINGS
from coinpurse.catalog import Catalog
from coinpurse.catalog.service import load_catalog
from coinpurse.endpoints.rules import require_description, require_event_types
from coinpurse.endpoints.urls import read_url
from coinpurse.errors import CoinpurseError, WebhookRejected
from coinpurse.inbox.rules import REPORTS
from coinpurse.money import MAXIMUM_MINOR
from coinpurse.ports import StripeEvent
from coinpurse.settings import Settings
from coinpurse.stripe_gateway.events import read_payload
from coinpurse.stripe_gateway.signatures import TOLERANCE_SECONDS, verified_text
from coinpurse.web import forms, json_requests, service, service_fields, service_operations
from coinpurse.web.admin import adjustments, catalog_form, refunding

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SECRETS = ("whsec_fuzz_old", "whsec_fuzz_new")
BODIES = (
    service_fields.SPEND,
    service_fields.CREDIT,
    service_fields.HOLD,
    service_fields.CAPTURE,
    service_fields.VOID,
    service_fields.REVERSE,
    service_fields.REFUND,
    service_fields.CHECKOUT,
    service_fields.USAGE_ITEM,
    service.USAGE,
)
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data; boundary=b")
# The head of an input that has two parts ends here.
END = b"\n"


@contextmanager
def refusals_allowed() -> Iterator[None]:
    """Let pass what our handlers answer with a 4xx."""
    with suppress(CoinpurseError, HTTPException):
        yield


@cache
def app() -> Flask:
    """A host app whose database is never asked."""
    made = Flask("fuzz")
    made.secret_key = "x" * 32
    settings = Settings(
        stripe_secret_key="sk_test_fuzzing",
        stripe_webhook_secret=SECRETS[0],
        database_url="postgresql://nobody@127.0.0.1:1/nothing",
        _env_file=None,
    )
    Coinpurse(made, settings=settings, user_id=lambda: None)
    return made


@cache
def packaged_catalog() -> Catalog:
    """The sample that comes with us."""
    return load_catalog(None)


def read_signature(data: bytes) -> None:
    """A header and a body: only what was signed with one of the secrets, and lately, is let through."""
    header, _, body = data.partition(END)
    shown: str | None = header.decode("latin-1")
    if header.startswith(b"sign:"):
        shown = _signed(body, header.removeprefix(b"sign:"))
    with refusals_allowed():
        verified_text(body, shown, SECRETS, NOW)
        assert shown is not None
        _require_genuine(body, shown)


def _signed(body: bytes, how: bytes) -> str:
    """A right signature, at a time, with whatever else stands in the header."""
    at, _, more = how.decode("latin-1").partition(",")
    near = re.fullmatch("-?[0-9]{1,8}", at)
    stamp = str(int(NOW.timestamp()) + int(at)) if near else at
    return f"t={stamp},v1={_mac(SECRETS[1], stamp, body)}{',' if more else ''}{more}"


def _mac(secret: str, stamp: str, body: bytes) -> str:
    message = stamp.encode("utf-8", "replace") + b"." + body
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def _require_genuine(body: bytes, header: str) -> None:
    parts = [part.split("=", 2) for part in header.split(",")]
    (stamp, *_) = (part[1] for part in parts if part[0] == "t")
    given = {part[1] for part in parts if part[0] == "v1" and len(part) > 1}
    assert given & {_mac(secret, str(int(stamp)), body) for secret in SECRETS}, "nobody signed this"
    assert abs(int(stamp) - NOW.timestamp()) <= TOLERANCE_SECONDS, "this was signed at another time"


def read_event(data: bytes) -> None:
    """The payload of an event, and what it reports of a payment."""
    event = None
    with suppress(UnicodeDecodeError, WebhookRejected):
        event = read_payload(data.decode("utf-8"), NOW)
    if event is None:
        return
    _require_storable(event)
    known = REPORTS.get(event.type)
    if known is not None and isinstance(event.object, known[0]):
        report = known[1](event.object)
        assert report.livemode in (True, False)
        assert type(report.amount_minor) is int


def _require_storable(event: StripeEvent) -> None:
    """What becomes a column must be what PostgreSQL takes, or the event could not be kept."""
    assert event.event_at.utcoffset() is not None
    for text in (event.id, event.type, event.object_id, event.object_type, event.api_version or ""):
        _require_text(text)
    for name in getattr(event.object, "__slots__", ()):
        value = getattr(event.object, name)
        texts = [*value, *value.values()] if isinstance(value, dict) else [value]
        for text in texts:
            if isinstance(text, str):
                _require_text(text)


def _require_text(text: str) -> None:
    text.encode("utf-8")
    assert "\0" not in text


def read_body(data: bytes) -> None:
    """A JSON body: of each operation of the service API, and of the checkout contract."""
    head, _, body = data.partition(END)
    fields = BODIES[head[0] % len(BODIES)] if head else service_fields.SPEND
    with app().test_request_context("/", method="POST", data=body, content_type="application/json"):
        with refusals_allowed():
            sent = service_operations._read_body(needed=True)
            for item in sent["spends"] if isinstance(sent.get("spends"), list) else [sent]:
                with refusals_allowed():
                    _require_sound(service_fields.read_fields(item, fields))
        with refusals_allowed():
            order = json_requests.read_object()
            for name in ("pack", "currency", "success_url"):
                with refusals_allowed():
                    _require_text(json_requests.text(order, name))
            with refusals_allowed():
                price = json_requests.price(order, "price_usd", "usd")
                assert Decimal(str(order["price_usd"])) == price.major
            with refusals_allowed():
                assert 1 <= json_requests.whole_number(order, "coins", least=1) < 2**53


def _require_sound(values: dict[str, Any]) -> None:
    for name, value in values.items():
        if isinstance(value, str):
            _require_text(value)
        elif isinstance(value, datetime):
            assert value.tzinfo is UTC
        elif name in ("coins", "ttl_seconds", "amount_minor") and value is not None:
            assert type(value) is int
            assert 0 < value <= 2**53


def read_form(data: bytes) -> None:
    """A form: of a refund, an adjustment, a pack, an endpoint, a log-in."""
    head, _, body = data.partition(END)
    mime = FORMS[head[0] % len(FORMS)] if head else FORMS[0]
    purse = app().extensions["coinpurse"]
    with (
        app().test_request_context("/", method="POST", data=body, content_type=mime),
        refusals_allowed(),
    ):
        request.form  # noqa: B018  Read here, where it may be refused.
        forms.read_nonce()
        where = forms.own_path(request.form.get("next"))
        assert where is None or (where[0] == "/" and where[1:2] not in ("/", "\\"))
        _try(lambda: _require_text(account_rules.normalise_email(forms.field("email"))))
        _try(lambda: account_rules.normalise_password(forms.field("password")))
        account_rules.digest_of_address(forms.field("email"))
        _try(lambda: require_description(forms.field("description")))
        _try(lambda: require_event_types(request.form.getlist("event_types"), ("a.b",)))
        _try(lambda: read_url(forms.field("url").strip(), purse.services.webhook_reach))
        _try(_read_refund)
        coins = adjustments.COINS.fullmatch(forms.field("coins").strip())
        assert coins is None or int(re.sub("[^0-9]", "", coins[0])) < 10**16
        _try(_read_pack)


def _try(act: Callable[[], object]) -> None:
    with refusals_allowed():
        act()


def _read_refund() -> None:
    assert 0 < refunding.read_amount(refunding._read_wish().amount, "usd") <= MAXIMUM_MINOR


def _read_pack() -> None:
    catalog = packaged_catalog()
    _pack, packs = catalog_form.apply_form(catalog, catalog_form.read_form(catalog))
    for pack in packs:
        assert pack.coins > 0
        assert all(price.amount_minor > 0 for price in pack.prices.values())


def read_address(data: bytes) -> None:
    """What stands after the `?`: filters, days, cursors and page numbers."""
    query = data.decode("latin-1").replace("\n", "&")
    with app().test_request_context("/", query_string=query):
        address = request.args.to_dict()
        for listing in LISTINGS.values():
            with refusals_allowed():
                asked = read_query(listing, address, time_zone="America/New_York")
                _require_text("".join((asked.q, *asked.filters.values())))
        with refusals_allowed():
            limit = json_requests.query_number("limit", least=1, most=200, default=50)
            assert limit is not None
            assert 1 <= limit <= 200
        with refusals_allowed():
            json_requests.idempotency_key()


def read_line(data: bytes) -> None:
    """A log line with values of others: one line, and JSON."""
    text = data.decode("utf-8", "replace")
    logs.redact(text)
    line = logs.CONTROL.sub(logs._escaped, logs.redact(text))
    assert len(line.splitlines()) <= 1
    written = logs._json_without_secrets({"event": "x", "value": text, "many": [{text: text}]})
    assert json.loads(written)["value"] == logs.redact(text)
    assert len(written.splitlines()) == 1


TARGETS: dict[str, Callable[[bytes], None]] = {
    "signature": read_signature,
    "event": read_event,
    "body": read_body,
    "form": read_form,
    "address": read_address,
    "line": read_line,
}

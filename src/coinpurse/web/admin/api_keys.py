"""Keys of the service API: making one, which is shown once, and ending one."""

from __future__ import annotations

from functools import partial
from uuid import NAMESPACE_URL, uuid5

from flask import Response, request
from werkzeug.wrappers import Response as AnyResponse

from coinpurse.api_keys import CACHE_SECONDS, SCOPES, ApiKey
from coinpurse.back_office import Action, Row, record
from coinpurse.db import UnitOfWork
from coinpurse.errors import IdempotencyConflict, InvalidRequest, NotFound
from coinpurse.web import forms
from coinpurse.web.access import current_purse
from coinpurse.web.admin import frame
from coinpurse.web.admin.lists import ListPage
from coinpurse.web.admin.views import expose, go_to, link_to, member_id, read_text
from coinpurse.web.admin.words import Words
from coinpurse.web.language import gettext
from coinpurse.web.language import lazy_gettext as _

API_KEYS: Action = "api_keys"
MAY: dict[str, object] = {
    "read": _("See wallets, transactions and payments"),
    "spend": _("Spend, hold and reverse coins"),
    "grant": _("Give coins and correct balances"),
    "refund": _("Give money back"),
    "checkout": _("Open checkouts"),
}
MADE_BEFORE = Words(
    _(
        "This form was sent before, and its key was shown then. Revoke it if it was lost, and make another."
    ),
    "warn",
    "alert",
)


class ApiKeys(ListPage):
    """Every key, also the revoked ones."""

    page = "api_keys"
    title = _("API keys")
    group = frame.SETUP
    action = API_KEYS
    listing_name = "api_keys"
    link_column = "name"
    nothing = _("No key yet")
    hint = _(
        "Other backends call the service API with a key: to spend coins, to give them, to look."
    )
    search_hint = _("Name, or how it begins")

    def link_of(self, row: Row) -> str | None:
        """To the key."""
        return link_to("api_keys", "show", prefix=str(row["prefix"]))

    def above(self) -> dict[str, object]:
        """A new one."""
        return {link_to("api_keys", "new"): _("Make a key")}

    @expose("/new")
    def new(self) -> Response:
        """Ask what it is for, and what it may."""
        return self._ask()

    @expose("/new", methods=("POST",))
    def make(self) -> AnyResponse:
        """Make it and show it, this once. The same form makes one key, however often it is sent."""
        nonce = forms.read_nonce()
        if nonce is None:
            raise forms.ExpiredForm
        name, scopes = forms.field("name").strip(), request.form.getlist("scopes")[: len(SCOPES)]
        try:
            made = current_purse().api_keys.create(
                name,
                scopes,
                id_=uuid5(NAMESPACE_URL, f"coinpurse:{nonce}"),
                note=partial(_record, "api_key.create", scopes=scopes),
            )
        except IdempotencyConflict:
            return go_to(link_to("api_keys"), MADE_BEFORE)
        except InvalidRequest as error:
            return self._ask(name, scopes, wrong=error.field)
        return self.render(
            "api_key_made.html",
            heading=_("Copy the key now"),
            back=self._back(),
            key=made.key,
            text=made.text,
        )

    @expose("/of")
    def show(self) -> Response:
        """One key, and ending it."""
        key = _get_key(request.args.get("prefix", ""))
        return self.render(
            "api_key.html",
            heading=key.name,
            back=self._back(),
            key=key,
            scopes=[MAY.get(scope, scope) for scope in SCOPES if scope in key.scopes],
        )

    @expose("/revoke", methods=("POST",))
    def revoke(self) -> AnyResponse:
        """Ask whether it is to end; once that was confirmed, end it for good. Safe to repeat."""
        key = _get_key(forms.field("prefix"))
        if key.revoked_at is None and not forms.field("confirmed"):
            return self.render(
                "confirm.html",
                heading=_("Revoke this key?"),
                back={"link": link_to("api_keys", "show", prefix=key.prefix), "name": key.name},
                effect=gettext(
                    "Whoever calls with %(name)s is refused within %(seconds)s seconds, for good.",
                    name=key.name,
                    seconds=round(CACHE_SECONDS),
                ),
                facts={_("Begins with"): key.prefix},
                action=link_to("api_keys", "revoke"),
                kept={"prefix": key.prefix},
                asks_why=True,
                label=_("Revoke"),
                busy=_("One moment …"),
            )
        current_purse().api_keys.revoke(key.prefix, note=partial(_record, "api_key.revoke"))
        return go_to(link_to("api_keys"), Words(_("The key is revoked."), "good", "check"))

    def _ask(
        self, name: str = "", scopes: list[str] | None = None, wrong: str | None = None
    ) -> Response:
        problems = {
            "name": _("Write 1 to 100 printable characters."),
            "scopes": _("Choose at least one."),
        }
        return self.render(
            "api_key_new.html",
            status=422 if wrong else 200,
            heading=_("Make a key"),
            back=self._back(),
            name=name,
            chosen=scopes or [],
            scopes=[(scope, MAY.get(scope, scope)) for scope in SCOPES],
            problems={wrong: problems[wrong]} if wrong in problems else {},
            nonce=forms.new_nonce(),
        )

    def _back(self) -> dict[str, object]:
        return {"link": link_to("api_keys"), "name": self.title}


def _get_key(prefix: str) -> ApiKey:
    found = [key for key in current_purse().api_keys.list_all() if key.prefix == prefix]
    if not found:
        raise NotFound("key", prefix)
    return found[0]


def _record(action: str, work: UnitOfWork, key: ApiKey, **facts: object) -> None:
    record(
        work,
        actor=member_id(),
        action=action,
        subject_kind="api_key",
        subject_id=key.prefix,
        reason=read_text(),
        facts={"name": key.name, **facts},
    )

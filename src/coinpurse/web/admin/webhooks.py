"""Endpoints of outgoing webhooks: list, add, edit, a new secret, disable, test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar
from uuid import NAMESPACE_URL, UUID, uuid5

from flask import Response, request
from psycopg.errors import UniqueViolation
from werkzeug.wrappers import Response as AnyResponse

from coinpurse.back_office import Action, Row, record_endpoint
from coinpurse.db import UnitOfWork
from coinpurse.endpoints import EVENT_TYPES, Endpoint, NewSecret
from coinpurse.errors import InvalidRequest
from coinpurse.web import forms
from coinpurse.web.access import current_purse
from coinpurse.web.admin import deliveries, frame
from coinpurse.web.admin.lists import ListPage
from coinpurse.web.admin.views import expose, go_to, link_to, member_id, read_text
from coinpurse.web.admin.webhook_words import STATES, problem_of
from coinpurse.web.admin.words import Words, words_of
from coinpurse.web.language import lazy_gettext as _

WEBHOOKS: Action = "webhooks"
RECENT = 10


@dataclass(frozen=True, slots=True)
class Wish:
    """What the form says."""

    url: str = "https://"
    description: str = ""
    event_types: tuple[str, ...] = ()


class Webhooks(ListPage):
    """Who hears of what happens here."""

    page = "webhooks"
    title = _("Webhooks")
    group = frame.SETUP
    action = WEBHOOKS
    listing_name = "webhook_endpoints"
    states: ClassVar[Mapping[str, Mapping[str, Words]]] = {"state": STATES}
    hidden = frozenset({"id", "failing_since"})
    nothing = _("No endpoint yet")
    hint = _("Add the address of a system that should hear of payments, refunds and disputes.")

    def link_of(self, row: Row) -> str | None:
        """To the endpoint."""
        return _link(UUID(str(row["id"])))

    def above(self) -> Mapping[str, object]:
        """The way to a new one."""
        return {link_to("webhooks", "new"): _("Add an endpoint")}

    @expose("/new")
    def new(self) -> Response:
        """Ask where to send, and what."""
        return self._form(Wish())

    @expose("/new", methods=("POST",))
    def add(self) -> AnyResponse:
        """Make the endpoint and show its secret, this once."""
        self.require(WEBHOOKS)
        nonce, wish = forms.read_nonce(), _read_wish()
        if nonce is None:
            raise forms.ExpiredForm
        # The second click of two finds the row of the first.
        id_ = uuid5(NAMESPACE_URL, f"coinpurse:webhook-endpoint:{nonce}")
        purse = current_purse()
        try:
            with purse.database.unit_of_work() as work:
                made = purse.webhook_endpoints.add(
                    work,
                    wish.url,
                    description=wish.description,
                    event_types=wish.event_types,
                    id_=id_,
                )
                _record(work, "added", made.endpoint)
        except InvalidRequest as error:
            return self._form(wish, error, nonce=nonce)
        except UniqueViolation:
            return go_to(_link(id_), Words(_("It was added. Its secret was shown once."), "calm"))
        return self._show_secret(made, _("The endpoint was added"))

    @expose("/<uuid:endpoint_id>/")
    def show(self, endpoint_id: UUID) -> Response:
        """One endpoint with what was sent to it lately."""
        purse = current_purse()
        with purse.database.unit_of_work() as work:
            endpoint = purse.webhook_endpoints.get(work, endpoint_id)
            sent = purse.webhook_endpoints.deliveries(work, endpoint_id=endpoint_id, limit=RECENT)
        return self.render(
            "webhook.html",
            heading=endpoint.host,
            back=self._back(),
            endpoint=endpoint,
            words=words_of(STATES, endpoint.disabled_why or "active"),
            sent=sent,
            state_words=lambda state: words_of(deliveries.STATES, state),
            all_link=link_to("deliveries", endpoint_id=endpoint_id),
        )

    @expose("/<uuid:endpoint_id>/edit")
    def change(self, endpoint_id: UUID) -> Response:
        """Ask where to send from now on, and what."""
        endpoint = _get(endpoint_id)
        wish = Wish(endpoint.url, endpoint.description, endpoint.event_types)
        return self._form(wish, endpoint=endpoint)

    @expose("/<uuid:endpoint_id>/edit", methods=("POST",))
    def edit(self, endpoint_id: UUID) -> AnyResponse:
        """Keep what the form says."""
        self.require(WEBHOOKS)
        purse, wish = current_purse(), _read_wish()
        try:
            with purse.database.unit_of_work() as work:
                edited = purse.webhook_endpoints.edit(
                    work,
                    endpoint_id,
                    url=wish.url,
                    description=wish.description,
                    event_types=wish.event_types,
                )
                _record(work, "edited", edited)
        except InvalidRequest as error:
            return self._form(wish, error, endpoint=_get(endpoint_id))
        return go_to(_link(endpoint_id), Words(_("Saved."), "good", "check"))

    @expose("/<uuid:endpoint_id>/rotate")
    def ask_to_rotate(self, endpoint_id: UUID) -> Response:
        """Say what a new secret does."""
        endpoint = _get(endpoint_id)
        return self.render(
            "confirm.html",
            heading=_("Make a new secret?"),
            back={"link": _link(endpoint_id), "name": endpoint.host},
            effect=_(
                "For 24 hours the old secret and the new one both sign. Give the new one to the receiver within"
                " that time. A secret from an earlier change ends at once."
            ),
            facts={},
            action=link_to("webhooks", "rotate", endpoint_id=endpoint_id),
            kept={"since": _version(endpoint)},
            asks_why=True,
            label=_("Make a new secret"),
            busy=_("One moment …"),
        )

    @expose("/<uuid:endpoint_id>/rotate", methods=("POST",))
    def rotate(self, endpoint_id: UUID) -> AnyResponse:
        """Make a new secret and show it, this once."""
        self.require(WEBHOOKS)
        purse = current_purse()
        with purse.database.unit_of_work() as work:
            endpoint = purse.webhook_endpoints.get(work, endpoint_id, lock=True)
            is_first = forms.field("since") == _version(endpoint)
            if is_first:
                made = purse.webhook_endpoints.rotate(work, endpoint_id)
                _record(work, "rotated", made.endpoint)
        if not is_first:
            # A second click would end the secret that receivers still have.
            words = _(
                "The secret was changed a moment ago, and shown once. Nothing was changed now."
            )
            return go_to(_link(endpoint_id), Words(words, "warn", "alert"))
        return self._show_secret(made, _("The secret was changed"))

    @expose("/<uuid:endpoint_id>/disable")
    def ask_to_disable(self, endpoint_id: UUID) -> Response:
        """Say what disabling does."""
        endpoint = _get(endpoint_id)
        return self.render(
            "confirm.html",
            heading=_("Disable this endpoint?"),
            back={"link": _link(endpoint_id), "name": endpoint.host},
            effect=_(
                "Nothing is sent to it until you enable it again. What is on its way waits; what happens meanwhile"
                " is not sent to it later."
            ),
            facts={_("Address"): endpoint.url},
            action=link_to("webhooks", "disable", endpoint_id=endpoint_id),
            kept={},
            asks_why=True,
            label=_("Disable it"),
            busy=_("One moment …"),
        )

    @expose("/<uuid:endpoint_id>/disable", methods=("POST",))
    def disable(self, endpoint_id: UUID) -> AnyResponse:
        """Send nothing for now."""
        self.require(WEBHOOKS)
        purse = current_purse()
        with purse.database.unit_of_work() as work:
            _record(work, "disabled", purse.webhook_endpoints.disable(work, endpoint_id))
        return go_to(_link(endpoint_id), Words(_("Nothing is sent to it now."), "calm", "lock"))

    @expose("/<uuid:endpoint_id>/enable", methods=("POST",))
    def enable(self, endpoint_id: UUID) -> AnyResponse:
        """Send again."""
        self.require(WEBHOOKS)
        purse = current_purse()
        with purse.database.unit_of_work() as work:
            _record(work, "enabled", purse.webhook_endpoints.enable(work, endpoint_id))
        return go_to(_link(endpoint_id), Words(_("It is active again."), "good", "check"))

    @expose("/<uuid:endpoint_id>/test", methods=("POST",))
    def test(self, endpoint_id: UUID) -> AnyResponse:
        """Have a `webhook.test` sent to it alone."""
        self.require(WEBHOOKS)
        purse = current_purse()
        with purse.database.unit_of_work() as work:
            _record(work, "tested", purse.webhook_endpoints.test(work, endpoint_id))
        words = _("The worker sends a test now. Reload in a moment to see the answer below.")
        return go_to(_link(endpoint_id), Words(words, "wait", "clock"))

    def _form(
        self,
        wish: Wish,
        error: InvalidRequest | None = None,
        *,
        endpoint: Endpoint | None = None,
        nonce: str | None = None,
    ) -> Response:
        problems = {error.field: problem_of(error)} if error else {}
        back = {"link": _link(endpoint.id), "name": endpoint.host} if endpoint else self._back()
        return self.render(
            "webhook_form.html",
            status=422 if error else 200,
            heading=_("Change the endpoint") if endpoint else _("Add an endpoint"),
            back=back,
            wish=wish,
            problems=problems,
            event_types=EVENT_TYPES,
            is_new=endpoint is None,
            nonce=nonce or forms.new_nonce(),
            target=link_to("webhooks", "edit", endpoint_id=endpoint.id)
            if endpoint
            else link_to("webhooks", "add"),
        )

    def _show_secret(self, made: NewSecret, heading: object) -> Response:
        return self.render(
            "webhook_secret.html",
            heading=heading,
            back={"link": _link(made.endpoint.id), "name": made.endpoint.host},
            made=made,
        )

    def _back(self) -> dict[str, object]:
        return {"link": link_to("webhooks"), "name": self.title}


def _link(endpoint_id: UUID) -> str:
    return link_to("webhooks", "show", endpoint_id=endpoint_id)


def _get(endpoint_id: UUID) -> Endpoint:
    purse = current_purse()
    with purse.database.unit_of_work() as work:
        return purse.webhook_endpoints.get(work, endpoint_id)


def _read_wish() -> Wish:
    chosen = request.form.getlist("event_types")
    return Wish(forms.field("url").strip(), forms.field("description").strip(), tuple(chosen))


def _version(endpoint: Endpoint) -> str:
    """What changes with every change of the secret, and tells nothing of it."""
    until = endpoint.previous_secret_until
    return until.isoformat() if until else "first"


def _record(work: UnitOfWork, done: str, endpoint: Endpoint) -> None:
    record_endpoint(work, done, endpoint, actor=member_id(), reason=read_text())

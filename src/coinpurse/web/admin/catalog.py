"""The catalog: what is on sale as buyers see it, who may say so, and Stripe's copy of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from flask import Response, request
from werkzeug.wrappers import Response as AnyResponse

from coinpurse.back_office import Action, record
from coinpurse.catalog import Catalog, Catalogs, Pack, Version, catalog_of
from coinpurse.db import UnitOfWork
from coinpurse.errors import CatalogChanged, CatalogMistake, ConfigurationError, NotFound
from coinpurse.web import formatting, forms, offers
from coinpurse.web.access import current_purse
from coinpurse.web.admin import frame
from coinpurse.web.admin.catalog_form import (
    PackForm,
    apply_form,
    form_of,
    is_in_force,
    problems_of,
    read_form,
    words_of_mistake,
)
from coinpurse.web.admin.views import Page, expose, go_to, link_to, member_id, read_text
from coinpurse.web.admin.words import Words
from coinpurse.web.language import gettext
from coinpurse.web.language import lazy_gettext as _

CATALOG: Action = "catalog"
HISTORY_ROWS = 100
DONE = Words(_("The catalog is in force. Every process has it within seconds."), "good", "check")
STATES = {
    "on_sale": Words(_("On sale"), "good", "check"),
    "withdrawn": Words(_("Withdrawn"), "calm", "cross"),
    "later": Words(_("Not on sale yet"), "wait", "clock"),
    "over": Words(_("No longer on sale"), "calm", "clock"),
}
SYNC_ACTIONS = {
    "create_product": _("Make the product"),
    "update_product": _("Change the product"),
    "create_price": _("Make the price"),
    "use_price": _("Use the price again"),
    "archive_price": _("Take the price out of use"),
}


class CatalogPage(Page):
    """What is on sale, and changing it. Only owners open it."""

    page = "catalog"
    title = _("Catalog")
    group = frame.SETUP
    action = CATALOG

    @expose("/")
    def index(self) -> Response:
        """The packs in force, as buyers see them."""
        catalog = _catalogs().fresh()
        return self.render(
            "catalog.html",
            heading=_("Catalog"),
            catalog=catalog,
            cards=[_card(pack) for pack in catalog.packs],
            editable=catalog.kind == "database",
            problem=(mistake := _catalogs().mistake) and words_of_mistake(mistake),
        )

    @expose("/pack")
    def edit(self) -> AnyResponse:
        """A form for one pack, or for a new one."""
        catalog = _catalogs().fresh()
        if catalog.kind != "database":
            return go_to(link_to("catalog"))
        sku = request.args.get("sku")
        pack = next((each for each in catalog.packs if each.sku == sku), None)
        if sku and pack is None:
            raise NotFound("pack", sku)
        return self._ask(catalog, form_of(catalog, pack))

    @expose("/pack", methods=("POST",))
    def save(self) -> AnyResponse:
        """Show the pack as buyers will see it; once that was confirmed, put it in force."""
        catalog = _catalogs().fresh()
        if catalog.kind != "database":
            raise CatalogChanged("The file is in force.")
        form = read_form(catalog)
        if forms.field("confirmed") and is_in_force(catalog, form):
            # A second click on the same confirmation.
            return go_to(link_to("catalog"), DONE)
        try:
            pack, packs = apply_form(catalog, form)
        except CatalogMistake as mistake:
            return self._ask(catalog, form, problems_of(mistake, form))
        if not forms.field("confirmed"):
            return self.render(
                "catalog_preview.html",
                heading=_("Put it in force?"),
                back={"link": link_to("catalog"), "name": _("Catalog")},
                card=_card(pack),
                kept={**form.hidden(), "based_on": catalog.version or ""},
            )
        return self._put(
            "catalog.change",
            form.values.get("note", ""),
            lambda work: _catalogs().put(
                work,
                packs,
                based_on=_read_version("based_on"),
                note=form.values.get("note") or pack.sku,
                actor=member_id(),
            ),
            sku=pack.sku,
        )

    @expose("/source", methods=("POST",))
    def change_source(self) -> AnyResponse:
        """Take the catalog over from the file, or hand it back; it is asked first."""
        catalogs = _catalogs()
        catalog = catalogs.fresh()
        taking = catalog.kind == "file"
        if not forms.field("confirmed"):
            return self._confirm_source(catalog)
        based_on = _read_version("based_on")
        if taking:
            return self._put(
                "catalog.take_over",
                read_text(),
                lambda work: catalogs.put(
                    work, catalog.packs, based_on=based_on, note=catalog.source, actor=member_id()
                ),
            )
        try:
            return self._put(
                "catalog.hand_back",
                read_text(),
                lambda work: catalogs.hand_back(
                    work, based_on=based_on, note=catalogs.file.source, actor=member_id()
                ),
            )
        except ConfigurationError as error:
            return go_to(link_to("catalog"), Words(words_of_mistake(error), "warn", "alert"))

    @expose("/history")
    def history(self) -> Response:
        """Every version, with who and when."""
        return self.render(
            "catalog_history.html",
            heading=_("Versions of the catalog"),
            back={"link": link_to("catalog"), "name": _("Catalog")},
            versions=_catalogs().versions(HISTORY_ROWS),
            in_force=_catalogs().fresh().version,
        )

    @expose("/history/<int:version_id>")
    def version(self, version_id: int) -> Response:
        """What a version sold, with a way to put it in force again."""
        try:
            catalog = _catalog_of(version_id)
        except ConfigurationError as mistake:
            return self._unreadable(mistake)
        return self.render(
            "catalog_version.html",
            heading=_("Version %(number)s") % {"number": version_id},
            back={"link": link_to("catalog", "history"), "name": _("Versions of the catalog")},
            cards=[_card(pack) for pack in catalog.packs],
            version_id=version_id,
            current=_catalogs().fresh(),
        )

    @expose("/history/<int:version_id>", methods=("POST",))
    def restore(self, version_id: int) -> AnyResponse:
        """Put the packs of an earlier version in force again, as a new version."""
        try:
            catalog = _catalog_of(version_id)
        except ConfigurationError as mistake:
            return self._unreadable(mistake)
        return self._put(
            "catalog.restore",
            "",
            lambda work: _catalogs().put(
                work,
                catalog.packs,
                based_on=_read_version("based_on"),
                note=gettext("Version %(number)s again", number=version_id),
                actor=member_id(),
            ),
            restored=version_id,
        )

    @expose("/stripe")
    def stripe(self) -> Response:
        """What would have to be done at Stripe."""
        steps = current_purse().services.catalog_sync.plan(_catalogs().fresh()).steps
        return self.render(
            "catalog_stripe.html",
            heading=_("The catalog at Stripe"),
            back={"link": link_to("catalog"), "name": _("Catalog")},
            steps=steps,
            actions=SYNC_ACTIONS,
        )

    @expose("/stripe", methods=("POST",))
    def sync(self) -> AnyResponse:
        """Do it. Safe to repeat; what an interruption left undone is done by the next."""
        current_purse().back_office.record(
            actor=member_id(), action="catalog.sync", subject_kind="catalog", subject_id="stripe"
        )
        current_purse().services.catalog_sync.apply(_catalogs().fresh())
        words = Words(_("Stripe has all of the catalog."), "good", "check")
        return go_to(link_to("catalog", "stripe"), words)

    def _unreadable(self, mistake: ConfigurationError) -> Response:
        """An earlier release took it, or somebody wrote it by hand."""
        return self.render(
            "refusal.html",
            status=422,
            heading=_("This version can no longer be put in force"),
            advice=words_of_mistake(mistake),
            back={"link": link_to("catalog", "history"), "name": _("Versions of the catalog")},
        )

    def _ask(
        self, catalog: Catalog, form: PackForm, problems: dict[str, object] | None = None
    ) -> Response:
        return self.render(
            "catalog_pack.html",
            status=422 if problems else 200,
            heading=_("A new pack") if form.is_new else form.values["sku"],
            back={"link": link_to("catalog"), "name": _("Catalog")},
            form=form,
            places=len(catalog.packs) + form.is_new,
            problems=problems or {},
        )

    def _confirm_source(self, catalog: Catalog) -> Response:
        if catalog.kind == "file":
            heading, label = _("Edit the catalog here?"), _("Edit it here")
            effect = gettext(
                "The packs of the file become the first version. From then on the file changes nothing."
            )
        else:
            heading, label = _("Hand the catalog back to the file?"), _("Hand it back")
            effect = gettext(
                "What the file says is on sale again: %(count)s packs of %(file)s. The versions made here are kept.",
                count=len(_catalogs().file.packs),
                file=_catalogs().file.source,
            )
        return self.render(
            "confirm.html",
            heading=heading,
            back={"link": link_to("catalog"), "name": _("Catalog")},
            effect=effect,
            facts={},
            action=link_to("catalog", "change_source"),
            kept={"based_on": catalog.version or ""},
            asks_why=True,
            label=label,
            busy=_("One moment …"),
        )

    def _put(
        self,
        action: str,
        reason: str,
        act: Callable[[UnitOfWork], Version],
        **facts: object,
    ) -> AnyResponse:
        """Add a version and the audit entry in one transaction."""
        with current_purse().database.unit_of_work() as work:
            version = act(work)
            record(
                work,
                actor=member_id(),
                action=action,
                subject_kind="catalog",
                subject_id=str(version.id),
                reason=reason,
                facts={"packs": len(version.packs or ()), **facts},
            )
        return go_to(link_to("catalog"), DONE)


def _catalogs() -> Catalogs:
    return current_purse().services.catalogs


def _catalog_of(version_id: int) -> Catalog:
    version = _catalogs().get_version(version_id)
    if version.packs is None:
        raise NotFound("catalog version", str(version_id))
    return catalog_of(version)


def _read_version(name: str) -> int | None:
    text = forms.field(name)
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise forms.ExpiredForm
    return int(text)


def _card(pack: Pack) -> dict[str, object]:
    currency = formatting.likely_currency(tuple(pack.prices))
    return {
        "pack": pack,
        "offer": offers.preview(pack, currency),
        "state": STATES[_state(pack)],
        "prices": _prices(pack),
    }


def _prices(pack: Pack) -> Sequence[str]:
    return [formatting.money(price) for price in pack.prices.values()]


def _state(pack: Pack) -> str:
    if not pack.active:
        return "withdrawn"
    if pack.is_on_sale():
        return "on_sale"
    starts = pack.available_from
    return "later" if starts is not None and starts > datetime.now(UTC) else "over"

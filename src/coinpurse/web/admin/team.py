"""The staff: who may enter, and giving and taking roles."""

from __future__ import annotations

from typing import Any

from flask import Response, request
from werkzeug.wrappers import Response as AnyResponse

from coinpurse.back_office import ROLES, Action, Row
from coinpurse.errors import LastOwner, NotFound
from coinpurse.web import forms
from coinpurse.web.access import current_purse
from coinpurse.web.admin import frame, words
from coinpurse.web.admin.lists import ListPage
from coinpurse.web.admin.people import Named, has_accounts, read_named
from coinpurse.web.admin.staff import name_of
from coinpurse.web.admin.views import expose, go_to, link_to, member_id, read_text
from coinpurse.web.admin.words import Words, refusal_sentence
from coinpurse.web.language import gettext
from coinpurse.web.language import lazy_gettext as _

STAFF: Action = "staff"
# What each role may, beside what the ones before it may.
MAY: dict[str, object] = {
    "viewer": _("sees sales, coins, events and accounts, and exports them"),
    "support": _("also replays events, closes open checkouts and asks for adjustments"),
    "finance": _("also refunds, settles reviews, decides adjustments and frees wallets"),
    "owner": _("also decides about staff, API keys, webhooks and what is sold"),
}


class Team(ListPage):
    """Everybody who may enter."""

    page = "staff"
    title = _("Staff")
    group = frame.TEAM
    action = STAFF
    listing_name = "staff"
    states = {"role": words.ROLES}  # noqa: RUF012  As the class it belongs to declares.
    nothing = _("Nobody is on the staff")
    hint = _("Your app decides by itself who may enter, or begin with: coinpurse staff add")
    search_hint = _("E-mail or user id")

    def link_of(self, row: Row) -> str | None:
        """To the member."""
        return link_to("staff", "show", user=str(row["user_id"]))

    def above(self) -> dict[str, object]:
        """Somebody new."""
        return {link_to("staff", "new"): _("Add somebody")}

    @expose("/new")
    def new(self) -> Response:
        """Ask who, and as what."""
        return self._ask(Named(""))

    @expose("/of")
    def show(self) -> Response:
        """One member: another role, or none."""
        user_id = request.args.get("user", "")
        role = current_purse().back_office.role_of(user_id)
        if role is None:
            raise NotFound("member of the staff", user_id)
        return self._ask(Named(user_id, user_id), role=role, known=True)

    @expose("/give", methods=("POST",))
    def give(self) -> AnyResponse:
        """Show what the role would change; once that was confirmed, give it. Repeating it changes nothing."""
        named, role = read_named(), forms.field("role")
        problem = None if role in ROLES else _("Choose one of these.")
        if named.problem or problem:
            return self._ask(named, role=role, problem=problem)
        before = current_purse().back_office.role_of(named.user_id)
        if forms.field("confirmed"):
            try:
                current_purse().back_office.grant_role(
                    named.user_id, role, actor=member_id(), reason=read_text()
                )
            except LastOwner as error:
                return self._ask(
                    named, role=role, problem=refusal_sentence(error), known=before is not None
                )
            return go_to(link_to("staff"), Words(_("The role was given."), "good", "check"))
        return self._confirm(
            heading=_("Give this role?"),
            effect=gettext(
                "%(name)s will be %(role)s: %(may)s.",
                name=name_of(named.user_id),
                role=words.ROLES[role].name,
                may=MAY[role],
            ),
            facts={
                _("User id"): named.user_id,
                _("Role until now"): words.ROLES[before].name if before else _("none"),
            },
            action=link_to("staff", "give"),
            kept={"user": named.user_id, "role": role},
            label=_("Give the role"),
        )

    @expose("/remove", methods=("POST",))
    def remove(self) -> AnyResponse:
        """Ask whether somebody is to leave the staff; once that was confirmed, take them off it."""
        user_id = forms.field("user")
        before = current_purse().back_office.role_of(user_id)
        if before is None:
            return go_to(link_to("staff"))
        if forms.field("confirmed"):
            try:
                current_purse().back_office.revoke_role(
                    user_id, actor=member_id(), reason=read_text()
                )
            except LastOwner as error:
                return self._ask(
                    Named(user_id, user_id),
                    role=before,
                    problem=refusal_sentence(error),
                    known=True,
                )
            gone = Words(_("They are not on the staff any more."), "good", "check")
            # Whoever removes themselves must not be led to a page that they may not see any more.
            return go_to(
                link_to("staff") if user_id != member_id() else frame.address(frame.HOME), gone
            )
        return self._confirm(
            heading=_("Take them off the staff?"),
            effect=gettext("%(name)s will not get in any more.", name=name_of(user_id)),
            facts={_("User id"): user_id, _("Role until now"): words.ROLES[before].name},
            action=link_to("staff", "remove"),
            kept={"user": user_id},
            label=_("Take off the staff"),
        )

    def _confirm(self, **values: Any) -> Response:
        return self.render(
            "confirm.html",
            back={"link": link_to("staff"), "name": self.title},
            busy=_("One moment …"),
            asks_why=True,
            **values,
        )

    def _ask(
        self, named: Named, *, role: str = "", problem: object = None, known: bool = False
    ) -> Response:
        return self.render(
            "staff_member.html",
            status=422 if named.problem or problem else 200,
            heading=name_of(named.user_id) if known else _("Add somebody to the staff"),
            back={"link": link_to("staff"), "name": self.title},
            named=named,
            known=known,
            role=role,
            problem=problem,
            roles=[(name, words.ROLES[name].name, MAY[name]) for name in ROLES],
            by_email=has_accounts(),
        )

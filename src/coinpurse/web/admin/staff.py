"""Which member of the staff is asking."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from flask import current_app, g

from coinpurse.back_office import Action, Role, may, require_role
from coinpurse.errors import DomainError, InvalidRequest
from coinpurse.web.access import current_purse, current_user_id
from coinpurse.web.admin.words import ROLES

_NOT_ASKED = object()


@dataclass(frozen=True, slots=True)
class Member:
    """A member of the staff. name: an e-mail address where there is one."""

    user_id: str
    role: Role
    name: str

    @property
    def role_words(self) -> object:
        """The role in the reader's words."""
        return ROLES[self.role].name


class MayNot(DomainError):
    """The role of a member of the staff does not reach to this. Facts: `action`."""

    code = "role_too_low"

    def __init__(self, action: Action) -> None:
        super().__init__(f"Another role is needed to {action}.", action=action)


def current_role() -> Role | None:
    """The role of the user who asks; None for everybody who is not of the staff. Asked once a request."""
    known = g.get("coinpurse_role", _NOT_ASKED)
    if known is _NOT_ASKED:
        known = g.coinpurse_role = _load_role()
    role: Role | None = known
    return role


def current_member() -> Member | None:
    """The member of the staff who asks; None for everybody else."""
    role, user_id = current_role(), current_user_id()
    if role is None or user_id is None:
        return None
    return Member(user_id, role, name_of(user_id))


def current_may(action: Action) -> bool:
    """Whether the user who asks may do it."""
    return may(current_role(), action)


def name_of(actor: str) -> str:
    """Somebody's e-mail address where we know it, else the id; of a command's actor, the login name with `cli:`."""
    learn_names([actor])
    names: dict[str, str] = g.coinpurse_names
    return names[actor]


def learn_names(user_ids: Iterable[str]) -> None:
    """Look up the names of many at once; each is asked for once in a request."""
    names: dict[str, str] = g.setdefault("coinpurse_names", {})
    unknown = {each for each in user_ids if each not in names}
    if unknown:
        names.update(dict.fromkeys(unknown, ""))
        names.update(current_purse().back_office.names(unknown))
        names.update({each: each for each in unknown if not names[each]})


def _load_role() -> Role | None:
    user_id = current_user_id()
    if user_id is None:
        return None
    load = current_app.extensions["coinpurse.staff_role"]
    name = load() if load is not None else current_purse().back_office.role_of(user_id)
    try:
        return None if name is None else require_role(str(name))
    except InvalidRequest:
        return None

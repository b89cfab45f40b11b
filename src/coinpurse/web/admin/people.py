"""Whom a form names: by e-mail address where accounts are ours, by the user id of a host else."""

from __future__ import annotations

from dataclasses import dataclass

from flask import current_app

from coinpurse.accounts import Accounts
from coinpurse.errors import InvalidRequest
from coinpurse.ledger.rules import require_key
from coinpurse.web import forms
from coinpurse.web.access import current_purse
from coinpurse.web.admin.words import Words
from coinpurse.web.language import gettext
from coinpurse.web.language import lazy_gettext as _

ACCOUNTS = "coinpurse_auth"
SENT_BEFORE = Words(_("This form was sent before; nothing was done again."), "calm", "repeat")


@dataclass(frozen=True, slots=True)
class Named:
    """Somebody whom a form names. typed: as it was written. problem: why that is nobody; user_id is then ""."""

    typed: str
    user_id: str = ""
    problem: str | None = None


def has_accounts() -> bool:
    """Whether this app keeps accounts of ours: the standalone store does, a host does not."""
    return ACCOUNTS in current_app.blueprints


def read_named(name: str = "user") -> Named:
    """Read a form's field that names a user."""
    typed = forms.field(name).strip()
    if not typed:
        return Named(typed, problem=gettext("Write an e-mail address or a user id."))
    try:
        require_key(typed)
    except InvalidRequest:
        return Named(typed, problem=gettext("Write 1 to 255 printable characters."))
    if not has_accounts():
        return Named(typed, typed)
    accounts = Accounts(current_purse().database)
    account = accounts.find_by_email(typed) if "@" in typed else accounts.find(typed)
    if account is None:
        return Named(typed, problem=gettext("No account has this e-mail address or id."))
    return Named(typed, account.user_id)

"""What the states of endpoints and the refusals of their forms are called."""

from __future__ import annotations

from coinpurse.errors import InvalidRequest
from coinpurse.web.admin.words import Words
from coinpurse.web.language import gettext
from coinpurse.web.language import lazy_gettext as _

STATES = {
    "active": Words(_("Active"), "good", "check"),
    "by_hand": Words(_("Disabled"), "calm", "lock"),
    "gone": Words(_("Disabled: nobody is there"), "warn", "cross"),
    "failing": Words(_("Disabled: only failures"), "warn", "alert"),
}
PROBLEMS = {
    "url": _("This address cannot be used: it %(problem)s."),
    "description": _("Use at most 200 characters, on one line."),
    "event_types": _("Choose from the events that are offered."),
}
# What `endpoints` says is wrong with an address, for translators; a test holds the two together.
URL_PROBLEMS = (
    _("must be an address of at most 2048 characters, without spaces"),
    _("is not an address"),
    _("must begin with https://"),
    _("must not hold a user name or a password; the signature proves who sends"),
    _("must not hold a part after #"),
    _("must have the port 443, or one from 1024 up"),
    _("has a host that is no name of the Internet"),
    _("has a host that is neither a name nor a plain IP address"),
    _("is this machine itself"),
    _("is on a link of this machine"),
    _("is link-local or a cloud's metadata service"),
    _("is in a private network"),
    _("is reserved"),
    _("can be reached over https alone"),
)


def problem_of(error: InvalidRequest) -> str:
    """Say what is wrong with a field of the form, in the reader's language."""
    return str(PROBLEMS[error.field]) % {"problem": gettext(error.problem)}

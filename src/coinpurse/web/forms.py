"""What the pages' forms send, and proof that it was our own page."""

from __future__ import annotations

import re
import secrets

from flask import current_app, request
from flask_wtf.csrf import generate_csrf, validate_csrf
from werkzeug.exceptions import BadRequest
from wtforms.validators import ValidationError

# A tab may stay open for long; the token dies with the session anyway.
TOKEN_SECONDS = 31 * 24 * 3600
NONCE_FORM = re.compile(r"[A-Za-z0-9_-]{16,64}")
LONGEST_FIELD = 4096


class ExpiredForm(BadRequest):
    """The form's token is missing, old or of another session."""


def token_field() -> tuple[str, str]:
    """Name and value of the hidden field that every POST form carries."""
    return current_app.config.get("WTF_CSRF_FIELD_NAME", "csrf_token"), generate_csrf()


def require_own_form() -> None:
    """Refuse a POST that no form of this session sent. Raises ExpiredForm.

    A host's CSRFProtect has the same tokens and may have looked at them before; then both agree.
    """
    if request.method != "POST" or not current_app.config.get("WTF_CSRF_ENABLED", True):
        return
    name = current_app.config.get("WTF_CSRF_FIELD_NAME", "csrf_token")
    try:
        validate_csrf(request.form.get(name), time_limit=TOKEN_SECONDS)
    except ValidationError:
        raise ExpiredForm from None


def field(name: str) -> str:
    """A form's field as it was sent; "" where it is missing or larger than any of ours."""
    value = request.form.get(name, "")
    return value if len(value) <= LONGEST_FIELD else ""


def new_nonce() -> str:
    """A value that makes a double click on one page recognisable."""
    return secrets.token_urlsafe(18)


def read_nonce() -> str | None:
    """The page's nonce, or None where it is missing or not of our form."""
    value = field("nonce")
    return value if NONCE_FORM.fullmatch(value) else None


def own_path(target: str | None) -> str | None:
    """The target where it is a path of this site; None for anything that leads elsewhere.

    Browsers read `//host` and a backslash as the start of another site and skip control characters.
    """
    if not target or len(target) > LONGEST_FIELD or re.search(r"[\x00-\x20\x7f\\]", target):
        return None
    return target if target.startswith("/") and not target.startswith("//") else None

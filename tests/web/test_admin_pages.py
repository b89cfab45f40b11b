"""The pages of the back office, as a member of the staff clicks through them."""

from __future__ import annotations

from flask import Flask

from tests.web.conftest import Browser
from tests.web.test_admin_frame import staff

LISTS = (
    "payments",
    "refunds",
    "refund_requests",
    "disputes",
    "wallets",
    "events",
    "reconciliations",
    "findings",
)


def test_an_empty_list_teaches_in_both_languages(app: Flask, ada: Browser) -> None:
    staff(app, ada, "viewer")

    for name in LISTS:
        for language in ("en", "zh"):
            answer = ada.get(f"/admin/{name}/?language={language}")
            assert (name, answer.status_code) == (name, 200)
            assert 'data-testid="empty"' in answer.text
        assert ada.get(f"/admin/{name}/export.csv").mimetype == "text/csv"

"""Who may see `/metrics`: whoever has the token, or without one somebody on this machine."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from coinpurse.app import create_app
from coinpurse.settings import Settings

TOKEN = "a token that nobody guesses"
HERE, AWAY = "127.0.0.1", "203.0.113.9"
PUBLIC = "https://coins.example.com"


def status(
    settings: Settings,
    *,
    peer: str = HERE,
    headers: dict[str, str] | None = None,
    **changes: object,
) -> int:
    app = create_app(settings.model_copy(update=changes))
    client = app.test_client()
    answer = client.get("/metrics", headers=headers, environ_overrides={"REMOTE_ADDR": peer})
    app.extensions["coinpurse"].database.close()
    return answer.status_code


@pytest.mark.parametrize(
    ("peer", "expected"),
    [(HERE, 200), ("127.9.9.9", 200), ("::1", 200), ("::ffff:127.0.0.1", 200),
     (AWAY, 403), ("::ffff:203.0.113.9", 403), ("10.0.0.7", 403), ("", 403)],
)  # fmt: skip
def test_without_a_token_this_machine_alone_sees_them(
    settings: Settings, peer: str, expected: int
) -> None:
    assert status(settings, peer=peer) == expected


@pytest.mark.parametrize(
    "header", ["X-Forwarded-For", "Forwarded", "X-Real-Ip", "X-Forwarded-Host", "Via"]
)
@pytest.mark.parametrize("proxies", [0, 1, 2])
def test_what_a_proxy_hands_on_is_not_from_this_machine_whatever_it_says(
    settings: Settings, header: str, proxies: int
) -> None:
    for said in (AWAY, HERE, f"{HERE}, {HERE}"):
        assert status(settings, headers={header: said}, trusted_proxies=proxies) == 403
        assert status(settings, peer=AWAY, headers={header: said}, trusted_proxies=proxies) == 403


def test_a_proxy_that_says_nothing_is_not_taken_for_this_machine(settings: Settings) -> None:
    assert status(settings, base_url=PUBLIC) == 403
    assert status(settings, base_url=PUBLIC, trusted_proxies=1) == 200
    for host in ("shop.example.com", "[::1", "127.0.0.1.example.com"):
        asked = {"Host": host}
        assert status(settings, headers=asked, base_url=PUBLIC, trusted_proxies=1) == 403


@pytest.mark.parametrize("peer", [HERE, AWAY])
def test_with_a_token_everybody_needs_it_and_nothing_else(settings: Settings, peer: str) -> None:
    def given(authorization: str | None) -> int:
        headers = {"X-Forwarded-For": AWAY} if peer == AWAY else {}
        if authorization is not None:
            headers["Authorization"] = authorization
        return status(settings, peer=peer, headers=headers, metrics_token=SecretStr(TOKEN))

    assert given(f"Bearer {TOKEN}") == given(f"bearer {TOKEN}") == 200
    for wrong in (None, "", f"Bearer {TOKEN}x", f"Basic {TOKEN}", TOKEN, "Bearer", "Bearer ü"):
        assert given(wrong) == 401


def test_the_demo_leads_no_scraper_away(settings: Settings) -> None:
    assert status(settings, demo=True, headers={"Host": "localhost:5000"}) == 200

"""Settings: read from four places, refused with their name and mend, and silent about secrets."""

from __future__ import annotations

import re
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from coinpurse.errors import ConfigurationError
from coinpurse.settings import SANDBOX_URL, Settings, environment_name, origin_of

TEST_KEY = f"sk_test_{secrets.token_hex(12)}"
LIVE_KEY = f"sk_live_{secrets.token_hex(12)}"
WEBHOOK_SECRET = f"whsec_{secrets.token_hex(16)}"
PASSWORD = secrets.token_hex(8)

# Every setting: how it is written in an environment, and what is read.
WRITTEN: dict[str, tuple[str, object]] = {
    "stripe_secret_key": (TEST_KEY, TEST_KEY),
    "stripe_publishable_key": ("pk_test_abcdef123", "pk_test_abcdef123"),
    "stripe_webhook_secret": (WEBHOOK_SECRET, WEBHOOK_SECRET),
    "stripe_api_base": ("http://127.0.0.1:12111/", "http://127.0.0.1:12111"),
    "database_url": (f"postgresql://u:{PASSWORD}@db/shop", f"postgresql://u:{PASSWORD}@db/shop"),
    "secret_key": (PASSWORD, PASSWORD),
    "base_url": ("https://Coins.Example.com/", "https://coins.example.com"),
    "redirect_origins": (
        "https://a.example.com, https://B.example.com/,",
        ("https://a.example.com", "https://b.example.com"),
    ),
    "wallet_url": ("https://a.example.com/coins/wallet", "https://a.example.com/coins/wallet"),
    "catalog": ("shop.toml", Path("shop.toml")),
    "demo": ("true", True),
    "state_dir": ("/var/lib/shop", Path("/var/lib/shop")),
    "store_name": ("Ada's coins", "Ada's coins"),
    "threads": ("32", 32),
    "database_pooler": ("true", True),
    "direct_database_url": (
        f"postgresql://u:{PASSWORD}@db1/shop",
        f"postgresql://u:{PASSWORD}@db1/shop",
    ),
    "trusted_proxies": ("2", 2),
    "spend_order": ("paid_first", "paid_first"),
    "group_commit": ("true", True),
    "spent_coins_policy": ("block", "block"),
    "chargeback_policy": ("claw_back", "claw_back"),
    "inquiry_policy": ("ignore", "ignore"),
    "fraud_warning_policy": ("refund", "refund"),
    "mail_server": ("mail.example.com", "mail.example.com"),
    "mail_port": ("587", 587),
    "mail_use_tls": ("true", True),
    "mail_use_ssl": ("false", False),
    "mail_username": ("shop", "shop"),
    "mail_password": (PASSWORD, PASSWORD),
    "mail_default_sender": ("shop@example.com", "shop@example.com"),
    "alert_urls": (f"json://u:{PASSWORD}@ops", f"json://u:{PASSWORD}@ops"),
    "alert_language": ("zh_CN", "zh"),
    "metrics_token": (PASSWORD, PASSWORD),
    "webhooks_allow_private": ("true", True),
    "approval_above": ("500", 500),
    "expiry_notice_days": ("3", 3),
    "messages_kept_days": ("30", 30),
    "time_zone": ("Asia/Shanghai", "Asia/Shanghai"),
}


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the machine, and no `.env`."""
    for name in WRITTEN:
        monkeypatch.delenv(environment_name(name), raising=False)
    # A mail server alone is refused; what is read of it alone is asked below.
    monkeypatch.setenv("MAIL_DEFAULT_SENDER", "shop@example.com")
    monkeypatch.chdir(tmp_path)


def plain(value: object) -> object:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def test_the_table_of_this_test_has_every_setting() -> None:
    assert set(WRITTEN) == set(Settings.model_fields)


@pytest.mark.parametrize("name", WRITTEN)
def test_a_setting_is_read_from_the_environment(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    written, read = WRITTEN[name]
    monkeypatch.setenv(environment_name(name), written)

    assert plain(getattr(Settings(), name)) == read


@pytest.mark.parametrize("name", WRITTEN)
def test_a_setting_is_read_from_the_env_file(name: str, tmp_path: Path) -> None:
    written, read = WRITTEN[name]
    (tmp_path / ".env").write_text(
        f'# a shop\nUNRELATED=1\nexport {environment_name(name)}="{written}"\n', encoding="utf-8"
    )

    assert plain(getattr(Settings(), name)) == read


@pytest.mark.parametrize("name", WRITTEN)
def test_a_setting_is_read_from_a_flask_config(name: str) -> None:
    written, read = WRITTEN[name]
    app = Flask("host")
    app.config[environment_name(name)] = written

    assert plain(getattr(Settings.from_flask(app.config), name)) == read


@pytest.mark.parametrize("name", WRITTEN)
def test_a_setting_is_read_from_a_keyword(name: str) -> None:
    written, read = WRITTEN[name]

    assert plain(getattr(Settings(**{name: written}), name)) == read
    assert plain(getattr(Settings(**{name: read}), name)) == read


def test_keyword_then_environment_then_env_file_decides(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("COINPURSE_STORE_NAME=file\nCOINPURSE_THREADS=3\n")
    assert Settings().store_name == "file"

    monkeypatch.setenv("COINPURSE_STORE_NAME", "environment")
    assert (Settings().store_name, Settings().threads) == ("environment", 3)

    assert Settings(store_name="keyword").store_name == "keyword"
    assert Settings.from_flask({"COINPURSE_STORE_NAME": "flask"}).store_name == "flask"
    assert Settings.from_flask({"COINPURSE_STORE_NAME": ""}).store_name == "environment"
    assert Settings.from_flask({"COINPURSE_STORE_NAME": None}).store_name == "environment"


def test_an_empty_variable_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in WRITTEN:
        monkeypatch.setenv(environment_name(name), "")

    settings = Settings()

    assert (settings.base_url, settings.threads, settings.demo) == (
        "http://127.0.0.1:5000",
        8,
        False,
    )
    assert settings.stripe_secret_key is None
    assert settings.database_url is None
    assert settings.catalog is None


def test_other_people_s_names_are_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BASE_URL", "https://elsewhere.example.com")
    monkeypatch.setenv("THREADS", "0")
    monkeypatch.setenv("DEMO", "1")

    assert (Settings().base_url, Settings().threads, Settings().demo) == (
        "http://127.0.0.1:5000",
        8,
        False,
    )


@pytest.mark.parametrize("value", [b"plain bytes", bytes(range(256)), b"\xff\xfe"])
def test_a_host_may_keep_its_secret_key_as_any_bytes(value: bytes) -> None:
    app = Flask("host")
    app.secret_key = value

    assert Settings.from_flask(app.config).require_secret_key()
    assert Settings.from_flask({"SECRET_KEY": b"plain bytes"}).require_secret_key() == "plain bytes"


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().threads = 9


MALFORMED = [
    ("stripe_secret_key", "pk_test_{secret}", "sk_test_…"),
    ("stripe_secret_key", "sk_test_{secret} x", "Stripe Dashboard"),
    ("stripe_secret_key", "sk_test_", "sk_test_…"),
    ("stripe_secret_key", "sk_prod_{secret}", "sk_test_…"),
    ("stripe_secret_key", "whsec_{secret}", "sk_test_…"),
    ("stripe_secret_key", "sk_test_{secret}é", "sk_test_…"),
    ("stripe_publishable_key", "sk_live_{secret}", "pk_test_…"),
    ("stripe_webhook_secret", "we_{secret}", "whsec_…"),
    ("stripe_webhook_secret", "whsec_abcdefgh,{secret}", "whsec_…"),
    ("stripe_webhook_secret", "whsec_{secret},", "whsec_…"),
    ("stripe_webhook_secret", "whsec_{secret};whsec_{secret}", "whsec_…"),
    ("stripe_api_base", "https://user:{secret}@proxy.example.com", "origin alone"),
    ("stripe_api_base", "http://127.0.0.1:12111/v1?token={secret}", "origin alone"),
    ("stripe_api_base", "http://127.0.0.1:12111/v1", "origin alone"),
    ("stripe_api_base", "api.stripe.com", "origin alone"),
    ("stripe_api_base", "ftp://127.0.0.1", "origin alone"),
    ("base_url", "https://user:{secret}@coins.example.com", "origin alone"),
    ("base_url", "https://coins.example.com/shop", "origin alone"),
    ("base_url", "coins.example.com", "https://coins.example.com"),
    ("base_url", "https://", "origin alone"),
    ("base_url", "https://coins.example.com:99999", "origin alone"),
    ("redirect_origins", "https://a.example.com,b.example.com", "'b.example.com' is not an origin"),
    ("redirect_origins", "https://a.example.com/path", "is not an origin"),
    ("redirect_origins", "https://*.example.com", "is not an origin"),
    ("redirect_origins", "*", "is not an origin"),
    ("redirect_origins", "null", "is not an origin"),
    ("alert_language", "klingon", "write en for English or zh_CN"),
    ("demo", "perhaps", "boolean"),
    ("threads", "many", "integer"),
    ("threads", "0", "greater than or equal to 1"),
    ("threads", "257", "less than or equal to 256"),
    ("threads", "1.5", "integer"),
]


@pytest.mark.parametrize(("name", "written", "mend"), MALFORMED)
@pytest.mark.parametrize("source", ["keyword", "environment", "flask", "file"])
def test_a_malformed_value_names_the_setting_and_the_mend_and_no_secret(
    name: str,
    written: str,
    mend: str,
    source: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    secret = secrets.token_hex(12)
    value = written.format(secret=secret)
    variable = environment_name(name)
    keywords: dict[str, Any] = {}
    if source == "keyword":
        keywords[name] = value
    elif source == "environment":
        monkeypatch.setenv(variable, value)
    elif source == "file":
        (tmp_path / ".env").write_text(f'{variable}="{value}"\n', encoding="utf-8")

    with pytest.raises(ConfigurationError) as refusal:
        Settings.from_flask({variable: value}) if source == "flask" else Settings(**keywords)

    message = str(refusal.value)
    assert message.startswith(f"{variable}: ")
    assert mend in message
    assert "Value error" not in message
    # Neither the message nor an error behind it, which a traceback would print.
    assert secret not in message + repr(refusal.value)
    assert refusal.value.__cause__ is None
    assert refusal.value.__suppress_context__


@pytest.mark.parametrize("name", ["stripe_secret_key", "stripe_webhook_secret", "database_url"])
@pytest.mark.parametrize("value", [7, ["a"], {"a": "b"}, 1.5])
def test_a_value_of_another_type_names_the_setting(name: str, value: object) -> None:
    with pytest.raises(ConfigurationError, match=f"^{environment_name(name)}: "):
        Settings(**{name: value})


@pytest.mark.parametrize("value", [7, {"https://a.example.com": 1}, None])
def test_origins_that_are_no_list_are_refused(value: object) -> None:
    with pytest.raises(ConfigurationError, match="COINPURSE_REDIRECT_ORIGINS: list the origins"):
        Settings(redirect_origins=value)


def test_an_env_file_that_is_not_utf_8_says_so(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"COINPURSE_STORE_NAME=caf\xe9\n")

    with pytest.raises(ConfigurationError, match=r"\.env is not UTF-8 text; save it as UTF-8"):
        Settings()


def test_secrets_are_in_no_representation() -> None:
    settings = Settings(**{name: written for name, (written, _) in WRITTEN.items()})

    shown = f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
    for secret in (TEST_KEY, WEBHOOK_SECRET, PASSWORD):
        assert secret not in shown


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ("require_stripe_key", "STRIPE_SECRET_KEY is not set. Put"),
        ("require_webhook_secrets", "STRIPE_WEBHOOK_SECRET is not set. It is shown once"),
        ("require_secret_key", "SECRET_KEY is not set. Make one with"),
    ],
)
def test_a_missing_key_is_named_with_its_mend(missing: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        getattr(Settings(), missing)()

    assert str(refusal.value).startswith(words)


def test_given_keys_are_returned_as_they_were_given() -> None:
    settings = Settings(
        stripe_secret_key=TEST_KEY,
        stripe_webhook_secret=f"{WEBHOOK_SECRET} , whsec_older12345",
        secret_key=PASSWORD,
        demo=True,
    )

    assert settings.require_stripe_key() == TEST_KEY
    assert settings.require_webhook_secrets() == (WEBHOOK_SECRET, "whsec_older12345")
    assert settings.require_secret_key() == PASSWORD
    assert settings.api_base is None
    assert not settings.state_dir.exists()


@pytest.mark.parametrize(
    ("changes", "name", "mend"),
    [
        ({"demo": True}, "STRIPE_SECRET_KEY", "give a test key"),
        ({"stripe_api_base": "http://127.0.0.1:12111"}, "STRIPE_API_BASE", "remove it"),
        ({"stripe_api_base": "https://api.stripe.com.evil.example"}, "STRIPE_API_BASE", "remove"),
        ({"stripe_api_base": "http://api.stripe.com"}, "STRIPE_API_BASE", "remove it"),
        ({"stripe_api_base": "https://api.stripe.com:8443"}, "STRIPE_API_BASE", "remove it"),
        ({"base_url": "http://coins.example.com"}, "COINPURSE_BASE_URL", "https://"),
        ({"base_url": "http://127.0.0.1:5000"}, "COINPURSE_BASE_URL", "https://"),
    ],
)
@pytest.mark.parametrize("kind", ["sk", "rk"])
def test_a_live_key_is_strict(changes: dict[str, Any], name: str, mend: str, kind: str) -> None:
    key = f"{kind}_live_{secrets.token_hex(12)}"

    with pytest.raises(ConfigurationError) as refusal:
        Settings(**{"stripe_secret_key": key, "base_url": "https://coins.example.com", **changes})

    message = str(refusal.value)
    assert message.startswith(name)
    assert mend in message
    assert key not in message


@pytest.mark.parametrize("around", [" {} ", "{}\n", "\t{}", "\r\n{}\r\n"])
def test_white_space_around_a_key_is_dropped(around: str) -> None:
    settings = Settings(
        stripe_secret_key=around.format(TEST_KEY),
        stripe_publishable_key=around.format("pk_test_abcdef"),
        stripe_webhook_secret=around.format(WEBHOOK_SECRET),
    )

    assert settings.require_stripe_key() == TEST_KEY
    assert settings.stripe_publishable_key == "pk_test_abcdef"
    assert settings.require_webhook_secrets() == (WEBHOOK_SECRET,)
    with pytest.raises(ConfigurationError, match="live keys go to Stripe alone"):
        Settings(stripe_secret_key=around.format(LIVE_KEY), stripe_api_base=SANDBOX_URL)


def test_a_live_key_with_stripe_and_https_is_taken() -> None:
    settings = Settings(
        stripe_secret_key=LIVE_KEY,
        stripe_api_base="https://API.stripe.com/",
        base_url="https://coins.example.com",
    )

    assert settings.livemode
    assert settings.api_base == "https://api.stripe.com"


def test_a_test_key_or_none_is_not_live() -> None:
    assert not Settings().livemode
    assert not Settings(stripe_secret_key=TEST_KEY).livemode
    assert not Settings(stripe_secret_key="rk_test_live_abc123").livemode


def test_the_demo_talks_to_the_sandbox_with_its_key() -> None:
    demo = Settings(demo=True)

    assert demo.api_base == SANDBOX_URL
    assert demo.require_stripe_key().startswith("sk_test_")
    assert not demo.livemode
    elsewhere = Settings(demo=True, stripe_api_base="http://127.0.0.1:9")
    assert elsewhere.api_base == "http://127.0.0.1:9"


def test_the_demo_keeps_its_secrets(tmp_path: Path) -> None:
    demo = Settings(demo=True, state_dir=tmp_path / "a" / "state")

    first = (demo.require_webhook_secrets(), demo.require_secret_key())

    assert (demo.require_webhook_secrets(), demo.require_secret_key()) == first
    again = Settings(demo=True, state_dir=tmp_path / "a" / "state")
    assert (again.require_webhook_secrets(), again.require_secret_key()) == first
    assert re.fullmatch(r"whsec_[0-9a-f]{64}", first[0][0])
    assert re.fullmatch(r"[0-9a-f]{64}", first[1])
    kept = sorted((tmp_path / "a" / "state").iterdir())
    assert [path.name for path in kept] == ["secret_key", "webhook_secret"]
    assert {path.stat().st_mode & 0o777 for path in kept} == {0o600}
    other = Settings(demo=True, state_dir=tmp_path / "other")
    assert other.require_secret_key() != first[1]


def test_processes_that_start_at_once_keep_one_secret(tmp_path: Path) -> None:
    program = """
import sys
from pathlib import Path
from coinpurse.settings import Settings
settings = Settings(demo=True, state_dir=Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
print(settings.require_webhook_secrets()[0], settings.require_secret_key())
"""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path / "state")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = {process.communicate(timeout=30)[0] for process in processes}

    assert {process.returncode for process in processes} == {0}
    assert len(answers) == 1
    left = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "state").iterdir()}
    assert left == {"secret_key": 0o600, "webhook_secret": 0o600}


def test_a_secret_that_cannot_be_kept_names_the_folder(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")

    with pytest.raises(ConfigurationError, match=r"^COINPURSE_STATE_DIR: .* make the folder writ"):
        Settings(demo=True, state_dir=tmp_path / "state").require_secret_key()


ORIGINS = {
    "https://yourapp.com": "https://yourapp.com",
    "https://yourapp.com/": "https://yourapp.com",
    "HTTPS://YourApp.COM/Path?Q#F": "https://yourapp.com",
    "https://yourapp.com:443/x": "https://yourapp.com",
    "http://yourapp.com:80": "http://yourapp.com",
    "http://yourapp.com:443": "http://yourapp.com:443",
    "https://yourapp.com:8443/x": "https://yourapp.com:8443",
    "https://yourapp.com:/x": "https://yourapp.com",
    "https://yourapp.com:0443/": "https://yourapp.com",
    "https://yourapp.com?next=https://evil.example": "https://yourapp.com",
    "https://yourapp.com#@evil.example": "https://yourapp.com",
    "https://yourapp.com/ok?session_id={CHECKOUT_SESSION_ID}": "https://yourapp.com",
    "http://[::1]:5000/": "http://[::1]:5000",
    "http://[2001:DB8::1]/": "http://[2001:db8::1]",
    "http://localhost:5000": "http://localhost:5000",
    "https://my_app.example.com": "https://my_app.example.com",
    "https://xn--mnchen-3ya.example": "https://xn--mnchen-3ya.example",
    # Another origin than the one that it looks like.
    "https://yourapp.com.evil.example": "https://yourapp.com.evil.example",
    "https://evil.example/https://yourapp.com": "https://evil.example",
    "https://evil.example?https://yourapp.com": "https://evil.example",
    "https://yourapp.com.": "https://yourapp.com.",
    "http://yourapp.com": "http://yourapp.com",
}
NO_ORIGINS = [
    "",
    "/",
    "/payment/success",
    "//evil.example",
    "///evil.example",
    "yourapp.com",
    "https:",
    "https:/",
    "https://",
    "https:///evil.example",
    "https:evil.example",
    "https:/evil.example",
    "https://yourapp.com@evil.example",
    "https://yourapp.com:443@evil.example",
    "https://@evil.example",
    "https://:@evil.example",
    "https://:443",
    "https://evil.example\\@yourapp.com",
    "https://yourapp.com\\.evil.example",
    "https:\\\\evil.example",
    "https://your\tapp.com",
    "https://yourapp.com\n.evil.example",
    "https://yourapp.com\r\nSet-Cookie:a=b",
    " https://yourapp.com",
    "https://yourapp.com ",
    "\x00https://yourapp.com",
    "https://your\x00app.com",
    "https://yourapp.com\x7f",
    "https://evil.example[::1]",
    "https://[::1]evil.example:443",
    "https://[yourapp.com]",
    "https://[::1",
    "https://::1]",
    "https://[v1.yourapp.com]",
    "https://[::1%25eth0]",
    "https://yourapp%2ecom",
    "https://yourapp.com%00.evil.example",
    "https://yourapp.com:port",
    "https://yourapp.com:-1",
    "https://yourapp.com:+443",
    "https://yourapp.com:65536",
    "https://yourapp.com:4 43",
    "https://yourapp.com:４４３",
    "https://yourapp.com:443:443",
    "https://*.yourapp.com",
    "https://yourapp.com,evil.example",
    "https://yourapp.com;evil.example",
    "https://evil.example\u2100yourapp.com",
    "https://yourapp.com\uff0f.evil.example",
    "https://your\u00a0app.com",
    "javascript:alert(1)//https://yourapp.com",
    "javascript://yourapp.com/%0aalert(1)",
    "data:text/html,https://yourapp.com",
    "file:///etc/passwd",
    "ftp://yourapp.com",
    "ws://yourapp.com",
    "httpsx://yourapp.com",
    "null",
    "\ud800",
    "https://\ud800.example",
]


@pytest.mark.parametrize(("url", "origin"), ORIGINS.items())
def test_the_origin_of_an_absolute_address(url: str, origin: str) -> None:
    assert origin_of(url) == origin


@pytest.mark.parametrize("url", NO_ORIGINS)
def test_trap_24_what_is_no_plain_absolute_address_has_no_origin(url: str) -> None:
    assert origin_of(url) is None


# What a careful reader would take for an address, written without any URL library.
STRICT = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9_.-]+)(?::(?P<port>[0-9]{0,5}))?(?=[/?#]|\Z)", re.I
)
ALPHABET = "abcAZ09.:/\\@?#[]%-_ \t\n\x00éſＫ。{}"
urls = st.one_of(
    st.text(),
    st.text(alphabet=ALPHABET),
    st.builds("https://{}".format, st.text(alphabet=ALPHABET)),
    st.builds("https://yourapp.com{}".format, st.text(alphabet=ALPHABET)),
    st.builds(
        "http://{}:{}/{}".format, st.sampled_from(["a.b", "[::1]", ""]), st.integers(), st.text()
    ),
)


@given(urls)
@example("https://evil.example[::1]")
@example("https://[")
def test_no_text_raises_and_an_origin_is_its_own_origin(url: str) -> None:
    origin = origin_of(url)

    if origin is not None:
        assert origin_of(origin) == origin
        assert url.lower().startswith(origin.partition("://")[0] + "://")


@given(urls.filter(str.isascii))
def test_the_origin_agrees_with_a_strict_reading(url: str) -> None:
    found = STRICT.match(url)
    port = int(found["port"] or 0) if found else 0
    if found is None or port > 65535 or re.search(r"[\x00-\x20\x7f\\]", url):
        expected = None
    else:
        scheme, host = found["scheme"].lower(), found["host"].lower()
        usual = found["port"] in (None, "") or port == {"http": 80, "https": 443}[scheme]
        expected = f"{scheme}://{host}" + ("" if usual else f":{port}")

    if "[" not in url.partition("://")[2].partition("/")[0]:
        assert origin_of(url) == expected


@given(st.text(alphabet=ALPHABET))
def test_trap_24_what_follows_the_allowed_origin_cannot_leave_it(rest: str) -> None:
    if origin_of(f"https://yourapp.com{rest}") == "https://yourapp.com":
        assert re.match(r"(?::0*443|:)?(?:[/?#]|\Z)", rest)


def test_the_own_origin_may_always_be_returned_to() -> None:
    assert Settings().allowed_redirect_origins() == {"http://127.0.0.1:5000"}


def test_listed_origins_may_be_returned_to_as_well() -> None:
    settings = Settings(
        base_url="https://coins.example.com",
        redirect_origins="https://App.example.com/,http://localhost:3000",
    )

    assert settings.allowed_redirect_origins() == {
        "https://coins.example.com",
        "https://app.example.com",
        "http://localhost:3000",
    }
    assert origin_of("https://APP.example.com:443/ok") in settings.allowed_redirect_origins()
    assert origin_of("https://evil.example") not in settings.allowed_redirect_origins()
    assert origin_of("//app.example.com") not in settings.allowed_redirect_origins()

"""Settings, read once and frozen: keyword arguments, a Flask config, the environment or `.env`.

A wrong value raises ConfigurationError with the setting's name and its mend, and never with the value
of a secret.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from coinpurse.errors import ConfigurationError

SANDBOX_URL = "http://127.0.0.1:12111"
# Not a secret: the sandbox takes any key of this form and moves no money.
SANDBOX_SECRET_KEY = "sk_test_coinpurse_demo"  # noqa: S105
LIVE_KEY = re.compile(r"(?:sk|rk)_live_")
FORMS = {
    "stripe_secret_key": (
        re.compile(r"(?:sk|rk)_(?:test|live)_\w{6,}", re.ASCII),
        "sk_test_… or rk_live_…",
    ),
    "stripe_publishable_key": (
        re.compile(r"pk_(?:test|live)_\w{6,}", re.ASCII),
        "pk_test_… or pk_live_…",
    ),
    "stripe_webhook_secret": (re.compile(r"whsec_[\w+/=-]{6,}", re.ASCII), "whsec_…"),
}
POSTGRESQL_ADDRESS = re.compile(r"postgres(?:ql)?(?:\+\w+)?://")
NETWORK_LOCATION = re.compile(r"(?:[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?")
# Our languages by the tags that operators write.
ALERT_LANGUAGES = {"en": "en", "en_us": "en", "zh": "zh", "zh_cn": "zh", "zh_hans": "zh"}
# These have no COINPURSE_ prefix, because hosts and other tools know them already.
SHARED_NAMES = (
    *FORMS,
    "stripe_api_base",
    "database_url",
    "secret_key",
    # Flask-Mail's own names.
    "mail_server",
    "mail_port",
    "mail_use_tls",
    "mail_use_ssl",
    "mail_username",
    "mail_password",
    "mail_default_sender",
)


def _shared(name: str, default: object = None, **limits: Any) -> Any:
    return Field(default=default, validation_alias=name, **limits)


class Settings(BaseSettings):
    """Everything that the operator decides.

    demo: a local trial run; the sandbox's address, its key and generated secrets stand in for missing ones.
    base_url: the public origin, without a path.
    redirect_origins: origins that success and cancel addresses may have, besides the base URL's own.
    catalog: the catalog file; None for the packaged sample.
    state_dir: where the embedded database and generated secrets live.
    threads: requests that one web process serves at a time; the connection pool follows it.
    database_pooler: DATABASE_URL leads to a pooler of transactions that is not noticed by itself, as PgBouncer is.
    direct_database_url: PostgreSQL itself, for the worker and for upgrades, where DATABASE_URL leads to a pooler.
    trusted_proxies: reverse proxies in front whose X-Forwarded-… headers are believed.
    spend_order: which coins are used first among those that expire together.
    group_commit: concurrent spends of one process share a commit; what makes a hot wallet fast.
    spent_coins_policy: what becomes of coins that a refund or a dispute asks for and that were spent: a debt that the
    next credit repays, forgiven, or a debt with a wallet that may not spend until somebody unblocks it.
    chargeback_policy: what an open chargeback does to the coins that are left.
    inquiry_policy: the same for a bank's question before a chargeback; no money has moved.
    fraud_warning_policy: what a warning by an issuer does besides flagging the payment.
    mail_server: where mail is handed in by SMTP; None sends none. The other mail_… settings are Flask-Mail's.
    alert_urls: whom apprise tells of trouble, one address or several with commas; they may hold passwords.
    alert_language: of alerts, and of the amounts and times in them.
    wallet_url: where mail leads buyers; by default `/wallet` of the base URL, which a host with our pages under another
    prefix sets.
    metrics_token: what `/metrics` asks of everybody; None shows it to this machine alone.
    webhooks_allow_private: whether outgoing webhooks may go to addresses inside private networks.
    approval_above: coins that one person may adjust by hand within 24 hours before a second person must agree.
    expiry_notice_days: how long before coins expire their owner hears of it; 0 for never.
    messages_kept_days: how long mails, alerts and outgoing webhooks can be looked at and replayed; 0 for ever.
    time_zone: whose midnight divides the days of the back office.
    """

    model_config = SettingsConfigDict(
        env_prefix="COINPURSE_",
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        populate_by_name=True,
        hide_input_in_errors=True,
    )

    stripe_secret_key: SecretStr | None = _shared("stripe_secret_key")
    stripe_publishable_key: str | None = _shared("stripe_publishable_key")
    stripe_webhook_secret: SecretStr | None = _shared("stripe_webhook_secret")
    stripe_api_base: str | None = _shared("stripe_api_base")
    database_url: SecretStr | None = _shared("database_url")
    secret_key: SecretStr | None = _shared("secret_key")
    base_url: str = "http://127.0.0.1:5000"
    redirect_origins: Annotated[tuple[str, ...], NoDecode] = ()
    catalog: Path | None = None
    demo: bool = False
    state_dir: Path = Path(".coinpurse")
    store_name: str = "Coinpurse"
    threads: int = Field(default=8, ge=1, le=256)
    database_pooler: bool = False
    direct_database_url: SecretStr | None = None
    trusted_proxies: int = Field(default=0, ge=0, le=10)
    spend_order: Literal["bonus_first", "paid_first"] = "bonus_first"
    group_commit: bool = False
    spent_coins_policy: Literal["debt", "forgive", "block"] = "debt"
    chargeback_policy: Literal["freeze", "claw_back"] = "freeze"
    inquiry_policy: Literal["freeze", "ignore"] = "freeze"
    fraud_warning_policy: Literal["flag", "refund"] = "flag"
    mail_server: str | None = _shared("mail_server")
    mail_port: int = _shared("mail_port", 25, ge=1, le=65535)
    mail_use_tls: bool = _shared("mail_use_tls", False)
    mail_use_ssl: bool = _shared("mail_use_ssl", False)
    mail_username: str | None = _shared("mail_username")
    mail_password: SecretStr | None = _shared("mail_password")
    mail_default_sender: str | None = _shared("mail_default_sender")
    alert_urls: SecretStr | None = None
    alert_language: Literal["en", "zh"] = "en"
    wallet_url: str | None = None
    metrics_token: SecretStr | None = Field(default=None, min_length=16)
    webhooks_allow_private: bool = False
    approval_above: int = Field(default=10_000, ge=0)
    expiry_notice_days: int = Field(default=7, ge=0, le=365)
    messages_kept_days: int = Field(default=90, ge=0, le=36_500)
    time_zone: str = "UTC"

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            first = error.errors(include_input=False, include_context=False)[0]
            where = str(first["loc"][0]) if first["loc"] else ""
            prefix = f"{environment_name(where)}: " if where else ""
            raise ConfigurationError(prefix + first["msg"].removeprefix("Value error, ")) from None
        except UnicodeDecodeError:
            raise ConfigurationError("The file .env is not UTF-8 text; save it as UTF-8.") from None

    @classmethod
    def from_flask(cls, config: Mapping[str, Any]) -> Self:
        """Read a Flask config by the contract's upper-case names; what it lacks comes from the environment."""
        names = {name: environment_name(name) for name in cls.model_fields}
        return cls(
            **{
                name: config[key]
                for name, key in names.items()
                if config.get(key) not in (None, "")
            }
        )

    @field_validator("secret_key", mode="before")
    @classmethod
    def _secret_key(cls, value: object) -> object:
        # Flask takes any bytes, and a host may well have given it random ones.
        return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value

    @field_validator("base_url")
    @classmethod
    def _base_url(cls, value: str) -> str:
        value = value.rstrip("/")
        if origin_of(value) != value.lower():
            raise ValueError(
                "write the public origin alone, such as https://coins.example.com; the store has no path but a"
                " host name of its own, or is mounted into a host app"
            )
        return value.lower()

    @field_validator("alert_language", mode="before")
    @classmethod
    def _alert_language(cls, value: object) -> object:
        tag = ALERT_LANGUAGES.get(str(value).strip().lower().replace("-", "_"))
        if tag is None:
            raise ValueError("write en for English or zh_CN for Simplified Chinese")
        return tag

    @field_validator("wallet_url")
    @classmethod
    def _wallet_url(cls, value: str | None) -> str | None:
        parts = urlsplit(value) if value is not None else None
        if parts is not None and origin_of(f"{parts.scheme}://{parts.netloc}") is None:
            raise ValueError(
                "write the whole address, such as https://coins.example.com/coins/wallet"
            )
        return value

    @field_validator("time_zone")
    @classmethod
    def _time_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError("write a time zone's name, such as Europe/Paris or UTC") from None
        return value

    @model_validator(mode="after")
    def _mail_is_whole(self) -> Self:
        if self.mail_server and not self.mail_default_sender:
            raise ValueError(
                "MAIL_DEFAULT_SENDER is not set; with MAIL_SERVER, give the address that mail comes from"
            )
        if self.mail_use_tls and self.mail_use_ssl:
            raise ValueError("MAIL_USE_TLS and MAIL_USE_SSL exclude each other; set one of them")
        return self

    @field_validator("direct_database_url")
    @classmethod
    def _direct_database_url(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not POSTGRESQL_ADDRESS.match(value.get_secret_value().strip()):
            raise ValueError("write it as postgresql://user:password@host/database")
        return value

    @field_validator("redirect_origins", mode="before")
    @classmethod
    def _redirect_origins(cls, value: object) -> object:
        parts = value.split(",") if isinstance(value, str) else value
        if not isinstance(parts, (list, tuple)):
            raise ValueError("list the origins, separated by commas")  # noqa: TRY004
        origins = tuple(
            str(part).strip().rstrip("/").lower() for part in parts if str(part).strip()
        )
        for origin in origins:
            if origin_of(origin) != origin:
                raise ValueError(
                    f"{origin!r} is not an origin; write it as https://app.example.com"
                )
        return origins

    @field_validator("stripe_api_base")
    @classmethod
    def _stripe_api_base(cls, value: str | None) -> str | None:
        if value is None:
            return None
        value = value.rstrip("/").lower()
        if origin_of(value) != value:
            raise ValueError("write the API's origin alone, such as http://127.0.0.1:12111")
        return value

    @field_validator(*FORMS)
    @classmethod
    def _key_forms(cls, value: SecretStr | str | None, info: Any) -> SecretStr | str | None:
        form, example = FORMS[info.field_name]
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        if text is None:
            return None
        # White space at the ends comes with pasting. A key that kept it would not even be known for a live one.
        several = info.field_name == "stripe_webhook_secret"
        parts = [part.strip() for part in (text.split(",") if several else [text])]
        if not all(form.fullmatch(part) for part in parts):
            raise ValueError(
                f"this is not of the form {example}; copy it again from the Stripe Dashboard"
            )
        plain = ",".join(parts)
        return SecretStr(plain) if isinstance(value, SecretStr) else plain

    @model_validator(mode="after")
    def _live_is_strict(self) -> Self:
        if not self.livemode:
            return self
        if self.demo:
            raise ValueError(
                "STRIPE_SECRET_KEY is a live key and the demo never uses one; give a test key"
            )
        if self.stripe_api_base not in (None, "https://api.stripe.com"):
            raise ValueError(
                "STRIPE_API_BASE must not be set with a live key: live keys go to Stripe alone; remove it"
            )
        if not self.base_url.startswith("https://"):
            raise ValueError(
                "COINPURSE_BASE_URL must start with https:// when the key is a live one"
            )
        return self

    @property
    def livemode(self) -> bool:
        """Whether the Stripe key moves real money."""
        key = self.stripe_secret_key
        return key is not None and LIVE_KEY.match(key.get_secret_value()) is not None

    @property
    def api_base(self) -> str | None:
        """Where the Stripe API is; None for Stripe itself."""
        if self.stripe_api_base is None and self.demo and self.stripe_secret_key is None:
            return SANDBOX_URL
        return self.stripe_api_base

    def direct(self) -> Self:
        """The same for a process that needs a session of PostgreSQL's for itself."""
        if self.direct_database_url is None:
            return self
        return self.model_copy(
            update={"database_url": self.direct_database_url, "database_pooler": False}
        )

    def require_stripe_key(self) -> str:
        """Return the secret key. Raises ConfigurationError where it is missing."""
        if self.stripe_secret_key is not None:
            return self.stripe_secret_key.get_secret_value()
        if self.demo:
            return SANDBOX_SECRET_KEY
        raise ConfigurationError(
            "STRIPE_SECRET_KEY is not set. Put the secret or restricted key of your Stripe account into the"
            " environment or into .env, or try `coinpurse demo`, which needs no account."
        )

    def require_webhook_secrets(self) -> tuple[str, ...]:
        """Return the signing secrets, newest first. Raises ConfigurationError where there is none."""
        if self.stripe_webhook_secret is not None:
            value = self.stripe_webhook_secret.get_secret_value()
            return tuple(value.split(","))
        if self.demo and self.stripe_secret_key is None:
            return (self._kept_secret("webhook_secret", prefix="whsec_"),)
        raise ConfigurationError(
            "STRIPE_WEBHOOK_SECRET is not set. It is shown once when the webhook endpoint is made:"
            " `coinpurse webhook setup --write-env .env` makes it. On your own machine,"
            " `stripe listen --print-secret` prints the one of the Stripe CLI."
        )

    def require_secret_key(self) -> str:
        """Return the key that signs login cookies. Raises ConfigurationError where it is missing."""
        if self.secret_key is not None:
            return self.secret_key.get_secret_value()
        if self.demo:
            return self._kept_secret("secret_key")
        raise ConfigurationError(
            "SECRET_KEY is not set. Make one with"
            " `python -c 'import secrets; print(secrets.token_hex(32))'` and keep it."
        )

    def allowed_redirect_origins(self) -> frozenset[str]:
        """Origins that success and cancel addresses may have."""
        return frozenset({self.base_url, *self.redirect_origins})

    def _kept_secret(self, name: str, *, prefix: str = "") -> str:
        """Return the secret kept in the state directory, making it the first time. Safe between processes."""
        path = self.state_dir / name
        try:
            self.state_dir.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                _keep(path, prefix + secrets.token_hex(32))
            return path.read_text(encoding="ascii")
        except OSError as error:
            raise ConfigurationError(
                f"COINPURSE_STATE_DIR: {path} cannot be kept ({error.strerror}); make the folder writable"
                " or name another."
            ) from None


def _keep(path: Path, secret: str) -> None:
    """Write a file whole, for its owner alone, unless it is there already."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    draft.touch(mode=0o600)
    try:
        draft.write_text(secret, encoding="ascii")
        with suppress(FileExistsError):  # Another process was first; its secret holds.
            os.link(draft, path)
    finally:
        draft.unlink()


def environment_name(name: str) -> str:
    """The environment variable of a setting: `base_url` is COINPURSE_BASE_URL, `secret_key` SECRET_KEY."""
    return name.upper() if name in SHARED_NAMES else f"COINPURSE_{name.upper()}"


def origin_of(url: str) -> str | None:
    """Return scheme, host and port of an absolute http(s) address, in lower case; None if it is not one."""
    # Browsers read a backslash as a slash and skip control characters; such an address is refused whole.
    if re.search(r"[\x00-\x20\x7f\\]", url):
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    # Python forgives text around a bracketed host, which browsers do not; names and passwords have no place.
    if parts.scheme not in ("http", "https") or not NETWORK_LOCATION.fullmatch(parts.netloc):
        return None
    assert parts.hostname is not None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    default = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{host}" + (f":{port}" if port not in (None, default) else "")

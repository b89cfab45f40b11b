"""What has to change at Stripe so that our endpoint is right. Pure: no I/O."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from coinpurse.errors import ConfigurationError
from coinpurse.inbox import HANDLED_TYPES
from coinpurse.ports import WebhookEndpoint
from coinpurse.settings import Settings, origin_of

WEBHOOK_PATH = "/api/payment/webhook"
# Tells our endpoints from those that somebody made by hand for other programs.
MARK = {"coinpurse": "webhook"}
# On the endpoint of a rotation: the id of the one that it takes the place of.
REPLACES = "coinpurse_replaces"
EVERYTHING = "*"


@dataclass(frozen=True, slots=True)
class Step:
    """One change at Stripe. endpoint_id: None for one that is made. reasons: what is wrong now."""

    act: Literal["create", "update", "delete"]
    url: str
    endpoint_id: str | None = None
    reasons: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=lambda: MARK)


def endpoint_url(given: str) -> str:
    """Return the address that Stripe delivers to: an origin gets our path, a longer address stays as it is.

    Raises ConfigurationError for what is no http(s) address.
    """
    parts = urlsplit(given)
    origin = origin_of(f"{parts.scheme}://{parts.netloc}")
    if origin is None or parts.query or parts.fragment or origin_of(given) is None:
        raise ConfigurationError(
            f"{given!r} is not an address; write it as https://coins.example.com"
        )
    return origin + (parts.path if parts.path.strip("/") else WEBHOOK_PATH)


def require_reachable(url: str, settings: Settings) -> None:
    """Raise ConfigurationError, with the mend, where Stripe cannot deliver to the address."""
    if settings.livemode and not url.startswith("https://"):
        raise ConfigurationError(
            f"{url} does not begin with https://, which Stripe requires for live events."
        )
    if settings.api_base is None and is_private(urlsplit(url).hostname or ""):
        raise ConfigurationError(
            f"Stripe cannot reach {url}: it is an address of this machine or network alone. On your own machine use"
            f" `stripe listen --all-snapshot --forward-to {url}`, which needs no endpoint; for a store on the internet"
            " set COINPURSE_BASE_URL, or give --url."
        )


def is_private(host: str) -> bool:
    """Whether a host's name or address means this machine or a private network."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith((".localhost", ".local", ".internal", ".test"))
    return not address.is_global


def problems_of(endpoint: WebhookEndpoint, api_version: str) -> tuple[str, ...]:
    """Say what is wrong with an endpoint of ours, and nothing where it is right."""
    wanted, sent = set(HANDLED_TYPES), set(endpoint.event_types)
    problems = [] if endpoint.enabled else ["it is switched off"]
    if EVERYTHING in sent:
        problems.append(f"it sends every type of event instead of our {len(wanted)}")
    elif sent != wanted:
        problems += [f"it does not send {name}" for name in HANDLED_TYPES if name not in sent]
        problems += [f"it sends {name}, which we ignore" for name in sorted(sent - wanted)]
    if endpoint.api_version not in (None, api_version):
        problems.append(version_problem(endpoint, api_version))
    return tuple(problems)


def version_problem(endpoint: WebhookEndpoint, api_version: str) -> str:
    """Say that the endpoint speaks another version, which only another endpoint can change."""
    return f"it speaks API version {endpoint.api_version} instead of {api_version}"


def is_ours(endpoint: WebhookEndpoint, url: str) -> bool:
    """Whether an endpoint delivers to our address, whoever made it."""
    return endpoint.url.rstrip("/") == url.rstrip("/")


def plan_setup(found: Sequence[WebhookEndpoint], url: str, api_version: str) -> list[Step]:
    """Plan what makes our endpoint right; nothing where it is. What only a rotation mends is left out."""
    ours = [endpoint for endpoint in found if is_ours(endpoint, url)]
    if not ours:
        return [Step("create", url, reasons=("there is none for this address",))]
    steps = []
    for endpoint in ours:
        wrong = [
            problem
            for problem in problems_of(endpoint, api_version)
            if problem != version_problem(endpoint, api_version)
        ]
        if not MARK.items() <= endpoint.metadata.items():
            wrong.append("it does not say that it is ours")
        if wrong:
            steps.append(Step("update", url, endpoint.id, tuple(wrong)))
    return steps


def plan_rotation(found: Sequence[WebhookEndpoint], url: str) -> list[Step]:
    """Plan a second endpoint with a new secret beside ours.

    Raises ConfigurationError where there is none to take the place of, or a rotation is under way.
    """
    ours = [endpoint for endpoint in found if is_ours(endpoint, url)]
    if not ours:
        raise ConfigurationError(
            f"There is no endpoint for {url} yet; make it with `coinpurse webhook setup`."
        )
    if len(ours) > 1:
        names = ", ".join(endpoint.id for endpoint in ours)
        raise ConfigurationError(
            f"There is more than one endpoint for {url} ({names}). End the rotation that is under way with"
            " `coinpurse webhook rotate --finish`, or remove one with `coinpurse webhook remove`."
        )
    return [
        Step(
            "create",
            url,
            reasons=(f"its secret is to take the place of {ours[0].id}'s",),
            metadata={**MARK, REPLACES: ours[0].id},
        )
    ]


def plan_finish(found: Sequence[WebhookEndpoint], url: str) -> list[Step]:
    """Plan the end of a rotation: the endpoint that was replaced goes. Nothing where none is under way."""
    ours = {endpoint.id: endpoint for endpoint in found if is_ours(endpoint, url)}
    replaced = {endpoint.metadata.get(REPLACES) for endpoint in ours.values()}
    return [
        Step("delete", url, id_, ("another has taken its place",))
        for id_ in ours
        if id_ in replaced
    ]

"""HTTP to Stripe: the SDK's client for `requests`, with its surprises taken out."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import requests
import stripe
import structlog
from requests.structures import CaseInsensitiveDict

from coinpurse.counting import counts
from coinpurse.stripe_gateway.refusals import unusable_answer

LIMITED = 429

log = structlog.get_logger(__name__)


class _StayingSession(requests.Session):
    """Follows no redirect: Stripe sends none, and a followed POST would turn into a GET."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Say that there is nowhere to go."""


class Transport(stripe.RequestsClient):
    """Sends requests, with the SDK's retries, and lets only Stripe's own JSON through.

    Answers that are not Stripe's (a proxy's page, half a body, a redirect) raise GatewayError
    here, because the SDK would fail on them in many ways. `Stripe-Notice` headers are logged and
    taken out: the SDK makes a Python warning of them, which is an error where warnings are.
    Safe for threads: each has its own session.
    """

    def request_with_retries(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        post_data: Any = None,
        max_network_retries: int | None = None,
        *,
        _usage: list[str] | None = None,
    ) -> tuple[str, int, Mapping[str, str]]:
        """Send a request until it is answered or the retries are used up."""
        # Where the SDK keeps the session of each thread; it makes one of its own if there is none.
        if getattr(self._thread_local, "session", None) is None:
            self._thread_local.session = _StayingSession()
        began = time.perf_counter()
        outcome = "unreachable"
        try:
            body, status, answer_headers = super().request_with_retries(
                method, url, headers, post_data, max_network_retries, _usage=_usage
            )
            outcome = _outcome(body, status)
        finally:
            counts().stripe_calls[method.upper(), outcome].inc()
            counts().stripe_seconds[method.upper()].observe(time.perf_counter() - began)
        kept = CaseInsensitiveDict(answer_headers)
        notice = kept.pop("Stripe-Notice", None)
        if notice is not None:
            log.warning("stripe.notice", notice=notice)
        if outcome == "unusable":
            raise unusable_answer(
                f"HTTP {status} without Stripe's JSON",
                status=status,
                request_id=kept.get("Request-Id"),
            )
        return body, status, kept


def _outcome(body: str | bytes, status: int) -> str:
    """What a call came to, for the counts."""
    if not _is_stripes(body, status):
        return "unusable"
    if 200 <= status < 300:
        return "ok"
    if status == LIMITED:
        return "limited"
    return "error" if status >= 500 else "refused"


def _is_stripes(body: str | bytes, status: int) -> bool:
    """Whether a body has the outer form of Stripe's answers: an object, or an error of one."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return False
    if not isinstance(answer, dict):
        return False
    if 200 <= status < 300:
        return isinstance(answer.get("object"), str)
    return isinstance(answer.get("error"), dict)

"""Errors in Stripe's shape."""

from __future__ import annotations

from stripe_sandbox.json_types import Json

DOCUMENTATION = "https://stripe.com/docs/error-codes/"
REQUEST_LOGS = "https://dashboard.stripe.com/test/logs/"


class ApiError(Exception):
    """A refusal that the caller sees as {"error": {...}}.

    keeps_effects: what happened before the refusal stays (a declined charge).
    saved: an idempotency key remembers this answer; never for malformed requests.
    logged: the body carries request_log_url.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        type: str = "invalid_request_error",  # noqa: A002 - Stripe's own field name
        code: str | None = None,
        param: str | None = None,
        extra: Json | None = None,
        keeps_effects: bool = False,
        saved: bool = True,
        logged: bool = True,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.type = type
        self.code = code
        self.param = param
        self.extra: Json = dict(extra or {})
        self.keeps_effects = keeps_effects
        self.saved = saved
        self.logged = logged
        self.headers: dict[str, str] = {}

    def body(self, request_id: str | None) -> Json:
        """Return the response body; keys without a value are absent."""
        error: Json = {}
        if self.code is not None:
            error["code"] = self.code
            error["doc_url"] = DOCUMENTATION + self.code.replace("_", "-")
        error |= {key: value for key, value in self.extra.items() if value is not None}
        error["message"] = self.message
        if self.param is not None:
            error["param"] = self.param
        if self.logged and request_id is not None:
            error["request_log_url"] = REQUEST_LOGS + request_id
        error["type"] = self.type
        return {"error": error}


class MalformedRequest(ApiError):
    """The request failed validation, so that no idempotency key remembers it."""

    def __init__(self, message: str, *, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message, code=code, param=param, saved=False)


def resource_missing(noun: str, identifier: str, param: str = "id") -> ApiError:
    """Return Stripe's 404 for an object that does not exist."""
    return ApiError(
        f"No such {noun}: '{identifier}'", status=404, code="resource_missing", param=param
    )


def missing_parameter(param: str) -> MalformedRequest:
    """Return Stripe's refusal of a request without a required parameter."""
    return MalformedRequest(
        f"Missing required param: {param}.", code="parameter_missing", param=param
    )


def unsupported(param: str, feature: str) -> MalformedRequest:
    """Return the sandbox's own refusal: Stripe knows this feature, the sandbox does not."""
    return MalformedRequest(
        f"The sandbox does not model {feature}; remove `{param}` or test it against Stripe.",
        param=param,
    )

"""The way of one API request: key, version, route, fault, form, handler, answer."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field, replace

from stripe_sandbox.api import idempotency, json_bodies, parameters, versions
from stripe_sandbox.api.authentication import authenticate, require_permission
from stripe_sandbox.api.call import Call
from stripe_sandbox.api.errors import ApiError
from stripe_sandbox.api.expansion import expand
from stripe_sandbox.api.form_encoding import Form, parse_form
from stripe_sandbox.api.idempotency import InFlight, SavedAnswer
from stripe_sandbox.api.routing import Match, Router
from stripe_sandbox.faults import API_KINDS, FaultRule
from stripe_sandbox.ids import new_id
from stripe_sandbox.json_types import Json
from stripe_sandbox.unit_of_work import RequestContext, UnitOfWork
from stripe_sandbox.world import World


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """What came in over HTTP, untouched."""

    method: str
    path: str
    query: str
    body: bytes
    authorization: str | None
    version: str | None
    idempotency_key: str | None
    base_url: str


@dataclass(frozen=True, slots=True)
class ApiAnswer:
    """What goes out. hang_up: the connection ends without an answer."""

    status: int
    body: str
    headers: dict[str, str] = field(default_factory=dict)
    hang_up: bool = False


class Dispatcher:
    """Answers API requests on a world."""

    def __init__(self, world: World, router: Router) -> None:
        """Bind the world and the route tables."""
        self._world = world
        self._router = router
        self._in_flight = InFlight()

    def answer(self, request: ApiRequest) -> ApiAnswer:
        """Answer one request; every refusal is an answer too."""
        request_id = new_id("req_")
        headers = {"Request-Id": request_id}
        try:
            answer = self._answer(request, request_id, headers)
        except ApiError as error:
            headers |= error.headers
            answer = ApiAnswer(error.status, _encoded(error.body(request_id)))
        return replace(answer, headers=headers | answer.headers)

    def _answer(self, request: ApiRequest, request_id: str, headers: dict[str, str]) -> ApiAnswer:
        key = authenticate(request.authorization)
        version = versions.resolve(request.version)
        headers["Stripe-Version"] = version
        match = self._router.match(request.method, request.path)
        require_permission(key, request.method, request.path, self._world.account_id)
        form = _form(request, match)
        repeat_key = None
        if request.method == "POST":
            repeat_key = idempotency.check_key(request.idempotency_key)
        if repeat_key is not None:
            headers["Idempotency-Key"] = repeat_key
        context = RequestContext(request_id, repeat_key, version, request.base_url, key)
        with self._in_flight.claim(repeat_key):
            fault = self._strike(request)
            if fault is not None and fault.when == "before":
                return _failure(fault, request_id)
            saved, replayed = self._run(request, match, form, context, fault)
        if fault is not None and fault.kind == "timeout":
            return _failure(fault, request_id)
        if replayed:
            headers["Idempotent-Replayed"] = "true"
            headers["Original-Request"] = saved.request_id
        return ApiAnswer(saved.status, saved.body)

    def _strike(self, request: ApiRequest) -> FaultRule | None:
        if not self._world.faults.rules:
            return None
        with self._world.unit():
            return self._world.faults.strike(API_KINDS, method=request.method, path=request.path)

    def _run(
        self,
        request: ApiRequest,
        match: Match,
        form: Form,
        context: RequestContext,
        fault: FaultRule | None,
    ) -> tuple[SavedAnswer, bool]:
        """Execute, or find the first answer; effects and answer are committed together."""
        mark = idempotency.fingerprint(request.method, request.path, form)
        key = context.idempotency_key
        refusal: ApiError
        try:
            with self._world.unit(context) as work:
                if key is not None:
                    known = idempotency.find(work.store, key, mark, work.now)
                    if known is not None:
                        return known, True
                answer = self._execute(work, match, form, context)
                if fault is not None and fault.kind != "timeout":
                    answer = _spoiled(fault, context.id or "")
                if key is not None:
                    idempotency.save(work.store, key, mark, answer, work.now)
                return answer, False
        except ApiError as error:
            refusal = error
        answer = SavedAnswer(refusal.status, _encoded(refusal.body(context.id)), context.id or "")
        if key is not None and refusal.saved:
            with self._world.unit() as work:
                idempotency.save(work.store, key, mark, answer, work.now)
        return answer, False

    def _execute(
        self, work: UnitOfWork, match: Match, form: Form, context: RequestContext
    ) -> SavedAnswer:
        route = match.route
        given: Json = (
            dict(form) if route.body == "json" else parameters.check(form, route.parameters)
        )
        paths = given.pop("expand", []) if route.body == "form" else []
        path = route.path
        for name, value in match.values.items():
            path = path.replace(f"{{{name}}}", value)
        call = Call(match.values, given, context.api_version, path)
        try:
            body = expand(work, route.handler(work, call), paths)
        except ApiError as error:
            if not error.keeps_effects:
                raise
            return SavedAnswer(error.status, _encoded(error.body(context.id)), context.id or "")
        return SavedAnswer(200, _encoded(body), context.id or "")


def _form(request: ApiRequest, match: Match) -> Form:
    query = parse_form(request.query)
    if request.method == "GET" or not request.body:
        return query
    if match.route.body == "json":
        return json_bodies.parse(request.body)
    return query | parse_form(request.body.decode("utf-8", "replace"))


def _failure(fault: FaultRule, request_id: str) -> ApiAnswer:
    if fault.kind == "timeout":
        time.sleep(fault.seconds)
        return ApiAnswer(504, "", hang_up=True)
    saved = _spoiled(fault, request_id)
    headers = {"Stripe-Rate-Limited-Reason": "global-rate"} if saved.status == 429 else {}
    return ApiAnswer(saved.status, saved.body, headers)


def _spoiled(fault: FaultRule, request_id: str) -> SavedAnswer:
    if fault.kind == "rate_limit":
        error = ApiError(
            "Request rate limit exceeded. You can learn more about rate limits here "
            "https://stripe.com/docs/rate-limits.",
            status=429,
            code="rate_limit",
        )
    else:
        error = ApiError(
            "An unknown error occurred (a fault that was asked for).", status=500, type="api_error"
        )
    return SavedAnswer(error.status, _encoded(error.body(request_id)), request_id)


def _encoded(body: Json) -> str:
    return json.dumps(body)

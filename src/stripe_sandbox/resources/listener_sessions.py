"""/v1/stripecli/sessions: how `stripe listen` asks where to connect"""

from __future__ import annotations

import json

from stripe_sandbox import signatures
from stripe_sandbox.api.call import Call, Route
from stripe_sandbox.api.parameters import Accepted, ListOf, Parameters, Text
from stripe_sandbox.api.versions import LATEST
from stripe_sandbox.config import DEFAULT_API_VERSION
from stripe_sandbox.ids import new_id
from stripe_sandbox.json_types import Json
from stripe_sandbox.unit_of_work import UnitOfWork

RECONNECT_SECONDS = 600
SOCKET_PATH = "/_sandbox/listen"
CREATE = Parameters(
    {
        "device_name": Text(),
        "filters": Accepted(),
        "forward_connect_to_url": Accepted(),
        "forward_thin_connect_to_url": Accepted(),
        "forward_thin_to_url": Accepted(),
        "forward_to_url": Accepted(),
        "websocket_features": ListOf(Text()),
    }
)


def create(work: UnitOfWork, call: Call) -> Json:
    """Open a listener; its secret is the same for the same key and machine, always."""
    features = call.parameters.get("websocket_features", ["webhooks"])
    known = [name for name in features if name in {"webhooks", "v2_events"}]
    secret = signatures.stable_secret(work.request.key)
    listener = new_id("wsid_")
    # Unseen until its socket connects: nothing is queued for `--print-secret`.
    work.store.execute(
        "INSERT INTO listeners (id, secret, features, seen) VALUES (?, ?, ?, NULL)",
        (listener, secret, json.dumps(known)),
    )
    scheme, _, host = work.request.base_url.partition("://")
    return {
        "default_version": DEFAULT_API_VERSION,
        "display_connect_filter_warning": False,
        "latest_version": LATEST,
        "reconnect_delay": RECONNECT_SECONDS,
        "secret": secret,
        "websocket_authorized_feature": "webhooks",
        "websocket_id": listener,
        "websocket_url": f"{'wss' if scheme == 'https' else 'ws'}://{host}{SOCKET_PATH}",
    }


ROUTES = (Route("POST", "/v1/stripecli/sessions", create, CREATE),)

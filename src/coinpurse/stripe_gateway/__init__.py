"""Stripe behind our own port: the only package that imports Stripe's SDK.

`Gateway` implements `ports.StripeGateway`, and `SetUp` `ports.StripeSetUp`. Nothing of the SDK passes
their methods: answers and events come out as the frozen dataclasses of `ports`, failures as
GatewayError or WebhookRejected.

To read one more kind of object: its dataclass in `ports`, a reader and its row in `readers`, and a
`get_` method and its row in `gateway`.
To list one more kind: its reader and its row in `lists`.
"""

from coinpurse.stripe_gateway.client import STRIPE_VERSION
from coinpurse.stripe_gateway.gateway import Gateway
from coinpurse.stripe_gateway.set_up import SetUp

__all__ = ["STRIPE_VERSION", "Gateway", "SetUp"]

"""The gateway's calls about products and prices: `ports.StripeCatalog`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import stripe

from coinpurse.ports import Listed, StripePrice, StripeProduct
from coinpurse.stripe_gateway.fields import Fields, UnreadableError
from coinpurse.stripe_gateway.readers import read_price, read_product
from coinpurse.stripe_gateway.refusals import unusable_answer

Found = TypeVar("Found", StripeProduct, StripePrice)


class ProductCalls:
    """What the gateway can do with products and prices."""

    _client: stripe.StripeClient

    def list_products(self) -> tuple[StripeProduct, ...]:
        """Fetch all products of the account, in use or not, newest first."""
        return self._list_all(StripeProduct, {})

    def list_prices(self, product_id: str) -> tuple[StripePrice, ...]:
        """Fetch all prices of a product, in use or not, newest first."""
        return self._list_all(StripePrice, {"product": product_id})

    def create_product(
        self, parameters: Mapping[str, object], *, idempotency_key: str
    ) -> StripeProduct:
        """Make a product. A repeat with the same key gives the same one."""
        asked: Any = dict(parameters)
        return self._change(
            read_product,
            lambda: self._client.v1.products.create(asked, {"idempotency_key": idempotency_key}),
        )

    def update_product(self, product_id: str, parameters: Mapping[str, object]) -> StripeProduct:
        """Change a product."""
        asked: Any = dict(parameters)
        return self._change(
            read_product, lambda: self._client.v1.products.update(product_id, asked)
        )

    def create_price(
        self, product_id: str, parameters: Mapping[str, object], *, idempotency_key: str
    ) -> StripePrice:
        """Make a price of a product. A repeat with the same key gives the same one."""
        asked: Any = {**parameters, "product": product_id}
        return self._change(
            read_price,
            lambda: self._client.v1.prices.create(asked, {"idempotency_key": idempotency_key}),
        )

    def set_price_active(self, price_id: str, *, active: bool) -> StripePrice:
        """Take a price out of use, or into use again."""
        return self._change(
            read_price, lambda: self._client.v1.prices.update(price_id, {"active": active})
        )

    def _change(
        self, read: Callable[[Fields], Found], request: Callable[[], stripe.StripeObject]
    ) -> Found:
        answer = self._send(request)
        try:
            return read(Fields("answer", answer.to_dict(for_json=True)))
        except UnreadableError as unreadable:
            problem = str(unreadable)
        response = answer.last_response
        raise unusable_answer(
            problem,
            status=response.code if response else None,
            request_id=response.request_id if response else None,
        )

    def _send(self, request: Callable[[], stripe.StripeObject]) -> stripe.StripeObject:
        """Send one request. Raises GatewayError and nothing else."""
        raise NotImplementedError

    def _list_all(self, kind: type[Listed], conditions: Mapping[str, object]) -> tuple[Listed, ...]:
        """Fetch the whole of a list. Raises GatewayError."""
        raise NotImplementedError

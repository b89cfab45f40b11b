"""The shop of the refunds' tests."""

from tests.refunds.conftest import make_shop, shop

__all__ = ["make_shop", "shop"]

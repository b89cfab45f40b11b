"""Sell in-app coins through your own Stripe account and keep every coin safe afterwards."""

from coinpurse.errors import CoinpurseError, ConfigurationError, DomainError, GatewayError
from coinpurse.extension import Coinpurse
from coinpurse.settings import Settings

__all__ = [
    "Coinpurse",
    "CoinpurseError",
    "ConfigurationError",
    "DomainError",
    "GatewayError",
    "Settings",
]

"""Sell in-app coins through your own Stripe account and keep every coin safe afterwards."""

from importlib import import_module
from typing import TYPE_CHECKING

from coinpurse.errors import CoinpurseError, ConfigurationError, DomainError, GatewayError

if TYPE_CHECKING:
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

# Imported when they are first asked for: whoever only catches our errors, or asks for the version, does not wait for
# the database's driver, the settings' checks and all features.
_HOMES = {"Coinpurse": "coinpurse.extension", "Settings": "coinpurse.settings"}


# A type checker, which would take any name for one of ours, knows the imports above.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        home = _HOMES.get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = globals()[name] = getattr(import_module(home), name)
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

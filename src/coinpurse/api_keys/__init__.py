"""Keys with which other backends call the service API."""

from coinpurse.api_keys.rules import SCOPES, ApiKey, NewApiKey, Scope
from coinpurse.api_keys.service import CACHE_SECONDS, ApiKeys

__all__ = ["CACHE_SECONDS", "SCOPES", "ApiKey", "ApiKeys", "NewApiKey", "Scope"]

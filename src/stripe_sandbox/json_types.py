"""The shape of what travels over HTTP: JSON is this package's whole subject."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

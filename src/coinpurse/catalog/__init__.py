"""The packs on sale and their prices."""

from coinpurse.catalog.rules import Catalog, Pack
from coinpurse.catalog.service import load_catalog

__all__ = ["Catalog", "Pack", "load_catalog"]

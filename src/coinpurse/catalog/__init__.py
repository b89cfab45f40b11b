"""The packs on sale and their prices."""

from coinpurse.catalog.plans import Step
from coinpurse.catalog.rules import Catalog, Pack
from coinpurse.catalog.service import Catalogs, load_catalog
from coinpurse.catalog.store import Version
from coinpurse.catalog.syncing import CatalogSync

__all__ = ["Catalog", "CatalogSync", "Catalogs", "Pack", "Step", "Version", "load_catalog"]

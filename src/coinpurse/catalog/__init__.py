"""The packs on sale and their prices."""

from coinpurse.catalog.entries import entry_of, read_pack, read_packs
from coinpurse.catalog.plans import Step
from coinpurse.catalog.rules import Catalog, Pack
from coinpurse.catalog.service import Catalogs, catalog_of, load_catalog
from coinpurse.catalog.store import Version
from coinpurse.catalog.syncing import CatalogSync

__all__ = [
    "Catalog",
    "CatalogSync",
    "Catalogs",
    "Pack",
    "Step",
    "Version",
    "catalog_of",
    "entry_of",
    "load_catalog",
    "read_pack",
    "read_packs",
]

"""Which installation this is, to Stripe: several may share an account there."""

from __future__ import annotations

from coinpurse.db.unit_of_work import UnitOfWork

INSTALLATION = "SELECT id FROM coinpurse.installation"


def get_installation(work: UnitOfWork) -> str:
    """Return the mark that our checkouts and products bear at Stripe. A restored backup keeps it."""
    row = work.row(INSTALLATION)
    assert row is not None
    return f"coinpurse_{row.id.hex[:16]}"

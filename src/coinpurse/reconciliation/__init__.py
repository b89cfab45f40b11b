"""Stripe against our books, both ways: what was missed is repaired, what cannot be is named."""

from coinpurse.reconciliation.rules import KINDS, Finding, ReconciliationReport
from coinpurse.reconciliation.service import Progress, Reconciliation

__all__ = ["KINDS", "Finding", "Progress", "Reconciliation", "ReconciliationReport"]

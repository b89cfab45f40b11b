"""After the sale: refunds, disputes, fraud warnings, and payments that a person must settle."""

from coinpurse.refunds.history import History, history_of
from coinpurse.refunds.requests import Refunds
from coinpurse.refunds.reviews import DECISIONS, Decision, Reviews, decisions_for
from coinpurse.refunds.rules import REASONS, Policies, RefundPreview, RefundRequest
from coinpurse.refunds.service import AfterSales, LookUp

__all__ = [
    "DECISIONS",
    "REASONS",
    "AfterSales",
    "Decision",
    "History",
    "LookUp",
    "Policies",
    "RefundPreview",
    "RefundRequest",
    "Refunds",
    "Reviews",
    "decisions_for",
    "history_of",
]

"""Lists of what comes after a sale, and of the comparisons with Stripe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from coinpurse.back_office import Row
from coinpurse.web.admin import frame
from coinpurse.web.admin.lists import ListPage
from coinpurse.web.admin.views import link_to
from coinpurse.web.admin.words import (
    DISPUTE_REASONS,
    DISPUTE_STATUSES,
    FINDING_KINDS,
    FINDING_OUTCOMES,
    REFUND_REASONS,
    REFUND_STATUSES,
    REQUEST_STATES,
    Words,
)
from coinpurse.web.language import lazy_gettext as _

States = Mapping[str, Mapping[str, Words]]
Texts = Mapping[str, Mapping[str, object]]


class OfPayments(ListPage):
    """What came after the sale; each row belongs to a payment."""

    group = frame.SALES

    def link_of(self, row: Row) -> str | None:
        """To the payment."""
        return link_to("payments", "show", payment_id=row["payment_id"])


class Refunds(OfPayments):
    """Money that went back, or is on its way."""

    page = "refunds"
    title = _("Refunds")
    listing_name = "refunds"
    states: ClassVar[States] = {"status": REFUND_STATUSES}
    texts: ClassVar[Texts] = {"reason": REFUND_REASONS}
    hidden = frozenset({"currency", "payment_id"})
    nothing = _("No refund yet")
    hint = _(
        "To give money back, open the payment. Refunds made in Stripe's Dashboard show up here too."
    )
    search_hint = _("E-mail, re_…, pi_…")


class RefundRequests(OfPayments):
    """Refunds that were asked of us, made or not."""

    page = "refund_requests"
    title = _("Refund requests")
    listing_name = "refund_requests"
    states: ClassVar[States] = {"state": REQUEST_STATES}
    texts: ClassVar[Texts] = {"reason": REFUND_REASONS}
    hidden = frozenset({"id", "currency", "payment_id", "refund_id"})
    nothing = _("No refund was asked for yet")
    hint = _(
        "Refunds that were asked for here or by another backend. Unanswered ones are tried again."
    )
    search_hint = _("E-mail, re_…, pi_…")


class Disputes(OfPayments):
    """Payments that a bank questions or takes back."""

    page = "disputes"
    title = _("Disputes")
    listing_name = "disputes"
    states: ClassVar[States] = {"status": DISPUTE_STATUSES}
    texts: ClassVar[Texts] = {"reason": DISPUTE_REASONS}
    hidden = frozenset({"currency", "payment_id", "withdrawn_minor", "reinstated_minor"})
    nothing = _("No dispute")
    hint = _("When a bank questions a payment, it is listed here. Answer it in Stripe's Dashboard.")
    search_hint = _("E-mail, du_…, pi_…")


class Reconciliations(ListPage):
    """Comparisons with Stripe."""

    page = "reconciliations"
    title = _("Reconciliations")
    group = frame.STRIPE
    listing_name = "reconciliations"
    hidden = frozenset({"looked_at", "step"})
    nothing = _("Stripe was not compared with the books yet")
    hint = _(
        "Run `coinpurse reconcile` each night. It repairs what was missed and lists here what it found."
    )

    def link_of(self, row: Row) -> str | None:
        """To what it found."""
        return link_to("findings", run=row["id"])


class Findings(ListPage):
    """What comparisons with Stripe found."""

    page = "findings"
    title = _("Differences found")
    group = frame.STRIPE
    listing_name = "findings"
    states: ClassVar[States] = {"outcome": FINDING_OUTCOMES}
    texts: ClassVar[Texts] = {"kind": FINDING_KINDS}
    nothing = _("No difference")
    hint = _("Stripe and the books agreed, or were not compared yet.")

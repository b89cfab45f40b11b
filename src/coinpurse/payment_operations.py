"""The payment operations of the public object: sell, follow, give back, settle what needs a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coinpurse.errors import RedirectNotAllowed
from coinpurse.ledger.rules import require_callers_key

# What sells and refunds is imported with the services, or at the first call: a host that only spends has no use for it.
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from uuid import UUID

    from coinpurse.catalog import Catalog
    from coinpurse.db import Database
    from coinpurse.purchases import Payment, PaymentStatus, Standing, StartedCheckout
    from coinpurse.reconciliation import Finding, Progress, ReconciliationReport
    from coinpurse.refunds import Decision, RefundPreview, RefundRequest
    from coinpurse.services import Services
    from coinpurse.settings import Settings


class PaymentOperations:
    """Payments through Stripe. Stripe is never called while a transaction is open."""

    @property
    def services(self) -> Services:
        """What the calls below use."""
        raise NotImplementedError

    @property
    def settings(self) -> Settings:
        """The frozen settings."""
        return self.services.settings

    @property
    def database(self) -> Database:
        """The connection pool."""
        return self.services.database

    @property
    def catalog(self) -> Catalog:
        """The catalog in force, as it was some seconds ago at most."""
        return self.services.catalog

    def start_checkout(
        self,
        user_id: str,
        *,
        pack: str,
        currency: str = "usd",
        success_url: str,
        cancel_url: str,
        key: str | None = None,
        locale: str | None = None,
        buyer_locale: str | None = None,
        shown_bonus: int | None = None,
    ) -> StartedCheckout:
        """Open a Stripe checkout for a pack on sale and return where to send the buyer.

        pack: its sku. success_url, cancel_url: on an allowed origin; `{CHECKOUT_SESSION_ID}` in them is
        filled in by Stripe. key: the same key and content return the same checkout.
        locale: the language of Stripe's page. buyer_locale: the tag of the buyer's own, for the mails that we write;
        by default the same.
        shown_bonus: the bonus that the buyer was told, so that nobody gets less.
        Of a pack with a limit or a first-purchase bonus, an earlier checkout that is still open and takes the place is
        closed at Stripe.
        Raises PackUnavailable, PackLimitReached, PriceMismatch, RedirectNotAllowed, IdempotencyConflict and
        CheckoutFailed.
        """
        chosen = self.catalog.by_sku(pack, currency)
        for field, url in (("success_url", success_url), ("cancel_url", cancel_url)):
            self._require_allowed(field, url)
        return self.services.purchases.start(
            user_id,
            chosen,
            currency,
            success_url=success_url,
            cancel_url=cancel_url,
            request_key=key,
            locale=locale,
            buyer_locale=buyer_locale,
            shown_bonus=shown_bonus,
        )

    def standing(self, user_id: str | None) -> Standing:
        """Return what a user has bought, which says what of the catalog is still open to them; None: a stranger."""
        from coinpurse.purchases import Standing

        return self.services.purchases.standing(user_id) if user_id else Standing()

    def payment_status(self, session_id: str, user_id: str) -> PaymentStatus:
        """Return how the user's payment stands, asking Stripe where it is pending (rate-limited).

        Raises NotFound and Forbidden.
        """
        return self.services.purchases.status(session_id, user_id)

    def cancel_checkout(self, session_id: str, user_id: str) -> PaymentStatus:
        """Close an open checkout at Stripe; one that was paid first stays paid.

        Raises NotFound, Forbidden and GatewayError.
        """
        return self.services.purchases.cancel(session_id, user_id)

    def payments(self, user_id: str, limit: int = 50) -> Sequence[Payment]:
        """Return the user's payments, newest first."""
        from coinpurse import purchases

        with self.database.unit_of_work() as work:
            return purchases.payments_of(work, user_id, limit=limit)

    def all_payments(
        self, *, status: str | None = None, in_review: bool = False, limit: int = 50
    ) -> Sequence[Payment]:
        """Return everybody's payments, newest first. in_review: only those that a person must look at."""
        from coinpurse import purchases

        with self.database.unit_of_work() as work:
            return purchases.all_payments(work, status=status, in_review=in_review, limit=limit)

    def find_payment(self, id_or_session: str) -> Payment | None:
        """Return a payment by its id or by Stripe's session id."""
        from coinpurse import purchases

        with self.database.unit_of_work() as work:
            return purchases.find_payment(work, id_or_session)

    def refund(
        self,
        payment_id: UUID,
        amount_minor: int | None = None,
        *,
        reason: str | None = None,
        key: str | None = None,
        actor: str | None = None,
    ) -> RefundRequest:
        """Give back all that is left of a payment, or part of it, and take back the coins that go with it.

        amount_minor: in minor units of the payment's currency. reason: duplicate, fraudulent or requested_by_customer.
        key: the same key and content give the same refund. The state of the answer is `requested` where Stripe could
        not be asked; the worker goes on with it.
        Raises NotFound, NotRefundable, PaymentDisputed, RefundTooLarge, IdempotencyConflict and GatewayError.
        """
        if key is not None:
            require_callers_key(key)
        return self.services.refunds.request(
            payment_id, amount_minor=amount_minor, reason=reason, key=key, actor=actor
        )

    def preview_refund(self, payment_id: UUID, amount_minor: int | None = None) -> RefundPreview:
        """Tell what a refund would do to the buyer's coins, and do nothing.

        Raises NotFound, NotRefundable and RefundTooLarge.
        """
        return self.services.refunds.preview(payment_id, amount_minor)

    def resolve_review(
        self, payment_id: UUID, decision: Decision, *, reason: str, actor: str
    ) -> Payment:
        """Settle a payment in review: credit what was sold, refund the money, or dismiss it.

        Raises NotFound, NotInReview, and what `refund` raises.
        """
        return self.services.reviews.resolve(payment_id, decision, reason=reason, actor=actor)

    def reconcile(
        self,
        since: datetime | None = None,
        *,
        dry_run: bool = False,
        progress: Progress | None = None,
    ) -> ReconciliationReport:
        """Compare Stripe with the ledger, both ways, and repair what differs; resumes what was interrupted.

        since: with a time zone; 32 days back by default. progress: told after each page.
        Raises ReconciliationRunning, and GatewayError where Stripe stays away: call it again to go on.
        """
        return self.services.reconciliation.run(
            since=since, dry_run=dry_run, progress=progress or (lambda _step, _count: None)
        )

    def reconciliation_findings(self, reconciliation_id: int) -> Iterator[Finding]:
        """Yield what a reconciliation found, in order and in constant memory."""
        return self.services.reconciliation.findings(reconciliation_id)

    def _require_allowed(self, field: str, url: str) -> None:
        from coinpurse.settings import origin_of

        origin = origin_of(url)
        if origin not in self.settings.allowed_redirect_origins():
            raise RedirectNotAllowed(
                f"{field} must have an origin on the allow-list; add it to COINPURSE_REDIRECT_ORIGINS.",
                field=field,
                origin=origin or "",
            )

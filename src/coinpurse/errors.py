"""Every error that Coinpurse raises, in one tree.

Errors carry facts (ids, amounts), never HTTP: `web/errors.py` maps each code to a status and to words
in the reader's language. The English sentence here is what logs and scripts see.
"""

from __future__ import annotations

from collections.abc import Mapping


class CoinpurseError(Exception):
    """The root of all errors of this package."""


class ConfigurationError(CoinpurseError):
    """The set-up is wrong. Raised at start-up; the message names the setting and its mend."""


class CatalogMistake(ConfigurationError):
    """A pack cannot be sold as it is written. The message names the source, the pack and the field.

    field: the pack's, such as `prices.usd`. problem: a sentence about it, with `facts` as %(name)s.
    """

    def __init__(
        self,
        message: str,
        *,
        sku: str | None,
        field: str,
        problem: str,
        facts: Mapping[str, object],
    ) -> None:
        super().__init__(message)
        self.sku = sku
        self.field = field
        self.problem = problem
        self.facts = facts


class DomainError(CoinpurseError):
    """An expected refusal. `code` is stable; `facts` are what the refusal is about."""

    code = "refused"

    def __init__(self, message: str, **facts: object) -> None:
        super().__init__(message)
        self.facts = facts


class InvalidRequest(DomainError):
    """A value that a caller sent cannot be understood. Facts: `field`."""

    code = "invalid_request"

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}", field=field, problem=problem)
        self.field = field
        self.problem = problem


class NotFound(DomainError):
    """The named thing does not exist. Facts: `kind`, `id`."""

    code = "not_found"

    def __init__(self, kind: str, id_: str) -> None:
        super().__init__(f"There is no {kind} {id_!r}.", kind=kind, id=id_)


class Forbidden(DomainError):
    """The thing exists and belongs to somebody else."""

    code = "forbidden"


class PackUnavailable(DomainError):
    """No pack on sale has this sku, or it has no price in this currency. Facts: `sku`, `currency`."""

    code = "pack_unavailable"


class PriceMismatch(DomainError):
    """The figures that the client sent are not those of any pack on sale."""

    code = "price_mismatch"


class PackLimitReached(DomainError):
    """The user has bought the pack as often as one account may. Facts: `sku`, `limit`."""

    code = "pack_limit_reached"

    def __init__(self, sku: str, limit: int) -> None:
        super().__init__(
            f"The pack {sku!r} can be bought {limit} times by each account.", sku=sku, limit=limit
        )


class CatalogChanged(DomainError):
    """Somebody else has changed the catalog, or its source, since it was read."""

    code = "catalog_changed"


class RedirectNotAllowed(DomainError):
    """A success or cancel address outside the allow-list. Facts: `field`, `origin`."""

    code = "redirect_not_allowed"


class InsufficientCoins(DomainError):
    """The wallet has too few coins. Facts: `user_id`, `needed`, `available`, `shortfall`."""

    code = "insufficient_coins"

    def __init__(self, *, user_id: str, needed: int, available: int) -> None:
        super().__init__(
            f"{needed} coins are needed and {available} are available.",
            user_id=user_id,
            needed=needed,
            available=available,
            shortfall=needed - available,
        )


class AmountTooLarge(DomainError):
    """More than was held, or than is left to reverse. Facts: `needed`, `available`."""

    code = "amount_too_large"

    def __init__(self, *, needed: int, available: int) -> None:
        super().__init__(
            f"{needed} coins were asked for and {available} are left.",
            needed=needed,
            available=available,
        )


class WalletBlocked(DomainError):
    """The wallet may receive coins and not spend them. Facts: `user_id`."""

    code = "wallet_blocked"


class HoldAlreadyResolved(DomainError):
    """The hold was captured, voided or timed out before. Facts: `hold_id`."""

    code = "hold_already_resolved"


class IdempotencyConflict(DomainError):
    """The key was used before, with other content. Facts: `key`."""

    code = "idempotency_conflict"

    def __init__(self, key: str) -> None:
        super().__init__(
            f"The idempotency key {key!r} was used before with other content; use a new key.",
            key=key,
        )


class CheckoutFailed(DomainError):
    """Stripe could not be reached or refused to make the checkout session. Facts: `payment_id`."""

    code = "checkout_failed"


class NotRefundable(DomainError):
    """There is nothing to give back, or Stripe refuses to. Facts: `payment_id`, `reason`."""

    code = "not_refundable"

    def __init__(self, payment_id: str, reason: str) -> None:
        super().__init__(
            f"This payment cannot be refunded: {reason}.", payment_id=payment_id, reason=reason
        )


class PaymentDisputed(DomainError):
    """The bank is taking the money back already; a refund would pay the buyer twice. Facts: `payment_id`."""

    code = "payment_disputed"


class RefundTooLarge(DomainError):
    """More money than is left of the payment. Facts: `asked_minor`, `left_minor`, `currency`."""

    code = "refund_too_large"

    def __init__(self, *, asked_minor: int, left_minor: int, currency: str) -> None:
        super().__init__(
            f"{asked_minor} {currency} (minor units) were to be refunded and {left_minor} are left.",
            asked_minor=asked_minor,
            left_minor=left_minor,
            currency=currency,
        )


class NotInReview(DomainError):
    """The payment waits for no decision, or not for this one. Facts: `payment_id`."""

    code = "not_in_review"


class ReconciliationRunning(DomainError):
    """Another process is reconciling, or has taken over."""

    code = "reconciliation_running"


class LastOwner(DomainError):
    """Nobody would be left who may give roles. Facts: `user_id`."""

    code = "last_owner"


class SecondPersonNeeded(DomainError):
    """Who asked for an adjustment, or whose wallet it is, must not decide it. Facts: `adjustment_id`."""

    code = "second_person_needed"


class AlreadyDecided(DomainError):
    """The adjustment waits for no decision any more. Facts: `adjustment_id`, `state`."""

    code = "already_decided"


class Outdated(DomainError):
    """What somebody decided on has changed since it was shown to them."""

    code = "outdated"

    def __init__(self) -> None:
        super().__init__("This has changed since it was looked at.")


class InvalidEmail(DomainError):
    """A text that is not an e-mail address."""

    code = "invalid_email"


class EmailTaken(DomainError):
    """Another account has this e-mail address, in whatever case it is written."""

    code = "email_taken"


class UnacceptablePassword(DomainError):
    """A new password that we do not take. `code` says why; facts: `minimum` or `maximum` characters."""

    code = "password_unacceptable"

    def __init__(self, code: str, **facts: object) -> None:
        super().__init__(f"The password was refused: {code}.", **facts)
        self.code = code


class WrongCredentials(DomainError):
    """No account has this e-mail address and this password."""

    code = "wrong_credentials"


class WrongPassword(DomainError):
    """What was given as the current password of an account is not, or not any more."""

    code = "wrong_password"


class ResetLinkDead(DomainError):
    """A link to choose a new password that is none of ours, was used, or is too old."""

    code = "reset_link_dead"


class WebhookRejected(CoinpurseError):
    """A delivery that is not acceptable. `reason` is "Invalid payload" or "Invalid signature"."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class RetryLater(CoinpurseError):
    """The event came before the row that it is about; the same event will succeed later."""


class GatewayError(CoinpurseError):
    """Stripe did not do what was asked.

    retryable: the same call may succeed later (network, 429, 5xx).
    code, status, request_id: Stripe's, where there was an answer.
    """

    def __init__(
        self,
        message: str,
        *,
        retryable: bool,
        code: str | None = None,
        status: int | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.code = code
        self.status = status
        self.request_id = request_id


class LedgerInvariantBroken(CoinpurseError):
    """The books contradict themselves: a bug. Never swallowed."""

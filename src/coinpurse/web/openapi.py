"""The parts of our OpenAPI description: shapes of answers, and refusals from the table of codes.

Texts are English here and are translated when they are shown: `_` marks them for the catalogue.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from coinpurse.web.errors import ANSWERS

Schema = dict[str, Any]

INTEGER: Schema = {"type": "integer"}
TEXT: Schema = {"type": "string"}
MOMENT: Schema = {"type": "string", "format": "date-time"}
YES_OR_NO: Schema = {"type": "boolean"}


def marked(text: str) -> str:
    """Mark a text for the catalogue; it is translated when it is shown."""
    return text


_ = marked
BUYERS_LANGUAGE = _(
    "The buyer's language tag: of the mails that they get, and of the amounts in them."
)
KEPT_METADATA = _(
    "Kept with the transaction; at most 8 KiB as JSON, nested 100 levels deep at most."
)


def or_null(schema: Schema) -> Schema:
    """The same, or null."""
    return {**schema, "nullable": True}


def record(**properties: Schema) -> Schema:
    """An object that has exactly these properties, all of them."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def listed(schema: Schema) -> Schema:
    """A list."""
    return {"type": "array", "items": schema}


def component(name: str) -> Schema:
    """A reference to one of COMPONENTS."""
    return {"$ref": f"#/components/schemas/{name}"}


def described(schema: Schema, text: str) -> Schema:
    """The same, with what it means."""
    return {**schema, "description": text}


TRANSACTION = {
    "id": INTEGER,
    "user_id": TEXT,
    "type": described(
        TEXT, _("purchase, usage, refund, dispute, restoration and others; more may come.")
    ),
    "coins": described(INTEGER, _("What the balance changed by; negative where coins were taken.")),
    "balance_after": INTEGER,
    "held": described(INTEGER, _("What the coins set aside changed by.")),
    "frozen": described(INTEGER, _("What the frozen coins changed by.")),
    "debt": described(INTEGER, _("What the debt changed by.")),
    "amount_minor": described(
        or_null(INTEGER), _("What was paid, in the smallest unit of the currency.")
    ),
    "currency": or_null(TEXT),
    "payment_id": or_null(TEXT),
    "session_id": or_null(TEXT),
    "hold_id": or_null(INTEGER),
    "reverses": described(or_null(INTEGER), _("The transaction that this one undoes.")),
    "description": TEXT,
    "metadata": or_null({"type": "object", "additionalProperties": True}),
    "key": described(TEXT, _("The idempotency key, as it was sent.")),
    "grants": described(
        listed(record(id=INTEGER, coins=INTEGER)),
        _("The grants that were touched, and what changed or was set aside in each."),
    ),
    "created_at": MOMENT,
    "created": described(
        YES_OR_NO, _("False where this repeats the result of an earlier request with the key.")
    ),
}
OWN_TRANSACTION = {
    name: TRANSACTION[name]
    for name in (
        "id", "type", "coins", "balance_after", "amount_minor", "currency", "session_id", "description",
        "created_at",
    )
}  # fmt: skip
WALLET = {
    "user_id": TEXT,
    "balance": described(INTEGER, _("All coins, less the debt.")),
    "available": described(INTEGER, _("What can be spent now; negative while in debt.")),
    "held": INTEGER,
    "frozen": described(INTEGER, _("Coins of a disputed payment.")),
    "paid": INTEGER,
    "bonus": INTEGER,
    "debt": described(INTEGER, _("Coins that a refund took back after they were spent.")),
}
AMOUNT = {"amount_minor": INTEGER, "currency": TEXT, "amount": TEXT}
REFUSAL = {
    **record(error=described(TEXT, _("A sentence for people.")), code=described(TEXT, _("Stable, for programs."))),
    "additionalProperties": True,
}  # fmt: skip

COMPONENTS: dict[str, Schema] = {
    "Refusal": REFUSAL,
    "InsufficientCoins": record(
        error=TEXT, code=TEXT, needed=INTEGER, available=INTEGER, shortfall=INTEGER
    ),
    "Wallet": record(**WALLET, blocked=YES_OR_NO),
    "Transaction": record(**TRANSACTION),
    "Transactions": record(
        transactions=listed(component("Transaction")),
        next=described(or_null(INTEGER), _("The `before` of the next page; null on the last one.")),
    ),
    "Hold": record(
        id=INTEGER,
        user_id=TEXT,
        coins=INTEGER,
        captured=INTEGER,
        state={"type": "string", "enum": ["open", "captured", "voided", "timed_out"]},
        description=TEXT,
        expires_at=MOMENT,
        created_at=MOMENT,
        created=YES_OR_NO,
    ),
    "UsageResult": {
        "type": "object",
        "properties": {
            "status": described(INTEGER, _("What this spend would have been answered with alone.")),
            "transaction": component("Transaction"),
            "error": TEXT,
            "code": TEXT,
            "needed": INTEGER,
            "available": INTEGER,
            "shortfall": INTEGER,
        },
        "required": ["status"],
        "additionalProperties": False,
    },
    "Usage": record(results=listed(component("UsageResult"))),
    "Checkout": record(session_id=TEXT, checkout_url={"type": "string", "format": "uri"}),
    "Refund": record(
        id=TEXT,
        payment_id=TEXT,
        amount_minor=INTEGER,
        currency=TEXT,
        state=described(
            {"type": "string", "enum": ["requested", "made"]},
            _("made: Stripe has taken it. requested: Stripe has not answered yet and is asked again."),
        ),
        refund_id=described(or_null(TEXT), _("Stripe's id of the refund.")),
        payment_status=TEXT,
    ),
    "PaymentStatus": record(
        status=TEXT,
        session_id=TEXT,
        coins_added=or_null(INTEGER),
        new_balance=or_null(INTEGER),
    ),
    "Packs": record(
        packs=listed(
            record(
                sku=TEXT,
                coins=INTEGER,
                bonus=INTEGER,
                total_coins=INTEGER,
                image=or_null(TEXT),
                prices={"type": "object", "additionalProperties": record(**AMOUNT)},
                first_purchase_bonus=described(
                    INTEGER, _("Bonus coins on top, if this is the buyer's first purchase; else 0.")
                ),
                bonus_expires_days=described(
                    or_null(INTEGER),
                    _("Days after the purchase when the bonus expires; null: it stays."),
                ),
                available_until=described(
                    or_null(MOMENT), _("When the pack goes off sale; null: it stays on sale.")
                ),
                limit_per_user=described(
                    or_null(INTEGER), _("How often one account may buy it; null: always.")
                ),
                limit_reached=described(
                    YES_OR_NO, _("Whether the buyer has it that often already: it is then refused.")
                ),
            )
        )
    ),
    "Payments": record(
        payments=listed(
            record(
                payment_id=TEXT,
                session_id=or_null(TEXT),
                pack=TEXT,
                coins=INTEGER,
                bonus=INTEGER,
                status=TEXT,
                created_at=MOMENT,
                completed_at=or_null(MOMENT),
                **AMOUNT,
            )
        )
    ),
    "OwnWallet": {
        **record(**WALLET),
        "required": ["user_id", "balance", "available", "paid", "bonus"],
        "additionalProperties": True,
    },
    "OwnTransactions": record(
        transactions=listed(record(**OWN_TRANSACTION)), next=or_null(INTEGER)
    ),
}  # fmt: skip
SECURITY_SCHEMES: dict[str, Schema] = {
    "key": {
        "type": "http",
        "scheme": "bearer",
        "description": _(
            "A key that `coinpurse keys create` made. A revoked one is refused within five seconds."
        ),
    },
    "login": {
        "type": "apiKey",
        "in": "cookie",
        "name": "coinpurse_session",
        "description": _(
            "The buyer's log-in. In a host application it is the host's own. Changes need the header Origin"
            " of the store's pages."
        ),
    },
}


def json_body(schema: Schema, *, required: bool = True) -> Schema:
    """A request body in JSON."""
    return {"required": required, "content": {"application/json": {"schema": schema}}}


def answers(success: Schema, refusals: Iterable[str]) -> dict[str, Schema]:
    """Every answer of an operation: what 200 carries, and the statuses of the refusals with their codes."""
    codes: dict[int, list[str]] = {}
    for code in refusals:
        codes.setdefault(ANSWERS[code].status, []).append(code)
    found = {"200": json_answer(success, _("As asked."))}
    for status, of_status in sorted(codes.items()):
        name = "InsufficientCoins" if of_status == ["insufficient_coins"] else "Refusal"
        words = ", ".join(f"`{code}`" for code in of_status)
        found[str(status)] = json_answer(component(name), words)
    return found


def json_answer(schema: Schema, text: str) -> Schema:
    """An answer in JSON."""
    return {"description": text, "content": {"application/json": {"schema": schema}}}


def parameter(
    place: str, name: str, schema: Mapping[str, Any], text: str, *, required: bool = False
) -> Schema:
    """A parameter in the path, the query or a header."""
    return {
        "in": place,
        "name": name,
        "required": required or place == "path",
        "schema": dict(schema),
        "description": text,
    }

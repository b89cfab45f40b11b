"""/v1/balance and /v1/balance_transactions"""

from __future__ import annotations

from stripe_sandbox.api.call import Call, Route, listing
from stripe_sandbox.api.pagination import page
from stripe_sandbox.api.parameters import TIME_RANGE, Text
from stripe_sandbox.json_types import Json
from stripe_sandbox.unit_of_work import UnitOfWork

LIST = listing(
    {
        "created": TIME_RANGE,
        "currency": Text(),
        "payout": Text(),
        "source": Text(),
        "type": Text(),
    }
)


def balance(work: UnitOfWork, call: Call) -> Json:  # noqa: ARG001 - the handler's shape
    """Return what is available and what is pending, per currency."""
    rows = work.store.rows(
        "SELECT currency, status, sum(json_extract(body, '$.net')) AS net FROM objects "
        "WHERE kind = 'balance_transaction' GROUP BY currency, status"
    )
    sums = {(row["status"], row["currency"]): row["net"] for row in rows}
    currencies = sorted({row["currency"] for row in rows} | {"usd"})
    return {
        "object": "balance",
        **{
            status: [
                {
                    "amount": sums.get((status, currency), 0),
                    "currency": currency,
                    "source_types": {"card": sums.get((status, currency), 0)},
                }
                for currency in currencies
            ]
            for status in ("available", "pending")
        },
        "livemode": False,
    }


def retrieve(work: UnitOfWork, call: Call) -> Json:
    """Return a balance transaction."""
    return work.get("balance_transaction", call.path["id"])


def list_(work: UnitOfWork, call: Call) -> Json:
    """List balance transactions; the sandbox has no payouts."""
    given = call.parameters
    filters = {name: given.get(name) for name in ("currency", "source", "type")}
    if given.get("payout"):
        filters["source"] = "none"
    return page(work, call, "balance_transaction", filters)


ROUTES = (
    Route("GET", "/v1/balance", balance),
    Route("GET", "/v1/balance_transactions", list_, LIST),
    Route("GET", "/v1/balance_transactions/{id}", retrieve),
)

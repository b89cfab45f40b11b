"""`expand[]`: ids in an answer replaced by the objects they name, up to four levels deep."""

from __future__ import annotations

from collections.abc import Callable

from stripe_sandbox.api.errors import MalformedRequest
from stripe_sandbox.api.pagination import listed
from stripe_sandbox.json_types import Json
from stripe_sandbox.unit_of_work import UnitOfWork

DEEPEST = 4
# Fields that hold an id, by the object that has them.
REFERENCES = {
    "checkout.session": {"customer", "payment_intent", "setup_intent", "invoice", "subscription",
                         "payment_link"},
    "payment_intent": {"customer", "payment_method", "latest_charge", "review", "application",
                       "on_behalf_of"},
    "charge": {"customer", "payment_intent", "balance_transaction", "failure_balance_transaction",
               "review", "application", "on_behalf_of"},
    "refund": {"charge", "payment_intent", "balance_transaction", "customer",
               "failure_balance_transaction", "payment_method"},
    "dispute": {"charge", "payment_intent"},
    "radar.early_fraud_warning": {"charge", "payment_intent"},
    "balance_transaction": {"source"},
    "product": {"default_price", "tax_code"},
    "price": {"product"},
    "payment_method": {"customer"},
    "setup_intent": {"customer", "payment_method", "latest_attempt", "mandate"},
    "customer": {"default_source"},
}  # fmt: skip


def _line_items(work: UnitOfWork, session: Json) -> Json:
    items = work.private(session["id"])["line_items"]
    return listed(
        items[:10], f"/v1/checkout/sessions/{session['id']}/line_items", has_more=len(items) > 10
    )


def _refunds(work: UnitOfWork, charge: Json) -> Json:
    found = work.store.select("refund", {"charge": charge["id"]}, limit=11)
    url = f"/v1/charges/{charge['id']}/refunds"
    return listed(found[:10], url, has_more=len(found) > 10) | {"total_count": len(found)}


# Fields that are absent unless asked for.
INCLUDABLE: dict[tuple[str, str], Callable[[UnitOfWork, Json], Json]] = {
    ("checkout.session", "line_items"): _line_items,
    ("charge", "refunds"): _refunds,
}


def expand(work: UnitOfWork, answer: Json, paths: list[str]) -> Json:
    """Return the answer with every path expanded. Raises MalformedRequest for unknown ones."""
    for path in paths:
        names = path.split(".")
        if len(names) > DEEPEST + (names[0] == "data"):
            raise MalformedRequest(
                f"You cannot expand more than {DEEPEST} levels of a property. Property: {path}",
                param="expand",
            )
        _expand(work, answer, names, path)
    return answer


def _expand(work: UnitOfWork, value: Json, names: list[str], path: str) -> None:
    name, rest = names[0], names[1:]
    if name == "data" and value.get("object") == "list":
        for element in value["data"]:
            if rest:
                _expand(work, element, rest, path)
        return
    kind = value.get("object", "")
    include = INCLUDABLE.get((kind, name))
    if include is not None and name not in value:
        value[name] = include(work, value)
    elif isinstance(value.get(name), str) and name in REFERENCES.get(kind, ()):
        value[name] = work.store.find(value[name]) or value[name]
    elif name not in value or not (
        name in REFERENCES.get(kind, ()) or isinstance(value[name], dict | list)
    ):
        raise MalformedRequest(f"This property cannot be expanded ({path}).", param="expand")
    if not rest:
        return
    below = value[name]
    for element in below if isinstance(below, list) else [below]:
        if isinstance(element, dict):
            _expand(work, element, rest, path)

"""Currencies as Stripe counts them: minor units, smallest charges."""

from __future__ import annotations

from stripe_sandbox.api.errors import ApiError, MalformedRequest

ZERO_DECIMAL = frozenset((
    "bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf",
    "xof", "xpf",
))  # fmt: skip
THREE_DECIMAL = frozenset(["bhd", "jod", "kwd", "omr", "tnd"])
# Sent with two decimals, of which both must be zero.
WHOLE_UNITS = frozenset(("isk", "ugx"))
TWO_DECIMAL = frozenset((
    "usd", "aed", "all", "amd", "ang", "ars", "aud", "awg", "azn", "bam", "bbd", "bdt", "bgn",
    "bmd", "bnd", "bob", "brl", "bsd", "bwp", "byn", "bzd", "cad", "cdf", "chf", "cny", "cop",
    "crc", "cve", "czk", "dkk", "dop", "dzd", "egp", "etb", "eur", "fjd", "fkp", "gbp", "gel",
    "gip", "gmd", "gtq", "gyd", "hkd", "hnl", "htg", "huf", "idr", "ils", "inr", "isk", "jmd",
    "kes", "kgs", "khr", "kyd", "kzt", "lak", "lbp", "lkr", "lrd", "lsl", "mad", "mdl", "mkd",
    "mmk", "mnt", "mop", "mur", "mvr", "mwk", "mxn", "myr", "mzn", "nad", "ngn", "nio", "nok",
    "npr", "nzd", "pab", "pen", "pgk", "php", "pkr", "pln", "qar", "ron", "rsd", "rub", "sar",
    "sbd", "scr", "sek", "sgd", "shp", "sle", "sos", "srd", "std", "szl", "thb", "tjs", "top",
    "try", "ttd", "twd", "tzs", "uah", "ugx", "uyu", "uzs", "wst", "xcd", "yer", "zar", "zmw",
))  # fmt: skip
ALL = ZERO_DECIMAL | THREE_DECIMAL | TWO_DECIMAL
LARGEST_AMOUNT = 99_999_999

# In minor units. Other currencies: the rough equivalent of half a dollar is not modelled.
SMALLEST_CHARGE = {
    "usd": 50, "aed": 200, "ars": 50, "aud": 50, "brl": 50, "cad": 50, "chf": 50, "cop": 50,
    "czk": 1500, "dkk": 250, "eur": 50, "gbp": 30, "hkd": 400, "huf": 17500, "idr": 50,
    "ils": 50, "inr": 50, "jpy": 50, "krw": 50, "mxn": 1000, "myr": 200, "nok": 300, "nzd": 50,
    "php": 50, "pln": 200, "ron": 200, "rub": 50, "sek": 300, "sgd": 50, "thb": 1000, "zar": 50,
}  # fmt: skip


def decimals(currency: str) -> int:
    """Return how many decimals an amount in minor units has."""
    return 0 if currency in ZERO_DECIMAL else 3 if currency in THREE_DECIMAL else 2


def check_currency(currency: str, param: str = "currency") -> str:
    """Return the currency in lower case. Raises Stripe's refusal of unknown ones."""
    lowered = currency.lower()
    if lowered not in ALL:
        raise MalformedRequest(
            f"Invalid currency: {lowered}. Stripe currently supports these currencies: "
            f"{', '.join(sorted(ALL))}",
            param=param,
        )
    return lowered


def check_charge(amount: int, currency: str, param: str = "amount") -> None:
    """Refuse amounts that cannot be charged in this currency."""
    least = SMALLEST_CHARGE.get(currency, 1)
    if amount < least:
        raise ApiError(
            f"Amount must be at least {display(least, currency)}",
            code="amount_too_small",
            param=param,
            saved=False,
        )
    if amount > LARGEST_AMOUNT:
        raise ApiError(
            f"Amount must be no more than {display(LARGEST_AMOUNT, currency)}",
            code="amount_too_large",
            param=param,
            saved=False,
        )
    check_granularity(amount, currency, param)


def check_granularity(amount: int, currency: str, param: str = "amount") -> None:
    """Refuse fractions that a currency cannot settle."""
    step = 100 if currency in WHOLE_UNITS else 10 if currency in THREE_DECIMAL else 1
    if amount % step:
        raise ApiError(
            f"Invalid amount: {currency.upper()} amounts must be divisible by {step}.",
            param=param,
            saved=False,
        )


def display(amount: int, currency: str) -> str:
    """Return an amount for an error message, for example "$30.00" or "50 jpy"."""
    places = decimals(currency)
    text = f"{amount / 10**places:,.{places}f}"
    return f"${text}" if currency == "usd" else f"{text} {currency}"

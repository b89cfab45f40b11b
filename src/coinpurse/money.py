"""Amounts of money: integers in Stripe's minor units, never floats.

Source: Stripe's list of currencies. ISO 4217 differs from it for ISK and UGX, so the table is Stripe's.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from coinpurse.errors import InvalidRequest

ZERO_DECIMAL = frozenset(
    "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf".split()  # noqa: SIM905
)
THREE_DECIMAL = frozenset({"bhd", "jod", "kwd", "omr", "tnd"})
TWO_DECIMAL = frozenset(
    (  # noqa: SIM905
        "aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bmd bnd bob brl bsd bwp byn bzd cad cdf"
        " chf cny cop crc cve czk dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gtq gyd hkd hnl htg huf"
        " idr ils inr isk jmd kes kgs khr kyd kzt lak lbp lkr lrd lsl mad mdl mkd mmk mnt mop mur mvr mwk"
        " mxn myr mzn nad ngn nio nok npr nzd pab pen pgk php pkr pln qar ron rsd rub sar sbd scr sek sgd"
        " shp sle sos srd std szl thb tjs top try ttd twd tzs uah ugx usd uyu uzs wst xcd yer zar zmw"
    ).split()
)
# The amount must be a multiple of this many minor units: whole krónur and shillings are sent with two
# decimals, and the last of three decimals must be zero.
STEP = {"isk": 100, "ugx": 100, **dict.fromkeys(THREE_DECIMAL, 10)}

# Stripe takes at most twelve digits.
MAXIMUM_MINOR = 999_999_999_999
# More figures than any amount needs, also one that a client wrote out as a binary float.
MAXIMUM_FIGURES = 64

EXPONENTS = {
    **dict.fromkeys(ZERO_DECIMAL, 0),
    **dict.fromkeys(TWO_DECIMAL, 2),
    **dict.fromkeys(THREE_DECIMAL, 3),
}


@dataclass(frozen=True, slots=True)
class Money:
    """An amount that can be charged.

    amount_minor: minor units of `currency`, 0 to 999,999,999,999.
    currency: three lower-case letters that Stripe knows.
    Raises InvalidRequest for anything else.
    """

    amount_minor: int
    currency: str

    def __post_init__(self) -> None:
        exponent(self.currency)
        if type(self.amount_minor) is not int or not 0 <= self.amount_minor <= MAXIMUM_MINOR:
            raise InvalidRequest("amount", f"{self.amount_minor!r} is not an amount in minor units")
        step = STEP.get(self.currency, 1)
        if self.amount_minor % step:
            raise InvalidRequest(
                "amount",
                f"{self.amount_minor} minor units of {self.currency.upper()} is not a multiple of {step}",
            )

    @classmethod
    def from_major(cls, amount: Decimal, currency: str) -> Money:
        """Read an amount in major units, exactly: `Decimal("19.99")` USD is 1999 cents.

        Raises InvalidRequest when it is not finite, is negative or has more digits than the currency.
        """
        digits = exponent(currency)
        sign, figures, power = amount.as_tuple()
        # The bounds come before the arithmetic: 1e1000000 must not become a million digits, nor may a
        # million zeros behind the point reach `int`, which refuses texts of that length.
        if (
            not amount.is_finite()
            or sign
            or amount.adjusted() > 12
            or len(figures) > MAXIMUM_FIGURES
        ):
            raise InvalidRequest(
                "amount", f"{str(amount)[:MAXIMUM_FIGURES]} is not an amount of money"
            )
        assert isinstance(power, int)
        shift = power + digits
        minor = int("".join(map(str, figures)))
        if shift >= 0:
            return cls(minor * 10**shift, currency)
        # Digits beyond the currency's must be zeros; a coefficient shorter than the shift is below one unit.
        lost = minor % 10**-shift if -shift <= len(figures) else minor
        if lost:
            raise InvalidRequest(
                "amount",
                f"{amount} has more than {digits} decimals, which {currency.upper()} does not have",
            )
        return cls(minor // 10**-shift if -shift <= len(figures) else 0, currency)

    @property
    def major(self) -> Decimal:
        """The amount in major units, exactly."""
        return Decimal(self.amount_minor).scaleb(-exponent(self.currency))


def exponent(currency: str) -> int:
    """How many decimals Stripe uses for the currency. Raises InvalidRequest for one it does not know."""
    digits = EXPONENTS.get(currency)
    if digits is None:
        raise InvalidRequest("currency", f"{currency!r} is not a currency code that Stripe knows")
    return digits

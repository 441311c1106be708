"""Prices as sellers write them, brought to an amount a month."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_SIGNS: Final = {"€": "EUR", "$": "USD", "£": "GBP", "¥": "JPY"}
# How often a period comes in a month: hours as clouds bill them, 730 a month.
_PERIODS: Final = {
    "hour": 730.0, "hr": 730.0, "h": 730.0, "day": 365 / 12, "week": 365 / 84, "month": 1.0, "mo": 1.0,
    "quarter": 1 / 3, "year": 1 / 12, "yr": 1 / 12, "y": 1 / 12, "annum": 1 / 12,
}  # fmt: skip
_PATTERN: Final = re.compile(
    r"\s*(?P<before>[€$£¥]|[A-Za-z]{3}\b)?\s*(?P<amount>\d[\d.,]*)\s*(?P<after>[€$£¥]|[A-Za-z]{3}\b)?"
    r"\s*(?:/|\ban?\b|\bper\b|\bevery\b)\s*(?P<period>[a-z]+)\s*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Price:
    """An amount of a currency (ISO code) a month."""

    amount: float
    currency: str


def parse(text: str) -> Price | None:
    """Reads "5 EUR a month", "$59.88/year", "€4,99 per month"; None: not understood, or nothing to pay.

    A currency and a period must both be named: without them, prices cannot stand side by side.
    """
    found = _PATTERN.fullmatch(text)
    if not found or bool(found["before"]) == bool(found["after"]):
        return None
    currency = (found["before"] or found["after"]).upper()
    times = _PERIODS.get(found["period"].lower())
    amount = _amount(found["amount"])
    if times is None or not amount:
        return None
    return Price(amount * times, _SIGNS.get(currency, currency))


def _amount(text: str) -> float | None:
    """None for "1.234" as well: it may be a bit more than one, or more than a thousand."""
    if re.fullmatch(r"[1-9]\d{0,2}[.,]\d{3}", text):
        return None
    found = re.fullmatch(r"([1-9]\d{0,2}(?:([.,])\d{3})+|\d+)(?:(?!\2)[.,](\d+))?", text)
    if not found:
        return None
    return float(f"{found[1].replace(',', '').replace('.', '')}.{found[3] or 0}")

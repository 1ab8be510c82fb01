"""How large a position a target of 100 % means: six models, one scalar rule.

All are sized on the close of the deciding bar (or the limit, where the entry is a limit order), except ``max``, which
is sized at the fill: it means "all the money", and only the fill knows how far that goes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from tradewright.fills.costs import FeeTerms, affordable_units
from tradewright.model.errors import ConfigError

FIXED_UNITS, FIXED_CASH, PERCENT_EQUITY, TARGET_PERCENT, RISK_PER_TRADE, MAX = range(6)

LOT_TOLERANCE = 1e-9
"""How far below a whole number of lots a quotient may fall by rounding (0.3 / 0.1 is three lots)."""


class SizingTerms(NamedTuple):
    """The common form: which rule, and its number."""

    kind: int
    amount: float


def whole_lots(units: float, lot_size: float) -> float:
    """The number of whole lots in ``units`` (>= 0), as a float without a fraction."""
    return float(np.floor((units if lot_size == 1.0 else units / lot_size) + LOT_TOLERANCE))


def sized_units(
    weight: float, equity: float, price: float, stop: float, multiplier: float, sizing: SizingTerms, fees: FeeTerms
) -> float:
    """The units (>= 0) that ``weight`` (0..1) of this sizing means; 0 where nothing can be bought or no stop is known.

    ``target_percent`` and ``max`` take the money that may be spent and leave room for the fee: the quantity is the
    largest whose value at ``price`` plus fee stays within it. The others ignore the fee.
    """
    if sizing.kind == FIXED_UNITS:
        return weight * sizing.amount
    if not equity > 0.0 or not price > 0.0:
        return 0.0
    if sizing.kind == FIXED_CASH:
        return weight * sizing.amount / (price * multiplier)
    if sizing.kind == PERCENT_EQUITY:
        return weight * sizing.amount * equity / (price * multiplier)
    if sizing.kind == RISK_PER_TRADE:
        distance = abs(price - stop)
        return weight * sizing.amount * equity / (distance * multiplier) if distance > 0.0 else 0.0
    return affordable_units(weight * sizing.amount * equity, price * multiplier, False, fees)


class SizingModel(Protocol):
    """Anything that can be brought to the common form."""

    def terms(self) -> SizingTerms:
        """The common form of this model."""
        ...


def _positive(where: str, name: str, value: float) -> None:
    if not 0.0 < value < math.inf:
        raise ConfigError(f"{name} = {value}", where=where, remedy="a finite number > 0 is needed")


@dataclass(frozen=True)
class FixedUnits:
    """Always the same number of units."""

    units: float = 1.0

    def __post_init__(self) -> None:
        _positive("sizing fixed_units", "units", self.units)

    def terms(self) -> SizingTerms:
        """The units."""
        return SizingTerms(FIXED_UNITS, self.units)


@dataclass(frozen=True)
class FixedCash:
    """The units that a fixed sum buys at the deciding close, fees not counted."""

    cash: float = 10_000.0

    def __post_init__(self) -> None:
        _positive("sizing fixed_cash", "cash", self.cash)

    def terms(self) -> SizingTerms:
        """The sum."""
        return SizingTerms(FIXED_CASH, self.cash)


@dataclass(frozen=True)
class PercentEquity:
    """The units that a fraction of the equity buys at the deciding close (0.1 is 10 %), fees not counted."""

    percent: float = 0.1

    def __post_init__(self) -> None:
        _positive("sizing percent_equity", "percent", self.percent)

    def terms(self) -> SizingTerms:
        """The fraction."""
        return SizingTerms(PERCENT_EQUITY, self.percent)


@dataclass(frozen=True)
class TargetPercent:
    """Value plus fee at the deciding close stay within ``target x (1 - cash_buffer)`` of the equity."""

    target: float = 1.0
    cash_buffer: float = 0.0025

    def __post_init__(self) -> None:
        _positive("sizing target_percent", "target", self.target)
        if not 0.0 <= self.cash_buffer < 1.0:
            what = f"cash_buffer = {self.cash_buffer}"
            raise ConfigError(what, where="sizing target_percent", remedy="a fraction in [0, 1) is needed")

    def terms(self) -> SizingTerms:
        """The fraction that may be spent."""
        return SizingTerms(TARGET_PERCENT, self.target * (1.0 - self.cash_buffer))


@dataclass(frozen=True)
class RiskPerTrade:
    """So many units that the stop loses ``risk`` (0.01 is 1 %) of the equity: a target without a stop is not traded."""

    risk: float = 0.01

    def __post_init__(self) -> None:
        _positive("sizing risk_per_trade", "risk", self.risk)

    def terms(self) -> SizingTerms:
        """The fraction at risk."""
        return SizingTerms(RISK_PER_TRADE, self.risk)


@dataclass(frozen=True)
class MaxSize:
    """All the equity at the fill's price, fee included, long or short."""

    def terms(self) -> SizingTerms:
        """All of it."""
        return SizingTerms(MAX, 1.0)

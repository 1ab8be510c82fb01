"""The size of a position at a target of 100 %: six models, one scalar rule.

Each model is at the same time the schema of one file of ``conf/backtest/sizing``; ``kind`` names the model.
All are sized on the close of the deciding bar (or the limit, where the entry is a limit order), except ``max``, which
is sized at the fill: it means "all the money", and only the fill knows how far that goes.
"""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, Literal, NamedTuple, Protocol

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from tradewright.fills.costs import TERMS_CONFIG, FeeTerms, affordable_units

AboveZero = Annotated[float, Field(gt=0)]

FIXED_UNITS, FIXED_CASH, PERCENT_EQUITY, TARGET_PERCENT, RISK_PER_TRADE, MAX = range(6)

LOT_TOLERANCE = 1e-9
"""The shortfall by rounding at which a quotient still counts as a whole number of lots (0.3 / 0.1 is three)."""


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


@dataclass(frozen=True, config=TERMS_CONFIG)
class FixedUnits:
    """Always the same number of units."""

    units: AboveZero
    kind: Literal["fixed_units"] = field(default="fixed_units", kw_only=True)

    def terms(self) -> SizingTerms:
        """The units."""
        return SizingTerms(FIXED_UNITS, self.units)


@dataclass(frozen=True, config=TERMS_CONFIG)
class FixedCash:
    """The units that a fixed sum buys at the deciding close, fees not counted."""

    cash: AboveZero
    kind: Literal["fixed_cash"] = field(default="fixed_cash", kw_only=True)

    def terms(self) -> SizingTerms:
        """The sum."""
        return SizingTerms(FIXED_CASH, self.cash)


@dataclass(frozen=True, config=TERMS_CONFIG)
class PercentEquity:
    """The units that a fraction of the equity buys at the deciding close (0.1 is 10 %), fees not counted."""

    percent: AboveZero
    kind: Literal["percent_equity"] = field(default="percent_equity", kw_only=True)

    def terms(self) -> SizingTerms:
        """The fraction."""
        return SizingTerms(PERCENT_EQUITY, self.percent)


@dataclass(frozen=True, config=TERMS_CONFIG)
class TargetPercent:
    """Value plus fee at the deciding close stay within ``target x (1 - cash_buffer)`` of the equity."""

    target: AboveZero
    cash_buffer: Annotated[float, Field(ge=0, lt=1)]
    kind: Literal["target_percent"] = field(default="target_percent", kw_only=True)

    def terms(self) -> SizingTerms:
        """The fraction that may be spent."""
        return SizingTerms(TARGET_PERCENT, self.target * (1.0 - self.cash_buffer))


@dataclass(frozen=True, config=TERMS_CONFIG)
class RiskPerTrade:
    """So many units that the stop loses ``risk`` (0.01 is 1 %) of the equity: a target without a stop is not traded."""

    risk: Annotated[float, Field(gt=0, le=1)]
    kind: Literal["risk_per_trade"] = field(default="risk_per_trade", kw_only=True)

    def terms(self) -> SizingTerms:
        """The fraction at risk."""
        return SizingTerms(RISK_PER_TRADE, self.risk)


@dataclass(frozen=True, config=TERMS_CONFIG)
class MaxSize:
    """All the equity at the fill's price, fee included, long or short."""

    kind: Literal["max"] = field(default="max", kw_only=True)

    def terms(self) -> SizingTerms:
        """All of it."""
        return SizingTerms(MAX, 1.0)


Sizing = Annotated[
    FixedUnits | FixedCash | PercentEquity | TargetPercent | RiskPerTrade | MaxSize, Field(discriminator="kind")
]
"""Every sizing model, as the group ``backtest/sizing`` names it by ``kind``."""

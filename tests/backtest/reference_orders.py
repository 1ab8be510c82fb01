"""What the reference knows of bars and orders; see ``reference.py``."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from tradewright.backtest.spec import KernelParameters
from tradewright.model.strategy import AT_CLOSE, OrderRequest


@dataclass(frozen=True)
class Bar:
    index: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    spread: float
    volatility: float
    """Of the bar before: what was known when this one opened."""
    open_rate: float
    close_rate: float
    """Account currency per unit of quote currency, as known at the open and at the close."""
    open_fee_rate: float = 1.0
    close_fee_rate: float = 1.0
    """The same of the currency of the fees."""


@dataclass(frozen=True)
class Decision:
    due: int
    share: float
    units: float | None
    asked: OrderRequest

    def late(self, rules: KernelParameters) -> bool:
        """Whether it reaches the market at the close of its bar."""
        if rules.delay == 0 or math.isnan(self.asked.fill_at):
            return rules.at_close
        return self.asked.fill_at == AT_CLOSE

    def split(self, ratio: float) -> Decision:
        """The same decision in new units and prices."""
        prices = ("limit", "stop", "take_profit", "stop_entry", "trail")
        asked = self.asked._replace(**{name: getattr(self.asked, name) / ratio for name in prices})
        return replace(self, units=None if self.units is None else self.units * ratio, asked=asked)


@dataclass(frozen=True)
class Entry:
    side: int
    lots: float
    limit: float
    last_bar: float
    trigger: float = math.nan

    @property
    def at_market(self) -> bool:
        """Whether it is (the rest of) a market order."""
        return math.isnan(self.limit) and math.isnan(self.trigger)


@dataclass
class Trail:
    """A trailing stop of the position; its level begins with the first price that it sees."""

    amount: float
    percent: float
    level: float | None = None

    def follow(self, sale: bool, price: float) -> None:
        away = abs(price) * self.percent / 100 if math.isnan(self.amount) else self.amount
        level = price - away if sale else price + away
        if self.level is None or (level > self.level if sale else level < self.level):
            self.level = level

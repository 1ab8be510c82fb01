"""When and at what price a resting order fills."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from tradewright.fills.rules import limit_fill, market_fill, stop_fill
from tradewright.model.order import OrderTerms, OrderType, Side


class Prices(NamedTuple):
    """The newest prices of an instrument; None where there is none."""

    bid: Decimal | None
    ask: Decimal | None
    last: Decimal | None
    time: datetime

    @property
    def newest(self) -> Decimal | None:
        """What a holding is worth: the last trade, else the middle of the quote."""
        if self.last is not None or self.bid is None or self.ask is None:
            return self.last
        return (self.bid + self.ask) / 2

    def against(self, side: Side) -> Decimal | None:
        """What an order of that side trades against at once."""
        return self.ask if side is Side.BUY else self.bid


def fill_price(terms: OrderTerms, triggered: bool, bar: Sequence[Decimal]) -> Decimal | None:
    """The price at which ``terms`` fill inside a bar (open, high, low, close), None when they do not.

    A quote is a bar of one price. A triggered stop is a market order. The rules are the engine's own, so that a
    simulated order and a backtested one agree.
    """
    opened, high, low, close = (float(price) for price in bar)
    side = terms.side.sign
    if terms.order_type is OrderType.LIMIT and terms.limit_price is not None:
        price = limit_fill(side, float(terms.limit_price), opened, high, low, marketable=True)
    elif terms.order_type is OrderType.STOP and terms.stop_price is not None and not triggered:
        price = stop_fill(side, float(terms.stop_price), opened, high, low)
    else:
        price = market_fill(opened, close, at_close=False)
    return None if math.isnan(price) else Decimal(repr(price))

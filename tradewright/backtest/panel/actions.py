"""Corporate actions inside the panel kernels, booked by the functions of the one-instrument kernel."""

from __future__ import annotations

from tradewright.backtest.account import FillLog
from tradewright.backtest.actions import adjust_position
from tradewright.backtest.panel.book import (
    POOL_CASH,
    Book,
    PanelMarket,
    PanelTerms,
    bars_of,
    lend,
    rules_of,
    settle,
)
from tradewright.backtest.sizing import whole_lots
from tradewright.backtest.spec import KernelParameters


def acts_in(market: PanelMarket, row: int, i: int) -> bool:
    """Whether row ``row`` of the actions is one of bar ``i``."""
    return bool(row < len(market.actions) and market.actions[row, 0] == i)


def adjust_member(
    book: Book, log: FillLog, market: PanelMarket, terms: PanelTerms, rules: KernelParameters, i: int, row: int
) -> None:
    """The action in ``row`` of position and resting orders of its instrument; dividends go to the pool."""
    n = int(market.actions[row, 1])
    money = book.pool[POOL_CASH]
    lend(book, n, money)
    own, own_rules = bars_of(market, n), rules_of(rules, terms, n)
    adjust_position(book.accounts[n], log, own, own_rules, i, market.actions[row, 2], market.actions[row, 3])
    settle(book, log, terms, n, money)


def in_new_units(lots: float, ratio: float) -> float:
    """Signed lots of a target on its way, in whole new ones; NaN stays."""
    new = whole_lots(abs(lots) * ratio, 1.0)
    return new if lots > 0.0 else -new

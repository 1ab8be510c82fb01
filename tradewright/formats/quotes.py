"""Bars of quotes: the middle of bid and ask, and the spread between them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tradewright.model.bar_rules import select
from tradewright.model.bars import Bars, Floats, Times

PRICES = ("open", "high", "low", "close")
SIDED = tuple(f"{side}_{name}" for side in ("bid", "ask") for name in PRICES)
"""The eight columns of a bar of quotes: ``bid_open`` to ``ask_close``."""
ONE_SIDED = "ONE_SIDED_QUOTES: quotes of one side only have no middle price"


class Side(NamedTuple):
    """The prices of one side, a value for each bar; NaN where there was no quote."""

    open: Floats
    high: Floats
    low: Floats
    close: Floats


def sides(column: Callable[[str], Floats]) -> tuple[Side, Side]:
    """Bid and ask out of the columns that :data:`SIDED` names."""
    bid, ask = (Side(*map(column, names)) for names in (SIDED[:4], SIDED[4:]))
    return bid, ask


def quote_bars(ts: Times, bid: Side, ask: Side) -> Bars:
    """The bars of two sides: middle prices, the spread in basis points of the middle, and an unknown volume.

    The spread is the mean of those at open and close, two moments at which both sides were quoted. Where one of them is
    below zero, with the bid above the ask, it is that one, so that the checks see a crossed bar. High and low of both
    sides may be of different moments and tell nothing. A bar of one side has NaN prices.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        opens, highs, lows, closes = ((low + high) / 2 for low, high in zip(bid, ask, strict=True))
        first = (ask.open - bid.open) / np.abs(opens) * 1e4
        last = (ask.close - bid.close) / np.abs(closes) * 1e4
        lowest = np.minimum(first, last)
        spread: Floats = np.where(lowest < 0.0, lowest, (first + last) / 2)
    return Bars(ts, opens, highs, lows, closes, np.full(len(ts), np.nan), spread)


def two_sided(bars: Bars) -> tuple[Bars, Times, dict[str, int]]:
    """The bars with a middle price, their rows (from 1), and how many had one side only."""
    known = ~np.isnan(bars.open + bars.high + bars.low + bars.close)
    left_out = int(np.sum(~known))
    return select(bars, known), np.flatnonzero(known) + 1, {ONE_SIDED: left_out} if left_out else {}


def joined(bid: Bars, ask: Bars) -> tuple[Bars, int]:
    """The bars of two series of prices, one of each side, and how many times only one of them has."""
    times, of_bid, of_ask = np.intersect1d(bid.ts, ask.ts, assume_unique=True, return_indices=True)
    low, high = (Side(*select(bars, rows)[1:5]) for bars, rows in ((bid, of_bid), (ask, of_ask)))
    return quote_bars(times, low, high), len(bid.ts) + len(ask.ts) - 2 * len(times)

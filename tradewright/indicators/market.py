"""Liquidity and correlation, for the gate. Needs no numba: the execution location imports it."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from tradewright.indicators.arrays import equal_lengths, window
from tradewright.model.bars import Bars, Floats

WIDEST_SPREAD_BPS = 50.0
LEAST_COMMON_RETURNS = 20


def liquidity_scores(
    close: Floats, volume: Floats, spread_bps: Floats, recent: float = 20, usual: float = 250
) -> Floats:
    """The liquidity of each bar, 0 to 1 (D17); NaN until the longer window is full.

    0.5 x activity + 0.5 x max(0, 1 - spread in bps / 50). The activity is min(1, median volume of ``recent`` bars / of
    ``usual`` bars), and 0 where the usual volume is 0. Where no volume of the longer window is known, as of midpoints
    and quotes, it is the share of the ``recent`` bars whose close differs from the one before: one less the share of
    zero returns, which Lesmond, Ogden and Trzcinka (1999) and Bekaert, Harvey and Lundblad (2007) take for illiquidity
    where volumes are not to be had.

    NaN are a bar with a NaN spread, a window in which some volumes are known and others not, and, without volumes, one
    with a NaN close. Where the spread is unknown, put the instrument's fallback there first (R-DATA-26).

    Raises:
        IndicatorArguments: a window is not a whole number >= 1, or the columns differ in length.
    """
    import pandas as pd  # sweeps load this module for its registry, and need neither the second nor the memory

    equal_lengths(close, volume, spread_bps)
    volumes, longer = pd.Series(volume), max(window(recent), window(usual))
    now = volumes.rolling(window(recent)).median().to_numpy()
    normal = volumes.rolling(window(usual)).median().to_numpy()
    activity = np.where(np.isnan(now) | np.isnan(normal), np.nan, 0.0)
    np.divide(now, normal, out=activity, where=normal > 0.0)
    without_volume = _counts(np.isnan(volume), longer) == longer
    activity[without_volume] = _moving_share(close, window(recent))[without_volume]
    scores: Floats = 0.5 * np.minimum(1.0, activity) + 0.5 * _tightness(spread_bps)
    return scores


def _tightness(spread_bps: Floats) -> Floats:
    """``max(0, 1 - spread in bps / 50)``; NaN where the spread is unknown, or below zero."""
    known = np.where(spread_bps >= 0.0, spread_bps, np.nan)
    found: Floats = np.clip(1.0 - known / WIDEST_SPREAD_BPS, 0.0, 1.0)
    return found


def _moving_share(close: Floats, count: int) -> Floats:
    """The share of the last ``count`` bars whose close differs from the one before; NaN with a close that is none."""
    before = np.concatenate([[np.nan], close])[: len(close)]
    unknown = np.isnan(close) | np.isnan(before)
    share = _counts((close != before) & ~unknown, count) / count
    return np.where(_counts(~unknown, count) == count, share, np.nan)


def _counts(flags: npt.NDArray[np.bool_], count: int) -> npt.NDArray[np.int64]:
    """How many of the last ``count`` flags are set; of fewer at the start."""
    total = np.concatenate([np.zeros(count, np.int64), np.cumsum(flags)])
    counts: npt.NDArray[np.int64] = total[count:] - total[: len(flags)]
    return counts


def quoted_prices(close: Floats, spread_bps: Floats) -> tuple[Floats, Floats, Floats]:
    """Bid, ask and their middle at the close: the close of a bar of quotes, and half its spread below and above.

    NaN where the spread is unknown, as in bars of trades without one, or below zero.
    """
    equal_lengths(close, spread_bps)
    middle = np.where(spread_bps >= 0.0, close, np.nan)
    half = spread_bps / 2e4
    return middle * (1.0 - half), middle * (1.0 + half), middle


def liquidity_score(close: Floats, volume: Floats, spread_bps: float, recent: int = 20, usual: int = 250) -> float:
    """The liquidity of now, from the newest bars and one spread; see :func:`liquidity_scores`.

    NaN with too few bars, and with a NaN spread.
    """
    if len(volume) == 0:
        return math.nan
    bars = max(recent, usual) + 1
    newest, spreads = volume[-bars:], np.full(min(bars, len(volume)), spread_bps)
    return float(liquidity_scores(close[-bars:], newest, spreads, recent, usual)[-1])


def correlation(one: Bars, other: Bars, count: int = 100) -> float:
    """The correlation of the last ``count`` log returns over the bars that both have; in [-1, 1].

    Bars are matched by start; bars without a positive close are left out. NaN if it is undefined: fewer than 20 common
    returns (or than ``count``, if that is less), or a price that did not move.

    Raises:
        IndicatorArguments: ``count`` is not a whole number >= 2.
    """
    length = window(count, least=2)
    _, mine, theirs = np.intersect1d(one.ts, other.ts, assume_unique=True, return_indices=True)
    closes = np.stack([one.close[mine], other.close[theirs]])
    closes = closes[:, (closes > 0.0).all(axis=0)][:, -(length + 1) :]
    changes = np.diff(np.log(closes), axis=1)
    if changes.shape[1] < min(length, LEAST_COMMON_RETURNS) or (np.ptp(changes, axis=1) == 0.0).any():
        return math.nan
    return float(np.clip(np.corrcoef(changes)[0, 1], -1.0, 1.0))


def largest_correlation(candidate: Bars, held: Mapping[str, Bars], count: int = 100) -> float:
    """The largest absolute correlation of the candidate with any held instrument (Q-15); in [0, 1], never NaN.

    Without holdings 0. A correlation that is undefined counts as 1: what is not known is not taken for independent.

    Raises:
        IndicatorArguments: ``count`` is not a whole number >= 2.
    """
    sizes = (abs(correlation(candidate, bars, count)) for bars in held.values())
    return max((1.0 if math.isnan(size) else size for size in sizes), default=0.0)

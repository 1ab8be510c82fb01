"""Splits and dividends out of a vendor's daily table: its event columns, or its adjusted close beside the close."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from tradewright.model.bars import Bars, Floats
from tradewright.model.instrument import FACTOR_COLUMNS

_SURE_SPLIT = math.log(1.25)
"""A smaller step of a price may be the market's own; a larger one that a split explains is none."""
_MOST_STEPS = 15
"""Fewer rows than this to a step of the ratio are no dividends: quarterly ones lie about 60 rows apart."""
_LEAST_PLACES, _MOST_PLACES = 2, 8
_SINGLE = 5e-7
"""Relative: what is lost where a vendor computes in single precision."""


class ActionColumns(NamedTuple):
    """The columns of a daily table that tell of corporate actions, one value per bar; None where it has no such column.

    Args:
        adj_close: the close after splits and dividends.
        dividend: money per share on the day from which it is not paid any more; 0 or NaN on the others.
        split: new shares for an old one on the day from which it holds, 7 for 7:1; 0, 1 or NaN on the others.
    """

    adj_close: Floats | None = None
    dividend: Floats | None = None
    split: Floats | None = None


NO_ACTIONS = ActionColumns()
"""A table that tells of none."""


class FoundActions(NamedTuple):
    """The factors that a table implies, and what the person who imports it must know.

    Args:
        factors: as :class:`tradewright.store.actions.Actions` keeps them; None where the columns contradict the prices.
        remark: what was found, or why nothing was taken.
    """

    factors: pd.DataFrame | None
    remark: str


def found_actions(bars: Bars, columns: ActionColumns, zone: str) -> FoundActions:
    """The factors of a daily table, oldest first; a table without rows says that there were no actions.

    Event columns are used where there is a split column, else the adjusted close. Whether the prices are adjusted for
    their splits already is told by the prices themselves. An action on the first bar adjusts nothing and is left out.

    Args:
        bars: raw daily bars, in order of time.
        zone: whose calendar dates the bars mean.
    """
    days = pd.DatetimeIndex(bars.ts.view("datetime64[ns]")).tz_localize("UTC").tz_convert(zone)
    dates = days.tz_localize(None).normalize()
    if len(dates) < 2:
        return FoundActions(None, "corporate actions are not taken from a single bar")
    if columns.split is not None:
        return _of_events(bars.close, columns.split, columns.dividend, dates)
    if columns.adj_close is not None:
        return _of_ratio(bars.close, columns.adj_close, dates)
    return FoundActions(None, "dividends are left out: without a split column or an adjusted close splits are unknown")


def _of_events(close: Floats, split: Floats, dividend: Floats | None, dates: pd.DatetimeIndex) -> FoundActions:
    ratio = np.where(np.isfinite(split) & (split > 0), split, 1.0)[1:]
    paid = np.zeros(len(ratio)) if dividend is None else np.nan_to_num(dividend[1:])
    jump, sure = np.diff(np.log(close)), np.abs(np.log(ratio)) > _SURE_SPLIT
    explained = np.abs(jump + np.log(ratio)) < np.abs(jump)
    if sure.any() and explained[sure].any() != explained[sure].all():
        day = dates[1:][sure & ~explained][0]
        return FoundActions(
            None, f"splits and dividends are left out: the prices do not show the split of {day:%Y-%m-%d}"
        )
    is_raw = not sure.any() or bool(explained[sure].all())
    steps = 1 / ratio if is_raw else np.ones(len(ratio))
    shares = 1.0 - paid / (close[:-1] * steps)
    if not np.all((shares > 0) & (paid >= 0)):
        day = dates[1:][~((shares > 0) & (paid >= 0))][0]
        return FoundActions(None, f"splits and dividends are left out: no dividend is as on {day:%Y-%m-%d}")
    told = f"corporate actions kept: splits {int(np.sum(ratio != 1))}, dividends {int(np.sum(paid > 0))}"
    if not is_raw:
        told += "; the prices are adjusted for the splits already"
    return FoundActions(_table(dates, close, steps, shares), told)


def _of_ratio(close: Floats, adjusted: Floats, dates: pd.DatetimeIndex) -> FoundActions:
    if not np.all(np.isfinite(adjusted) & (adjusted > 0)) or not np.all(close > 0):
        row = int(np.flatnonzero(~(np.isfinite(adjusted) & (adjusted > 0) & (close > 0)))[0])
        return FoundActions(None, f"the adjusted close is left out: it has no value on {dates[row]:%Y-%m-%d}")
    logs = np.log(adjusted / close)
    noise = _SINGLE + _rounding(adjusted) / adjusted + _rounding(close) / close
    ends = np.flatnonzero(np.abs(np.diff(logs)) > noise[1:] + noise[:-1])
    if len(ends) > max(3, len(close) // _MOST_STEPS):
        return FoundActions(None, "the adjusted close is left out: it stands in no steady ratio to the close")
    medians = np.array([np.median(part) for part in np.split(logs, ends + 1)])
    steps, shares = np.ones(len(close) - 1), np.ones(len(close) - 1)
    splits = 0
    for end, step in zip(ends, np.exp(np.diff(-medians)), strict=True):
        ratio = _split(1 / step, math.log(close[end + 1] / close[end]))
        splits += ratio != 1
        steps[end], shares[end] = 1 / ratio, step * ratio
    told = f"corporate actions kept, told from the adjusted close: splits {splits}, dividends {len(ends) - splits}"
    return FoundActions(_table(dates, close, steps, shares), told)


def _rounding(values: Floats) -> float:
    """Half a unit of the last place in which a column is written, and a little for what floats add."""
    for places in range(_LEAST_PLACES, _MOST_PLACES):
        if np.all(np.abs(values - np.round(values, places)) < 1e-9 * np.abs(values)):
            return float(0.6 * 10.0**-places)
    return float(0.6 * 10.0**-_MOST_PLACES)


def _split(ratio: float, jump: float) -> float:
    """The split that a step of the ratio was, when the price fell with it by a plain ratio; 1 for a dividend."""
    if abs(math.log(ratio)) < _SURE_SPLIT or abs(jump + math.log(ratio)) > abs(math.log(ratio)) / 2:
        return 1.0
    plain = Fraction(ratio).limit_denominator(10) if ratio > 1 else 1 / Fraction(1 / ratio).limit_denominator(10)
    return float(plain) if abs(float(plain) / ratio - 1) < 0.03 else 1.0


def _table(
    dates: pd.DatetimeIndex, close: Floats, steps: npt.NDArray[np.float64], shares: npt.NDArray[np.float64]
) -> pd.DataFrame:
    """The factor of a day is the product of all steps after it."""
    rows = np.flatnonzero((steps != 1.0) | (shares != 1.0))
    split, price = (np.cumprod(column[::-1])[::-1][rows] for column in (steps, shares))
    columns = dict(zip(FACTOR_COLUMNS, (dates[rows], price, split, close[rows]), strict=True))
    return pd.DataFrame(columns)

"""Sampling: at which instants an equity curve is looked at, and how many such instants make a year."""

from __future__ import annotations

from enum import StrEnum

import numpy as np
import numpy.typing as npt

from tradewright.evaluation.ratio import CAP
from tradewright.model.bars import Floats, Times

DAY_NS = 86_400_000_000_000
YEAR_NS = 365.25 * DAY_NS


class Sampling(StrEnum):
    """Where the equity curve is read off (D12)."""

    BAR = "bar"
    """At every bar's close."""
    SESSION = "session"
    """At the last bar of every UTC day that has bars; a session that crosses midnight UTC is cut there."""
    CALENDAR_DAY = "calendar_day"
    """At the end of every UTC day from the first to the last bar; a day without bars repeats the day before."""


def last_of_run(labels: npt.NDArray[np.int64]) -> npt.NDArray[np.intp]:
    """The index of the last element of every run of equal labels; empty for no labels."""
    if len(labels) == 0:
        return np.zeros(0, dtype=np.intp)
    return np.flatnonzero(np.append(labels[1:] != labels[:-1], True))


def levels(ts: Times, equity: Floats, initial_cash: float, sampling: Sampling) -> Floats:
    """The starting cash, then the equity at each sampled instant.

    The starting cash comes first because a loss on the very first bar is a loss: without it the first drawdown and the
    first return would be measured from an account that had already paid for its first trade.

    Returns:
        float64, one longer than the number of samples; only the starting cash for an empty series.
    """
    sampled = equity if sampling is Sampling.BAR else equity[sample_indices(ts, sampling)]
    return np.concatenate(([initial_cash], sampled))


def sample_indices(ts: Times, sampling: Sampling) -> npt.NDArray[np.intp]:
    """The bar whose close is read at each sampled instant; a bar is repeated where a calendar day has none."""
    if sampling is Sampling.BAR or len(ts) == 0:
        return np.arange(len(ts))
    next_midnights = np.arange(ts[0] // DAY_NS + 1, ts[-1] // DAY_NS + 2) * DAY_NS
    daily = np.searchsorted(ts, next_midnights) - 1
    return daily if sampling is Sampling.CALENDAR_DAY else daily[np.diff(daily, prepend=-1) > 0]


def returns_of(values: Floats) -> Floats:
    """Simple returns between neighbours, as fractions; one shorter than ``values``.

    After an equity at or below zero nothing can be earned on it: the return is 0. A return is clipped to +-1e6.
    """
    base = values[:-1]
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        returns = values[1:] / base
    returns -= 1.0
    returns[base <= 0] = 0.0
    return np.clip(returns, -CAP, CAP, out=returns)


def periods_per_year(ts: Times, sampling: Sampling, days_per_year: float) -> float:
    """How many samples make a year: days per year, times the median number of bars per UTC day for ``bar``.

    The median keeps half days and a cut first or last day from moving the factor; 390 for US stock minutes.
    """
    if sampling is not Sampling.BAR or len(ts) == 0:
        return float(days_per_year)
    per_day = np.diff(sample_indices(ts, Sampling.SESSION), prepend=-1)
    return float(days_per_year) * float(np.median(per_day))


def elapsed_years(ts: Times) -> float:
    """Calendar time from the first bar's start to the last bar's end, in years of 365.25 days.

    The last bar is taken to be as long as the mean distance of neighbours; 0 for fewer than two bars, whose length is
    unknown.
    """
    if len(ts) < 2:
        return 0.0
    return float(ts[-1] - ts[0]) * len(ts) / (len(ts) - 1) / YEAR_NS

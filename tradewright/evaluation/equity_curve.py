"""Equity curves: sampling, returns, drawdown, the benchmark and the monthly table; ratios that stay finite."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tradewright.backtest.result import BacktestResult
from tradewright.model.bars import Floats, Times

CAP = 1e6
"""No ratio is reported beyond this; :attr:`Metrics.capped` names the figures that reached it."""

MOST_GROWTH = 1e15
"""A holding is not told to grow beyond this multiple: its first price was next to nothing."""

NOISE = 1e-14
"""A standard deviation of returns at or below this is rounding, not variation: 1 + r carries an error of 2e-16."""


def capped(value: float) -> float:
    """``value`` within +-1e6."""
    return max(-CAP, min(CAP, value))


def capped_ratio(gain: float, pain: float) -> float:
    """``gain / pain`` for a pain that is never negative: 0 when both are zero, +-1e6 when only the pain is."""
    if gain == 0:
        return 0.0
    return math.copysign(CAP, gain) if pain == 0 else capped(gain / pain)


def dispersion_ratio(mean: float, deviation: float) -> float:
    """``mean / deviation``, and 0 when nothing varied (Q-32)."""
    return 0.0 if deviation <= NOISE else capped(mean / deviation)


DAY_NS = 86_400_000_000_000
YEAR_NS = 365.25 * DAY_NS


class Sampling(StrEnum):
    """Where the equity curve is read off (D12)."""

    BAR = "bar"
    """At every bar's close."""
    SESSION = "session"
    """At the last bar of every session, by the instrument's calendar, also where it crosses midnight UTC."""
    CALENDAR_DAY = "calendar_day"
    """At the end of every date from the first to the last session; a date without bars repeats the one before."""


def last_of_run(labels: npt.NDArray[np.int64]) -> npt.NDArray[np.intp]:
    """The index of the last element of every run of equal labels; empty for no labels."""
    if len(labels) == 0:
        return np.zeros(0, dtype=np.intp)
    return np.flatnonzero(np.append(labels[1:] != labels[:-1], True))


def levels(ts: Times, equity: Floats, initial_cash: float, sampling: Sampling, days: Times | None = None) -> Floats:
    """The starting cash, then the equity at each sampled instant.

    The starting cash comes first because a loss on the very first bar is a loss: without it the first drawdown and the
    first return would be measured from an account that had already paid for its first trade.

    Args:
        days: as for :func:`sample_indices`.

    Returns:
        float64, one longer than the number of samples; only the starting cash for an empty series.
    """
    sampled = equity if sampling is Sampling.BAR else equity[sample_indices(ts, sampling, days)]
    return np.concatenate(([initial_cash], sampled))


def sample_indices(ts: Times, sampling: Sampling, days: Times | None = None) -> npt.NDArray[np.intp]:
    """The bar whose close is read at each sampled instant; a bar is repeated where a calendar day has none.

    Args:
        ts: starts of bars, ascending, nanoseconds UTC.
        days: the date of each bar's session in days since 1970, ascending; None takes UTC days.
    """
    if sampling is Sampling.BAR or len(ts) == 0:
        return np.arange(len(ts))
    day = ts // DAY_NS if days is None else days
    if sampling is Sampling.SESSION:
        return last_of_run(day)
    return np.searchsorted(day, np.arange(day[0], day[-1] + 1), side="right") - 1


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


def periods_per_year(ts: Times, sampling: Sampling, days_per_year: float, days: Times | None = None) -> float:
    """The number of samples in a year: days per year, times the median number of bars per session for ``bar``.

    The median keeps half days and a cut first or last day from moving the factor; 390 for US stock minutes. Bars of a
    week or longer are fewer than days: as many as calendar time has, 52.2 and 12, or ``days_per_year`` where that is
    less. They are told from daily ones by a median distance of more than two days.

    Args:
        days: as for :func:`sample_indices`.
    """
    if sampling is Sampling.CALENDAR_DAY or len(ts) == 0:
        return float(days_per_year)
    sessions = sample_indices(ts, Sampling.SESSION, days)
    gaps = np.diff((ts // DAY_NS if days is None else days)[sessions])
    longer = len(gaps) > 1 and float(np.median(gaps)) > 2.0
    in_a_year = min(float(days_per_year), 365.25 / float(gaps.mean())) if longer else float(days_per_year)
    return in_a_year if sampling is Sampling.SESSION else in_a_year * float(np.median(np.diff(sessions, prepend=-1)))


def per_period(yearly: float, periods: float) -> float:
    """A yearly rate compounded down to one of ``periods`` equal parts of the year."""
    return float((1.0 + yearly) ** (1.0 / periods) - 1.0)


def elapsed_years(ts: Times) -> float:
    """Calendar time from the first bar's start to the last bar's end, in years of 365.25 days.

    The last bar is taken to be as long as the mean distance of neighbours; 0 for fewer than two bars, whose length is
    unknown.
    """
    if len(ts) < 2:
        return 0.0
    return float(ts[-1] - ts[0]) * len(ts) / (len(ts) - 1) / YEAR_NS


Indices = npt.NDArray[np.intp]


@dataclass(frozen=True)
class DrawdownMetrics:
    """The deepest and the longest fall of an account."""

    max_drawdown: float
    """The deepest fall from a peak, as a negative fraction, over the sampled equity; 0 if it never fell. Below -1 when
    the account ended up owing money."""
    bar_drawdown: float
    """The deepest fall over every bar, whatever the sampling: never shallower than the sampled one (for an account
    that never owed money)."""
    drawdown_bars: int
    """The longest run of bars under water, whatever its depth."""
    drawdown_days: int
    """Calendar days of the run that took the most of them, from the peak before it to the bar that regained it, or to
    the last bar."""
    recovery_bars: int
    """Bars from the peak before the deepest fall (over bars) to the bar that regained it, or to the last bar."""
    recovery_days: int
    """The same in calendar days."""
    recovered: bool
    """Whether that peak was regained; true if there never was a fall (Q-31)."""
    drawdowns: int
    """Runs of bars under water."""
    average_drawdown: float
    """The mean of the deepest fall of each run, <= 0; 0 without one, as the next."""
    average_drawdown_bars: float
    """The mean number of bars of a run."""
    average_drawdown_days: float
    """The mean number of calendar days of a run, each as in ``drawdown_days``."""
    average_recovery_bars: float
    """The mean number of bars from the lowest point of a run to the bar that regained its peak, over the runs that
    did; 0 where none did."""
    average_recovery_days: float
    """The same in calendar days."""
    ulcer_index: float
    """The root mean square of the drawdown over the sampled equity, as a fraction >= 0."""


def underwater(values: Floats) -> Floats:
    """Each value relative to the highest one so far, as a fraction <= 0; the first value must be positive."""
    depth: Floats = np.maximum.accumulate(values)
    np.divide(values, depth, out=depth)
    depth -= 1.0
    return depth


def drawdown_metrics(sampled: Floats, per_bar: Floats, days: Times) -> DrawdownMetrics:
    """The figures; both series hold the starting cash first (see :func:`levels`).

    Args:
        days: the day of each bar, in days since 1970; the starting cash is of the first one. A bar of an account of
            several instruments is each moment at which any of them has one, so that days alone tell how long it was.
    """
    depth = underwater(per_bar)
    peaks = np.flatnonzero(depth == 0)
    dates = np.concatenate((days[:1], days)) if len(days) else np.zeros(1, np.int64)
    peak, back, recovered = _recovery(depth, peaks)
    sampled_depth = depth if sampled is per_bar else underwater(sampled)
    return DrawdownMetrics(
        max_drawdown=float(sampled_depth.min()),
        bar_drawdown=float(depth.min()),
        drawdown_bars=int(np.diff(peaks, append=len(depth)).max()) - 1,
        recovery_bars=back - peak,
        recovery_days=int(dates[back] - dates[peak]),
        recovered=recovered,
        **_runs(depth, peaks, dates)._asdict(),
        ulcer_index=math.sqrt(float(np.square(np.maximum(sampled_depth, -CAP)).mean())),
    )


class _Runs(NamedTuple):
    drawdowns: int = 0
    drawdown_days: int = 0
    average_drawdown: float = 0.0
    average_drawdown_bars: float = 0.0
    average_drawdown_days: float = 0.0
    average_recovery_bars: float = 0.0
    average_recovery_days: float = 0.0


def _runs(depth: Floats, peaks: Indices, dates: Times) -> _Runs:
    """The runs of bars below a peak; the first value of ``depth`` is a peak."""
    ends = np.append(peaks[1:], len(depth))
    under = ends - peaks > 1
    starts, stops = peaks[under], ends[under]
    if len(starts) == 0:
        return _Runs()
    lowest = np.minimum.reduceat(depth, starts)
    days = dates[np.minimum(stops, len(depth) - 1)] - dates[starts]
    back = [
        (int(start) + int(depth[start:stop].argmin()), int(stop))
        for start, stop in zip(starts, stops, strict=True)
        if stop < len(depth)
    ]
    return _Runs(
        drawdowns=len(starts),
        drawdown_days=int(days.max()),
        average_drawdown=float(np.maximum(lowest, -CAP).mean()),
        average_drawdown_bars=float((stops - starts - 1).mean()),
        average_drawdown_days=float(days.mean()),
        average_recovery_bars=sum(stop - low for low, stop in back) / len(back) if back else 0.0,
        average_recovery_days=sum(int(dates[stop] - dates[low]) for low, stop in back) / len(back) if back else 0.0,
    )


def _recovery(depth: Floats, peaks: Indices) -> tuple[int, int, bool]:
    """The peak before the deepest fall, the bar that regained it or the last one, and whether it was regained."""
    trough = int(depth.argmin())
    if depth[trough] == 0:
        return 0, 0, True
    regained = int(np.searchsorted(peaks, trough))
    peak = int(peaks[regained - 1])
    if regained == len(peaks):
        return peak, len(depth) - 1, False
    return peak, int(peaks[regained]), True


def longest_span(flags: npt.NDArray[np.bool_]) -> tuple[int, int]:
    """The first longest run of true values as ``(start, stop)``, stop exclusive; ``(0, 0)`` if there is none."""
    edges = np.diff(np.concatenate(([0], flags.astype(np.int8), [0])))
    starts, stops = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    if len(starts) == 0:
        return 0, 0
    best = int((stops - starts).argmax())
    return int(starts[best]), int(stops[best])


def buy_and_hold(result: BacktestResult) -> Floats:
    """Equity per bar of an account that is fully invested at the first bar's close, in fractional units, without fees.

    Of raw bars with corporate actions the splits are kept and the dividends reinvested.
    An instrument in another currency is bought and marked as the backtest does it: at the rate of the first close where
    it is paid in full, and otherwise by the difference of its prices at the rate of each close. A price at or below
    zero leaves nothing to compare with: the account then stays in cash, as one without bars does. Growth ends at 1e15.
    """
    close = result.bars.close
    if len(close) == 0 or not (close > 0).all():
        return np.full(len(close), result.initial_cash)
    known = result.conversion
    if known is not None and not known.paid_in_full:
        own = close if result.actions is None else close * result.actions.total
        gained: Floats = (own - own[0]) / own[0] * (known.close / known.close[0])
        return result.initial_cash * (1.0 + gained)
    with np.errstate(over="ignore"):
        equity: Floats = result.initial_cash * result.held_marks / result.held_marks[0]
    return np.minimum(equity, result.initial_cash * MOST_GROWTH)


MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True)
class YearRow:
    """One year of the table; returns are fractions."""

    year: int
    months: tuple[float | None, ...]
    """Twelve returns, January first; None for a month without bars."""
    total: float
    """The year's return."""


def months_of(result: BacktestResult) -> npt.NDArray[np.int64]:
    """The month of each bar's session, as months since January 1970."""
    return result.days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


def period_gains(result: BacktestResult, labels: npt.NDArray[np.int64]) -> Floats:
    """The money gained in each run of bars with an equal label (a month, a year), the first from the starting cash."""
    return np.diff(result.equity[last_of_run(labels)], prepend=result.initial_cash)


def monthly_table(result: BacktestResult) -> tuple[YearRow, ...]:
    """A row per year from the first to the last bar, in order; empty for no bars.

    A month's return is its last equity against the last equity before it (the starting cash for the first); the months
    of a year compound to its total, also across months without bars.
    """
    months = months_of(result)
    by_month = _period_returns(result, months)
    by_year = _period_returns(result, months // 12)
    return tuple(
        YearRow(
            year=1970 + year,
            months=tuple(by_month.get(year * 12 + month) for month in range(12)),
            total=total,
        )
        for year, total in by_year.items()
    )


def _period_returns(result: BacktestResult, labels: npt.NDArray[np.int64]) -> dict[int, float]:
    last = last_of_run(labels)
    returns = returns_of(np.concatenate(([result.initial_cash], result.equity[last])))
    return dict(zip(labels[last].tolist(), returns.tolist(), strict=True))

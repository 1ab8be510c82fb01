"""What the rules of a strategy add to holding the same instruments: its active returns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tradewright.backtest.result import BacktestResult
from tradewright.evaluation.equity_curve import Sampling, last_of_run, levels, periods_per_year, returns_of
from tradewright.evaluation.metrics import MIN_DAILY_SAMPLES, exposure_series
from tradewright.model.bars import Floats, Times


@dataclass(frozen=True)
class ActiveReturns:
    """Active returns, one per session, or one per bar where there are too few sessions (Q-30).

    Args:
        returns: the account's return less that of holding its instruments at the account's average exposure.
        sampling: what one of them covers.
        periods_per_year: how many there are in a year.
        share: the deviation of the active returns as a share of the market's own; 0 where the market stood still.
        own_share: the same as a share of the account's own; 0 where the account stood still. A small account beside
            the market has a small ``share`` whatever it does, and a small ``own_share`` only if it holds.
    """

    returns: Floats
    sampling: Sampling
    periods_per_year: float
    share: float
    own_share: float

    @property
    def years(self) -> float:
        """The span, by the number of returns."""
        return len(self.returns) / self.periods_per_year


def active_returns(result: BacktestResult, days_per_year: float) -> ActiveReturns:
    """The active returns of an account; empty for one without bars.

    With the account's return ``r`` and the market's return ``m`` of a bar (close to close, in the account's currency;
    of a pooled account the pooled holding), and ``e`` the mean exposure at the closes over the whole run, a bar's
    active return is ``r - e * m``. Those of a session are added up. Costs are in ``r`` and none in ``m``, so that
    holding is the harder rival. A strategy that is long in a rising market with no idea when earns nothing here, and
    one that knows when does, whatever its mean exposure.
    """
    bars = result.bars
    if len(bars.ts) == 0:
        return ActiveReturns(np.empty(0), Sampling.BAR, days_per_year, 0.0, 0.0)
    own = returns_of(levels(bars.ts, result.equity, result.initial_cash, Sampling.BAR))
    market = market_returns(result.held_marks)
    active = own - float(exposure_series(result).mean()) * market
    groups, sampling = session_groups(result.days)
    returns = np.add.reduceat(active, groups)
    return ActiveReturns(
        returns=returns,
        sampling=sampling,
        periods_per_year=periods_per_year(bars.ts, sampling, days_per_year, result.days),
        share=_share(returns, np.add.reduceat(market, groups)),
        own_share=_share(returns, np.add.reduceat(own, groups)),
    )


def market_returns(marks: Floats) -> Floats:
    """The market's return of each bar, 0 for the first; a close at or below zero leaves none after it."""
    return np.concatenate(([0.0], returns_of(marks)))


def session_groups(days: Times) -> tuple[Times, Sampling]:
    """The first bar of each period, and what a period is: a session, or a bar where there are too few sessions."""
    ends = last_of_run(days)
    if len(ends) <= MIN_DAILY_SAMPLES and len(ends) < len(days):
        return np.arange(len(days)), Sampling.BAR
    starts: Times = np.concatenate(([0], ends[:-1] + 1))
    return starts, Sampling.SESSION


def _share(active: Floats, whole: Floats) -> float:
    moved = float(whole.std())
    return float(active.std()) / moved if moved > 0.0 else 0.0

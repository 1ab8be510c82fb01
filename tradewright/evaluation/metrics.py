"""Metrics: every figure of one backtest, by our own definitions (``docs/metrics.md``), never NaN and never infinite."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from tradewright.backtest.result import BacktestResult
from tradewright.evaluation.activity import ActivityFigures, activity_figures
from tradewright.evaluation.drawdown import DrawdownFigures, drawdown_figures
from tradewright.evaluation.ratio import CAP, capped_ratio
from tradewright.evaluation.return_figures import (
    MIN_DAILY_SAMPLES,
    GrowthFigures,
    RatioFigures,
    TailFigures,
    growth_figures,
    ratio_figures,
    tail_figures,
)
from tradewright.evaluation.sampling import Sampling, elapsed_years, levels, periods_per_year, returns_of
from tradewright.evaluation.trade_figures import TradeFigures, trade_figures
from tradewright.model.bars import Floats
from tradewright.model.errors import DataError

CAPPABLE = ("cagr", "sharpe", "sortino", "sortino_seed", "calmar", "profit_factor", "turnover", "turnover_per_year")


@dataclass(frozen=True)
class Metrics(TailFigures, ActivityFigures, TradeFigures, DrawdownFigures, RatioFigures, GrowthFigures):
    """Every figure of one backtest. Ratios are fractions, drawdowns negative, amounts in the quote currency (D16)."""

    sampling: Sampling
    """The sampling that was asked for; the drawdown uses it always, the returns unless they were too few."""
    days_per_year: float
    risk_free: float
    bars: int
    years: float
    """Elapsed calendar years."""
    calmar: float
    """CAGR / size of the maximum drawdown; 1e6 (capped) for a gain without any drawdown."""
    capped: tuple[str, ...]
    """The figures that stand at the cap of 1e6 because their true value is larger or infinite."""

    def as_dict(self) -> dict[str, float | int | bool | str | list[str]]:
        """Plain values for JSON: growth, ratios, drawdown, trades, activity, tails, then how it was measured."""
        return {field.name: _plain(getattr(self, field.name)) for field in fields(self)}


def _plain(value: float | int | bool | Sampling | tuple[str, ...]) -> float | int | bool | str | list[str]:
    match value:
        case Sampling():
            return value.value
        case tuple():
            return list(value)
    return value


def evaluate(
    result: BacktestResult,
    sampling: Sampling = Sampling.SESSION,
    days_per_year: float = 252,
    risk_free: float = 0.0,
) -> Metrics:
    """Every figure of a backtest.

    Args:
        result: the backtest; an empty one, one bar, no trades and a constant equity all have figures.
        sampling: where equity is read for the returns and the maximum drawdown.
        days_per_year: sampled days per year: 252 for stocks per session, 365 for calendar days and for crypto.
        risk_free: the yearly rate that an idle account would earn, as a fraction.

    Raises:
        DataError: for a starting cash that is not positive, an amount that is not finite, or a setting out of range.
    """
    sampling = Sampling(sampling)
    _refuse_unusable(result)
    _refuse_settings(days_per_year, risk_free)
    ts = result.bars.ts
    years = elapsed_years(ts)
    per_bar = levels(ts, result.equity, result.initial_cash, Sampling.BAR)
    growth = growth_figures(per_bar, years)
    returns, used = sampled_returns(result, sampling)
    tail_returns, tail_used = (returns, used) if used is Sampling.SESSION else sampled_returns(result, Sampling.SESSION)
    sampled = per_bar if sampling is Sampling.BAR else levels(ts, result.equity, result.initial_cash, sampling)
    fall = drawdown_figures(sampled, per_bar)
    parts = (
        growth,
        ratio_figures(returns, used, periods_per_year(ts, used, days_per_year), risk_free),
        fall,
        trade_figures(result.trades),
        activity_figures(result, years),
        tail_figures(tail_returns, tail_used),
    )
    figures = {name: value for part in parts for name, value in vars(part).items()}
    figures["calmar"] = capped_ratio(growth.cagr, -fall.max_drawdown)
    return Metrics(
        **figures,
        sampling=sampling,
        days_per_year=days_per_year,
        risk_free=risk_free,
        bars=len(ts),
        years=years,
        capped=tuple(name for name in CAPPABLE if abs(figures[name]) >= CAP),
    )


def sampled_returns(result: BacktestResult, sampling: Sampling) -> tuple[Floats, Sampling]:
    """The returns of a backtest and the sampling they really have.

    Fewer than 20 daily returns say nothing: the returns per bar stand in for them if there are more of those (Q-30).
    """
    daily = levels(result.bars.ts, result.equity, result.initial_cash, sampling)
    if len(daily) > MIN_DAILY_SAMPLES or len(result.equity) < len(daily):
        return returns_of(daily), sampling
    return returns_of(levels(result.bars.ts, result.equity, result.initial_cash, Sampling.BAR)), Sampling.BAR


def _refuse_unusable(result: BacktestResult) -> None:
    if not 0 < result.initial_cash < np.inf:
        raise DataError(
            f"a starting cash of {result.initial_cash} cannot be measured against",
            where="backtest.cash",
            remedy="give a positive amount",
        )
    fills, trades = result.fills, result.trades
    amounts = {"equity of bar": result.equity, "profit of trade": trades["profit"]}
    amounts |= {"value of fill": fills["quantity"] * fills["price"], "fee of fill": fills["fee"]}
    for name, values in amounts.items():
        wrong = np.flatnonzero(~np.isfinite(values))
        if len(wrong):
            raise DataError(
                f"the amount is {values[wrong[0]]}",
                where=f"{name} {wrong[0]}",
                remedy="check the prices there for missing values",
            )


def _refuse_settings(days_per_year: float, risk_free: float) -> None:
    if not 0 < days_per_year < np.inf:
        raise DataError(f"{days_per_year} is no number of days", where="evaluation.days_per_year", remedy="252 or 365")
    if not -1 < risk_free < np.inf:
        raise DataError(
            f"{risk_free} is no yearly rate", where="evaluation.risk_free", remedy="give a fraction above -1, as 0.02"
        )

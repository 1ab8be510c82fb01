"""Every metric of one backtest, by the definitions of ``docs/metrics.md``; never NaN and never infinite."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np

from tradewright.backtest.result import BacktestResult
from tradewright.evaluation.benchmark import Benchmark, BenchmarkMetrics, benchmark_equity, benchmark_metrics
from tradewright.evaluation.equity_curve import (
    CAP,
    NOISE,
    DrawdownMetrics,
    Sampling,
    capped,
    capped_ratio,
    dispersion_ratio,
    drawdown_metrics,
    elapsed_years,
    levels,
    periods_per_year,
    returns_of,
)
from tradewright.evaluation.risk_free import idle_returns, mean_rate
from tradewright.evaluation.significance import shape_of
from tradewright.evaluation.trade_metrics import TradeMetrics, trade_metrics
from tradewright.model.bars import Floats
from tradewright.model.errors import DataError
from tradewright.model.risk_free import RiskFree

MIN_DAILY_SAMPLES = 20
"""Below this many daily returns the returns per bar are used instead, and the result says so (Q-30)."""


@dataclass(frozen=True)
class GrowthMetrics:
    """The account from start to end, in money and as fractions."""

    initial_cash: float
    final_equity: float
    net_profit: float
    total_return: float
    cagr: float
    """Compound annual growth rate over calendar years of 365.25 days; 0 if no time elapsed, -1 if nothing is left."""
    ruined: bool
    """Whether equity stood at or below zero at any bar's close."""


@dataclass(frozen=True)
class RatioMetrics:
    """Annualised return against risk, from the returns of one sampling."""

    returns_sampling: Sampling
    """The sampling that the returns come from; ``bar`` in place of a daily one that had too few points (Q-30)."""
    periods: int
    periods_per_year: float
    volatility: float
    """Sample standard deviation of the returns x sqrt(periods per year)."""
    sharpe: float
    """Mean excess return / sample standard deviation x sqrt(periods per year); 0 if nothing varied."""
    sortino: float
    """Mean excess return / root mean square of the negative excess returns (0 for the others), annualised alike."""
    sortino_of_gains: float
    """Mean of the positive returns / sample deviation of the negative ones, annualised alike (first description)."""
    omega: float
    """Sum of the positive excess returns / sum of the negative ones; 1e6 (capped) with gains and no loss."""


@dataclass(frozen=True)
class TailMetrics:
    """The worst and the best of one day (R-MET-07)."""

    tail_sampling: Sampling
    """``session`` (daily returns), or ``bar`` where there were too few days."""
    tail_loss_5: float
    """The 5th percentile of the returns, between neighbours by linear interpolation."""
    tail_mean_1: float
    """The mean of the worst 1 % of the returns, of at least one."""
    tail_ratio: float
    """95th percentile / size of the 5th; 1e6 (capped) where the 5th is not below zero; 0 without a gain."""
    skewness: float
    """Third standardised moment (population form); 0 if nothing varied."""
    kurtosis: float
    """Fourth standardised moment (population form), 3 for a normal distribution; 3 if nothing varied."""
    best_period: float
    worst_period: float


def growth_metrics(per_bar: Floats, years: float) -> GrowthMetrics:
    """From the starting cash and the equity of every bar."""
    start, final = float(per_bar[0]), float(per_bar[-1])
    return GrowthMetrics(
        initial_cash=start,
        final_equity=final,
        net_profit=final - start,
        total_return=final / start - 1.0,
        cagr=annual_growth(final / start, years),
        ruined=bool(per_bar.min() <= 0),
    )


def annual_growth(growth: float, years: float) -> float:
    """``growth ** (1 / years) - 1``, capped at 1e6; -1 for a growth at or below zero, 0 if no time elapsed."""
    if growth <= 0:
        return -1.0
    if years <= 0:
        return 0.0
    exponent = math.log(growth) / years
    return CAP if exponent >= math.log1p(CAP) else math.expm1(exponent)


def ratio_metrics(returns: Floats, sampling: Sampling, periods_per_year: float, idle: float | Floats) -> RatioMetrics:
    """From simple returns per period; ``idle`` is what an idle account earns in a period, or in each of them."""
    scale = math.sqrt(periods_per_year)
    deviation = sample_deviation(returns)
    excess = returns - idle
    mean = float(excess.mean()) if len(returns) else 0.0
    return RatioMetrics(
        returns_sampling=sampling,
        periods=len(returns),
        periods_per_year=periods_per_year,
        volatility=0.0 if deviation <= NOISE else deviation * scale,
        sharpe=capped(dispersion_ratio(mean, deviation) * scale),
        sortino=_sortino(excess, mean, deviation, scale),
        sortino_of_gains=_sortino_seed(returns, scale),
        omega=capped_ratio(float(np.maximum(excess, 0.0).sum()), float(np.maximum(-excess, 0.0).sum())),
    )


def sample_deviation(values: Floats) -> float:
    """The standard deviation with n - 1; 0 for fewer than two values."""
    return float(values.std(ddof=1)) if len(values) > 1 else 0.0


def _sortino(excess: Floats, mean: float, deviation: float, scale: float) -> float:
    if deviation <= NOISE:
        return 0.0
    downside = math.sqrt(float(np.square(np.minimum(excess, 0.0)).mean()))
    return capped(capped_ratio(mean, downside) * scale)


def _sortino_seed(returns: Floats, scale: float) -> float:
    positive = returns[returns > 0]
    if len(positive) == 0:
        return 0.0
    return capped(dispersion_ratio(float(positive.mean()), sample_deviation(returns[returns < 0])) * scale)


def tail_metrics(returns: Floats, sampling: Sampling) -> TailMetrics:
    """From simple returns per period; all 0 and the kurtosis of a normal distribution without returns."""
    if len(returns) == 0:
        return TailMetrics(sampling, 0.0, 0.0, 0.0, 0.0, 3.0, 0.0, 0.0)
    worst, shape = max(1, len(returns) // 100), shape_of(returns)
    low, high = np.percentile(returns, (5, 95)).tolist()
    return TailMetrics(
        tail_sampling=sampling,
        tail_loss_5=low,
        tail_mean_1=float(np.partition(returns, worst - 1)[:worst].mean()),
        tail_ratio=capped_ratio(max(high, 0.0), max(-low, 0.0)),
        skewness=shape.skewness,
        kurtosis=shape.kurtosis,
        best_period=float(returns.max()),
        worst_period=float(returns.min()),
    )


@dataclass(frozen=True)
class ActivityMetrics:
    """Exposure, turnover and fees."""

    exposure: float
    """Share of bars at whose close a position was held."""
    orders: int
    fills: int
    fees: float
    """All fees paid, those of a position still open included, in money."""
    turnover: float
    """Traded value, buys and sells, / mean equity over the whole run; 0 if the mean equity is not positive."""
    turnover_per_year: float
    """Turnover / elapsed years; 0 if no time elapsed."""


def exposure_series(result: BacktestResult) -> Floats:
    """The position's value as a fraction of equity at each bar's close; negative when short, 0 once equity <= 0."""
    held = result.equity - result.cash
    held[result.position == 0] = 0.0
    exposure = np.divide(held, result.equity, out=np.zeros(len(held)), where=result.equity > 0)
    return np.clip(exposure, -CAP, CAP)


def traded_values(result: BacktestResult) -> Floats:
    """The money value of each fill, bought or sold."""
    fills = result.fills
    values: Floats = np.abs(fills["quantity"] * fills["price"] * fills["rate"]) * result.multiplier
    return values


def traded_value(result: BacktestResult) -> float:
    """The money value of all fills, buys and sells added up."""
    return float(traded_values(result).sum())


def activity_metrics(result: BacktestResult, years: float) -> ActivityMetrics:
    """The figures; ``years`` is the elapsed calendar time."""
    bars = len(result.equity)
    mean_equity = float(result.equity.mean()) if bars else 0.0
    turnover = capped_ratio(traded_value(result), mean_equity) if mean_equity > 0 else 0.0
    return ActivityMetrics(
        exposure=int(np.count_nonzero(result.position)) / bars if bars else 0.0,
        orders=result.orders,
        fills=len(result.fills),
        fees=float(result.fills["fee"].sum()),
        turnover=turnover,
        turnover_per_year=capped(turnover / years) if years > 0 else 0.0,
    )


CAPPABLE = (
    *("cagr", "sharpe", "sortino", "sortino_of_gains", "omega", "calmar", "profit_factor", "sqn", "kelly"),
    *("turnover", "turnover_per_year", "tail_ratio", "benchmark_return", "alpha", "information_ratio", "treynor"),
    *("up_capture", "down_capture"),
)


@dataclass(frozen=True)
class Metrics(
    BenchmarkMetrics, TailMetrics, ActivityMetrics, TradeMetrics, DrawdownMetrics, RatioMetrics, GrowthMetrics
):
    """Every figure of one backtest. Ratios are fractions, drawdowns negative, amounts in account currency (D16)."""

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
        """Plain values for JSON: growth, ratios, drawdown, trades, activity, tails, then the sampling."""
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
    risk_free: RiskFree = 0.0,
    benchmark: Benchmark | None = None,
) -> Metrics:
    """Every figure of a backtest.

    Args:
        result: the backtest; an empty one, one bar, no trades and a constant equity all have figures.
        sampling: where equity is read for the returns and the maximum drawdown.
        days_per_year: sampled days per year: 252 for stocks per session, 365 for calendar days and for crypto.
        risk_free: the yearly rate that an idle account would earn, as a fraction, or such rates as they became known.
        benchmark: what the account is measured against; the instruments held when None.

    Raises:
        DataError: for a starting cash that is not positive, an amount that is not finite, a setting out of range, or
            bars before the benchmark's first one or the first of the risk-free rates.
    """
    sampling = Sampling(sampling)
    _refuse_unusable(result)
    _refuse_settings(days_per_year, risk_free)
    ts = result.bars.ts
    years = elapsed_years(ts)
    per_bar = levels(ts, result.equity, result.initial_cash, Sampling.BAR)
    growth = growth_metrics(per_bar, years)
    returns, used = sampled_returns(result, sampling)
    tail_returns, tail_used = (returns, used) if used is Sampling.SESSION else sampled_returns(result, Sampling.SESSION)
    sampled = per_bar
    if sampling is not Sampling.BAR:
        sampled = levels(ts, result.equity, result.initial_cash, sampling, result.days)
    fall = drawdown_metrics(sampled, per_bar, result.days)
    per_year = periods_per_year(ts, used, days_per_year, result.days)
    idle = idle_returns(risk_free, result, used, per_year)
    name, held = benchmark_equity(result, benchmark)
    market = returns_of(levels(ts, held, result.initial_cash, used, result.days))
    held_per_bar = levels(ts, held, result.initial_cash, Sampling.BAR)
    parts = (
        growth,
        ratio_metrics(returns, used, per_year, idle),
        fall,
        trade_metrics(result.trades),
        activity_metrics(result, years),
        tail_metrics(tail_returns, tail_used),
        benchmark_metrics(name, held_per_bar, returns, market, per_year, idle),
    )
    figures = {name: value for part in parts for name, value in vars(part).items()}
    figures["calmar"] = capped_ratio(growth.cagr, -fall.max_drawdown)
    return Metrics(
        **figures,
        sampling=sampling,
        days_per_year=days_per_year,
        risk_free=mean_rate(risk_free, result),
        bars=len(ts),
        years=years,
        capped=tuple(name for name in CAPPABLE if abs(figures[name]) >= CAP),
    )


def sampled_returns(result: BacktestResult, sampling: Sampling) -> tuple[Floats, Sampling]:
    """The returns of a backtest and the sampling they really have.

    Fewer than 20 daily returns say nothing: the returns per bar stand in for them if there are more of those (Q-30).
    """
    daily = levels(result.bars.ts, result.equity, result.initial_cash, sampling, result.days)
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


def _refuse_settings(days_per_year: float, risk_free: RiskFree) -> None:
    if not 0 < days_per_year < np.inf:
        raise DataError(f"{days_per_year} is no number of days", where="evaluation.days_per_year", remedy="252 or 365")
    if isinstance(risk_free, float | int) and not -1 < risk_free < np.inf:
        raise DataError(
            f"{risk_free} is no yearly rate", where="evaluation.risk_free", remedy="give a fraction above -1, as 0.02"
        )

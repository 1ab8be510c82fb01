"""Every figure of ``docs/metrics.md`` once more, in plain Python: slow, without numpy, a witness of its own."""

from __future__ import annotations

import math
import statistics
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from tradewright.backtest.result import BacktestResult

CAP = 1e6


def plain_metrics(result: BacktestResult, sampling: str, days_per_year: float, risk_free: float) -> dict[str, float]:
    """The figures by name; only the numeric ones."""
    ts, equity = result.bars.ts.tolist(), result.equity.tolist()
    cash = float(result.initial_cash)
    path = [cash, *equity]
    years = (ts[-1] - ts[0]) / 1e9 / 86400 / 365.25 * len(ts) / (len(ts) - 1) if len(ts) > 1 else 0.0
    returns, used = _returns(ts, equity, cash, sampling)
    daily, _ = _returns(ts, equity, cash, "session")
    growth = path[-1] / cash
    cagr = -1.0 if growth <= 0 else _power(growth, years) if years else 0.0
    fall = min(_underwater([cash, *_read(ts, equity, sampling)]))
    figures = {
        "final_equity": path[-1],
        "net_profit": path[-1] - cash,
        "total_return": growth - 1,
        "cagr": cagr,
        "calmar": _over(cagr, -fall),
        "max_drawdown": fall,
        "bar_drawdown": min(_underwater(path)),
        "years": years,
        "periods": len(returns),
    }
    per_year = days_per_year * (_bars_a_day(ts) if used == "bar" and ts else 1)
    return (
        figures
        | _ratios(returns, per_year, risk_free)
        | _recovery(path)
        | _trades(result)
        | _activity(result, years)
        | _tails(daily)
    )


def _day(stamp: int) -> date:
    return datetime.fromtimestamp(stamp // 10**9, tz=UTC).date()


def _read(ts: list[int], equity: list[float], sampling: str) -> list[float]:
    if sampling == "bar" or not ts:
        return equity
    last = {_day(stamp): value for stamp, value in zip(ts, equity, strict=True)}
    if sampling == "session":
        return list(last.values())
    read, day = [], _day(ts[0])
    while day <= _day(ts[-1]):
        read.append(last.get(day, read[-1] if read else math.nan))
        day += timedelta(days=1)
    return read


def _returns(ts: list[int], equity: list[float], cash: float, sampling: str) -> tuple[list[float], str]:
    values = _read(ts, equity, sampling)
    if len(values) < 20 and len(equity) > len(values):
        values, sampling = equity, "bar"
    path = [cash, *values]
    steps = (after / before - 1 if before > 0 else 0.0 for before, after in pairwise(path))
    return [max(-CAP, min(CAP, step)) for step in steps], sampling


def _bars_a_day(ts: list[int]) -> float:
    days: dict[date, int] = {}
    for stamp in ts:
        days[_day(stamp)] = days.get(_day(stamp), 0) + 1
    return statistics.median(days.values())


def _power(growth: float, years: float) -> float:
    try:
        return min(CAP, growth ** (1 / years) - 1)
    except OverflowError:
        return CAP


def _over(gain: float, pain: float) -> float:
    if pain == 0:
        return math.copysign(CAP, gain) if gain else 0.0
    return max(-CAP, min(CAP, gain / pain))


def _ratios(returns: list[float], per_year: float, risk_free: float) -> dict[str, float]:
    spread = statistics.stdev(returns) if len(returns) > 1 else 0.0
    if spread <= 1e-14:
        ratios = {"volatility": 0.0, "sharpe": 0.0, "sortino": 0.0}
    else:
        excess = [each - ((1 + risk_free) ** (1 / per_year) - 1) for each in returns]
        downside = math.sqrt(math.fsum(min(each, 0) ** 2 for each in excess) / len(excess))
        mean = math.fsum(excess) / len(excess)
        scale = math.sqrt(per_year)
        ratios = {
            "volatility": spread * scale,
            "sharpe": max(-CAP, min(CAP, mean / spread * scale)),
            "sortino": max(-CAP, min(CAP, _over(mean, downside) * scale)),
        }
    gains, losses = [r for r in returns if r > 0], [r for r in returns if r < 0]
    rough = statistics.stdev(losses) if len(losses) > 1 else 0.0
    seed = statistics.fmean(gains) / rough * math.sqrt(per_year) if gains and rough > 1e-14 else 0.0
    return {**ratios, "sortino_of_gains": min(CAP, seed)}


def _underwater(path: list[float]) -> list[float]:
    return [value / max(path[: i + 1]) - 1 for i, value in enumerate(path)]


def _recovery(path: list[float]) -> dict[str, float]:
    depth = _underwater(path)
    runs = "".join("x" if each < 0 else " " for each in depth).split()
    longest = max(map(len, runs), default=0)
    trough = depth.index(min(depth))
    if depth[trough] == 0:
        return {"drawdown_bars": 0, "recovery_bars": 0, "recovered": True}
    peak = max(i for i in range(trough) if depth[i] == 0)
    back = [i for i in range(trough, len(path)) if path[i] >= path[peak]]
    end = back[0] if back else len(path) - 1
    return {"drawdown_bars": longest, "recovery_bars": end - peak, "recovered": bool(back)}


def _trades(result: BacktestResult) -> dict[str, float]:
    profits = result.trades["profit"].tolist()
    wins, losses = [p for p in profits if p > 0], [p for p in profits if p < 0]
    held = [after - before for before, after in result.trades[["entry_bar", "exit_bar"]].tolist()]
    return {
        "trades": len(profits),
        "win_rate": len(wins) / len(profits) if profits else 0.0,
        "profit_factor": _over(math.fsum(wins), -math.fsum(losses)),
        "expectancy": statistics.fmean(profits) if profits else 0.0,
        "average_win": statistics.fmean(wins) if wins else 0.0,
        "average_loss": statistics.fmean(losses) if losses else 0.0,
        "best_trade": max(profits, default=0.0),
        "worst_trade": min(profits, default=0.0),
        "average_holding_bars": statistics.fmean(held) if held else 0.0,
    }


def _activity(result: BacktestResult, years: float) -> dict[str, float]:
    position, equity = result.position.tolist(), result.equity.tolist()
    value = math.fsum(quantity * price for quantity, price in result.fills[["quantity", "price"]].tolist())
    mean = statistics.fmean(equity) if equity else 0.0
    turnover = _over(value * result.multiplier, mean) if mean > 0 else 0.0
    return {
        "exposure": sum(units != 0 for units in position) / len(position) if position else 0.0,
        "fees": math.fsum(result.fills["fee"].tolist()),
        "fills": len(result.fills),
        "turnover": turnover,
        "turnover_per_year": min(CAP, turnover / years) if years else 0.0,
    }


def _tails(returns: list[float]) -> dict[str, float]:
    if not returns:
        return dict.fromkeys(("tail_loss_5", "tail_mean_1", "best_period", "worst_period"), 0.0)
    ordered = sorted(returns)
    place = 0.05 * (len(ordered) - 1)
    low = math.floor(place)
    above = ordered[min(low + 1, len(ordered) - 1)]
    return {
        "tail_loss_5": ordered[low] + (place - low) * (above - ordered[low]),
        "tail_mean_1": statistics.fmean(ordered[: max(1, len(ordered) // 100)]),
        "best_period": ordered[-1],
        "worst_period": ordered[0],
    }

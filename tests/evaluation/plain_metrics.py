"""Every figure of ``docs/metrics.md`` once more, in plain Python: slow, without numpy, a witness of its own."""

from __future__ import annotations

import math
import re
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
    depths = _underwater([cash, *_read(ts, equity, sampling)])
    fall = min(depths)
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
        "ulcer_index": math.sqrt(statistics.fmean(max(each, -CAP) ** 2 for each in depths)),
    }
    sessions = days_per_year if used == "calendar_day" else min(days_per_year, _sessions_a_year(ts))
    per_year = sessions * (_bars_a_day(ts) if used == "bar" and ts else 1)
    return (
        figures
        | _ratios(returns, per_year, risk_free)
        | _recovery(path, [_day(stamp).toordinal() for stamp in (*ts[:1], *ts)] or [0])
        | _trades(result)
        | _activity(result, years)
        | _tails(daily)
        | _against_holding(result, returns, used, per_year, risk_free)
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


def _sessions_a_year(ts: list[int]) -> float:
    """Infinite for bars of a day or shorter, whose number the calendar of their market tells."""
    dates = sorted({_day(stamp) for stamp in ts})
    gaps = [(after - before).days for before, after in pairwise(dates)]
    if len(gaps) < 2 or statistics.median(gaps) <= 2:
        return math.inf
    return 365.25 * len(gaps) / (dates[-1] - dates[0]).days


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
    rate = (1 + risk_free) ** (1 / per_year) - 1
    over, under = (math.fsum(max(side * (r - rate), 0) for r in returns) for side in (1, -1))
    return {**ratios, "sortino_of_gains": min(CAP, seed), "omega": _over(over, under)}


def _against_holding(
    result: BacktestResult, returns: list[float], used: str, per_year: float, risk_free: float
) -> dict[str, float]:
    closes, cash = result.bars.close.tolist(), float(result.initial_cash)
    held = [cash * close / closes[0] for close in closes]
    market, _ = _returns(result.bars.ts.tolist(), held, cash, used)
    rate = (1 + risk_free) ** (1 / per_year) - 1
    spread = statistics.stdev(market) if len(market) > 1 else 0.0
    own = statistics.stdev(returns) if len(returns) > 1 else 0.0
    beta = statistics.covariance(returns, market) / spread**2 if spread > 1e-14 else 0.0
    apart = [r - m for r, m in zip(returns, market, strict=True)]
    error = statistics.stdev(apart) if len(apart) > 1 else 0.0
    mean, passive = (statistics.fmean(each) - rate if each else 0.0 for each in (returns, market))

    def capture(side: int) -> float:
        taken = [(r, m) for r, m in zip(returns, market, strict=True) if side * m > 0]
        return math.fsum(r for r, _ in taken) / math.fsum(m for _, m in taken) if taken else 0.0

    def limited(value: float) -> float:
        return max(-CAP, min(CAP, value))

    return {
        "benchmark_return": held[-1] / cash - 1 if held else 0.0,
        "benchmark_drawdown": min(_underwater([cash, *held])),
        "beta": limited(beta),
        "alpha": limited((mean - beta * passive) * per_year),
        "correlation": statistics.correlation(returns, market) if min(own, spread) > 1e-14 else 0.0,
        "tracking_error": error * math.sqrt(per_year) if error > 1e-14 else 0.0,
        "information_ratio": limited(statistics.fmean(apart) / error * math.sqrt(per_year)) if error > 1e-14 else 0.0,
        "treynor": limited(mean * per_year / beta) if abs(beta) > 1e-14 else 0.0,
        "up_capture": limited(capture(1)),
        "down_capture": limited(capture(-1)),
    }


def _underwater(path: list[float]) -> list[float]:
    return [value / max(path[: i + 1]) - 1 for i, value in enumerate(path)]


def _recovery(path: list[float], days: list[int]) -> dict[str, float]:
    depth = _underwater(path)
    runs = "".join("x" if each < 0 else " " for each in depth).split()
    longest = max(map(len, runs), default=0)
    trough = depth.index(min(depth))
    spans = re.finditer("x+", "".join("x" if each < 0 else " " for each in depth))
    falls = [(span.start(), span.end()) for span in spans]
    deepest = [max(-CAP, min(depth[start:stop])) for start, stop in falls]
    lows = [
        (start + depth[start:stop].index(min(depth[start:stop])), stop) for start, stop in falls if stop < len(path)
    ]
    back = [stop - low for low, stop in lows]
    spent = [days[min(stop, len(path) - 1)] - days[start - 1] for start, stop in falls]
    mean = {
        "drawdowns": len(falls),
        "average_drawdown": statistics.fmean(deepest) if falls else 0.0,
        "average_drawdown_bars": statistics.fmean(stop - start for start, stop in falls) if falls else 0.0,
        "average_recovery_bars": statistics.fmean(back) if back else 0.0,
        "drawdown_days": max(spent, default=0),
        "average_drawdown_days": statistics.fmean(spent) if falls else 0.0,
        "average_recovery_days": statistics.fmean(days[stop] - days[low] for low, stop in lows) if lows else 0.0,
    }
    if depth[trough] == 0:
        return {**mean, "drawdown_bars": 0, "recovery_bars": 0, "recovery_days": 0, "recovered": True}
    peak = max(i for i in range(trough) if depth[i] == 0)
    regained = [i for i in range(trough, len(path)) if path[i] >= path[peak]]
    end = regained[0] if regained else len(path) - 1
    spent_back = {"recovery_bars": end - peak, "recovery_days": days[end] - days[peak]}
    return {**mean, **spent_back, "drawdown_bars": longest, "recovered": bool(regained)}


def _trades(result: BacktestResult) -> dict[str, float]:
    profits = result.trades["profit"].tolist()
    wins, losses = [p for p in profits if p > 0], [p for p in profits if p < 0]
    held = [after - before for before, after in result.trades[["entry_bar", "exit_bar"]].tolist()]
    spread = statistics.stdev(profits) if len(profits) > 1 else 0.0
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
        "sqn": _over(statistics.fmean(profits), spread) * math.sqrt(len(profits)) if spread > 1e-9 else 0.0,
        "kelly": _kelly(wins, losses),
    }


def _kelly(wins: list[float], losses: list[float]) -> float:
    if not wins or not losses:
        return 1.0 if wins else 0.0
    rate = len(wins) / (len(wins) + len(losses))
    return max(-CAP, rate - (1 - rate) * -statistics.fmean(losses) / statistics.fmean(wins))


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
        none = ("tail_loss_5", "tail_mean_1", "best_period", "worst_period", "tail_ratio", "skewness")
        return {**dict.fromkeys(none, 0.0), "kurtosis": 3.0}
    ordered = sorted(returns)
    low, high = (_percentile(ordered, share) for share in (0.05, 0.95))
    mean, spread = statistics.fmean(returns), statistics.pstdev(returns)
    skewness, kurtosis = 0.0, 3.0
    if spread > 1e-14:
        skewness, kurtosis = (statistics.fmean(((r - mean) / spread) ** power for r in returns) for power in (3, 4))
    return {
        "tail_loss_5": low,
        "tail_ratio": _over(max(high, 0.0), max(-low, 0.0)),
        "skewness": skewness,
        "kurtosis": kurtosis,
        "tail_mean_1": statistics.fmean(ordered[: max(1, len(ordered) // 100)]),
        "best_period": ordered[-1],
        "worst_period": ordered[0],
    }


def _percentile(ordered: list[float], share: float) -> float:
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    above = ordered[min(low + 1, len(ordered) - 1)]
    return ordered[low] + (place - low) * (above - ordered[low])

"""The table metrics_window: each window is a backtest of its own, by the figures that a backtest has."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest

from tests.evaluation.accounts import DAY, MINUTE
from tests.evaluation.test_against_plain_metrics import random_account
from tradewright.evaluation.equity_curve import Sampling
from tradewright.evaluation.formatting import ratio
from tradewright.evaluation.metrics import evaluate, sampled_returns
from tradewright.evaluation.rolling import (
    WINDOW,
    WINDOW_HEADER,
    metrics_window,
    window_lines,
    window_problems,
    window_table,
)

CASES = [(DAY, Sampling.SESSION), (MINUTE, Sampling.BAR), (DAY // 4, Sampling.CALENDAR_DAY)]


def periods_of(ts: list[int], sampling: Sampling) -> list[list[int]]:
    """The bars of each period."""
    if sampling is Sampling.BAR:
        return [[bar] for bar in range(len(ts))]
    dates = [stamp // DAY for stamp in ts]
    every = sorted(set(dates)) if sampling is Sampling.SESSION else range(dates[0], dates[-1] + 1)
    return [[bar for bar, each in enumerate(dates) if each == date] for date in every]


@pytest.mark.parametrize(("step", "sampling"), CASES)
def test_each_row_is_what_a_plain_count_gives(step: int, sampling: Sampling) -> None:
    result = random_account(7, 140, step, 12, 1.0)
    returns, used = sampled_returns(result, sampling)
    assert used is sampling
    rows = metrics_window(result, (5, 21), sampling, 252, 0.02)
    periods = periods_of(result.bars.ts.tolist(), sampling)
    assert rows["window"].tolist() == [5] * (len(periods) - 4) + [21] * (len(periods) - 20)
    per_year = 252 if used is not Sampling.BAR else 252 * 140
    rate = 1.02 ** (1 / per_year) - 1
    for place, row in list(enumerate(rows))[::5]:
        length = int(row["window"])
        first = place if length == 5 else place - (len(periods) - 4)
        part = returns[first : first + length].tolist()
        spread, mean = statistics.stdev(part), statistics.fmean(part) - rate
        down = math.sqrt(statistics.fmean(min(each - rate, 0) ** 2 for each in part))
        assert row["sharpe"] == pytest.approx(mean / spread * math.sqrt(per_year) if spread > 1e-14 else 0.0)
        sortino = 0.0 if spread <= 1e-14 else math.copysign(1e6, mean) if down == 0 else mean / down * per_year**0.5
        assert row["sortino"] == pytest.approx(max(-1e6, min(1e6, sortino)))
        bars = [bar for each in periods[first : first + length] for bar in each]
        closed = [trade for trade in result.trades if trade["exit_bar"] in bars]
        won = sum(bool(trade["profit"] > 0) for trade in closed)
        assert (row["trades"], row["hit_rate"]) == (len(closed), pytest.approx(won / len(closed) if closed else 0.0))
        value = sum(fill["quantity"] * fill["price"] for fill in result.fills if fill["bar"] in bars)
        assert row["turnover"] == pytest.approx(value / statistics.fmean(result.equity[bars]) if bars else 0.0)
        assert not bars or row["ts"] == result.bars.ts[bars[-1]]


def test_the_window_as_long_as_the_run_has_its_figures() -> None:
    result = random_account(3, 90, DAY, 10, 1.0)
    whole = evaluate(result, risk_free=0.01)
    (row,) = metrics_window(result, (whole.periods,), Sampling.SESSION, 252, 0.01)
    assert (row["sharpe"], row["sortino"]) == pytest.approx((whole.sharpe, whole.sortino))
    assert (row["trades"], row["hit_rate"], row["turnover"]) == pytest.approx(
        (whole.trades, whole.win_rate, whole.turnover)
    )


def test_a_window_longer_than_the_run_has_no_row() -> None:
    result = random_account(3, 30, DAY, 4, 1.0)
    assert len(metrics_window(result, (400,), Sampling.SESSION, 252)) == 0
    assert len(metrics_window(result, (), Sampling.SESSION, 252)) == 0


def test_the_newest_window_of_each_length_is_told_with_the_range_of_all() -> None:
    rows = metrics_window(random_account(3, 60, DAY, 8, 1.0), (10, 20), Sampling.SESSION, 252)
    lines = window_lines(rows)
    assert [line[0] for line in lines] == ["10", "20"]
    for line, length in zip(lines, (10, 20), strict=True):
        part = rows[rows["window"] == length]
        assert line[2:5] == tuple(
            ratio(each) for each in (part["sharpe"][-1], min(part["sharpe"]), max(part["sharpe"]))
        )
        assert line[-1] == str(part["trades"][-1])
        assert len(line) == len(WINDOW_HEADER)


def test_the_table_is_checked() -> None:
    rows = metrics_window(random_account(3, 60, DAY, 8, 1.0), (10, 20), Sampling.SESSION, 252)
    table = window_table(rows)
    assert list(table.columns) == list(WINDOW.names or ())
    assert str(table["ts"].dtype) == "datetime64[ns, UTC]"
    assert window_problems(table) == []
    wrong = rows.copy()
    wrong["hit_rate"][0], wrong["sharpe"][1] = 1.5, np.inf
    found = window_problems(window_table(wrong))
    assert [each.split(":")[0] for each in found] == ["sharpe", "hit_rate"]
    doubled = window_problems(window_table(np.concatenate((rows, rows[:1]))))
    assert doubled

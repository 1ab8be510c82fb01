"""Every figure against values worked out by hand, and against plain Python arithmetic."""

from __future__ import annotations

import json
import math
import statistics
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.evaluation.accounts import DAY, MINUTE, START, Fill, account, curve
from tradewright.evaluation.check_input import CheckInput
from tradewright.evaluation.checks import find
from tradewright.evaluation.equity_curve import Sampling
from tradewright.evaluation.formatting import groups, headline
from tradewright.evaluation.metrics import CAPPABLE, evaluate
from tradewright.model.errors import DataError

FILLS = [Fill(1, 10, 50, 1), Fill(3, -10, 60, 1), Fill(4, -5, 62, 2), Fill(5, 5, 66, 2), Fill(6, 4, 70, 0.5)]
CLOSES = [50, 55, 52, 61, 62, 64, 71, 68]


@pytest.fixture
def traded():
    """1000 in cash; +98 long, -24 short, then 4 units bought at 70 and left open at 68."""
    return account(CLOSES, FILLS)


def test_money_by_hand(traded):
    metrics = evaluate(traded)
    assert traded.equity.tolist() == [1000, 1049, 1019, 1098, 1096, 1074, 1077.5, 1065.5]
    assert metrics.final_equity == 1065.5
    assert metrics.net_profit == 65.5
    assert metrics.total_return == pytest.approx(0.0655, abs=1e-15)
    assert metrics.fees == 6.5
    assert (metrics.orders, metrics.fills, metrics.bars) == (5, 5, 8)


def test_trades_by_hand(traded):
    metrics = evaluate(traded)
    assert metrics.trades == 2
    assert metrics.win_rate == 0.5
    assert metrics.profit_factor == pytest.approx(98 / 24, abs=1e-12)
    assert metrics.expectancy == 37
    assert (metrics.average_win, metrics.average_loss) == (98, -24)
    assert (metrics.best_trade, metrics.worst_trade) == (98, -24)
    assert metrics.average_holding_bars == 1.5


def test_activity_by_hand(traded):
    metrics = evaluate(traded)
    assert metrics.exposure == 5 / 8
    turnover = (500 + 600 + 310 + 330 + 280) / (sum(traded.equity.tolist()) / 8)
    assert metrics.turnover == pytest.approx(turnover, rel=1e-12)
    assert metrics.turnover_per_year == pytest.approx(turnover / (8 / 365.25), rel=1e-12)


def test_turnover_counts_the_multiplier():
    single, future = (account([50, 50], [Fill(0, 1, 50)], multiplier=size) for size in (1, 20))
    assert evaluate(future).turnover == pytest.approx(20 * evaluate(single).turnover, rel=1e-12)


def test_drawdown_by_hand(traded):
    metrics = evaluate(traded)
    assert metrics.max_drawdown == pytest.approx(1065.5 / 1098 - 1, abs=1e-15)
    assert (metrics.recovery_bars, metrics.recovered) == (4, False)
    assert metrics.drawdown_bars == 4


def returns_by_fractions(values: list[float]) -> list[Fraction]:
    exact = [Fraction(value) for value in values]
    return [after / before - 1 for before, after in pairwise(exact)]


def noisy(count: int, seed: int = 3) -> list[float]:
    return (1000 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0.0004, 0.012, count)))).tolist()


@pytest.mark.parametrize("risk_free", [0.0, 0.03])
def test_ratios_against_exact_arithmetic(risk_free):
    path = noisy(300)
    metrics = evaluate(curve(path), Sampling.SESSION, 252, risk_free)
    returns = returns_by_fractions([1000.0, *path])
    hurdle = Fraction((1 + risk_free) ** (1 / 252) - 1)
    excess = [each - hurdle for each in returns]
    scale = math.sqrt(252)
    mean = float(sum(excess) / len(excess))
    downside = math.sqrt(float(sum(min(each, 0) ** 2 for each in excess) / len(excess)))
    gains, losses = [r for r in returns if r > 0], [r for r in returns if r < 0]
    assert metrics.volatility == pytest.approx(float(statistics.stdev(returns)) * scale, abs=1e-9)
    assert metrics.sharpe == pytest.approx(mean / float(statistics.stdev(returns)) * scale, abs=1e-9)
    assert metrics.sortino == pytest.approx(mean / downside * scale, abs=1e-9)
    seed = float(sum(gains) / len(gains)) / float(statistics.stdev(losses)) * scale
    assert metrics.sortino_of_gains == pytest.approx(seed, abs=1e-9)
    assert metrics.cagr == pytest.approx((path[-1] / 1000) ** (365.25 / 300) - 1, abs=1e-9)
    assert metrics.calmar == pytest.approx(metrics.cagr / -metrics.max_drawdown, abs=1e-9)


def test_tails_against_sorting():
    path = noisy(300)
    metrics = evaluate(curve(path))
    returns = sorted(float(each) for each in returns_by_fractions([1000.0, *path]))
    assert metrics.tail_mean_1 == pytest.approx(sum(returns[:3]) / 3, abs=1e-12)
    position = 0.05 * 299
    low = math.floor(position)
    expected = returns[low] + (position - low) * (returns[low + 1] - returns[low])
    assert metrics.tail_loss_5 == pytest.approx(expected, abs=1e-12)
    assert (metrics.worst_period, metrics.best_period) == pytest.approx((returns[0], returns[-1]), abs=1e-12)


def test_tails_stay_daily_when_the_sampling_is_per_bar():
    path = noisy(60 * 24)
    by_bar = evaluate(curve(path, step=60 * MINUTE), Sampling.BAR, 365)
    by_session = evaluate(curve(path, step=60 * MINUTE), Sampling.SESSION, 365)
    assert (by_bar.tail_sampling, by_bar.returns_sampling) == (Sampling.SESSION, Sampling.BAR)
    assert by_bar.tail_loss_5 == by_session.tail_loss_5
    assert by_bar.periods == 60 * 24
    assert by_bar.periods_per_year == 365 * 24


def test_calendar_days_add_quiet_days_but_no_drawdown():
    ts = [START + (day // 5 * 7 + day % 5) * DAY for day in range(100)]
    path = noisy(100)
    session = evaluate(curve(path, ts=ts), Sampling.SESSION)
    calendar = evaluate(curve(path, ts=ts), Sampling.CALENDAR_DAY, 365)
    assert (session.periods, calendar.periods) == (100, 19 * 7 + 5)
    assert calendar.max_drawdown == session.max_drawdown
    assert calendar.total_return == session.total_return
    assert calendar.sharpe != session.sharpe


def test_a_fall_within_a_day_is_told_whatever_the_sampling():
    """An account that halves at noon and is back at night fell by half, and the report and its findings say so."""
    result = curve([1000, 500, 1000, 1010, 1005, 1020], step=8 * 60 * MINUTE)
    metrics = evaluate(result, Sampling.SESSION)
    assert (metrics.max_drawdown, metrics.bar_drawdown) == (0.0, -0.5)
    assert evaluate(result, Sampling.BAR).max_drawdown == -0.5
    lines = {line.label: line.text for line in (*headline(metrics), *groups(metrics)[1].lines)}
    assert (lines["Max drawdown"], lines["Sampled drawdown"]) == ("-50.00%", "0.00%")
    messages = {each.code: each.message for each in find(CheckInput(result, metrics))}
    assert "fell 50.00% below its peak" in messages["DEEP_DRAWDOWN"]


def test_few_days_fall_back_to_bars_and_say_so():
    few = evaluate(curve(noisy(19 * 24), step=60 * MINUTE))
    enough = evaluate(curve(noisy(20 * 24), step=60 * MINUTE))
    assert (few.sampling, few.returns_sampling, few.periods) == (Sampling.SESSION, Sampling.BAR, 19 * 24)
    assert few.tail_sampling is Sampling.BAR
    assert (enough.returns_sampling, enough.periods) == (Sampling.SESSION, 20)


def test_few_daily_bars_stay_daily_since_bars_are_no_more():
    metrics = evaluate(curve(noisy(8)), Sampling.CALENDAR_DAY, 365)
    assert (metrics.returns_sampling, metrics.periods) == (Sampling.CALENDAR_DAY, 8)
    gap = evaluate(curve([1010, 1020], ts=[START, START + 9 * DAY]), Sampling.CALENDAR_DAY, 365)
    assert (gap.returns_sampling, gap.periods) == (Sampling.CALENDAR_DAY, 10)


def test_a_loss_on_the_first_bar_is_a_drawdown():
    for sampling in Sampling:
        assert evaluate(curve([950, 960, 970]), sampling).max_drawdown == pytest.approx(-0.05, abs=1e-15)


@pytest.mark.parametrize("bars", [0, 1, 2, 50])
def test_constant_equity_has_zero_figures(bars):
    metrics = evaluate(curve([1000.0] * bars))
    zero = ("sharpe", "sortino", "sortino_of_gains", "volatility", "max_drawdown", "calmar", "cagr", "total_return")
    assert {name: getattr(metrics, name) for name in zero} == dict.fromkeys(zero, 0)
    assert (metrics.recovered, metrics.ruined, metrics.capped) == (True, False, ())


def test_equal_returns_are_no_variation():
    metrics = evaluate(curve([1000 * 1.01**day for day in range(1, 60)]))
    assert (metrics.sharpe, metrics.sortino, metrics.volatility) == (0, 0, 0)


def test_no_trades_have_zero_figures():
    metrics = evaluate(account([10, 11, 12]))
    assert (metrics.trades, metrics.win_rate, metrics.profit_factor, metrics.expectancy) == (0, 0, 0, 0)


def test_only_winners_cap_the_profit_factor_and_mark_it():
    metrics = evaluate(account([10, 11, 12], [Fill(0, 1, 10), Fill(1, -1, 11)]))
    assert metrics.profit_factor == 1e6
    assert "profit_factor" in metrics.capped
    assert "calmar" in metrics.capped


def test_only_losers_and_break_even_trades():
    losing = evaluate(account([10, 9], [Fill(0, 1, 10), Fill(1, -1, 9)]))
    assert (losing.profit_factor, losing.win_rate, losing.average_win, losing.average_loss) == (0, 0, 0, -1)
    even = evaluate(account([10, 10], [Fill(0, 1, 10), Fill(1, -1, 10)]))
    assert (even.profit_factor, even.win_rate, even.trades) == (0, 0, 1)


def test_gains_without_a_loss_cap_sortino():
    metrics = evaluate(curve([1000 + day + day % 2 / 2 for day in range(1, 40)]))
    assert metrics.sortino == 1e6
    assert "sortino" in metrics.capped
    assert metrics.sortino_of_gains == 0


def test_negative_equity_is_ruin_and_stays_finite():
    metrics = evaluate(curve([900, 300, -200, -400, 100]))
    assert metrics.ruined
    assert metrics.max_drawdown == pytest.approx(-1.4, abs=1e-12)
    assert evaluate(curve([900, -200])).cagr == -1


def test_an_absurd_growth_is_capped():
    assert evaluate(curve([1000, 1500], step=MINUTE)).cagr == 1e6
    assert "cagr" in evaluate(curve([1000, 1500], step=MINUTE)).capped


def test_plain_values_survive_json(traded):
    values = evaluate(traded, Sampling.CALENDAR_DAY, 365).as_dict()
    assert json.loads(json.dumps(values, allow_nan=False)) == values
    assert list(values)[:3] == ["initial_cash", "final_equity", "net_profit"]
    assert values["sampling"] == "calendar_day"
    assert {type(value) for value in values.values()} <= {float, int, bool, str, list}


def test_a_sampling_by_its_name_is_the_sampling():
    result = curve(noisy(50), ts=[START + 3 * day * DAY for day in range(50)])
    metrics = evaluate(result, "calendar_day")
    assert metrics == evaluate(result, Sampling.CALENDAR_DAY)
    assert metrics.periods == 148
    with pytest.raises(ValueError, match="weekly"):
        evaluate(result, "weekly")


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda _: curve([1000], cash=0.0), "backtest.cash"),
        (lambda _: curve([1000], cash=-5.0), "backtest.cash"),
        (lambda _: curve([1000], cash=math.nan), "backtest.cash"),
        (lambda _: curve([1000, math.nan]), "equity of bar 1"),
        (lambda _: curve([math.inf]), "equity of bar 0"),
        (lambda r: spoiled(r, "fills", "fee"), "fee of fill 2"),
        (lambda r: spoiled(r, "fills", "price"), "value of fill 2"),
    ],
)
def test_what_cannot_be_measured_is_refused(traded, change, where):
    with pytest.raises(DataError) as refusal:
        evaluate(change(traded))
    assert refusal.value.where == where
    assert refusal.value.remedy


def spoiled(result, table, column):
    getattr(result, table)[column][2] = math.nan
    return result


@pytest.mark.parametrize(("days", "risk_free"), [(0, 0), (-1, 0), (math.inf, 0), (252, -1), (252, math.nan)])
def test_settings_out_of_range_are_refused(traded, days, risk_free):
    with pytest.raises(DataError, match="evaluation"):
        evaluate(traded, Sampling.SESSION, days, risk_free)


amounts = st.floats(min_value=-1e9, max_value=1e12, allow_nan=False)


@settings(max_examples=150)
@given(
    st.lists(amounts, max_size=60),
    st.sampled_from(Sampling),
    st.sampled_from([MINUTE, 60 * MINUTE, DAY]),
    st.floats(min_value=1e-6, max_value=1e12),
)
def test_no_figure_is_ever_nan_or_infinite(equity, sampling, step, cash):
    metrics = evaluate(curve(equity, cash=cash, step=step), sampling, 365, 0.01)
    values = [value for value in metrics.as_dict().values() if isinstance(value, float)]
    assert all(map(math.isfinite, values))
    assert metrics.max_drawdown <= 0
    assert metrics.ruined or metrics.bar_drawdown <= metrics.max_drawdown
    assert all(abs(getattr(metrics, name)) <= 1e6 for name in CAPPABLE)


@settings(max_examples=100)
@given(
    st.lists(st.floats(min_value=1, max_value=1e6), min_size=1, max_size=40), st.floats(min_value=0.01, max_value=100)
)
def test_ratios_do_not_depend_on_the_size_of_the_account(equity, scale):
    small = evaluate(curve(equity, cash=1000.0))
    large = evaluate(curve([value * scale for value in equity], cash=1000.0 * scale))
    for name in ("total_return", "max_drawdown", "volatility", "sharpe"):
        assert getattr(large, name) == pytest.approx(getattr(small, name), rel=1e-6, abs=1e-6)
    assert (large.recovery_bars, large.drawdown_bars) == (small.recovery_bars, small.drawdown_bars)

"""What the rules add to holding: nothing for holding, everything for timing, whatever the market does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.evaluation.accounts import MINUTE, Fill, account
from tradewright.evaluation.aggregate import pooled
from tradewright.evaluation.equity_curve import Sampling
from tradewright.evaluation.skill import active_returns

RNG = np.random.default_rng(7)
WALK = (100 * np.exp(np.cumsum(RNG.normal(0.001, 0.01, 400)))).tolist()


def plain(result) -> list[float]:
    """The definition, bar by bar: the account's return less mean exposure times the market's."""
    before, last = result.initial_cash, result.bars.close[0]
    exposures = [
        units * price / worth if worth > 0 else 0.0
        for units, price, worth in zip(result.position, result.bars.close, result.equity, strict=True)
    ]
    mean, found = sum(exposures) / len(exposures), []
    for worth, price in zip(result.equity, result.bars.close, strict=True):
        found.append(worth / before - 1 - mean * (price / last - 1))
        before, last = worth, price
    return found


def timed(closes=WALK, cash=1000.0):
    """An account that holds every rising bar and no falling one."""
    rises = np.diff(closes) > 0
    fills, held = [], 0.0
    for bar, rising in enumerate(rises):
        if rising and not held:
            held = 5.0
            fills.append(Fill(bar, held, closes[bar]))
        elif held and not rising:
            fills.append(Fill(bar, -held, closes[bar]))
            held = 0.0
    return account(closes, fills, cash=cash)


@pytest.mark.parametrize("result", [timed(), account(WALK, [Fill(0, 10.0, WALK[0], 1.0)]), account(WALK)])
def test_they_are_the_returns_less_those_of_holding_as_much(result):
    found = active_returns(result, 252)
    assert found.sampling is Sampling.SESSION
    assert found.periods_per_year == 252
    np.testing.assert_allclose(found.returns, plain(result), rtol=1e-9, atol=1e-15)


def test_holding_adds_nothing():
    held = active_returns(account(WALK, [Fill(0, 1000.0 / WALK[0], WALK[0])]), 252)
    assert held.share < 1e-9
    assert active_returns(account(WALK), 252).share == 0.0


def test_timing_adds_in_a_rising_and_in_a_falling_market():
    for closes in (WALK, WALK[::-1]):
        found = active_returns(timed(closes), 252)
        assert found.returns.mean() / found.returns.std() * np.sqrt(252) > 5
        assert found.share > 0.1


def test_costs_are_the_rules_own():
    free, paid = account(WALK, [Fill(0, 10.0, WALK[0])]), account(WALK, [Fill(0, 10.0, WALK[0], 20.0)])
    assert active_returns(paid, 252).returns.sum() < active_returns(free, 252).returns.sum() - 0.015


def test_minutes_of_many_days_are_added_up_by_session_and_those_of_few_days_are_not():
    ts = [day * 1440 * MINUTE + minute * MINUTE for day in range(40) for minute in range(10)]
    minutes = timed()
    daily = replace(minutes, bars=minutes.bars._replace(ts=np.array(ts)))
    found = active_returns(daily, 252)
    assert (found.sampling, len(found.returns), found.periods_per_year) == (Sampling.SESSION, 40, 252)
    np.testing.assert_allclose(found.returns, np.reshape(plain(daily), (40, 10)).sum(axis=1), rtol=1e-9, atol=1e-15)
    ts = [day * 1440 * MINUTE + minute * MINUTE for day in range(2) for minute in range(200)]
    few = active_returns(replace(minutes, bars=minutes.bars._replace(ts=np.array(ts))), 252)
    assert (few.sampling, len(few.returns)) == (Sampling.BAR, 400)
    assert few.periods_per_year == 252 * 200


def test_several_instruments_are_judged_as_one_account():
    both = pooled({"A": timed(), "B": account(WALK[::-1], [Fill(0, 5.0, WALK[-1])])})
    np.testing.assert_allclose(active_returns(both, 252).returns, plain(both), rtol=1e-9, atol=1e-15)


def test_no_bars_no_returns():
    assert len(active_returns(account([]), 252).returns) == 0


def test_a_market_that_stands_still_has_no_share():
    assert active_returns(account([10.0] * 50, [Fill(3, 1.0, 10.0, 0.5)]), 252).share == 0.0

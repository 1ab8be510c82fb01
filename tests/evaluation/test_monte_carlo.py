"""Monte Carlo paths: known distributions, laws, drift between seeds, and refusals."""

from __future__ import annotations

import math
import statistics
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewright.evaluation import monte_carlo_fan
from tradewright.evaluation.blocks import Blocks
from tradewright.evaluation.monte_carlo import (
    bootstrap_returns,
    miss_trades,
    percentiles_of,
    shuffle_trades,
)
from tradewright.evaluation.monte_carlo_fan import SHARES, bootstrap_fan, fan_figure
from tradewright.evaluation.return_samples import ReturnsRefused
from tradewright.model.bars import Floats

RETURNS = np.random.default_rng(1).normal(0.0004, 0.005, 750)


def same(one: object, other: object) -> bool:
    return all((a == b).all() for a, b in zip(vars(one).values(), vars(other).values(), strict=True))


def test_single_draws_are_spread_as_the_theory_says():
    """The log of a path of independent draws is normal with their mean and deviation; so is its Sharpe ratio."""
    found = bootstrap_returns(RETURNS, paths=4000, block=1, periods_per_year=750)
    logs = np.log1p(RETURNS)
    drawn = np.log1p(found.total_return)
    assert drawn.mean() == pytest.approx(750 * logs.mean(), abs=4 * logs.std() * math.sqrt(750 / 4000))
    assert drawn.std() == pytest.approx(logs.std() * math.sqrt(750), rel=0.05)
    own = RETURNS.mean() / RETURNS.std(ddof=1) * math.sqrt(750)
    assert found.sharpe.mean() == pytest.approx(own, abs=0.08)
    assert found.sharpe.std() == pytest.approx(1.0, rel=0.05)


def test_the_deepest_fall_of_a_random_walk_as_published():
    """Without drift its mean is 1.2533 deviations x sqrt(time), sqrt(pi / 2) (M. Magdon-Ismail et al., "On the Maximum
    Drawdown of a Brownian Motion", 2004); a walk in steps falls a little less deep."""
    steps = np.tile([-0.0001, 0.0001], 500)
    found = bootstrap_returns(steps, paths=4000, block=1, steps=4000)
    assert -found.max_drawdown.mean() == pytest.approx(1.2533 * 0.0001 * math.sqrt(4000), rel=0.04)


def test_blocks_keep_serial_correlation():
    """Returns that come in runs of 20: the spread of single draws is too small by the root of the run."""
    runs = np.repeat(np.random.default_rng(2).normal(0.0, 0.004, 60), 20)
    single = np.log1p(bootstrap_returns(runs, block=1).total_return).std()
    for blocks in Blocks:
        spread = np.log1p(bootstrap_returns(runs, block=60, blocks=blocks).total_return).std()
        assert 3.0 < spread / single < 5.0


def test_same_seed_same_paths_whatever_the_threads():
    alone = bootstrap_returns(RETURNS, paths=200, seed=3)
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda _: bootstrap_returns(RETURNS, paths=200, seed=3), range(8)))
    assert all(same(alone, each) for each in together)
    assert not same(alone, bootstrap_returns(RETURNS, paths=200, seed=4))
    assert same(bootstrap_returns(RETURNS, paths=50, seed=3), type(alone)(*(v[:50] for v in vars(alone).values())))


def test_percentiles_hardly_drift_between_seeds():
    """R-MET-11: those of the drawdown move by as much as is told, and by 0.001 of equity at most with enough paths."""
    calm = RETURNS / 4
    few = [bootstrap_returns(calm, paths=1000, seed=seed).summary().max_drawdown for seed in range(12)]
    told = statistics.fmean(each.error for each in few)
    assert 0.6 * told < statistics.stdev(each.p5 for each in few) < 1.6 * told
    many = [bootstrap_returns(calm, paths=40_000, seed=seed).summary().max_drawdown for seed in range(3)]
    ends = np.array([(each.p5, each.median, each.p95) for each in many])
    assert np.ptp(ends, axis=0).max() <= 0.001
    assert max(each.error for each in many) < 0.0004 < told


def test_error_of_a_percentile_of_known_density():
    """Of uniform numbers the standard error is sqrt(p (1 - p) / n)."""
    values = np.random.default_rng(4).permutation(np.linspace(0, 1, 2001))
    found = percentiles_of(values)
    assert (found.p5, found.median, found.p95) == pytest.approx((0.05, 0.5, 0.95))
    assert found.error == pytest.approx(math.sqrt(0.05 * 0.95 / 2001), rel=0.01)


def test_another_order_changes_the_drawdown_alone():
    trades = np.random.default_rng(5).normal(0.002, 0.02, 60)
    found = shuffle_trades(trades)
    assert found.total_return == pytest.approx(float(np.prod(1 + trades)) - 1, rel=1e-9)
    assert found.sharpe == pytest.approx(trades.mean() / trades.std(ddof=1), rel=1e-9)
    assert np.ptp(found.profit_factor) < 1e-9
    assert len(np.unique(found.max_drawdown)) > 900


def test_orders_of_three_trades_by_hand():
    """Of +100 %, -50 %, -50 % the fall is 75 % if both losses are together, and 50 % if not."""
    falls = shuffle_trades([1.0, -0.5, -0.5], paths=3000).max_drawdown
    assert set(falls.tolist()) == {-0.75, -0.5}
    assert (falls == -0.75).mean() == pytest.approx(2 / 3, abs=0.03)


def test_missed_trades_by_hand():
    """One of four trades is missed: the total is that of the other three, each as often."""
    found = miss_trades([0.1, 0.2, 0.5, -0.5], share=0.25, paths=4000)
    kept, counts = np.unique(found.total_return.round(12), return_counts=True)
    assert kept.tolist() == pytest.approx([-0.34, -0.175, -0.1, 0.98])
    assert (abs(counts - 1000) < 120).all()


def test_rounding_of_the_missed():
    trades = np.arange(1, 6) / 10
    assert same(miss_trades(trades, share=0.0), miss_trades(trades, share=0.09))
    assert (miss_trades(trades, share=1.0).total_return == 0).all()
    assert len(np.unique(miss_trades(trades, share=0.1).total_return.round(9))) == 5


@pytest.mark.parametrize("simulate", [bootstrap_returns, shuffle_trades, miss_trades])
def test_no_return_and_one_return(simulate):
    assert astuple(simulate([], paths=3).summary().sharpe) == (0.0, 0.0, 0.0, 0.0)
    one = simulate([0.1], paths=3, **({"share": 0.0} if simulate is miss_trades else {}))
    assert one.total_return == pytest.approx(0.1)
    assert one.sharpe.tolist() == [0, 0, 0]
    assert one.profit_factor.tolist() == [1e6] * 3


def test_constant_returns_vary_nowhere():
    found = bootstrap_returns([-0.001] * 50, paths=20).summary()
    assert found.loss_probability == 1
    assert found.total_return.p5 == found.total_return.p95 == pytest.approx(0.999**50 - 1)
    assert (found.sharpe.median, found.profit_factor.median) == (0, 0)


@settings(max_examples=30)
@given(
    st.lists(st.floats(-1.2, 1.5), min_size=1, max_size=30),
    st.integers(0, 2**63 - 1),
    st.integers(1, 40),
    st.sampled_from(list(Blocks)),
)
def test_laws(returns, seed, block, blocks):
    found = bootstrap_returns(returns, paths=20, block=block, blocks=blocks, seed=seed)
    values: list[Floats] = list(vars(found).values())
    assert all(np.isfinite(each).all() for each in values)
    solvent = found.total_return >= -1
    assert (found.max_drawdown <= np.minimum(found.total_return, 0) + 1e-12)[solvent].all()
    assert (found.max_drawdown[~solvent] < -1).all()
    summary = found.summary()
    for each in (summary.total_return, summary.max_drawdown, summary.sharpe, summary.profit_factor):
        assert each.p5 <= each.median <= each.p95
        assert each.error >= 0
    assert 0 <= summary.loss_probability <= 1


@settings(max_examples=30)
@given(
    st.lists(st.floats(-1.2, 1.5), min_size=1, max_size=300),
    st.integers(0, 2**63 - 1),
    st.integers(1, 40),
    st.sampled_from(list(Blocks)),
)
def test_the_fan_is_of_the_very_paths(returns, seed, block, blocks):
    series = np.array(returns)
    fan = bootstrap_fan(series, paths=20, block=block, blocks=blocks, seed=seed)
    ends = 1.0 + bootstrap_returns(returns, paths=20, block=block, blocks=blocks, seed=seed).total_return
    np.testing.assert_allclose(fan.levels[:, -1], np.percentile(ends, SHARES), rtol=1e-9, atol=1e-9)
    assert (np.diff(fan.levels, axis=0) >= 0).all()
    assert (fan.levels[:, 0] == 1).all()
    assert (fan.steps[0], fan.steps[-1]) == (0, len(series))
    level = [1.0]
    for change in returns:
        level.append(level[-1] * (1 + change) if level[-1] > 0 else level[-1])
    np.testing.assert_allclose(fan.given, np.array(level)[fan.steps], rtol=1e-9)


def test_a_long_fan_is_thinned_and_made_in_parts(monkeypatch):
    series = np.random.default_rng(1).normal(0, 0.01, 1000)
    whole = bootstrap_fan(series, paths=30, block=20, blocks=Blocks.STATIONARY, seed=3)
    monkeypatch.setattr(monte_carlo_fan, "PLACES", 7000)
    parts = bootstrap_fan(series, paths=30, block=20, blocks=Blocks.STATIONARY, seed=3)
    assert parts.levels.tobytes() == whole.levels.tobytes()
    assert len(whole.steps) == monte_carlo_fan.STEPS + 1
    low, high = fan_figure(whole).data[0], fan_figure(whole).data[1]
    np.testing.assert_array_equal(low.y, whole.levels[0])
    np.testing.assert_array_equal(high.y, whole.levels[-1])


def test_a_fan_of_nothing_stays_where_it_is():
    fan = bootstrap_fan(np.empty(0), paths=5, block=3, blocks=Blocks.CIRCULAR, seed=0)
    assert (fan.levels.tolist(), fan.given.tolist(), fan.steps.tolist()) == ([[1.0]] * 5, [1.0], [0])


@pytest.mark.parametrize(
    "wrong",
    [
        {"paths": 0},
        {"block": 0.5},
        {"block": math.nan},
        {"block": 2.5, "blocks": Blocks.CIRCULAR},
        {"steps": -1},
        {"seed": -1},
        {"seed": 2**63},
        {"periods_per_year": 0.0},
    ],
    ids=str,
)
def test_wrong_arguments_are_refused(wrong):
    with pytest.raises(ReturnsRefused):
        bootstrap_returns([0.1, 0.2], **wrong)


@pytest.mark.parametrize("simulate", [bootstrap_returns, shuffle_trades, miss_trades])
def test_wrong_returns_are_refused(simulate):
    with pytest.raises(ReturnsRefused, match=r"returns\[1\]: nan"):
        simulate([0.1, math.nan])
    with pytest.raises(ReturnsRefused, match="2 dimensions"):
        simulate([[0.1]])


@pytest.mark.parametrize("share", [-0.1, 1.1, math.nan])
def test_a_wrong_share_is_refused(share):
    with pytest.raises(ReturnsRefused, match="share"):
        miss_trades([0.1], share=share)

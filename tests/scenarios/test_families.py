"""What each family does, over seeds: means, deviations, autocorrelations, jumps, states; and what no dataset has."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from tests.scenarios.support import PARAMS, document
from tradewright.model.bars import Floats
from tradewright.scenarios.document import RegimeSwitchScenario, broken_rules
from tradewright.scenarios.families import regime_states
from tradewright.scenarios.market import MOST_LEVEL, Series, generate, problems
from tradewright.scenarios.streams import stream

SEEDS = range(5)
BARS = 20_000


def made(family: str, seed: int, **changed: Any) -> Series:
    return generate(document(family, seed=seed, duration_bars=BARS, **changed))[0]


def log_returns(series: Series) -> Floats:
    return np.diff(np.log(series.bars.close))


def autocorrelation(values: Floats, lag: int = 1) -> float:
    return float(np.corrcoef(values[:-lag], values[lag:])[0, 1])


@pytest.mark.parametrize("seed", SEEDS)
def test_a_trend_has_its_mean_and_deviation(seed: int) -> None:
    moves = log_returns(made("trend", seed, params={"drift": 2.0, "sigma": 50.0}))
    assert abs(moves.mean() * 1e4 - 2.0) < 4 * 50.0 / np.sqrt(BARS)
    assert moves.std() * 1e4 == pytest.approx(50.0, rel=4 / np.sqrt(2 * BARS))
    assert abs(autocorrelation(moves)) < 4 / np.sqrt(BARS)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_price_far_from_its_mean_returns(seed: int) -> None:
    """Of the exact process: moves lean against the level by 1 - exp(-kappa), and the level has its known deviation."""
    level = np.log(made("mean_revert", seed).bars.close / 100.0)
    slope = np.polyfit(level[:-1], np.diff(level), 1)[0]
    assert slope == pytest.approx(np.expm1(-0.05), rel=0.25)
    assert slope < 0
    usual = 60e-4 / np.sqrt(2 * 0.05)
    assert level.std() == pytest.approx(usual, rel=0.15)
    assert np.abs(level).max() < 7 * usual


def test_a_start_far_from_the_mean_comes_back_without_a_leap() -> None:
    pulled = {"kappa": 1.0, "theta": 100.0, "sigma": 10.0}
    series = generate(document("mean_revert", price=10.0, params=pulled, duration_bars=1_000))[0]
    assert np.abs(log_returns(series)).max() < 25 * 10e-4
    assert series.bars.close[-100:].mean() == pytest.approx(100.0, rel=0.01)


@pytest.mark.parametrize("seed", SEEDS)
def test_storms_last(seed: int) -> None:
    moves = log_returns(made("vol_cluster", seed))
    squared = np.square(moves)
    assert autocorrelation(squared) > 0.05
    assert autocorrelation(squared, 10) > 0.02
    assert abs(autocorrelation(moves)) < 0.05
    assert moves.std() * 1e4 == pytest.approx(np.sqrt(50.0 / 0.05), rel=0.2)


@pytest.mark.parametrize("seed", SEEDS)
def test_jumps_are_as_many_as_they_should_be_and_the_open_shows_them(seed: int) -> None:
    bars = made("shock_mix", seed).bars
    gaps = np.log(bars.open[1:] / bars.close[:-1])
    jumped = gaps[gaps != 0.0]
    expected = 0.02 * BARS
    assert abs(len(jumped) - expected) < 4 * np.sqrt(expected)
    assert abs(jumped.mean() * 1e4 + 50.0) < 4 * 200.0 / np.sqrt(expected)
    assert jumped.std() * 1e4 == pytest.approx(200.0, rel=0.2)


def test_without_a_chance_of_a_jump_there_is_none_and_with_certainty_every_bar_has_one() -> None:
    for chance, count in ((0.0, 0), (1.0, 500)):
        bars = generate(document("shock_mix", params={**PARAMS["shock_mix"], "p_jump": chance}))[0].bars
        before = np.concatenate([[100.0], bars.close[:-1]])
        assert np.count_nonzero(bars.open != before) == count


@pytest.mark.parametrize("seed", SEEDS)
def test_regimes_last_as_long_as_they_should_and_have_their_own_deviations(seed: int) -> None:
    given = document("regime_switch", seed=seed, duration_bars=BARS)
    assert isinstance(given, RegimeSwitchScenario)
    states = regime_states(given, BARS, stream(seed, "law 0"))
    moves = np.concatenate([[0.0], log_returns(generate(given)[0])])
    for number, (sigma, mean) in enumerate(((20.0, 100.0), (120.0, 50.0))):
        assert moves[states == number].std() * 1e4 == pytest.approx(sigma, rel=0.1)
        entered = np.count_nonzero(np.diff((states == number).astype(int)) == 1) + (states[0] == number)
        assert np.count_nonzero(states == number) / entered == pytest.approx(mean, rel=0.4)


@pytest.mark.parametrize("rho", [0.0, 0.5, 1.0])
def test_the_series_of_a_panel_move_together_as_told_and_none_depends_on_their_number(rho: float) -> None:
    panel = document(instruments=3, correlation=rho, duration_bars=BARS)
    first, second, third = generate(panel)
    found = np.corrcoef([log_returns(first), log_returns(second), log_returns(third)])
    assert found[np.triu_indices(3, 1)] == pytest.approx(rho, abs=0.03)
    (alone,) = generate(panel, 1)
    assert alone.bars.close.tobytes() == first.bars.close.tobytes()
    assert generate(panel, 4)[2].bars.close.tobytes() == third.bars.close.tobytes()


def test_volumes() -> None:
    const = generate(document(volume_model="const", volume=500.0))[0].bars.volume
    drawn = generate(document(volume=500.0, duration_bars=BARS))[0].bars.volume
    assert set(const.tolist()) == {500.0}
    assert np.median(drawn) == pytest.approx(500.0, rel=0.05)
    assert np.log(drawn).std() == pytest.approx(0.6, rel=0.05)


GRID: dict[str, dict[str, tuple[float, ...]]] = {
    "trend": {"drift": (-1000.0, 0.0, 1000.0), "sigma": (0.001, 2000.0)},
    "mean_revert": {"kappa": (0.0001, 1.0, 5.0), "theta": (0.0011, 100.0, 1e6), "sigma": (0.001, 2000.0)},
    "vol_cluster": {"mu": (-1000.0, 1000.0), "omega": (0.001, 1e6), "alpha": (0.0, 0.999), "beta": (0.0, 0.999)},
    "shock_mix": {
        "p_jump": (0.0, 0.5, 1.0), "jump_mu": (-5000.0, 5000.0), "jump_sigma": (0.0, 5000.0),
        "base_sigma": (0.001, 2000.0),
    },
}  # fmt: skip
"""The corners of the parameters, and what lies between them."""


@pytest.mark.parametrize("family", GRID)
def test_over_the_whole_grid_of_parameters_every_price_is_a_price(family: str) -> None:
    """R-SCEN-07: finite, above zero, in the envelope, within 25 sigma, as many bars as told."""
    grid, checked = GRID[family], 0
    for price in (0.0011, 1e6):
        for row in itertools.product(*grid.values()):
            given = document(family, duration_bars=400, price=price, params=dict(zip(grid, row, strict=True)))
            if list(broken_rules(given)):
                continue  # a drift of a million deviations
            checked += 1
            (series,) = generate(given)
            assert list(problems(given, series)) == [], row
            assert abs(np.log(series.bars.close[-1] / price)) <= MOST_LEVEL + 0.01
    assert checked >= 8


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("family", "params", "event", "times"),
    [
        ("trend", {"drift": 0.0, "sigma": 2000.0}, {"kind": "squeeze", "bars": 10, "loud_bars": 300, "loud": 20.0}, 50),
        ("vol_cluster", {"mu": 0.0, "omega": 1e6, "alpha": 0.9, "beta": 0.99},
         {"kind": "squeeze", "bars": 10, "loud_bars": 300, "loud": 20.0}, 1),
        ("shock_mix", {"p_jump": 1.0, "jump_mu": 5000.0, "jump_sigma": 5000.0},
         {"kind": "squeeze", "bars": 10, "loud_bars": 300, "loud": 20.0}, 9),
        ("trend", {"drift": 1.0, "sigma": 40.0}, {"kind": "gap", "size": 9.0}, 50),
    ],
)  # fmt: skip
def test_events_that_pile_up_make_no_price_beyond_the_bound(
    family: str, params: dict[str, Any], event: dict[str, Any], times: int
) -> None:
    given = document(family, params=params, events=[{**event, "at": 10}] * times)
    (series,) = generate(given)
    assert list(problems(given, series)) == []
    prices = np.stack([series.bars.open, series.bars.high, series.bars.low, series.bars.close])
    assert np.abs(np.log(prices / given.price)).max() <= MOST_LEVEL + 1e-4


def test_a_wrong_dataset_is_told() -> None:
    given = document()
    (series,) = generate(given)
    bars = series.bars

    def told(**changed: Any) -> str:
        return " ".join(problems(given, series._replace(bars=bars._replace(**changed))))

    def with_value(values: Floats, value: float) -> Floats:
        found = values.copy()
        found[200] = value
        return found

    assert told() == ""
    assert "bar 200: a price is not finite" in told(close=with_value(bars.close, np.nan))
    assert "bar 200: a price is not above zero" in told(low=with_value(bars.low, 0.0))
    assert "bar 200: the high is below" in told(high=with_value(bars.high, bars.low[200] / 2))
    assert "bar 200: the low is above" in told(low=with_value(bars.low, bars.high[200] * 2))
    assert "bar 200: the volume" in told(volume=with_value(bars.volume, -1.0))
    assert "bar 200: the log return is beyond 25 sigma" in told(
        close=with_value(bars.close, 150.0), high=with_value(bars.high, 150.0)
    )
    assert "bar 200: the start" in told(ts=np.where(np.arange(500) == 200, bars.ts[0], bars.ts))
    assert "has 499 bars, not duration_bars, 500" in told(**bars.head(499)._asdict())

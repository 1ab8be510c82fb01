"""The returns of some sets of a sweep, period by period, are those of their own runs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from conf.strategy_kinds import build
from tests.backtest.test_other_currency import rates
from tests.backtest.test_sweep_of_every_strategy import SETS, SPECS
from tradewright.backtest import set_returns as module
from tradewright.backtest.engine import run
from tradewright.backtest.set_returns import even_sample, set_returns
from tradewright.backtest.spec import BacktestSpec
from tradewright.backtest.sweep import prepare
from tradewright.evaluation.equity_curve import Sampling, levels, returns_of
from tradewright.evaluation.metrics import exposure_series
from tradewright.research.strategy_check import trial_secondary

KNOWN = {
    **SPECS,
    "in another currency": BacktestSpec(cash=20_000.0, allow_short=True, conversion=rates(3, 300, paid=False)),
    "borrowed to ruin": BacktestSpec(cash=50.0, allow_overdraft=True, allow_short=True, lot_size=7.0),
}


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize("kind", SETS)
def test_they_are_those_of_single_runs(make_bars, kind, name):
    bars, spec = make_bars(31, 300), KNOWN[name]
    strategies = [build(kind, values) for values in SETS[kind]]
    spec = replace(spec, secondary=trial_secondary(strategies[0], bars))
    groups, rows = np.array([0, 1, 7, 30, 200, 299]), list(range(len(strategies)))[::-1]
    found = set_returns(strategies, prepare(strategies, bars, spec), rows, groups, threads=2)
    assert found.returns.shape == (6, len(rows))
    for place, row in enumerate(rows):
        result = run(strategies[row], bars, spec)
        single = returns_of(levels(bars.ts, result.equity, spec.cash, Sampling.BAR))
        np.testing.assert_allclose(found.returns[:, place], np.add.reduceat(single, groups), rtol=1e-9, atol=1e-12)
        assert found.exposures[place] == pytest.approx(exposure_series(result).mean(), rel=1e-9, abs=1e-12)


def test_threads_and_little_room_change_nothing(make_bars, monkeypatch):
    bars, spec = make_bars(5, 300), replace(SPECS["long and short with costs"], bar_delay=1)
    strategies = [build("ema_crossover", values) for values in SETS["ema_crossover"]]
    prepared, groups = prepare(strategies, bars, spec), np.arange(300)
    rows = range(len(strategies))
    alone = set_returns(strategies, prepared, rows, groups)
    monkeypatch.setattr(module, "ROOM", 1)
    again = set_returns(strategies, prepared, rows, groups, threads=3)
    assert alone.returns.tobytes() == again.returns.tobytes()
    assert alone.exposures.tobytes() == again.exposures.tobytes()


@pytest.mark.parametrize(("count", "most"), [(1, 5), (5, 5), (6, 5), (1_000, 7), (7, 1)])
def test_a_sample_is_even_and_has_the_first(count, most):
    places = list(even_sample(count, most))
    assert places[0] == 0
    assert places == sorted(set(places))
    assert len(places) == min(count, most)
    assert max(np.diff([*places, count])) - min(np.diff([*places, count])) <= 1

"""A run on a part of the bars is that of a strategy which holds still before it and is closed at its end."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from strategies import sma_crossover
from strategies.sma_crossover import SmaCrossover
from tests.backtest.conftest import random_bars
from tests.backtest.reference import run_reference
from tests.backtest.test_other_currency import rates
from tradewright.backtest.set_returns import set_returns
from tradewright.backtest.sizing import PercentEquity
from tradewright.backtest.span import run_span, span_spec
from tradewright.backtest.spec import BacktestSpec
from tradewright.backtest.sweep import prepare, sweep
from tradewright.evaluation.equity_curve import Sampling, levels, returns_of
from tradewright.evaluation.metrics import exposure_series
from tradewright.fills.costs import PercentCosts
from tradewright.model.bars import Bars, Floats
from tradewright.model.errors import ConfigError
from tradewright.model.strategy import HOLD, Action, Feature

START, STOP, COUNT = 60, 140, 200
SPEC = BacktestSpec(cash=20_000.0, costs=PercentCosts(0.001), sizing=PercentEquity(0.6), allow_short=True)
SETS = [SmaCrossover(fast, slow) for fast in (2, 4) for slow in (7, 30, 55)]


def gated_signal(i: int, features: tuple[Floats, ...], params: tuple[float, ...], position: float) -> Action:
    return HOLD if i < params[0] else sma_crossover.generate_signal(i, features, params, position)


@dataclass(frozen=True)
class Gated:
    """The crossover, which holds still before a bar."""

    fast: int
    slow: int
    begin: int

    name = "gated"
    generate_signal = staticmethod(gated_signal)

    def prepare_state(self) -> tuple[Feature, ...]:
        return Feature("sma", (self.fast,)), Feature("sma", (self.slow,))

    def parameters(self) -> tuple[float, ...]:
        return (float(self.begin),)

    def post_trade_update(self, fill: object) -> None:
        """Nothing to do."""


@pytest.mark.parametrize("currency", ["own", "another"])
@pytest.mark.parametrize("made", SETS)
def test_it_is_the_plain_run_of_a_strategy_that_held_still_before(made: SmaCrossover, currency: str) -> None:
    bars = random_bars(7, COUNT)
    spec = SPEC if currency == "own" else replace(SPEC, conversion=rates(3, COUNT, paid=False))
    found = run_span(made, bars, spec, START, STOP)
    known = None if spec.conversion is None else spec.conversion.head(STOP)
    plain = run_reference(
        Gated(made.fast, made.slow, START), bars.head(STOP), replace(spec, close_at_end=True, conversion=known)
    )
    assert len(found.bars.ts) == STOP - START
    np.testing.assert_allclose(found.equity, plain.equity[START:], rtol=1e-9)
    np.testing.assert_allclose(found.position, plain.position[START:], rtol=1e-9)
    np.testing.assert_array_equal(found.fills["bar"], plain.fills["bar"] - START)
    np.testing.assert_array_equal(found.trades["entry_bar"], plain.trades["entry_bar"] - START)
    np.testing.assert_allclose(found.trades["profit"], plain.trades["profit"], rtol=1e-9, atol=1e-7)
    assert (plain.equity[:START] == spec.cash).all()
    assert found.position[-1] == 0.0


def test_a_cross_on_the_very_first_bar_is_traded() -> None:
    """The indicators are warm, and the decision sees the bar before."""
    rise = np.concatenate((np.full(20, 100.0), [101.0, 102.0, 103.0, 104.0]))
    bars = Bars(np.arange(24) * 86_400 * 10**9, rise, rise, rise, rise, np.full(24, 1e3), np.full(24, np.nan))
    (fill, _end) = run_span(SmaCrossover(2, 5), bars, SPEC, 20, 24).fills
    assert (fill["bar"], fill["side"]) == (1, 1)
    assert len(run_span(SmaCrossover(2, 5), bars, SPEC, 21, 24).fills) == 0


def test_nothing_after_it_and_no_price_before_its_warm_up_has_a_part_in_it() -> None:
    bars, made = random_bars(9, COUNT), SmaCrossover(3, 10)
    other = random_bars(10, COUNT)
    mixed = [np.concatenate((b[:40], a[40:STOP], b[STOP:])) for a, b in zip(bars[1:], other[1:], strict=True)]
    found, again = (run_span(made, each, SPEC, START, STOP) for each in (bars, Bars(bars.ts, *mixed)))
    assert len(found.fills) > 2
    assert found.fills.tobytes() == again.fills.tobytes()
    assert found.equity.tobytes() == again.equity.tobytes()


def test_totals_and_returns_of_a_sweep_are_those_of_its_part() -> None:
    bars = random_bars(11, COUNT)
    spec = span_spec(SPEC, START, STOP)
    rows = sweep(SETS, bars.head(STOP), spec)
    groups = np.array([0, 30, START, 75, 139])
    sums = set_returns(SETS, prepare(SETS, bars.head(STOP), spec), range(len(SETS)), groups)
    for place, made in enumerate(SETS):
        alone = run_span(made, bars, SPEC, START, STOP)
        returns = returns_of(levels(alone.bars.ts, alone.equity, SPEC.cash, Sampling.BAR))
        deviation = returns[1:].std(ddof=1)
        assert rows["sharpe"][place] == pytest.approx(returns[1:].mean() / deviation if deviation else 0.0, rel=1e-6)
        assert rows["final_equity"][place] == pytest.approx(alone.equity[-1], rel=1e-12)
        assert rows["exposure"][place] == pytest.approx(np.count_nonzero(alone.position) / (STOP - START))
        assert sums.exposures[place] == pytest.approx(exposure_series(alone).mean(), rel=1e-9)
        assert (sums.returns[:2, place] == 0.0).all()
        np.testing.assert_allclose(sums.returns[2:, place], np.add.reduceat(returns, [0, 15, 79]), rtol=1e-9)


def test_a_bar_before_the_first_is_refused() -> None:
    with pytest.raises(ConfigError, match="first_bar = -1"):
        BacktestSpec(first_bar=-1)

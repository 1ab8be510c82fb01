"""The target weights in force are those that the backtest of the same bars traded, and no later bar changes them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.backtest import panel_reference
from tests.backtest.conftest import random_bars
from tests.backtest.test_panel import Random, days_asked, odd_bars, own_terms
from tradewright.backtest.panel.panel import panel_of, session_days
from tradewright.backtest.panel.sets import PanelGround
from tradewright.backtest.panel.shared_account import SharedAccount
from tradewright.backtest.panel.target_weights import newest_rebalance, rebalances, traded_terms
from tradewright.backtest.spec import BacktestSpec
from tradewright.fills.costs import BpsCosts
from tradewright.model.allocation import Rebalance
from tradewright.model.bars import Bars
from tradewright.model.errors import StrategyError
from tradewright.model.strategy import Feature

SPEC = traded_terms(BacktestSpec(cash=50_000.0, costs=BpsCosts(10.0), bar_delay=3, close_at_end=True))
REBALANCES = st.sampled_from([Rebalance.BAR, Rebalance.WEEK, Rebalance.MONTH])


def ground(bars: dict[str, Bars], shared: SharedAccount, spec: BacktestSpec = SPEC) -> PanelGround:
    panel = panel_of(bars, own_terms(bars, spec))
    return PanelGround(panel, shared, session_days(panel, None))


class Recorded:
    """Notes what an allocation gives."""

    def __init__(self, strategy: Random) -> None:
        self._strategy, self.name, self.rebalance = strategy, strategy.name, strategy.rebalance
        self.prepare_state, self.parameters = strategy.prepare_state, strategy.parameters
        self.given: dict[int, list[float]] = {}

    def allocate(self, i, features, params, weights, out):
        wished = self._strategy.allocate(i, features, params, weights, out)
        if wished:
            self.given[i] = list(out)
        return wished


@settings(max_examples=40)
@given(seed=st.integers(0, 10_000), rebalance=REBALANCES, shorts=st.booleans())
def test_the_weights_are_those_that_the_witness_was_given(seed: int, rebalance: Rebalance, shorts: bool) -> None:
    shared = SharedAccount(rebalance=rebalance, margin=0.0, cash_buffer=0.05)
    strategy, bars, spec = Random(seed, shorts, 1.0), odd_bars(seed), replace(SPEC, allow_short=shorts)
    on, witness = ground(bars, shared, spec), Recorded(strategy)
    asked = {int(t) for t, day in zip(on.panel.ts, days_asked(on.panel, rebalance), strict=True) if day}
    panel_reference.allocations(witness, bars, own_terms(bars, spec), shared, asked)
    found = {row.bar: row.weights.tolist() for row in rebalances(strategy, on)}
    last = len(on.panel.ts) - 1
    assert {bar: values for bar, values in found.items() if bar < last} == witness.given
    newest = newest_rebalance(strategy, on)
    assert (None if newest is None else (newest.bar, newest.weights.tolist())) == next(reversed(found.items()), None)


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), count=st.integers(13, 36))
def test_no_later_bar_changes_a_rebalance(seed: int, count: int) -> None:
    """On bars that end earlier the rebalances up to there are the same; one more may come, on the last bar itself."""
    bars = {f"I{n}": random_bars(seed * 7 + n, 36) for n in range(3)}
    strategy, shared = Random(seed, gross=0.7), SharedAccount()
    whole = rebalances(strategy, ground(bars, shared))
    cut = rebalances(strategy, ground({name: table.head(count) for name, table in bars.items()}, shared))
    kept = [row for row in whole if row.bar < count]
    assert [row.bar for row in cut] == [row.bar for row in kept]
    for one, other in zip(cut, kept, strict=True):
        np.testing.assert_array_equal(one.weights, other.weights)
        np.testing.assert_array_equal(one.features, other.features)


def test_the_features_of_a_rebalance_are_those_of_its_bar() -> None:
    bars = {f"I{n}": random_bars(n, 36) for n in range(2)}
    newest = newest_rebalance(Random(3, gross=0.5), ground(bars, SharedAccount()))
    assert newest is not None
    means, closes = newest.features
    assert closes.tolist() == [table.close[newest.bar] for table in bars.values()]
    assert means == pytest.approx([table.close[newest.bar - 1 : newest.bar + 1].mean() for table in bars.values()])


class _Silent(Random):
    """Never wishes to trade."""

    @staticmethod
    def _never(_i, _features, _params, _weights, _out):
        return False

    allocate = _never


class _TooMuch(Random):
    """Gives twice what there is, in its last bar alone."""

    @staticmethod
    def _late(i, features, _params, _weights, out):
        out[0] = 2.0 if i == len(features[0]) - 1 else 0.5
        return True

    allocate = _late

    def prepare_state(self) -> tuple[Feature, ...]:
        return ()


def test_one_that_never_wishes_has_no_rebalance() -> None:
    assert newest_rebalance(_Silent(), ground({"I0": random_bars(1)}, SharedAccount())) is None


def test_weights_that_are_not_admitted_are_refused_on_the_newest_bar_too() -> None:
    with pytest.raises(StrategyError) as refused:
        newest_rebalance(_TooMuch(), ground({"I0": random_bars(1)}, SharedAccount()))
    assert refused.value.code == "WEIGHT_ABOVE_CAP"
    assert "of I0, 2 in the bar of 1970-03-01" in str(refused.value)

"""A strategy's first bars are run as Python, and nobody can tell by the result."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.support.price_lists import IBKR_FIXED
from tradewright.backtest import engine, first_bars, sizing
from tradewright.backtest.corporate import CorporateActions
from tradewright.backtest.rates import Conversion
from tradewright.backtest.spec import BacktestSpec
from tradewright.fills import costs, slippage
from tradewright.model.errors import StrategyError
from tradewright.model.strategy import AT_CLOSE, HOLD, NAN, NO_ORDER, Feature, order


def asks(i, features, params, position):
    """Orders of every kind, one after the other, with trailing and time stops."""
    if i % 5 != 2:
        return NO_ORDER
    close, kind = features[0][i], (i // 5 + int(params[0])) % 6
    if kind == 0:
        return order(1.0, trail=close * 0.02)
    if kind == 1:
        return order(-0.5, limit=close * 1.01, good_for=3.0)
    if kind == 2:
        return order(1.0, stop_entry=close * 1.01, stop=close * 0.97, take_profit=close * 1.05)
    if kind == 3:
        return order(0.5 if position <= 0.0 else 0.0, trail_percent=2.0, time_stop=4.0)
    if kind == 4:
        return order(-1.0, fill_at=AT_CLOSE, stop=close * 1.02)
    return order(0.0)


def reads_beyond(i, features, _params, _position):
    """Reads a bar after the last, in vain: machine code does not notice it."""
    ahead = features[0][i + 1]
    return (0.5, NAN, NAN, NAN) if i == 1 and ahead > 0.0 else HOLD


def returns_numbers_of_two_kinds(i, _features, _params, _position):
    return (1.0, NAN, NAN) if i == 1 else HOLD


class Decides:
    """A strategy of one of the decisions above."""

    name = "decides"

    def __init__(self, decision, seed=0):
        self.generate_signal, self._seed = decision, seed

    def prepare_state(self):
        return (Feature("close"),)

    def parameters(self):
        return (float(self._seed),)


def both(strategy, bars, spec, monkeypatch):
    """The result as Python, after machine code gave the same bytes."""
    with monkeypatch.context() as changed:
        changed.setattr(first_bars, "PLAIN_BARS", 0)
        compiled = engine.run(strategy, bars, spec)
    with monkeypatch.context() as changed:
        changed.setattr(first_bars, "PLAIN_BARS", 1 << 40)
        changed.setattr(engine, "simulator", None)  # the kernel is not compiled
        first_bars.first_bars.cache_clear()
        plain = engine.run(strategy, bars, spec)
    for name in ("fills", "trades", "adjustments", "equity"):
        assert getattr(plain, name).tobytes() == getattr(compiled, name).tobytes(), name
    assert np.array(plain.totals).tobytes() == np.array(compiled.totals).tobytes()
    assert plain.orders == compiled.orders
    return plain


ROWS = np.array([[20.0, 2.0, 0.0], [41.0, 1.0, 0.7], [90.0, 1.0 / 3.0, 0.2]])
RATES = 0.9 + 0.001 * np.arange(160.0)
ONES = np.ones(160)
LATER = Conversion(RATES, RATES + 0.0005)
SPECS = {
    "plain": BacktestSpec(),
    "fees and slippage": BacktestSpec(costs=IBKR_FIXED, slippage=slippage.VolSlippage(1.0, 10.0)),
    "spread and impact": BacktestSpec(slippage=slippage.SpreadImpact(0.01, 5.0), sizing=sizing.FixedUnits(20.0)),
    "at the close": BacktestSpec(fill_market="next_close", bar_delay=0, costs=costs.MakerTaker(2e-4, 5e-4)),
    "late and in parts": BacktestSpec(bar_delay=3, volume_share=0.05, close_at_end=True, fill_limit="touch"),
    "risk": BacktestSpec(sizing=sizing.RiskPerTrade(0.05), allow_overdraft=True, lot_size=0.1, multiplier=3.0),
    "other currency": BacktestSpec(conversion=LATER, fee_conversion=LATER),
    "a future in another currency": BacktestSpec(conversion=Conversion(RATES, RATES, paid_in_full=False), first_bar=9),
    "splits and dividends": BacktestSpec(actions=CorporateActions(ROWS, ONES, ONES), sizing=sizing.FixedCash(2_000.0)),
}


OF_REQUESTS = ("late and in parts",)
"""Where orders of every kind are asked for as well: each shape is compiled for seconds."""


@pytest.mark.parametrize("name", SPECS)
def test_the_same_bytes(make_bars, noisy, monkeypatch, name):
    bars, spec = make_bars(3, 160), replace(SPECS[name], cash=50_000.0, allow_short=True)
    asking = (Decides(asks), Decides(asks, 3)) if name in OF_REQUESTS else ()
    for strategy in (noisy(3), noisy(4, 90), *asking):
        assert len(both(strategy, bars, spec, monkeypatch).fills) > 5


def test_what_python_refuses_is_left_to_machine_code(make_bars, monkeypatch):
    """The whole run, of which half was made and written before."""
    bars, spec, asked = make_bars(1, 40), BacktestSpec(cash=5_000.0), []
    compiled, plain = engine.run(Decides(reads_beyond), bars, spec), engine.simulator
    assert len(compiled.fills) == 1
    monkeypatch.setattr(first_bars, "PLAIN_BARS", 1 << 40)
    monkeypatch.setattr(engine, "simulator", lambda *kernel: asked.append(kernel) or plain(*kernel))
    result = engine.run(Decides(reads_beyond), bars, spec)
    assert len(asked) == 1
    assert result.fills.tobytes() == compiled.fills.tobytes()
    assert result.totals.tobytes() == compiled.totals.tobytes()


def test_a_decision_that_cannot_be_compiled_is_refused(make_bars, monkeypatch):
    """As on any number of bars: Python itself would run it."""
    monkeypatch.setattr(first_bars, "PLAIN_BARS", 1 << 40)
    with pytest.raises(StrategyError, match="returns different things"):
        engine.run(Decides(returns_numbers_of_two_kinds), make_bars(1), BacktestSpec())


def test_machine_code_takes_over(make_bars, noisy, monkeypatch):
    """So many bars of one strategy are Python; long runs are none of them, and neither are other shapes of run."""
    asked = []
    monkeypatch.setattr(engine, "simulator", lambda *_kernel: lambda *given: asked.append(given[-1].fill(0.0)))
    monkeypatch.setattr(first_bars, "PLAIN_BARS", 100)
    first_bars.first_bars.cache_clear()
    table = make_bars(1, 60)
    for bars, spec, compiled in [
        (make_bars(1, 101), BacktestSpec(), 1),
        (table, BacktestSpec(), 0),
        (table, BacktestSpec(), 1),
        (table, BacktestSpec(slippage=slippage.BpsSlippage(1.0)), 0),
        (table.head(40), BacktestSpec(cash=7.0), 0),
        (table.head(1), BacktestSpec(), 1),
    ]:
        before = len(asked)
        engine.run(noisy(1, 1), bars, spec)
        assert len(asked) - before == compiled

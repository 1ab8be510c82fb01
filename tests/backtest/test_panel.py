"""Several instruments: equal sleeves, one equity."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from strategies.buy_and_hold import BuyAndHold
from tradewright.backtest.engine import run
from tradewright.backtest.panel import run_panel
from tradewright.backtest.spec import BacktestSpec
from tradewright.model.errors import ConfigError

SPEC = BacktestSpec(cash=30_000.0)


def test_each_sleeve_is_a_run_of_its_own_with_an_equal_part(make_bars):
    table = {"A": make_bars(1), "B": make_bars(2), "C": make_bars(3)}
    panel = run_panel(BuyAndHold(), table, SPEC, {"C": replace(SPEC, lot_size=0.1)})
    for name, bars in table.items():
        alone = run(BuyAndHold(), bars, replace(SPEC, cash=10_000.0, lot_size=0.1 if name == "C" else 1.0))
        np.testing.assert_array_equal(panel.sleeves[name].equity, alone.equity)
    np.testing.assert_allclose(panel.equity, sum(sleeve.equity for sleeve in panel.sleeves.values()))


def test_equity_on_the_union_of_the_time_stamps(make_bars):
    early, late = make_bars(1, 10), make_bars(2, 10)
    late = late._replace(ts=late.ts + early.ts[5] + 1)
    panel = run_panel(BuyAndHold(), {"early": early, "late": late}, SPEC)
    assert len(panel.ts) == 20
    assert np.all(np.diff(panel.ts) > 0)
    assert panel.equity[0] == 30_000.0
    ends = panel.sleeves["early"].equity[-1] + panel.sleeves["late"].equity[-1]
    assert panel.equity[-1] == pytest.approx(ends)


def test_no_instrument_is_refused():
    with pytest.raises(ConfigError, match="no instrument"):
        run_panel(BuyAndHold(), {}, SPEC)

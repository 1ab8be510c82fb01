"""Backtests on bars of quotes: purchases at the ask, sales at the bid, worked out a second time from both sides."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.backtest.conftest import Noisy, random_bars
from tests.backtest.plain import Script, act, bars, both
from tests.backtest.test_engine_equals_reference import SPECS
from tradewright.backtest import sizing
from tradewright.backtest.engine import run
from tradewright.backtest.result import BacktestResult, FillReason
from tradewright.backtest.spec import BacktestSpec
from tradewright.fills import slippage
from tradewright.model.errors import ConfigError

SPREAD, HALF = 40.0, 0.002
"""In basis points of the middle, and half of it as a fraction."""
TEN = BacktestSpec(sizing=sizing.FixedUnits(10.0), quoted_spread=99.0, allow_short=True)
FLAT = (100.0, 100.5, 99.5, 100.0)


def price(result: BacktestResult, fill: int) -> float:
    return float(result.fills["price"][fill])


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("at", ["next_open", "next_close"])
def test_a_round_trip_pays_the_spread_of_each_bar_once(side: int, at: str) -> None:
    table = bars(FLAT, FLAT, (101.0, 103.0, 100.0, 102.0), (104.0, 106.0, 103.0, 105.0))
    table = table._replace(spread=np.array([0.0, 0.0, 30.0, 80.0]))
    spec = replace(TEN, fill_market="next_open" if at == "next_open" else "next_close")
    result = both(Script({1: act(float(side)), 2: act(0.0)}), table, spec)
    middles = (101.0, 104.0) if at == "next_open" else (102.0, 105.0)
    first = middles[0] * (1 + side * 0.0015)  # the ask of a long entry, the bid of a short one
    second = middles[1] * (1 - side * 0.0040)
    assert [price(result, n) for n in (0, 1)] == pytest.approx([first, second], rel=1e-14)
    assert result.equity[-1] - 100_000.0 == pytest.approx(side * 10 * (second - first), rel=1e-10)
    assert result.fills["slippage_bps"].tolist() == pytest.approx([15.0, 40.0])


@pytest.mark.parametrize("spread", [math.nan, -3.0])
def test_an_unknown_spread_costs_the_instruments_own(spread: float) -> None:
    table = bars(FLAT, FLAT, FLAT, FLAT, spread=spread)
    result = both(Script({0: act(1.0)}), table, TEN)
    assert price(result, 0) == pytest.approx(100.0 * (1 + 0.5 * 99.0 / 10_000), rel=1e-14)
    named = replace(TEN, slippage=slippage.SpreadImpact(0.0, default_spread=7.0))
    assert price(both(Script({0: act(1.0)}), table, named), 0) == pytest.approx(100.0 * 1.00035, rel=1e-14)


MODELS: dict[str, tuple[slippage.SlippageModel, float]] = {
    "none": (slippage.NoSlippage(), 0.0),
    "bps": (slippage.BpsSlippage(3.0), 3.0),
    "spread_impact": (slippage.SpreadImpact(0.02), 0.02 * math.sqrt(10 / 1000) * 10_000),
    "sum": (slippage.SumSlippage((slippage.BpsSlippage(3.0), slippage.SpreadImpact(0.0))), 3.0),
}


@pytest.mark.parametrize("name", list(MODELS))
def test_the_slippage_model_comes_on_top_and_charges_no_spread_again(name: str) -> None:
    model, bps = MODELS[name]
    table = bars(FLAT, FLAT, FLAT, spread=SPREAD)
    result = both(Script({0: act(1.0)}), table, replace(TEN, slippage=model))
    assert price(result, 0) == pytest.approx(100.0 * (1 + HALF) * (1 + bps / 10_000), rel=1e-14)


SIDED = [
    ("a limit below the ask's low rests", act(1.0, limit=99.5), FLAT, None),
    ("a limit at the ask's low fills", act(1.0, limit=99.5 * (1 + HALF)), FLAT, 99.5 * (1 + HALF)),
    ("a limit above the ask's open fills there", act(1.0, limit=101.0), FLAT, 100.0 * (1 + HALF)),
    ("a short limit above the bid's high rests", act(-1.0, limit=100.5), FLAT, None),
    ("a short limit at the bid's high fills", act(-1.0, limit=100.5 * (1 - HALF)), FLAT, 100.5 * (1 - HALF)),
]


@pytest.mark.parametrize(("_why", "action", "row", "expected"), SIDED, ids=[case[0] for case in SIDED])
def test_entry_limits_meet_their_own_side(_why: str, action: tuple[float, ...], row: tuple, expected: float) -> None:
    result = both(Script({0: action}), bars(FLAT, row, FLAT, spread=SPREAD), replace(TEN, limit_timeout_bars=1))
    assert result.fills["price"].tolist() == ([] if expected is None else pytest.approx([expected], rel=1e-14))


EXITS = [
    ("the bid reaches a stop that the middle does not", act(1.0, stop=99.4), FLAT, FillReason.STOP, 99.4),
    ("the bid gaps below a stop", act(1.0, stop=99.4), (99.5, 99.6, 99.5, 99.5), FillReason.STOP, 99.5 * (1 - HALF)),
    ("the middle alone reaches a target", act(1.0, target=100.5), FLAT, None, math.nan),
    ("the bid reaches a target", act(1.0, target=100.2), FLAT, FillReason.TAKE_PROFIT, 100.2),
    ("the ask reaches the stop of a short", act(-1.0, stop=100.6), FLAT, FillReason.STOP, 100.6),
    ("the ask reaches the target of a short", act(-1.0, target=99.8), FLAT, FillReason.TAKE_PROFIT, 99.8),
    ("the middle alone reaches that of a short", act(-1.0, target=99.6), FLAT, None, math.nan),
]


@pytest.mark.parametrize(("_why", "action", "row", "reason", "expected"), EXITS, ids=[case[0] for case in EXITS])
def test_exits_meet_the_other_side(
    _why: str, action: tuple[float, ...], row: tuple, reason: FillReason | None, expected: float
) -> None:
    calm = (100.0, 100.1, 99.9, 100.0)
    result = both(Script({0: action}), bars(calm, calm, row, spread=SPREAD), TEN)
    told = [] if reason is None else [(reason, pytest.approx(expected, rel=1e-14))]
    assert [(FillReason(row["reason"]), float(row["price"])) for row in result.fills[1:]] == told


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(spec=SPECS, seed=st.integers(0, 30), default=st.sampled_from([0.0, 5.0]))
def test_without_a_spread_quotes_give_the_result_of_trades_to_the_bit(
    spec: BacktestSpec, seed: int, default: float
) -> None:
    table = random_bars(seed)
    table = table._replace(spread=np.zeros(len(table.ts)))
    trades = run(Noisy(seed), table, replace(spec, quoted_spread=None))
    quotes = run(Noisy(seed), table, replace(spec, quoted_spread=default))
    for name in ("fills", "trades", "equity", "cash", "position"):
        np.testing.assert_array_equal(getattr(trades, name), getattr(quotes, name), err_msg=name)


@pytest.mark.parametrize("spread", [-1.0, math.nan, math.inf])
def test_a_spread_that_is_none_is_refused(spread: float) -> None:
    with pytest.raises(ConfigError, match="quoted_spread"):
        BacktestSpec(quoted_spread=spread)

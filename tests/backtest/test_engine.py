"""What a run does, on bars small enough to follow by hand."""

from __future__ import annotations

import pickle
from dataclasses import dataclass

import numpy as np
import pytest

from tests.backtest.reference import run_reference
from tradewright.backtest.decisions import decide, replay
from tradewright.backtest.engine import BARS_PER_FILL, run
from tradewright.backtest.result import FillReason
from tradewright.backtest.sizing import FixedUnits, PercentEquity
from tradewright.backtest.spec import BacktestSpec
from tradewright.fills.costs import PercentCosts
from tradewright.model.bars import Bars
from tradewright.model.errors import DataError
from tradewright.model.strategy import HOLD, NAN

TEN = BacktestSpec(cash=10_000.0, sizing=FixedUnits(10.0), allow_short=True)


def planned_signal(i, _features, params, _position):
    """Targets ``params[1]`` in bar ``params[0]`` at the prices that follow, and ``params[6]`` in bar ``params[5]``."""
    if i == int(params[0]):
        return (params[1], params[2], params[3], params[4])
    if i == int(params[5]):
        return (params[6], NAN, NAN, NAN)
    return HOLD


@dataclass(frozen=True)
class Planned:
    plan: tuple[float, ...]

    name = "planned"
    generate_signal = staticmethod(planned_signal)

    def prepare_state(self):
        return ()

    def parameters(self):
        return self.plan


def planned(bar=0, share=1.0, limit=NAN, stop=NAN, target=NAN, then=-1, decision=NAN):
    return Planned((bar, share, limit, stop, target, then, decision))


def bars(*rows: tuple[float, float, float, float]) -> Bars:
    open_, high, low, close = (np.array(column) for column in zip(*rows, strict=True))
    count = len(rows)
    return Bars(np.arange(count, dtype=np.int64), open_, high, low, close, np.ones(count), np.full(count, NAN))


FLAT = (100.0, 101.0, 99.0, 100.0)


def both(strategy, table, spec):
    """The run, after the reference has agreed with it."""
    result, witness = run(strategy, table, spec), run_reference(strategy, table, spec)
    assert result.orders == witness.orders
    np.testing.assert_array_equal(result.fills, witness.fills)
    np.testing.assert_array_equal(result.trades, witness.trades)
    return result


@pytest.mark.parametrize(
    ("delay", "market", "bar", "price"),
    [(0, "next_close", 1, 10.5), (1, "next_open", 2, 20.0), (1, "next_close", 2, 20.5), (3, "next_open", 4, 40.0)],
)
def test_a_decision_reaches_the_market_after_the_delay(delay, market, bar, price):
    table = bars(*((10.0 * i, 10.0 * i + 1, 10.0 * i - 1, 10.0 * i + 0.5) for i in (0.5, 1, 2, 3, 4, 5)))
    spec = BacktestSpec(cash=1e4, sizing=FixedUnits(1.0), bar_delay=delay, fill_market=market)
    fills = both(planned(bar=1), table, spec).fills
    assert [(fill["bar"], fill["price"], fill["reason"]) for fill in fills] == [(bar, price, FillReason.SIGNAL)]


def test_with_a_longer_delay_each_decision_of_a_row_is_filled_in_turn():
    spec = BacktestSpec(cash=1e4, sizing=FixedUnits(1.0), bar_delay=3, allow_short=True)
    fills = both(planned(bar=1, then=2, decision=-1.0), bars(*[FLAT] * 8), spec).fills
    assert [(fill["bar"], fill["side"]) for fill in fills] == [(4, 1), (5, -1), (5, -1)]


def test_an_unfilled_limit_expires_after_its_bars():
    touched_late = bars(*[FLAT] * 6, (100.0, 101.0, 90.0, 100.0))
    entry = planned(limit=95.0)
    for timeout, filled in ((5, []), (6, [(6, 95.0)])):
        spec = BacktestSpec(cash=1e4, sizing=FixedUnits(1.0), limit_timeout_bars=timeout)
        result = both(entry, touched_late, spec)
        assert [(fill["bar"], fill["price"]) for fill in result.fills] == filled
        assert result.orders == 1


def test_a_limit_beyond_the_open_fills_at_the_open_unless_touch_is_asked_for():
    assert both(planned(limit=120.0), bars(FLAT, FLAT, FLAT), TEN).fills["price"].tolist() == [100.0]
    strict = BacktestSpec(cash=1e4, sizing=FixedUnits(10.0), fill_limit="touch")
    assert len(both(planned(limit=120.0), bars(FLAT, FLAT, FLAT), strict).fills) == 0


def test_stop_before_target_inside_one_bar():
    wild = (100.0, 120.0, 80.0, 100.0)
    fills = both(planned(stop=95.0, target=110.0), bars(FLAT, FLAT, wild), TEN).fills
    assert (fills["price"].tolist(), fills["reason"][-1]) == ([100.0, 95.0], FillReason.STOP)


def test_a_gap_through_the_stop_fills_at_the_open():
    fills = both(planned(stop=95.0), bars(FLAT, FLAT, (90.0, 91.0, 89.0, 90.0)), TEN).fills
    assert fills["price"].tolist() == [100.0, 90.0]


@pytest.mark.parametrize(("share", "stop", "target"), [(1.0, 80.0, 105.0), (-1.0, 120.0, 95.0)])
def test_take_profit_closes_long_and_short(share, stop, target):
    table = bars(FLAT, FLAT, (100.0, 106.0, 94.0, 100.0), FLAT)
    result = both(planned(share=share, stop=stop, target=target), table, TEN)
    assert (result.fills["price"].tolist(), result.fills["reason"][-1]) == ([100.0, target], FillReason.TAKE_PROFIT)
    assert result.trades["profit"].tolist() == [50.0]


def test_an_entry_limit_inside_the_bar_leaves_only_the_stop_for_its_rest():
    wide = (100.0, 110.0, 94.0, 100.0)
    held = both(planned(limit=95.0, stop=90.0, target=105.0), bars(FLAT, wide), TEN)
    assert held.fills["price"].tolist() == [95.0]
    stopped = both(planned(limit=95.0, stop=94.5, target=105.0), bars(FLAT, wide), TEN)
    assert stopped.fills["price"].tolist() == [95.0, 94.5]


def test_a_reversal_is_two_orders_at_one_open():
    result = both(planned(then=2, decision=-1.0), bars(*[FLAT] * 5), TEN)
    assert [(fill["bar"], fill["side"], fill["quantity"]) for fill in result.fills] == [
        (1, 1, 10),
        (3, -1, 10),
        (3, -1, 10),
    ]
    assert (result.orders, len(result.trades), result.position[-1]) == (3, 1, -10.0)


def test_a_partial_close_is_a_trade_of_that_part_with_its_share_of_the_fees():
    spec = BacktestSpec(cash=1e4, sizing=FixedUnits(10.0), costs=PercentCosts(0.01))
    result = both(planned(then=2, decision=0.4), bars(FLAT, FLAT, FLAT, (110.0, 111.0, 109.0, 110.0)), spec)
    trade = result.trades[0]
    assert (trade["quantity"], trade["entry_fee"], trade["exit_fee"]) == pytest.approx((6.0, 6.0, 6.6))
    assert trade["profit"] == pytest.approx(60.0 - 6.0 - 6.6)
    assert result.position[-1] == 4.0


def test_without_shorts_a_negative_decision_means_flat():
    spec = BacktestSpec(cash=1e4, sizing=FixedUnits(10.0))
    result = both(planned(then=2, decision=-1.0), bars(*[FLAT] * 5), spec)
    assert (result.position[-1], result.orders) == (0.0, 2)


@pytest.mark.parametrize(("overdraft", "units", "cash"), [(False, 83.0, 40.0), (True, 100.0, -2_000.0)])
def test_a_gap_up_is_covered_by_cash_or_by_an_overdraft(overdraft, units, cash):
    spec = BacktestSpec(cash=10_000.0, sizing=PercentEquity(1.0), allow_overdraft=overdraft)
    result = both(planned(), bars(FLAT, (120.0, 121.0, 119.0, 120.0)), spec)
    assert (result.fills["quantity"].tolist(), result.cash[-1]) == ([units], cash)


def test_a_sale_whose_fee_eats_more_than_there_is_is_not_made():
    from tradewright.backtest.sizing import MaxSize
    from tradewright.fills.costs import PerShareCosts

    spec = BacktestSpec(cash=101.0, sizing=MaxSize(), costs=PerShareCosts(0.0, minimum=1.0))
    crash = (0.5, 0.6, 0.4, 0.5)
    result = both(planned(then=2, decision=0.0), bars(FLAT, FLAT, crash, crash, crash), spec)
    assert (result.position[-1], result.orders, len(result.fills)) == (1.0, 2, 1)


def test_the_end_closes_what_is_open():
    spec = BacktestSpec(cash=1e4, sizing=FixedUnits(10.0), close_at_end=True)
    result = both(planned(), bars(FLAT, FLAT, (100.0, 105.0, 99.0, 104.0)), spec)
    assert (result.fills["reason"][-1], result.fills["price"][-1], result.equity[-1]) == (
        FillReason.END,
        104.0,
        10_040.0,
    )


def test_multiplier_counts_in_money_and_equity():
    spec = BacktestSpec(cash=1e5, sizing=FixedUnits(2.0), multiplier=50.0)
    result = both(planned(), bars(FLAT, FLAT, (100.0, 105.0, 99.0, 104.0)), spec)
    assert (result.cash[-1], result.equity[-1], result.multiplier) == (90_000.0, 100_400.0, 50.0)


def test_no_bars_and_one_bar():
    empty = Bars(np.empty(0, np.int64), *(np.empty(0) for _ in range(6)))
    assert (len(run(planned(), empty, TEN).equity), run(planned(), empty, TEN).orders) == (0, 0)
    one = both(planned(), bars(FLAT), TEN)
    assert (one.equity.tolist(), one.orders) == ([10_000.0], 0)


def test_more_fills_than_the_first_room_are_all_there(make_bars, noisy):
    result = run(noisy(1, busy=100), make_bars(1, 4000), TEN)
    assert len(result.fills) > 4000 // BARS_PER_FILL + 1
    assert result.fills["bar"][-1] > 3900
    assert pickle.loads(pickle.dumps(result)).orders == result.orders


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"close": np.array([100.0, NAN])}, "close = nan in bar 1"),
        ({"ts": np.array([5, 5], np.int64)}, "bar 1 does not come after bar 0"),
        ({"high": np.array([1.0])}, "unequal length"),
    ],
)
def test_bars_that_no_engine_can_run_on_are_refused(change, what):
    with pytest.raises(DataError, match=what):
        run(planned(), bars(FLAT, FLAT)._replace(**change), TEN)


def test_the_live_path_decides_as_the_kernel_does(make_bars, noisy):
    table, strategy = make_bars(5, 300), noisy(5)
    result = run(strategy, table, TEN)
    actions = replay(strategy, table, result.position)
    live = [decide(strategy, table.head(i + 1), result.position[i]) for i in range(len(table.ts))]
    np.testing.assert_array_equal(actions, live)
    decided = np.flatnonzero(~np.isnan(actions[:, 0]))
    signals = result.fills[result.fills["reason"] == FillReason.SIGNAL]
    assert len(signals) > 20
    assert set(signals["bar"] - 1) <= set(decided.tolist())

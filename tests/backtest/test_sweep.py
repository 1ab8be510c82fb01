"""Sweeps: the same kernel, so the same numbers as single runs, whatever the threads."""

from __future__ import annotations

import numpy as np
import pytest

from strategies.buy_and_hold import BuyAndHold
from strategies.macd_trend import MacdTrend
from strategies.sma_crossover import SmaCrossover
from tradewright.backtest import sweep as module
from tradewright.backtest import sweep_plan as planning
from tradewright.backtest.engine import run
from tradewright.backtest.kernel import SUMMARY_SLOTS
from tradewright.backtest.result import TOTALS
from tradewright.backtest.spec import BacktestSpec
from tradewright.backtest.sweep import prepare, sweep
from tradewright.backtest.sweep_plan import BLOCK, sweep_plan
from tradewright.backtest.workers import Threads
from tradewright.fills.costs import PercentCosts
from tradewright.model.bars import Bars
from tradewright.model.errors import ConfigError
from tradewright.model.strategy import HOLD, NAN, Feature
from tradewright.store.kept_rows import KeptRows

SPEC = BacktestSpec(cash=10_000.0, costs=PercentCosts(0.002), allow_short=True)
plain = module._block
GRID = [SmaCrossover(fast, slow) for fast in range(2, 14) for slow in range(fast + 1, 20)]


def assert_totals(row, result, spec):
    equity, trades = result.equity, result.trades
    peak = np.maximum.accumulate(np.r_[spec.cash, equity])[1:]
    returns = np.diff(equity) / equity[:-1]
    assert row["final_equity"] == equity[-1]
    assert row["net_profit"] == equity[-1] - spec.cash
    assert (row["trades"], row["orders"], row["fills"]) == (len(trades), result.orders, len(result.fills))
    assert row["wins"] == (trades["profit"] > 0).sum()
    assert row["fees"] == pytest.approx(result.fills["fee"].sum())
    assert row["max_drawdown"] == pytest.approx((equity / peak - 1).min(), abs=1e-14)
    assert row["exposure"] == (result.position != 0).mean()
    if len(trades):
        assert row["win_rate"] == row["wins"] / len(trades)
    if returns.std() > 0:
        assert row["sharpe"] == pytest.approx(returns.mean() / returns.std(ddof=1), rel=1e-6)


def test_every_set_equals_its_single_run(make_bars):
    bars = make_bars(1, 800)
    totals = sweep(GRID, bars, SPEC)
    assert len(totals) == len(GRID) > 2 * BLOCK
    for row, strategy in zip(totals, GRID, strict=True):
        alone = run(strategy, bars, SPEC)
        assert_totals(row, alone, SPEC)
        assert alone.totals.tobytes() == row.tobytes()


@pytest.mark.parametrize("market", ["next_open", "next_close"])
@pytest.mark.parametrize("closed", [True, False])
def test_totals_of_noisy_runs_with_guards_and_limits(make_bars, noisy, market, closed):
    spec = BacktestSpec(cash=10_000.0, allow_short=True, fill_market=market, close_at_end=closed)
    bars, grid = make_bars(2, 400), [noisy(seed) for seed in range(20)]
    for row, strategy in zip(sweep(grid, bars, spec), grid, strict=True):
        assert_totals(row, run(strategy, bars, spec), spec)


def test_threads_change_nothing_and_progress_is_told(make_bars):
    bars, told = make_bars(3, 500), []
    one = sweep(GRID, bars, SPEC, progress=lambda done, total: told.append((done, total)))
    assert sweep(GRID, bars, SPEC, workers=Threads(3)).tobytes() == one.tobytes()
    assert told[0] == (BLOCK, len(GRID))
    assert told[-1] == (len(GRID), len(GRID))


def test_strategies_that_trade_never_and_once(make_bars):
    bars = make_bars(4, 50)
    never = sweep([MacdTrend(40, 45, 9)], bars, SPEC)[0]
    assert (never["final_equity"], never["trades"], never["max_drawdown"]) == (10_000.0, 0, 0.0)
    assert never["win_rate"] == 0
    assert never["sharpe"] == 0
    assert_totals(sweep([BuyAndHold()], bars, SPEC)[0], run(BuyAndHold(), bars, SPEC), SPEC)


def test_no_strategies_no_bars_and_wrong_calls(make_bars):
    bars = make_bars(5, 30)
    assert sweep([], bars, SPEC).dtype == TOTALS
    assert sweep([SmaCrossover()], bars.head(0), SPEC)["final_equity"].tolist() == [10_000.0]
    with pytest.raises(ConfigError, match="different kinds"):
        sweep([SmaCrossover(), BuyAndHold()], bars, SPEC)
    with pytest.raises(ConfigError, match="threads = 0"):
        sweep(GRID, bars, SPEC, workers=Threads(0))


def two_holdings(i, _features, params, _position):
    if i == 0 or i == params[1]:
        return (1.0, NAN, NAN, NAN)
    return (0.0, NAN, NAN, NAN) if i == params[0] else HOLD


class TwoHoldings:
    name = "two_holdings"
    generate_signal = staticmethod(two_holdings)

    def prepare_state(self):
        return (Feature("close"),)

    def parameters(self):
        return (300.0, 310.0)

    def post_trade_update(self, fill):
        """Nothing is learned."""


def test_a_fall_from_a_new_high_within_one_long_holding_counts_after_an_earlier_loss():
    """The earlier fall of 15 % must not hide the later one of 17.5 % from a peak twice as high."""
    close = np.repeat([100.0, 85.0, 100.0, 100.0, 200.0, 165.0], [100, 100, 100, 100, 100, 100])
    stamps = np.arange(len(close), dtype=np.int64) * 60 * 10**9
    bars = Bars(stamps, close, close, close, close, np.ones(len(close)), np.full(len(close), np.nan))
    spec = BacktestSpec(cash=10_000.0)
    (row,) = sweep([TwoHoldings()], bars, spec)
    assert row["trades"] == 1
    assert row["max_drawdown"] == pytest.approx(-0.175)
    assert_totals(row, run(TwoHoldings(), bars, spec), spec)


def test_a_stopped_sweep_goes_on_where_it_was(make_bars, tmp_path, monkeypatch):
    bars, computed, file = make_bars(6, 300), [], tmp_path / "sweep.rows"
    whole = sweep(GRID, bars, SPEC)
    monkeypatch.setattr(module, "_block", lambda *said: computed.append(said[1]) or plain(*said))

    def stop(done, _all):
        if done >= BLOCK:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep(GRID, bars, SPEC, progress=stop, kept=file)
    blocks = sweep_plan(GRID, len(bars.ts)).blocks
    kept = KeptRows(file, (len(GRID), SUMMARY_SLOTS), blocks)
    first, missing = len(computed), sum(not kept.has(block.start) for block in blocks)
    assert missing < len(blocks)
    kept.rows[0, 0] += 1.0  # a block that was damaged is computed again
    assert sweep(GRID, bars, SPEC, kept=file).tobytes() == whole.tobytes()
    assert len(computed) - first == missing + 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("room", [1, 9 * 8 * 400, 1 << 30])
def test_columns_are_computed_for_as_many_sets_as_there_is_room_for(make_bars, monkeypatch, room):
    """Whatever the room: the same totals, each set once, and no part whose columns take more."""
    bars, told = make_bars(7, 400), []
    whole = sweep(GRID, bars, SPEC)
    monkeypatch.setattr(planning, "COLUMN_BYTES", room)
    monkeypatch.setattr(planning, "BLOCK", 8)
    plan = sweep_plan(GRID, len(bars.ts))
    assert sorted(plan.order.tolist()) == list(range(len(GRID)))
    assert [row for block in plan.blocks for row in range(block.start, block.stop)] == list(range(len(GRID)))
    for part in plan.parts:
        columns = prepare(plan.chosen(GRID, part.sets), bars, SPEC).columns
        assert columns.nbytes <= room or part.sets.stop - part.sets.start == 1
    assert (
        sweep(GRID, bars, SPEC, workers=Threads(2), progress=lambda *said: told.append(said)).tobytes()
        == whole.tobytes()
    )
    assert told == [(block.stop, len(GRID)) for block in plan.blocks]
    assert max(block.stop - block.start for block in plan.blocks) <= 8


def test_a_tile_has_the_columns_of_its_edges_and_the_sets_of_its_area(monkeypatch):
    grid = [SmaCrossover(fast, slow) for fast in range(1, 41) for slow in range(100, 140)]
    monkeypatch.setattr(planning, "COLUMN_BYTES", 20 * 8 * 1_000)
    assert {part.sets.stop - part.sets.start for part in sweep_plan(grid, 1_000).parts} == {100}


@pytest.mark.parametrize(("bars", "sets"), [(0, 64), (1 << 16, 64), (1 << 18, 16), (10**9, 1)])
def test_on_many_bars_a_block_has_fewer_sets(bars, sets):
    assert {block.stop - block.start for block in sweep_plan([BuyAndHold()] * 64, bars).blocks} == {sets}

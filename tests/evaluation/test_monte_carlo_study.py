"""Other histories of a backtest, and the same backtest under stress, are those of runs that are written out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies.sma_crossover import SmaCrossover
from tests.backtest.conftest import random_bars
from tests.backtest.test_engine_equals_reference import COSTS, SLIPPAGES
from tradewright.backtest.engine import run
from tradewright.backtest.result import BacktestResult
from tradewright.backtest.sizing import PercentEquity
from tradewright.backtest.spec import BacktestSpec
from tradewright.evaluation.aggregate import pooled
from tradewright.evaluation.blocks import Blocks
from tradewright.evaluation.equity_curve import Sampling
from tradewright.evaluation.metrics import Metrics, evaluate
from tradewright.evaluation.monte_carlo import MonteCarloSummary, bootstrap_returns
from tradewright.fills.costs import BpsCosts, MakerTaker, fee
from tradewright.fills.scaled import ScaledCosts, ScaledSlippage
from tradewright.fills.slippage import BpsSlippage, slippage_bps
from tradewright.model.instrument import AssetClass, Instrument
from tradewright.research.bars import InstrumentBars
from tradewright.research.monte_carlo import MonteCarloRules, MonteCarloStudy, monte_carlo, trade_returns

MADE = SmaCrossover(3, 9)
SPEC = BacktestSpec(
    cash=50_000.0, costs=BpsCosts(10.0), slippage=BpsSlippage(4.0), sizing=PercentEquity(0.9), close_at_end=True
)
RULES = MonteCarloRules(200, 20, Blocks.STATIONARY, 0.1, (1.0, 2.5), (1, 2), 3, 7)


def item(symbol: str, seed: int) -> InstrumentBars:
    return InstrumentBars(
        Instrument(symbol=symbol, asset_class=AssetClass.CRYPTO, calendar="24/7"), random_bars(seed, 300)
    )


def measured(result: BacktestResult) -> Metrics:
    return evaluate(result, Sampling.SESSION, 365)


def studied(rules: MonteCarloRules = RULES, made: SmaCrossover = MADE) -> tuple[BacktestResult, MonteCarloStudy]:
    table = item("BTC", 1)
    account = run(made, table.bars, SPEC)
    return account, monte_carlo(made, account, measured(account), {"BTC": table}, {"BTC": SPEC}, rules)


def test_a_trade_counts_by_the_equity_before_it() -> None:
    account, _ = studied()
    equity = [SPEC.cash, *account.equity.tolist()]
    expected = [row["profit"] / equity[row["entry_bar"]] for row in account.trades]
    assert len(expected) > 10
    np.testing.assert_allclose(trade_returns(account), expected)
    # a trade is entered flat, so that its returns add up to the whole
    assert np.prod(1.0 + trade_returns(account)) == pytest.approx(account.equity[-1] / SPEC.cash)


def test_the_paths_are_those_of_the_bars_returns_and_the_trades() -> None:
    account, found = studied()
    equity = np.array([SPEC.cash, *account.equity.tolist()])
    alone = bootstrap_returns(
        equity[1:] / equity[:-1] - 1.0, paths=200, block=20, periods_per_year=365, seed=7
    ).summary()
    assert found.bootstrap.sharpe.median == pytest.approx(alone.sharpe.median)
    assert found.bootstrap.max_drawdown.p5 == pytest.approx(alone.max_drawdown.p5)
    assert found.shuffled is not None
    assert found.missed is not None
    ends = found.shuffled.total_return
    assert (ends.p5, ends.p95) == (pytest.approx(account.equity[-1] / SPEC.cash - 1.0), pytest.approx(ends.p5))
    assert found.shuffled.max_drawdown.p5 < found.shuffled.max_drawdown.p95
    assert found.missed.total_return.p5 < found.missed.total_return.p95
    assert (found.bars, found.trades) == (300, len(account.trades))


def summaries(found: MonteCarloStudy) -> list[MonteCarloSummary]:
    assert found.shuffled is not None
    assert found.missed is not None
    return [found.bootstrap, found.shuffled, found.missed]


@pytest.mark.parametrize("made", [MADE, SmaCrossover(200, 299)], ids=["trades", "without a trade"])
def test_percentiles_are_ordered_numbers_and_depend_on_the_seed_alone(made: SmaCrossover) -> None:
    _, found = studied(made=made)
    assert studied(made=made)[1] == found
    for each in summaries(found):
        for figure in (each.sharpe, each.total_return, each.max_drawdown, each.profit_factor):
            assert figure.p5 <= figure.median <= figure.p95
    other = studied(replace(RULES, seed=8), made)[1]
    assert (other.bootstrap == found.bootstrap) is (found.trades == 0)
    assert other.stresses == found.stresses


def test_a_stress_is_the_backtest_of_those_terms() -> None:
    account, found = studied()
    plain, costly, late, later = found.stresses
    assert plain.metrics == measured(account)
    harder = replace(SPEC, costs=BpsCosts(25.0), slippage=BpsSlippage(10.0))
    table = item("BTC", 1)
    assert costly.metrics == measured(run(MADE, table.bars, harder))
    assert costly.metrics.net_profit < plain.metrics.net_profit
    for stress, delay in ((late, 2), (later, 3)):
        assert stress.metrics == measured(run(MADE, table.bars, replace(SPEC, bar_delay=delay)))
    assert [(each.costs, each.delay) for each in found.stresses] == [(1.0, 0), (2.5, 0), (1.0, 1), (1.0, 2)]


def test_several_instruments_are_stressed_as_one_account() -> None:
    tables = {"BTC": item("BTC", 1), "ETH": item("ETH", 2)}
    half = replace(SPEC, cash=SPEC.cash / 2)
    account = pooled({name: run(MADE, each.bars, half) for name, each in tables.items()})
    found = monte_carlo(MADE, account, measured(account), tables, dict.fromkeys(tables, SPEC), RULES)
    assert found.stresses[0].metrics == measured(account)


@given(
    model=st.sampled_from(COSTS),
    factor=st.floats(0.5, 10),
    units=st.floats(0.001, 1e4),
    price=st.floats(0.1, 1e3),
    maker=st.booleans(),
)
def test_every_fee_is_so_many_times_as_high(model, factor, units, price, maker) -> None:
    plain = fee(units, units * price, maker, model.terms())
    scaled = fee(units, units * price, maker, ScaledCosts(model, factor).terms())
    assert scaled == pytest.approx(plain * factor if plain > 0.0 else plain)


@given(
    model=st.sampled_from(SLIPPAGES),
    factor=st.floats(0.5, 10),
    volatility=st.floats(0, 0.05),
    spread=st.sampled_from([np.nan, 0.0, 3.0]),
    volume=st.sampled_from([0.0, 1e4]),
)
def test_all_slippage_is_so_many_times_as_high(model, factor, volatility, spread, volume) -> None:
    plain = slippage_bps(volatility, spread, 100.0, volume, model.terms())
    scaled = slippage_bps(volatility, spread, 100.0, volume, ScaledSlippage(model, factor).terms())
    assert scaled == pytest.approx(min(plain * factor, 10_000.0))


def test_what_a_venue_pays_does_not_grow() -> None:
    terms = ScaledCosts(MakerTaker(-0.0001, 0.0005), 3.0).terms()
    assert (terms.maker, terms.taker) == (-0.0001, pytest.approx(0.0015))

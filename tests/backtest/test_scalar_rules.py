"""Golden values of fills, fees, slippage and sizes, each worked out by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.support.price_lists import IBKR_FIXED, IBKR_TIERED
from tradewright.backtest import sizing
from tradewright.backtest.spec import BacktestSpec
from tradewright.fills import costs, slippage
from tradewright.fills.rules import limit_fill, market_fill, stop_fill, stop_limit_fill, trailed
from tradewright.model.errors import ConfigError

NAN = math.nan


@pytest.mark.parametrize(
    ("side", "limit", "marketable", "price"),
    [
        (1, 99.0, True, 99.0),
        (1, 98.0, True, 98.0),
        (1, 97.9, True, NAN),
        (1, 101.0, True, 100.0),
        (1, 105.0, True, 100.0),
        (1, 105.0, False, NAN),
        (1, 101.0, False, 101.0),
        (-1, 101.0, True, 101.0),
        (-1, 103.1, True, NAN),
        (-1, 95.0, True, 100.0),
        (-1, 95.0, False, NAN),
        (-1, 99.0, False, 99.0),
        (1, NAN, True, NAN),
        (-1, NAN, False, NAN),
    ],
)
def test_limit_rule(side, limit, marketable, price):
    found = limit_fill(side, limit, 100.0, 103.0, 98.0, marketable)
    assert found == price or (math.isnan(found) and math.isnan(price))


@pytest.mark.parametrize(
    ("side", "stop", "limit", "price"),
    [
        (1, 102.0, 102.5, 102.0),
        (1, 102.0, 101.0, NAN),
        (1, 99.0, 100.0, 100.0),
        (1, 99.0, 99.5, NAN),
        (1, 104.0, 105.0, NAN),
        (-1, 99.0, 98.5, 99.0),
        (-1, 99.0, 99.5, NAN),
        (-1, 101.0, 100.0, 100.0),
        (-1, 101.0, 100.5, NAN),
    ],
)
def test_stop_limit_rule(side, stop, limit, price):
    found = stop_limit_fill(side, stop, limit, 100.0, 103.0, 98.0)
    assert found == price or (math.isnan(found) and math.isnan(price))


def test_a_trailing_stop_begins_follows_and_never_moves_back():
    assert (trailed(-1, NAN, 100.0, 4.0), trailed(1, NAN, 100.0, 4.0)) == (96.0, 104.0)
    assert (trailed(-1, 96.0, 103.0, 4.0), trailed(-1, 96.0, 99.0, 4.0)) == (99.0, 96.0)
    assert (trailed(1, 104.0, 97.0, 4.0), trailed(1, 104.0, 101.0, 4.0)) == (101.0, 104.0)


@pytest.mark.parametrize(
    ("side", "stop", "price"),
    [
        (-1, 99.0, 99.0),
        (-1, 97.0, NAN),
        (-1, 101.0, 100.0),
        (1, 102.0, 102.0),
        (1, 104.0, NAN),
        (1, 99.0, 100.0),
        (1, NAN, NAN),
        (-1, NAN, NAN),
    ],
)
def test_stop_rule_and_gaps(side, stop, price):
    found = stop_fill(side, stop, 100.0, 103.0, 98.0)
    assert found == price or (math.isnan(found) and math.isnan(price))


def test_market_rule():
    assert (market_fill(10.0, 11.0, False), market_fill(10.0, 11.0, True)) == (10.0, 11.0)


@pytest.mark.parametrize(
    ("model", "units", "price", "maker", "fee"),
    [
        (costs.NoCosts(), 100, 50.0, False, 0.0),
        (costs.BpsCosts(5.0), 100, 50.0, False, 2.5),
        (costs.PercentCosts(0.002), 100, 50.0, True, 10.0),
        (costs.PerShareCosts(0.01), 100, 50.0, False, 1.0),
        (costs.PerShareCosts(0.01, minimum=2.0), 100, 50.0, False, 2.0),
        (costs.PerShareCosts(0.01, minimum=2.0, maximum_rate=0.0001), 100, 50.0, False, 0.5),
        (IBKR_FIXED, 697, 143.372383, False, 3.485),
        (IBKR_FIXED, 100, 25.0, False, 1.0),
        (IBKR_FIXED, 1000, 0.25, False, 1.25),
        (IBKR_TIERED, 1000, 25.0, False, 3.5 + 1000 * 0.0032),
        (IBKR_TIERED, 10, 25.0, True, 0.35 + 10 * 0.0002),
        (replace(IBKR_TIERED, monthly_shares=1_000_000), 1000, 25.0, True, 2.0 + 0.2),
        (IBKR_TIERED, 1000, 0.25, True, 2.5 + 0.2),
        (costs.MakerTaker(-0.0001, 0.0005), 10, 1000.0, True, -1.0),
        (costs.MakerTaker(-0.0001, 0.0005), 10, 1000.0, False, 5.0),
    ],
)
def test_fees(model, units, price, maker, fee):
    assert costs.fee(units, units * price, maker, model.terms()) == pytest.approx(fee, abs=1e-9)


MODELS = [costs.NoCosts(), costs.BpsCosts(9.0), costs.PerShareCosts(0.05, 1.0, 0.02), IBKR_FIXED]
MODELS += [IBKR_TIERED, costs.MakerTaker(-0.0005, 0.001)]


@settings(max_examples=300)
@given(model=st.sampled_from(MODELS), money=st.floats(0.01, 1e6), price=st.floats(0.01, 1e4), maker=st.booleans())
def test_affordable_is_the_most_that_the_money_covers(model, money, price, maker):
    terms = model.terms()

    def outlay(units: float) -> float:
        return units * price + costs.fee(units, units * price, maker, terms)

    units = costs.affordable_units(money, price, maker, terms)
    assert units == 0.0 or outlay(units) <= money * (1 + 1e-9)
    assert outlay(units * 1.001 + 1e-6) > money


def test_nothing_is_affordable_without_money_or_price():
    assert costs.affordable_units(0.0, 10.0, False, costs.FeeTerms()) == 0.0
    assert costs.affordable_units(10.0, -37.6, False, costs.FeeTerms()) == 0.0
    assert costs.affordable_units(0.5, 10.0, False, costs.FeeTerms(minimum=1.0)) == 0.0


@pytest.mark.parametrize(
    ("model", "bps"),
    [
        (slippage.NoSlippage(), 0.0),
        (slippage.BpsSlippage(3.0), 3.0),
        (slippage.VolSlippage(1.0, 10.0), 1.2),
        (slippage.SpreadImpact(0.1, 1.0), 4.0 + 1000 * math.sqrt(0.04)),
        (slippage.SumSlippage((slippage.VolSlippage(1.0, 10.0), slippage.SpreadImpact(0.1))), 1.2 + 204.0),
        (slippage.SumSlippage(()), 0.0),
    ],
)
def test_slippage(model, bps):
    assert slippage.slippage_bps(0.02, 8.0, 40.0, 1000.0, model.terms()) == pytest.approx(bps)


def test_slippage_without_volatility_spread_or_volume():
    terms = slippage.SumSlippage((slippage.VolSlippage(1.0, 10.0), slippage.SpreadImpact(0.1, 2.0))).terms()
    for unknown in (0.0, NAN):
        assert slippage.slippage_bps(NAN, NAN, 40.0, unknown, terms) == pytest.approx(1.0 + 1.0)
    assert slippage.slippage_bps(NAN, NAN, 4000.0, 10.0, terms) == pytest.approx(1002.0)


@pytest.mark.parametrize("model", [slippage.SpreadImpact(2.0), slippage.BpsSlippage(25_000.0)])
def test_no_slippage_makes_a_price_negative(model):
    bps = slippage.slippage_bps(0.0, NAN, 100.0, 50.0, model.terms())
    assert bps == slippage.MAX_BPS
    assert slippage.slipped(100.0, -1, bps) == 0.0
    assert slippage.slipped(100.0, 1, bps) == 200.0


def test_slippage_moves_the_price_against_the_order():
    assert (slippage.slipped(100.0, 1, 10.0), slippage.slipped(100.0, -1, 10.0)) == (100.1, 99.9)


@pytest.mark.parametrize(
    ("model", "share", "stop", "units"),
    [
        (sizing.FixedUnits(7.0), 0.5, NAN, 3.5),
        (sizing.FixedCash(1000.0), 1.0, NAN, 5.0),
        (sizing.PercentEquity(0.1), 1.0, NAN, 5.0),
        (sizing.TargetPercent(1.0, 0.01), 1.0, NAN, 9900 / 202),
        (sizing.RiskPerTrade(0.01), 1.0, 90.0, 5.0),
        (sizing.RiskPerTrade(0.01), 1.0, 110.0, 5.0),
        (sizing.RiskPerTrade(0.01), 1.0, NAN, 0.0),
        (sizing.RiskPerTrade(0.01), 1.0, 100.0, 0.0),
        (sizing.MaxSize(), 0.5, NAN, 5000 / 202),
    ],
)
def test_sizes(model, share, stop, units):
    fees = costs.PercentCosts(0.01).terms()
    found = sizing.sized_units(share, 10_000.0, 100.0, stop, 2.0, model.terms(), fees)
    assert found == pytest.approx(units)


def test_a_ruined_account_buys_nothing():
    for model in (sizing.FixedCash(10_000.0), sizing.PercentEquity(0.1), sizing.MaxSize()):
        assert sizing.sized_units(1.0, -5.0, 100.0, NAN, 1.0, model.terms(), costs.FeeTerms()) == 0.0


def test_whole_lots_forgive_rounding():
    assert (sizing.whole_lots(0.3, 0.1), sizing.whole_lots(0.29999, 0.1), sizing.whole_lots(7.9, 1.0)) == (
        3.0,
        2.0,
        7.0,
    )


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: BacktestSpec(cash=0.0), "cash = 0.0"),
        (lambda: BacktestSpec(bar_delay=0), "bar_delay = 0"),
        (lambda: BacktestSpec(bar_delay=-1, fill_market="next_close"), "bar_delay = -1"),
        (lambda: BacktestSpec(limit_timeout_bars=0), "limit_timeout_bars = 0"),
        (lambda: BacktestSpec(fill_market="open"), "fill_market = open"),  # type: ignore[arg-type]
        (lambda: BacktestSpec(fill_market="quote_close", bar_delay=0, quoted_spread=1.0), "bar_delay = 0"),
        (lambda: BacktestSpec(fill_market="quote_close").rules(), "these bars are of trades"),
        (lambda: BacktestSpec(fill_limit="x"), "fill_limit = x"),  # type: ignore[arg-type]
        (lambda: BacktestSpec(lot_size=-1.0), "lot_size = -1.0"),
    ],
)
def test_wrong_terms_are_refused_by_name(make, what):
    with pytest.raises(ConfigError, match=what.replace("[", r"\[")) as error:
        make()
    assert error.value.remedy


@pytest.mark.parametrize(
    ("make", "rule"),
    [
        (lambda: costs.BpsCosts(-1.0), "greater than or equal to 0"),
        (lambda: costs.PercentCosts(math.inf), "finite number"),
        (lambda: costs.PerShareCosts(math.inf), "finite number"),
        (lambda: costs.PerShareCosts(0.01, maximum_rate=NAN), "finite number"),
        (lambda: costs.MakerTaker(-0.5, 0.0), "greater than or equal to -0.01"),
        (lambda: replace(IBKR_TIERED, monthly_shares=-1), "greater than or equal to 0"),
        (lambda: replace(IBKR_TIERED, tiers=()), "at least 1 item"),
        (lambda: slippage.VolSlippage(1.0, -1.0), "greater than or equal to 0"),
        (lambda: slippage.SpreadImpact(NAN), "finite number"),
        (lambda: slippage.BpsSlippage(-2.0), "greater than or equal to 0"),
        (
            lambda: slippage.SumSlippage((slippage.SpreadImpact(0.1, 1.0), slippage.SpreadImpact(0.1, 2.0))),
            "default spreads",
        ),
        (lambda: sizing.FixedUnits(0.0), "greater than 0"),
        (lambda: sizing.FixedCash(NAN), "finite number"),
        (lambda: sizing.PercentEquity(-0.1), "greater than 0"),
        (lambda: sizing.TargetPercent(1.0, 1.0), "less than 1"),
        (lambda: sizing.RiskPerTrade(1.5), "less than or equal to 1"),
    ],
)
def test_a_wrong_model_is_refused_with_its_rule(make, rule):
    with pytest.raises(ValidationError, match=rule):
        make()


@pytest.mark.parametrize(("shares", "rate"), [(0, 0.0035), (300_000, 0.0035), (300_001, 0.002), (1e9, 0.0005)])
def test_the_tier_is_the_last_one_below_the_monthly_shares(shares, rate):
    assert replace(IBKR_TIERED, monthly_shares=shares).terms().per_unit == rate


@pytest.mark.parametrize(
    ("model", "spread"),
    [
        (slippage.SpreadImpact(0.1), 7.0),
        (slippage.SpreadImpact(0.1, 3.0), 3.0),
        (slippage.SumSlippage((slippage.BpsSlippage(1.0), slippage.SpreadImpact(0.1))), 7.0),
        (slippage.NoSlippage(), 0.0),
    ],
)
def test_the_instrument_s_spread_stands_in_where_the_model_names_none(model, spread):
    assert slippage.for_instrument(model, 7.0).terms().default_spread == spread

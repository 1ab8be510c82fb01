"""Every cost x slippage x sizing x side: one round trip each, worked out a second time with plain arithmetic.

The bars: 25 closes that swing between 100 and 101, the decision on the last of them, the entry at an open of 102, the
decision to leave one bar later, the exit at an open of 104. Nothing here uses the common form of the models.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from statistics import stdev

import numpy as np
import pytest

from tests.backtest.plain import Script, act, both
from tests.support.price_lists import IBKR_FIXED, IBKR_TIERED
from tradewright.backtest import sizing
from tradewright.backtest.result import BacktestResult
from tradewright.backtest.spec import BacktestSpec
from tradewright.fills import costs, slippage
from tradewright.model.bars import Bars

CASH = 100_000.0
DECIDED, ENTERED, LEFT = 24, 25, 27
ENTRY_OPEN, EXIT_OPEN = 102.0, 104.0
VOLUME, SPREAD = 5_000.0, 4.0
STOP_DISTANCE = 8.0

Fee = Callable[[float, float], float]
"""(units, price) -> money of a fill that takes liquidity."""
Slip = Callable[[float, int], float]
"""(units, bar) -> basis points."""


def table() -> Bars:
    close = np.array([100.0 + i % 2 for i in range(25)] + [103.0, 105.0, 104.0])
    open_ = np.concatenate(([100.0], close[:-1]))
    open_[ENTERED], open_[LEFT] = ENTRY_OPEN, EXIT_OPEN
    high, low = np.maximum(open_, close) + 0.5, np.minimum(open_, close) - 0.5
    count = len(close)
    return Bars(np.arange(count) * 10**9, open_, high, low, close, np.full(count, VOLUME), np.full(count, SPREAD))


TABLE = table()
CLOSE = float(TABLE.close[DECIDED])


def volatility(bar: int) -> float:
    """The sample deviation of the 20 log returns that end with the bar before ``bar``."""
    closes = TABLE.close[bar - 21 : bar]
    return stdev(math.log(after / before) for before, after in pairwise(closes))


FEES: dict[str, tuple[costs.CostModel, Fee]] = {
    "none": (costs.NoCosts(), lambda _units, _price: 0.0),
    "bps": (costs.BpsCosts(5.0), lambda units, price: units * price * 5 / 10_000),
    "percent": (costs.PercentCosts(0.002), lambda units, price: units * price * 0.002),
    "per_share": (
        costs.PerShareCosts(0.01, minimum=2.0, maximum_rate=0.005),
        lambda units, price: min(max(0.01 * units, 2.0), 0.005 * units * price),
    ),
    "ibkr_fixed": (IBKR_FIXED, lambda units, price: min(max(0.005 * units, 1.0), 0.005 * units * price)),
    "ibkr_tiered": (
        IBKR_TIERED,
        lambda units, price: min(max(0.0035 * units, 0.35), 0.01 * units * price) + (0.0030 + 0.0002) * units,
    ),
    "maker_taker": (costs.MakerTaker(0.0001, 0.0006), lambda units, price: units * price * 0.0006),
}
SLIPS: dict[str, tuple[slippage.SlippageModel, Slip]] = {
    "none": (slippage.NoSlippage(), lambda _units, _bar: 0.0),
    "bps": (slippage.BpsSlippage(3.0), lambda _units, _bar: 3.0),
    "vol": (slippage.VolSlippage(1.0, 1000.0), lambda _units, bar: 1.0 + 1000.0 * volatility(bar)),
    "spread_impact": (
        slippage.SpreadImpact(0.02, default_spread=99.0),
        lambda units, _bar: SPREAD / 2 + 10_000 * 0.02 * math.sqrt(units / VOLUME),
    ),
    "sum": (
        slippage.SumSlippage((slippage.VolSlippage(0.5, 100.0), slippage.SpreadImpact(0.01))),
        lambda units, bar: 0.5 + 100.0 * volatility(bar) + SPREAD / 2 + 100 * math.sqrt(units / VOLUME),
    ),
}
SIZES: dict[str, sizing.SizingModel] = {
    "fixed_units": sizing.FixedUnits(37.0),
    "fixed_cash": sizing.FixedCash(5_000.0),
    "percent_equity": sizing.PercentEquity(0.3),
    "target_percent": sizing.TargetPercent(0.9, cash_buffer=0.01),
    "risk_per_trade": sizing.RiskPerTrade(0.01),
    "max": sizing.MaxSize(),
}


def most(money: float, price: float, fee: Fee) -> int:
    """The largest whole number of units that the money covers, by trying."""
    return next(n for n in range(int(money / price) + 2, -1, -1) if n * price + (fee(n, price) if n else 0.0) <= money)


def wanted(kind: str, side: int, fee: Fee, slip: Slip) -> int:
    match kind:
        case "fixed_units":
            return 37
        case "fixed_cash":
            return math.floor(5_000 / CLOSE)
        case "percent_equity":
            return math.floor(30_000 / CLOSE)
        case "target_percent":
            return most(90_000 * 0.99, CLOSE, fee)
        case "risk_per_trade":
            return math.floor(1_000 / STOP_DISTANCE)
        case _:
            return most(CASH, ENTRY_OPEN * (1 + side * slip(0.0, ENTERED) / 10_000), fee)


def round_trip(cost: str, slip: str, size: str, side: int) -> BacktestResult:
    spec = BacktestSpec(cash=CASH, costs=FEES[cost][0], slippage=SLIPS[slip][0], sizing=SIZES[size], allow_short=True)
    far = CLOSE - side * STOP_DISTANCE
    script = Script({DECIDED: act(float(side), stop=far), LEFT - 1: act(0.0)})
    return both(script, TABLE, spec)


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("size", list(SIZES))
@pytest.mark.parametrize("slip", list(SLIPS))
@pytest.mark.parametrize("cost", list(FEES))
def test_a_round_trip_by_plain_arithmetic(cost: str, slip: str, size: str, side: int) -> None:
    fee, bps = FEES[cost][1], SLIPS[slip][1]
    result = round_trip(cost, slip, size, side)
    entry, leaving = result.fills

    asked = wanted(size, side, fee, bps)
    entry_price = ENTRY_OPEN * (1 + side * bps(asked, ENTERED) / 10_000)
    units = min(asked, most(CASH, entry_price, fee))
    exit_price = EXIT_OPEN * (1 - side * bps(units, LEFT) / 10_000)
    entry_fee, exit_fee = fee(units, entry_price), fee(units, exit_price)

    assert (entry["bar"], entry["side"], entry["quantity"]) == (ENTERED, side, units)
    assert (leaving["bar"], leaving["side"], leaving["quantity"]) == (LEFT, -side, units)
    assert [entry["price"], leaving["price"]] == pytest.approx([entry_price, exit_price], rel=1e-12)
    assert [entry["fee"], leaving["fee"]] == pytest.approx([entry_fee, exit_fee], rel=1e-12)
    assert entry["slippage_bps"] == pytest.approx(bps(asked, ENTERED), rel=1e-12)

    profit = side * units * (exit_price - entry_price) - entry_fee - exit_fee
    held = CASH - side * units * entry_price - entry_fee
    (trade,) = result.trades
    assert trade["profit"] == pytest.approx(profit, rel=1e-9, abs=1e-9)
    assert result.cash[ENTERED] == pytest.approx(held, rel=1e-12, abs=1e-8)
    assert result.equity[ENTERED] == pytest.approx(held + side * units * TABLE.close[ENTERED], rel=1e-12)
    assert result.equity[-1] == result.cash[-1] == pytest.approx(CASH + profit, rel=1e-12)
    assert (result.orders, result.position[-1]) == (2, 0.0)
    assert np.all(result.cash >= 0) or side < 0


@pytest.mark.parametrize("cost", list(FEES))
def test_a_short_sale_costs_what_a_purchase_of_the_same_units_costs(cost: str) -> None:
    long, short = (round_trip(cost, "none", "fixed_units", side) for side in (1, -1))
    assert long.fills["fee"].tolist() == short.fills["fee"].tolist()
    assert long.trades["profit"][0] + short.trades["profit"][0] == pytest.approx(-2 * long.fills["fee"].sum())


@pytest.mark.parametrize(
    ("lot", "size", "units"),
    [
        (1.0, sizing.FixedUnits(1.27), 1.0),
        (0.25, sizing.FixedUnits(1.27), 1.25),
        (0.1, sizing.FixedUnits(0.3), 0.3),
        (10.0, sizing.FixedUnits(59.9), 50.0),
        (0.0001, sizing.FixedCash(1_234.0), 12.34),
        (100.0, sizing.MaxSize(), 900.0),
        (1e-8, sizing.PercentEquity(0.5), 500.0),
    ],
)
def test_quantities_are_whole_lots(lot: float, size: sizing.SizingModel, units: float) -> None:
    spec = BacktestSpec(cash=CASH, sizing=size, lot_size=lot)
    result = both(Script({DECIDED: act(1.0), LEFT - 1: act(0.0)}), TABLE, spec)
    assert result.fills["quantity"].tolist() == pytest.approx([units, units], rel=1e-12)
    assert result.position[-1] == 0.0, "closing leaves exactly nothing"
    lots = result.fills["quantity"] / lot
    assert lots == pytest.approx(np.round(lots), rel=1e-9)


@pytest.mark.parametrize(("lot", "size"), [(1.0, sizing.FixedUnits(0.99)), (10.0, sizing.FixedCash(999.0))])
def test_a_decision_of_less_than_one_lot_is_no_order(lot: float, size: sizing.SizingModel) -> None:
    result = both(Script({DECIDED: act(1.0)}), TABLE, BacktestSpec(cash=CASH, sizing=size, lot_size=lot))
    assert (result.orders, len(result.fills), result.equity[-1]) == (0, 0, CASH)


@pytest.mark.parametrize(
    ("size", "units"),
    [
        (sizing.FixedUnits(3.0), 3),
        (sizing.FixedCash(30_000.0), 6),
        (sizing.PercentEquity(0.5), 10),
        (sizing.TargetPercent(0.5, 0.0), 10),
        (sizing.RiskPerTrade(0.01), 2),
        (sizing.MaxSize(), 19),
    ],
)
def test_a_multiplier_makes_fewer_units_of_the_same_money(size: sizing.SizingModel, units: int) -> None:
    spec = BacktestSpec(cash=CASH, sizing=size, multiplier=50.0)
    result = both(Script({DECIDED: act(1.0, stop=CLOSE - STOP_DISTANCE), LEFT - 1: act(0.0)}), TABLE, spec)
    assert result.fills["quantity"].tolist() == [units, units]
    assert result.cash[ENTERED] == CASH - units * ENTRY_OPEN * 50
    assert result.equity[-1] == CASH + units * (EXIT_OPEN - ENTRY_OPEN) * 50
    assert result.trades["profit"].tolist() == [units * (EXIT_OPEN - ENTRY_OPEN) * 50]


@pytest.mark.parametrize("share", [0.25, 0.5, 1.0, 7.0])
def test_a_share_scales_the_decision_and_more_than_all_is_all(share: float) -> None:
    spec = BacktestSpec(cash=CASH, sizing=sizing.FixedUnits(40.0), allow_short=True)
    for side in (1, -1):
        result = both(Script({DECIDED: act(side * share)}), TABLE, spec)
        assert result.position[-1] == side * min(share, 1.0) * 40

"""Stops, targets, limits and money, bar by bar: what fills, when, at which price and why, worked out by hand.

The quiet bar trades from 99 to 101 around 100. A decision of bar 0 reaches the market in bar 1; it is for ten units.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from tests.backtest.plain import FLAT, Row, Script, act, bars, both, fills
from tradewright.backtest.result import FillReason
from tradewright.backtest.sizing import FixedUnits, MaxSize, PercentEquity, RiskPerTrade
from tradewright.backtest.spec import BacktestSpec
from tradewright.fills.costs import BpsCosts, MakerTaker, PercentCosts, PerShareCosts
from tradewright.fills.slippage import BpsSlippage, SpreadImpact
from tradewright.model.strategy import Action

SIGNAL, LIMIT, STOP, PROFIT, END, *_MORE = FillReason
TEN = BacktestSpec(cash=10_000.0, sizing=FixedUnits(10.0), allow_short=True)
BOUGHT, SOLD = (1, 1, 10.0, 100.0, SIGNAL), (1, -1, 10.0, 100.0, SIGNAL)


class Case(NamedTuple):
    """The bars after the deciding one, the decisions, the fills, and how many orders were sent."""

    rows: tuple[Row, ...]
    decisions: dict[int, Action]
    expected: list[tuple[int, int, float, float, FillReason]]
    orders: int
    changes: Mapping[str, Any] = MappingProxyType({})


LONG_STOP = {0: act(1.0, stop=95.0)}
SHORT_STOP = {0: act(-1.0, stop=105.0)}
LONG_TARGET = {0: act(1.0, target=105.0)}
SHORT_TARGET = {0: act(-1.0, target=95.0)}

GUARDS = {
    "a stop in the entry's own bar": Case(((100, 101, 94, 100),), LONG_STOP, [BOUGHT, (1, -1, 10, 95, STOP)], 2),
    "a low that is the stop": Case((FLAT, (100, 101, 95, 99)), LONG_STOP, [BOUGHT, (2, -1, 10, 95, STOP)], 2),
    "a low just above the stop": Case((FLAT, (100, 101, 95.01, 99)), LONG_STOP, [BOUGHT], 1),
    "an open that is the stop": Case((FLAT, (95, 101, 95, 99)), LONG_STOP, [BOUGHT, (2, -1, 10, 95, STOP)], 2),
    "a gap below the stop": Case((FLAT, (90, 101, 89, 99)), LONG_STOP, [BOUGHT, (2, -1, 10, 90, STOP)], 2),
    "a stop above the entry sells at once": Case(
        (FLAT,), {0: act(1.0, stop=105.0)}, [BOUGHT, (1, -1, 10, 100, STOP)], 2
    ),
    "a short's stop in the entry's own bar": Case(((100, 106, 99, 100),), SHORT_STOP, [SOLD, (1, 1, 10, 105, STOP)], 2),
    "a high that is the short's stop": Case((FLAT, (100, 105, 99, 99)), SHORT_STOP, [SOLD, (2, 1, 10, 105, STOP)], 2),
    "a high just below the short's stop": Case((FLAT, (100, 104.99, 99, 99)), SHORT_STOP, [SOLD], 1),
    "a gap above the short's stop": Case((FLAT, (110, 111, 99, 99)), SHORT_STOP, [SOLD, (2, 1, 10, 110, STOP)], 2),
    "a target in the entry's own bar": Case(((100, 105, 99, 100),), LONG_TARGET, [BOUGHT, (1, -1, 10, 105, PROFIT)], 2),
    "a high just below the target": Case((FLAT, (100, 104.99, 99, 99)), LONG_TARGET, [BOUGHT], 1),
    "a gap above the target is a better price": Case(
        (FLAT, (108, 109, 107, 108)), LONG_TARGET, [BOUGHT, (2, -1, 10, 108, PROFIT)], 2
    ),
    "a gap above the target is no touch": Case(
        (FLAT, (108, 109, 107, 108)), LONG_TARGET, [BOUGHT], 1, {"fill_limit": "touch"}
    ),
    "a touch after the gap is one": Case(
        (FLAT, (108, 109, 104, 108)), LONG_TARGET, [BOUGHT, (2, -1, 10, 105, PROFIT)], 2, {"fill_limit": "touch"}
    ),
    "a low that is the short's target": Case(
        (FLAT, (100, 101, 95, 99)), SHORT_TARGET, [SOLD, (2, 1, 10, 95, PROFIT)], 2
    ),
    "a gap below the short's target": Case((FLAT, (92, 93, 91, 92)), SHORT_TARGET, [SOLD, (2, 1, 10, 92, PROFIT)], 2),
    "the stop goes before the target, also at an open beyond the target": Case(
        (FLAT, (108, 109, 90, 100)),
        {0: act(1.0, stop=95.0, target=105.0)},
        [BOUGHT, (2, -1, 10, 95, STOP)],
        2,
    ),
    "the short's stop goes before its target": Case(
        (FLAT, (100, 106, 94, 100)),
        {0: act(-1.0, stop=105.0, target=95.0)},
        [SOLD, (2, 1, 10, 105, STOP)],
        2,
    ),
    "a decision in the same direction keeps the stop it does not name": Case(
        (FLAT, FLAT, (100, 101, 94, 99)),
        {0: act(0.5, stop=95.0), 1: act(1.0)},
        [(1, 1, 5, 100, SIGNAL), (2, 1, 5, 100, SIGNAL), (3, -1, 10, 95, STOP)],
        3,
    ),
    "a decision that names a stop moves it": Case(
        (FLAT, FLAT, (100, 101, 94, 99)),
        {0: act(1.0, stop=95.0), 1: act(1.0, stop=90.0)},
        [BOUGHT],
        1,
    ),
    "a new decision may add a target to the stop": Case(
        (FLAT, FLAT, (100, 106, 99, 99), FLAT),
        {0: act(1.0, stop=95.0), 1: act(1.0, target=105.0)},
        [BOUGHT, (3, -1, 10, 105, PROFIT)],
        2,
    ),
    "a reversal forgets the stop": Case(
        (FLAT, FLAT, (100, 101, 94, 99)),
        {0: act(1.0, stop=95.0), 1: act(-1.0)},
        [BOUGHT, (2, -1, 10, 100, SIGNAL), (2, -1, 10, 100, SIGNAL)],
        3,
    ),
    "a decision to be flat forgets the stop for the next entry": Case(
        (FLAT, FLAT, FLAT, (100, 101, 94, 99)),
        {0: act(1.0, stop=95.0), 1: act(0.0), 2: act(1.0)},
        [BOUGHT, (2, -1, 10, 100, SIGNAL), (3, 1, 10, 100, SIGNAL)],
        3,
    ),
    "after a stop nothing is left to be stopped": Case(
        (FLAT, (100, 101, 94, 99), (100, 101, 90, 99), FLAT),
        {0: act(1.0, stop=95.0, target=120.0)},
        [BOUGHT, (2, -1, 10, 95, STOP)],
        2,
    ),
    "a decision of the bar that stopped out is a new entry": Case(
        (FLAT, (100, 101, 94, 99), FLAT),
        {0: act(1.0, stop=95.0), 2: act(1.0)},
        [BOUGHT, (2, -1, 10, 95, STOP), (3, 1, 10, 100, SIGNAL)],
        3,
    ),
}

BID = {0: act(1.0, limit=95.0)}
OFFER = {0: act(-1.0, limit=105.0)}
LIMITS = {
    "a low that is the limit": Case(((100, 101, 95, 99),), BID, [(1, 1, 10, 95, LIMIT)], 1),
    "a low just above the limit": Case(((100, 101, 95.01, 99),), BID, [], 1),
    "an open below the limit is a better price": Case(((93, 101, 92, 99),), BID, [(1, 1, 10, 93, LIMIT)], 1),
    "an open below the limit is no touch": Case(((93, 94, 92, 93),), BID, [], 1, {"fill_limit": "touch"}),
    "the second bar": Case((FLAT, (100, 101, 94, 99)), BID, [(2, 1, 10, 95, LIMIT)], 1),
    "a high that is the offer": Case(((100, 105, 99, 99),), OFFER, [(1, -1, 10, 105, LIMIT)], 1),
    "an open above the offer": Case(((107, 108, 99, 99),), OFFER, [(1, -1, 10, 107, LIMIT)], 1),
    "the last bar of its life": Case(
        (FLAT, (100, 101, 94, 99)), BID, [(2, 1, 10, 95, LIMIT)], 1, {"limit_timeout_bars": 2}
    ),
    "the bar after its life": Case((FLAT, FLAT, (100, 101, 94, 99)), BID, [], 1, {"limit_timeout_bars": 2}),
    "a life of one bar": Case((FLAT, (100, 101, 94, 99)), BID, [], 1, {"limit_timeout_bars": 1}),
    "at the close it works from the next bar on": Case(
        ((100, 101, 94, 99), FLAT, (100, 101, 94, 99)),
        BID,
        [(3, 1, 10, 95, LIMIT)],
        1,
        {"fill_market": "next_close", "limit_timeout_bars": 2},
    ),
    "at the close its life ends as many bars later": Case(
        (FLAT, FLAT, FLAT, (100, 101, 94, 99)),
        BID,
        [],
        1,
        {"fill_market": "next_close", "limit_timeout_bars": 2},
    ),
    "a longer delay starts its life later": Case(
        ((100, 101, 94, 99), FLAT, (100, 101, 94, 99)), BID, [(3, 1, 10, 95, LIMIT)], 1, {"bar_delay": 2}
    ),
    "a new decision takes its place": Case(
        (FLAT, FLAT, (100, 101, 94, 99)),
        {0: act(1.0, limit=95.0), 1: act(1.0)},
        [(2, 1, 10, 100, SIGNAL)],
        2,
    ),
    "a decision to be flat takes it away": Case(
        (FLAT, FLAT, (100, 101, 94, 99)), {0: act(1.0, limit=95.0), 1: act(0.0)}, [], 1
    ),
    "a limit renewed by a decision lives on from there": Case(
        (FLAT, FLAT, (100, 101, 94, 99)),
        {0: act(1.0, limit=95.0), 1: act(1.0, limit=94.5)},
        [(3, 1, 10, 94.5, LIMIT)],
        2,
        {"limit_timeout_bars": 2},
    ),
    "what is held is not bought again at the limit": Case(
        (FLAT, FLAT, (100, 101, 94, 99)), {0: act(1.0), 1: act(1.0, limit=95.0)}, [BOUGHT], 1
    ),
    "only the missing part is bought at the limit": Case(
        (FLAT, FLAT, (100, 101, 94, 99)),
        {0: act(0.4), 1: act(1.0, limit=95.0)},
        [(1, 1, 4, 100, SIGNAL), (3, 1, 6, 95, LIMIT)],
        2,
    ),
    "a smaller decision sells down at market whatever its limit": Case(
        (FLAT, FLAT, FLAT),
        {0: act(1.0), 1: act(0.4, limit=95.0)},
        [BOUGHT, (2, -1, 6, 100, SIGNAL)],
        2,
    ),
    "a reversal by limit closes at once and enters later": Case(
        (FLAT, FLAT, (100, 106, 99, 99)),
        {0: act(1.0), 1: act(-1.0, limit=105.0)},
        [BOUGHT, (2, -1, 10, 100, SIGNAL), (3, -1, 10, 105, LIMIT)],
        3,
    ),
    "filled inside the bar, only the stop has the rest of it": Case(
        ((100, 110, 94, 100), (100, 106, 99, 99)),
        {0: act(1.0, limit=95.0, stop=90.0, target=105.0)},
        [(1, 1, 10, 95, LIMIT), (2, -1, 10, 105, PROFIT)],
        2,
    ),
    "filled at the open, the target has the bar too": Case(
        ((93, 106, 92, 100),),
        {0: act(1.0, limit=95.0, target=105.0)},
        [(1, 1, 10, 93, LIMIT), (1, -1, 10, 105, PROFIT)],
        2,
    ),
    "filled inside the bar and stopped out in it": Case(
        ((100, 101, 89, 100),),
        {0: act(1.0, limit=95.0, stop=90.0)},
        [(1, 1, 10, 95, LIMIT), (1, -1, 10, 90, STOP)],
        2,
    ),
    "a stop takes the order that would add with it": Case(
        (FLAT, (100, 101, 94, 99), (100, 101, 88, 99)),
        {0: act(0.5, stop=94.0), 1: act(1.0, limit=90.0)},
        [(1, 1, 5, 100, SIGNAL), (2, -1, 5, 94, STOP)],
        3,
    ),
}

ENDINGS = {
    "an open position is closed at the last close": Case(
        (FLAT, (100, 104, 99, 103)), {0: act(1.0)}, [BOUGHT, (2, -1, 10, 103, END)], 2, {"close_at_end": True}
    ),
    "a short is bought back there": Case(
        (FLAT, (100, 104, 99, 103)), {0: act(-1.0)}, [SOLD, (2, 1, 10, 103, END)], 2, {"close_at_end": True}
    ),
    "an entry of the last bar is closed in it": Case(
        ((100, 104, 99, 103),), {0: act(1.0)}, [BOUGHT, (1, -1, 10, 103, END)], 2, {"close_at_end": True}
    ),
    "a decision of the last bar comes too late": Case((FLAT, FLAT), {2: act(1.0)}, [], 0),
    "a decision of the last bar does not undo the closing": Case(
        (FLAT, FLAT), {0: act(1.0), 2: act(1.0)}, [BOUGHT, (2, -1, 10, 100, END)], 2, {"close_at_end": True}
    ),
    "what was stopped out is not closed again": Case(
        (FLAT, (100, 101, 94, 99)), LONG_STOP, [BOUGHT, (2, -1, 10, 95, STOP)], 2, {"close_at_end": True}
    ),
    "a limit that still works is not an open position": Case((FLAT, FLAT), BID, [], 1, {"close_at_end": True}),
    "without it the position stays": Case((FLAT, (100, 104, 99, 103)), {0: act(1.0)}, [BOUGHT], 1),
}


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in (GUARDS | LIMITS | ENDINGS).items()])
def test_bar_by_bar(case: Case) -> None:
    spec = replace(TEN, **case.changes)
    result = both(Script(case.decisions), bars(FLAT, *case.rows), spec)
    assert fills(result) == case.expected
    assert result.orders == case.orders
    money = 10_000.0 - sum(side * units * price for _bar, side, units, price, _reason in case.expected)
    assert result.cash[-1] == pytest.approx(money)
    assert result.position[-1] == sum(side * units for _bar, side, units, _price, _reason in case.expected)


@pytest.mark.parametrize(
    ("changes", "decisions", "rows", "units", "cash"),
    [
        pytest.param({}, {0: act(1.0)}, (FLAT,), [10], 0.0, id="cash for exactly ten"),
        pytest.param({"cash": 999.99}, {0: act(1.0)}, (FLAT,), [9], 99.99, id="a cent short of ten"),
        pytest.param({"costs": PercentCosts(0.01)}, {0: act(1.0)}, (FLAT,), [9], 91.0, id="the fee counts"),
        pytest.param(
            {"costs": PercentCosts(0.01), "allow_overdraft": True},
            {0: act(1.0)},
            (FLAT,),
            [10],
            -10.0,
            id="overdraft",
        ),
        pytest.param({"slippage": BpsSlippage(100.0)}, {0: act(1.0)}, (FLAT,), [9], 91.0, id="slippage counts"),
        pytest.param({}, {0: act(-1.0)}, (FLAT,), [10], 2000.0, id="short for all the equity"),
        pytest.param({"sizing": FixedUnits(20.0)}, {0: act(-1.0)}, (FLAT,), [10], 2000.0, id="short for no more"),
        pytest.param(
            {"sizing": FixedUnits(20.0), "allow_overdraft": True},
            {0: act(-1.0)},
            (FLAT,),
            [20],
            3000.0,
            id="unless",
        ),
        pytest.param(
            {},
            {0: act(-1.0), 1: act(0.0)},
            (FLAT, (250, 251, 249, 250)),
            [10, 8],
            0.0,
            id="a squeeze beyond cash",
        ),
        pytest.param(
            {"allow_overdraft": True},
            {0: act(-1.0), 1: act(0.0)},
            (FLAT, (250, 251, 249, 250)),
            [10, 10],
            -500.0,
            id="a squeeze on credit",
        ),
        pytest.param({"cash": 99.0}, {0: act(1.0)}, (FLAT,), [], 99.0, id="not even one"),
        pytest.param(
            {"sizing": PercentEquity(0.1), "cash": 10_000.0},
            {0: act(1.0), 2: act(1.0)},
            (FLAT, (100, 201, 99, 200), (200, 201, 199, 200)),
            [10, 5],
            10_000.0 - 1000.0 + 5 * 200.0,
            id="a share of equity is trimmed as it grows",
        ),
    ],
)
def test_what_the_account_can_cover(
    changes: dict[str, Any], decisions: dict[int, Action], rows: tuple[Row, ...], units: list[float], cash: float
) -> None:
    spec = replace(TEN, **({"cash": 1000.0} | changes))
    result = both(Script(decisions), bars(FLAT, *rows), spec)
    assert result.fills["quantity"].tolist() == units
    assert result.cash[-1] == pytest.approx(cash)


def test_a_ruined_account_sizes_nothing_more() -> None:
    spec = replace(TEN, cash=1000.0, sizing=MaxSize(), allow_overdraft=True)
    crash = (250.0, 251.0, 249.0, 250.0)
    script = Script({0: act(-1.0), 2: act(0.0), 3: act(1.0), 4: act(-1.0)})
    result = both(script, bars(FLAT, FLAT, crash, crash, crash, crash), spec)
    assert [(int(fill["bar"]), int(fill["side"])) for fill in result.fills] == [(1, -1), (3, 1)]
    assert result.equity[-1] == -500.0


def test_risk_per_trade_loses_its_share_at_the_stop_and_needs_one() -> None:
    spec = replace(TEN, sizing=RiskPerTrade(0.02))
    hit = both(Script(LONG_STOP), bars(FLAT, FLAT, (100.0, 101.0, 94.0, 99.0)), spec)
    assert hit.trades["quantity"].tolist() == [40.0]
    assert hit.equity[-1] == 10_000.0 - 0.02 * 10_000.0
    bare = both(Script({0: act(1.0)}), bars(FLAT, FLAT), spec)
    assert (bare.orders, len(bare.fills)) == (0, 0)


def test_adding_averages_the_entry_and_a_part_carries_its_share_of_the_fees() -> None:
    rows = (FLAT, (100.0, 121.0, 99.0, 120.0), (120.0, 121.0, 119.0, 120.0), (130.0, 131.0, 129.0, 130.0))
    spec = replace(TEN, costs=PercentCosts(0.01))
    result = both(Script({0: act(0.5), 2: act(1.0), 3: act(0.6)}), bars(FLAT, *rows), spec)
    (part,) = result.trades
    entry_fees = 5 * 100 * 0.01 + 5 * 120 * 0.01
    assert fills(result) == [(1, 1, 5, 100, SIGNAL), (3, 1, 5, 120, SIGNAL), (4, -1, 4, 130, SIGNAL)]
    assert (part["entry_bar"], part["exit_bar"], part["quantity"], part["entry_price"]) == (1, 4, 4, 110)
    assert part["entry_fee"] == pytest.approx(entry_fees * 4 / 10)
    assert part["exit_fee"] == pytest.approx(4 * 130 * 0.01)
    assert part["profit"] == pytest.approx(4 * 20 - entry_fees * 0.4 - 5.2)


def test_the_fees_of_all_parts_are_those_of_the_fills() -> None:
    decisions = {
        0: act(0.3),
        1: act(1.0),
        2: act(0.4),
        3: act(0.9),
        4: act(0.2),
        5: act(0.0),
    }
    result = both(Script(decisions), bars(*[FLAT] * 8), replace(TEN, costs=PerShareCosts(0.07, minimum=0.5)))
    trades = result.trades
    assert len(trades) == 3
    assert trades["entry_fee"].sum() + trades["exit_fee"].sum() == pytest.approx(result.fills["fee"].sum())
    assert trades["profit"].sum() == pytest.approx(result.equity[-1] - 10_000.0)


@pytest.mark.parametrize(
    ("rows", "decisions", "rates"),
    [
        pytest.param(((100, 101, 94, 99),), BID, [0.001], id="a limit inside the bar makes"),
        pytest.param(((93, 101, 92, 99),), BID, [0.002], id="a limit at the open takes"),
        pytest.param(((100, 106, 99, 99),), LONG_TARGET, [0.002, 0.001], id="a target inside the bar makes"),
        pytest.param((FLAT, (108, 109, 107, 99)), LONG_TARGET, [0.002, 0.002], id="a target at the open takes"),
        pytest.param(((100, 101, 94, 99),), LONG_STOP, [0.002, 0.002], id="a stop takes"),
    ],
)
def test_who_makes_and_who_takes(rows: tuple[Row, ...], decisions: dict[int, Action], rates: list[float]) -> None:
    result = both(Script(decisions), bars(FLAT, *rows), replace(TEN, costs=MakerTaker(0.001, 0.002)))
    paid = result.fills["fee"] / (result.fills["quantity"] * result.fills["price"])
    assert paid.tolist() == pytest.approx(rates)


def test_a_rebate_is_earned() -> None:
    result = both(Script(BID), bars(FLAT, (100.0, 101.0, 94.0, 99.0)), replace(TEN, costs=MakerTaker(-0.0005, 0.001)))
    assert result.fills["fee"].tolist() == pytest.approx([-0.475])
    assert result.cash[-1] == pytest.approx(10_000.0 - 950.0 + 0.475)


def test_market_and_stop_orders_slip_and_limits_do_not() -> None:
    spec = replace(TEN, slippage=BpsSlippage(50.0))
    stopped = both(Script(LONG_STOP), bars(FLAT, FLAT, (100.0, 101.0, 94.0, 99.0)), spec)
    assert stopped.fills["price"].tolist() == pytest.approx([100.5, 95 * 0.995])
    taken = both(Script(LONG_TARGET), bars(FLAT, FLAT, (100.0, 106.0, 99.0, 99.0)), spec)
    assert taken.fills["price"].tolist() == pytest.approx([100.5, 105.0])
    assert taken.fills["slippage_bps"].tolist() == [50.0, 0.0]
    entered = both(Script(BID), bars(FLAT, (93.0, 101.0, 92.0, 99.0)), spec)
    assert entered.fills["price"].tolist() == [93.0]


def test_an_order_as_large_as_the_bar_moves_it_by_the_whole_impact_and_one_of_unknown_volume_by_none() -> None:
    spec = replace(TEN, slippage=SpreadImpact(0.1, default_spread=2.0))
    for volume, share in ((10.0, 1.0), (2.0, 1.0), (0.0, 0.0), (float("nan"), 0.0), (40.0, 0.5)):
        result = both(Script({0: act(1.0)}), bars(FLAT, FLAT, volume=volume), spec)
        assert result.fills["slippage_bps"].tolist() == pytest.approx([1.0 + 1000.0 * share])


def test_the_spread_is_that_of_the_bars_where_they_have_one() -> None:
    spec = replace(TEN, slippage=SpreadImpact(0.0, default_spread=30.0))
    for spread, bps in ((8.0, 4.0), (float("nan"), 15.0), (0.0, 0.0)):
        result = both(Script({0: act(1.0)}), bars(FLAT, FLAT, spread=spread), spec)
        assert result.fills["slippage_bps"].tolist() == [bps]


def test_costs_in_basis_points_are_ten_thousandths() -> None:
    result = both(Script({0: act(1.0)}), bars(FLAT, FLAT), replace(TEN, costs=BpsCosts(1.0)))
    assert result.fills["fee"].tolist() == [0.1]

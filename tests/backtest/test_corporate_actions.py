"""Splits and dividends in the account: the kernel against the plain-Python engine, cases by hand, laws of every run."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.backtest.conftest import Noisy, random_bars
from tests.backtest.plain import FLAT, Script, act, bars, both
from tests.backtest.reference import run_reference
from tests.backtest.test_engine_equals_reference import SPECS, assert_equal
from tests.backtest.test_order_requests import AnyOrder
from tradewright.backtest.corporate import CorporateActions, corporate_actions
from tradewright.backtest.engine import run
from tradewright.backtest.result import BacktestResult, FillReason
from tradewright.backtest.sizing import FixedUnits
from tradewright.backtest.span import run_span
from tradewright.backtest.spec import BacktestSpec
from tradewright.backtest.sweep import sweep
from tradewright.model.bars import Bars
from tradewright.model.strategy import HOLD, NAN, order

DAY = 86_400 * 10**9
PLAIN = BacktestSpec(cash=10_000.0, sizing=FixedUnits(10.0))


def hold(_i, _features, _params, position):
    return HOLD if position else (1.0, NAN, NAN, NAN)


class Holding(Noisy):
    """Bought once, and kept."""

    generate_signal = staticmethod(hold)


def actions(count: int, *rows: tuple[int, float, float]) -> CorporateActions:
    """Actions of so many bars; the yardsticks do not matter here."""
    return CorporateActions(np.array(rows, np.float64).reshape(-1, 3), np.ones(count), np.ones(count))


def scaled(price: float) -> tuple[float, float, float, float]:
    return (price, price * 1.01, price * 0.99, price)


def booked(result: BacktestResult) -> list[tuple[int, int, float, float, FillReason]]:
    """(bar, side, units, price, cause) of every adjustment."""
    names = ("bar", "side", "quantity", "price")
    return [(*(row[name].item() for name in names), FillReason(row["reason"])) for row in result.adjustments]


def test_a_split_gives_new_units_and_halves_the_prices_of_exits():
    table = bars(*[scaled(100.0)] * 3, *[scaled(50.0)] * 3, (50.0, 50.5, 44.0, 46.0))
    spec = replace(PLAIN, actions=actions(7, (3, 2.0, 0.0)))
    result = both(Script({0: act(1.0, stop=90.0)}), table, spec)
    assert booked(result) == [(3, 1, 10.0, 0.0, FillReason.SPLIT)]
    assert result.position.tolist() == [0.0, 10.0, 10.0, 20.0, 20.0, 20.0, 0.0]
    np.testing.assert_array_equal(result.equity[:6], 10_000.0)
    assert (result.fills[-1]["price"], result.fills[-1]["quantity"]) == (45.0, 20.0)
    assert (result.trades[0]["entry_price"], result.trades[0]["profit"]) == (50.0, -100.0)


@pytest.mark.parametrize("share", [1.0, -1.0])
def test_what_a_reverse_split_leaves_of_a_unit_is_settled_at_the_open(share: float):
    table = bars(*[scaled(100.0)] * 2, *[scaled(400.0)] * 2)
    spec = replace(PLAIN, allow_short=True, actions=actions(4, (2, 0.25, 0.0)))
    result = both(Script({0: act(share)}), table, spec)
    side = int(share)
    assert booked(result) == [
        (2, -side, 7.5, 0.0, FillReason.SPLIT),
        (2, -side, 0.5, 400.0, FillReason.CASH_IN_LIEU),
    ]
    assert result.position[-1] == 2.0 * share
    np.testing.assert_allclose(result.equity, 10_000.0)
    assert [row["quantity"] for row in result.trades] == [0.5]


def test_less_than_one_new_unit_ends_the_position_and_its_exits():
    table = bars(*[scaled(100.0)] * 2, *[scaled(2_000.0)] * 3)
    spec = replace(PLAIN, actions=actions(5, (2, 0.05, 0.0)))
    result = both(Script({0: act(1.0, stop=90.0)}), table, spec)
    assert booked(result)[-1] == (2, -1, 0.5, 2_000.0, FillReason.CASH_IN_LIEU)
    assert result.position[-1] == 0.0
    assert result.cash[-1] == 10_000.0
    assert len(result.fills) == 1


def test_a_dividend_is_paid_to_holders_of_the_close_before_and_charged_to_shorts():
    table = bars(*[FLAT] * 5)
    spec = replace(PLAIN, allow_short=True, actions=actions(5, (1, 1.0, 9.0), (3, 1.0, 1.5)))
    held, short = (both(Script({0: act(share)}), table, spec) for share in (1.0, -1.0))
    assert booked(held) == [(3, -1, 10.0, 1.5, FillReason.DIVIDEND)], "not the one of the day of the purchase"
    assert booked(short) == [(3, 1, 10.0, 1.5, FillReason.DIVIDEND)]
    assert (held.equity[-1], short.equity[-1]) == (10_015.0, 9_985.0)
    leaving = both(Script({0: act(1.0), 2: act(0.0)}), table, spec)
    assert leaving.equity[-1] == 10_015.0, "who sells at the open of the ex-date still gets it"


def test_a_dividend_counts_the_units_from_before_the_split_of_the_same_day():
    table = bars(*[scaled(100.0)] * 2, *[scaled(50.0)] * 2)
    result = both(Script({0: act(1.0)}), table, replace(PLAIN, actions=actions(4, (2, 2.0, 3.0))))
    assert [row[2:] for row in booked(result)] == [(10.0, 3.0, FillReason.DIVIDEND), (10.0, 0.0, FillReason.SPLIT)]
    assert result.equity[-1] == 10_030.0


def test_working_orders_and_targets_on_their_way_are_in_new_units():
    table = bars(*[scaled(100.0)] * 2, *[scaled(50.0)] * 2, (50.0, 50.5, 44.0, 46.0))
    spec = replace(PLAIN, actions=actions(5, (2, 2.0, 0.0)), limit_timeout_bars=9)
    rests = both(Script({0: act(1.0, limit=90.0)}), table, spec)
    assert [(row["bar"], row["quantity"], row["price"]) for row in rests.fills] == [(4, 20.0, 45.0)]
    comes = both(Script({1: act(1.0)}), table, spec)
    assert [(row["bar"], row["quantity"], row["price"]) for row in comes.fills] == [(2, 20.0, 50.0)]
    later = both(Script({1: act(1.0, limit=90.0)}), table, spec)
    assert [(row["bar"], row["quantity"], row["price"]) for row in later.fills] == [(4, 20.0, 45.0)]
    trails = both(Script({0: order(1.0, trail=10.0)}), table, spec)  # type: ignore[dict-item]
    assert trails.fills[-1]["price"] == pytest.approx(101.0 / 2 - 10.0 / 2)


ROWS = st.lists(
    st.tuples(
        st.integers(1, 59),
        st.sampled_from([1.0, 1.0, 2.0, 7.0, 1.5, 0.1, 1 / 3, 2.002]),
        st.sampled_from([0.0, 0.5, 3.0]),
    ),
    max_size=5,
    unique_by=lambda row: row[0],
).map(sorted)


def split_prices(table: Bars, rows: list[tuple[int, float, float]]) -> Bars:
    """The bars with their prices after the splits."""
    units = np.ones(len(table.ts))
    for bar, ratio, _paid in rows:
        units[bar:] *= ratio
    return table._replace(**{name: getattr(table, name) / units for name in ("open", "high", "low", "close")})


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(seed=st.integers(0, 10_000), busy=st.sampled_from([5, 40]), spec=SPECS, rows=ROWS, requests=st.booleans())
def test_kernel_equals_reference_and_the_cash_adds_up(seed, busy, spec, rows, requests):
    table = split_prices(random_bars(seed, 60), rows)
    spec = replace(spec, actions=actions(60, *rows))
    spec = replace(spec, volume_share=spec.volume_share or 0.3 if requests else None)  # two shapes of machine code
    strategy = AnyOrder(seed, busy) if requests else Noisy(seed, busy)
    result = run(strategy, table, spec)
    reference = run_reference(strategy, table, spec)
    assert_equal(result, reference)
    assert len(result.adjustments) == len(reference.adjustments)
    for name in result.adjustments.dtype.names:
        np.testing.assert_allclose(result.adjustments[name], reference.adjustments[name], rtol=1e-9, atol=1e-9)
    every = np.concatenate((result.fills, result.adjustments))
    spent = (every["side"] * every["quantity"] * every["price"] * spec.multiplier + every["fee"]).sum()
    assert result.cash[-1:] == pytest.approx([spec.cash - spent])
    assert result.totals is not None
    assert result.totals["final_equity"][0] == pytest.approx(result.equity[-1])
    assert result.totals["fills"][0] == len(result.fills)
    swept = sweep([strategy], table, spec)  # type: ignore[list-item]
    assert swept.tobytes() == result.totals.tobytes()


def test_a_span_takes_the_actions_of_its_own_bars_alone():
    known = actions(8, (1, 1.0, 9.0), (4, 1.0, 1.0), (7, 1.0, 5.0))
    result = run_span(Holding(), bars(*[FLAT] * 8), replace(PLAIN, actions=known), 2, 6)
    assert booked(result) == [(2, -1, 10.0, 1.0, FillReason.DIVIDEND)]
    assert result.actions is not None
    assert result.actions.rows.tolist() == known.part(2, 6).rows.tolist() == [[2.0, 1.0, 1.0]]


def factors(*rows: tuple[str, float, float, float]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["date", "price_factor", "split_factor", "reference_price"])
    return table.assign(date=pd.to_datetime(table["date"]), zone="America/New_York")


def test_a_table_of_factors_tells_units_and_dividends():
    """Seven for one with the factors of seven digits that tables have; 2 % of 100 paid; the first bar is in no step."""
    open_ = pd.date_range("2014-06-04 13:30", periods=6, tz="UTC").astype("datetime64[ns, UTC]")
    prices = np.array([700.0, 700.0, 100.0, 100.0, 98.0, 98.0])
    table = Bars(open_.asi8, *[prices] * 4, np.ones(6), np.full(6, np.nan))
    rows = (
        ("2014-06-03", 0.9, 0.0357143, 690.0),
        ("2014-06-05", 0.98, 0.0357143, 700.0),
        ("2014-06-07", 0.98, 0.2500000, 100.0),
    )
    found = corporate_actions(table, factors(*rows))
    assert found.rows[:, 0].tolist() == [2.0, 4.0]
    assert found.rows[0, 1] == 7.0
    assert found.rows[1].tolist() == pytest.approx([4.0, 4.0, 2.0])
    assert found.stated("X") == "X: 2 splits, 1 dividend"
    assert corporate_actions(table, factors()).rows.shape == (0, 3)
    again = corporate_actions(table, factors(("2014-06-07", 0.98, 1.0, 0.0)))
    assert again.rows[0].tolist() == pytest.approx([4.0, 1.0, 2.0]), "without a reference price that of the bar before"

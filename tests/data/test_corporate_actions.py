"""Splits and dividends out of a vendor's columns: the adjusted prices that they make are the vendor's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.data.tables import bars_table
from tradewright.formats.corporate_actions import ActionColumns, found_actions
from tradewright.formats.tabular import read_csv
from tradewright.model.bar_rules import bars_of
from tradewright.model.bars import Bars, Floats, PriceView, Timeframe
from tradewright.store.actions import adjust

DAYS = 200
SPLIT_DAY, DIVIDENDS = 100, (30, 90, 150)


def market() -> tuple[Bars, Floats, Floats, Floats]:
    """Raw bars with a 7:1 split and three dividends of 0.50 (new shares), the events, and the fair adjusted close."""
    frame = bars_table(DAYS, step="1D")
    split, dividend = np.zeros(DAYS), np.zeros(DAYS)
    split[SPLIT_DAY] = 7.0
    before = np.arange(DAYS) < SPLIT_DAY
    scale = np.where(before, 7.0, 1.0)
    for day in DIVIDENDS:
        dividend[day] = 0.5 * scale[day]
    prices = {name: frame[name] * scale for name in ("open", "high", "low", "close")}
    bars = bars_of(frame.assign(**prices))
    step = np.ones(DAYS)
    for day in DIVIDENDS:
        step[day] = 1 - dividend[day] / bars.close[day - 1]
    after = np.append(np.cumprod(step[::-1])[::-1][1:], 1.0)
    return bars, split, dividend, bars.close / scale * after


def views(bars: Bars, columns: ActionColumns) -> tuple[Floats, Floats, str]:
    found = found_actions(bars, columns, "UTC")
    assert found.factors is not None, found.remark
    table = found.factors.assign(zone="UTC")
    split, total = (adjust(bars, table, view).close for view in (PriceView.SPLIT_ADJUSTED, PriceView.TOTAL_RETURN))
    return split, total, found.remark


def test_events_make_the_adjusted_prices() -> None:
    bars, split, dividend, fair = market()
    by_split, total, remark = views(bars, ActionColumns(dividend=dividend, split=split))
    np.testing.assert_allclose(total, fair, rtol=1e-12)
    np.testing.assert_allclose(by_split[:SPLIT_DAY] * 7, bars.close[:SPLIT_DAY], rtol=1e-12)
    assert remark == "corporate actions kept: splits 1, dividends 3"


@pytest.mark.parametrize("places", [2, 4, 6])
def test_an_adjusted_close_makes_the_adjusted_prices(places: int) -> None:
    bars, _split, _dividend, fair = market()
    by_split, total, remark = views(bars, ActionColumns(adj_close=np.round(fair, places)))
    np.testing.assert_allclose(total, fair, rtol=2e-4)
    np.testing.assert_allclose(by_split[:SPLIT_DAY] * 7, bars.close[:SPLIT_DAY], rtol=1e-12)
    assert remark == "corporate actions kept, told from the adjusted close: splits 1, dividends 3"


def test_splits_of_prices_that_are_adjusted_for_them_are_not_applied_again() -> None:
    bars, split, dividend, _fair = market()
    scale = np.where(np.arange(DAYS) < SPLIT_DAY, 7.0, 1.0)
    adjusted = Bars(bars.ts, bars.open / scale, bars.high / scale, bars.low / scale, bars.close / scale, *bars[5:])
    by_split, _total, remark = views(adjusted, ActionColumns(dividend=dividend / scale, split=split))
    np.testing.assert_array_equal(by_split, adjusted.close)
    assert remark.endswith("adjusted for the splits already")


def test_no_events_are_known_to_be_none() -> None:
    calm = bars_of(bars_table(DAYS, step="1D"))
    for columns in (ActionColumns(adj_close=calm.close), ActionColumns(split=np.zeros(DAYS))):
        found = found_actions(calm, columns, "UTC")
        assert found.factors is not None
        assert found.factors.empty


def nonsense(day: int, value: float) -> Floats:
    column = np.zeros(DAYS)
    column[day] = value
    return column


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (ActionColumns(split=nonsense(50, 4.0) + nonsense(SPLIT_DAY, 7.0)), "do not show the split of 2024-04-20"),
        (ActionColumns(split=nonsense(SPLIT_DAY, 7.0), dividend=nonsense(50, 9e9)), "no dividend is as on 2024-04-20"),
        (ActionColumns(split=nonsense(SPLIT_DAY, 7.0), dividend=nonsense(50, -1.0)), "no dividend is as on 2024-04-20"),
        (ActionColumns(adj_close=np.full(DAYS, np.nan)), "has no value on 2024-03-01"),
        (ActionColumns(adj_close=np.random.default_rng(1).uniform(1, 9, DAYS)), "no steady ratio"),
        (ActionColumns(dividend=nonsense(50, 1.0)), "splits are unknown"),
    ],
)
def test_columns_that_contradict_the_prices_are_left_out_and_told(columns: ActionColumns, words: str) -> None:
    found = found_actions(market()[0], columns, "UTC")
    assert found.factors is None
    assert words in found.remark


def test_the_columns_of_a_file_follow_its_rows(tmp_path: Path) -> None:
    """Newest first, one row twice, one row broken: each event stays with its day."""
    path = tmp_path / "bars.csv"
    path.write_text(
        "Date,Open,High,Low,Close,Adj Close,Volume,Dividends,Stock Splits\n"
        "2024-01-04,4,4,4,4,4,1,0,0\n2024-01-03,3,3,3,3,3,1,0.3,0\n2024-01-02,2,2,2,2,2,1,0.2,2\n"
        "2024-01-02,2,2,2,2,2,1,0.9,9\n2024-01-01,1,1,1,1,1,1,0,0\n"
    )
    reading = read_csv(path, Timeframe.D1)
    assert (reading.left_out, reading.used["adj_close"]) == ((), "Adj Close")
    assert reading.actions.dividend is not None
    assert reading.actions.split is not None
    assert reading.actions.dividend.tolist() == [0.0, 0.2, 0.3, 0.0]
    assert reading.actions.split.tolist() == [0.0, 2.0, 0.0, 0.0]


def test_an_unreadable_column_of_actions_costs_no_bars(tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    path.write_text("Date,Open,High,Low,Close,Split\n2024-01-02,1,2,1,2,four for one\n2024-01-03,1,2,1,2,\n")
    reading = read_csv(path, Timeframe.D1)
    assert len(reading.frame) == 2
    assert reading.actions.split is None
    assert "split" in reading.remarks[0]
    assert "left out" in reading.remarks[0]
    assert "split" not in reading.used


@pytest.mark.real_data
def test_the_adjusted_close_of_apple_is_made_from_its_factors(real_data: Path) -> None:
    path = real_data / "mplfinance/examples/data/yahoofinance-AAPL-20040819-20180120.csv"
    reading, vendor = read_csv(path, Timeframe.D1), pd.read_csv(path)["Adj Close"].to_numpy()
    _split, total, remark = views(bars_of(reading.frame), reading.actions)
    assert remark.endswith("splits 0, dividends 22")
    np.testing.assert_allclose(total / total[-1], vendor / vendor[-1], rtol=1e-5)

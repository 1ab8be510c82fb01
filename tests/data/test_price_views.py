"""Price views: factors applied at read, as they stand in the file."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.tables import bars_table
from tradewright.model.bar_rules import bars_of
from tradewright.model.bars import BarKind, PriceView, Timeframe
from tradewright.model.errors import DataError
from tradewright.model.instrument import FACTOR_COLUMNS, TickerSpan
from tradewright.store.actions import Actions, NoFactors, adjust
from tradewright.store.bars import BarStore

SPLIT = pd.DataFrame(
    [("2024-03-04", 0.9, 0.25, 400.0), ("2024-03-06", 0.95, 0.5, 210.0), ("2050-12-31", 1.0, 1.0, 0.0)],
    columns=FACTOR_COLUMNS,
)


@pytest.fixture
def store(tmp_path: Path) -> BarStore:
    store = BarStore(tmp_path)
    # 14:30 UTC is 09:30 in New York; the bars of 1 to 8 March 2024
    store.upsert("ABC", Timeframe.D1, BarKind.TRADE, bars_table(8, "2024-03-01 14:30", "1D"))
    store.actions.write_factors("ABC", SPLIT)
    return store


@pytest.mark.parametrize(
    ("view", "factors"),
    [
        (PriceView.RAW, [1, 1, 1, 1, 1, 1, 1, 1]),
        (PriceView.SPLIT_ADJUSTED, [0.25, 0.25, 0.25, 0.25, 0.5, 0.5, 1, 1]),
        (PriceView.TOTAL_RETURN, [0.225, 0.225, 0.225, 0.225, 0.475, 0.475, 1, 1]),
    ],
)
def test_a_row_holds_up_to_and_including_its_date(store: BarStore, view: PriceView, factors: list[float]) -> None:
    raw, seen = store.read("ABC", Timeframe.D1), store.read("ABC", Timeframe.D1, view=view)
    for name in ("open", "high", "low", "close"):
        np.testing.assert_allclose(seen[name], raw[name] * factors, rtol=1e-15)
    split = [1.0] * 8 if view is PriceView.RAW else [0.25, 0.25, 0.25, 0.25, 0.5, 0.5, 1, 1]
    np.testing.assert_allclose(seen["volume"], raw["volume"] / split, rtol=1e-15)


def test_factors_are_not_rebased_to_the_span(store: BarStore) -> None:
    whole = store.read("ABC", Timeframe.D1, view=PriceView.TOTAL_RETURN)
    part = store.read("ABC", Timeframe.D1, start="2024-03-02", end="2024-03-03", view=PriceView.TOTAL_RETURN)
    pd.testing.assert_frame_equal(part, whole[1:3].reset_index(drop=True))


def test_a_date_ends_at_midnight_of_its_exchange(store: BarStore) -> None:
    """20:00 in New York is the next day in UTC, and still the day before the split."""
    evening = bars_table(2, "2024-03-05 00:59", "4h01min")
    seen = adjust(bars_of(evening), store.actions.factors("ABC"), PriceView.SPLIT_ADJUSTED)
    np.testing.assert_allclose(seen.close / evening["close"], [0.25, 0.5])


def test_an_adjusted_view_without_factors_is_refused(tmp_path: Path) -> None:
    store = BarStore(tmp_path)
    store.upsert("BTC", Timeframe.D1, BarKind.TRADE, bars_table(3, step="1D"))
    with pytest.raises(NoFactors, match=r"no corporate actions of BTC.*prices=raw"):
        store.read("BTC", Timeframe.D1, view=PriceView.SPLIT_ADJUSTED)
    store.actions.write_factors("BTC", SPLIT[:0])
    raw, seen = store.read("BTC", Timeframe.D1), store.read("BTC", Timeframe.D1, view=PriceView.TOTAL_RETURN)
    pd.testing.assert_frame_equal(raw, seen)


def test_after_the_last_row_every_factor_is_one(tmp_path: Path) -> None:
    actions = Actions(tmp_path)
    actions.write_factors("ABC", SPLIT[:1])
    seen = adjust(bars_of(bars_table(2, "2024-03-04 14:30", "1D")), actions.factors("ABC"), PriceView.TOTAL_RETURN)
    np.testing.assert_allclose(seen.close / bars_table(2)["close"], [0.225, 1.0])


@settings(max_examples=50)
@given(st.floats(0.01, 50), st.floats(0.5, 1))
def test_traded_value_does_not_change_with_a_split(split: float, price: float) -> None:
    factors = pd.DataFrame([("2030-01-01", price, split, 1.0)], columns=FACTOR_COLUMNS).assign(zone="UTC")
    factors["date"] = pd.to_datetime(factors["date"])
    raw = bars_of(bars_table(4))
    seen = adjust(raw, factors, PriceView.SPLIT_ADJUSTED)
    np.testing.assert_allclose(seen.close * seen.volume, raw.close * raw.volume)
    total = adjust(raw, factors, PriceView.TOTAL_RETURN)
    np.testing.assert_allclose(total.close, seen.close * price)
    assert (total.high >= total.low).all()


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (SPLIT.drop(columns="split_factor"), "missing column split_factor"),
        (SPLIT.assign(price_factor=0.0), "row 0: a factor is not positive"),
        (SPLIT.assign(split_factor=np.inf), "row 0: a factor is not positive"),
        (SPLIT[::-1], "do not ascend"),
    ],
)
def test_a_wrong_factor_table_is_refused(tmp_path: Path, table: pd.DataFrame, words: str) -> None:
    with pytest.raises(DataError, match=words):
        Actions(tmp_path).write_factors("ABC", table)


def test_the_symbol_map_is_kept(tmp_path: Path) -> None:
    actions = Actions(tmp_path)
    assert actions.symbol_map("GOOG") == []
    spans = [TickerSpan(date(2014, 4, 2), "GOOCV", "Q"), TickerSpan(date(2050, 12, 31), "GOOG", "Q")]
    actions.write_map("GOOG", spans)
    assert actions.symbol_map("GOOG") == spans

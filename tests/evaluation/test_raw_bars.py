"""Raw bars with a table of corporate actions: their identity, their checks, and what permuting them keeps."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.backtest.plain import bars
from tests.backtest.test_corporate_actions import PLAIN, Holding, scaled
from tradewright.backtest.corporate import CorporateActions, corporate_actions
from tradewright.backtest.engine import run
from tradewright.catalog.trials import Trials, TrialSource
from tradewright.model.bar_rules import frame_of
from tradewright.model.bars import BarKind, PriceView, Timeframe
from tradewright.model.instrument import AssetClass, Instrument
from tradewright.research.bars import InstrumentBars, Selection, read_instrument_bars
from tradewright.research.permutation_test import permutation_test, permuted_run
from tradewright.research.study import evidence
from tradewright.research.sweep_part import data_hash_of
from tradewright.research.trial_recorder import TrialRecorder, trial_rows
from tradewright.store.actions import adjust
from tradewright.store.bars import BarStore

STOCK = Instrument(symbol="AAPL", asset_class=AssetClass.STOCK, calendar="24/7")
BARS, AT = 40, 20


def fourfold(at: int = AT, paid: float = 0.0, share: float = 0.0) -> CorporateActions:
    """A split of four for one in bar ``at``, and a dividend per old unit, which is that share of the price before."""
    before = np.arange(BARS) < at
    split = np.where(before, 0.25, 1.0)
    return CorporateActions(np.array([[at, 4.0, paid]]), split, np.where(before, 1.0 - share, 1.0) * split)


def growing(share: float = 0.0) -> list[float]:
    """Raw prices that grow by a hundredth a bar, those after the actions of :func:`fourfold` in new units."""
    return [100.0 * 1.01**bar * ((1.0 - share) / 4.0 if bar >= AT else 1.0) for bar in range(BARS)]


def raw(share: float = 0.0) -> InstrumentBars:
    table = bars(*map(scaled, growing(share)))
    paid = share * table.close[AT - 1]
    return InstrumentBars(STOCK, table, actions=fourfold(paid=paid, share=share))


def test_bars_of_another_table_are_other_data(tmp_path: Path) -> None:
    item = raw()
    other, none = replace(item, actions=fourfold(AT + 1)), replace(item, actions=None)
    empty = replace(item, actions=CorporateActions(np.empty((0, 3)), np.ones(BARS), np.ones(BARS)))
    assert len({item.data_hash, other.data_hash, none.data_hash}) == 3
    assert empty.data_hash == none.data_hash, "a table that tells of nothing in these bars changes nothing"
    assert item.head(AT + 1).data_hash != none.head(AT + 1).data_hash
    assert item.head(AT).data_hash == none.head(AT).data_hash, "what comes later is not known yet"
    assert data_hash_of({"AAPL": item}) != data_hash_of({"AAPL": other})

    def recorded(each: InstrumentBars) -> str:
        now = lambda: datetime(2026, 11, 30, tzinfo=UTC)  # noqa: E731
        recorder = TrialRecorder(Trials(tmp_path), now, {"AAPL": each}, {}, Timeframe.D1, "terms", "settings")
        rows = trial_rows(recorder.keys([Holding()]), np.zeros(1))
        return recorder.evaluation(TrialSource.BACKTEST, Holding(), rows).facts.data_hash

    assert recorded(item) != recorded(other)


def test_the_table_is_read_with_raw_bars_alone(tmp_path: Path) -> None:
    store, table = BarStore(tmp_path), raw().bars
    store.upsert("AAPL", Timeframe.D1, BarKind.TRADE, frame_of(table), source="files")
    chosen = Selection((STOCK,), Timeframe.D1)
    assert read_instrument_bars(store, chosen)["AAPL"].actions is None, "there is no table"
    day = pd.Timestamp(int(table.ts[AT - 1]), tz="UTC").tz_localize(None).normalize()
    row = {"date": [day], "price_factor": [1.0], "split_factor": [0.25], "reference_price": [0.0]}
    store.actions.write_factors("AAPL", pd.DataFrame(row), "UTC")
    found = read_instrument_bars(store, chosen)["AAPL"].actions
    assert found is not None
    assert found.rows.tolist() == [[AT, 4.0, 0.0]]
    adjusted = read_instrument_bars(store, replace(chosen, view=PriceView.TOTAL_RETURN))["AAPL"]
    assert adjusted.actions is None
    coin = STOCK.model_copy(update={"asset_class": AssetClass.CRYPTO})
    assert read_instrument_bars(store, replace(chosen, instruments=(coin,)))["AAPL"].actions is None


def test_a_split_of_the_table_is_no_doubtful_price() -> None:
    item = raw()
    told = [evidence(Holding(), each, Timeframe.D1, None).bars for each in (item, replace(item, actions=None))]
    assert [any("POSSIBLE_SPLIT" in line for line in lines) for lines in told] == [False, True]


@pytest.mark.parametrize("share", [0.0, 0.2])
def test_the_steps_of_actions_stay_where_the_account_books_them(share: float) -> None:
    """Every move of these bars is the same one, so that no order of them is better than another."""
    item = raw(share)
    spec = replace(PLAIN, actions=item.actions)
    account = run(Holding(), item.bars, spec)
    found = permutation_test(Holding(), account, {"AAPL": item}, {"AAPL": spec}, 365, 5, 0)
    assert found is not None
    assert (found.sharpe.p5, found.sharpe.p95) == pytest.approx((found.observed, found.observed))
    table, terms = permuted_run(item.bars, np.arange(BARS), (1, 1), spec)
    np.testing.assert_allclose(table.close, item.bars.close)
    assert terms.actions is not None
    np.testing.assert_allclose(terms.actions.rows, spec.actions.rows if spec.actions else ())


@pytest.mark.parametrize(
    ("zone", "day", "begin"),
    [
        ("Africa/Cairo", "2023-04-27", "2023-04-27 22:00"),
        ("America/Havana", "2023-11-04", "2023-11-05 04:00"),
        ("America/New_York", "2023-11-03", "2023-11-04 04:00"),
    ],
)
def test_a_midnight_that_clocks_leave_out_or_strike_twice_ends_a_day(zone: str, day: str, begin: str) -> None:
    hours = pd.date_range(pd.Timestamp(begin, tz="UTC") - pd.Timedelta(hours=2), periods=4, freq="h")
    table = bars(*map(scaled, [100.0, 100.0, 50.0, 50.0]))._replace(ts=hours.as_unit("ns").asi8)
    row = {"date": [pd.Timestamp(day)], "price_factor": [1.0], "split_factor": [0.5], "reference_price": [0.0]}
    factors = pd.DataFrame(row).assign(zone=zone)
    assert corporate_actions(table, factors).rows.tolist() == [[2.0, 2.0, 0.0]]
    assert adjust(table, factors, PriceView.SPLIT_ADJUSTED).close.tolist() == [50.0] * 4

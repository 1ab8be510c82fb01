"""Unknown volume (midpoints and quotes) travels as NaN: through the store, coarser bars, checks, features, the gate."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.policy.make import a_snapshot, an_intent, limits
from tradewright.execution.market_state import MarketStateReader
from tradewright.formats.resample import resample
from tradewright.indicators.features import FeatureSettings, feature_snapshot, feature_table
from tradewright.model.bar_rules import bars_of, intact, violations
from tradewright.model.bars import BarKind, Timeframe
from tradewright.model.clock import ManualClock
from tradewright.model.decision import Verdict
from tradewright.model.instrument import AssetClass, Instrument
from tradewright.policy.gate import decide
from tradewright.quality.check import check_bars
from tradewright.quality.report import Code
from tradewright.store.artefacts import Artefacts
from tradewright.store.bars import BarStore

START = pd.Timestamp("2026-11-16 00:00", tz="UTC")
ABC = Instrument(symbol="ABC", asset_class=AssetClass.CRYPTO, calendar="24/7")


def frame(count: int = 600, volume: float = np.nan) -> pd.DataFrame:
    """One-minute bars with this volume."""
    close = 100 + np.sin(np.arange(count) / 7)
    ts = pd.date_range(START, periods=count, freq="1min", unit="ns")
    prices = {"open": close, "high": close + 0.5, "low": close - 0.5, "close": close}
    return pd.DataFrame({"ts": ts, **prices, "volume": volume, "spread": 1.0})


@pytest.fixture
def stored(tmp_path: Path) -> BarStore:
    clock = ManualClock((START + pd.Timedelta(minutes=600)).to_pydatetime())
    store = BarStore(tmp_path, clock)
    store.upsert("ABC", Timeframe.M1, BarKind.TRADE, frame(), source="midpoints")
    return store


def test_the_schema_takes_it_and_no_other_absent_number() -> None:
    bars = bars_of(frame(6))
    assert intact(bars, Timeframe.M1)
    assert violations(bars, Timeframe.M1) == []
    table = frame(6)
    table.loc[3, "close"] = np.nan
    bars = bars_of(table)
    assert not intact(bars, Timeframe.M1)
    assert "close" in {found.column for found in violations(bars, Timeframe.M1)}


def test_the_store_keeps_it_and_sees_no_correction_in_the_same_again(stored: BarStore) -> None:
    assert np.isnan(stored.read_bars("ABC", Timeframe.M1).volume).all()
    before = stored.data_hash("ABC", Timeframe.M1)
    report = stored.upsert("ABC", Timeframe.M1, BarKind.TRADE, frame(), source="midpoints")
    assert (report.added, report.unchanged, report.revised) == (0, 600, 0)
    assert stored.data_hash("ABC", Timeframe.M1) == before
    assert stored.upsert("ABC", Timeframe.M1, BarKind.TRADE, frame(volume=0.0), source="zeros").revised == 600
    assert stored.data_hash("ABC", Timeframe.M1) != before, "0 and unknown are two things"


def test_the_check_tells_it_and_blocks_nothing() -> None:
    report = check_bars(frame(50), ABC, Timeframe.M1, now=(START + pd.Timedelta(hours=2)).to_pydatetime())
    found = report.of(Code.UNKNOWN_VOLUME)
    assert found is not None
    assert found.figures["share"] == 1.0
    assert report.of(Code.ZERO_VOLUME) is None
    assert not report.blocking


def test_features_and_gate_score_the_liquidity_by_the_closes(stored: BarStore, tmp_path: Path) -> None:
    table = feature_table(stored.read_bars("ABC", Timeframe.M1), FeatureSettings())
    score = feature_snapshot(table, "ABC").values["liquidity_score"]
    clock = ManualClock((START + pd.Timedelta(minutes=600)).to_pydatetime())
    state = MarketStateReader(stored, Artefacts(tmp_path / "made"), Timeframe.M1, clock).of(ABC)
    assert state.liquidity == Decimal(str(score)) == Decimal("0.99"), "every close moved, and the spread is 1 bp"


def test_volumes_of_a_part_leave_it_unknown_and_the_gate_refuses(tmp_path: Path) -> None:
    clock = ManualClock((START + pd.Timedelta(minutes=600)).to_pydatetime())
    store, table = BarStore(tmp_path, clock), frame()
    table.loc[599, "volume"] = 5.0
    store.upsert("ABC", Timeframe.M1, BarKind.TRADE, table, source="both")
    state = MarketStateReader(store, Artefacts(tmp_path / "made"), Timeframe.M1, clock).of(ABC)
    assert state.liquidity is None
    decision = decide(an_intent(), a_snapshot({"market.liquidity_score": None}), limits())
    assert decision.verdict is Verdict.REJECT
    assert "LIQUIDITY_UNKNOWN" in [reason.code for reason in decision.reasons]


def test_one_unknown_minute_makes_the_hour_unknown() -> None:
    minutes = frame(120, 2.0)
    minutes.loc[70, "volume"] = np.nan
    hours = resample(minutes, Timeframe.M1, Timeframe.H1)
    assert hours["volume"][0] == 120
    assert np.isnan(hours["volume"][1])

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from pandas.testing import assert_frame_equal

from tests.indicators.conftest import make_bars, walk
from tradewright.indicators.arrays import UnknownIndicator
from tradewright.indicators.features import FeatureSettings, feature_snapshot, feature_table
from tradewright.indicators.registry import column
from tradewright.indicators.sessions import Session
from tradewright.model.errors import DataError
from tradewright.model.strategy import Feature

DEFAULT = FeatureSettings()
COLUMNS = [
    "ts", "returns", "log_returns", "rolling_vol", "volatility_rank", "regime", "rsi_divergence", "liquidity_score",
    "ema_1", "ema_18", "rsi_14", "atr_14", "session_asia", "session_london", "session_new_york", "session_rth",
    "version",
]  # fmt: skip


def test_the_table_has_the_columns_of_the_pipeline(market):
    table = feature_table(market, DEFAULT)
    assert list(table) == COLUMNS
    assert len(table) == 400
    assert table["ts"].dtype == "datetime64[ns, UTC]"
    assert_array_equal(table["ts"].astype("int64"), market.ts)
    assert_array_equal(table["ema_1"], market.close)
    for name, feature in DEFAULT.features().items():
        if name not in ("regime", "rsi_divergence"):
            assert_array_equal(table[name], column(feature, market))


def test_warm_up_rows_are_null_and_labels_are_words(market):
    table = feature_table(market, DEFAULT)
    warm = {
        "returns": 1,
        "rolling_vol": 20,
        "volatility_rank": 265,
        "regime": 265,
        "rsi_divergence": 73,
        "liquidity_score": 249,
    }
    for name, rows in warm.items():
        assert table[name].isna().tolist() == [True] * rows + [False] * (400 - rows)
    assert set(table["regime"].dropna()) <= {"range", "trend_up", "trend_down", "high_vol"}
    assert set(table["rsi_divergence"].dropna()) <= {"none", "bullish", "bearish"}
    assert table["session_rth"].dtype == bool


def test_cutting_off_the_future_changes_no_row(market):
    assert_frame_equal(feature_table(market.head(300), DEFAULT), feature_table(market, DEFAULT).head(300))


def test_no_bars_give_no_rows_of_the_same_types(market):
    empty, full = feature_table(market.head(0), DEFAULT), feature_table(market, DEFAULT)
    assert len(empty) == 0
    assert empty.dtypes.to_dict() == full.dtypes.to_dict()


def test_unknown_spreads_are_scored_by_the_fallback_only_if_there_is_one():
    bars = make_bars(walk(260), spread=np.full(260, np.nan))
    assert feature_table(bars, DEFAULT)["liquidity_score"].isna().all()
    scored = feature_table(bars, FeatureSettings(fallback_spread_bps=25.0))["liquidity_score"]
    assert scored.iloc[-1] == 0.75


def test_known_spreads_are_kept_beside_a_fallback(market):
    scored = feature_table(market, FeatureSettings(fallback_spread_bps=25.0))["liquidity_score"]
    assert_array_equal(scored, feature_table(market, DEFAULT)["liquidity_score"])


def test_extra_indicators_and_other_sessions(market):
    settings = FeatureSettings(
        ema=(3,),
        extra=(Feature("bbands_upper", (20, 2.5)),),
        sessions=(Session("lunch", "UTC", *[pd.Timestamp("12:00").time()] * 2),),
    )
    table = feature_table(market, settings)
    assert {"ema_3", "bbands_upper_20_2.5", "session_lunch"} <= set(table)
    assert "session_rth" not in table
    with pytest.raises(UnknownIndicator):
        feature_table(market, FeatureSettings(extra=(Feature("nonsense"),)))


def test_the_version_follows_the_settings(market):
    assert FeatureSettings().version == DEFAULT.version
    others = [FeatureSettings(rsi=15), FeatureSettings(extra=(Feature("returns"),)), FeatureSettings(sessions=())]
    assert len({DEFAULT.version, *(other.version for other in others)}) == 4
    assert set(feature_table(market, DEFAULT)["version"]) == {DEFAULT.version}


def test_the_snapshot_is_the_last_row(market):
    table = feature_table(market, DEFAULT)
    snapshot = feature_snapshot(table, "AAPL")
    last = table.iloc[-1]
    assert snapshot.instrument == "AAPL"
    assert snapshot.ts == last["ts"]
    assert snapshot.version == DEFAULT.version
    assert snapshot.values == last.drop(["ts", "version"]).to_dict()
    assert list(snapshot.values) == COLUMNS[1:-1]


def test_the_snapshot_of_a_warm_up_says_none(market):
    values = feature_snapshot(feature_table(market.head(10), DEFAULT), "AAPL").values
    assert values["regime"] is None
    assert values["rsi_14"] is None
    assert values["ema_1"] == market.close[9]


def test_no_rows_have_no_snapshot(market):
    with pytest.raises(DataError, match="AAPL: no features"):
        feature_snapshot(feature_table(market.head(0), DEFAULT), "AAPL")

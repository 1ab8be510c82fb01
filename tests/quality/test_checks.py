"""Quality checks: what blocks, what is reported, and with which figures."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.tables import bars_table, tables
from tradewright.calendars.registry import calendar
from tradewright.model.bar_rules import bars_of, intact
from tradewright.model.bars import Bars, Timeframe
from tradewright.model.instrument import AssetClass, Instrument, TickerSpan
from tradewright.quality.anomalies import gap_findings
from tradewright.quality.check import check_bars
from tradewright.quality.pandera_schema import explain
from tradewright.quality.report import Code, Finding, QualityReport, Severity

NOW = datetime(2026, 1, 1, tzinfo=UTC)
M1, H1, D1 = Timeframe.M1, Timeframe.H1, Timeframe.D1
BTC = Instrument(symbol="BTC", asset_class=AssetClass.CRYPTO, calendar="24/7")
MINUTE = 60_000_000_000


def check(frame: pd.DataFrame, of: Instrument = BTC, timeframe: Timeframe = M1, **more: object) -> QualityReport:
    return check_bars(frame, of, timeframe, now=NOW, **more)  # type: ignore[arg-type]


def found(report: QualityReport, code: Code) -> Finding:
    finding = report.of(code)
    assert finding is not None, f"{code} is not among {[f.code for f in report.findings]}"
    return finding


BREAKS = {
    "a missing column": lambda f: f.drop(columns="close"),
    "a negative price": lambda f: f.assign(low=f["low"].where(f.index != 3, -1.0)),
    "a high below the low": lambda f: f.assign(high=f["high"].where(f.index != 3, f["low"] - 1)),
    "a repeated time": lambda f: f.assign(ts=f["ts"].where(f.index != 3, f["ts"].iloc[2])),
    "a time out of order": lambda f: f.assign(ts=f["ts"].where(f.index != 3, f["ts"].iloc[1])),
    "a naive time": lambda f: f.assign(ts=f["ts"].dt.tz_localize(None)),
    "a time off the grid": lambda f: f.assign(ts=f["ts"].where(f.index != 3, f["ts"] + pd.Timedelta("7s"))),
    "an unknown price": lambda f: f.assign(open=f["open"].where(f.index != 3)),
    "an infinite spread": lambda f: f.assign(spread=f["spread"].where(f.index != 3, np.inf)),
    "a negative volume": lambda f: f.assign(volume=f["volume"].where(f.index != 3, -1.0)),
    "whole numbers": lambda f: f.assign(volume=f["volume"].astype(int)),
    "text": lambda f: f.assign(volume=f["volume"].astype(str)),
    "words": lambda f: f.assign(low="low"),
}
REASONS = {
    "a missing column": "column close is missing",
    "a negative price": "a price is positive",
    "a high below the low": "the high is not below the low",
    "a repeated time": "a time stamp occurs once",
    "a time out of order": "each row is later than the one before",
    "a naive time": "column ts is datetime64[ns]",
    "a time off the grid": "a bar starts on the grid of 1m",
    "an unknown price": "a value is a finite number",
    "an infinite spread": "a spread is finite or unknown",
    "a negative volume": "a volume is not negative",
    "whole numbers": "column volume is int64",
    "text": "column volume is",
    "words": "column low is",
}


@pytest.mark.parametrize("name", BREAKS)
def test_each_broken_rule_blocks_with_its_own_reason(name: str) -> None:
    report = check(BREAKS[name](bars_table(6)))
    assert report.blocking
    assert any(REASONS[name] in finding.message for finding in report.findings)
    assert {finding.code for finding in report.findings} == {Code.CONTRACT}


def test_a_coarser_unit_is_the_same_moment() -> None:
    frame = bars_table(6)
    assert check(frame.assign(ts=frame["ts"].dt.as_unit("us"))) == check(frame)


def test_the_row_and_its_values_are_named() -> None:
    (finding,) = check(BREAKS["a negative price"](bars_table(6))).findings
    assert finding.figures == {"column": "low", "rows": 1, "first_row": 3}
    assert finding.examples == ("row 3, 2024-03-01 00:03:00+00:00: low=-1.0",)


def test_a_bar_of_the_future_blocks() -> None:
    frame = bars_table(6)
    report = check_bars(frame, BTC, M1, now=frame["ts"].iloc[4].to_pydatetime())
    assert report.blocking
    assert found(report, Code.FUTURE).figures["first_row"] == 5
    assert not check_bars(frame, BTC, M1, now=frame["ts"].iloc[5].to_pydatetime()).blocking


def test_no_bars_block() -> None:
    report = check(bars_table(0))
    assert report.blocking
    assert [finding.code for finding in report.findings] == [Code.NO_BARS]


def test_negative_prices_pass_where_they_are_legitimate() -> None:
    frame = bars_table(6)
    frame[["open", "high", "low", "close"]] -= 137.63
    oil = Instrument(symbol="CL", asset_class=AssetClass.FUTURE, negative_prices=True)
    assert not check(frame, oil).blocking
    assert explain(frame, M1, NOW, negative_prices=True) == []
    assert check(frame).blocking


@settings(max_examples=40)
@given(tables(), st.data())
def test_pandera_explains_exactly_what_the_fast_pass_refuses(frame: pd.DataFrame, data: st.DataObject) -> None:
    if len(frame):
        row, column = data.draw(st.integers(0, len(frame) - 1)), data.draw(st.sampled_from(Bars._fields[1:]))
        frame.loc[row, column] = data.draw(st.sampled_from([np.nan, np.inf, -np.inf, -1.0, 0.0, 1e-9, 1e12]))
    assert (explain(frame, M1, NOW) == []) == intact(bars_of(frame), M1)


@settings(max_examples=80)
@given(st.sets(st.integers(0, 199), min_size=1))
def test_gaps_are_counted_right(present: set[int]) -> None:
    grid = np.arange(200, dtype=np.int64) * MINUTE
    ts = np.array(sorted(present), dtype=np.int64) * MINUTE
    missing = [n for n in range(min(present), max(present) + 1) if n not in present]
    runs = sum(1 for n in missing if n - 1 not in missing)
    findings = gap_findings(ts, grid)
    if not missing:
        assert findings == []
        return
    (finding,) = findings
    expected = max(present) - min(present) + 1
    assert finding.severity is Severity.WARN
    assert finding.figures["missing"] == len(missing)
    assert finding.figures["gaps"] == runs
    assert finding.figures["expected"] == expected
    assert finding.figures["share"] == pytest.approx(len(missing) / expected)
    longest = max(n - m for m in present for n in present if m < n and not any(m < k < n for k in present)) - 1
    assert finding.figures["longest"] == longest


def test_bars_outside_the_sessions_are_counted_and_no_gap() -> None:
    grid = np.array([10, 11, 12], dtype=np.int64) * MINUTE
    (finding,) = gap_findings(np.array([9, 10, 11, 12, 13], dtype=np.int64) * MINUTE, grid)
    assert (finding.code, finding.figures["bars"]) == (Code.OUTSIDE_SESSION, 2)
    assert gap_findings(grid[:0], grid) == []


def test_quirks_of_volume_and_quotes() -> None:
    frame = bars_table(10).assign(spread=1.0)
    frame.loc[[1, 2], "volume"] = 0.0
    frame.loc[3, ["open", "high", "low", "close"]] = 100.0
    frame.loc[4, "spread"] = -2.0
    frame.loc[[5, 6, 7], "spread"] = np.nan
    report = check(frame)
    counts = {finding.code: finding.figures["bars"] for finding in report.findings}
    assert counts == {Code.CROSSED_QUOTES: 1, Code.ZERO_VOLUME: 2, Code.FLAT_BARS: 1, Code.NO_SPREAD: 3}
    assert report.findings[0].severity is Severity.WARN, "gravest first"


def test_a_clean_table_has_no_findings() -> None:
    frame = bars_table(500).assign(spread=1.0)
    grid = calendar("24/7").grid(M1, frame["ts"].iloc[0], frame["ts"].iloc[-1])
    assert check(frame, grid=grid).findings == ()


def test_a_bad_print_is_far_from_both_neighbours_and_a_split_is_not() -> None:
    printed = bars_table(300)
    printed.loc[100, ["close", "high"]] *= 1.5
    printed.loc[101, "open"] = printed.loc[101, "close"]
    finding = found(check(printed), Code.BAD_PRINT)
    assert finding.figures["bars"] == 1
    assert finding.examples[0].startswith(printed["ts"][100].isoformat())
    split = bars_table(300)
    split.loc[150:, ["open", "high", "low", "close"]] /= 4
    split.loc[150, ["open", "high", "low"]] = split.loc[150, "close"]
    report = check(split)
    assert report.of(Code.BAD_PRINT) is None
    assert found(report, Code.POSSIBLE_SPLIT).figures["largest"] == pytest.approx(4, rel=0.01)
    assert found(report, Code.JUMPS).figures["bars"] == 1


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_few_bars_and_equal_bars_have_no_price_findings(rows: int) -> None:
    frame = bars_table(rows)
    frame[["open", "high", "low", "close"]] = 100.0
    codes = {finding.code for finding in check(frame).findings}
    assert codes == {Code.FLAT_BARS, Code.NO_SPREAD}


def test_bars_of_another_security_are_named() -> None:
    frame = bars_table(6, "2014-03-31 13:30", "1D")
    spans = [TickerSpan(date(2014, 4, 2), "GOOCV", "Q"), TickerSpan(date(2050, 12, 31), "GOOG", "Q")]
    google = Instrument(symbol="GOOG", asset_class=AssetClass.STOCK)
    finding = found(check(frame, google, D1, symbol_map=spans), Code.SECURITY_CHANGED)
    assert finding.figures["bars"] == 3
    assert "2014-04-02" in finding.message
    assert check(frame, google, D1, symbol_map=spans[1:]).of(Code.SECURITY_CHANGED) is None
    ours = google.model_copy(update={"symbol": "ALPHABET", "venue_symbols": {"lean": "equity/usa/goog"}})
    assert found(check(frame, ours, D1, symbol_map=spans), Code.SECURITY_CHANGED).figures["bars"] == 3
    assert check(frame, ours, D1, symbol_map=spans[1:]).of(Code.SECURITY_CHANGED) is None


def test_bars_from_before_the_listing_are_of_another_security() -> None:
    frame = bars_table(6, "2014-03-31 14:30", "1D")
    spans = [TickerSpan(date(2014, 4, 1), "", "Q"), TickerSpan(date(2050, 12, 31), "GOOG", "Q")]
    google = Instrument(symbol="GOOG", asset_class=AssetClass.STOCK)
    assert found(check(frame, google, D1, symbol_map=spans), Code.SECURITY_CHANGED).figures["bars"] == 2

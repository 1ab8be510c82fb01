"""The findings on the real data set beside what was measured with other tools, and what the checks found before."""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd
import pytest

from tests.data.real_series import RealSeries
from tradewright.calendars.registry import calendar_of
from tradewright.model.bar_rules import bars_of
from tradewright.model.bars import BarKind, PriceView, Timeframe
from tradewright.model.instrument import AssetClass
from tradewright.quality.check import check_bars
from tradewright.quality.report import Code, QualityReport, Severity
from tradewright.store.actions import adjust

NOW = datetime(2026, 11, 1, tzinfo=UTC)
MEASURED = {Code.GAPS, Code.JUMPS, Code.CROSSED_QUOTES}
"""Compared with figures of ``quirks.json``, not with the table below."""

FOUND: dict[str, dict[Code, tuple[int, tuple[str, ...]]]] = {
    "AAPL 1d trade": {Code.BAD_PRINT: (3, ("2009-09-21: low 10.59", "2011-01-03: low 32.65", "2010-08-31: low 25.3"))},
    "AIG 1d trade": {Code.BAD_PRINT: (3, ("2009-05-05: high 20.98", "2003-11-04: low 44.7", "2004-10-29: low 51.21"))},
    "BAC 1d trade": {
        Code.BAD_PRINT: (10, ("2001-11-12: low 40", "1998-04-24: low 63.5", "2000-02-29: low 35.75")),
        Code.SECURITY_CHANGED: (188, ("1998-01-02",)),
    },
    "GOOG 1d trade": {
        Code.BAD_PRINT: (2, ("2008-09-30: low 0.01", "2007-12-18: low 67.5", "2008-09-30: close 294.57")),
        Code.POSSIBLE_SPLIT: (1, ("2014-04-03",)),
        Code.SECURITY_CHANGED: (2422, ("2004-08-19",)),
    },
    "GOOCV 1d trade": {Code.BAD_PRINT: (1, ("2014-04-02: open 725.95",))},
    "GOOGL 1d trade": {Code.BAD_PRINT: (2, ("2019-12-16: low 1225.95", "2019-03-27: low 1070.06"))},
    "IBM 1d trade": {Code.BAD_PRINT: (7, ("2002-12-23: open 159.58", "2002-08-26: low 61", "2002-11-07: low 61"))},
    "QQQ 1d trade": {Code.BAD_PRINT: (6, ("2004-11-01: low 27.05", "2004-11-17: low 30.9", "2001-12-13: high 49.93"))},
    "SPY 1d trade": {
        Code.BAD_PRINT: (25, ("2002-04-02: high 144.12", "2002-06-06: high 124.67", "2000-12-18: open 111"))
    },
    "AAPL 1h trade": {Code.BAD_PRINT: (30, ("2009-09-21: low 10.59", "2011-01-03: low 32.65", "2010-08-31: low 25.3"))},
    "SPY 1h trade": {
        Code.BAD_PRINT: (50, ("2002-04-02: high 144.12", "2000-12-18: open 111", "2002-06-06: high 124.67"))
    },
    "AAPL 1m quote": {Code.BAD_PRINT: (2, ("2014-06-06: open 325.175", "2014-06-09: open 46.71"))},
    "BTCUSD 1d trade": {Code.BAD_PRINT: (1, ("2017-04-15: low 0.06",))},
    "BTCUSD 1d quote": {Code.BAD_PRINT: (11, ("2016-06-04: low 282.52", "2016-05-03: low 273.9"))},
    "BTCUSD 1h trade": {Code.BAD_PRINT: (1, ("2013-10-05: low 115",))},
    "bitfinex/BTCUSD/Candles_1m/2018/merged_from_raw.csv.gz": {Code.BAD_PRINT: (1, ("2018-02-24: low 9505",))},
    "bitfinex/ETHUSD/Candles_1m/2016/merged.csv.gz": {
        Code.BAD_PRINT: (2, ("2016-03-14: close 12", "2016-03-14: close 11.4"))
    },
    "bitfinex/ETHUSD/Candles_1m/2018/merged_from_raw.csv.gz": {
        Code.BAD_PRINT: (2, ("2018-05-16: low 645", "2018-09-18: high 222"))
    },
    "ES:201406 1m quote": {Code.BAD_PRINT: (1, ("2013-10-09: close 1747.5",))},
}
"""How many bars, and the gravest places, as the checks found them: a change of a rule shows here.

Prices of LEAN's equities that its own minutes or another vendor refute, first quotes of a day without a bid, single
trades of thin hours far from the market; rows from before a ticker changed hands, and the split that this looks like.
"""


def report_on(series: RealSeries) -> QualityReport:
    """The findings, as the product makes them of a stored series."""
    frame, bars = series.reading.frame, bars_of(series.reading.frame)
    grid = calendar_of(series.instrument).expected_starts(series.timeframe, bars.ts)
    adjusted = None if series.factors is None else adjust(bars, series.factors, PriceView.SPLIT_ADJUSTED)
    return check_bars(
        frame, series.instrument, series.timeframe,
        now=NOW, grid=grid, symbol_map=series.symbol_map, adjusted=adjusted,
    )  # fmt: skip


def assert_found(series: RealSeries, report: QualityReport) -> None:
    """Each finding that the table has is there with its places, and none beside them."""
    wanted = FOUND.get(series.name, {})
    told = {row.code: row for row in report.findings if row.severity is not Severity.INFO and row.code not in MEASURED}
    assert told.keys() == wanted.keys(), [row.message for row in told.values()]
    for code, (bars, places) in wanted.items():
        assert told[code].figures["bars"] == bars, told[code]
        found = [f"{each[:10]}{each[25:]}" for each in told[code].examples]
        for place in places:
            assert any(each.startswith(place) for each in found), (place, found)


def assert_measured(file: RealSeries) -> None:
    """What was measured in one file is found, in the same number and place, and nothing else of its kind."""
    report, record = report_on(file), file.records[0]
    assert not report.blocking, report.findings[0]
    if sum(file.reading.dropped.values()) or record.get("rows_with_nan"):
        return  # those rows were measured; their number is compared where they are read
    counts = {Code.ZERO_VOLUME: "zero_volume_bars", Code.UNKNOWN_VOLUME: "nan_volume", Code.FLAT_BARS: "flat_bars"}
    if file.reading.kind is BarKind.QUOTE or "zero_volume_bars" not in record:
        del counts[Code.ZERO_VOLUME], counts[Code.UNKNOWN_VOLUME]
    for code, key in counts.items():
        if key in record:
            assert _count(report, code) == record[key], (code, record["file"])
    assert _count(report, Code.CROSSED_QUOTES) >= int(str(record.get("crossed_close", 0)))
    if "extended_hours_bars" in record:
        assert _count(report, Code.OUTSIDE_SESSION) == record["extended_hours_bars"]
    _assert_gaps(file, report, record)
    if file.factors is None:
        _assert_moves(file, report, record)


def _count(report: QualityReport, code: Code) -> int:
    finding = report.of(code)
    return int(finding.figures["bars"]) if finding else 0


def _assert_gaps(file: RealSeries, report: QualityReport, record: dict[str, object]) -> None:
    """Exactly as measured where the measurement knows the sessions; elsewhere whether there are any."""
    if record.get("missing_bars") is None:
        return
    finding = report.of(Code.GAPS)
    missing, gaps = (int(finding.figures[key]) if finding else 0 for key in ("missing", "gaps"))
    measured = int(str(record["missing_bars"]))
    if file.instrument.asset_class in (AssetClass.FOREX, AssetClass.FUTURE):
        assert bool(missing) == bool(measured), (record["file"], missing, measured)
    else:
        assert missing == measured, record["file"]
        assert gaps == record["gaps"] or file.instrument.calendar == "XNYS", "where each missing slot is a gap"


def _assert_moves(file: RealSeries, report: QualityReport, record: dict[str, object]) -> None:
    """The gravest jumps are the largest moves that were measured, those across missing bars left out."""
    finding, rows = report.of(Code.JUMPS), record["largest_close_to_close"]
    if finding is None:
        return
    assert isinstance(rows, list)
    measured = [float(move) for time, move in rows if _follows(file, str(time))]
    found = [float(each.rpartition(" ")[2]) for each in finding.examples[: len(measured)]]
    assert found == pytest.approx(measured[: len(found)], abs=6e-4), record["file"]


def _follows(file: RealSeries, time: str) -> bool:
    """Whether the bar before this one is at most five days older, or the one step of an intraday series."""
    stamp, stamps = pd.Timestamp(time), file.reading.frame["ts"]
    stamp = stamp.tz_localize(file.zone) if stamp.tzinfo is None else stamp
    row = int(stamps.searchsorted(stamp))
    longest = pd.Timedelta(days=31 if file.timeframe is Timeframe.MO1 else 5)
    return bool(stamps[row] - stamps[row - 1] <= (longest if file.dated else pd.Timedelta(file.timeframe.seconds, "s")))

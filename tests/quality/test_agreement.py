"""Other bars of the same market: shorter ones that add up, and a second source."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.tables import bars_table
from tradewright.calendars.registry import calendar
from tradewright.calendars.resampling import resampled
from tradewright.formats.lean.bars import read_lean
from tradewright.model.bar_rules import bars_of, select
from tradewright.model.bars import Bars, Timeframe
from tradewright.model.instrument import AssetClass, Instrument
from tradewright.quality.agreement import OtherBars, agreeing, agreement_finding, mostly_whole
from tradewright.quality.check import check_bars
from tradewright.quality.report import Code, Severity

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = 60 * 10**9
TABLE = bars_of(bars_table(60))


def second(bars: Bars) -> OtherBars:
    return OtherBars(Code.SOURCES_DISAGREE, "the 1m bars of ABC_2", bars, is_declared=True)


def shorter(bars: Bars) -> OtherBars:
    return OtherBars(Code.TIMEFRAMES_DISAGREE, "what the stored 1m bars add up to", bars)


PRICE = st.one_of(st.floats(-5, 200), st.integers(99, 101).map(float))
ROWS = st.dictionaries(st.integers(0, 30), st.tuples(PRICE, PRICE, PRICE, PRICE), max_size=12)
"""Prices by the number of the minute: any, also negative ones, and zero."""


def bars_at(rows: dict[int, tuple[float, ...]]) -> Bars:
    starts = sorted(rows)
    columns = [np.array([rows[start][at] for start in starts], dtype=float) for at in range(4)]
    unknown = np.full(len(starts), np.nan)
    return Bars(np.array(starts, dtype=np.int64) * MINUTE, *columns, unknown, unknown)


def apart(one: float, other: float) -> float:
    larger = max(abs(one), abs(other))
    return abs(one - other) / larger if larger else 0.0


@given(ROWS, ROWS)
def test_what_disagrees_is_what_a_loop_over_the_rows_finds(ours: dict[int, tuple], theirs: dict[int, tuple]) -> None:
    bars, other = bars_at(ours), second(bars_at(theirs))
    common = sorted(ours.keys() & theirs.keys())
    far = {
        start: max(apart(*pair) for pair in zip(ours[start], theirs[start], strict=True)) for start in common
    }  # the largest difference of each common minute
    wrong = [start for start in common if far[start] > 0.01]
    found = agreement_finding(bars, other)
    if not common:
        assert found[0].message == "nothing was compared: no bar starts at the time of one of the 1m bars of ABC_2"
    elif not wrong:
        assert found == []
    else:
        (finding,) = found
        assert finding.figures["bars"] == len(wrong)
        assert finding.figures["compared"] == len(common)
        assert finding.figures["largest"] == pytest.approx(max(far.values()))
        assert finding.figures["share"] == len(wrong) / len(ours)
    confirmed = [bool(each) for each in agreeing(bars, other)]
    assert confirmed == [start in common and start not in wrong for start in sorted(ours)]


def test_the_message_names_the_bars_and_both_prices_the_farthest_first() -> None:
    high = TABLE.high.copy()
    high[[7, 20]] *= 1.02, 1.05
    (found,) = agreement_finding(TABLE._replace(high=high), shorter(TABLE))
    assert found.message == (
        "2 of 60 compared bars (3.3%) differ by more than 1.00% from what the stored 1m bars add up to"
    )
    assert found.severity is Severity.WARN
    times = [example.partition(": ")[0][-14:-9] for example in found.examples]
    assert times == [f"{bars_table(60)['ts'].iloc[row]:%H:%M}" for row in (20, 7)]
    assert found.examples[0].endswith(f"high {high[20]:g} against {TABLE.high[20]:g}")


def test_bars_that_were_not_declared_and_say_nothing_are_no_finding() -> None:
    later = TABLE._replace(ts=TABLE.ts + 1)
    assert agreement_finding(TABLE, shorter(later)) == []
    assert agreement_finding(TABLE, shorter(Bars.none())) == []
    assert agreement_finding(TABLE, second(Bars.none()))[0].figures == {"bars": 0, "compared": 0}


def test_a_bad_print_that_the_second_source_has_too_is_none() -> None:
    frame = bars_table(60)
    frame.loc[30, "high"] *= 1.2
    abc = Instrument(symbol="ABC", asset_class=AssetClass.STOCK)

    def codes(*others: OtherBars) -> set[Code]:
        report = check_bars(frame, abc, Timeframe.M1, now=NOW, others=others)
        return {row.code for row in report.findings} & {Code.BAD_PRINT, Code.SOURCES_DISAGREE, Code.TIMEFRAMES_DISAGREE}

    assert codes() == {Code.BAD_PRINT}
    assert codes(second(bars_of(frame))) == set()
    assert codes(second(TABLE)) == {Code.BAD_PRINT, Code.SOURCES_DISAGREE}
    assert codes(shorter(bars_of(frame))) == {Code.BAD_PRINT}, "one vendor's print is in all its timeframes"


@pytest.mark.parametrize(("missing", "is_whole"), [(0, True), (3, True), (4, False), (60, False)])
def test_a_period_counts_when_nearly_all_of_its_shorter_bars_are_there(missing: int, is_whole: bool) -> None:
    grid = np.arange(180, dtype=np.int64) * MINUTE
    stored = np.delete(grid, np.s_[60 : 60 + missing])
    unknown = np.full(3, 1.0)
    hours = Bars(np.array([0, 60, 120], dtype=np.int64) * MINUTE, *[unknown] * 6)
    made = hours if missing < 60 else select(hours, np.array([0, 2]))
    assert (60 * MINUTE in mostly_whole(made, stored, grid).ts) is is_whole
    assert 120 * MINUTE in mostly_whole(made, stored, grid).ts


@pytest.mark.parametrize(
    ("symbol", "asset_class", "told"),
    [
        ("aapl", "stock", "2001-12-24T14:30:00+00:00: high 21.75 against 21.45"),
        ("spy", "etf", "2001-11-23T14:30:00+00:00: high 118.63 against 115.66"),
    ],
)
def test_hours_and_days_of_one_vendor(symbol: str, asset_class: str, told: str, real_data: Path) -> None:
    """Twenty-three years of both: one high each, which the day alone has, is the whole disagreement.

    Two days lack hours, and are not compared.
    """
    market = calendar("XNYS")
    one = Instrument(
        symbol=symbol.upper(), asset_class=AssetClass(asset_class), venue_symbols={"lean": f"equity/usa/{symbol}"}
    )
    hours, days = (
        bars_of(read_lean(real_data / "lean" / "Data", one, each, opens=market.daily_starts).frame)
        for each in (Timeframe.H1, Timeframe.D1)
    )
    made = resampled(market, hours, Timeframe.H1, Timeframe.D1)
    whole = mostly_whole(made, hours.ts, market.expected_starts(Timeframe.H1, hours.ts))
    (found,) = agreement_finding(days, shorter(whole))
    assert (found.figures["bars"], found.figures["compared"]) == (1, len(days.ts) - 2)
    assert found.examples == (told,)

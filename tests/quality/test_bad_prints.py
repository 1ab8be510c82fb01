"""Bad prints: against a plain reading of their definition, and in real histories with known faults and without."""

from __future__ import annotations

import math
import statistics
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.tables import bars_table
from tradewright.calendars.registry import calendar
from tradewright.formats.lean.bars import read_lean
from tradewright.model.bar_rules import bars_of, select
from tradewright.model.bars import Bars, Timeframe
from tradewright.model.instrument import AssetClass, Instrument
from tradewright.quality.bad_prints import bad_print_finding
from tradewright.quality.price_moves import price_findings
from tradewright.quality.report import Code

MINUTE = 60_000_000_000
AROUND, LEAST = 10, 0.05
RANGES = {"open": 5.0, "high": 5.0, "low": 5.0, "close": 3.0}
"""The numbers of ``conf/quality/default.yaml``."""
ROW = tuple[float, float, float, float]


def bars_from(rows: list[ROW]) -> Bars:
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    ones = np.ones(len(rows))
    return Bars(np.arange(len(rows), dtype=np.int64) * MINUTE, *columns, ones, ones)


def by_hand(rows: list[ROW]) -> set[tuple[int, str]]:
    """Row and column of every bad print, in plain Python."""
    closes = [row[3] for row in rows]
    before = [closes[0], *closes[:-1]]
    ranges = [
        math.log(max(row[1], prior)) - math.log(min(row[2], prior)) for row, prior in zip(rows, before, strict=True)
    ]
    found = set()
    for place, (opened, high, low, close) in enumerate(rows):
        around = [ranges[i] for i in range(place - AROUND, place + AROUND + 1) if 0 <= i < len(rows) and i != place]
        for name, price, others in (
            ("open", opened, [close]), ("high", high, [opened, close]), ("low", low, [opened, close]),
            ("close", close, [opened]),
        ):  # fmt: skip
            after = place + 1
            if name == "close" and after < len(rows) and rows[after][0] == close:
                after += 1
            is_newest = place == len(rows) - 1
            if place == 0 or (after >= len(rows) and not is_newest):
                continue
            near = [rows[place - 1]] if is_newest else [rows[place - 1], rows[after]]
            above = math.log(price) - math.log(max([row[1] for row in near] + others))
            below = math.log(min([row[2] for row in near] + others)) - math.log(price)
            far = {"high": above, "low": below}.get(name, max(above, below))
            limit = RANGES[name] * (4 if is_newest and name == "close" else 1)
            if far > LEAST + 1e-9 and far > limit * statistics.median(around) + 1e-9:
                found.add((place, name))
    return found


steps = st.sampled_from([-0.9, -0.3, -0.07, -0.04, -0.002, 0.0, 0.001, 0.003, 0.05, 0.08, 0.25, 1.2])
shapes = st.tuples(steps, steps, st.sampled_from([0.0, 0.001, 0.06, 0.4]), st.sampled_from([0.0, 0.002, 0.07, 2.0]))


@settings(max_examples=200)
@given(st.lists(shapes, min_size=3, max_size=30), st.booleans())
def test_bad_prints_are_those_of_the_definition(
    given_steps: list[tuple[float, float, float, float]], joined: bool
) -> None:
    rows: list[ROW] = []
    for gap, body, up, down in given_steps:
        opened = rows[-1][3] if rows and joined else 100.0 * math.exp(gap)
        close = 100.0 * math.exp(body)
        rows.append((opened, max(opened, close) * math.exp(up), min(opened, close) * math.exp(-down), close))
    wanted, found = by_hand(rows), bad_print_finding(bars_from(rows))
    assert (found[0].figures["bars"] if found else 0) == len({place for place, _ in wanted})
    if found and len(wanted) <= 5:
        told = {tuple(example.split(": ")[0:2]) for example in found[0].examples}
        assert {(stamp, text.split()[0]) for stamp, text in told} == {
            (pd.Timestamp(place * MINUTE, tz="UTC").isoformat(), name) for place, name in wanted
        }


@pytest.mark.parametrize(
    ("column", "factor"),
    [("open", 0.5), ("open", 2.0), ("high", 2.0), ("low", 0.5), ("close", 0.5), ("close", 2.0)],
)
def test_each_price_is_judged_on_its_possible_sides(column: str, factor: float) -> None:
    frame = bars_table(60)
    frame.loc[30, column] *= factor
    frame.loc[30, "high"] = frame.loc[30, ["open", "high", "low", "close"]].max()
    frame.loc[30, "low"] = frame.loc[30, ["open", "high", "low", "close"]].min()
    (finding,) = bad_print_finding(bars_of(frame))
    assert (finding.code, finding.figures["bars"]) == (Code.BAD_PRINT, 1)
    assert any(f": {column} {frame[column][30]:g}, " in example for example in finding.examples)


@pytest.mark.parametrize("column", ["open", "high", "low", "close"])
def test_the_newest_bar_is_judged_by_the_one_before(column: str) -> None:
    """Orders are decided on it. A new level that all of its prices keep, and a fall of some ranges, pass."""
    frame = bars_table(60)
    frame.loc[59, column] *= 0.5 if column == "low" else 2.0
    frame.loc[59, "high"] = frame.loc[59, ["open", "high", "low", "close"]].max()
    (finding,) = bad_print_finding(bars_of(frame))
    assert f": {column} {frame[column][59]:g}, " in finding.examples[0]
    level = bars_table(60)
    level.loc[59, ["open", "high", "low", "close"]] *= 2
    assert bad_print_finding(bars_of(level)) == []
    after = pd.concat([frame, frame.iloc[[59]].assign(ts=frame["ts"][59] + pd.Timedelta("1min"))], ignore_index=True)
    after.loc[60, ["open", "high", "low", "close"]] = frame.loc[59, "close"]
    assert bool(bad_print_finding(bars_of(after))) is (column != "close"), "the bar after stays where it closed"


def test_a_new_level_a_fall_and_a_wild_market_are_no_bad_prints() -> None:
    level = bars_table(60)
    level.loc[30:, ["open", "high", "low", "close"]] *= 2
    assert bad_print_finding(bars_of(level)) == []
    wide = bars_table(60)
    wide["high"] *= 1.01
    wide["low"] /= 1.01
    fall = wide.copy()
    fall.loc[59, ["low", "close"]] = fall.loc[59, "open"] * 0.9
    assert bad_print_finding(bars_of(fall)) == []
    wild = bars_table(60)
    wild["high"] *= 1.2
    wild["low"] /= 1.2
    wild.loc[30, "high"] *= 1.3
    assert bad_print_finding(bars_of(wild)) == []


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_too_few_bars_and_prices_without_a_logarithm_are_not_judged(rows: int) -> None:
    assert bad_print_finding(bars_of(bars_table(rows))) == []
    frame = bars_table(60)
    frame.loc[30, "high"] *= 2
    frame.loc[7, "low"] = -1.0
    assert bad_print_finding(bars_of(frame)) == []


def lean(real_data: Path, symbol: str) -> Bars:
    """An equity of LEAN's sample."""
    instrument = Instrument(symbol=symbol, asset_class=AssetClass.STOCK)
    return bars_of(
        read_lean(real_data / "lean" / "Data", instrument, Timeframe.D1, opens=calendar("XNYS").daily_starts).frame
    )


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("symbol", "day", "told"),
    [
        ("SPY", "2002-04-02", "high 144.12"),
        ("SPY", "2000-12-18", "open 111"),
        ("SPY", "2005-09-06", "low 105.68"),
        ("GOOG", "2007-12-18", "low 67.5"),
        ("GOOG", "2008-09-30", "low 0.01"),
        ("GOOG", "2008-09-30", "close 294.57"),
        ("AAPL", "2009-09-21", "low 10.59"),
        ("AIG", "2009-05-05", "high 20.98"),
        ("IBM", "2002-12-23", "open 159.58"),
    ],
)
def test_a_known_bad_print_is_found(real_data: Path, symbol: str, day: str, told: str) -> None:
    """B6: each of them filled orders, and a second source refutes it."""
    (finding,) = bad_print_finding(lean(real_data, symbol))
    assert any(example.startswith(day) and f": {told}," in example for example in finding.examples)


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("symbol", "first", "last", "days"),
    [
        ("GOOG", "2008-08-01", "2008-11-30", ["2008-09-30"]),
        ("AIG", "2008-08-01", "2009-04-30", []),
        ("AIG", "2009-06-01", "2009-12-31", []),
        ("BAC", "2008-08-01", "2009-12-31", []),
    ],
)
def test_a_close_that_was_traded_at_is_no_bad_print(
    real_data: Path, symbol: str, first: str, last: str, days: list[str]
) -> None:
    """AIG in March 2009 and BAC in January 2009 fell by a third and rose again; only GOOG's close was never traded."""
    bars = lean(real_data, symbol)
    low, high = (pd.Timestamp(day, tz="UTC").value for day in (first, last))
    found = bad_print_finding(select(bars, (bars.ts >= low) & (bars.ts <= high)))
    assert [each[:10] for row in found for each in row.examples if ": close " in each] == days
    assert bool(found) == bool(days)


@pytest.mark.real_data
def test_a_reverse_split_is_found_and_a_fall_by_half_is_none(real_data: Path) -> None:
    (aig,) = [row for row in price_findings(lean(real_data, "AIG")) if row.code is Code.POSSIBLE_SPLIT]
    assert any(example.startswith("2009-07-01") for example in aig.examples)
    (aapl,) = [row for row in price_findings(lean(real_data, "AAPL")) if row.code is Code.POSSIBLE_SPLIT]
    days = {example[:10] for example in aapl.examples}
    assert days == {"2000-06-21", "2005-02-28", "2014-06-09", "2020-08-31"}, "2000-09-29 was a profit warning"

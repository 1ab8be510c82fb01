"""Quotes from files: middle and spread of bid and ask, in one table or in two files; trades are refused as quotes."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather as feather
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewright.formats.bars_reader import paired
from tradewright.formats.column_mapping import ColumnMapping
from tradewright.formats.quotes import ONE_SIDED, PRICES, SIDED
from tradewright.formats.tabular import read_csv, read_feather, read_parquet
from tradewright.model.bars import BarKind, Timeframe
from tradewright.model.errors import DataError

H1 = Timeframe.H1
HEADER = "time,bid_open,bid_high,bid_low,bid_close,ask_open,ask_high,ask_low,ask_close"
ROWS = (
    "2024-03-04T00:00Z,1.10,1.12,1.09,1.11,1.1002,1.1204,1.0902,1.1104",
    "2024-03-04T01:00Z,1.11,1.13,1.10,1.12,1.1102,1.1304,1.1002,1.1204",
    "2024-03-04T02:00Z,1.12,1.12,1.10,1.10,1.1202,1.1202,1.1004,1.1004",
)


def written(folder: Path, text: str, name: str = "quotes.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def quotes(folder: Path, *rows: str, header: str = HEADER) -> Path:
    return written(folder, "\n".join((header, *rows)) + "\n")


@st.composite
def sided(draw: st.DrawFn) -> dict[str, float]:
    """The eight prices of a bar, sometimes crossed."""
    low = draw(st.floats(0.5, 2.0))
    bid = low + draw(st.floats(0, 0.1)), low + 0.1, low, low + draw(st.floats(0, 0.1))
    wide = draw(st.floats(-0.01, 0.05))
    return dict(zip(SIDED, (*bid, *(price + wide for price in bid)), strict=True))


@given(bars=st.lists(sided(), min_size=1, max_size=12), as_arrow=st.booleans())
def test_middle_and_spread_are_those_of_plain_arithmetic(
    tmp_path_factory: pytest.TempPathFactory, bars: list[dict[str, float]], as_arrow: bool
) -> None:
    starts = pd.date_range("2024-03-04", periods=len(bars), freq="h", tz="UTC")
    frame = pd.DataFrame({"date": starts, **{name: [bar[name] for bar in bars] for name in SIDED}, "volume": 5.0})
    path = tmp_path_factory.mktemp("quotes") / "table"
    if as_arrow:
        feather.write_feather(pa.Table.from_pandas(frame), path)
    else:
        frame.to_parquet(path)
    reading = (read_feather if as_arrow else read_parquet)(path, H1)
    assert reading.kind is BarKind.QUOTE
    assert reading.left_out == ("volume",)
    for bar, row in zip(bars, reading.frame.to_dict("records"), strict=True):
        for name in PRICES:
            assert row[name] == (bar[f"bid_{name}"] + bar[f"ask_{name}"]) / 2
        first, last = (
            (bar[f"ask_{name}"] - bar[f"bid_{name}"]) / ((bar[f"bid_{name}"] + bar[f"ask_{name}"]) / 2) * 10_000
            for name in ("open", "close")
        )
        expected = min(first, last) if min(first, last) < 0 else (first + last) / 2
        assert math.isclose(row["spread"], expected, rel_tol=1e-12, abs_tol=1e-12)
        assert math.isnan(row["volume"])


@pytest.mark.parametrize("form", ["{side}{price}", "{price} {side}", "{side}.{letter}", "{Side} {Price}"])
def test_usual_headers_are_recognised_and_others_are_named(tmp_path: Path, form: str) -> None:
    plain = read_csv(quotes(tmp_path, *ROWS), H1).frame
    pairs = [name.split("_") for name in SIDED]
    shown = [
        form.format(side=side, price=price, letter=price[0], Side=side.title(), Price=price.title())
        for side, price in pairs
    ]
    again = read_csv(quotes(tmp_path, *ROWS, header=",".join(["time", *shown])), H1).frame
    pd.testing.assert_frame_equal(plain, again)
    odd = [f"x{place}" for place in range(8)]
    named = ColumnMapping(columns=dict(zip(SIDED, odd, strict=True)), kind=BarKind.QUOTE)
    pd.testing.assert_frame_equal(
        read_csv(quotes(tmp_path, *ROWS, header=",".join(["time", *odd])), H1, named).frame, plain
    )


def test_two_files_give_what_one_table_gives_and_lonely_times_are_counted(tmp_path: Path) -> None:
    whole = read_csv(quotes(tmp_path, *ROWS), H1)
    cells = [row.split(",") for row in ROWS]
    header = "time,open,high,low,close"
    lines = [",".join((row[0], *row[1:5])) for row in cells], [",".join((row[0], *row[5:])) for row in cells[1:]]
    sides = [written(tmp_path, "\n".join((header, *rows)), f"{n}.csv") for n, rows in enumerate(lines)]
    bid, ask = (read_csv(path, H1) for path in sides)
    reading = paired(bid, ask)
    assert reading.kind is BarKind.QUOTE
    assert reading.dropped == {ONE_SIDED: 1}
    pd.testing.assert_frame_equal(reading.frame, whole.frame.iloc[1:].reset_index(drop=True))
    late = read_csv(written(tmp_path, f"{header}\n2025-01-01T00:00Z,1,1,1,1\n", "late.csv"), H1)
    with pytest.raises(DataError, match="no time in common"):
        paired(bid, late)


def test_rows_of_one_side_are_left_out_and_counted(tmp_path: Path) -> None:
    lonely = "2024-03-04T03:00Z,,,,,1.1202,1.1202,1.1004,1.1004"
    reading = read_csv(quotes(tmp_path, *ROWS, lonely), H1)
    assert reading.dropped == {ONE_SIDED: 1}
    assert len(reading.frame) == 3
    falling = read_csv(quotes(tmp_path, lonely, *ROWS[::-1]), H1)
    pd.testing.assert_frame_equal(reading.frame, falling.frame)


def test_a_broken_row_is_named_by_its_place_in_the_file(tmp_path: Path) -> None:
    lonely = "2024-03-04T01:00Z,,,,,1.1202,1.1202,1.1004,1.1004"
    broken = "2024-03-04T02:00Z,1.12,1.05,1.10,1.10,1.1202,1.05,1.1004,1.1004"
    with pytest.raises(DataError, match="row 3: high"):
        read_csv(quotes(tmp_path, ROWS[0], lonely, broken), H1)


TRADES = "time,open,high,low,close,spread\n" + "\n".join(f"2024-03-04T0{n}:00Z,1,1,1,1,2.5" for n in range(3))


@pytest.mark.parametrize(
    ("text", "kind", "told", "remedy"),
    [
        ("\n".join((HEADER, *ROWS)), "trade", "a table of quotes", "say --kind quote"),
        ("time,open,high,low,close\n2024-03-04T00:00Z,1,1,1,1\n", "quote", "a table of trades", "--ask FILE"),
        ("time,bid,ask\n2024-03-04T00:00Z,1,1\n", None, "single quotes", "make bars first"),
        ("time,bid,ask\n2024-03-04T00:00Z,1,1\n", "quote", "single quotes", "make bars first"),
        ("time,bid_open,x\n2024-03-04T00:00Z,1,1\n", "quote", "no column for bid_high", "--columns bid_open="),
        ("time,BidOpen,BidHigh,BidLow,BidClose\n2024-03-04T00:00Z,1,1,1,1\n", None, "no column for ask_open", "--ask"),
        (
            "time,open,high,low,close,bid_open\n2024-03-04T00:00Z,1,1,1,1,1\n",
            "quote",
            "no column for bid_high",
            "--ask",
        ),
    ],
)
def test_another_kind_is_refused_with_what_to_do(
    tmp_path: Path, text: str, kind: str | None, told: str, remedy: str
) -> None:
    mapping = ColumnMapping(kind=None if kind is None else BarKind(kind))
    with pytest.raises(DataError, match=told) as caught:
        read_csv(written(tmp_path, text), H1, mapping)
    assert remedy in caught.value.remedy


def test_a_table_of_both_is_read_as_it_is_asked_for(tmp_path: Path) -> None:
    rows = [f"{row},{100 + n},{101 + n},{99 + n},{100 + n},7" for n, row in enumerate(ROWS)]
    path = quotes(tmp_path, *rows, header=f"{HEADER},open,high,low,close,volume")
    trades, told = read_csv(path, H1), read_csv(path, H1, ColumnMapping(kind=BarKind.QUOTE))
    assert (trades.kind, told.kind) == (BarKind.TRADE, BarKind.QUOTE)
    assert trades.frame["close"].tolist() == [100.0, 101.0, 102.0]
    assert trades.frame["volume"].tolist() == [7.0, 7.0, 7.0]
    pd.testing.assert_frame_equal(told.frame, read_csv(quotes(tmp_path, *ROWS), H1).frame)
    middles = read_csv(written(tmp_path, TRADES), H1, ColumnMapping(kind=BarKind.QUOTE))
    assert middles.kind is BarKind.QUOTE
    np.testing.assert_array_equal(middles.frame["spread"], 2.5)

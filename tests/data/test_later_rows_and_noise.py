"""Two rows for one time, and prices that only rounding keeps apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.data.tables import as_csv, bars_table
from tradewright.formats.bars_reader import REPLACED
from tradewright.formats.column_mapping import mapping_of
from tradewright.formats.tabular import read_csv
from tradewright.model.bar_rules import bars_of, without_noise
from tradewright.model.bars import Timeframe
from tradewright.model.errors import DataError

M1, D1 = Timeframe.M1, Timeframe.D1
HEAD = "Date,Open,High,Low,Close,Volume\n"
DAYS = "2024-01-01,100,101,99,100,10\n2024-01-02,100,100.5,99.8,100.1,2\n2024-01-02,100,106,99,105,20\n"
LAST = "2024-01-03,105,107,104,106,11\n"


def written(folder: Path, text: str) -> Path:
    path = folder / "bars.csv"
    path.write_text(text)
    return path


@pytest.mark.parametrize("mapping", [{}, {"on_violation": "drop"}])
def test_of_two_rows_for_one_time_the_later_stays(tmp_path: Path, mapping: dict[str, object]) -> None:
    reading = read_csv(written(tmp_path, HEAD + DAYS + LAST), D1, mapping_of(mapping))
    assert reading.frame["close"].tolist() == [100.0, 105.0, 106.0]
    assert reading.dropped == {REPLACED: 1}


def test_in_a_file_with_the_newest_first_the_upper_row_is_the_later(tmp_path: Path) -> None:
    rows = (DAYS + LAST).splitlines()[::-1]
    reading = read_csv(written(tmp_path, HEAD + "\n".join(rows) + "\n"), D1)
    assert reading.frame["close"].tolist() == [100.0, 105.0, 106.0]


def test_a_later_row_that_is_broken_does_not_replace_a_sound_one(tmp_path: Path) -> None:
    path = written(tmp_path, HEAD + "2024-01-01,100,101,99,100,10\n2024-01-01,100,101,99,,10\n")
    with pytest.raises(DataError, match="row 2: close = nan"):
        read_csv(path, D1)
    reading = read_csv(path, D1, mapping_of({"on_violation": "drop"}))
    assert reading.frame["close"].tolist() == [100.0]
    assert reading.dropped == {"close: a value is a finite number": 1}


def test_a_broken_earlier_row_is_replaced(tmp_path: Path) -> None:
    path = written(tmp_path, HEAD + "2024-01-01,100,101,99,,10\n2024-01-01,100,101,99,100,10\n")
    assert read_csv(path, D1).frame["close"].tolist() == [100.0]


def test_minutes_of_one_day_are_no_corrections_of_it(tmp_path: Path) -> None:
    path = written(tmp_path, HEAD + "2024-01-01 10:00,100,101,99,100,10\n2024-01-01 10:01,100,101,99,101,10\n")
    with pytest.raises(DataError, match="occurs once"):
        read_csv(path, D1)
    assert read_csv(path, D1, mapping_of({"on_violation": "drop"})).frame["close"].tolist() == [101.0]


def test_rounding_is_no_violation_and_the_stored_row_keeps_the_rule(tmp_path: Path) -> None:
    noise = "2024-01-03,183.98895264,184.20000000000002,181.5,184.20000000000005,1000\n"
    path = written(tmp_path, HEAD + noise)
    frame = read_csv(path, D1, tick=0.01).frame
    assert frame["high"].tolist() == frame["close"].tolist() == [184.20000000000005]
    with pytest.raises(DataError, match="row 1: high"):
        read_csv(path, D1)


@pytest.mark.parametrize(("short", "passes"), [(0.0009, True), (0.0011, False), (0.02, False)])
def test_a_tenth_of_a_tick_is_the_bound_on_both_sides(short: float, passes: bool) -> None:
    for column, sign in (("high", -1), ("low", 1)):
        frame = bars_table(3).assign(open=100.0, high=100.0, low=100.0, close=100.0)
        frame.loc[1, column] = 100.0 + sign * short
        found = without_noise(bars_of(frame), 0.01)
        assert (getattr(found, column)[1] == 100.0) == passes


def test_a_coarse_tick_hides_no_real_difference_of_small_prices() -> None:
    frame = bars_table(1).assign(open=0.0005, high=0.0004, low=0.0003, close=0.0005)
    assert without_noise(bars_of(frame), 0.01).high[0] == 0.0004


def test_sound_bars_are_left_bit_by_bit(tmp_path: Path) -> None:
    frame = bars_table(20)
    found = read_csv(written(tmp_path, as_csv(frame)), M1, tick=0.01).frame
    pd.testing.assert_frame_equal(found, read_csv(tmp_path / "bars.csv", M1).frame, check_exact=True)
    assert np.isfinite(found["close"]).all()

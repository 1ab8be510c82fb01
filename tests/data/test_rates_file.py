"""Files of exchange rates: when each was known, and every refusal by file and line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tradewright.formats.rates_file import read_rates
from tradewright.model.errors import DataError


def known(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp()) * 10**9  # type: ignore[misc, arg-type]


def test_a_date_is_known_at_its_end_and_a_time_at_that_time(tmp_path: Path) -> None:
    file = tmp_path / "eur.csv"
    rows = "2024-01-02,1.10,ECB", "2024-01-03T16:00:00+01:00, 1.2,ECB", "", "2024-01-04T01:00:00Z,1.3,"
    file.write_text("\n".join(["Date, Rate, source", *rows]), encoding="utf-8-sig")
    found = read_rates(file, "EUR", "USD")
    assert found.known.tolist() == [known(2024, 1, 3), known(2024, 1, 3, 15), known(2024, 1, 4, 1)]
    assert found.rates.tolist() == [1.1, 1.2, 1.3]
    assert (found.source, found.target, found.origin) == ("EUR", "USD", "eur.csv")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "eur.csv: it is empty"),
        ("date,rate\n", "it has no rate .write USD per EUR"),
        ("day,rate\n2024-01-02,1\n", "line 1: 0 of the columns day, rate are named date"),
        ("date,rate,close\n2024-01-02,1,1\n", "line 1: 2 of the columns date, rate, close are named rate"),
        ("date,rate\n2024-01-02,1\n2024-01-32,1\n", "line 3: '2024-01-32' is no time"),
        ("date,rate\n02.01.2024,1\n", "line 2: '02.01.2024' is no time"),
        ("date,rate\n2024-01-02T10:00,1\n", "line 2: '2024-01-02T10:00' has no offset from UTC"),
        ("date,rate\n2024-01-03,1\n2024-01-02,1\n", "line 3: '2024-01-02' is not later than the line before"),
        ("date,rate\n2024-01-03,1\n2024-01-03,1\n", "line 3: '2024-01-03' is not later than the line before"),
        ('date,rate\n2024-01-03,"1,1"\n', "line 2: '1,1' is no rate .write USD per EUR"),
        ("date,rate\n2024-01-03,0\n", "line 2: '0' is no rate"),
        ("date,rate\n2024-01-03,nan\n", "line 2: 'nan' is no rate"),
        ("date,rate\n2024-01-03,inf\n", "line 2: 'inf' is no rate"),
        ("date,rate\n2024-01-03\n", "line 2: 1 cells under 2 names"),
        ("date,rate\n2024-01-03,1_5\n", "line 2: '1_5' is no rate"),
        ("date,rate\n2024-01-03,\u0661.\u0662\n", "line 2: '.*' is no rate"),
        ("date,rate\n2024-01-03,1e305\n", "line 2: '1e305' is no rate .write USD per EUR, .*from 1e-12 to 1e.12"),
        ("date,rate\n2024-01-03,1e-305\n", "line 2: '1e-305' is no rate"),
        ("date,rate\n2300-01-01,1\n", "line 2: '2300-01-01' is not between the years 1700 and 2200"),
        ("date,rate\n0001-01-01,1\n", "line 2: '0001-01-01' is not between"),
        ("date,rate\n9999-12-31,1\n", "line 2: '9999-12-31' is not between"),
        ("date,rate\n9999-12-31T23:59:59-23:00,1\n", "line 2: .* is not between"),
        ("date,rate\n20240103,1\n", "line 2: '20240103' has no offset from UTC .write 2024-01-02, or"),
        ("date;rate\n2024-01-03;1\n", "line 1: 0 of the columns date;rate .*date,rate with commas"),
        ("date,rate\n2024-01-03," + "1" * 140_000 + "\n", "cannot be read as CSV: field larger"),
    ],
)
def test_refusals_name_file_line_value_and_rule(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "eur.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=said):
        read_rates(file, "EUR", "USD")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere\.csv: there is no such file .correct backtest\.rates"):
        read_rates(tmp_path / "nowhere.csv", "EUR", "USD")
    (tmp_path / "bytes.csv").write_bytes(b"date,rate\n\xff\xfe\n")
    with pytest.raises(DataError, match=r"bytes\.csv: is no text in UTF-8"):
        read_rates(tmp_path / "bytes.csv", "EUR", "USD")
    with pytest.raises(DataError, match=r"cannot be read: Is a directory .name a file in backtest\.rates"):
        read_rates(tmp_path, "EUR", "USD")
    with pytest.raises(DataError, match="cannot be read: embedded null"):
        read_rates(tmp_path / "a\0b.csv", "EUR", "USD")


def test_a_year_of_minutes_is_read_line_by_line_once(tmp_path: Path) -> None:
    file, count = tmp_path / "eur.csv", 50_000
    start = datetime(2024, 1, 1, tzinfo=UTC)
    rows = (f"{start + timedelta(minutes=number):%Y-%m-%dT%H:%MZ},1.5" for number in range(count))
    file.write_text("time,rate\n" + "\n".join(rows), encoding="utf-8")
    assert len(read_rates(file, "EUR", "USD").rates) == count

"""``tradewright import`` and its options."""

from __future__ import annotations

from pathlib import Path

from tests.app.conftest import say

GERMAN = (
    "Kurse der ACME AG\n"
    "Datum;Erster;Hoch;Tief;Schluss;Stücke\n"
    "02.01.2024;1.234,56;1.240,00;1.230,10;1.235,5;10.000\n"
    "03.01.2024;1.235;1.299,9;1.200;1.201;987\n"
)


def test_columns_and_signs_are_options(tmp_path: Path) -> None:
    path, root = tmp_path / "acme.csv", f"storage.root={tmp_path / 'data'}"
    path.write_text(GERMAN)
    words = ("import", "csv", str(path), "--instrument", "GOOG", root)
    refused = say(*words, "--json")
    assert refused.status == 1
    assert "--columns" in refused.json["error"]["remedy"]
    options = ("--columns", "ts=Datum,open=Erster,high=Hoch,low=Tief,close=Schluss,volume=Stücke")
    said = say(*words, *options, "--decimal", ",", "--json")
    assert said.status == 0, said.err
    (row,) = said.json["imported"]
    assert (row["added"], row["used"]["close"]) == (2, "Schluss")
    assert "lines before the header left out: 1" in row["remarks"]
    again = say(*words, *options)
    assert "note: the numbers are read with a decimal comma" in again.out
    wrong = say(*words, *options, "--decimal", ";", "--json")
    assert (wrong.status, "--decimal" in wrong.json["error"]["what"]) == (1, True)

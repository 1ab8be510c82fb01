"""``tradewright data findings``: what the checks find now, beside what gate and sender have on record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from conf.compose import compose
from runtime.bar_checks import judge
from runtime.container import Container
from tests.app.conftest import daily, say
from tests.support.houses import House
from tradewright.model.bars import BarKind, Timeframe


def series(house: House, *words: str, status: int = 0) -> dict[tuple[str, str], Any]:
    said = say("data", "findings", *house.overrides, *words, "--json")
    assert said.status == status, said.err
    return {(row["instrument"], row["timeframe"]): row for row in said.json["series"]}


def test_bars_that_were_checked_are_told_as_passed_and_changed_ones_as_of_other_bars(house: House) -> None:
    found = series(house)
    assert {key: row["state"] for key, row in found.items()} == {("BTC", "1d"): "passed", ("BTC", "1m"): "passed"}
    assert all(row["fingerprint"] == row["recorded"][0]["fingerprint"] for row in found.values())
    with Container(compose(house.overrides)) as opened:
        stored = opened.bar_store.read("BTC", Timeframe.D1)
        opened.bar_store.upsert("BTC", Timeframe.D1, BarKind.TRADE, stored.iloc[[3]].assign(volume=7.0))
        changed = series(house)
        assert {key: row["state"] for key, row in changed.items()} == {
            ("BTC", "1d"): "of other bars",
            ("BTC", "1m"): "passed",
        }
        judge(opened, "BTC")
    again = series(house)["BTC", "1d"]
    assert again["state"] == "passed"
    assert [row["passed"] for row in again["recorded"]] == [True, True]


def test_imported_bars_are_judged_and_their_findings_have_places(house: House, tmp_path: Path) -> None:
    closes = [100.0 + row for row in range(60)]
    closes[30:] = [close / 20 for close in closes[30:]]
    path = tmp_path / "GOOG.csv"
    daily(60, closes).to_csv(path, index=False)
    assert say("import", "csv", str(path), "--instrument", "GOOG", *house.overrides).status == 0
    row = series(house, "--instrument", "GOOG")["GOOG", "1d"]
    assert (row["state"], row["recorded"], row["rows"]) == ("missing", [], 60)
    codes = {line["code"]: line for line in row["findings"]}
    assert "POSSIBLE_SPLIT" in codes
    assert codes["POSSIBLE_SPLIT"]["examples"][0].startswith("2024-02-14")
    told = say("data", "findings", *house.overrides, "--instrument", "GOOG").out
    assert "GOOG 1d: WARN POSSIBLE_SPLIT" in told
    assert "NO_SPREAD" not in told
    assert "NO_SPREAD" in say("data", "findings", *house.overrides, "--instrument", "GOOG", "--all").out


@pytest.mark.parametrize(("name", "text"), [("NOPE", "there is no instrument 'NOPE'"), ("ETH", "no bars of ETH")])
def test_what_is_not_there_is_refused(house: House, name: str, text: str) -> None:
    said = say("data", "findings", *house.overrides, "--instrument", name)
    assert (said.status, text in said.err) == (1, True)

"""``tradewright data findings``: what the checks find now, beside what gate and sender have on record."""

from __future__ import annotations

import logging
import shlex
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from conf.compose import compose
from runtime.bar_checks import judge
from runtime.container import Container
from runtime.job_progress import newly_accepted, not_judged
from tests.app.conftest import daily, say
from tests.support.houses import House
from tradewright.execution.input_checks import failures
from tradewright.ledger.check_results import CheckResult
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
    assert (again["score"], [row["score"] for row in again["recorded"]]) == (100.0, [100.0, 100.0])


def test_evidence_by_other_rules_is_told_refused_and_made_again(house: House) -> None:
    """A loosened threshold: yesterday's pass is no pass under it, and the loop judges anew."""
    changed = "quality.bad_print.least_print=0.2"
    told = say("data", "findings", *house.overrides, changed, "--json").json["series"]
    assert {row["state"] for row in told} == {"by other rules"}
    with Container(compose((*house.overrides, changed))) as opened:
        assert not_judged(opened, "BTC", opened.ledger.checks.newest())[:2] == ["bars.BTC.1m", "bars.BTC.1d"]
        judge(opened, "BTC")
        assert not_judged(opened, "BTC", opened.ledger.checks.newest()) == ["features.BTC"], "never made here"
    assert {row["state"] for row in series(house).values()} == {"by other rules"}


class Told(logging.Handler):
    """Keeps what is logged, whether or not it goes on to other handlers."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.levelname} {record.getMessage()}")


def test_new_gaps_and_a_spread_that_is_not_known_are_logged_once(house: House) -> None:
    log, told, rounds = logging.getLogger("tradewright.quality"), Told(), []
    log.addHandler(told)
    try:
        with Container(compose(house.overrides)) as opened:
            store = opened.bar_store
            days = store.read("BTC", Timeframe.D1)
            before = days["ts"].iloc[0] - pd.to_timedelta([1, 4, 5, 8], unit="D")
            early = days.iloc[:4].assign(ts=before.as_unit("ns"), spread=float("nan"))
            for row in (0, 1, 1, 2, 3):
                store.upsert("BTC", Timeframe.D1, BarKind.TRADE, early[row : row + 1])
                judge(opened, "BTC")
                rounds.append(told.lines.copy())
                told.lines.clear()
    finally:
        log.removeHandler(told)
    (spread,), (first,), same, grown, (second,) = rounds
    assert spread.startswith("WARNING BTC 1d: 1 of 88 bars")
    assert "have no spread: the instrument's default is used" in spread
    assert first.startswith("WARNING BTC 1d: 2 of 91 bars are missing")
    assert f"{before[1] + pd.Timedelta(days=1):%Y-%m-%d}" in first, "where the gap is"
    assert (same, grown) == ([], []), "told already"
    assert second.startswith("WARNING BTC 1d: 4 of 95 bars are missing")


@pytest.fixture
def split(house: House, tmp_path: Path) -> tuple[House, str]:
    """Sixty days of GOOG imported, with a split of 1:20 that nothing explains; and what the import said."""
    closes = [100.0 + row % 3 for row in range(60)]
    closes[30:] = [close / 20 for close in closes[30:]]
    frame = daily(60, closes)
    frame["High"], frame["Low"] = frame["Close"] * 1.01, frame["Close"] * 0.99
    path = tmp_path / "GOOG.csv"
    frame.to_csv(path, index=False)
    said = say("import", "csv", str(path), "--instrument", "GOOG", *house.overrides)
    assert said.status == 0
    return house, said.out


def test_imported_bars_are_judged_and_their_findings_have_places(split: tuple[House, str]) -> None:
    house, _said = split
    row = series(house, "--instrument", "GOOG", status=1)["GOOG", "1d"]
    assert (row["state"], row["recorded"], row["rows"]) == ("missing", [], 60)
    codes = {line["code"]: line for line in row["findings"]}
    assert row["score"] == 96.66, "of sixty bars one opens as after a split, and its close is a jump"
    assert codes["POSSIBLE_SPLIT"]["examples"] == ["2024-02-14T14:30:00+00:00: +20.400"]
    told = say("data", "findings", *house.overrides, "--instrument", "GOOG").out
    assert "GOOG 1d: BLOCK POSSIBLE_SPLIT" in told
    assert "NO_SPREAD" not in told
    assert "NO_SPREAD" in say("data", "findings", *house.overrides, "--instrument", "GOOG", "--all").out


def test_import_backtest_sweep_and_doctor_tell_what_is_found(split: tuple[House, str]) -> None:
    """B7: a finding that only Dagster shows is read by nobody."""
    house, said = split
    assert "GOOG 1d: WARN POSSIBLE_SPLIT: 1 of 60 bars (1.7%) open as after a split" in said
    assert f"tradewright data findings --instruments GOOG {shlex.join(house.overrides)}\n" in said
    assert f"next: tradewright backtest {shlex.join(house.overrides)} 'backtest.instruments=[GOOG]'" in said
    daily_bars = ("backtest.instruments=[GOOG]", "backtest.timeframe=1d", "backtest.prices=raw", *house.overrides)
    found = say("backtest", "strategy=buy_and_hold", *daily_bars, "--json").json["findings"]
    (text,) = [row["message"] for row in found if row["code"] == "SUSPICIOUS_BARS"]
    assert text.startswith("GOOG: 1 of 60 bars (1.7%) open as after a split (POSSIBLE_SPLIT, as at 2024-02-14")
    averages = ("strategy=sma_crossover", "strategy.fast=3,5", "strategy.slow=9")
    swept = say("sweep", *daily_bars, *averages, "--json").json
    assert {row["code"] for row in swept["data"]} == {"JUMPS", "POSSIBLE_SPLIT"}
    universe = ("universe.instruments=[GOOG]", "universe.timeframe=1d", "universe.base_timeframe=1d")
    rows = {row["what"]: row for row in say("doctor", *house.overrides, *universe, "--json").json["findings"]}
    assert rows["quality GOOG"]["state"] == "broken"
    assert "POSSIBLE_SPLIT" in rows["quality GOOG"]["detail"]
    assert rows["quality GOOG"]["detail"].startswith("score 96.66, none on record; ")
    assert rows["quality GOOG"]["remedy"] == "tradewright data findings --instrument GOOG"


def test_old_bad_bars_block_where_more_bars_are_watched(house: House, tmp_path: Path) -> None:
    closes = [100.0 + row % 3 for row in range(252)]
    closes[1:] = [close / 20 for close in closes[1:]]
    path = tmp_path / "KO.csv"
    daily(252, closes).to_csv(path, index=False)
    assert say("import", "csv", str(path), "--instrument", "KO", *house.overrides).status == 0
    for watched, grade, status in (("250", "WARN", 0), ("251", "BLOCK", 1)):
        more = ("--instrument", "KO", f"quality.watched_bars={watched}")
        codes = {row["code"]: row["severity"] for row in series(house, *more, status=status)["KO", "1d"]["findings"]}
        assert codes["POSSIBLE_SPLIT"] == grade


@pytest.mark.parametrize(("name", "text"), [("NOPE", "there is no instrument 'NOPE'"), ("ETH", "no bars of ETH")])
def test_what_is_not_there_is_refused(house: House, name: str, text: str) -> None:
    said = say("data", "findings", *house.overrides, "--instrument", name)
    assert (said.status, text in said.err) == (1, True)


DAILY = ("universe.instruments=[GOOG]", "universe.timeframe=1d", "universe.base_timeframe=1d")


def recorded(house: House) -> CheckResult:
    """The check of GOOG's daily bars, made as the loop makes it."""
    with Container(compose((*house.overrides, *DAILY))) as opened:
        judge(opened, "GOOG")
        return opened.ledger.checks.newest()["bars.GOOG.1d"]


def test_a_bad_print_blocks_until_a_person_accepts_it_for_these_very_bars(
    split: tuple[House, str],
) -> None:
    """P2: wrong prices where strategies look keep orders back; a person's word is written down with name and reason."""
    house, _said = split
    with Container(compose((*house.overrides, *DAILY))) as opened:
        opened.ledger.checks.record("bars.GOOG.1d", True, {"timeframe": "1d", "fingerprint": "f"})
    before = recorded(house)
    assert not before.passed
    told = say("data", "findings", "--instrument", "GOOG", *house.overrides, *DAILY).out
    assert "GOOG 1d: scores on record: 96.66 at " in told
    assert ", not kept at " in told, "a record from before scores"
    assert "POSSIBLE_SPLIT: 1 of 60 bars" in failures(before)
    command = ("data", "accept", "GOOG", *house.overrides, *DAILY, "--finding", "POSSIBLE_SPLIT")
    assert "a reason is needed" in say(*command).err
    done = say(*command, "--reason", "1:20, by the company", "--actor", "ann", "--json")
    assert (done.status, done.json["code"], "claimed: ann" in done.json["actor"]) == (0, "POSSIBLE_SPLIT", True)
    with Container(compose((*house.overrides, *DAILY))) as opened:
        told = opened.ledger.checks.newest()
        assert newly_accepted("GOOG", told) == ["accepted.GOOG.1d.POSSIBLE_SPLIT"]
        assert told["accepted.GOOG.1d.POSSIBLE_SPLIT"].about("reason") == "1:20, by the company"
    after = recorded(house)
    assert after.passed
    (row,) = [each for each in after.listed("findings") if each["code"] == "POSSIBLE_SPLIT"]  # type: ignore[index]
    assert row["severity"] == "INFO"  # type: ignore[index]
    assert row["message"].endswith("ann): 1:20, by the company")  # type: ignore[index]
    with Container(compose((*house.overrides, *DAILY))) as opened:
        assert newly_accepted("GOOG", opened.ledger.checks.newest()) == []
        stored = opened.bar_store.read("GOOG", Timeframe.D1)
        worse = stored.iloc[[30]].assign(low=stored["low"].iloc[30] * 0.999)
        opened.bar_store.upsert("GOOG", Timeframe.D1, BarKind.TRADE, worse)
    assert not recorded(house).passed, "another price is another finding"


@pytest.mark.parametrize("code", ["CONTRACT", "JUMPS", "BAD_PRINT", ""])
def test_only_a_finding_that_is_there_and_may_be_doubted_can_be_accepted(split: tuple[House, str], code: str) -> None:
    house, _said = split
    said = say("data", "accept", "GOOG", *house.overrides, "--finding", code, "--reason", "x")
    assert said.status == 1
    assert f"there is no finding {code!r} on GOOG 1d that can be accepted" in said.err

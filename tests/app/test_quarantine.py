"""``tradewright data quarantine``: bars set aside by a person, from the command to the gate and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from conf.compose import compose
from runtime.bar_checks import judge
from runtime.container import Container
from tests.app.conftest import Said, daily, say
from tests.support.houses import House
from tradewright.model.bars import BarKind, Timeframe

DAILY = ("universe.instruments=[GOOG]", "universe.timeframe=1d", "universe.base_timeframe=1d")
SPAN = ("--from", "2024-01-10", "--to", "2024-01-11")
KEY = ("GOOG", Timeframe.D1)


@pytest.fixture
def goog(house: House, tmp_path: Path) -> House:
    """Thirty days of GOOG in a store and a ledger of its own; two of its sessions are the 10th and the 11th."""
    mine = House(house.conf, tmp_path / "data", DAILY)
    daily().to_csv(tmp_path / "GOOG.csv", index=False)
    assert say("import", "csv", str(tmp_path / "GOOG.csv"), "--instrument", "GOOG", *mine.overrides).status == 0
    return mine


def act(house: House, *words: str) -> Said:
    return say("data", "quarantine", "GOOG", "1d", *house.overrides, *words)


def days(house: House) -> list[str]:
    with Container(compose(house.overrides)) as opened:
        return list(opened.bars.read(*KEY)["ts"].dt.strftime("%m-%d"))


def found(house: House) -> dict[str, Any]:
    words = "--instrument", "GOOG", "--all", "--json"
    (series,) = say("data", "findings", *house.overrides, *words).json["series"]
    return {row["code"]: row for row in series["findings"]} | {"state": series["state"], "score": series["score"]}


def test_what_is_set_aside_is_kept_told_audited_and_brought_back(goog: House, tmp_path: Path) -> None:
    with Container(compose(goog.overrides)) as opened:
        before, bars = opened.bar_store.fingerprint(*KEY), opened.bars.read(*KEY)
        judge(opened, "GOOG")
    assert (found(goog)["state"], found(goog)["score"]) == ("passed", 100.0)

    said = act(goog, *SPAN, "--reason", "a vendor's test rows", "--actor", "ann")
    assert said.status == 0, said.err
    assert "quarantine 1: 2 bars, 2024-01-10 14:30 to 2024-01-11 14:30, by " in said.out
    assert "tradewright data quarantine GOOG 1d --from 2024-01-10 --to 2024-01-11 --undo --reason" in said.out
    assert len(days(goog)) == 28
    told = found(goog)
    assert (told["state"], told["score"]) == ("of other bars", 93.33)
    assert "GAPS" not in told, "a person's act is no unexplained gap"
    assert told["QUARANTINED"]["message"] == "2 of 30 bars (6.7%) are set aside"
    assert "claimed: ann): a vendor's test rows" in told["QUARANTINED"]["examples"][0]
    assert "a vendor's test rows" in say("data", "show", "GOOG", *goog.overrides).out

    again = say("import", "csv", str(tmp_path / "GOOG.csv"), "--instrument", "GOOG", *goog.overrides)
    assert "2 rows are not stored: bars of their times are set aside" in again.out
    assert len(days(goog)) == 28

    back = act(goog, "--undo", "--reason", "they were right", "--json").json
    assert (back["acts"][0]["number"], back["fingerprint"]) == (1, before)
    with Container(compose(goog.overrides)) as opened:
        pd.testing.assert_frame_equal(opened.bars.read(*KEY), bars)
        log = [(row.action, row.subject, row.actor, row.detail) for row in opened.ledger.audit.entries()]
    ((first, *_), (second, *_)) = told_of = [row for row in log if "QUARANTINE" in row[0]]
    assert (first, second) == ("QUARANTINE", "RELEASE_QUARANTINE")
    assert {row[1] for row in told_of} == {"GOOG 1d"}
    assert told_of[0][2].endswith("(claimed: ann)")
    reason = {"reason": "a vendor's test rows", "from": "2024-01-10", "to": "2024-01-11", "fingerprint": before}
    assert told_of[0][3] == reason
    assert found(goog)["state"] == "passed", "the very bars that were judged"


def test_a_gap_that_nobody_made_is_told_beside_it(goog: House) -> None:
    assert act(goog, "--from", "2024-01-10", "--to", "2024-01-10", "--reason", "x").status == 0
    with Container(compose(goog.overrides)) as opened:
        left = opened.bars.read(*KEY).drop(index=[15])
        opened.bar_store.upsert("MSFT", Timeframe.D1, BarKind.TRADE, left)
        spans = opened.quarantines.in_force(*KEY)
        assert [row.bars.rows for row in spans] == [1]
    codes = found(goog)
    assert "GAPS" not in codes
    (msft,) = say("data", "findings", "--instrument", "MSFT", *goog.overrides, "--json").json["series"]
    assert [row["code"] for row in msft["findings"] if row["code"] in ("GAPS", "QUARANTINED")] == ["GAPS"]


def test_longer_bars_have_no_unexplained_gap_either(goog: House) -> None:
    assert act(goog, "--from", "2024-01-08", "--to", "2024-01-12", "--reason", "a whole week").status == 0
    weekly = ("universe.timeframe=1w", "universe.base_timeframe=1d")
    told = say("data", "findings", *goog.overrides, *weekly, "--json").json["series"]
    (weeks,) = [row for row in told if row["timeframe"] == "1w"]
    told_of = {row["code"]: row["message"] for row in weeks["findings"]}
    assert "GAPS" not in told_of
    assert told_of["QUARANTINED"].startswith("of the 1d bars that they are made of: 5 of 30 bars")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ((*SPAN,), "a reason is needed"),
        (("--from", "2024-01-10", "--reason", "x"), "has no beginning or no end"),
        (("--from", "yesterday", "--to", "2024-01-10", "--reason", "x"), "'yesterday' is no date or time"),
        (("--from", "2031-01-10", "--to", "2031-01-11", "--reason", "x"), "no stored bar starts in the span"),
        (("--undo", "--reason", "x"), "nothing is set aside in the span"),
    ],
)
def test_what_cannot_be_set_aside_is_refused_and_leaves_no_word(goog: House, words: tuple[str, ...], text: str) -> None:
    said = act(goog, *words)
    assert (said.status, text in said.err) == (1, True), said.err
    assert len(days(goog)) == 30
    with Container(compose(goog.overrides)) as opened:
        assert [row for row in opened.ledger.audit.entries() if "QUARANTINE" in row.action] == []


def test_nothing_is_set_aside_without_a_ledger_that_takes_it_down(goog: House, monkeypatch: pytest.MonkeyPatch) -> None:
    from tradewright.ledger.audit_log import AuditLog
    from tradewright.model.errors import LedgerError

    def refuse(*_given: object) -> None:
        raise LedgerError("is full")

    (path,) = goog.root.glob("bars/*/*/*/_manifest.json")
    before = path.read_bytes()
    monkeypatch.setattr(AuditLog, "append", refuse)
    assert act(goog, *SPAN, "--reason", "x").status == 1
    assert path.read_bytes() == before

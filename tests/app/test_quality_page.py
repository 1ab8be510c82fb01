"""The quality page's operations: what it shows of a series, and its acts, as text and in the audit log."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from app.operations import quality_acts, quality_view, visitors
from app.tokens import Scope, Visitor
from conf.compose import compose
from conf.schema.settings import Settings
from runtime.container import Container
from tests.app.conftest import daily, say
from tests.support.houses import House
from tradewright.model.bars import Timeframe
from tradewright.quality.coverage import daily_coverage

NAME = "GOOG 1d"
BAD = "2024-02-14T14:30:00+00:00"


@pytest.fixture(scope="module")
def imported(stocked: House, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty days of GOOG, one of them with a high of its own, one missing."""
    folder = tmp_path_factory.mktemp("quality")
    frame = daily(60)
    frame["High"], frame["Low"] = frame["Close"] * 1.002, frame["Close"] * 0.998
    frame["Open"] = frame["Close"]
    frame.loc[30, "High"] *= 1.5
    frame.drop(index=10).to_csv(folder / "GOOG.csv", index=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRADEWRIGHT_CONF", str(stocked.conf))
        said = say("import", "csv", str(folder / "GOOG.csv"), "--instrument", "GOOG", f"storage.root={folder / 'data'}")
    assert said.status == 0
    return folder / "data"


@pytest.fixture
def goog(imported: Path, tmp_path: Path, house: House) -> Settings:
    root = shutil.copytree(imported, tmp_path / "data")
    return compose((f"storage.root={root}", *house.more, "universe.timeframe=1d", "universe.base_timeframe=1d"))


def test_a_series_is_shown_with_its_figures(goog: Settings) -> None:
    assert quality_view.series_names(goog) == ([NAME], "")
    view = quality_view.quality_view(goog, NAME)
    assert view.problem == ""
    assert {row.label: row.text for row in view.tiles} == {
        "Score": "96.63", "Newest check": "missing", "Bars": "59", "Whole days": "59 of 60", "Findings": "3",
        "Set aside": "0",
    }  # fmt: skip
    assert view.line == "score 96.63 bars 59 findings 3 blocking 1"
    assert [row["finding"] for row in view.findings][:2] == ["BAD_PRINT", "GAPS"]
    assert (view.places[0]["finding"], view.places[0]["bar"]) == ("BAD_PRINT", BAD)
    assert view.years == ("2024",)
    closes, marks = view.prices("2024").data
    assert len(closes.x) == 59
    assert ([pd.Timestamp(at) for at in marks.x], list(marks.y)) == ([pd.Timestamp(BAD)], [130.0])
    (heat,) = view.calendar("2024").data
    assert (np.nansum(heat.z == 100), np.nansum(heat.z == 0)) == (59, 1)
    assert len(view.history.data[0].x) == 0


def test_a_bar_is_set_aside_and_brought_back_with_a_reason(goog: Settings) -> None:
    view = quality_view.quality_view(goog, NAME)
    chosen = view.places[:1]
    place = quality_acts.place_of(chosen)
    assert (place, quality_acts.place_of([])) == (BAD, "")
    assert "refused: reason: a reason is needed" in quality_acts.set_aside(goog, NAME, place, place, " ")
    said = quality_acts.set_aside(goog, NAME, place, place, "a finger slipped")
    assert said.startswith("set aside: quarantine 1: 1 bar, 2024-02-14 14:30 to 2024-02-14 14:30, by ")
    after = quality_view.quality_view(goog, NAME)
    assert [row["finding"] for row in after.findings][:2] == ["GAPS", "QUARANTINED"]
    assert [(row["bars"], row["why"], row["released"]) for row in after.aside] == [("1", "a finger slipped", "")]
    (shade,) = after.prices("2024").layout.shapes
    assert (pd.Timestamp(shade.x0), pd.Timestamp(shade.x1)) == (pd.Timestamp(BAD), pd.Timestamp(BAD))
    back = quality_acts.bring_back(goog, NAME, after.aside, "it was right")
    assert back.startswith("brought back: 1 bar; entries wait")
    assert quality_view.quality_view(goog, NAME).findings == view.findings
    with Container(goog) as house:
        log = [(row.action, row.detail["reason"]) for row in house.ledger.audit.entries() if "QUARANTINE" in row.action]
    assert log == [("QUARANTINE", "a finger slipped"), ("RELEASE_QUARANTINE", "it was right")]


def test_a_finding_is_accepted_and_no_other_is_offered(goog: Settings) -> None:
    view = quality_view.quality_view(goog, NAME)
    chosen = [row for row in view.places if row["finding"] == "BAD_PRINT"]
    others = [row for row in view.places if row["finding"] == "GAPS"]
    assert quality_acts.is_acceptable(chosen)
    assert not quality_acts.is_acceptable(others)
    assert not quality_acts.is_acceptable([])
    assert quality_acts.accept(goog, NAME, [], "x") == quality_acts.bring_back(goog, NAME, [], "x")
    assert quality_acts.accept(goog, NAME, chosen, "an auction").startswith("accepted: BAD_PRINT: 1 of 59 bars")
    assert "BLOCK" not in {row["severity"] for row in quality_view.quality_view(goog, NAME).findings}


def test_who_only_looks_changes_nothing(goog: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visitors, "present", lambda: Visitor("bob", Scope.LOOK))
    chosen = quality_view.quality_view(goog, NAME).places[:1]
    for said in (
        quality_acts.set_aside(goog, NAME, BAD, BAD, "x"),
        quality_acts.accept(goog, NAME, chosen, "x"),
        quality_acts.bring_back(goog, NAME, [{"first": BAD, "last": BAD}], "x"),
    ):
        assert "a token of the scope look does not allow it" in said
    with Container(goog) as house:
        assert house.quarantines.records("GOOG", Timeframe.D1) == ()


def test_what_cannot_be_read_is_said(goog: Settings, tmp_path: Path) -> None:
    (path,) = (tmp_path / "data" / "bars").rglob("*.parquet")
    path.write_bytes(path.read_bytes()[:100])
    assert "truncated or altered" in quality_view.quality_view(goog, NAME).problem
    empty = compose((f"storage.root={tmp_path / 'none'}",))
    assert quality_view.series_names(empty) == ([], "no bars are stored: tradewright import brings files")


def test_days_are_counted_by_their_own_bars() -> None:
    dates = np.array(["2024-01-02", "2024-01-02", "2024-01-03", "2024-01-03", "2024-01-05"], dtype="datetime64[D]")
    found = daily_coverage(np.array([1, 3, 99]), np.array([1, 2, 3, 4, 5]), dates)
    assert [str(day) for day in found.days] == ["2024-01-02", "2024-01-03", "2024-01-05"]
    assert (found.expected.tolist(), found.there.tolist()) == ([2, 2, 1], [1, 1, 0])
    assert found.share.tolist() == [0.5, 0.5, 0.0]

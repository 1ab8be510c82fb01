"""P2, the whole way: a bad bar of every kind, brought in at every stage, stops the order by its name.

The stages: (a) the feed or the file, (b) the stored bars after they were judged, (c) between decision and send, (d) the
features made of them. At each the entry is refused with the check, the rule, the bar and the command that helps; an
exit passes; the corrected bars let the order go.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from app.operations.data_quality import accept
from app.operations.importing import Source, import_bars
from tests.assets.bad_bar_cases import BLOCKING, GRADED, NOT_INJECTED, Case, at
from tests.assets.bad_bars import D1, M1, Desk, copied, opened, refusals, sound
from tradewright.model.decision import Verdict
from tradewright.model.errors import DataError
from tradewright.policy.market_rules import CHECK_AGAIN, SHOW_FINDINGS
from tradewright.quality.evidence import GRAVE
from tradewright.quality.report import Code

BROUGHT = tuple(case for case in BLOCKING if case.spoil is not None)
"""Cases that a feed or a file can bring."""
NOT_BROUGHT = {
    Code.NO_BARS: "a feed or a file without bars changes nothing, and what is stored stays judged",
    Code.NOT_READABLE: "what a feed or a file gives is refused as a breach of the contract, which is another case",
    Code.CONFIGURATION: "lies in the tables of the configuration, and in no bar",
}
AT_THE_DOOR = {Code.CONTRACT: "a price is positive"}
"""Bars that are refused before they are stored, with the rule."""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    with pytest.MonkeyPatch.context() as patch:
        opened(folder, patch)
    return folder


@pytest.fixture
def desk(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return copied(project, tmp_path / "copy", monkeypatch)


def by_code(case: Case) -> str:
    return case.code.lower()


def test_every_code_is_injected_or_has_a_reason() -> None:
    cases = [case.code for case in (*BLOCKING, *GRADED)]
    assert len(cases) == len(set(cases))
    assert {*cases, *NOT_INJECTED} == set(Code), "a new code needs a case, or a reason why it has none"
    assert not NOT_INJECTED.keys() & {*cases, *GRAVE}
    assert {case.code for case in BROUGHT} | NOT_BROUGHT.keys() == {case.code for case in BLOCKING}


def told_of(desk: Desk, case: Case) -> str:
    """The refusal of an entry on bars that failed: the check, the rule, the bar, the command."""
    text = refusals(desk.decides())["CHECK_FAILED"]
    for word in (case.check, case.code, case.place):
        assert word in text
    assert text.endswith(SHOW_FINDINGS)
    return text


@pytest.mark.parametrize("case", BLOCKING, ids=by_code)
def test_a_bad_bar_after_the_judgement_stops_the_order_until_it_is_corrected(case: Case, desk: Desk) -> None:
    assert desk.decides().verdict is Verdict.APPROVE
    case.inject(desk)
    if not case.changes_bars:
        desk.judges()
    ((status, why),) = desk.sends()
    assert (status, case.check in why) == ("REFUSED", True), "(c) between decision and send"
    if case.changes_bars:
        text = refusals(desk.decides())["CHECK_OTHER_DATA"]
        assert case.check in text, "(b) stored, and judged by nothing"
        assert text.endswith(CHECK_AGAIN)
    desk.judges()
    desk.computes_features()
    told_of(desk, case)
    assert desk.exits("exit").verdict is Verdict.APPROVE
    case.correct(desk)
    desk.judges()
    if case.changes_bars and case.timeframe is M1:
        assert "features.BTC" in refusals(desk.decides())["CHECK_OTHER_DATA"], "(d) features of the bars from before"
    desk.computes_features()
    assert desk.decides().verdict is Verdict.APPROVE
    assert {status for status, _why in desk.sends()} == {"SENT"}, "the entry and the exit"


@pytest.mark.parametrize("case", GRADED, ids=by_code)
def test_a_finding_that_a_setting_makes_grave_stops_the_order(
    case: Case, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = copied(project, tmp_path / "copy", monkeypatch, case.setting)
    case.inject(desk)
    desk.judges()
    desk.computes_features()
    told_of(desk, case)
    assert desk.exits("exit").verdict is Verdict.APPROVE


def test_a_bad_price_of_the_newest_bar_stops_the_order(desk: Desk) -> None:
    """It is the one that the strategy decides on, and has no bar after it."""

    def spoil(frame: pd.DataFrame) -> pd.DataFrame:
        changed = frame.copy()
        changed.loc[len(frame) - 1, ["high", "close"]] *= 1.5
        return changed

    case = Case(Code.BAD_PRINT, f"{at(-1)}: close", spoil)
    case.inject(desk)
    desk.judges()
    desk.computes_features()
    told_of(desk, case)
    assert desk.exits("exit").verdict is Verdict.APPROVE


@pytest.mark.parametrize("road", ["feed", "file"])
@pytest.mark.parametrize("case", BROUGHT, ids=by_code)
def test_a_bad_bar_at_the_door_stops_the_order_or_does_not_come_in(case: Case, road: str, desk: Desk) -> None:
    assert case.spoil is not None
    bad = case.spoil(sound(case.timeframe))
    if case.act is not None:
        case.act(desk)
    if case.code in AT_THE_DOOR and road == "file":
        with pytest.raises(DataError) as caught:
            bring(desk, road, case, bad)
        assert AT_THE_DOOR[case.code] in str(caught.value)
        assert desk.decides().verdict is Verdict.APPROVE, "on the sound bars from before"
        return
    bring(desk, road, case, bad)
    desk.judges()
    desk.computes_features()
    if case.code in AT_THE_DOOR:
        text = refusals(desk.decides())["CHECK_FAILED"]
        for word in (case.check, Code.NOT_READABLE, AT_THE_DOOR[case.code], at()):
            assert word in text
    else:
        told_of(desk, case)
    bring(desk, road, case, sound(case.timeframe))
    if case.mend is not None:
        case.mend(desk)
    desk.judges()
    desk.computes_features()
    assert desk.decides().verdict is Verdict.APPROVE


def bring(desk: Desk, road: str, case: Case, frame: pd.DataFrame) -> None:
    """Bring bars by the feed, which is asked in the next round, or by a file, which is imported at once."""
    if road == "feed":
        desk.feed_gives({M1: sound(M1), D1: sound(D1)} | {case.timeframe: frame})
        return
    path = desk.folder / "bars.csv"
    frame.to_csv(path, index=False)
    import_bars(desk.settings, Source.CSV, path, ["BTC"], case.timeframe)


@pytest.mark.parametrize("case", [case for case in BLOCKING if case.code in GRAVE], ids=by_code)
def test_a_grave_finding_that_a_person_accepts_lets_the_order_go(case: Case, desk: Desk) -> None:
    case.inject(desk)
    desk.judges()
    desk.computes_features()
    told_of(desk, case)
    accept(desk.settings, "BTC", case.timeframe, case.code, "compared with another venue", "ann")
    desk.judges()
    assert "CHECK_FAILED" not in refusals(desk.decides())

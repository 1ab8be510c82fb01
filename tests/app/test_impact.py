"""A correction from its import to what it touched, and a backtest on the bars as they were before it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from app.operations.lab import lab_options, span
from app.operations.research import run
from app.operations.study_view import StudyView
from assets.research.bars import make_features
from assets.research.impact import make_impact
from conf.compose import compose
from runtime.container import Container
from runtime.signals import newest_signals
from tests.app.conftest import Said, daily, say
from tests.support.houses import House, conf_copy
from tradewright.model.bars import Timeframe
from tradewright.store.dataset import bars_hash
from tradewright.store.uses import Uses

DAILY = (
    "strategy=sma_crossover", "strategy.fast=3", "strategy.slow=8", "universe.instruments=[GOOG]",
    "universe.timeframe=1d", "universe.base_timeframe=1d", "backtest.prices=raw",
)  # fmt: skip
FIGURES = ("final_equity", "fees", "trades", "fills", "data_hash", "cache_key", "metrics")


@pytest.fixture
def goog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    """Sixty days of GOOG with a few swings."""
    made = House(conf_copy(tmp_path), tmp_path / "data", DAILY)
    monkeypatch.setenv("TRADEWRIGHT_CONF", str(made.conf))
    assert bring(made, swings()).status == 0
    return made


def swings() -> pd.DataFrame:
    return daily(60, [100.0 + 10 * ((row // 9) % 2) + row % 9 for row in range(60)])


def bring(house: House, table: pd.DataFrame, *words: str) -> Said:
    path = house.root.parent / "GOOG.csv"
    table.to_csv(path, index=False)
    return say("import", "csv", str(path), "--instrument", "GOOG", *house.overrides, *words)


def corrected() -> pd.DataFrame:
    table = swings()
    table.loc[[20, 21], ["High", "Close"]] += 4.0
    return table


def impact(house: House, *words: str) -> Said:
    return say("data", "impact", *house.overrides, *words)


def test_a_correction_is_told_with_all_that_used_the_bars_before_it(goog: House) -> None:
    assert "no stored bar was corrected or came late" in impact(goog).out
    before = say("backtest", *goog.overrides, "--json").json
    assert before["trades"] > 1
    assert say("sweep", *goog.overrides, "strategy.fast=2,3").status == 0
    settings = compose(goog.overrides)
    make_features(settings, "GOOG")
    with Container(settings) as house:
        newest_signals(house)
    assert make_impact(settings).metadata["summary"] == "0 revisions of stored bars, 0 uses of the values before them"

    assert bring(goog, corrected()).status == 0
    after = say("backtest", *goog.overrides, "--json").json
    assert after["final_equity"] != before["final_equity"]
    make_features(settings, "GOOG")

    (found,) = impact(goog, "--json").json["revisions"]
    assert (found["revision"], found["corrected"], found["late"]) == (1, 2, 0)
    assert (found["first"], found["last"]) == ("2024-01-31T14:30:00+00:00", "2024-02-01T14:30:00+00:00")
    told = {(row["kind"], row["name"]) for row in found["touched"]}
    assert told == {("backtest", "sma_crossover"), ("sweep", "sma_crossover"), ("features", "GOOG"),
                    ("signals", "sma_crossover")}  # fmt: skip
    (trials,) = [row["detail"] for row in found["touched"] if row["kind"] == "sweep"]
    assert "fast=2|3, slow=8" in trials
    assert "trials 2" in trials
    shown = impact(goog, "--instrument", "GOOG", "--timeframe", "1d", "--revision", "1").out
    assert "GOOG 1d trade revision 1: 2 corrected, 2024-01-31 14:30 to 2024-02-01 14:30" in shown
    assert f"backtest.known_at={found['known_before']}" in shown
    made = make_impact(settings)
    assert made.metadata["summary"] == "1 revision of stored bars, 4 uses of the values before them"
    assert "| sweep | sma_crossover |" in made.metadata["uses"].value
    assert made.check_results[0].passed

    past = say("backtest", *goog.overrides, f"backtest.known_at={found['known_before']}", "--json").json
    assert {name: past[name] for name in FIGURES} == {name: before[name] for name in FIGURES}
    assert (before["known_at"], past["known_at"][:4]) == ("", found["known_before"][:4])
    again = [row for row in impact(goog, "--json").json["revisions"][0]["touched"] if row["kind"] == "backtest"]
    assert len(again) == 2, "the second has read the old values on purpose"


def test_what_nothing_used_is_said_and_what_is_not_there_is_refused(goog: House) -> None:
    assert say("backtest", *goog.overrides, "backtest.end=2024-01-20").status == 0
    assert bring(goog, corrected()).status == 0
    assert "nothing used the values before it" in impact(goog).out, "the backtest had ended before"
    assert impact(goog, "--since", "2100-01-01", "--json").json == {"revisions": []}
    for words, text in (
        (("--instrument", "NONE"), "no bars of NONE are stored"),
        (("--instrument", "GOOG", "--timeframe", "1d", "--revision", "2"), "has 1 revisions, no number 2"),
        (("--timeframe", "1h", "--revision", "1"), "revision 1 of which series is not said: 0 are chosen"),
        (("--since", "soon"), "'soon' is no date or time"),
    ):
        said = impact(goog, *words)
        assert (said.status, text in said.err) == (1, True), said.err


def test_longer_bars_are_a_use_of_the_stored_ones_to_the_end_of_the_last(goog: House) -> None:
    short = ("strategy.fast=2", "strategy.slow=3")
    assert say("backtest", *goog.overrides, *short, "backtest.timeframe=1w", "backtest.end=2024-01-26").status == 0
    ((series,),) = [use.series for use in Uses(goog.root).all()]
    assert (series.timeframe, series.revision, len(series.fingerprint)) == (Timeframe.D1, 0, 64)
    friday = pd.Timestamp("2024-01-26 14:30", tz="UTC").value
    assert series.first < friday <= series.last
    table = swings()
    table.loc[table["Date"] == "2024-01-26", ["High", "Close"]] += 1.0
    assert bring(goog, table).status == 0
    assert [row["kind"] for row in impact(goog, "--json").json["revisions"][0]["touched"]] == ["backtest"]


def test_the_past_is_read_by_study_sweep_and_lab_and_never_by_signals(goog: House) -> None:
    with Container(compose(goog.overrides)) as house:
        bars = house.bars.read_bars("GOOG", Timeframe.D1)
        at = house.clock.now()
    longer = daily(70, [*swings()["Close"], *range(200, 210)])
    assert bring(goog, longer).status == 0
    words = (*goog.overrides, f"backtest.known_at={at.isoformat()}")
    settings = compose(words)
    done = run(settings)
    assert done.report.facts["bars"] == f"as known at {at:%Y-%m-%d %H:%M:%S} UTC"
    assert done.results["GOOG"].bars.ts[-1] == bars.ts[-1]
    with Container(settings) as house:
        assert bars_hash(house.for_research.bars.read_bars("GOOG", Timeframe.D1)) == bars_hash(bars)
        (signal,) = newest_signals(house)
        assert signal.data_hash == bars_hash(house.bars.read_bars("GOOG", Timeframe.D1))
    assert signal.data_hash != bars_hash(bars), "orders are decided on what is known now"
    swept = say("sweep", *words, "strategy.fast=2,3")
    assert f"the bars are those that were stored at {at:%Y-%m-%d %H:%M:%S} UTC (backtest.known_at)" in swept.out
    assert lab_options(words).problem == ""
    assert StudyView(done).texts["figures"].startswith(f"Bars as known at {at:%Y-%m-%d %H:%M:%S} UTC.")
    assert span(words, ("GOOG",), "1d")[1] < span(goog.overrides, ("GOOG",), "1d")[1]
    early = say("backtest", *goog.overrides, "backtest.known_at=2001-01-01")
    assert early.status == 1
    assert "no trade bars of GOOG at 1d were stored at 2001-01-01 23:59:59 UTC; the first came at " in early.err
    assert say("backtest", *goog.overrides, "backtest.known_at=soon").status == 1

"""A refresh asks every feed again for its newest stored bars, so that corrections arrive, and for no more than that."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from tests.support.feeds_under_test import D1, M1, SUBJECTS, Subject
from tradewright.model.bars import BarKind, Timeframe
from tradewright.research.bars import LookBack, refresh
from tradewright.store.bars import BarStore

TRADE = BarKind.TRADE
A_MOMENT = pd.Timedelta(seconds=1)


@pytest.fixture(scope="module", params=["ibkr", "polygon-stock", "binance"])
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    with SUBJECTS[request.param]() as made:
        yield made


@pytest.fixture
def store(tmp_path: Path, subject: Subject) -> BarStore:
    return BarStore(tmp_path, subject.clock)


def stored(store: BarStore, subject: Subject, timeframe: Timeframe, lacking: int, source: str = "") -> pd.DataFrame:
    """All bars but the newest, each volume one too many."""
    whole = subject.feed.fetch(subject.instrument, timeframe, subject.market.tables[timeframe]["ts"].iloc[0] - A_MOMENT)
    before = whole.iloc[:-lacking] if lacking else whole
    wrong = before.assign(volume=before["volume"] + 1)
    store.upsert(subject.instrument.symbol, timeframe, TRADE, wrong, source=source or subject.feed.name)
    return whole


def look(store: BarStore, subject: Subject, timeframe: Timeframe, bars: int = 5) -> tuple[int, int]:
    """Bars added and corrected by a refresh."""
    back = LookBack(bars, subject.clock.now())
    report = refresh(store, subject.feed, subject.instrument, [timeframe], back)[timeframe]
    return report.added, report.revised


def test_corrections_of_the_newest_days_arrive_as_a_revision(store: BarStore, subject: Subject) -> None:
    whole, symbol = stored(store, subject, D1, 2), subject.instrument.symbol
    assert look(store, subject, D1) == (2, 5)
    (revision,) = store.revisions(symbol, D1)
    assert (revision.source, revision.told) == (subject.feed.name, "5 corrected")
    found = store.read(symbol, D1)
    pd.testing.assert_series_equal(found["volume"].tail(7), whole["volume"].tail(7))
    assert (found["volume"].iloc[:-7] == whole["volume"].iloc[:-7] + 1).all(), "older bars are not asked for"
    assert look(store, subject, D1) == (0, 0)


def test_nothing_is_asked_again_until_a_newer_bar_has_closed(store: BarStore, subject: Subject) -> None:
    stored(store, subject, D1, 0)
    if subject.server is not None:
        subject.server.asked.clear()
    assert look(store, subject, D1) == (0, 0)
    if subject.server is not None:
        assert [asked for asked in subject.server.asked if "reference" not in asked.path] == []


def test_nought_looks_at_nothing_again_and_neither_does_another_feed(store: BarStore, subject: Subject) -> None:
    stored(store, subject, D1, 2, source="a file.csv")
    assert look(store, subject, D1) == (2, 0), "what a person imported is not this feed's to correct"
    stored(store, subject, D1, 2)
    assert look(store, subject, D1, bars=0)[1] == 0


def test_minutes_are_looked_at_again_after_a_pause_alone(tmp_path: Path) -> None:
    with SUBJECTS["binance"]() as subject:
        store = BarStore(tmp_path / "running", subject.clock)
        whole = stored(store, subject, M1, 60)
        assert look(store, subject, M1) == (60, 0)
        store = BarStore(tmp_path / "paused", subject.clock)
        stored(store, subject, M1, 421)
        before = whole["ts"].iloc[:-421]
        assert look(store, subject, M1) == (421, int((before > before.iloc[-1] - pd.Timedelta(days=1)).sum()))
        (revision,) = store.revisions(subject.instrument.symbol, M1)
        assert revision.replaced is not None
        assert revision.replaced.rows == len(before) > 500

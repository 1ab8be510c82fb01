"""Backfills: any span in parts, each stored before the next; closed history is asked for once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.histories import COIN, STOCK, table
from tradewright.calendars.registry import calendar_of
from tradewright.model.bars import BarKind, Timeframe
from tradewright.model.clock import ManualClock
from tradewright.model.errors import DataError
from tradewright.model.instrument import Instrument
from tradewright.model.spans import parts
from tradewright.research.backfill import Backfilled, backfill
from tradewright.research.cached_feed import CachedFeed
from tradewright.scenarios.scenario import Scenario
from tradewright.store.artefacts import Artefacts
from tradewright.store.bars import BarStore

DAY = 86_400_000_000_000
H1, D1 = Timeframe.H1, Timeframe.D1
END = datetime(2026, 3, 4, 17, 0, tzinfo=UTC)


class TableFeed:
    """A feed of a table, which notes what it is asked for, and may fail."""

    name = "table"

    def __init__(self, whole: pd.DataFrame, days: int = 30) -> None:
        self.whole, self.days = whole, days
        self.asked: list[tuple[pd.Timestamp, pd.Timestamp]] = []
        self.fails: Callable[[], None] = lambda: None

    def kind_of(self, _instrument: Instrument) -> BarKind | None:
        return BarKind.TRADE

    def span(self, _instrument: Instrument, _timeframe: Timeframe) -> timedelta:
        return timedelta(days=self.days)

    def fetch(
        self, _instrument: Instrument, _timeframe: Timeframe, after: pd.Timestamp, until: pd.Timestamp
    ) -> pd.DataFrame:
        self.asked.append((after, until))
        self.fails()
        return self.whole[(self.whole["ts"] > after) & (self.whole["ts"] <= until)].reset_index(drop=True)


def hours(days: int = 100) -> pd.DataFrame:
    grid = calendar_of(COIN).grid(H1, pd.Timestamp(END) - timedelta(days=days), pd.Timestamp(END))
    return table(COIN, grid.tolist()[:-1])


def run(store: BarStore, feed: TableFeed | CachedFeed, days: int = 100, until: int = 0) -> Backfilled:
    end = pd.Timestamp(END).value
    return backfill(store, feed, COIN, H1, end - days * DAY, end - until * DAY)  # type: ignore[arg-type]


@given(st.integers(-(10**18), 10**18), st.integers(-1, 10**16), st.integers(1, 400))
def test_parts_cover_a_span_once_and_end_at_fixed_borders(first: int, length: int, days: int) -> None:
    span = timedelta(days=days)
    found = list(parts(first, first + length, span)) if length < 400 * days * DAY else []
    covered = 0
    for number, (low, high) in enumerate(found):
        assert low == (first if number == 0 else found[number - 1][1] + 1)
        assert 0 <= high - low < days * DAY
        assert high == first + length or (high + 1) % (days * DAY) == 0
        covered += high - low + 1
    if found:
        assert covered == length + 1


def test_a_history_is_stored_part_by_part_and_again_adds_nothing(tmp_path: Path) -> None:
    store, feed = BarStore(tmp_path), TableFeed(hours())
    stored: list[int] = []
    feed.fails = lambda: stored.append(covered.rows if (covered := store.coverage("BTC", H1)) else 0)
    done = run(store, feed)
    assert (done.added, done.unchanged, done.revised) == (2400, 0, 0)
    assert done.parts == len(feed.asked) == 4
    assert stored[0] == 0
    assert all(later > before for before, later in pairwise(stored)), "before the next is asked for"
    pd.testing.assert_frame_equal(store.read("BTC", H1)[hours().columns.tolist()], hours())
    assert store.sources("BTC") == {H1: "table"}
    again = run(store, feed)
    assert (again.added, again.unchanged) == (0, 2400)


def test_what_was_stored_before_a_failure_stays_and_the_rest_follows(tmp_path: Path) -> None:
    store, feed = BarStore(tmp_path), TableFeed(hours())
    kept = CachedFeed(feed, Artefacts(tmp_path / "kept"), {}, ManualClock(END + timedelta(days=9)))

    def fail() -> None:
        if len(feed.asked) == 3:
            raise DataError("the vendor is away")

    feed.fails = fail
    with pytest.raises(DataError, match="is away"):
        run(store, kept)
    before = store.coverage("BTC", H1)
    assert before is not None
    assert before.last == feed.asked[1][1].floor("h")
    done = run(store, kept)
    assert (done.unchanged, done.added) == (before.rows, 2400 - before.rows)
    assert len(feed.asked) == 5, "the two parts that are stored are not asked for again"


def test_a_hole_inside_and_a_time_before_what_is_stored_are_filled(tmp_path: Path) -> None:
    store, whole = BarStore(tmp_path), hours()
    known = pd.concat([whole.iloc[1000:1100], whole.iloc[1900:2000]], ignore_index=True)
    store.upsert("BTC", H1, BarKind.TRADE, known, source="files")
    done = run(store, TableFeed(whole))
    assert (done.added, done.unchanged, done.revised) == (2200, 200, 0)
    assert len(store.read("BTC", H1)) == 2400


def test_a_correction_of_the_source_is_a_revision(tmp_path: Path) -> None:
    store, feed = BarStore(tmp_path), TableFeed(hours())
    run(store, feed)
    feed.whole.loc[7, "close"] = feed.whole["open"].iloc[7]
    done = run(store, feed)
    assert (done.added, done.revised) == (0, 1)
    assert len(store.revisions("BTC", H1)) == 1


def test_closed_history_is_asked_for_once_and_its_end_again(tmp_path: Path) -> None:
    """R-DATA-27."""
    feed, clock = TableFeed(hours()), ManualClock(END + timedelta(hours=1))
    kept = CachedFeed(feed, Artefacts(tmp_path / "kept"), {"base_url": "x"}, clock)
    first = run(BarStore(tmp_path / "a"), kept)
    assert len(feed.asked) == first.parts
    again = run(BarStore(tmp_path / "b"), kept)
    assert again == first
    assert len(feed.asked) == first.parts + 1, "the part of the last two days"
    assert feed.asked[-1] == feed.asked[first.parts - 1]
    pd.testing.assert_frame_equal(BarStore(tmp_path / "a").read("BTC", H1), BarStore(tmp_path / "b").read("BTC", H1))
    whole_in_the_past = run(BarStore(tmp_path / "c"), kept, until=5)
    asked = len(feed.asked)
    assert run(BarStore(tmp_path / "c"), kept, until=5).unchanged == whole_in_the_past.added
    assert len(feed.asked) == asked, "no call at all"


@pytest.mark.parametrize("change", ["terms", "instrument", "timeframe", "damage"])
def test_another_question_is_asked(tmp_path: Path, change: str) -> None:
    feed, clock, artefacts = TableFeed(hours()), ManualClock(END + timedelta(days=9)), Artefacts(tmp_path)
    ends = pd.Timestamp(END) - timedelta(days=3), pd.Timestamp(END) - timedelta(days=1)
    CachedFeed(feed, artefacts, {"tape": "sip"}, clock).fetch(COIN, H1, *ends)
    instrument = COIN.model_copy(update={"venue_symbols": {"table": "XBT"}}) if change == "instrument" else COIN
    if change == "damage":
        (file,) = tmp_path.rglob("*.parquet")
        file.write_bytes(b"damaged")
    kept = CachedFeed(feed, artefacts, {"tape": "iex" if change == "terms" else "sip"}, clock)
    kept.fetch(instrument, Timeframe.H2 if change == "timeframe" else H1, *ends)
    assert len(feed.asked) == 2
    kept.fetch(instrument, Timeframe.H2 if change == "timeframe" else H1, *ends)
    assert len(feed.asked) == 2


def test_an_empty_answer_is_kept_only_where_the_market_was_closed(tmp_path: Path) -> None:
    feed, clock = TableFeed(hours(1)[:0]), ManualClock(END + timedelta(days=9))
    kept = CachedFeed(feed, Artefacts(tmp_path), {}, clock)
    saturday, monday = pd.Timestamp("2026-02-28", tz="UTC"), pd.Timestamp("2026-03-02 12:00", tz="UTC")
    for _ in range(2):
        assert kept.fetch(STOCK, H1, saturday, monday).empty
    assert len(feed.asked) == 1
    for _ in range(2):
        assert kept.fetch(STOCK, H1, saturday, monday + timedelta(hours=5)).empty
    assert len(feed.asked) == 3


def test_a_table_comes_back_from_the_disk_as_it_was(tmp_path: Path) -> None:
    whole = hours().assign(spread=np.nan)
    feed, clock = TableFeed(whole), ManualClock(END + timedelta(days=9))
    kept = CachedFeed(feed, Artefacts(tmp_path), {}, clock)
    ends = whole["ts"].iloc[5], whole["ts"].iloc[500]
    first, again = kept.fetch(COIN, H1, *ends), kept.fetch(COIN, H1, *ends)
    assert len(feed.asked) == 1
    pd.testing.assert_frame_equal(first, again)
    assert kept.span(COIN, H1) == timedelta(days=30)


def test_invented_bars_and_real_ones_are_not_mixed(tmp_path: Path) -> None:
    store, end = BarStore(tmp_path), pd.Timestamp(END).value
    made = Scenario(7, END, lambda of, *span: calendar_of(of).grid(*span), days=1, years=0.1)
    assert backfill(store, made, COIN, D1, end - 20 * DAY, end).added == 19
    with pytest.raises(DataError, match=r"a scenario has invented.*another storage\.root"):
        run(store, TableFeed(hours()))
    real = BarStore(tmp_path / "real")
    run(real, TableFeed(hours()))
    with pytest.raises(DataError, match="a scenario's invented bars are not put beside them"):
        backfill(real, made, COIN, D1, end - 20 * DAY, end)

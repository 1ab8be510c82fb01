"""One contract for every feed (``tradewright.model.ports.Feed``): a scenario, the gateway, and each vendor."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
import pytest

from brokers.discovery import plugins, vendors
from tests.support.feeds_under_test import D1, M1, SUBJECTS, Subject, same
from tests.support.histories import NOON
from tradewright.calendars.registry import calendar_of
from tradewright.calendars.resampling import resampled
from tradewright.model.bar_rules import bars_of, frame_of, intact
from tradewright.model.bars import OHLCV, Timeframe
from tradewright.model.errors import DataError

END = pd.Timestamp(NOON)


@pytest.fixture(scope="module", params=SUBJECTS)
def running(request: pytest.FixtureRequest) -> Iterator[Subject]:
    with SUBJECTS[request.param]() as made:
        yield made


@pytest.fixture
def subject(running: Subject) -> Iterator[Subject]:
    if running.server is not None:
        running.server.asked.clear()
    yield running
    if running.spoil is not None:
        running.spoil(list)


def closed(
    subject: Subject, timeframe: Timeframe, after: pd.Timestamp | None = None, until: pd.Timestamp = END
) -> pd.DataFrame:
    """What the source holds of a span and has closed."""
    table, market = subject.market.tables[timeframe], calendar_of(subject.instrument)
    ends = [market.bar_close(timeframe, start) for start in table["ts"].astype("int64")]
    inside = (pd.Series(ends, dtype="int64") <= END.value) & (table["ts"] <= until)
    return table[inside if after is None else inside & (table["ts"] > after)].reset_index(drop=True)


def test_every_feed_is_among_the_subjects() -> None:
    kinds = {name.partition("-")[0] for name in SUBJECTS}
    assert kinds == {"scenario", *vendors(), *(kind for kind, made in plugins().items() if made.serves_bars)}


@pytest.mark.parametrize("timeframe", [M1, D1])
def test_bars_after_a_moment_keep_the_contract(subject: Subject, timeframe: Timeframe) -> None:
    after = subject.market.tables[timeframe]["ts"].iloc[3]
    found = subject.feed.fetch(subject.instrument, timeframe, after)
    same(found, closed(subject, timeframe, after))
    assert list(found.columns[:6]) == ["ts", *OHLCV]
    assert str(found["ts"].dtype) == "datetime64[ns, UTC]"
    assert intact(bars_of(found), timeframe)
    assert len(found) > 30


@pytest.mark.parametrize("timeframe", [M1, D1])
def test_a_span_is_kept_at_both_ends_and_parts_join(subject: Subject, timeframe: Timeframe) -> None:
    starts = subject.market.tables[timeframe]["ts"]
    first, middle, last = starts.iloc[4], starts.iloc[len(starts) // 2], starts.iloc[-8]
    whole = closed(subject, timeframe, first, last)
    same(subject.feed.fetch(subject.instrument, timeframe, first, last), whole)
    within_a_bar = last + pd.Timedelta(seconds=0.9 * timeframe.seconds)
    same(subject.feed.fetch(subject.instrument, timeframe, first, within_a_bar), whole)
    parts = [subject.feed.fetch(subject.instrument, timeframe, *ends) for ends in ((first, middle), (middle, last))]
    assert [part["ts"].iloc[0] for part in parts] == [starts.iloc[5], starts[starts > middle].iloc[0]]
    same(pd.concat(parts, ignore_index=True), whole)


def test_the_bar_that_is_still_forming_is_left_out(subject: Subject) -> None:
    newest = subject.feed.fetch(subject.instrument, M1, END - pd.Timedelta(minutes=3))["ts"].iloc[-1]
    assert newest == END - pd.Timedelta(minutes=1)
    later = END + pd.Timedelta(days=400)
    assert subject.feed.fetch(subject.instrument, M1, END - pd.Timedelta(minutes=3), later)["ts"].iloc[-1] == newest
    days = subject.feed.fetch(subject.instrument, D1, END - pd.Timedelta(days=9))
    assert days["ts"].iloc[-1] < END - pd.Timedelta(hours=12), "today's session is not over"


def test_without_a_beginning_it_reaches_back_by_itself(subject: Subject) -> None:
    found = subject.feed.fetch(subject.instrument, D1, None)
    wanted = closed(subject, D1)
    same(found, wanted.tail(len(found)))
    assert len(found) > 15


def test_no_bars_are_a_table_and_no_error(subject: Subject) -> None:
    for after, until in (
        (END, None),
        (END - pd.Timedelta(hours=1), END - pd.Timedelta(hours=2)),
        (pd.Timestamp("2019-07-01", tz="UTC"), pd.Timestamp("2019-07-03", tz="UTC")),
    ):
        found = subject.feed.fetch(subject.instrument, M1, after, until)
        assert list(found.columns[:6]) == ["ts", *OHLCV]
        assert len(found) == 0
        assert str(found["ts"].dtype) == "datetime64[ns, UTC]"


def test_an_unknown_instrument_is_refused_with_what_to_do(subject: Subject) -> None:
    with pytest.raises(DataError) as refusal:
        subject.feed.fetch(subject.unknown, D1, END - pd.Timedelta(days=9))
    assert "ZZZ" in str(refusal.value)
    assert refusal.value.remedy


@pytest.mark.parametrize("timeframe", [Timeframe.W1, Timeframe.MO1])
def test_weeks_and_months_are_those_of_the_sessions(subject: Subject, timeframe: Timeframe) -> None:
    market, days = calendar_of(subject.instrument), bars_of(closed(subject, D1))
    wanted = frame_of(resampled(market, days, D1, timeframe))
    after = wanted["ts"].iloc[0]
    found = subject.feed.fetch(subject.instrument, timeframe, after)
    same(found, wanted[wanted["ts"] > after])
    assert len(found) > 1
    until = wanted["ts"].iloc[-2]
    same(subject.feed.fetch(subject.instrument, timeframe, after, until), wanted.iloc[1:-1])


def test_a_bar_that_comes_twice_or_late_is_taken_once_in_its_place(subject: Subject) -> None:
    """The later one in the answer is the correction."""
    if subject.spoil is None:
        pytest.skip("its source gives each bar once and in order")
    after = END - pd.Timedelta(minutes=40)

    def late(rows: list[object]) -> list[object]:
        return [*rows[9:12], *rows[:9], *rows[12:], rows[4], rows[12]] if len(rows) > 12 else rows

    subject.spoil(late)
    same(subject.feed.fetch(subject.instrument, M1, after), closed(subject, M1, after))


def test_a_long_history_is_asked_for_in_parts_of_a_stated_span(subject: Subject) -> None:
    spans = [subject.feed.span(subject.instrument, each) for each in Timeframe]
    assert all(each >= pd.Timedelta(hours=12) for each in spans)

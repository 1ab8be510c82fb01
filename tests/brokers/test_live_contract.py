"""One contract for every live feed (``tradewright.model.live.LiveFeed``), each against its vendor on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest

from brokers.discovery import vendors
from tests.support.feeds_under_test import same
from tests.support.histories import NOW
from tests.support.live_subjects import M1, SUBJECTS, LiveSubject
from tests.support.live_vendor import TEAR, Session
from tradewright.model.bars import BarKind, Timeframe
from tradewright.model.errors import DataError
from tradewright.store.bars import BarStore


@pytest.fixture(params=SUBJECTS)
def subject(request: pytest.FixtureRequest) -> Iterator[LiveSubject]:
    with SUBJECTS[request.param]() as made:
        yield made


def stored(store: BarStore, subject: LiveSubject) -> pd.DataFrame:
    return store.read(subject.instrument.symbol, M1, subject.feed.kind_of(subject.instrument) or BarKind.TRADE)


def whole(subject: LiveSubject) -> pd.DataFrame:
    """What history tells when it tells all."""
    subject.lag(0)
    subject.down = False
    if (lacking := (NOW - subject.clock.now()).total_seconds()) > 0:
        subject.clock.advance(lacking)
    return subject.history.fetch(subject.instrument, M1, pd.Timestamp("2026-03-03 20:59", tz="UTC"))


def tail_of(found: pd.DataFrame, wanted: pd.DataFrame) -> None:
    """The newest of the wanted bars, as many as were found, are the same bars."""
    same(found, wanted.tail(len(found)))
    assert len(found) > 30


def test_every_vendor_that_streams_is_among_the_subjects() -> None:
    streaming = {kind for kind, made in vendors().items() if made.streams}
    assert {name.partition("-")[0] for name in SUBJECTS} == streaming


def test_closed_bars_are_those_of_history(subject: LiveSubject, tmp_path: Path) -> None:
    """History lags by nine bars, so that these come by the link alone."""
    subject.lag(9 if subject.feed.gives_bars else 0)
    subject.server.sessions = [Session(subject.ends(subject.rows(9)))]
    told, store, _ = subject.run(tmp_path, bars=9)
    counts = told.series[subject.instrument.symbol]
    tail_of(stored(store, subject), whole(subject))
    assert (told.bars, told.unread, told.losses, counts.refused, counts.revised) == (9, 0, 0, 0, 0)
    assert subject.changed == [subject.instrument.symbol] * len(subject.changed) != []


def test_what_a_broken_link_did_not_bring_is_asked_of_history(subject: LiveSubject, tmp_path: Path) -> None:
    rows = subject.rows(9)
    torn = Session(subject.ends(rows[:2]), end=TEAR)
    subject.server.sessions = [torn, Session(refuse=503), Session(subject.ends(rows[-2:]))]
    told, store, _ = subject.run(tmp_path, bars=4)
    tail_of(stored(store, subject), whole(subject))
    assert told.losses == 2
    assert subject.waits == [1.0, 2.0], "twice as long each time"
    assert sum("made again in" in line for line in subject.lines) == 2


def test_a_bar_that_comes_twice_late_or_out_of_order_is_stored_once(subject: LiveSubject, tmp_path: Path) -> None:
    subject.lag(9 if subject.feed.gives_bars else 0)
    rows = subject.rows(9)
    shuffled = [*rows[:3], rows[1], rows[0], rows[4], rows[3], *rows[4:], rows[8], rows[8]]
    subject.server.sessions = [Session(subject.ends(shuffled))]
    told, store, _ = subject.run(tmp_path, bars=len(shuffled) if subject.feed.gives_bars else 7)
    wanted = whole(subject)
    tail_of(stored(store, subject), wanted[wanted["ts"] <= stored(store, subject)["ts"].iloc[-1]])
    assert told.series[subject.instrument.symbol].revised == 0
    assert subject.feed.gives_bars or told.late > 8


def test_messages_that_are_wrong_are_told_and_stop_nothing(subject: LiveSubject, tmp_path: Path) -> None:
    subject.lag(2 if subject.feed.gives_bars else 0)
    subject.server.sessions = [Session([*subject.spoiled, *subject.ends(subject.rows(2))])]
    told, store, _ = subject.run(tmp_path, bars=2)
    tail_of(stored(store, subject), whole(subject))
    assert told.unread == len(subject.spoiled)
    assert told.losses == 0
    assert sum("is left out" in line for line in subject.lines) == len(subject.spoiled)


def test_a_refusal_ends_it_and_tells_no_secret(subject: LiveSubject, tmp_path: Path) -> None:
    subject.server.sessions = [subject.refusal]
    with pytest.raises(DataError, match=r"it answers (401|403|not_authorized)") as refused:
        subject.run(tmp_path, bars=1)
    assert refused.value.remedy
    said = "\n".join([str(refused.value), *subject.lines])
    assert not subject.key or subject.key not in said


def test_a_silent_link_is_made_anew(subject: LiveSubject, tmp_path: Path) -> None:
    subject.lag(2 if subject.feed.gives_bars else 0)
    subject.server.sessions = [Session(), Session(subject.ends(subject.rows(2)))]
    told, store, _ = subject.run(tmp_path, bars=2, stale=0.4)
    tail_of(stored(store, subject), whole(subject))
    assert told.losses == 1
    assert any("not a word for 0.4 s" in line for line in subject.lines)


def test_history_that_does_not_answer_loses_no_bar(subject: LiveSubject, tmp_path: Path) -> None:
    """It fails after the first question; the bars of the link, or those made of its ticks, are stored meanwhile."""
    subject.lag(5)
    subject.server.sessions = [
        Session(subject.ends(subject.rows(9)[:5]), end=TEAR),
        Session(subject.ends(subject.rows(4))),
    ]
    subject.down = True
    told, store, _ = subject.run(tmp_path, bars=8)
    assert len(stored(store, subject)) == 8 if not subject.feed.gives_bars else 9
    found = stored(store, subject)
    wanted = whole(subject)
    same(found, wanted[wanted["ts"].isin(found["ts"])])
    assert any("its history does not answer" in line for line in subject.lines)
    assert subject.feed.gives_bars or told.series[subject.instrument.symbol].made == 8


def test_the_newest_bid_and_ask_are_kept(subject: LiveSubject, tmp_path: Path) -> None:
    bars = subject.ends(subject.rows(2))
    if subject.quote is None:
        subject.server.sessions = [Session(bars)]
        _, _, quotes = subject.run(tmp_path, bars=2)
        found, row = quotes.newest(subject.instrument.symbol), subject.rows(1)[0]
        assert found is not None
        assert (found.bid, found.last, found.last_time) == (
            None,
            Decimal(str(row.close)),
            row.ts + pd.Timedelta(minutes=1),
        )
        return
    newest, older = subject.quote(9, "1.10000", "1.10002"), subject.quote(8, "1.00000", "1.00002")
    subject.server.sessions = [Session([*bars[:-1], newest, older, newest, bars[-1]])]
    _, _, quotes = subject.run(tmp_path, bars=2)
    found = quotes.newest(subject.instrument.symbol)
    assert found is not None
    assert (found.bid, found.ask) == (Decimal("1.10000"), Decimal("1.10002"))
    assert found.time is not None
    assert found.time <= subject.clock.now()


def test_an_instrument_and_a_timeframe_that_are_not_streamed_are_refused_unasked(subject: LiveSubject) -> None:
    future = subject.instrument.model_copy(update={"asset_class": "future"})
    with pytest.raises(DataError, match="serves no future"):
        subject.feed.links([future], M1)
    if subject.feed.gives_bars:
        with pytest.raises(DataError, match="streams no 1w bars"):
            subject.feed.links([subject.instrument], Timeframe.W1)
    assert subject.server.paths == []

"""Alpaca beside the contract: pages by token, raw prices of a tape, the plan's newest quarter of an hour."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pandas as pd
import pytest

from brokers.vendors.alpaca.history import AlpacaHistory
from brokers.vendors.feed import VendorFeed
from tests.support.alpaca_vendor import HEADERS, KEY, SECRET, AlpacaVendor
from tests.support.feeds_under_test import D1, M1, M30, http_client, same, vendor_settings
from tests.support.histories import COIN, NOON, PAIR, STOCK, market, table
from tests.support.vendor_server import Answer, VendorServer
from tradewright.calendars.registry import calendar_of
from tradewright.calendars.resampling import resampled
from tradewright.model.bar_rules import bars_of, frame_of
from tradewright.model.bars import Timeframe
from tradewright.model.clock import ManualClock
from tradewright.model.errors import DataError
from tradewright.model.instrument import Instrument

END = pd.Timestamp(NOON)


@contextmanager
def desk(source: AlpacaVendor, tape: str = "sip", **changes: Any) -> Iterator[tuple[VendorFeed, VendorServer]]:
    with VendorServer(source).running() as server:
        clock = ManualClock(NOON)
        history = AlpacaHistory(http_client(server, clock, HEADERS, KEY, SECRET), tape)
        yield VendorFeed(history, vendor_settings("alpaca", **changes), clock), server


def test_pages_are_followed_by_their_token_with_the_same_question() -> None:
    known = market(STOCK, M1).tables[M1]
    with desk(AlpacaVendor({("AAPL", M1): known}, page=7), "iex") as (feed, server):
        same(
            feed.fetch(STOCK, M1, END - pd.Timedelta(minutes=20)),
            known[known["ts"] > END - pd.Timedelta(minutes=20)][:-1],
        )
        first, *others = (asked.query for asked in server.asked)
    assert first == {"symbols": "AAPL", "timeframe": "1Min", "start": "2026-03-04T16:40:00Z",
                     "end": "2026-03-04T16:59:58Z", "limit": "10000", "adjustment": "raw", "feed": "iex",
                     "sort": "asc"}  # fmt: skip
    assert others == [first | {"page_token": "t7"}, first | {"page_token": "t14"}]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"bars": {"MSFT": []}, "next_page_token": None}, "about MSFT, not about AAPL"),
        ({"bars": {}, "next_page_token": ""}, "the token of the next page is none"),
        ({"bars": {}, "next_page_token": 7}, "the token of the next page is none"),
        ({"bars": {}}, "lacks 'next_page_token'"),
        ({"next_page_token": None}, "lacks 'bars'"),
    ],
)
def test_a_page_of_another_form_is_refused(body: dict[str, object], words: str) -> None:
    with desk(AlpacaVendor({})) as (feed, server):
        server.wrap = lambda _: Answer(body)
        with pytest.raises(DataError, match=words):
            feed.fetch(STOCK, M1, END - pd.Timedelta(minutes=20))


def test_pages_without_an_end_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brokers.vendors.alpaca.history.MOST_PAGES", 3)
    source = AlpacaVendor({("AAPL", M1): market(STOCK, M1).tables[M1]}, page=2)
    with desk(source) as (feed, server):
        with pytest.raises(DataError, match="more than 3 pages"):
            feed.fetch(STOCK, M1, END - pd.Timedelta(minutes=20))
        server.asked.clear()
        server.wrap = lambda _: Answer({"bars": {}, "next_page_token": "t0"})
        with pytest.raises(DataError, match="the token of the next page is none"):
            feed.fetch(STOCK, M1, END - pd.Timedelta(minutes=20))
        assert len(server.asked) == 2, "a token that leads to itself ends it"


def test_the_free_plan_is_never_asked_for_its_last_quarter_of_an_hour() -> None:
    tables = market(STOCK, M1, M30, D1).tables
    source = AlpacaVendor(
        {("AAPL", each): known for each, known in tables.items()}, newest=NOON - timedelta(minutes=15)
    )
    with desk(source, delay_minutes=16) as (feed, _):
        assert feed.fetch(STOCK, M1, END - pd.Timedelta(hours=1))["ts"].iloc[-1] == END - pd.Timedelta(minutes=17)
        for timeframe in (M30, Timeframe.H1, D1, Timeframe.W1):
            assert len(feed.fetch(STOCK, timeframe, END - pd.Timedelta(days=30)))
    with desk(source) as (feed, _), pytest.raises(DataError, match="does not permit querying recent SIP data") as told:
        feed.fetch(STOCK, M1, END - pd.Timedelta(hours=1))
    assert "what its plan includes" in told.value.remedy


def test_days_keep_their_date_on_both_sides_of_the_change_of_clocks() -> None:
    grid = calendar_of(STOCK).grid(D1, pd.Timestamp("2025-10-20", tz="UTC"), pd.Timestamp("2025-11-14", tz="UTC"))
    known = table(STOCK, grid.tolist())
    with desk(AlpacaVendor({("AAPL", D1): known})) as (feed, _):
        same(feed.fetch(STOCK, D1, known["ts"].iloc[0], known["ts"].iloc[-2]), known[1:-1])


def test_a_day_or_a_week_that_goes_on_is_not_asked_for() -> None:
    with desk(AlpacaVendor({("AAPL", D1): market(STOCK, D1).tables[D1]})) as (feed, server):
        for timeframe, newest in ((D1, "2026-03-03 14:30"), (Timeframe.W1, "2026-02-23 14:30")):
            assert feed.fetch(STOCK, timeframe, pd.Timestamp(newest, tz="UTC")).empty
        assert server.asked == []


def test_a_bar_has_closed_when_its_last_second_is_over() -> None:
    known = market(STOCK, M1).tables[M1]
    with desk(AlpacaVendor({("AAPL", M1): known})) as (feed, _):
        feed._clock.advance(59.9)  # type: ignore[attr-defined]
        assert feed.fetch(STOCK, M1, END - pd.Timedelta(minutes=3))["ts"].iloc[-1] == END - pd.Timedelta(minutes=1)
        feed._clock.advance(0.1)  # type: ignore[attr-defined]
        assert feed.fetch(STOCK, M1, END - pd.Timedelta(minutes=3))["ts"].iloc[-1] == END


def test_hours_are_made_of_half_hours_of_the_session() -> None:
    known = market(STOCK, M30).tables[M30]
    with desk(AlpacaVendor({("AAPL", M30): known})) as (feed, _):
        found = feed.fetch(STOCK, Timeframe.H4, END - pd.Timedelta(days=3))
    wanted = frame_of(resampled(calendar_of(STOCK), bars_of(known[:-1]), M30, Timeframe.H4))
    same(found, wanted[wanted["ts"] > END - pd.Timedelta(days=3)])


def test_a_share_that_was_not_listed_yet_is_an_empty_table() -> None:
    """Any day of it makes it known, of whichever year."""
    with desk(AlpacaVendor({("AAPL", D1): market(STOCK, D1).tables[D1]})) as (feed, _):
        long_ago = pd.Timestamp("2017-01-05", tz="UTC")
        assert feed.fetch(STOCK, M1, long_ago, long_ago + pd.Timedelta(days=1)).empty


def test_a_symbol_that_cannot_be_one_is_unknown() -> None:
    with desk(AlpacaVendor({})) as (feed, server):
        server.script = [Answer({"message": "invalid symbol: BRK/B"}, 400)]
        with pytest.raises(DataError, match="alpaca knows no 'AAPL'"):
            feed.fetch(STOCK, M1, END - pd.Timedelta(minutes=20))
        server.script = [Answer({"message": "invalid limit"}, 400)]
        with pytest.raises(DataError, match="it answers 400: invalid limit"):
            feed.fetch(STOCK, M1, END - pd.Timedelta(minutes=20))


@pytest.mark.parametrize("instrument", [PAIR, COIN])
def test_what_it_does_not_serve_is_refused_unasked(instrument: Instrument) -> None:
    with desk(AlpacaVendor({})) as (feed, server):
        with pytest.raises(DataError, match=f"alpaca serves no {instrument.asset_class}, only etf, stock"):
            feed.fetch(instrument, M1, None)
        assert server.asked == []

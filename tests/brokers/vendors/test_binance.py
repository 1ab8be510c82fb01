"""Binance beside the contract: a thousand candles an answer, UTC days, a ban that is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pandas as pd
import pytest

from brokers.vendors.binance.history import BinanceHistory
from brokers.vendors.feed import VendorFeed
from tests.support.binance_vendor import BinanceVendor
from tests.support.feeds_under_test import D1, M1, http_client, same, vendor_settings
from tests.support.histories import COIN, NOON, STOCK, market, table
from tests.support.vendor_server import Answer, Asked, VendorServer
from tradewright.calendars.registry import calendar_of
from tradewright.model.bars import Timeframe
from tradewright.model.clock import ManualClock
from tradewright.model.errors import DataError

END = pd.Timestamp(NOON)
PAIR = COIN.model_copy(update={"symbol": "BTCUSDT"})


@contextmanager
def desk(source: BinanceVendor, **changes: Any) -> Iterator[tuple[VendorFeed, VendorServer]]:
    with VendorServer(source).running() as server:
        clock = ManualClock(NOON)
        history = BinanceHistory(http_client(server, clock, {}))
        yield VendorFeed(history, vendor_settings("binance", **changes), clock), server


def test_more_than_a_thousand_candles_are_several_answers_without_a_seam() -> None:
    grid = calendar_of(PAIR).grid(M1, END - pd.Timedelta(minutes=2500), END - pd.Timedelta(minutes=1))
    known = table(PAIR, grid.tolist())
    with desk(BinanceVendor({("BTCUSDT", M1): known})) as (feed, server):
        same(feed.fetch(PAIR, M1, END - pd.Timedelta(minutes=2500)), known[1:])
        assert {asked.query["limit"] for asked in server.asked} == {"1000"}
        assert len(server.asked) == 4, "at borders that do not depend on the question"
        assert all(
            int(asked.query["endTime"]) - int(asked.query["startTime"]) < 1000 * 60_000 for asked in server.asked
        )
        assert feed.span(PAIR, M1) == timedelta(minutes=44_000), "a month, in whole questions"


def test_candles_from_beyond_the_end_of_a_question_are_not_taken_twice() -> None:
    """As if the vendor did not look at ``endTime``."""
    grid = calendar_of(PAIR).grid(M1, END - pd.Timedelta(minutes=1500), END - pd.Timedelta(minutes=1))
    known, plain = table(PAIR, grid.tolist()), BinanceVendor({("BTCUSDT", M1): table(PAIR, grid.tolist())})

    def endless(asked: Asked) -> Answer:
        later = str(int(asked.query["endTime"]) + 3_600_000)
        return plain(replace(asked, query=asked.query | {"endTime": later}))

    with desk(endless) as (feed, server):  # type: ignore[arg-type]
        same(feed.fetch(PAIR, M1, END - pd.Timedelta(minutes=1500)), known[1:])
        assert len(server.asked) > 1


def test_hours_of_the_clock_and_days_of_utc_are_the_vendors_own() -> None:
    tables = {("BTCUSDT", each): table(PAIR, calendar_of(PAIR).grid(each, END - pd.Timedelta(days=6), END).tolist())
              for each in (Timeframe.H4, D1)}  # fmt: skip
    with desk(BinanceVendor(tables)) as (feed, server):
        for timeframe, hours in ((Timeframe.H4, [0, 4, 8, 12, 16, 20]), (D1, [0])):
            found = feed.fetch(PAIR, timeframe, END - pd.Timedelta(days=5))
            same(found, tables["BTCUSDT", timeframe].pipe(lambda own: own[own["ts"] > END - pd.Timedelta(days=5)])[:-1])
            assert sorted(found["ts"].dt.hour.unique()) == hours
        assert len(server.asked) == 2


def test_a_ban_is_told_at_once_and_an_overload_waited_for() -> None:
    known = market(COIN, M1).tables[M1]
    with desk(BinanceVendor({("BTC", M1): known})) as (feed, server):
        server.script = [Answer({"code": -1003, "msg": "Way too much request weight used; IP banned"}, 418)]
        with pytest.raises(DataError, match="it answers 418: Way too much request weight used; IP banned"):
            feed.fetch(COIN, M1, END - pd.Timedelta(minutes=9))
        assert len(server.asked) == 1
        server.script = [Answer({"code": -1003, "msg": "Too many requests"}, 429, {"Retry-After": "12"})]
        assert len(feed.fetch(COIN, M1, END - pd.Timedelta(minutes=9))) == 8


def test_a_refusal_for_another_reason_does_not_blame_the_name() -> None:
    with desk(BinanceVendor({("BTC", M1): market(COIN, M1).tables[M1]})) as (feed, server):
        server.script = [Answer({"code": -1127, "msg": "More than 24 hours between startTime and endTime"}, 400)]
        with pytest.raises(DataError, match="More than 24 hours"):
            feed.fetch(COIN, M1, END - pd.Timedelta(minutes=9))


def test_what_it_does_not_serve_is_refused_unasked() -> None:
    with desk(BinanceVendor({})) as (feed, server):
        with pytest.raises(DataError, match="binance serves no stock, only crypto"):
            feed.fetch(STOCK, M1, None)
        assert server.asked == []

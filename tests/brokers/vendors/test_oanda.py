"""OANDA beside the contract: middle prices with their spread, whose days they are, and the limits of a request."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from brokers.vendors.feed import VendorFeed
from brokers.vendors.oanda.history import OandaHistory
from tests.support.feeds_under_test import D1, M1, M30, http_client, same, vendor_settings
from tests.support.histories import COIN, NOON, PAIR, STOCK, market, table
from tests.support.oanda_vendor import HALF, KEY, OandaVendor
from tests.support.vendor_server import Answer, VendorServer
from tradewright.calendars.registry import calendar_of
from tradewright.calendars.resampling import resampled
from tradewright.model.bar_rules import bars_of, frame_of
from tradewright.model.bars import Timeframe
from tradewright.model.clock import ManualClock
from tradewright.model.errors import DataError
from tradewright.model.instrument import AssetClass, Instrument

END = pd.Timestamp(NOON)
INDEX = Instrument(symbol="NAS100", asset_class=AssetClass.CFD, venue_symbols={"oanda": "NAS100_USD"})


@contextmanager
def desk(source: OandaVendor, **changes: Any) -> Iterator[tuple[VendorFeed, VendorServer]]:
    with VendorServer(source).running() as server:
        clock = ManualClock(NOON)
        history = OandaHistory(http_client(server, clock, {"Authorization": f"Bearer {KEY}"}, KEY))
        yield VendorFeed(history, vendor_settings("oanda", **changes), clock), server


def test_prices_are_middles_the_spread_is_in_basis_points_and_the_count_is_no_volume() -> None:
    known = market(PAIR, M1, counted=False).tables[M1]
    with desk(OandaVendor({("EUR_USD", M1): known})) as (feed, server):
        found = feed.fetch(PAIR, M1, END - pd.Timedelta(minutes=9))
    wanted = known[known["ts"] > END - pd.Timedelta(minutes=9)][:-1].reset_index(drop=True)
    same(found, wanted)
    assert found["volume"].isna().all()
    spread = 10_000 * (2 * HALF / wanted["open"] + 2 * HALF / wanted["close"]) / 2
    np.testing.assert_allclose(found["spread"], spread, rtol=1e-3)
    assert server.asked[0].query["price"] == "MBA"


def test_a_spread_that_is_negative_is_unknown() -> None:
    source = OandaVendor({("EUR_USD", M1): market(PAIR, M1, counted=False).tables[M1]})
    source.spoil = lambda rows: [row | {"bid": row["ask"], "ask": row["bid"]} for row in rows]
    with desk(source) as (feed, _):
        assert feed.fetch(PAIR, M1, END - pd.Timedelta(minutes=9))["spread"].isna().all()


def test_no_request_is_for_more_than_the_vendor_gives() -> None:
    """The vendor on loopback refuses more than 5,000 candles and any end in the future, as the real one does."""
    tables = market(PAIR, M1, D1, counted=False).tables
    with desk(OandaVendor({("EUR_USD", each): table for each, table in tables.items()})) as (feed, server):
        for timeframe, days in ((M1, 40), (D1, 9000)):
            feed.fetch(PAIR, timeframe, END - pd.Timedelta(days=days), END + pd.Timedelta(days=3))
        assert len(server.asked) == 14 + 3
        assert feed.span(PAIR, M1) == timedelta(days=30), "ten requests"
        assert feed.span(PAIR, D1) == timedelta(days=4800)


def test_days_of_an_index_are_made_of_half_hours_of_its_session() -> None:
    """The vendor's day of an index runs from 17:00 to 17:00, ours from 09:30 to 16:00."""
    known = market(INDEX, M30, counted=False).tables[M30]
    source = OandaVendor({("NAS100_USD", M30): known})
    with desk(source) as (feed, server):
        found = feed.fetch(INDEX, D1, END - pd.Timedelta(days=6))
        assert {asked.query["granularity"] for asked in server.asked} == {"M30"}
    wanted = frame_of(resampled(calendar_of(INDEX), bars_of(known[:-1]), M30, D1))
    same(found, wanted[wanted["ts"] > END - pd.Timedelta(days=6)])
    assert source.days == []


def test_days_of_a_market_round_the_clock_are_those_of_utc() -> None:
    index = INDEX.model_copy(update={"calendar": "24/7"})
    known = market(index, D1, counted=False).tables[D1]
    source = OandaVendor({("NAS100_USD", D1): known})
    with desk(source) as (feed, _):
        same(feed.fetch(index, D1, END - pd.Timedelta(days=6)), known[known["ts"] > END - pd.Timedelta(days=6)][:-1])
    assert set(source.days) == {("0", "UTC")}


def test_the_days_of_a_currency_begin_at_17_in_new_york_on_both_sides_of_the_change_of_clocks() -> None:
    """The clocks change on 2 November 2025: candles of before begin at 21:00 UTC, later ones at 22:00."""
    grid = calendar_of(PAIR).grid(D1, pd.Timestamp("2025-10-20", tz="UTC"), pd.Timestamp("2025-11-14", tz="UTC"))
    known = table(PAIR, grid.tolist(), counted=False)
    with desk(OandaVendor({("EUR_USD", D1): known})) as (feed, _):
        found = feed.fetch(PAIR, D1, known["ts"].iloc[0], known["ts"].iloc[-1])
    same(found, known[1:])
    assert found["ts"].dt.hour.unique().tolist() == [21, 22]


def test_an_answer_about_something_else_is_refused() -> None:
    source = OandaVendor({("EUR_USD", M1): market(PAIR, M1, counted=False).tables[M1]})
    for change in ({"instrument": "GBP_USD"}, {"granularity": "S5"}):
        with desk(source) as (feed, server):
            server.wrap = lambda answer, change=change: Answer(json.loads(answer.content) | change)  # type: ignore[misc]
            with pytest.raises(DataError, match="the answer is about"):
                feed.fetch(PAIR, M1, END - pd.Timedelta(minutes=9))


def test_a_refusal_for_another_reason_does_not_blame_the_name() -> None:
    with desk(OandaVendor({})) as (feed, server):
        server.script = [Answer({"errorMessage": "Maximum value for 'count' exceeded"}, 400)]
        with pytest.raises(DataError, match="it answers 400: Maximum value for 'count' exceeded"):
            feed.fetch(PAIR, M1, END - pd.Timedelta(minutes=9))


def test_a_candle_that_the_vendor_has_not_finished_is_left_out() -> None:
    """By the clock it has closed."""
    known = market(PAIR, M1, counted=False).tables[M1]
    source = OandaVendor({("EUR_USD", M1): known})
    source.spoil = lambda rows: [row | {"complete": number != 4} for number, row in enumerate(rows)]
    with desk(source) as (feed, _):
        found = feed.fetch(PAIR, M1, END - pd.Timedelta(minutes=9))
    wanted = known[known["ts"] > END - pd.Timedelta(minutes=9)][:-1].reset_index(drop=True)
    same(found, wanted.drop(index=3))


def test_a_candle_that_does_not_say_whether_it_is_complete_is_refused() -> None:
    source = OandaVendor({("EUR_USD", M1): market(PAIR, M1, counted=False).tables[M1]})
    with desk(source) as (feed, _):
        for row in ({"complete": "yes"}, {"complete": None}):
            source.spoil = lambda rows, row=row: [each | row for each in rows]  # type: ignore[misc]
            with pytest.raises(DataError, match="complete of a bar is no truth value"):
                feed.fetch(PAIR, M1, END - pd.Timedelta(minutes=9))


@pytest.mark.parametrize("instrument", [STOCK, COIN])
def test_what_it_does_not_serve_is_refused_unasked(instrument: Instrument) -> None:
    with desk(OandaVendor({})) as (feed, server):
        with pytest.raises(DataError, match=r"oanda serves no (stock|crypto), only cfd, forex, index, metal"):
            feed.fetch(instrument, M1, None)
        assert server.asked == []


def test_longer_hours_are_counted_from_the_opening() -> None:
    known = market(PAIR, Timeframe.H1, counted=False).tables[Timeframe.H1]
    with desk(OandaVendor({("EUR_USD", Timeframe.H1): known})) as (feed, _):
        found = feed.fetch(PAIR, Timeframe.H4, END - pd.Timedelta(days=3))
    assert found["ts"].dt.tz_convert("America/New_York").dt.hour.unique().tolist() == [17, 21, 1, 5, 9, 13]

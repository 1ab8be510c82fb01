"""The Graph beside the contract: pages at one block, errors in a 200, late indexers, series of one value."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import SecretStr, ValidationError

from brokers.discovery import vendors
from brokers.vendors.feed import VendorFeed
from brokers.vendors.http_client import VendorRefused, VendorUnavailable
from brokers.vendors.thegraph.history import TheGraphHistory
from brokers.vendors.thegraph.plugin import TheGraphSettings
from tests.support.feeds_under_test import D1, M1, http_client, same, vendor_settings
from tests.support.histories import COIN, NOON, NOW, PAIR, STOCK, market
from tests.support.thegraph_vendor import KEY, SUBGRAPH, TheGraphVendor, series
from tests.support.vendor_server import Answer, VendorServer
from tradewright.model.bars import Timeframe
from tradewright.model.clock import ManualClock
from tradewright.model.errors import ConfigError, DataError
from tradewright.model.instrument import Instrument

END = pd.Timestamp(NOON)
KNOWN = market(COIN, M1, D1).tables


class Desk:
    """The feed of one pool on loopback."""

    def __init__(self, server: VendorServer, source: TheGraphVendor, clock: ManualClock, **changes: Any) -> None:
        self.server, self.source, self.clock = server, source, clock
        client = http_client(server, clock, {"Authorization": f"Bearer {KEY}"}, KEY)
        history = TheGraphHistory(client, {"BTC": series(**changes)}, clock)
        self.feed = VendorFeed(history, vendor_settings("thegraph"), clock)

    def minutes(self, count: int = 30, of: Instrument = COIN) -> pd.DataFrame:
        return self.feed.fetch(of, M1, END - pd.Timedelta(minutes=count))


@contextmanager
def desk(**changes: Any) -> Iterator[Desk]:
    source, clock = TheGraphVendor(KNOWN, NOW), ManualClock(NOW)
    with VendorServer(source).running() as server:
        yield Desk(server, source, clock, **changes)


def whole(count: int = 30) -> pd.DataFrame:
    table = KNOWN[M1]
    return table[(table["ts"] > END - pd.Timedelta(minutes=count)) & (table["ts"] < END)]


def test_pages_go_on_after_an_id_at_the_block_of_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brokers.vendors.thegraph.history.MOST", 10)
    with desk() as one:
        same(one.minutes(), whole())
        first, *others = one.source.questions
        assert "number: " not in first
        assert len(others) == 3
        assert all(text.count("block: {number: 101}") == 2 for text in others), "the head moved on, and was not read"
        assert "id_gt" not in first
        assert len({after for text in others for after in re.findall(r'id_gt: "(.*?)"', text)}) == 3
        assert all('pool: "0x8ad5"' in text for text in one.source.questions)
        assert one.server.asked[0].headers["Authorization"] == f"Bearer {KEY}"


def test_pages_without_an_end_and_pages_that_stand_still_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brokers.vendors.thegraph.history.MOST", 2)
    monkeypatch.setattr("brokers.vendors.thegraph.history.MOST_PAGES", 3)
    with desk() as one:
        with pytest.raises(DataError, match="more than 3 pages"):
            one.minutes()
        kept: dict[str, list[Any]] = {}
        one.source.spoil = lambda rows: kept.setdefault("rows", rows)
        with pytest.raises(DataError, match="begins where the last one did"):
            one.minutes()


@pytest.mark.parametrize(
    ("told", "remedy"),
    [
        (f"auth error: API key {KEY} not found", "check the key"),
        ("subgraph not found: no valid versions", "check the series"),
        ("Type `Query` has no field `poolMinuteData`", "check the series"),
    ],
)
def test_an_error_in_a_200_is_told_once_even_beside_data(told: str, remedy: str) -> None:
    with desk() as one:
        one.server.wrap = lambda answer: Answer(json.loads(answer.content) | {"errors": [{"message": told}]})
        with pytest.raises(VendorRefused) as refusal:
            one.minutes()
        assert refusal.value.what == f"it answers: {told.replace(KEY, '***')}"
        assert remedy in refusal.value.remedy
        assert len(one.server.asked) == 1


def test_an_error_in_a_200_that_may_pass_is_waited_for_and_opens_the_breaker() -> None:
    busy = Answer({"errors": [{"message": "bad indexers: {0xbdf: Timeout}"}]})
    with desk() as one:
        one.server.script = [busy, busy]
        before = one.clock.monotonic()
        same(one.minutes(), whole())
        assert one.clock.monotonic() - before == 1 + 2
        one.server.wrap = lambda _: busy
        for _ in range(3):
            with pytest.raises(VendorUnavailable, match=r"bad indexers: .* \(6 attempts\)"):
                one.minutes()
        with pytest.raises(VendorUnavailable, match="left alone"):
            one.minutes()


@pytest.mark.parametrize(
    ("meta", "words"),
    [
        ({"hasIndexingErrors": True}, "the subgraph has failed"),
        ({"block": {"number": 7, "timestamp": None}}, "timestamp of a bar is no time in seconds"),
        ({"block": {"number": -7, "timestamp": 1}}, "the number of the block is none"),
    ],
)
def test_a_subgraph_that_has_failed_or_tells_no_block_is_refused(meta: dict[str, Any], words: str) -> None:
    with desk() as one:
        one.source.meta |= meta
        with pytest.raises(DataError, match=words):
            one.minutes()


def test_what_had_not_ended_at_the_block_is_left_out_and_a_subgraph_a_day_late_is_told() -> None:
    with desk() as one:
        one.source.head = NOON - timedelta(seconds=90)
        found = one.minutes()
        same(found[:-1], whole()[:-2])
        assert found["ts"].iloc[-1] == END - pd.Timedelta(minutes=1), "what begins later than the block is not its part"
        one.source.head = NOW - timedelta(days=1, seconds=1)
        with pytest.raises(VendorUnavailable, match="knows the chain until 2026-03-03 17:00 UTC only"):
            one.minutes()
        before = END - pd.Timedelta(days=5)
        assert len(one.feed.fetch(COIN, D1, before, END - pd.Timedelta(days=2))) == 3, "it knows these"


def test_two_rows_of_a_period_are_refused() -> None:
    with desk(where={}) as one:
        same(one.minutes(), whole())
        one.source.pools.append("0x9000")
        with pytest.raises(DataError, match=r"two rows are of 2026-03-04 16:\d\d UTC") as refusal:
            one.minutes()
        assert refusal.value.where == "feed.series.BTC"
        assert "where" in refusal.value.remedy


def test_a_series_of_one_value_is_that_value_throughout_its_period() -> None:
    prices = dict.fromkeys(("open", "high", "low", "volume"))
    with desk(**prices, close=None, value="close") as one:
        found = one.feed.fetch(COIN, D1, END - pd.Timedelta(days=9))
        wanted = KNOWN[D1][KNOWN[D1]["ts"] > END - pd.Timedelta(days=9)][:-1]
        for name in ("open", "high", "low", "close"):
            assert found[name].tolist() == wanted["close"].tolist()
        assert np.isnan(found["volume"]).all()
        assert one.source.questions[0].count("close") == 1


def test_days_may_be_told_by_any_moment_of_them() -> None:
    with desk() as one:
        one.source.spoil = lambda rows: [row | {"time": str(row["time"] + 40_000)} for row in rows]
        found = one.feed.fetch(COIN, D1, END - pd.Timedelta(days=9))
        same(found, KNOWN[D1][KNOWN[D1]["ts"] > END - pd.Timedelta(days=9)][:-1])


def test_a_row_without_an_id_is_refused() -> None:
    with desk() as one:
        one.source.spoil = lambda rows: [row | {"id": None} for row in rows]
        with pytest.raises(DataError, match="a row has no id"):
            one.minutes()


def test_what_it_does_not_serve_is_refused_unasked() -> None:
    with desk(rows={"1d": {"entity": "poolDayDatas", "time": "time"}}) as one:
        with pytest.raises(DataError, match="thegraph has 1d of it, of which no 1m can be made"):
            one.minutes()
        with pytest.raises(DataError, match="thegraph serves no stock, only crypto, index"):
            one.minutes(of=STOCK)
        with pytest.raises(DataError, match="its days are not those of UTC"):
            one.minutes(of=PAIR.model_copy(update={"asset_class": "index"}))
        assert one.server.asked == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"value": "tvl"}, "value alone"),
        ({"open": None}, "value alone"),
        ({"rows": {"1w": {"entity": "a", "time": "b"}}}, "1d or shorter"),
        ({"rows": {}}, "at least 1"),
        ({"where": {"a) {x}": 1}}, "match pattern"),
        ({"open": "a b"}, "match pattern"),
        ({"subgraph": "../x"}, "match pattern"),
    ],
)
def test_a_series_that_is_declared_otherwise_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        series(**change)


def test_the_plug_in_takes_the_key_from_its_settings_and_tells_it_nowhere() -> None:
    source, clock = TheGraphVendor(KNOWN, NOW), ManualClock(NOW)
    plain = vendor_settings("thegraph").model_dump() | {"series": {"BTC": series().model_dump()}}
    with VendorServer(source).running() as server:
        settings = TheGraphSettings.model_validate(plain | {"base_url": server.address, "api_key": SecretStr(KEY)})
        feed = vendors()["thegraph"].feed(settings, clock)
        same(feed.fetch(COIN, M1, END - pd.Timedelta(minutes=30)), whole())
        assert server.asked[0].path == f"/subgraphs/id/{SUBGRAPH}"
        assert server.asked[0].headers["Authorization"] == f"Bearer {KEY}"
    assert KEY not in repr(settings) + settings.model_dump_json()
    with pytest.raises(ConfigError, match="feed=thegraph needs a key") as refusal:
        vendors()["thegraph"].feed(settings.model_copy(update={"api_key": None}), clock)
    assert "THEGRAPH_API_KEY_FILE" in refusal.value.remedy
    assert feed.span(COIN, Timeframe.W1) >= timedelta(days=30)

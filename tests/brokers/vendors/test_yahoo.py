"""Yahoo beside the contract: splits taken back, single precision, the price of the moment, a library in between."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest
from yfinance.data import YfData

from brokers.pacing import Pace
from brokers.vendors.http_client import Persistence, VendorUnavailable
from brokers.vendors.yahoo.client import YahooClient
from brokers.vendors.yahoo.plugin import YahooPlugin
from tests.support.feeds_under_test import D1, M1, SUBJECTS, Subject, same, vendor_settings
from tests.support.histories import NOON, NOW, PAIR, STOCK
from tests.support.vendor_server import Answer
from tests.support.yahoo_vendor import RATIO, SPLIT
from tradewright.model.clock import ManualClock
from tradewright.model.errors import ConfigError, DataError
from tradewright.model.instrument import AssetClass

END = pd.Timestamp(NOON)


@pytest.fixture
def stock() -> Iterator[Subject]:
    with SUBJECTS["yahoo-stock"]() as made:
        yield made


def fetched(subject: Subject) -> pd.DataFrame:
    return subject.feed.fetch(subject.instrument, M1, END - pd.Timedelta(minutes=9))


def changed(subject: Subject, change: Any) -> str:
    """What is told of an answer whose chart was changed."""
    assert subject.server is not None

    def wrap(answer: Answer) -> Answer:
        body: Any = answer.body
        change(body["chart"]["result"][0])
        return answer

    subject.server.wrap = wrap
    with pytest.raises(DataError) as refused:
        fetched(subject)
    return refused.value.what


def test_prices_and_volumes_are_those_that_were_traded(stock: Subject) -> None:
    """The vendor tells a quarter of the prices and four times the shares of before the split."""
    known = stock.market.tables[D1]
    found = stock.feed.fetch(STOCK, D1, known["ts"].iloc[0])
    same(found, known[1:-1])
    assert (found["ts"] < SPLIT).sum() > 20
    assert stock.server is not None
    assert [asked.query["interval"] for asked in stock.server.asked].count("3mo") == 1, "asked once"
    assert RATIO == 4


def test_a_bar_without_a_trade_is_left_out_and_one_that_lacks_a_price_is_refused(stock: Subject) -> None:
    assert stock.spoil is not None
    stock.spoil(lambda rows: [[row[0], *[None] * 5] if at == 3 else row for at, row in enumerate(rows)])
    assert len(fetched(stock)) == 7
    stock.spoil(lambda rows: [[*row[:4], None, row[5]] if at == 3 else row for at, row in enumerate(rows)])
    with pytest.raises(DataError, match="close of a bar is no number: None"):
        fetched(stock)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda chart: chart["meta"].update(symbol="MSFT"), "about 'MSFT', not about AAPL"),
        (lambda chart: chart["meta"].update(dataGranularity="1d"), "it is of '1d'|of '1d', not of 1m"),
        (lambda chart: chart["meta"].update(exchangeTimezoneName="Mars/Dome"), "the zone of the market is none"),
        (lambda chart: chart.pop("meta"), "lacks 'meta'"),
        (lambda chart: chart["indicators"].get("quote", [{}])[0].get("high", []).pop(), "high lacks values"),
        (lambda chart: chart["indicators"].get("quote", [{}])[0].pop("volume"), "lacks 'volume'"),
        (lambda chart: chart["events"]["splits"]["1770733800"].update(numerator=0), "a split is none: 0 for 1"),
    ],
)
def test_a_chart_of_another_form_is_refused(change: Any, words: str, stock: Subject) -> None:
    import re

    def tolerant(chart: Any) -> None:
        if chart["indicators"] or "splits" in words or "split" in words:
            change(chart)

    assert re.search(words, changed(stock, tolerant))


def test_refusals_are_told_and_overload_is_waited_for(stock: Subject) -> None:
    """The library asks twice where it is refused."""
    assert stock.server is not None
    stock.server.script = [Answer({"chart": {"error": {"description": "no"}}}, 401)] * 2
    with pytest.raises(DataError, match="it answers 401"):
        fetched(stock)
    before = stock.clock.monotonic()
    stock.server.script = [Answer("Too Many Requests", 429)] * 2
    assert len(fetched(stock)) == 8
    assert stock.clock.monotonic() - before == 15
    told = {"code": "Unprocessable Entity", "description": "1m data must be within the last 30 days."}
    stock.server.script = [Answer({"chart": {"result": None, "error": told}}, 422)] * 2
    with pytest.raises(DataError, match="within the last 30 days"):
        fetched(stock)


def test_what_it_does_not_serve_is_refused_unasked(stock: Subject) -> None:
    with pytest.raises(DataError, match="yahoo serves no forex, only crypto, etf, index, stock"):
        stock.feed.fetch(PAIR, M1, None)
    index = STOCK.model_copy(update={"symbol": "SPX", "asset_class": AssetClass.INDEX})
    assert stock.feed.kind_of(index) is None
    assert stock.server is not None
    assert stock.server.asked == []


def test_without_its_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brokers.vendors.yahoo.plugin.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match="needs yfinance") as refused:
        YahooPlugin().feed(vendor_settings("yahoo"), ManualClock(NOW))
    assert "tradewright[yahoo]" in refused.value.remedy


def test_a_host_that_is_not_found_is_told_in_our_words_and_the_library_says_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_args: object, **_named: object) -> None:
        logging.getLogger("yfinance").error("Cookie/crumb fetch failed (DNSError), continuing without crumb")
        raise OSError("Failed to perform, curl: (6) Could not resolve host: x. See https://curl.se/libcurl/c/")

    monkeypatch.setattr(YfData, "get", fails)
    clock = ManualClock(NOW)
    client = YahooClient("yahoo", "https://query2.finance.yahoo.com", {}, (), {"": Pace(1, 1, clock)}, clock,
                         persistence=Persistence(attempts=1))  # fmt: skip
    with pytest.raises(VendorUnavailable) as refused:
        client.get("/v8/finance/chart/SPY", {})
    assert refused.value.what.startswith("it cannot be reached: the name of its host is not found")
    assert refused.value.where == "yahoo at query2.finance.yahoo.com"
    assert "network" in refused.value.remedy
    assert caplog.text == ""

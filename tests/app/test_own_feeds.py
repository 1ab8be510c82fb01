"""An instrument's own feed brings its bars, the feed in force those of all others; two vendors on loopback."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from assets.research.bars import make_bars
from conf.compose import check, compose, examine
from runtime import bar_suite, feeds, job_progress, live
from runtime.container import Container
from runtime.feeds import remembering_each
from tests.app.conftest import say
from tests.assets.days import without_quality_extra
from tests.support.binance_vendor import BinanceVendor
from tests.support.histories import STOCK, table
from tests.support.houses import conf_copy
from tests.support.polygon_vendor import KEY, PolygonVendor
from tests.support.vendor_server import VendorServer
from tradewright.calendars.registry import calendar
from tradewright.model.bars import Timeframe
from tradewright.model.clock import ManualClock
from tradewright.model.errors import ConfigError
from tradewright.store.bars import BarStore

NOW = datetime(2026, 3, 4, 17, 0, tzinfo=UTC)
D1 = Timeframe.D1
SPAN = pd.Timestamp("2024-01-01", tz="UTC"), pd.Timestamp(NOW)
STOCK_DAYS, COIN_DAYS = (calendar(name).grid(D1, *SPAN)[:-1].tolist() for name in ("XNYS", "24/7"))


@pytest.fixture
def conf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """BTC has a feed of its own, ``coins``, which is another file of kind binance."""
    made = conf_copy(tmp_path)
    monkeypatch.setenv("TRADEWRIGHT_CONF", str(made))
    monkeypatch.setenv("DATA_REMOTE_PROVIDERS", "enabled")
    monkeypatch.setenv("POLYGON_API_KEY", KEY)
    monkeypatch.setattr(Container, "clock", ManualClock(NOW))
    row(made, "BTC", "feed: coins")
    (made / "feed" / "coins.yaml").write_text((made / "feed" / "binance.yaml").read_text())
    return made


@pytest.fixture
def vendors(conf: Path) -> Iterator[tuple[VendorServer, VendorServer]]:
    stocks = PolygonVendor({("AAPL", D1): table(STOCK, STOCK_DAYS)})
    coins = BinanceVendor({("BTC", D1): table(STOCK, COIN_DAYS)})
    with VendorServer(stocks).running() as polygon, VendorServer(coins).running() as binance:
        path = conf / "feed" / "coins.yaml"
        path.write_text(re.sub(r"(?m)^base_url: \S+", f"base_url: {binance.address}", path.read_text()))
        yield polygon, binance


def row(conf: Path, symbol: str, key: str) -> None:
    path = conf / "instruments" / "demo.yaml"
    path.write_text(path.read_text().replace(f"{symbol}: {{", f"{symbol}: {{{key}, "))


def words(polygon: VendorServer, root: Path) -> list[str]:
    days = ["universe.instruments=[AAPL,BTC]", "universe.timeframe=1d", "universe.base_timeframe=1d"]
    address = f"feed.base_url={polygon.address}"
    return ["feed=polygon", address, "feed.requests_per_minute=60000", f"storage.root={root}", *days]


def test_a_backfill_asks_each_its_own(vendors: tuple[VendorServer, VendorServer], tmp_path: Path) -> None:
    polygon, binance = vendors
    line = ["backfill", "AAPL", "BTC", *words(polygon, tmp_path), "--from", "2026-02-02", "--to", "2026-02-27"]
    said = say(*line, "--timeframe", "1d", "--json")
    rows = {one["instrument"]: (one["source"], one["added"]) for one in said.json["backfilled"]}
    assert rows == {"AAPL": ("polygon", 19), "BTC": ("binance", 26)}, said.err
    assert {asked.query["symbol"] for asked in binance.asked} == {"BTC"}
    assert all("BTC" not in asked.path for asked in polygon.asked)
    asked = len(binance.asked), len(polygon.asked)
    again = say(*line, "--timeframe", "1d", "--json")
    assert [one["added"] for one in again.json["backfilled"]] == [0, 0]
    assert (len(binance.asked), len(polygon.asked)) == asked, "closed history of both is remembered"


def test_a_refresh_asks_each_its_own(
    vendors: tuple[VendorServer, VendorServer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    polygon, binance = vendors
    monkeypatch.setattr(bar_suite, "run_suite", without_quality_extra)
    settings = compose(words(polygon, tmp_path))
    for symbol in ("AAPL", "BTC"):
        make_bars(settings, symbol)
    sources = {symbol: BarStore(tmp_path).sources(symbol) for symbol in ("AAPL", "BTC")}
    assert sources == {"AAPL": {D1: "polygon"}, "BTC": {D1: "binance"}}
    assert {asked.query["symbol"] for asked in binance.asked} == {"BTC"}


def test_files_can_be_an_instruments_own(conf: Path, tmp_path: Path) -> None:
    row(conf, "AAPL", "feed: files")
    settings = compose(["feed=polygon", f"storage.root={tmp_path}"])
    with Container(settings) as house:
        assert feeds.feed(house, "AAPL") is None
        assert feeds.look_back_bars(settings, "AAPL") == 0
        assert feeds.look_back_bars(settings, "BTC") == 5
        assert [job_progress._has_feed(settings, name) for name in ("AAPL", "BTC")] == [False, True]
        with pytest.raises(ConfigError, match="has no source that can be asked") as caught:
            feeds.remembering(house, "AAPL")
        assert caught.value.where == "instruments.AAPL.feed"


def test_instruments_of_one_feed_share_it_and_its_pace(conf: Path, tmp_path: Path) -> None:
    row(conf, "ETH", "feed: coins")
    with Container(compose(["feed=binance", f"storage.root={tmp_path}"])) as house:
        assert house.settings.feed_of("BTC") is house.settings.feed, "the same values are the same feed"
        found = remembering_each(house, ["AAPL", "BTC", "ETH"])
        assert found["AAPL"] is found["BTC"] is found["ETH"]
    with Container(compose(["feed=polygon", f"storage.root={tmp_path}"])) as house:
        found = remembering_each(house, ["AAPL", "BTC", "ETH"])
        assert found["AAPL"] is not found["BTC"]
        assert found["BTC"] is found["ETH"]


@pytest.mark.usefixtures("conf")
def test_a_scenario_is_the_feed_of_all() -> None:
    settings = compose([])
    assert settings.feed_of("BTC") is settings.feed
    with Container(settings) as house:
        assert feeds.feed(house, "BTC") is not None


@pytest.mark.usefixtures("conf")
def test_remote_providers_are_asked_about_for_an_own_feed_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_REMOTE_PROVIDERS", "disabled")
    with Container(compose(["feed=files"])) as house:
        assert feeds.feed(house, "AAPL") is None
        with pytest.raises(ConfigError, match="feed=binance reaches beyond this machine"):
            feeds.feed(house, "BTC")


@pytest.mark.usefixtures("conf")
def test_a_stream_has_one_feed() -> None:
    told: list[str] = []
    settings = compose(["feed=polygon", "universe.instruments=[AAPL,BTC]"])
    assert live._streamed(settings, (), told.append) == ("AAPL",)
    assert told == ["left out, since their rows name another feed: BTC from binance"]
    with pytest.raises(ConfigError, match="feed=polygon does not stream BTC from binance") as caught:
        live._streamed(settings, ("AAPL", "BTC"), told.append)
    assert caught.value.remedy == "say tradewright stream BTC feed=binance"
    assert live._streamed(compose(["feed=binance"]), ("BTC",), told.append) == ("BTC",)


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("feed: bynance", "must be a file of conf/feed: one of"),
        ("feed: scenario", "must not be a scenario"),
        ("feed: ../feed/coins", "must be a file of conf/feed"),
        ("feed: 5", "must be text"),
    ],
)
def test_a_wrong_feed_is_told_with_file_and_line(conf: Path, key: str, told: str) -> None:
    row(conf, "AAPL", key)
    for problems in (examine((), conf)[1], check((), conf)):
        found = next(str(one) for one in problems if "AAPL.feed" in str(one) and told in str(one))
        assert found.startswith("conf/instruments/demo.yaml:5: instruments.AAPL.feed: ")
        assert ("did you mean 'binance'?" in found) is ("bynance" in key)


def test_a_wrong_value_in_an_own_feed_is_told_where_it_stands(conf: Path) -> None:
    path = conf / "feed" / "coins.yaml"
    path.write_text(path.read_text().replace("delay_minutes: 0", "delay_minutes: soon"))
    line = path.read_text().splitlines().index("delay_minutes: soon") + 1
    assert f"conf/feed/coins.yaml:{line}: " in str(examine((), conf)[1][0])


def test_no_file_gives_the_own_feeds_themselves(conf: Path) -> None:
    path = conf / "config.yaml"
    path.write_text(path.read_text() + "\nfeeds: {coins: {kind: files}}\n")
    assert any("feeds: is not a key here" in str(one) for one in examine((), conf)[1])
    assert examine(("+feeds.coins.kind=files",), conf)[0] is None

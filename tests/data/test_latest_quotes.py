"""One contract for the store of the newest quotes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from brokers.streams.redis_quotes import RedisQuotes
from tests.support.redis_server import redis_server
from tradewright.model.broker import Quote
from tradewright.model.errors import StoreError
from tradewright.model.ports import QuoteStore
from tradewright.store.latest_quotes import FILE, LatestQuotes

NOON = datetime(2026, 3, 4, 17, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with redis_server(tmp_path_factory.mktemp("redis")) as address:
        yield address


@pytest.fixture(params=["file", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[QuoteStore]:
    if request.param == "file":
        yield LatestQuotes(tmp_path / "data")
        return
    made = RedisQuotes(request.getfixturevalue("server"))
    made._client.flushdb()
    yield made
    made.close()


def quote(
    at: datetime, bid: str | None = None, ask: str | None = None, last: str | None = None, symbol: str = "BTC"
) -> Quote:
    prices = {
        side: None if text is None else Decimal(text) for side, text in (("bid", bid), ("ask", ask), ("last", last))
    }
    return Quote.at(at, symbol, **prices)


def test_the_newest_prices_are_read_exactly(store: QuoteStore) -> None:
    assert store.newest("BTC") is None
    assert store.all() == {}
    exact = quote(NOON + timedelta(microseconds=123457), "65000.10", "65000.1000000000000000001")
    store.put([exact, quote(NOON, "1", "2", symbol="ETH")])
    assert store.newest("BTC") == exact
    assert list(store.all()) == ["BTC", "ETH"]


def test_older_prices_never_overwrite_newer_ones_side_by_side(store: QuoteStore) -> None:
    store.put([quote(NOON, "100", "101"), quote(NOON + SECOND, last="100.5")])
    store.put([quote(NOON - SECOND, "1", "2", "3")])
    found = store.newest("BTC")
    assert found is not None
    assert (found.bid, found.ask, found.last) == (100, 101, Decimal("100.5"))
    assert (found.bid_time, found.last_time) == (NOON, NOON + SECOND)
    store.put([quote(NOON + SECOND, bid="99")])
    found = store.newest("BTC")
    assert found is not None
    assert (found.bid, found.ask, found.time) == (99, 101, NOON), "as old as its older side"
    store.put([quote(NOON + SECOND, bid="98")])
    again = store.newest("BTC")
    assert again is not None
    assert again.bid == 98, "of two of one moment the later one"


def test_a_price_without_a_time_is_not_kept(store: QuoteStore) -> None:
    store.put([Quote(instrument="BTC", bid=Decimal(1))])
    assert store.newest("BTC") is None


def test_many_writers_leave_the_newest(store: QuoteStore) -> None:
    def write(offset: int) -> None:
        for step in range(20):
            store.put([quote(NOON + (step * 5 + offset) * SECOND, str(step * 5 + offset))])

    threads = [threading.Thread(target=write, args=(offset,)) for offset in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = store.newest("BTC")
    assert found is not None
    assert found.bid == 99


def test_a_damaged_file_is_put_aside_and_begun_anew(tmp_path: Path) -> None:
    kept = LatestQuotes(tmp_path)
    kept.put([quote(NOON, "1")])
    (tmp_path / FILE).write_bytes(b"no database" * 1000)
    with pytest.raises(StoreError, match="the newest quotes are damaged") as refused:
        kept.newest("BTC")
    assert "moved to quotes.damaged" in refused.value.remedy
    kept.put([quote(NOON, "2")])
    found = kept.newest("BTC")
    assert found is not None
    assert found.bid == 2


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    with pytest.raises(StoreError, match="cannot be used") as refused:
        LatestQuotes(tmp_path).put([quote(NOON, "1")])
    assert refused.value.remedy


def test_a_redis_that_is_not_there_is_told_without_its_password() -> None:
    made = RedisQuotes("redis://:canary-redis@127.0.0.1:1/0")
    with pytest.raises(StoreError, match=r"redis at 127\.0\.0\.1: the newest quotes cannot be used") as refused:
        made.all()
    assert "canary" not in str(refused.value)
    assert "without it quotes are kept in a file" in refused.value.remedy
    with pytest.raises(StoreError, match="the address of the Redis server is none") as wrong:
        RedisQuotes("canary://:canary-redis@host")
    assert "canary" not in str(wrong.value)

"""A source that says what cannot be: times and prices that no market has, and rows of quotes that nobody wrote."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest

from brokers.streams.redis_quotes import RedisQuotes
from brokers.vendors.answers import Reader
from brokers.vendors.http_client import VendorError
from tests.data.test_intake import COIN, KNOWN, M1, NOON, Desk, History
from tradewright.live.intake import Intake
from tradewright.live.stream import Stream, Told
from tradewright.model.bars import BarKind, Timeframe
from tradewright.model.broker import Quote
from tradewright.model.clock import ManualClock
from tradewright.model.errors import StoreError
from tradewright.model.instrument import Instrument
from tradewright.model.live import LiveBar, Message, Tick
from tradewright.store.bars import BarStore
from tradewright.store.latest_quotes import FILE, LatestQuotes

START = pd.Timestamp(NOON).value
SECOND = 1_000_000_000


class Silent:
    """A live feed of ticks; the tests put its messages into the stream."""

    name = "vendor"
    gives_bars = beats = False

    def kind_of(self, _instrument: Instrument) -> BarKind:
        return BarKind.QUOTE

    def links(self, instruments: Sequence[Instrument], _timeframe: Timeframe) -> list[tuple[Instrument, ...]]:
        return [tuple(instruments)]

    def listen(self, _instruments: Sequence[Instrument], _timeframe: Timeframe) -> AsyncGenerator[Message]:
        raise NotImplementedError


def heard(folder: Path, *messages: Message) -> tuple[Told, LatestQuotes, list[str]]:
    """The stream after some messages that came between two looks at the clock."""
    clock, lines, history = ManualClock(NOON), list[str](), History()
    history.kind_of = lambda _instrument: BarKind.QUOTE  # type: ignore[method-assign]
    history.table = KNOWN.head(0)
    intake = Intake(BarStore(folder), history, {"BTC": COIN}, M1, clock, lines.append)
    quotes = LatestQuotes(folder)
    stream = Stream(Silent(), [COIN], M1, intake, quotes, clock, lines.append)

    async def take_in() -> None:
        for message in messages:
            await stream._one(message)

    asyncio.run(take_in())
    stream._keep_quotes()
    stream.told.late = sum(each.late for each in stream._ticks.values())
    return stream.told, quotes, lines


def tick(second: int, bid: str | None, ask: str | None, last: str | None = None) -> Tick:
    prices = (None if text is None else Decimal(text) for text in (bid, ask, last))
    return Tick("BTC", START + second * SECOND, *prices)


def test_a_price_of_the_future_stands_in_no_one_s_way(tmp_path: Path) -> None:
    told, quotes, lines = heard(tmp_path, tick(0, "99", "101"), tick(10**8, "1", "2"), tick(1, "98", "100"))
    found = quotes.newest("BTC")
    assert found is not None
    assert (found.bid, found.ask, found.time) == (98, 100, NOON + timedelta(seconds=1))
    assert (told.ticks, told.late, told.unread) == (2, 0, 1)
    assert any("BTC is of the future" in line for line in lines)


@pytest.mark.parametrize("prices", [("0", "0"), ("-1", "2"), (None, "0"), (None, None, "0")])
def test_a_price_that_is_not_above_zero_is_left_out(tmp_path: Path, prices: tuple[str | None, ...]) -> None:
    told, quotes, lines = heard(tmp_path, tick(0, "99", "101", "100"), tick(1, *prices))  # type: ignore[arg-type]
    found = quotes.newest("BTC")
    assert found is not None
    assert (found.bid, found.ask, found.last) == (99, 101, 100)
    assert told.unread == 1
    assert any("a price of BTC is not above 0" in line for line in lines)


def test_of_prices_that_come_together_the_newest_of_each_side_is_kept(tmp_path: Path) -> None:
    _, quotes, _ = heard(
        tmp_path, tick(2, "99", "101"), tick(1, "1", "2"), tick(3, "100", None), tick(3, None, None, "5")
    )
    found = quotes.newest("BTC")
    assert found is not None
    assert (found.bid, found.ask, found.last) == (100, 101, 5)
    assert (found.bid_time, found.ask_time) == tuple(NOON + timedelta(seconds=second) for second in (3, 2))


@pytest.mark.parametrize(("seconds", "refused"), [(-60, 0), (0, 1)])
def test_a_bar_that_has_only_begun_is_no_closed_one(tmp_path: Path, seconds: int, refused: int) -> None:
    desk = Desk(tmp_path, 10)
    start = pd.Timestamp(desk.clock.now()).floor("min").value + seconds * SECOND
    desk.intake.bar(LiveBar("BTC", start, 1.0, 1.0, 1.0, 1.0, 1.0, float("nan")))
    assert desk.intake.counts["BTC"].refused == refused
    assert any("it closes in the future" in line for line in desk.lines) is bool(refused)


@pytest.mark.parametrize(
    ("read", "value"),
    [
        ("milliseconds", 10**20),
        ("milliseconds", -(10**20)),
        ("instant", "9999-12-31T23:59:59Z"),
        ("moment", "0001-01-01T00:00:00+00:00"),
        ("price", "1e70"),
        ("price", "9" * 70),
        ("price", 10**400),
        ("price", "1e-999"),
        ("price", "9e999999"),
    ],
)
def test_times_and_prices_that_nothing_could_hold_are_no_values(read: str, value: object) -> None:
    with pytest.raises(VendorError, match=r"is no (time|price)"):
        getattr(Reader("vendor"), read)(value, "x")


@pytest.mark.parametrize(
    "row",
    [("dear", 1), ("NaN", 1), ("1", 10**18), ("1", "soon")],
    ids=str,
)
def test_a_row_that_no_quote_can_be_made_of_puts_the_file_aside(tmp_path: Path, row: tuple[str, object]) -> None:
    kept = LatestQuotes(tmp_path)
    kept.put([Quote.at(datetime(2026, 3, 4, tzinfo=UTC), "BTC", bid=Decimal(1))])
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("INSERT INTO quotes VALUES ('ETH', 'bid', ?, ?)", row)
    connection.close()
    with pytest.raises(StoreError, match="the newest quotes are damaged") as refused:
        kept.all()
    assert "moved to quotes.damaged" in refused.value.remedy
    assert kept.all() == {}


def test_a_row_of_redis_that_is_no_quote_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    made = RedisQuotes("redis://127.0.0.1:1/0")
    for found in ({"bid": "dear", "bid_time": "1"}, {"bid": "1", "bid_time": "soon"}, {"bid": "1"}):
        monkeypatch.setattr(made, "_tried", lambda _act, found=found: found)
        with pytest.raises(StoreError, match="the newest quotes are damaged"):
            made.newest("BTC")

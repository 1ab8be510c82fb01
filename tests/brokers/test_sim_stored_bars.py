"""The simulated venue as the program builds it: resting orders meet the stored bars as they come in, each bar once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest

from brokers.base import Surroundings
from brokers.sim.broker import SimBroker
from brokers.sim.plugin import STATE_FILE, SimPlugin, SimVenueSettings
from brokers.sim.quotes import quote_around
from tests.brokers.desk import AAPL, ACCOUNT, INSTRUMENTS, approved, bracket, in_loop
from tradewright.fills.costs import NoCosts
from tradewright.model.bars import BarKind, Timeframe
from tradewright.model.broker import BrokerSnapshot
from tradewright.model.clock import ManualClock
from tradewright.model.mode import Mode
from tradewright.store.bars import BarStore

MONDAY = datetime(2026, 11, 23, 16, 0, tzinfo=UTC)
OPEN = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)
CLOSE = datetime(2026, 11, 23, 21, 0, tzinfo=UTC)
TUESDAY = datetime(2026, 11, 24, 14, 30, tzinfo=UTC)
FIVE = timedelta(minutes=5)
Prices = tuple[float, float, float, float]
CALM: Prices = (100.0, 100.05, 99.95, 100.0)


class Market:
    """A storage folder with bars and a saved venue, and a clock."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.clock = folder, ManualClock(MONDAY + timedelta(seconds=5))
        self.store = BarStore(folder, self.clock)

    def bars(self, rows: Sequence[tuple[datetime, Prices]], timeframe: Timeframe = Timeframe.M5) -> None:
        """Import bars and let the time pass to the end of the last one."""
        columns = zip(*(prices for _, prices in rows), strict=True)
        frame = pd.DataFrame(dict(zip(("open", "high", "low", "close"), columns, strict=True)))
        frame.insert(0, "ts", pd.DatetimeIndex([start for start, _ in rows]).as_unit("ns"))
        self.store.upsert(
            "AAPL", timeframe, BarKind.TRADE, frame.assign(volume=1000.0, spread=float("nan")), source="t"
        )
        self.until(rows[-1][0] + timedelta(seconds=min(timeframe.seconds, 23_400)))

    def until(self, moment: datetime) -> None:
        self.clock.advance(max(0.0, (moment - self.clock.now()).total_seconds()))

    def broker(self, last: str = "", *, reading: bool = False) -> SimBroker:
        """The broker of a new process; ``last`` is the price of a quote of now."""
        known = {item.symbol: item for item in INSTRUMENTS}
        quotes = {"AAPL": quote_around(AAPL, Decimal(last), self.clock.now())} if last else {}
        around = Surroundings(
            Mode.SIM, known, self.clock, NoCosts(), self.folder, Decimal(100_000), lambda: quotes, self.store,
            (Timeframe.M5, Timeframe.D1),
        )  # fmt: skip
        made = SimPlugin().build(SimVenueSettings(kind="sim", account=ACCOUNT), around, reading=reading)
        assert isinstance(made, SimBroker)
        return made

    async def place(self, **terms: object) -> None:
        broker = self.broker()
        await broker.connect(lambda _event: None)
        await broker.place(approved(**terms), "a.1", broker.next_order_id())  # type: ignore[arg-type]
        await broker.disconnect()

    async def seen(self, last: str = "", *, reading: bool = False) -> BrokerSnapshot:
        """What a new process sees at the venue."""
        broker = self.broker(last, reading=reading)
        await broker.connect(lambda _event: None)
        snapshot = await broker.snapshot()
        await broker.disconnect()
        return snapshot


@pytest.fixture
def trading_day(tmp_path: Path) -> Market:
    return Market(tmp_path)


def fills(snapshot: BrokerSnapshot) -> list[tuple[str, Decimal, Decimal, datetime]]:
    return [(fill.ref, fill.quantity, fill.price, fill.time) for fill in snapshot.fills]


def states(snapshot: BrokerSnapshot) -> dict[str, str]:
    return {order.ref: order.status.value for order in (*snapshot.open_orders, *snapshot.completed_orders)}


@in_loop
async def test_a_day_limit_that_a_bar_touches_fills_at_its_limit_inside_its_day(trading_day: Market) -> None:
    await trading_day.place(limit_price=99)
    trading_day.bars([(MONDAY + FIVE, CALM)])
    assert states(await trading_day.seen("100")) == {"a.1": "WORKING"}
    dip = MONDAY + timedelta(hours=1)
    trading_day.bars([(dip, (100, 100.05, 98.5, 100)), *((CLOSE - n * FIVE, CALM) for n in (2, 1))])
    expected = [("a.1", 10, 99, dip + FIVE)]
    assert fills(await trading_day.seen("100")) == expected
    trading_day.bars([(TUESDAY, (98, 98, 97, 98))])
    snapshot = await trading_day.seen("98")
    assert (fills(snapshot), states(snapshot)) == (expected, {"a.1": "FILLED"})


@in_loop
async def test_a_day_limit_that_no_bar_touches_ends_at_the_close(trading_day: Market) -> None:
    await trading_day.place(limit_price=99)
    trading_day.until(CLOSE)
    assert states(await trading_day.seen("100")) == {"a.1": "CANCELLED"}
    trading_day.bars([(TUESDAY, (98, 98, 97, 98))])
    snapshot = await trading_day.seen("98")
    assert (fills(snapshot), states(snapshot)) == ([], {"a.1": "CANCELLED"})


@in_loop
async def test_the_bars_of_a_half_day_end_at_its_early_close(trading_day: Market) -> None:
    """The day after Thanksgiving closes at 18:00 UTC."""
    trading_day.until(datetime(2026, 11, 27, 15, 0, tzinfo=UTC))
    await trading_day.place(limit_price=99)
    trading_day.until(datetime(2026, 11, 27, 17, 59, tzinfo=UTC))
    assert states(await trading_day.seen("100")) == {"a.1": "WORKING"}
    trading_day.until(datetime(2026, 11, 27, 18, 0, tzinfo=UTC))
    assert states(await trading_day.seen("100")) == {"a.1": "CANCELLED"}


@pytest.mark.parametrize(
    ("terms", "prices", "price"),
    [
        ({"limit_price": 99}, (98.2, 98.3, 97.9, 98.0), "98.2"),
        ({"side": "SELL", "limit_price": 101}, (103, 104, 102, 103), "103"),
        ({"side": "SELL", "order": {"kind": "STOP", "stop_price": 95}}, (90, 91, 89, 90), "90"),
        ({"order": {"kind": "STOP", "stop_price": 105}}, (110, 111, 109, 110), "110"),
        ({"order": {"kind": "STOP_LIMIT", "stop_price": 105, "limit_price": 106}}, (110, 111, 109, 110), None),
    ],
)
@in_loop
async def test_a_gap_fills_at_the_open(tmp_path: Path, terms: dict[str, object], prices: Prices, price: object) -> None:
    market = Market(tmp_path)
    await market.place(tif="GTC", **terms)
    market.bars([(TUESDAY, prices)])
    found = fills(await market.seen(str(prices[3])))
    assert found == ([] if price is None else [("a.1", 10, Decimal(str(price)), TUESDAY + FIVE)])


@in_loop
async def test_an_open_connection_sees_the_bars_that_come_in(trading_day: Market) -> None:
    await trading_day.place(limit_price=99)
    broker = trading_day.broker("100")
    await broker.connect(lambda _event: None)
    assert fills(await broker.snapshot()) == []
    trading_day.bars([(MONDAY + FIVE, (100, 100, 98, 98.5))])
    assert fills(await broker.snapshot()) == [("a.1", 10, 99, MONDAY + 2 * FIVE)]
    assert fills(await broker.snapshot()) == [("a.1", 10, 99, MONDAY + 2 * FIVE)]
    await broker.disconnect()


@in_loop
async def test_the_quote_of_now_outlives_the_bars_before_it(trading_day: Market) -> None:
    await trading_day.place(limit_price=90)
    trading_day.bars([(MONDAY + FIVE, CALM)])
    broker = trading_day.broker("100")
    await broker.connect(lambda _event: None)
    quote = await broker.quote("AAPL")
    assert quote.bid is not None
    assert quote.ask is not None
    assert quote.bid < 100 < quote.ask
    await broker.disconnect()


@in_loop
async def test_a_reading_client_changes_nothing(trading_day: Market) -> None:
    await trading_day.place(limit_price=99)
    trading_day.bars([(MONDAY + FIVE, (100, 100, 98, 98.5))])
    before = (trading_day.folder / STATE_FILE).read_bytes()
    snapshot = await trading_day.seen("98", reading=True)
    assert (states(snapshot), fills(snapshot)) == ({"a.1": "WORKING"}, [])
    assert (trading_day.folder / STATE_FILE).read_bytes() == before


async def _bracket(market: Market) -> None:
    broker = market.broker()
    await broker.connect(lambda _event: None)
    order = bracket({"kind": "LIMIT", "limit_price": 98})
    legs = list(order.legs())
    refs = {leg: leg.reference("a.1") for leg in legs}
    await broker.place_group(order, refs, {leg: broker.next_order_id() for leg in legs})
    await broker.disconnect()


@in_loop
async def test_a_restart_after_any_line_of_the_journal_loses_nothing_and_fills_nothing_twice(tmp_path: Path) -> None:
    """The bar fills the entry and reaches the target: only a later bar may fill the target."""
    market = Market(tmp_path)
    await _bracket(market)
    market.bars([(MONDAY + FIVE, (100, 106, 97, 100)), (MONDAY + 2 * FIVE, (104, 106, 103, 104))])
    saved = tmp_path / STATE_FILE
    expected = [("a.1", 98, MONDAY + 2 * FIVE), ("a.1.tp", 105, MONDAY + 3 * FIVE)]

    def told(snapshot: BrokerSnapshot) -> list[tuple[str, Decimal, datetime]]:
        return [(ref, price, time) for ref, _, price, time in fills(snapshot)]

    assert told(await market.seen("104")) == expected
    lines = saved.read_bytes().splitlines(keepends=True)
    assert len(lines) == 4, "the state, the connection, and one line for each bar"
    for count in range(1, len(lines) + 1):
        saved.write_bytes(b"".join(lines[:count]) + b'{"torn')
        snapshot = await market.seen("104")
        assert told(snapshot) == expected, f"after {count} of {len(lines)} lines"
        assert states(snapshot) == {"a.1": "FILLED", "a.1.sl": "CANCELLED", "a.1.tp": "FILLED"}
        assert [row.quantity for row in snapshot.positions] == []


@in_loop
async def test_bar_by_bar_over_many_restarts_equals_all_bars_at_once(tmp_path: Path) -> None:
    rows = [(MONDAY + FIVE * n, (100 + n, 100.5 + n, 99.5 + n, 100 + n)) for n in range(1, 6)]
    rows += [(MONDAY + FIVE * n, (110 - n, 110.5 - n, 108 - n, 109 - n)) for n in range(6, 10)]
    found = []
    for steps in (1, len(rows)):
        market = Market(tmp_path / str(steps))
        await market.place(side="SELL", order={"kind": "TRAILING_STOP", "amount": 2})
        for start in range(0, len(rows), steps):
            market.bars(rows[start : start + steps])
            snapshot = await market.seen()
        found.append(fills(snapshot))
    assert found[0] == found[1]
    assert len(found[0]) == 1


@pytest.mark.parametrize(
    ("kind", "bar", "price", "time"),
    [
        ("MARKET_ON_CLOSE", (OPEN, (99, 103, 98, 102)), 102, CLOSE),
        ("MARKET_ON_OPEN", (TUESDAY, (99, 103, 98, 102)), 99, TUESDAY),
    ],
)
@in_loop
async def test_auction_orders_of_the_day_meet_daily_bars(
    trading_day: Market, kind: str, bar: tuple[datetime, Prices], price: int, time: datetime
) -> None:
    """An order for the close is in time although its bar began before it; one for the opening waits for the next."""
    await trading_day.place(order={"kind": kind})
    trading_day.bars([bar], Timeframe.D1)
    assert fills(await trading_day.seen("102")) == [("a.1", 10, price, time)]


@in_loop
async def test_no_opening_auction_is_held_in_the_middle_of_a_session(trading_day: Market) -> None:
    await trading_day.place(order={"kind": "MARKET_ON_OPEN"})
    trading_day.bars([(MONDAY + FIVE, CALM), (CLOSE - FIVE, CALM)])
    snapshot = await trading_day.seen("100")
    assert (states(snapshot), fills(snapshot)) == ({"a.1": "WORKING"}, [])
    trading_day.bars([(TUESDAY, (98, 99, 97, 98))])
    assert fills(await trading_day.seen("98")) == [("a.1", 10, 98, TUESDAY)]


@in_loop
async def test_a_coarser_bar_never_repeats_what_finer_ones_have_told(trading_day: Market) -> None:
    await trading_day.place(limit_price=99, tif="GTC")
    trading_day.bars([(CLOSE - FIVE, CALM)])
    await trading_day.seen("100")
    trading_day.bars([(OPEN, (100, 101, 95, 100))], Timeframe.D1)
    assert fills(await trading_day.seen("100")) == []

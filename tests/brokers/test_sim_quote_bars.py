"""The simulated venue on bars of quotes: what buys meets the ask and what sells the bid, as in the backtest."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.sim.matching import PriceBar
from brokers.sim.quotes import newest_quotes, quote_around, stored_bars
from brokers.sim.replay import ReplayVenue
from brokers.sim.state import AccountBook
from tests.brokers.desk import ACCOUNT, approved, market
from tests.brokers.test_sim_bars import FIVE, MONDAY, TUESDAY, fills, group
from tradewright.fills.costs import NoCosts
from tradewright.model.bars import BarKind, Timeframe
from tradewright.model.clock import ManualClock
from tradewright.model.instrument import AssetClass, Instrument
from tradewright.model.order import Side
from tradewright.oversight.rehearsal import ReplayBar
from tradewright.store.bars import BarStore

EURUSD = Instrument(
    symbol="EURUSD",
    asset_class=AssetClass.FOREX,
    calendar="24/5",
    tick_size=Decimal("0.00005"),
    default_spread_bps=0.5,
)
HALF = Decimal("0.01")
"""One per cent: a bar of 100 is 99 bid and 101 ask."""


def quoted(start: datetime, *prices: object) -> PriceBar:
    return PriceBar(start, start + FIVE, *(Decimal(str(price)) for price in prices), half_spread=HALF)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("side", "limit", "low", "high", "price"),
    [
        ("BUY", 100, "99.5", 101, None),  # 100.495 ask
        ("BUY", 100, "99", 101, "100"),  # 99.99 ask
        ("BUY", 102, 99, 101, "101"),
        ("SELL", 100, 99, 101, None),  # 99.99 bid
        ("SELL", 100, 99, "101.2", "100"),  # 100.188 bid
        ("SELL", 98, 99, 101, "99"),
    ],
)
def test_a_limit_meets_its_own_side(side: str, limit: int, low: object, high: object, price: str | None) -> None:
    venue = market(ManualClock(MONDAY))
    venue.place(approved(limit_price=limit, side=side).terms, ACCOUNT, "a.1", 1, 21)
    venue.on_bar("AAPL", quoted(MONDAY, 100, high, low, 100))
    assert fills(venue) == ([] if price is None else [("a.1", Decimal(price))])


def test_the_stop_of_a_holding_meets_the_bid_and_its_target_too() -> None:
    venue = market(ManualClock(MONDAY))
    group(venue)
    venue.on_bar("AAPL", quoted(MONDAY, 100, "105.5", 97, 100))
    assert fills(venue) == [("a.1", Decimal(101))], "105.5 is 104.445 bid, 97 is 96.03 bid"
    venue.on_bar("AAPL", quoted(MONDAY + FIVE, 100, 101, "95.9", 100))
    assert fills(venue)[1:] == [("a.1.sl", Decimal(95))], "95.9 is 94.941 bid"


def test_the_rest_of_a_bar_begins_for_the_stop_at_the_bid_under_the_entrys_ask() -> None:
    venue = market(ManualClock(MONDAY))
    group(venue, {"kind": "LIMIT", "limit_price": "95.95"})
    venue.on_bar("AAPL", quoted(MONDAY, 100, 101, 94, 100))
    assert fills(venue) == [("a.1", Decimal("95.95")), ("a.1.sl", Decimal("94.05"))], "95.95 / 1.01 x 0.99"


def test_auctions_execute_at_the_side_of_each_order() -> None:
    for side, price in (("BUY", 101), ("SELL", 99)):
        venue = market(ManualClock(MONDAY))
        venue.place(approved(order={"kind": "MARKET_ON_OPEN"}, side=side).terms, ACCOUNT, "a.1", 1, 21)
        venue.on_bar("AAPL", quoted(TUESDAY, 100, 101, 99, 100))
        assert fills(venue) == [("a.1", Decimal(price))]


@given(
    middle=st.decimals("0.5", "2", places=6),
    spread=st.decimals("0", "500", places=4),
)
def test_a_quote_is_whole_ticks_and_never_better_than_the_stored_spread(middle: Decimal, spread: Decimal) -> None:
    made = quote_around(EURUSD, middle, MONDAY, spread)
    assert made.bid is not None
    assert made.ask is not None
    half, tick = middle * spread / 20_000, EURUSD.tick_size
    assert EURUSD.on_tick(made.bid)
    assert EURUSD.on_tick(made.ask)
    assert 0 <= (middle - half) - made.bid < tick
    assert 0 <= made.ask - (middle + half) < tick


@pytest.mark.parametrize("kind", list(BarKind))
def test_stored_bars_and_quotes_have_the_spread_of_their_kind(tmp_path: Path, kind: BarKind) -> None:
    clock, store = ManualClock(datetime(2026, 11, 24, 12, tzinfo=UTC)), BarStore(tmp_path)
    starts = pd.date_range("2026-11-24 09:00", periods=3, freq="h", tz="UTC").as_unit("ns")
    frame = pd.DataFrame({"ts": starts, **dict.fromkeys(("open", "high", "low", "close"), 1.2), "volume": math.nan})
    store.upsert("EURUSD", Timeframe.H1, kind, frame.assign(spread=[10.0, math.nan, 40.0]))
    since = stored_bars(store, {"EURUSD": EURUSD}, [Timeframe.H1], clock)
    found = [bar.half_spread for bar in since("EURUSD", datetime(2026, 11, 24, 8, tzinfo=UTC))]
    quote = newest_quotes(store, [EURUSD], [Timeframe.H1], clock, None)["EURUSD"]
    if kind is BarKind.TRADE:
        assert found == [0, 0, 0]
        assert (quote.bid, quote.ask) == (Decimal("1.19995"), Decimal("1.20005"))
    else:
        assert found == [Decimal("0.0005"), Decimal("0.000025"), Decimal("0.002")]
        assert (quote.bid, quote.ask) == (Decimal("1.1976"), Decimal("1.2024"))


def test_an_instrument_whose_bars_are_damaged_has_none_until_they_are_mended(tmp_path: Path) -> None:
    """Else no client of the venue could connect, not even to cancel, while an order of that instrument rests."""
    clock, store = ManualClock(datetime(2026, 11, 24, 12, tzinfo=UTC)), BarStore(tmp_path)
    starts = pd.date_range("2026-11-24 09:00", periods=3, freq="h", tz="UTC").as_unit("ns")
    frame = pd.DataFrame({"ts": starts, **dict.fromkeys(("open", "high", "low", "close"), 1.2), "volume": math.nan})
    store.upsert("EURUSD", Timeframe.H1, BarKind.TRADE, frame)
    since = stored_bars(store, {"EURUSD": EURUSD}, [Timeframe.H1], clock)
    (path,) = (tmp_path / "bars").rglob("*.parquet")
    content = path.read_bytes()
    path.write_bytes(content[:-9])
    assert list(since("EURUSD", MONDAY)) == []
    path.write_bytes(content)
    assert len(list(since("EURUSD", MONDAY))) == 3


def test_a_bar_of_trades_is_the_same_to_both_sides() -> None:
    bar = PriceBar(MONDAY, MONDAY + FIVE, *map(Decimal, ("100.1", "101", "99", "100")))
    assert bar.seen_by(Side.BUY) == bar.seen_by(Side.SELL) == bar[2:6]


def test_a_replay_quotes_and_passes_the_spread_of_its_bars() -> None:
    clock = ManualClock(MONDAY)
    venue = ReplayVenue([EURUSD], AccountBook(account=ACCOUNT, cash=Decimal(100_000)), clock, NoCosts(), 7)
    prices = map(Decimal, ("1.2", "1.21", "1.19", "1.2"))
    bar = ReplayBar("EURUSD", MONDAY, MONDAY, MONDAY + FIVE, *prices, spread=Decimal(10))  # type: ignore[misc]
    venue.opened(bar)
    quote = venue._venue.prices["EURUSD"]
    assert (quote.bid, quote.ask, quote.last) == (Decimal("1.1994"), Decimal("1.2006"), Decimal("1.2"))
    limits = {"BUY": "1.1905", "SELL": "1.2095"}  # 1.190595 is the lowest ask, 1.209395 the highest bid
    for number, (side, limit) in enumerate(limits.items()):
        wanted = approved(instrument="EURUSD", side=side, quantity=1000, limit_price=limit).terms
        venue._venue.place(wanted, ACCOUNT, f"a.{number}", number, 21)
    venue.passed(bar, MONDAY)
    assert venue.executions() == 0, "the middle reaches both limits, their own sides none"

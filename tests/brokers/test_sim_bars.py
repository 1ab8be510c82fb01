"""The simulated venue bar by bar: the backtest's rules, the life of orders, and bars that were missed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from brokers.sessions import Session, bar_end, session_ending_after
from brokers.sim.broker import SimBroker
from brokers.sim.matching import PriceBar, match
from brokers.sim.settings import SimSettings, sim_broker
from brokers.sim.state import Placement
from brokers.sim.venue import Venue
from tests.brokers.desk import AAPL, ACCOUNT, BTC, INSTRUMENTS, approved, bracket, in_loop, market
from tests.support.price_lists import IBKR_FIXED
from tradewright.model.bars import Timeframe
from tradewright.model.broker import VenueStatus
from tradewright.model.clock import ManualClock
from tradewright.model.order import Leg, OrderTerms

MONDAY = datetime(2026, 11, 23, 16, 0, tzinfo=UTC)
CLOSE = datetime(2026, 11, 23, 21, 0, tzinfo=UTC)
TUESDAY = datetime(2026, 11, 24, 14, 30, tzinfo=UTC)
FIVE = timedelta(minutes=5)
Placed = tuple[Venue, int]


def d(*numbers: object) -> list[Decimal]:
    return [Decimal(str(number)) for number in numbers]


def bar(start: datetime, *prices: object) -> PriceBar:
    return PriceBar(start, start + FIVE, *d(*prices))


def terms(**fields: object) -> OrderTerms:
    return approved(**fields).terms  # type: ignore[arg-type]


def placed(**fields: object) -> Placed:
    venue = market(ManualClock(MONDAY))
    return venue, venue.place(terms(**fields), ACCOUNT, "a.1", 1, 21).perm_id


def status(venue: Venue, perm_id: int) -> VenueStatus:
    return venue.state.orders[perm_id].status


def test_a_day_order_fills_inside_its_day_at_its_limit() -> None:
    venue, order = placed(limit_price=99)
    venue.on_bar("AAPL", bar(MONDAY + FIVE, 100, "100.05", "99.95", 100))
    assert status(venue, order) is VenueStatus.WORKING
    dip = MONDAY + timedelta(hours=1)
    venue.on_bar("AAPL", bar(dip, 100, "100.05", "98.5", 100))
    assert [(item.price, item.time) for item in venue.state.executions] == [(99, dip + FIVE)]


def test_a_day_order_ends_at_the_close_and_never_fills_the_day_after() -> None:
    venue, order = placed(limit_price=99)
    venue.on_bar("AAPL", bar(CLOSE - FIVE, 100, 101, "99.5", 100))
    assert status(venue, order) is VenueStatus.CANCELLED
    venue.on_bar("AAPL", bar(TUESDAY, 98, 98, 97, 98))
    assert venue.state.executions == []


def test_a_day_order_ends_even_where_the_last_bars_of_its_day_are_missing() -> None:
    venue, order = placed(limit_price=99)
    venue.on_bar("AAPL", bar(TUESDAY, 98, 98, 97, 98))
    assert (status(venue, order), venue.state.executions) == (VenueStatus.CANCELLED, [])


def test_orders_live_as_long_as_they_say() -> None:
    venue = market(ManualClock(MONDAY))
    kept = venue.place(terms(limit_price=90, tif="GTC"), ACCOUNT, "a.1", 1, 21).perm_id
    dated = venue.place(terms(limit_price=90, tif="GTD", good_till=TUESDAY), ACCOUNT, "a.2", 2, 21).perm_id
    venue.expire(CLOSE)
    assert (status(venue, kept), status(venue, dated)) == (VenueStatus.WORKING, VenueStatus.WORKING)
    venue.expire(TUESDAY)
    assert (status(venue, kept), status(venue, dated)) == (VenueStatus.WORKING, VenueStatus.CANCELLED)


def test_an_order_meets_no_bar_that_began_before_it() -> None:
    venue, order = placed(limit_price=99)
    venue.on_bar("AAPL", bar(MONDAY - timedelta(minutes=1), 98, 98, 98, 98))
    assert status(venue, order) is VenueStatus.WORKING


def test_a_bar_is_met_once() -> None:
    venue, _ = placed(quantity=10, limit_price=99)
    venue.partial_fills.extend(d(4, 4))
    dip = bar(MONDAY + FIVE, 100, 100, 98, 100)
    venue.advance([("AAPL", dip), ("AAPL", dip)])
    venue.on_bar("AAPL", dip)
    assert [item.quantity for item in venue.state.executions] == [4]


def test_bars_of_several_instruments_pass_in_the_order_of_time() -> None:
    venue, _ = placed(limit_price=99)
    venue.place(terms(instrument="MSFT", limit_price=99), ACCOUNT, "a.2", 2, 21)
    dips = [("AAPL", bar(MONDAY + 2 * FIVE, 98, 98, 98, 98)), ("MSFT", bar(MONDAY + FIVE, 98, 98, 98, 98))]
    venue.advance(dips)
    assert [item.order.ref for item in venue.state.executions] == ["a.2", "a.1"]


@pytest.mark.parametrize(
    ("kind", "start", "price"),
    [("MARKET_ON_CLOSE", CLOSE - FIVE, 101), ("MARKET_ON_OPEN", TUESDAY, 100)],
)
def test_auctions_are_the_first_and_the_last_bar_of_a_session(kind: str, start: datetime, price: int) -> None:
    clock = ManualClock(MONDAY if kind == "MARKET_ON_CLOSE" else CLOSE)
    venue = market(clock)
    order = venue.place(terms(order={"kind": kind}), ACCOUNT, "a.1", 1, 21).perm_id
    venue.on_bar("AAPL", bar(MONDAY, 90, 90, 90, 90))
    assert status(venue, order) is VenueStatus.WORKING
    venue.on_bar("AAPL", bar(start, 100, 102, 99, 101))
    assert [item.price for item in venue.state.executions] == [price]


def group(venue: Venue, entry: object = None) -> dict[Leg, int]:
    order, found = bracket(entry), dict[Leg, int]()
    for number, (leg, wanted) in enumerate(order.legs().items()):
        parent = found.get(Leg.ENTRY, 0)
        belongs = Placement(parent=parent, group="g" if parent else "", oca_type=2, held=leg is not Leg.TAKE_PROFIT)
        found[leg] = venue.place(wanted, ACCOUNT, leg.reference("a.1"), number, 21, belongs).perm_id
    return found


def fills(venue: Venue) -> list[tuple[str, Decimal]]:
    return [(item.order.ref, item.price) for item in venue.state.executions]


def test_a_bar_that_reaches_stop_and_target_has_reached_the_stop_first() -> None:
    venue = market(ManualClock(MONDAY))
    legs = group(venue)
    venue.on_bar("AAPL", bar(MONDAY, 100, 106, 94, 100))
    assert fills(venue) == [("a.1", 100), ("a.1.sl", 95)]
    assert status(venue, legs[Leg.TAKE_PROFIT]) is VenueStatus.CANCELLED
    assert venue.book(ACCOUNT).holding("AAPL").quantity == 0


def test_no_target_fills_in_the_bar_inside_which_its_entry_filled() -> None:
    venue = market(ManualClock(MONDAY))
    group(venue, {"kind": "LIMIT", "limit_price": 98})
    venue.on_bar("AAPL", bar(MONDAY, 100, 106, 97, 100))
    assert fills(venue) == [("a.1", 98)]
    venue.on_bar("AAPL", bar(MONDAY + FIVE, 104, 106, 103, 104))
    assert fills(venue) == [("a.1", 98), ("a.1.tp", 105)]


def test_the_stop_of_an_entry_that_filled_inside_the_bar_may_fill_in_it() -> None:
    venue = market(ManualClock(MONDAY))
    group(venue, {"kind": "LIMIT", "limit_price": 98})
    venue.on_bar("AAPL", bar(MONDAY, 100, 101, 94, 100))
    assert fills(venue) == [("a.1", 98), ("a.1.sl", 95)]


@pytest.mark.parametrize(
    ("order", "prices", "price", "triggered"),
    [
        ({"stop_price": 103, "limit_price": 104}, (100, 105, 99, 101), "103", True),
        ({"stop_price": 103, "limit_price": 102}, (100, 105, 99, 101), None, True),
        ({"stop_price": 103, "limit_price": 104}, (106, 107, 99, 101), None, True),
        ({"stop_price": 108, "limit_price": 109}, (100, 105, 99, 101), None, False),
    ],
)
def test_a_stop_limit_order_in_a_bar(order: object, prices: object, price: str | None, triggered: bool) -> None:
    wanted = terms(order={"kind": "STOP_LIMIT", **order})  # type: ignore[dict-item]
    found = match(wanted, False, None, d(*prices))  # type: ignore[misc]
    assert (found.price, found.triggered) == (None if price is None else Decimal(price), triggered)


def test_a_trailing_stop_moves_only_after_the_bar_that_it_survived() -> None:
    sale = terms(side="SELL", order={"kind": "TRAILING_STOP", "amount": 2})
    first = match(sale, False, None, d(100, 105, 99, 104))
    assert (first.price, first.stop) == (None, 103)
    assert match(sale, False, first.stop, d(104, 110, 102, 109)).price == 103
    assert match(sale, False, first.stop, d(104, 104, "103.5", 104)).stop == 103, "it never moves back"
    assert match(sale, False, first.stop, d(110, 111, 104, 105)).price == 108, "the open comes first, and moves it"
    placed = terms(side="SELL", order={"kind": "TRAILING_STOP", "amount": 2, "stop_price": 99})
    assert match(placed, False, None, d(100, 101, 99, 100)).price == 99, "it begins where it was placed"
    far = terms(side="SELL", order={"kind": "TRAILING_STOP", "amount": 2, "stop_price": 95})
    assert match(far, False, None, d(100, 101, 96, 97)).price == 98, "the nearer of the two counts"
    purchase = terms(order={"kind": "TRAILING_STOP", "percent": 10})
    first = match(purchase, False, None, d(100, 101, 80, 82))
    assert (first.price, first.stop) == (None, 88)
    assert match(purchase, False, first.stop, d(90, 91, 85, 86)).price == 90


@in_loop
async def test_a_saved_venue_meets_the_bars_that_it_missed_before_the_present_price(tmp_path: Path) -> None:
    values = SimSettings(account=ACCOUNT, state_file=tmp_path / "venue.json", seed=7)
    clock = ManualClock(MONDAY)
    first = sim_broker(values, INSTRUMENTS, clock, IBKR_FIXED)
    await first.connect(lambda _event: None)
    await first.place(approved(limit_price=99), "a.1", first.next_order_id())
    await first.place(approved(limit_price=97), "a.2", first.next_order_id())
    await first.disconnect()
    clock.advance((TUESDAY - MONDAY).total_seconds())
    asked: list[tuple[str, datetime]] = []

    def missed(symbol: str, since: datetime) -> list[PriceBar]:
        asked.append((symbol, since))
        return [bar(MONDAY + FIVE, 100, 100, "98.5", 100), bar(TUESDAY - FIVE, 96, 96, 96, 96)]

    second: SimBroker = sim_broker(values, INSTRUMENTS, clock, IBKR_FIXED)
    second.market.bars_since = missed
    await second.connect(lambda _event: None)
    snapshot = await second.snapshot()
    assert asked == [("AAPL", MONDAY)]
    assert [(fill.ref, fill.price) for fill in snapshot.fills] == [("a.1", 99)]
    assert {order.ref: order.status.value for order in snapshot.completed_orders} == {
        "a.1": "FILLED",
        "a.2": "CANCELLED",
    }
    await second.disconnect()


def test_sessions_and_the_ends_of_bars() -> None:
    assert session_ending_after(AAPL, MONDAY) == Session(MONDAY - timedelta(minutes=90), CLOSE)
    assert session_ending_after(AAPL, CLOSE) == Session(TUESDAY, TUESDAY + timedelta(hours=6.5))
    assert bar_end(AAPL, Timeframe.D1, MONDAY - timedelta(minutes=90)) == CLOSE
    assert bar_end(AAPL, Timeframe.H1, CLOSE - timedelta(minutes=30)) == CLOSE
    assert bar_end(AAPL, Timeframe.M5, MONDAY) == MONDAY + FIVE
    half_day = datetime(2026, 11, 27, 14, 30, tzinfo=UTC)
    assert bar_end(AAPL, Timeframe.D1, half_day) == datetime(2026, 11, 27, 18, 0, tzinfo=UTC)
    midnight = datetime(2026, 11, 28, tzinfo=UTC)
    assert bar_end(BTC.model_copy(update={"calendar": "24/7"}), Timeframe.D1, midnight) == midnight + timedelta(days=1)

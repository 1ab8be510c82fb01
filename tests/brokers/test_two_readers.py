"""Every message that the gateway writes, read by two independent clients: ``ib_async`` and the official ``ibapi``.

Where both see the same values, field by field and to the last field, the order of the fields is right.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import ib_async.decoder
import ibapi.decoder
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brokers.ibkr.gateway import messages
from brokers.ibkr.gateway.listings import Listing, list_instruments
from brokers.ibkr.gateway.wire import fields_of, frame
from brokers.ibkr.numbers import optional
from brokers.ibkr.order_types import WIRE_TYPES, wire_prices, wire_tif
from brokers.sim.state import BookOrder, Execution, Placement
from tests.brokers.desk import ACCOUNT, INSTRUMENTS, NOON
from tradewright.model.broker import VenueStatus
from tradewright.model.order import (
    AUCTIONS,
    LimitOrder,
    MarketOnCloseOrder,
    MarketOnOpenOrder,
    MarketOrder,
    OrderTerms,
    Position,
    StopLimitOrder,
    StopOrder,
    TrailingStopOrder,
)

LISTINGS = list(list_instruments(INSTRUMENTS).values())
VERSIONS = [version for version in range(157, 179) if version != 158]
"""At 158 alone the two clients disagree with one another: the official one reads an order's duration, ours does not."""
NOTHING = (None, "", "None", 0, 2147483647, 1.7976931348623157e308, Decimal(2**127 - 1), [])


class Recorder:
    """A wrapper that keeps what it is told."""

    defaultTimezone = NOON.tzinfo  # noqa: N815
    ib = SimpleNamespace(TimezoneTWS="")

    def __init__(self) -> None:
        self.told: list[tuple[str, tuple[Any, ...]]] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *args: self.told.append((name, args))


def ours(version: int, message: messages.Message) -> list[tuple[str, tuple[Any, ...]]]:
    """The message as ``ib_async`` reads it."""
    recorder = Recorder()
    decoder = ib_async.decoder.Decoder(recorder, version)
    fields = fields_of(frame(message)[4:])
    decoder.handlers[int(fields[0])](fields)
    return recorder.told


def official(version: int, message: messages.Message) -> list[tuple[str, tuple[Any, ...]]]:
    """The message as ``ibapi`` reads it, to its last field."""
    recorder = Recorder()
    decoder = ibapi.decoder.Decoder(recorder, version)
    number, *fields = (text.encode() for text in fields_of(frame(message)[4:]))
    handle = decoder.msgId2handleInfo[int(number)]
    if handle.wrapperMeth is not None:
        decoder.interpretWithSignature(fields, handle)
        return recorder.told
    rest: Iterator[bytes] = iter(fields)
    handle.processMeth(decoder, rest)
    assert list(rest) == [], "fields are left over"
    return recorder.told


def plain(value: object) -> object:
    """A value in a form that both clients share: numbers as floats, absence as 0, objects as their fields."""
    if isinstance(value, list | tuple):
        return [plain(item) for item in value] or 0
    if isinstance(value, str) and value.lstrip("-").replace(".", "", 1).isdigit():
        value = Decimal(value)
    if any(value is nothing or (type(value) is type(nothing) and value == nothing) for nothing in NOTHING):
        return 0
    if isinstance(value, bool | int | float | Decimal):
        return float(value)
    if dataclasses.is_dataclass(value) or type(value).__module__.startswith("ibapi"):
        return {name: plain(item) for name, item in vars(value).items()}
    return value


def agree(mine: object, theirs: object, leave_out: set[str], path: str) -> None:
    """Compare what both readers have, leaving out fields that only one of them knows."""
    if isinstance(mine, dict) and isinstance(theirs, dict):
        common = (mine.keys() & theirs.keys()) - leave_out
        assert len(common) >= 5
        for name in common:
            agree(mine[name], theirs[name], leave_out, f"{path}.{name}")
        return
    assert mine == theirs, path


def compare(version: int, message: messages.Message, leave_out: set[str] | None = None) -> tuple[Any, ...]:
    """Both readings of one message must agree; returns ours. One keeps times as text, so times are compared apart."""
    ((_, mine),), ((_, theirs),) = ours(version, message), official(version, message)
    for number, (left, right) in enumerate(zip(mine, theirs, strict=False)):
        agree(plain(left), plain(right), {"time", "softDollarTier", *(leave_out or ())}, f"argument {number}")
    return mine


def steps(step: str, low: int = 1, high: int = 10_000_000) -> st.SearchStrategy[Decimal]:
    return st.integers(low, high).map(lambda count: count * Decimal(step))


@st.composite
def orders(draw: st.DrawFn) -> tuple[Listing, BookOrder]:
    """Orders in every state."""
    listing = draw(st.sampled_from(LISTINGS))
    ticks = steps(str(listing.instrument.tick_size))
    kinds = [
        st.builds(MarketOrder),
        st.builds(LimitOrder, limit_price=ticks),
        st.builds(StopOrder, stop_price=ticks),
        st.builds(StopLimitOrder, stop_price=ticks, limit_price=ticks),
        st.builds(TrailingStopOrder, amount=ticks),
        st.builds(TrailingStopOrder, percent=st.integers(1, 99).map(Decimal), stop_price=st.none() | ticks),
        st.builds(MarketOnOpenOrder),
        st.builds(MarketOnCloseOrder),
    ]
    kind = draw(st.one_of(kinds))
    tif = draw(st.sampled_from(["DAY"] if kind.kind in AUCTIONS else ["DAY", "GTC", "GTD"]))
    terms = {
        "instrument": listing.instrument.symbol,
        "side": draw(st.sampled_from(["BUY", "SELL"])),
        "quantity": draw(steps(str(listing.instrument.lot_size))),
        "order": kind,
        "tif": tif,
        "good_till": NOON if tif == "GTD" else None,
    }
    group = draw(st.sampled_from(["", "intent1.1"]))
    placement = Placement(parent=draw(st.integers(0, 2**31 - 2)), group=group, oca_type=2 if group else 0)
    order = BookOrder(
        perm_id=draw(st.integers(1, 2**31 - 2)),
        order_id=draw(st.integers(0, 2**31 - 2)),
        client_id=draw(st.integers(0, 999)),
        account=ACCOUNT,
        ref=draw(st.text("abcxyz019.", min_size=1, max_size=32)),
        terms=OrderTerms.model_validate(terms),
        status=draw(st.sampled_from(list(VenueStatus))),
        placed_at=NOON,
        changed_at=NOON + timedelta(seconds=draw(st.integers(0, 100_000))),
        filled=draw(steps(str(listing.instrument.lot_size), 0)),
        average_price=draw(steps("0.01", 0)),
        stop=draw(ticks) if isinstance(kind, TrailingStopOrder) else None,
        placement=placement,
    )
    return listing, order


versions = st.sampled_from(VERSIONS)
bounded = settings(max_examples=60)


@bounded
@given(versions, orders())
def test_an_open_order_reads_the_same_and_as_it_was_meant(version: int, case: tuple[Listing, BookOrder]) -> None:
    listing, order = case
    status = messages.status_name(order)
    message = messages.open_order(version, listing, order, status, parent_id=77)
    order_id, contract, read, state = compare(version, message)
    assert (order_id, contract.conId, state.status) == (order.order_id, listing.con_id, status)
    assert (read.orderRef, read.permId, read.clientId, read.account) == (
        order.ref,
        order.perm_id,
        order.client_id,
        ACCOUNT,
    )
    assert (read.action, read.tif) == (order.terms.side, wire_tif(order.terms))
    assert read.orderType == WIRE_TYPES[order.terms.order.kind]
    assert Decimal(repr(read.totalQuantity)) == order.terms.quantity
    assert (read.parentId, read.ocaGroup, read.ocaType) == (77, order.placement.group, order.placement.oca_type or 3)
    prices = wire_prices(order.terms.order)
    assert Decimal(repr(read.lmtPrice)) == (prices.limit or 0)
    assert Decimal(repr(read.auxPrice)) == (prices.aux or 0)
    assert (optional(read.trailStopPrice), optional(read.trailingPercent)) == (order.stop, prices.trail_percent)
    assert read.goodTillDate == ("" if order.terms.good_till is None else "20260304 17:00:00 UTC")


@bounded
@given(versions, orders())
def test_a_completed_order_reads_the_same_and_hides_its_ids(version: int, case: tuple[Listing, BookOrder]) -> None:
    listing, order = case
    contract, read, state = compare(version, messages.completed_order(version, listing, order, "Cancelled"))
    assert (contract.conId, state.status, read.orderRef, read.permId) == (
        listing.con_id,
        "Cancelled",
        order.ref,
        order.perm_id,
    )
    assert (read.orderId, read.clientId) == (0, 0)
    assert Decimal(repr(read.filledQuantity)) == order.filled
    assert state.completedTime == order.changed_at.strftime("%Y%m%d %H:%M:%S UTC")


@bounded
@given(versions, orders(), steps("0.01"))
def test_an_execution_and_its_cost_read_the_same(version: int, case: tuple[Listing, BookOrder], price: Decimal) -> None:
    listing, order = case
    execution = Execution(
        exec_id="0000e0d5.65a1b2c3.01.01",
        order=order,
        quantity=order.terms.quantity,
        price=price,
        time=order.changed_at,
        cum_quantity=order.terms.quantity,
        average_price=price,
        fee=Decimal("1.05"),
        realized=Decimal("-3.5"),
    )
    request, contract, read = compare(version, messages.execution_details(version, 7, listing, execution))
    assert (request, contract.conId, read.execId, read.orderRef) == (7, listing.con_id, execution.exec_id, order.ref)
    assert (Decimal(repr(read.shares)), Decimal(repr(read.price))) == (order.terms.quantity, price)
    assert read.time == order.changed_at
    (report,) = compare(version, messages.commission_report(execution, "USD"))
    assert (report.execId, report.commission, report.realizedPNL) == (execution.exec_id, 1.05, -3.5)
    compare(version, messages.order_status(order, messages.status_name(order)))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("listing", LISTINGS, ids=lambda listing: listing.instrument.symbol)
def test_contracts_holdings_errors_and_ticks_read_the_same(version: int, listing: Listing) -> None:
    unnamed = {"suggestedSizeIncrement"} if version == 163 else set()
    _, details = compare(version, messages.contract_details(version, 9, listing), unnamed)
    assert Decimal(repr(details.minTick)) == listing.instrument.tick_size
    assert (details.contract.conId, details.contract.secType) == (listing.con_id, listing.name.sec_type)
    held = Position(
        account=ACCOUNT, instrument=listing.instrument.symbol, quantity=Decimal(-3), average_price=Decimal("12.5")
    )
    account, contract, quantity, cost = compare(version, messages.position(listing, held))
    assert (account, contract.conId, quantity) == (ACCOUNT, listing.con_id, -3)
    assert cost == 12.5 * float(listing.instrument.multiplier)
    compare(version, messages.portfolio_value(listing, held, Decimal("13.5")))
    (told,) = official(version, messages.error(version, 5, 201, "no"))
    assert told == ("error", (5, 0, 201, "no", ""))
    assert ours(version, messages.error(version, 5, 201, "no")) == [("error", (5, 201, "no", ""))]

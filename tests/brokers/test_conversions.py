"""The venue's words in ours: states, numbers, names, orders, executions, holdings, and what errors are about."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ib_async.contract import Contract
from ib_async.objects import CommissionReport, Execution
from ib_async.objects import Position as IbPosition
from ib_async.order import Order, OrderState, OrderStatus
from ib_async.util import UNSET_DOUBLE

from brokers.ibkr.contracts import SEC_TYPES, venue_name
from brokers.ibkr.conversions import STATUSES, SymbolMap, fill_of, order_of, position_of, status_of
from brokers.ibkr.error_codes import LINK_BACK, LINK_LOST, REMEDIES
from brokers.ibkr.gateway.listings import list_instruments
from brokers.ibkr.gateway.messages import STATUS_NAMES
from brokers.ibkr.listener import Listener
from brokers.ibkr.numbers import optional
from brokers.reference import checked_reference
from tests.brokers.desk import AAPL, ACCOUNT, BTC, ES, INSTRUMENTS, NOON, in_loop
from tests.support.extent import runs
from tradewright.model.broker import BrokerEvent, BrokerEventKind, VenueStatus
from tradewright.model.clock import ManualClock
from tradewright.model.errors import BrokerError
from tradewright.model.instrument import AssetClass, Instrument
from tradewright.model.order import OrderType, Side

NAMES = SymbolMap(INSTRUMENTS)
SHARE = Contract(conId=0, symbol="AAPL", secType="STK", currency="USD")
FUTURE = Contract(symbol="ES", secType="FUT", currency="USD", lastTradeDateOrContractMonth="20260619")
ME, OTHER = 21, 22

FINAL = {VenueStatus.FILLED, VenueStatus.CANCELLED, VenueStatus.REJECTED}


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("PendingSubmit", "PENDING"),
        ("ApiPending", "PENDING"),
        ("PreSubmitted", "WORKING"),
        ("Submitted", "WORKING"),
        ("Filled", "FILLED"),
        ("PendingCancel", "CANCEL_PENDING"),
        ("Cancelled", "CANCELLED"),
        ("ApiCancelled", "CANCELLED"),
        ("Inactive", "REJECTED"),
    ],
)
def test_each_state_of_the_venue(word: str, status: str) -> None:
    assert status_of(word) is VenueStatus(status)


def test_the_words_are_those_of_the_library_and_of_the_gateway() -> None:
    library = {OrderStatus.DoneStates, OrderStatus.ActiveStates}
    made_up_by_the_library = {"ValidationError", "ApiUpdate"}
    known = {word for words in library for word in words} - made_up_by_the_library
    assert known <= set(STATUSES)
    for word in OrderStatus.DoneStates:
        assert status_of(word) in FINAL
    for word in OrderStatus.ActiveStates:
        assert status_of(word) not in FINAL
    assert {status_of(word): word for word in STATUS_NAMES.values()} == STATUS_NAMES


@settings(max_examples=runs(100, 200))
@given(st.text(max_size=20))
def test_a_word_that_is_new_ends_nothing(word: str) -> None:
    assert word in STATUSES or status_of(word) is VenueStatus.PENDING


@settings(max_examples=runs(100, 300))
@given(st.integers(-(10**12), 10**12), st.integers(0, 8))
def test_a_decimal_comes_through_a_float_as_it_was(units: int, places: int) -> None:
    exact = Decimal(units).scaleb(-places)
    assert optional(float(exact)) == exact


@pytest.mark.parametrize("nothing", [None, "", UNSET_DOUBLE])
def test_unset_is_unknown_and_never_zero(nothing: object) -> None:
    assert optional(nothing) is None


def open_order(
    status: str = "Submitted", perm_id: int = 7, order_id: int = 5, client: int = ME, **more: object
) -> tuple:  # type: ignore[type-arg]
    fields: dict[str, object] = {"action": "BUY", "orderType": "MKT", "totalQuantity": 10.0, "orderRef": "a.1"}
    fields |= {"permId": perm_id, "orderId": order_id, "clientId": client, "account": ACCOUNT, **more}
    return Order(**fields), SHARE, OrderState(status=status)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "ours"), [("MKT", OrderType.MARKET), ("LMT", OrderType.LIMIT), ("STP", OrderType.STOP)]
)
@pytest.mark.parametrize(("action", "side"), [("BUY", Side.BUY), ("SELL", Side.SELL), ("SSHORT", Side.SELL)])
def test_an_open_order(kind: str, ours: OrderType, action: str, side: Side) -> None:
    found = order_of(NAMES, *open_order(action=action, orderType=kind), completed=False)
    assert (found.order_type, found.side, found.quantity, found.filled) == (ours, side, 10, 0)
    assert (found.ref, found.perm_id, found.order_id, found.client_id) == ("a.1", 7, 5, ME)
    assert (found.account, found.instrument, found.status) == (ACCOUNT, "AAPL", VenueStatus.WORKING)


def test_a_completed_order_has_no_ids_and_its_own_text() -> None:
    order, contract, _ = open_order(filledQuantity=4.0, totalQuantity=0.0, orderId=0, clientId=0)
    state = OrderState(status="Cancelled", completedStatus="Cancelled by Trader", warningText="other")
    found = order_of(NAMES, order, contract, state, completed=True)
    assert (found.order_id, found.client_id, found.quantity, found.filled) == (None, None, 0, 4)
    assert (found.status, found.text) == (VenueStatus.CANCELLED, "Cancelled by Trader")


@pytest.mark.parametrize("quantity", [0.5, 0.00000001, 123456.12345678, 1e9])
def test_quantities_of_orders_are_exact(quantity: float) -> None:
    assert order_of(NAMES, *open_order(totalQuantity=quantity), completed=False).quantity == Decimal(repr(quantity))


@pytest.mark.parametrize("nothing", [1.7976931348623157e308, float("nan"), ""])
def test_a_completed_order_that_tells_no_filled_quantity_is_read(nothing: object) -> None:
    assert order_of(NAMES, *open_order("Cancelled", filledQuantity=nothing), completed=True).filled is None
    with pytest.raises(BrokerError, match="filled quantity"):
        order_of(NAMES, *open_order("Cancelled", filledQuantity=-1.0), completed=True)


@pytest.mark.parametrize("quantity", [1.7976931348623157e308, float("nan"), 1e300, -5.0, None, ""])
def test_an_open_order_of_an_unknown_quantity_is_refused_and_never_zero(quantity: object) -> None:
    with pytest.raises(BrokerError, match="quantity"):
        order_of(NAMES, *open_order(totalQuantity=quantity), completed=False)


def test_an_order_by_an_amount_of_cash_has_no_units_yet() -> None:
    order = open_order(totalQuantity=1.7976931348623157e308, cashQty=100.0)
    assert order_of(NAMES, *order, completed=False).quantity == 0


@pytest.mark.parametrize("word", ["", "SHORT", "bought"])
def test_a_side_that_is_not_known_is_refused(word: str) -> None:
    with pytest.raises(BrokerError, match="neither"):
        order_of(NAMES, *open_order(action=word), completed=False)
    with pytest.raises(BrokerError, match="neither"):
        fill_of(NAMES, SHARE, execution(side=word))


def execution(**more: object) -> Execution:
    fields: dict[str, object] = {"execId": "0001.01", "side": "BOT", "shares": 10.0, "price": 100.01, "permId": 7}
    fields |= {"orderRef": "a.1", "acctNumber": ACCOUNT, "time": NOON, "orderId": 5, "clientId": ME, **more}
    return Execution(**fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(("word", "side"), [("BOT", Side.BUY), ("SLD", Side.SELL)])
def test_an_execution(word: str, side: Side) -> None:
    fill = fill_of(NAMES, SHARE, execution(side=word))
    assert (fill.exec_id, fill.base_id, fill.ref, fill.perm_id) == ("0001.01", "0001", "a.1", 7)
    assert (fill.side, fill.quantity, fill.price, fill.fee) == (side, 10, Decimal("100.01"), None)
    assert (fill.instrument, fill.account, fill.time) == ("AAPL", ACCOUNT, NOON)


@pytest.mark.parametrize(
    "broken",
    [{"shares": 0.0}, {"shares": -1.0}, {"shares": math.nan}, {"price": math.inf}, {"price": math.nan},
     {"time": datetime(2026, 3, 4)}],  # noqa: DTZ001
)  # fmt: skip
@in_loop
async def test_an_execution_that_cannot_be_is_damage_and_no_fill(broken: dict[str, object]) -> None:
    events, told = listen()
    events.on_execution(-1, SHARE, execution(**broken))
    assert [event.kind for event in told] == [BrokerEventKind.ERROR]
    assert "0001.01" in told[0].text
    events.on_execution(9, SHARE, execution(**broken))
    assert events.fills(ACCOUNT) == ()


@pytest.mark.parametrize(
    ("contract", "cost", "symbol", "price"),
    [
        (SHARE, 100.01, "AAPL", "100.01"),
        (FUTURE, 5012.5, "ES", "100.25"),
        (Contract(symbol="BRK B", secType="STK", currency="USD"), 400.0, "ibkr:STK:BRK_B", "400.0"),
        (Contract(symbol="AAPL", secType="STK", currency="EUR"), 90.0, "ibkr:STK:AAPL", "90.0"),
        (Contract(symbol="AAPL", secType="OPT", currency="USD"), 250.0, "ibkr:OPT:AAPL", "250.0"),
    ],
)
def test_a_holding(contract: Contract, cost: float, symbol: str, price: str) -> None:
    found = position_of(NAMES, IbPosition(account=ACCOUNT, contract=contract, position=-3.0, avgCost=cost))
    assert (found.instrument, found.quantity, found.average_price) == (symbol, -3, Decimal(price))


def test_the_cost_of_a_holding_may_be_missing_where_the_instrument_is_not_configured() -> None:
    unset = 1.7976931348623157e308
    option = Contract(symbol="SPY", secType="OPT", currency="USD", conId=77)
    held = position_of(NAMES, IbPosition(account=ACCOUNT, contract=option, position=2.0, avgCost=unset))
    assert (held.instrument, held.quantity, held.average_price) == ("ibkr:OPT:SPY:77", 2, 0)
    with pytest.raises(BrokerError, match="cost"):
        position_of(NAMES, IbPosition(account=ACCOUNT, contract=SHARE, position=2.0, avgCost=unset))


def test_contracts_of_one_symbol_have_names_of_their_own() -> None:
    puts = [Contract(symbol="S" * 90, secType="OPT", currency="USD", conId=number) for number in (1, 2)]
    names = {SymbolMap([]).symbol(contract) for contract in puts}
    assert len(names) == 2
    assert all(len(name) <= 64 for name in names)


@settings(max_examples=runs(100, 200))
@given(st.text(min_size=1, max_size=100), st.sampled_from(["STK", "OPT", "BAG", "WAR"]))
def test_any_foreign_contract_has_a_name_that_is_valid_and_not_ours(symbol: str, sec_type: str) -> None:
    found = SymbolMap([]).symbol(Contract(symbol=symbol, secType=sec_type, currency="USD"))
    holding = position_of(SymbolMap([]), IbPosition(ACCOUNT, Contract(symbol=symbol, secType=sec_type), 1.0, 1.0))
    assert holding.instrument == found
    assert found.startswith("ibkr:")


def test_every_asset_class_has_a_security_type_and_is_found_again() -> None:
    assert set(SEC_TYPES) == set(AssetClass)
    for asset_class in AssetClass:
        instrument = Instrument(symbol="EURUSD" if asset_class is AssetClass.FOREX else "XYZ", asset_class=asset_class)
        name = venue_name(instrument)
        contract = Contract(symbol=name.symbol, secType=name.sec_type, currency=name.currency)
        assert SymbolMap([instrument]).symbol(contract) == instrument.symbol


def test_a_contract_id_is_stronger_than_a_description() -> None:
    names = SymbolMap([AAPL, BTC])
    names.learn(5, "AAPL")
    assert names.symbol(Contract(conId=5, symbol="BTC", secType="CRYPTO", currency="USD")) == "AAPL"
    assert names.symbol(Contract(conId=6, symbol="BTC", secType="CRYPTO", currency="USD")) == "BTC"


@pytest.mark.parametrize("ref", ["a", "a.1", "A-b_c.9", "x" * 32])
def test_references_that_a_venue_can_carry(ref: str) -> None:
    assert checked_reference(ref, "here") == ref


@pytest.mark.parametrize("ref", ["", "x" * 33, "a b", "a\n", "a/1", "ä", "a\0b", "a.1 ", "\u202e"])
def test_references_that_it_cannot_carry(ref: str) -> None:
    with pytest.raises(BrokerError, match="nothing was sent") as refusal:
        checked_reference(ref, "here")
    assert (refusal.value.where, refusal.value.remedy) == ("here", "use <intent>.<attempt>")


def listen() -> tuple[Listener, list[BrokerEvent]]:
    told: list[BrokerEvent] = []
    return Listener(SymbolMap(INSTRUMENTS), ManualClock(NOON), ME, told.append), told


@pytest.mark.parametrize("code", sorted(LINK_LOST | LINK_BACK))
@in_loop
async def test_codes_about_the_link(code: int) -> None:
    events, told = listen()
    events.on_error(-1, code, "words")
    (event,) = told
    assert (event.kind, event.code, event.text) == (BrokerEventKind.LINK, code, f"words ({REMEDIES[code]})")
    assert event.link_up is events.link_up is (code in {1101, 1102})


@pytest.mark.parametrize("code", [2103, 2104, 2105, 2106, 2107, 2108, 2119, 2157, 2158, 10089, 10167, 354, 1, 99999])
@in_loop
async def test_notices_leave_the_link_and_every_order_alone(code: int) -> None:
    events, told = listen()
    events.on_open_order(*open_order())
    before = dict(events.mine)
    events.on_error(-1, code, "words")
    assert told[-1].kind is BrokerEventKind.ERROR
    assert (told[-1].order, told[-1].code, events.link_up, events.mine) == (None, code, True, before)


@pytest.mark.parametrize("code", [103, 104, 105, 110, 135, 161, 201, 202, 321, 399, 404, 434, 10147, 10148, 10349])
@in_loop
async def test_an_error_about_our_order_is_told_and_concludes_nothing(code: int) -> None:
    events, told = listen()
    events.on_open_order(*open_order())
    events.on_error(5, code, "words")
    event = told[-1]
    assert (event.kind, event.order_id, event.code) == (BrokerEventKind.ERROR, 5, code)
    assert event.order is not None
    assert event.order.status is VenueStatus.WORKING
    assert events.mine[5].status is VenueStatus.WORKING


@pytest.mark.parametrize("code", [162, 200, 320, 321, 322, 354, 366, 420])
@in_loop
async def test_an_error_about_a_query_is_no_event(code: int) -> None:
    events, told = listen()
    events.on_open_order(*open_order())
    told.clear()
    events.on_error(77, code, "words")
    assert told == []


@in_loop
async def test_a_taken_client_id_is_remembered_in_its_first_words() -> None:
    events, _ = listen()
    events.on_error(-1, 326, "first")
    events.on_error(-1, 326, "second")
    assert events.refused.result() == "first"


@in_loop
async def test_a_rejection_colours_what_has_ended_and_nothing_else() -> None:
    events, told = listen()
    events.on_open_order(*open_order())
    events.on_error(5, 201, "margin")
    events.on_order_status(5, "Submitted", 0.0, 7, ME)
    assert events.mine[5].status is VenueStatus.WORKING, "still live by the venue's word"
    events.on_order_status(5, "Cancelled", 0.0, 7, ME)
    assert (events.mine[5].status, events.mine[5].text) == (VenueStatus.REJECTED, "margin")
    events.on_order_status(5, "Filled", 10.0, 7, ME)
    assert events.mine[5].status is VenueStatus.FILLED, "the broker wins"
    assert told[-1].order is not None


@in_loop
async def test_a_rejection_of_one_order_does_not_colour_another() -> None:
    events, _ = listen()
    events.on_open_order(*open_order())
    events.on_open_order(*open_order(perm_id=8, order_id=6, orderRef="b.1"))
    events.on_error(5, 201, "margin")
    events.on_order_status(6, "Cancelled", 0.0, 8, ME)
    assert events.mine[6].status is VenueStatus.CANCELLED


@in_loop
async def test_states_are_told_when_they_change_and_once() -> None:
    events, told = listen()
    for _ in range(3):
        events.on_open_order(*open_order())
        events.on_order_status(5, "Submitted", 0.0, 7, ME)
    assert len(told) == 1
    events.on_order_status(5, "Submitted", 4.0, 7, ME)
    events.on_open_order(*open_order())
    assert [event.order.filled for event in told if event.order] == [0, 4], "an open order does not unfill"


@in_loop
async def test_orders_of_others_are_known_but_not_ours() -> None:
    events, told = listen()
    events.on_open_order(*open_order(client=OTHER, orderRef="theirs.1"))
    assert events.mine == {}
    assert events.order_id_of("theirs.1") is None
    assert told[0].order is not None
    events.on_order_status(5, "Filled", 10.0, 7, OTHER)
    assert told[-1].order is not None
    assert told[-1].order.status is VenueStatus.FILLED


@in_loop
async def test_a_reference_is_known_by_its_newest_order_id() -> None:
    events, _ = listen()
    events.on_open_order(*open_order(perm_id=7, order_id=5))
    events.on_open_order(*open_order(perm_id=8, order_id=9))
    assert events.order_id_of("a.1") == 9
    assert events.order_id_of("b.1") is None


@in_loop
async def test_a_listing_holds_what_was_listed_in_its_newest_state() -> None:
    events, _ = listen()
    events.on_open_order(*open_order(perm_id=7, order_id=5))
    events.begin_listing()
    events.on_open_order(*open_order(perm_id=8, order_id=6, orderRef="b.1"))
    events.on_open_order(*open_order(perm_id=8, order_id=6, orderRef="b.1"))
    events.on_open_order(*open_order(perm_id=9, order_id=7, orderRef="c.1", account="DU9"))
    assert [order.ref for order in events.open_orders(ACCOUNT)] == ["b.1"]
    events.on_order_status(6, "Filled", 10.0, 8, ME)
    assert events.open_orders(ACCOUNT) == (), "it ended while the answer was on its way"


@in_loop
async def test_fees_join_their_executions_whichever_comes_first() -> None:
    events, told = listen()
    events.on_commission(CommissionReport(execId="0001.01", commission=1.05, currency="USD"))
    events.on_execution(3, SHARE, execution())
    events.on_execution(3, SHARE, execution(execId="0002.01"))
    events.on_execution(3, SHARE, execution(execId="0002.01"))
    events.on_commission(CommissionReport(execId="0002.01", commission=2.5, currency="USD"))
    assert [(fill.exec_id, fill.fee) for fill in events.fills(ACCOUNT)] == [
        ("0001.01", Decimal("1.05")),
        ("0002.01", Decimal("2.5")),
    ]
    assert [event.kind for event in told] == [BrokerEventKind.FEE, BrokerEventKind.FEE], "a listed fill is no event"
    events.begin_listing()
    assert events.fills(ACCOUNT) == ()


@in_loop
async def test_a_live_execution_names_its_order_id_only_when_it_is_ours() -> None:
    events, told = listen()
    events.on_execution(-1, SHARE, execution())
    events.on_execution(-1, SHARE, execution(execId="0002.01", clientId=OTHER))
    assert [event.order_id for event in told] == [5, None]
    assert [event.raw["clientId"] for event in told] == ["21", "22"]


@in_loop
async def test_the_end_of_the_link_is_told() -> None:
    events, told = listen()
    events.on_closed()
    assert (told[0].kind, told[0].link_up, events.link_up) == (BrokerEventKind.LINK, False, False)
    assert told[0].at == NOON.astimezone(UTC)


def test_listings_describe_every_instrument_so_that_it_is_found_again() -> None:
    for con_id, listing in list_instruments(INSTRUMENTS).items():
        fields = listing.fields()
        assert len(fields) == 11
        assert fields[0] == con_id
        contract = Contract(
            symbol=str(fields[1]),
            secType=str(fields[2]),
            lastTradeDateOrContractMonth=str(fields[3]),
            currency=str(fields[8]),
        )
        assert NAMES.symbol(contract) == listing.instrument.symbol
    assert venue_name(ES).multiplier == "50"

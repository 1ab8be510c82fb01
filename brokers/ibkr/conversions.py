"""From IBKR's orders, executions and statuses to the model's."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal

from ib_async.contract import Contract
from ib_async.objects import Execution
from ib_async.objects import Position as IbPosition
from ib_async.order import Order, OrderState

from brokers.ibkr.contracts import VenueName, venue_name
from brokers.ibkr.numbers import optional, price, quantity, required
from brokers.ibkr.order_types import kind_of
from tradewright.model.broker import VenueOrder, VenueStatus
from tradewright.model.errors import BrokerError
from tradewright.model.instrument import Instrument
from tradewright.model.order import Fill, OrderType, Position, Side

STATUSES = {
    "PendingSubmit": VenueStatus.PENDING,
    "ApiPending": VenueStatus.PENDING,
    "PreSubmitted": VenueStatus.WORKING,
    "Submitted": VenueStatus.WORKING,
    "Filled": VenueStatus.FILLED,
    "PendingCancel": VenueStatus.CANCEL_PENDING,
    "Cancelled": VenueStatus.CANCELLED,
    "ApiCancelled": VenueStatus.CANCELLED,
    "Inactive": VenueStatus.REJECTED,
}

SIDES = {"BUY": Side.BUY, "BOT": Side.BUY, "SLD": Side.SELL} | dict.fromkeys(("SELL", "SSHORT", "SLONG"), Side.SELL)

LIMITED = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT})
STOPPED = frozenset({OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP})


def status_of(word: str) -> VenueStatus:
    """The venue's word for an order's state; an unknown word means nothing final."""
    return STATUSES.get(word, VenueStatus.PENDING)


class SymbolMap:
    """Which instrument a contract is: by its id once it was resolved, by its description before."""

    def __init__(self, instruments: Iterable[Instrument]) -> None:
        self.instruments = {instrument.symbol: instrument for instrument in instruments}
        self._by_name = {_key(venue_name(item)): item.symbol for item in self.instruments.values()}
        self._by_id: dict[int, str] = {}

    def learn(self, con_id: int, symbol: str) -> None:
        """Remember the contract id of an instrument."""
        self._by_id[con_id] = symbol

    def instrument(self, symbol: str) -> Instrument:
        """The instrument of that name.

        Raises:
            BrokerError: when it is not configured.
        """
        if symbol not in self.instruments:
            raise BrokerError(
                f"unknown instrument {symbol!r}", where="broker ibkr", remedy="add it under conf/instruments"
            )
        return self.instruments[symbol]

    def symbol(self, contract: Contract) -> str:
        """Our name of a contract; ``ibkr:<type>:<symbol>:<id>``, which no instrument is, where it is not configured."""
        if contract.conId in self._by_id:
            return self._by_id[contract.conId]
        name = (contract.symbol, contract.secType, contract.currency, contract.lastTradeDateOrContractMonth)
        if name not in self._by_name and contract.secType == "FUT":
            return self._by_month(contract) or _foreign(contract)
        return self._by_name.get(name) or _foreign(contract)

    def _by_month(self, contract: Contract) -> str:
        """The one future that is configured by the month in which this contract ends; empty without one.

        The venue tells the last trading day, the configuration may name the month.
        """
        expiry = contract.lastTradeDateOrContractMonth
        alike = (contract.symbol, contract.secType, contract.currency, expiry[:MONTH])
        return self._by_name.get(alike, "") if len(expiry) > MONTH else ""

    def multiplier(self, symbol: str) -> Decimal:
        """Money per unit and point; 1 for a foreign contract."""
        return self.instruments[symbol].multiplier if symbol in self.instruments else Decimal(1)


MONTH = 6
"""Digits of an expiry by month."""
LONGEST = 48
"""Characters of type and symbol in the name of a contract that is not configured; its id tells it from its like."""


def _foreign(contract: Contract) -> str:
    name = re.sub(r"[^A-Za-z0-9._:-]", "_", f"ibkr:{contract.secType}:{contract.symbol}")
    return f"{name[:LONGEST]}:{contract.conId}" if contract.conId else name[:LONGEST]


def _key(name: VenueName) -> tuple[str, str, str, str]:
    return name.symbol, name.sec_type, name.currency, name.expiry


def order_of(names: SymbolMap, order: Order, contract: Contract, state: OrderState, completed: bool) -> VenueOrder:
    """An open or completed order. Completed ones come without order id, client id and total quantity.

    An order without a permanent id was never transmitted: it is held back, whatever its status says.

    Raises:
        BrokerError: when a quantity is no number, or the side no side.
    """
    message = f"order {order.permId or order.orderId} {order.orderRef}".rstrip()
    held_back = not completed and not order.permId
    status = VenueStatus.PENDING if held_back else status_of(state.status)
    kind = kind_of(order.orderType, order.tif)
    trails = kind is OrderType.TRAILING_STOP
    stop = order.trailStopPrice if trails else order.auxPrice
    return VenueOrder(
        ref=order.orderRef,
        perm_id=order.permId,
        order_id=None if completed else order.orderId,
        client_id=None if completed else order.clientId,
        account=order.account,
        instrument=names.symbol(contract),
        side=_side(order.action, message),
        order_type=kind,
        quantity=_total_quantity(order, message, completed),
        filled=_filled_quantity(order, message) if completed else Decimal(0),
        status=status,
        text=state.completedStatus if completed else state.warningText,
        limit_price=optional(order.lmtPrice) if kind in LIMITED else None,
        stop_price=optional(stop) if kind in STOPPED else None,
        trail=_distance(order.auxPrice) if trails else None,
        trail_percent=_distance(order.trailingPercent) if trails else None,
        group=order.ocaGroup,
        held_back=held_back,
    )


def _distance(value: object) -> Decimal | None:
    """The distance of a trailing stop in one of its two fields; 0 stands in the one that the venue does not use."""
    return optional(value) or None


def _side(word: str, message: str) -> Side:
    if word not in SIDES:
        raise BrokerError(f"side {word!r} is neither a buy nor a sell", where=message, remedy="look at the gateway")
    return SIDES[word]


def _total_quantity(order: Order, message: str, completed: bool) -> Decimal:
    """The units ordered; 0 for an order by an amount of cash, and for a completed one that comes without them."""
    if optional(order.totalQuantity) is None and (completed or optional(order.cashQty)):
        return Decimal(0)
    return quantity(order.totalQuantity, message, "total quantity")


def _filled_quantity(order: Order, message: str) -> Decimal | None:
    """The units that a completed order has filled; None where the venue does not tell."""
    known = optional(order.filledQuantity)
    return None if known is None else quantity(known, message, "filled quantity")


def fill_of(names: SymbolMap, contract: Contract, execution: Execution) -> Fill:
    """An execution, without its fee.

    Raises:
        BrokerError: when side, quantity or price is not known, or the price is not one that the instrument can have.
    """
    message = f"execution {execution.execId}"
    symbol = names.symbol(contract)
    known = names.instruments.get(symbol)
    return Fill(
        exec_id=execution.execId,
        ref=execution.orderRef,
        perm_id=execution.permId,
        instrument=symbol,
        side=_side(execution.side, message),
        quantity=quantity(execution.shares, message),
        price=price(execution.price, message, negative_allowed=known is None or known.negative_prices),
        time=execution.time,
        account=execution.acctNumber,
    )


def position_of(names: SymbolMap, held: IbPosition) -> Position:
    """A holding; the venue's cost per unit includes the multiplier, our average price does not.

    The cost of an instrument that is not configured may be missing, and is 0 then: it is never traded nor valued here.

    Raises:
        BrokerError: when the quantity, or the cost of a holding that is not flat, is no number.
    """
    symbol = names.symbol(held.contract)
    message = f"position of {symbol}"
    units = required(held.position, message, "quantity")
    cost = optional(held.avgCost) or Decimal(0)
    if units and symbol in names.instruments:
        cost = required(held.avgCost, message, "cost")
    return Position(
        account=held.account,
        instrument=symbol,
        quantity=units,
        average_price=cost / names.multiplier(symbol),
    )

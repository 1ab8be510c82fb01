"""The venue's words in ours."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal

from ib_async.contract import Contract
from ib_async.objects import Execution
from ib_async.objects import Position as IbPosition
from ib_async.order import Order, OrderState
from ib_async.util import UNSET_DOUBLE

from brokers.ibkr.contracts import VenueName, venue_name
from tradewright.model.broker import VenueOrder, VenueStatus
from tradewright.model.errors import BrokerError
from tradewright.model.instrument import Instrument
from tradewright.model.order import FIRST_VERSION_TYPES, Fill, OrderType, Position, Side

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


def status_of(word: str) -> VenueStatus:
    """The venue's word for an order's state; an unknown word means nothing final."""
    return STATUSES.get(word, VenueStatus.PENDING)


def number(value: object) -> Decimal:
    """A float from the wire by its shortest text; the library's "unset" is zero."""
    return Decimal(0) if value in (None, "", UNSET_DOUBLE) else Decimal(repr(value))


class Names:
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
        """Our name of a contract; a foreign one is named ``ibkr:<type>:<symbol>``, which no instrument of ours is."""
        if contract.conId in self._by_id:
            return self._by_id[contract.conId]
        name = (contract.symbol, contract.secType, contract.currency, contract.lastTradeDateOrContractMonth)
        foreign = re.sub(r"[^A-Za-z0-9._/:-]", "_", f"ibkr:{contract.secType}:{contract.symbol}")[:64]
        return self._by_name.get(name, foreign)

    def multiplier(self, symbol: str) -> Decimal:
        """Money per unit and point; 1 for a foreign contract."""
        return self.instruments[symbol].multiplier if symbol in self.instruments else Decimal(1)


def _key(name: VenueName) -> tuple[str, str, str, str]:
    return name.symbol, name.sec_type, name.currency, name.expiry


def order_of(names: Names, order: Order, contract: Contract, state: OrderState, completed: bool) -> VenueOrder:
    """An open or completed order. Completed ones come without order id, client id and total quantity."""
    filled = number(order.filledQuantity) if completed else Decimal(0)
    return VenueOrder(
        ref=order.orderRef,
        perm_id=order.permId,
        order_id=None if completed else order.orderId,
        client_id=None if completed else order.clientId,
        account=order.account,
        instrument=names.symbol(contract),
        side=Side.BUY if order.action == "BUY" else Side.SELL,
        order_type=_order_type(order.orderType),
        quantity=number(order.totalQuantity),
        filled=filled,
        status=status_of(state.status),
        text=state.completedStatus if completed else state.warningText,
    )


def _order_type(word: str) -> OrderType | str:
    return FIRST_VERSION_TYPES.get(word, word)


def fill_of(names: Names, contract: Contract, execution: Execution, fee: Decimal | None) -> Fill:
    """An execution."""
    return Fill(
        exec_id=execution.execId,
        ref=execution.orderRef,
        perm_id=execution.permId,
        instrument=names.symbol(contract),
        side=Side.BUY if execution.side == "BOT" else Side.SELL,
        quantity=number(execution.shares),
        price=number(execution.price),
        time=execution.time,
        account=execution.acctNumber,
        fee=fee,
    )


def position_of(names: Names, held: IbPosition) -> Position:
    """A holding; the venue's cost per unit includes the multiplier, our average price does not."""
    symbol = names.symbol(held.contract)
    return Position(
        account=held.account,
        instrument=symbol,
        quantity=number(held.position),
        average_price=number(held.avgCost) / names.multiplier(symbol),
    )

"""``ib_async`` with a tap on the wire: what the gateway really said, before the library draws conclusions from it.

The library drops what it cannot match (a status without a known trade, a live execution of an earlier session), changes
states on errors that are none, and only logs a message that it cannot read. Money needs the messages themselves.
"""

from __future__ import annotations

import math
import sys
from typing import Any, Protocol

from ib_async import IB
from ib_async.client import Client
from ib_async.contract import Contract
from ib_async.decoder import Decoder
from ib_async.objects import CommissionReport, Execution, IBDefaults
from ib_async.order import Order, OrderState
from ib_async.wrapper import Wrapper

from tradewright.model.errors import TradewrightError

UNREADABLE = (
    *(ValueError, KeyError, IndexError, TypeError, ArithmeticError, AttributeError, StopIteration, TradewrightError),
)


class Listener(Protocol):
    """Who wants to know what came over the wire."""

    def on_open_order(self, order: Order, contract: Contract, state: OrderState) -> None:
        """5: an order in full."""
        ...

    def on_order_status(self, order_id: int, status: str, filled: float, perm_id: int, client_id: int) -> None:
        """3: the state of an order."""
        ...

    def on_completed_order(self, order: Order, contract: Contract, state: OrderState) -> None:
        """101: an order that has ended."""
        ...

    def on_execution(self, request: int, contract: Contract, execution: Execution) -> None:
        """11: an execution; ``request`` is -1 for a live one."""
        ...

    def on_commission(self, report: CommissionReport) -> None:
        """59: what an execution cost."""
        ...

    def on_error(self, request: int, code: int, text: str) -> None:
        """4: an error, a warning or a notice."""
        ...

    def on_unreadable(self, fields: list[str], problem: BaseException | None) -> None:
        """A message that could not be read."""
        ...

    def on_closed(self) -> None:
        """The peer ended the connection."""
        ...


class TappedWrapper(Wrapper):
    """The library's wrapper; it tells the listener first."""

    def __init__(self, ib: IB, listener: Listener) -> None:
        super().__init__(ib, defaults=IBDefaults(emptyPrice=math.nan))
        self._listener = listener

    def openOrder(self, orderId: int, contract: Contract, order: Order, orderState: OrderState) -> None:  # noqa: N802, N803
        """5."""
        self._listener.on_open_order(order, contract, orderState)
        super().openOrder(orderId, contract, order, orderState)

    def orderStatus(self, orderId: int, status: str, filled: float, *rest: Any) -> None:  # noqa: N802, N803
        """3."""
        _remaining, _average, perm_id, _parent, _last, client_id, *_ = rest
        self._listener.on_order_status(orderId, status, filled, perm_id, client_id)
        super().orderStatus(orderId, status, filled, *rest)

    def completedOrder(self, contract: Contract, order: Order, orderState: OrderState) -> None:  # noqa: N802, N803
        """101."""
        self._listener.on_completed_order(order, contract, orderState)
        super().completedOrder(contract, order, orderState)

    def execDetails(self, reqId: int, contract: Contract, execution: Execution) -> None:  # noqa: N802, N803
        """11."""
        self._listener.on_execution(reqId, contract, execution)
        super().execDetails(reqId, contract, execution)

    def commissionReport(self, commissionReport: CommissionReport) -> None:  # noqa: N802, N803
        """59."""
        self._listener.on_commission(commissionReport)
        super().commissionReport(commissionReport)

    def error(self, reqId: int, errorCode: int, errorString: str, advancedOrderRejectJson: str) -> None:  # noqa: N803
        """4."""
        self._listener.on_error(reqId, errorCode, errorString)
        super().error(reqId, errorCode, errorString, advancedOrderRejectJson)

    def connectionClosed(self) -> None:  # noqa: N802
        """The peer went."""
        super().connectionClosed()  # type: ignore[no-untyped-call]
        self._listener.on_closed()


class StrictDecoder(Decoder):
    """The library's decoder, but a message that it cannot read is told, not only logged."""

    def __init__(self, wrapper: TappedWrapper, listener: Listener) -> None:
        super().__init__(wrapper, 0)
        self._listener = listener

    def interpret(self, fields: list[str]) -> None:
        """Decode one message."""
        read = False
        try:
            self.handlers[int(fields[0])](fields)
            read = True
        except UNREADABLE as problem:
            read = True
            self._listener.on_unreadable(fields, problem)
        finally:
            if not read:  # the library's event loop would log it and go on
                self._listener.on_unreadable(fields, sys.exc_info()[1])


class TappedClient(Client):
    """The library's client; its throttle queue can be counted."""

    def __init__(self, wrapper: TappedWrapper, listener: Listener) -> None:
        super().__init__(wrapper)  # type: ignore[no-untyped-call]
        self.decoder = StrictDecoder(wrapper, listener)

    def pending(self) -> int:
        """Messages that wait because of the library's own limit; a disconnect would lose them."""
        return len(self._msgQ)


class TappedIB(IB):
    """``IB`` on a tapped wrapper and client. One object serves one connection."""

    RaiseRequestErrors = True

    def __init__(self, listener: Listener) -> None:
        super().__init__()
        self.wrapper: TappedWrapper = TappedWrapper(self, listener)
        self.client: TappedClient = TappedClient(self.wrapper, listener)
        self.client.apiEnd += self.disconnectedEvent

    def _onError(self, *_notice: object) -> None:  # noqa: N802
        """The library asks for an account summary after each 1102, and the third such request is refused: not here."""

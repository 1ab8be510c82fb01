"""Reading message 3: the order, and everything in it that the simulated venue does not do."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from brokers.ibkr.gateway.listings import Described
from tradewright.model.order import LimitOrder, MarketOrder, OrderKind, OrderTerms, Side, StopOrder, TimeInForce


class Unsupported(Exception):
    """An order that the venue cannot take; ``code`` and text are the gateway's answer."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text


class Placement(NamedTuple):
    """An order as it was read, before its contract is known."""

    order_id: int
    contract: Described
    action: str
    quantity: str
    order_type: str
    limit_price: str
    stop_price: str
    tif: str
    account: str
    ref: str
    what_if: bool

    def terms(self, instrument: str) -> OrderTerms:
        """The order in our words.

        Raises:
            Unsupported: for an action, a type, a number or a time in force that the venue does not know.
        """
        try:
            tif = TimeInForce(self.tif or "DAY")
            if tif not in (TimeInForce.DAY, TimeInForce.GTC):
                raise ValueError(f"time in force {tif}")
            return OrderTerms(
                instrument=instrument,
                side=Side(self.action),
                quantity=Decimal(self.quantity),
                order=self._kind(),
                tif=tif,
            )
        except (ValueError, InvalidOperation) as problem:
            raise Unsupported(321, f"Error validating request: {problem}") from problem

    def _kind(self) -> OrderKind:
        match self.order_type:
            case "MKT":
                return MarketOrder()
            case "LMT":
                return LimitOrder(limit_price=Decimal(self.limit_price))
            case "STP":
                return StopOrder(stop_price=Decimal(self.stop_price))
        raise ValueError(f"order type {self.order_type!r}")


def read_placement(version: int, order_id: int, fields: Iterator[str]) -> Placement:
    """Read message 3 after its order id, in the field order of ``version``.

    Raises:
        Unsupported: for combinations, hedges, algorithms, scales and volatility orders.
        WireError: when fields are missing.
    """
    contract = Described.read(fields)
    _skip(fields, 2)  # identifier type and identifier
    action, quantity, order_type, limit_price, stop_price, tif = (next(fields) for _ in range(6))
    _skip(fields, 1)  # cancellation group
    account = next(fields)
    _skip(fields, 2)  # open or close, origin
    ref = next(fields)
    _skip(fields, 8)  # from transmit to hidden
    if contract.sec_type == "BAG":
        raise Unsupported(321, "Error validating request: combinations are not simulated.")
    # shares allocation to faPercentage, faProfile below 177, modelCode to volatilityType
    _skip(fields, 7 + (version < 177) + 22)
    _refuse_if_set(next(fields), "delta neutral orders")
    _skip(fields, 7)  # deltaNeutralAuxPrice to scaleSubsLevelSize
    _refuse_if_set(next(fields), "scale orders")
    _skip(fields, 3)  # scaleTable, activeStartTime, activeStopTime
    _refuse_if_set(next(fields), "hedges")
    _skip(fields, 4)  # optOutSmartRouting, clearingAccount, clearingIntent, notHeld
    _refuse_if_set(next(fields).replace("0", ""), "delta neutral contracts")
    _refuse_if_set(next(fields), "algorithms")
    _skip(fields, 1)  # algoId
    what_if = next(fields) == "1"
    return Placement(
        order_id, contract, action, quantity, order_type, limit_price, stop_price, tif, account, ref, what_if
    )


def _skip(fields: Iterator[str], count: int) -> None:
    for _ in range(count):
        next(fields)


def _refuse_if_set(value: str, what: str) -> None:
    if value:
        raise Unsupported(321, f"Error validating request: {what} are not simulated.")

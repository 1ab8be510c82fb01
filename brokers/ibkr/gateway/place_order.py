"""Reading message 3: the order, and everything in it that the simulated venue does not do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from brokers.ibkr.gateway.listings import Described
from brokers.ibkr.gateway.wire import UNSET_DOUBLE
from brokers.ibkr.order_types import KINDS, ON_OPEN
from tradewright.model.order import OrderTerms, OrderType, Side

CRYPTO, MINUTES, FIVE_MINUTES = "CRYPTO", "Minutes", timedelta(minutes=5)


class Unsupported(Exception):
    """An order that the venue cannot take; ``code`` and text are the gateway's answer."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text


class Placement(NamedTuple):
    """An order as it was read, before its contract is known. Texts are those of the wire."""

    order_id: int
    contract: Described
    action: str
    quantity: str
    order_type: str
    limit_price: str
    aux_price: str
    tif: str
    oca_group: str
    account: str
    ref: str
    transmit: bool
    parent_id: int
    good_till: str
    oca_type: int
    trail_stop: str
    trail_percent: str
    what_if: bool
    cash: str

    def terms(self, instrument: str, now: datetime) -> OrderTerms:
        """The order in our words, taken at ``now``: one of the life ``Minutes`` ends five minutes later.

        Raises:
            Unsupported: for an action, a type, a number or a time in force that the venue does not know.
        """
        try:
            on_open = self.tif == ON_OPEN and self.order_type == "MKT"
            tif = "DAY" if on_open else self.tif or "DAY"
            good_till = _moment(self.good_till) if tif == "GTD" else None
            if tif == MINUTES and self.contract.sec_type == CRYPTO:
                tif, good_till = "GTD", now + FIVE_MINUTES
            terms: dict[str, object] = {
                "instrument": instrument,
                "side": Side(self.action),
                "quantity": Decimal(self.quantity),
                "order": self._kind(on_open),
                "tif": tif,
                "good_till": good_till,
            }
            return OrderTerms.model_validate(terms)
        except (ValueError, InvalidOperation) as problem:
            raise Unsupported(321, f"Error validating request: {problem}") from problem

    def crypto_refusal(self) -> tuple[int, str]:
        """The venue's objection to a form for crypto, code and text; 0 without one.

        The codes are those of public reports of orders on paper accounts.
        """
        if self.contract.sec_type != CRYPTO:
            return 0, ""
        if self.order_type == "MKT" and self.tif != "IOC":
            return 201, "Order rejected - reason:The crypto MKT order must be IOC"
        if self.order_type == "MKT" and self.action == "BUY":
            has_cash, has_size = _given(self.cash), _given(self.quantity)
            if not has_cash:
                return 10289, "You must set Cash Quantity for this order."
            return (10293, "Cash Quantity order cannot specify size.") if has_size else (0, "")
        if self.order_type == "LMT" and self.tif not in (MINUTES, "IOC"):
            return 201, "Order rejected - reason:The time in force of a crypto order must be Minutes or IOC"
        if self.order_type not in ("MKT", "LMT"):
            return 387, "Unsupported order type for this exchange and security type."
        return 0, ""

    def of_units(self, units: Decimal) -> Placement:
        """An order for a cash amount as one for the units that the amount buys."""
        return self._replace(quantity=f"{units:f}")

    @property
    def cash_amount(self) -> Decimal | None:
        """The amount of cash that the order names instead of a quantity; None where it names none."""
        return _given(self.cash) or None

    def _kind(self, on_open: bool) -> dict[str, object]:
        if self.order_type not in KINDS:
            raise ValueError(f"order type {self.order_type!r}")
        kind = OrderType.MARKET_ON_OPEN if on_open else KINDS[self.order_type]
        prices: dict[str, object] = {}
        if kind in (OrderType.LIMIT, OrderType.STOP_LIMIT):
            prices["limit_price"] = Decimal(self.limit_price)
        if kind in (OrderType.STOP, OrderType.STOP_LIMIT):
            prices["stop_price"] = Decimal(self.aux_price)
        if kind is OrderType.TRAILING_STOP:
            prices["amount"], prices["percent"] = _given(self.aux_price), _given(self.trail_percent)
            prices["stop_price"] = _given(self.trail_stop)
        return {"kind": kind, **prices}


def _given(text: str) -> Decimal | None:
    """A price field; None where it is empty or unset."""
    value = Decimal(text) if text else None
    return None if value is None or value == Decimal(UNSET_DOUBLE) else value


def _moment(text: str) -> datetime:
    """``YYYYMMDD HH:MM:SS UTC``, with a dash or a blank between date and time."""
    return datetime.strptime(text.replace("-", " "), "%Y%m%d %H:%M:%S UTC").replace(tzinfo=UTC)


def read_placement(version: int, order_id: int, fields: Iterator[str]) -> Placement:
    """Read message 3 after its order id, in the field order of ``version``.

    Raises:
        Unsupported: for combinations, hedges, algorithms, scales, conditions and volatility orders.
        WireError: when fields are missing.
    """
    contract = Described.read(fields)
    _skip(fields, 2)  # identifier type and identifier
    action, quantity, order_type, limit_price, aux_price, tif, oca_group, account = (next(fields) for _ in range(8))
    _skip(fields, 2)  # open or close, origin
    ref, transmit, parent_id = next(fields), next(fields) == "1", int(next(fields) or 0)
    _skip(fields, 6)  # from blockOrder to hidden
    if contract.sec_type == "BAG":
        raise Unsupported(321, "Error validating request: combinations are not simulated.")
    _skip(fields, 3)  # shares allocation, discretionaryAmt, goodAfterTime
    good_till = next(fields)
    # faGroup to faPercentage, faProfile below 177, modelCode to exemptCode
    _skip(fields, 3 + (version < 177) + 4)
    oca_type = int(next(fields) or 0)
    _skip(fields, 17)  # rule80A to volatilityType
    _refuse_if_set(next(fields), "delta neutral orders")
    _skip(fields, 3)  # deltaNeutralAuxPrice, continuousUpdate, referencePriceType
    trail_stop, trail_percent = next(fields), next(fields)
    _skip(fields, 2)  # scaleInitLevelSize, scaleSubsLevelSize
    _refuse_if_set(next(fields), "scale orders")
    _skip(fields, 3)  # scaleTable, activeStartTime, activeStopTime
    _refuse_if_set(next(fields), "hedges")
    _skip(fields, 4)  # optOutSmartRouting, clearingAccount, clearingIntent, notHeld
    _refuse_if_set(next(fields).replace("0", ""), "delta neutral contracts")
    _refuse_if_set(next(fields), "algorithms")
    _skip(fields, 1)  # algoId
    what_if = next(fields) == "1"
    _skip(fields, 4)  # orderMiscOptions, solicited, randomizeSize, randomizePrice
    _refuse_if_set(next(fields).replace("0", ""), "conditions")
    _skip(fields, 10)  # adjustedOrderType to softDollarTier
    cash = next(fields)
    return Placement(
        order_id=order_id,
        contract=contract,
        action=action,
        quantity=quantity,
        order_type=order_type,
        limit_price=limit_price,
        aux_price=aux_price,
        tif=tif,
        oca_group=oca_group,
        account=account,
        ref=ref,
        transmit=transmit,
        parent_id=parent_id,
        good_till=good_till,
        oca_type=oca_type,
        trail_stop=trail_stop,
        trail_percent=trail_percent,
        what_if=what_if,
        cash=cash,
    )


def _skip(fields: Iterator[str], count: int) -> None:
    for _ in range(count):
        next(fields)


def _refuse_if_set(value: str, what: str) -> None:
    if value:
        raise Unsupported(321, f"Error validating request: {what} are not simulated.")

"""The commands of the control port: move prices, inject faults, look inside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from brokers.ibkr.gateway import messages
from brokers.ibkr.gateway.faults import Drop, Faults, Objection
from brokers.sim.matching import Prices
from brokers.sim.state import BookOrder
from tradewright.model.order import AUCTIONS, OrderTerms, OrderType

if TYPE_CHECKING:
    from brokers.ibkr.gateway.hub import GatewayState

Command = Callable[..., dict[str, object] | None]
Numeric = str | int | float | Decimal


def quote(
    hub: GatewayState, symbol: str, bid: Numeric | None = None, ask: Numeric | None = None, last: Numeric | None = None
) -> None:
    """Set the prices of an instrument. A last price alone brings a quote around it, as wide as the default spread."""
    told = [None if price is None else _number(price) for price in (bid, ask, last)]
    prices = Prices(told[0], told[1], told[2], hub.clock.now())
    if prices.bid is None and prices.ask is None and prices.last is not None:
        instrument = hub.venue.instrument(symbol)
        half = prices.last * Decimal(repr(instrument.default_spread_bps)) / 20_000
        bid_price, ask_price = instrument.round_price(prices.last - half), instrument.round_price(prices.last + half)
        prices = prices._replace(bid=bid_price, ask=ask_price)
    hub.quote(symbol, prices)


def close_market(hub: GatewayState, symbol: str) -> None:
    """Take the quote away; the last price stays. Orders rest until there is a quote again."""
    known = hub.venue.prices.get(symbol)
    hub.quote(symbol, Prices(None, None, known.last if known else None, hub.clock.now()))


def bar(hub: GatewayState, symbol: str, open: Numeric, high: Numeric, low: Numeric, close: Numeric) -> None:  # noqa: A002
    """Let a bar pass."""
    hub.venue.bar(symbol, *(_number(price) for price in (open, high, low, close)))


def auction(hub: GatewayState, symbol: str, price: Numeric, kind: str = "MARKET_ON_CLOSE") -> None:
    """Hold an opening or a closing auction (``MARKET_ON_OPEN``, ``MARKET_ON_CLOSE``)."""
    if OrderType(kind) not in AUCTIONS:
        raise ValueError(f"{kind} is no kind of order for an auction")
    hub.venue.auction(symbol, OrderType(kind), _number(price))


def end_of_day(hub: GatewayState) -> None:
    """Let DAY orders expire."""
    hub.venue.end_of_day()


def drop(hub: GatewayState, when: str = "now") -> None:
    """Break all connections now, or around the next order (``before_order``, ``after_order``, ``after_ack``)."""
    if when != "now":
        hub.faults.drop = Drop(when)
        return
    for session in list(hub.sessions.values()):
        session.abort()


def swallow(hub: GatewayState, message: int, count: int = 1) -> None:
    """Ignore the next incoming messages of a number (3 = orders)."""
    hub.faults.swallow[message] += count


def omit(hub: GatewayState, message: int, count: int = 1) -> None:
    """Do not send the next outgoing messages of a number (53, 55, 62, 102 = End markers)."""
    hub.faults.omit[message] += count


def object_to_order(hub: GatewayState, code: int, text: str = "", taken: bool = False) -> None:
    """Answer the next order with an error; with ``taken`` it lives on none the less."""
    hub.faults.objections.append(Objection(code, text or f"error {code}", taken))


def partial_fills(hub: GatewayState, quantities: Sequence[Numeric]) -> None:
    """Limit the coming executions to these quantities; the rest of an order waits for the next price."""
    limits = [_number(quantity) for quantity in quantities]
    if any(limit <= 0 for limit in limits):
        raise ValueError(f"not all of {quantities} are positive")
    hub.venue.partial_fills.extend(limits)


def switch(hub: GatewayState, fault: str, on: bool = True) -> None:
    """Switch ``duplicate_executions``, ``hold_executions``, ``silent_status`` or ``market_data``."""
    if fault not in ("duplicate_executions", "hold_executions", "silent_status", "market_data"):
        raise ValueError(f"{fault!r} is not a switch")
    setattr(hub.faults, fault, on)


def release(hub: GatewayState) -> None:
    """Send the executions that were held back."""
    hub.release()


def execute(hub: GatewayState, ref: str, quantity: Numeric, price: Numeric) -> dict[str, object]:
    """Execute an order whatever its state, as a venue may."""
    execution = hub.venue.execute(_order(hub, ref).perm_id, _number(quantity), _number(price))
    return {"exec_id": execution.exec_id}


def replay(hub: GatewayState) -> None:
    """Send every execution of the day again to the client that it belongs to."""
    for execution in hub.venue.state.executions:
        session = hub.sessions.get(execution.order.client_id)
        if session is not None:
            hub.report_execution(session, -1, execution)


def correct(hub: GatewayState, exec_id: str, price: Numeric) -> dict[str, object]:
    """Correct an execution's price under the next correction number."""
    return {"exec_id": hub.venue.correct(exec_id, _number(price)).exec_id}


def restart(hub: GatewayState, next_order_id: int = 1) -> None:
    """Break all connections and hand out order ids from ``next_order_id`` again, as after a lost settings file."""
    drop(hub)
    hub.venue.reset_order_ids(next_order_id)


def hide(hub: GatewayState, ref: str) -> None:
    """Show an order in no query and no event."""
    hub.faults.hidden.add(ref)


def show(hub: GatewayState, ref: str) -> None:
    """Show a hidden order again."""
    hub.faults.hidden.discard(ref)


def delay(hub: GatewayState, seconds: float) -> None:
    """Wait before each outgoing message."""
    hub.faults.delay = seconds


def freeze(hub: GatewayState) -> None:
    """Hang: connections stay open, nothing is read or sent."""
    hub.faults.running.clear()


def unfreeze(hub: GatewayState) -> None:
    """Go on."""
    hub.faults.running.set()


def refuse_client(hub: GatewayState, client_id: int, seconds: float) -> None:
    """Answer a client id with 326 for some seconds of the gateway's clock."""
    hub.faults.refused_clients[client_id] = hub.clock.monotonic() + seconds


def manual_order(hub: GatewayState, terms: dict[str, object], account: str = "") -> dict[str, object]:
    """An order entered by hand: order id 0, client 0, no reference."""
    order = hub.venue.place(OrderTerms.model_validate(terms), account or hub.accounts[0], "", 0, 0)
    return {"perm_id": order.perm_id}


def twin(hub: GatewayState, ref: str) -> dict[str, object]:
    """A second live order under the reference of the first, as a modification on a broken link can leave."""
    order = _order(hub, ref)
    copy = hub.venue.place(order.terms, order.account, ref, order.order_id, order.client_id)
    return {"perm_id": copy.perm_id}


def shift_position(hub: GatewayState, symbol: str, by: Numeric, account: str = "") -> None:
    """Change a holding without an order."""
    hub.venue.shift_position(account or hub.accounts[0], symbol, _number(by))


def notice(hub: GatewayState, code: int, text: str = "") -> None:
    """Send a notice to everybody (1100, 1101, 1102, 2103 ...)."""
    for session in hub.sessions.values():
        session.error(-1, code, text or f"notice {code}")


def order_error(hub: GatewayState, ref: str, code: int, text: str = "") -> None:
    """Send an error about an order, whose state stays as it is."""
    order = _order(hub, ref)
    hub.sessions[order.client_id].error(order.order_id, code, text or f"error {code}")


def order_status(hub: GatewayState, ref: str, status: str) -> None:
    """Send a state of an order that need not be true."""
    order = _order(hub, ref)
    hub.sessions[order.client_id].send(messages.order_status(order, status))


def skew(hub: GatewayState, seconds: float) -> None:
    """Tell a wrong time."""
    hub.faults.clock_skew = seconds


def heal(hub: GatewayState) -> None:
    """End all faults."""
    unfreeze(hub)
    hub.faults = Faults()


def status(hub: GatewayState) -> dict[str, object]:
    """Orders, executions, accounts and connected clients as the venue has them."""
    state = hub.venue.state
    return {
        "orders": [order.model_dump(mode="json") for order in state.orders.values()],
        "executions": [execution.model_dump(mode="json") for execution in state.executions],
        "accounts": {name: book.model_dump(mode="json") for name, book in state.accounts.items()},
        "clients": sorted(hub.sessions),
    }


def journal(hub: GatewayState, message: int | None = None) -> dict[str, object]:
    """Every message received, or those of one number: connection, client, fields, bytes."""
    found = [item for item in hub.journal if message is None or item.fields[0] == str(message)]
    return {
        "messages": [
            {
                "connection": item.connection,
                "client_id": item.client_id,
                "fields": list(item.fields),
                "bytes": item.body.hex(),
            }
            for item in found
        ]
    }


def _number(value: Numeric) -> Decimal:
    number = Decimal(str(value))
    if not number.is_finite():
        raise ValueError(f"{value} is no finite number")
    return number


def _order(hub: GatewayState, ref: str) -> BookOrder:
    """The newest order under a reference."""
    orders = [order for order in hub.venue.state.orders.values() if order.ref == ref]
    if not orders:
        raise ValueError(f"no order has the reference {ref!r}")
    return orders[-1]


_ALL: tuple[Command, ...] = (
    *(
        quote,
        close_market,
        bar,
        auction,
        end_of_day,
        drop,
        swallow,
        omit,
        object_to_order,
        partial_fills,
        switch,
        release,
    ),
    *(execute, replay, correct, restart, hide, show, delay, freeze, unfreeze, refuse_client, manual_order, twin),
    *(shift_position, notice, order_error, order_status, skew, heal, status, journal),
)
COMMANDS: dict[str, Command] = {command.__name__: command for command in _ALL}

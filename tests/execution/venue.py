"""A scripted venue that lives in a file, so that it survives the sender's death.

Its state is one JSON document in an SQLite file. ``FileVenue`` is the venue and the hand that moves it; ``FileBroker``
is the broker port over it. Faults are put in by name and happen to the next message that they fit.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from tradewright.model.approved import ApprovedOrder
from tradewright.model.broker import (
    AccountState,
    BrokerCapabilities,
    BrokerEvent,
    BrokerEventKind,
    BrokerSnapshot,
    EventSink,
    Quote,
    VenueOrder,
    VenueStatus,
)
from tradewright.model.clock import Clock, SystemClock
from tradewright.model.errors import BrokerError, NotApproved, OrderNotAccepted
from tradewright.model.instrument import AssetClass
from tradewright.model.order import (
    Fill,
    Leg,
    OrderTerms,
    OrderType,
    Position,
    Side,
    TimeInForce,
    TrailingStopOrder,
)

ACCOUNT = "DU100"
ZONE = ZoneInfo("America/New_York")
LISTS = ("open_orders", "completed_orders", "fills", "positions")
ENDED = ("FILLED", "CANCELLED", "REJECTED")
EMPTY: dict[str, Any] = {
    "orders": [], "fills": [], "placed": [], "cancels": [], "faults": [], "opening": {}, "hidden": {},
    "session": 0, "next_order_id": 1, "next_perm_id": 9001, "next_exec": 1, "mode": "fill", "skew": 0.0,
}  # fmt: skip


class FileVenue:
    """The venue itself.

    ``mode`` says what happens to an accepted order: ``fill`` at once, or ``rest`` until ``fill`` is called.

    The answers of a snapshot are given one after the other: ``before`` is called ahead of each list, with its name.
    ``lagging`` is what the list of positions shows while it lags behind; ``held`` gathers messages instead of sending
    them, until they are released.
    """

    def __init__(self, path: str | Path, clock: Clock | None = None) -> None:
        self.path, self.clock = str(path), clock or SystemClock()
        self.sinks: list[FileBroker] = []
        self.before: Callable[[str], None] | None = None
        self.lagging: dict[str, Decimal] | None = None
        self.held: list[BrokerEvent] | None = None
        with self._connect() as db:
            db.execute("CREATE TABLE IF NOT EXISTS venue (id INTEGER PRIMARY KEY, state TEXT)")
            db.execute("INSERT OR IGNORE INTO venue VALUES (1, ?)", (json.dumps(EMPTY),))

    @contextmanager
    def _connect(self) -> Iterator[sqlite3.Connection]:
        db = sqlite3.connect(self.path, timeout=20, isolation_level=None)
        try:
            yield db
        finally:
            db.close()

    @contextmanager
    def change(self) -> Iterator[dict[str, Any]]:
        """The state, written back at the end of the block."""
        with self._connect() as db:
            db.execute("PRAGMA synchronous=OFF")
            db.execute("BEGIN IMMEDIATE")
            state = json.loads(db.execute("SELECT state FROM venue").fetchone()[0])
            yield state
            db.execute("UPDATE venue SET state = ?", (json.dumps(state),))
            db.execute("COMMIT")

    @property
    def state(self) -> dict[str, Any]:
        """The state, to look at."""
        with self._connect() as db:
            return dict(json.loads(db.execute("SELECT state FROM venue").fetchone()[0]))

    def set(self, **values: Any) -> None:
        """Change plain values of the state."""
        with self.change() as state:
            state.update(values)

    def fault(self, name: str, times: int = 1) -> None:
        """Let a fault happen the next ``times`` times."""
        with self.change() as state:
            state["faults"] += [name] * times

    def now(self) -> datetime:
        """The venue's clock."""
        return self.clock.now() + timedelta(seconds=self.state["skew"])

    # what the venue holds ------------------------------------------------------------------------------------------

    def positions(self) -> dict[str, Decimal]:
        """What the account holds: the opening, and every execution, with a correction in the place of its original."""
        held = {name: Decimal(quantity) for name, quantity in self.state["opening"].items()}
        newest: dict[str, dict[str, Any]] = {}
        for fill in self.state["fills"]:
            newest[fill["exec_id"].rpartition(".")[0]] = fill
        for fill in newest.values():
            signed = Decimal(fill["quantity"]) * Side(fill["side"]).sign
            held[fill["instrument"]] = held.get(fill["instrument"], Decimal(0)) + signed
        return {name: quantity for name, quantity in held.items() if quantity}

    def order_of(self, ref: str) -> dict[str, Any]:
        """The newest order under a reference."""
        return [order for order in self.state["orders"] if order["ref"] == ref][-1]

    # what the world does -------------------------------------------------------------------------------------------

    def fill(self, ref: str, quantity: str | None = None, price: str = "100", *, tell: bool = True) -> str:
        """Fill (the rest of) an order and return the execution's id."""
        with self.change() as state:
            order = [order for order in state["orders"] if order["ref"] == ref][-1]
            fill = self._fill(state, order, Decimal(quantity) if quantity else None, price)
        if tell:
            self.tell(BrokerEventKind.FILL, fill=_fill(fill))
            self.tell_order(ref)
        return str(fill["exec_id"])

    def correct(self, exec_id: str, quantity: str, price: str = "100") -> None:
        """Correct an execution: the same base id with the next number."""
        with self.change() as state:
            original = next(fill for fill in state["fills"] if fill["exec_id"] == exec_id)
            base, _, number = exec_id.rpartition(".")
            fill = original | {"exec_id": f"{base}.{int(number) + 1:02d}", "quantity": quantity, "price": price}
            state["fills"].append(fill)
        self.tell(BrokerEventKind.FILL, fill=_fill(fill))

    def end(self, ref: str, status: VenueStatus = VenueStatus.CANCELLED, *, tell: bool = True) -> None:
        """End an order at the venue."""
        with self.change() as state:
            order = [order for order in state["orders"] if order["ref"] == ref][-1]
            order["status"], order["time"] = status.value, self.now().isoformat()
            _end_legs(state, order)
        if tell:
            self.tell_order(ref)

    def external(
        self,
        instrument: str = "AAPL",
        quantity: str = "5",
        *,
        filled: bool = False,
        ref: str = "",
        side: Side = Side.BUY,
    ) -> None:
        """Somebody trades by hand in the same account."""
        with self.change() as state:
            order = self._new(state, ref, 0, instrument, side, Decimal(quantity), 99)
            fill = self._fill(state, order, None, "100") if filled else None
        if fill:
            self.tell(BrokerEventKind.FILL, fill=_fill(fill))
        self.tell(BrokerEventKind.ORDER, order=_order(order))

    def hide(self, ref: str, snapshots: int) -> None:
        """Leave an order and its fills out of the next snapshots."""
        with self.change() as state:
            state["hidden"][ref] = snapshots

    def alter(self, ref: str, **fields: str | None) -> None:
        """Change what the venue tells of an order, as a moving market or a person does; None takes a field away."""
        with self.change() as state:
            (order,) = (row for row in state["orders"] if row["ref"] == ref)
            for name, value in fields.items():
                order.pop(name, None) if value is None else order.update({name: value})

    def restart(self, next_order_id: int = 1) -> None:
        """The gateway restarts: the link breaks and order ids begin anew, lower than before (fault 5)."""
        self.set(next_order_id=next_order_id)
        self.cut()

    def cut(self) -> None:
        """Break every connection; what is under way is lost."""
        for sink in list(self.sinks):
            sink.drop()

    def tell(self, kind: BrokerEventKind, **fields: Any) -> None:
        """Send a message to whoever is connected."""
        event = BrokerEvent(kind=kind, at=self.now(), **fields)
        if self.held is not None:
            self.held.append(event)
            return
        for sink in self.sinks:
            sink.queue(event)

    def release(self, most: int | None = None) -> None:
        """Deliver the oldest held messages at once, all of them without a number."""
        held = self.held or []
        self.held, now = held[len(held) if most is None else most :], held[:most]
        for event in now:
            for sink in self.sinks:
                sink.deliver(event)

    def tell_order(self, ref: str, status: VenueStatus | None = None) -> None:
        """Report an order's state, or a false one."""
        order = _order(self.order_of(ref))
        self.tell(BrokerEventKind.ORDER, order=order.model_copy(update={"status": status}) if status else order)

    # what a broker asks --------------------------------------------------------------------------------------------

    def take(self, order: ApprovedOrder, ref: str, order_id: int) -> tuple[str, dict[str, Any] | None]:
        """The message that places an order has arrived; the fault that befell it, and the order if there is one."""
        with self.change() as state:
            state["placed"].append(ref)
            fault = _pop(state, ("swallow", "drop_before", "drop_after", "silent", "reject", "refuse", "partial",
                                 "late", "false_cancel", "twice", "duplicate", "noise"))  # fmt: skip
            if fault in ("swallow", "drop_before"):
                return fault, None
            terms = order.terms
            new = self._new(state, ref, order_id, terms.instrument, terms.side, terms.quantity, 1)
            new |= _said(terms)
            if fault == "twice":
                self._new(state, ref, order_id, terms.instrument, terms.side, terms.quantity, 1)
            if fault in ("reject", "refuse"):
                new |= {"status": "REJECTED", "text": "201 not allowed"}
            elif fault == "partial":
                self._fill(state, new, terms.quantity / 2, "100")
            elif state["mode"] == "fill" and fault not in ("late", "false_cancel", "twice"):
                self._fill(state, new, None, "100")
            return fault, new

    def take_leg(self, leg: Leg, terms: OrderTerms, ref: str, order_id: int, entry: str, *, last: bool) -> None:
        """The message of one leg of a group has arrived; the last one lets the venue work them all."""
        with self.change() as state:
            state["placed"].append(ref)
            new = self._new(state, ref, order_id, terms.instrument, terms.side, terms.quantity, 1)
            new |= _said(terms) | {"parent_ref": "" if leg is Leg.ENTRY else entry, "held_back": True}
            if not last:
                return
            group = [order for order in state["orders"] if entry in (order["ref"], order.get("parent_ref"))]
            for order in group:
                order["held_back"] = False
            if state["mode"] == "fill":
                self._fill(state, group[0], None, "100")

    def since(self, whole: BrokerSnapshot, since: str) -> BrokerSnapshot:
        """A snapshot without the finished orders that were told before a session, and are the same since."""
        told = {_identity(row): row for row in (*whole.completed_orders, *whole.fills)}
        with self.change() as state:
            before, now = state.setdefault("told", {}), state["session"]
            first = {row: before.setdefault(text, now) for row, text in _texts(told)}
        _, _, number = since.rpartition("-")
        if not number.isdecimal() or int(number) > now:
            return whole
        news = {row.perm_id for key, row in told.items() if first[key] >= int(number)}
        orders = tuple(row for row in whole.completed_orders if row.perm_id in news)
        fills = tuple(row for row in whole.fills if row.perm_id in news | {each.perm_id for each in whole.open_orders})
        return whole.model_copy(update={"since": since, "completed_orders": orders, "fills": fills})

    def snapshot(self) -> BrokerSnapshot:
        """Everything of today, but for what is hidden."""
        with self.change() as state:
            if _pop(state, ("fail_snapshot",)):
                state["failed"] = True
            hidden = {ref for ref, left in state["hidden"].items() if left > 0}
            state["hidden"] = {ref: left - 1 for ref, left in state["hidden"].items() if left > 1}
            failed = state.pop("failed", False)
        if failed:
            raise BrokerError("the list of open orders broke off before its end", where="venue")
        lists: dict[str, Any] = {}
        for name in LISTS:
            if self.before is not None:
                self.before(name)
                state = self.state
            lists[name] = self._listed(name, state, hidden)
        return BrokerSnapshot(taken_at=self.now(), **lists)

    def _listed(self, name: str, state: dict[str, Any], hidden: set[str]) -> tuple[Any, ...]:
        """The answer to one question of a snapshot."""
        today = self.now().astimezone(ZONE).date()
        orders = [order for order in state["orders"] if order["ref"] not in hidden]
        if name == "open_orders":
            return tuple(_order(order) for order in orders if order["status"] not in ENDED)
        if name == "completed_orders":
            worked = [row for row in orders if not row.get("held_back")]  # what was never worked is forgotten
            done = [row for row in worked if row["status"] in ENDED and _day(row["time"]) == today]
            return tuple(_order(order | {"order_id": None, "client_id": None}) for order in done)
        if name == "fills":
            fills = [fill for fill in state["fills"] if _day(fill["time"]) == today]
            return tuple(_fill(fill) for fill in fills if fill["ref"] not in hidden or not fill["ref"])
        held = self.positions() if self.lagging is None else self.lagging
        return tuple(
            Position(account=ACCOUNT, instrument=symbol, quantity=quantity, average_price=Decimal(100))
            for symbol, quantity in held.items()
        )

    def _new(
        self,
        state: dict[str, Any],
        ref: str,
        order_id: int,
        instrument: str,
        side: Side,
        quantity: Decimal,
        client: int,
    ) -> dict[str, Any]:
        order = {
            "ref": ref, "perm_id": state["next_perm_id"], "order_id": order_id, "client_id": client,
            "instrument": instrument, "side": side.value, "quantity": str(quantity), "filled": "0",
            "status": "WORKING", "text": "", "time": self.now().isoformat(),
        }  # fmt: skip
        state["next_perm_id"] += 1
        state["orders"].append(order)
        return order

    def _fill(
        self, state: dict[str, Any], order: dict[str, Any], quantity: Decimal | None, price: str
    ) -> dict[str, Any]:
        left = Decimal(order["quantity"]) - Decimal(order["filled"])
        quantity = left if quantity is None else quantity
        number = state["next_exec"]
        state["next_exec"] += 1
        fill = {
            "exec_id": f"0000e.{number:06d}.01", "ref": order["ref"], "perm_id": order["perm_id"],
            "instrument": order["instrument"], "side": order["side"], "quantity": str(quantity), "price": price,
            "time": self.now().isoformat(),
        }  # fmt: skip
        order["filled"] = str(Decimal(order["filled"]) + quantity)
        if Decimal(order["filled"]) >= Decimal(order["quantity"]):
            order["status"] = "FILLED"
        state["fills"].append(fill)
        if parent := order.get("parent_ref"):
            for other in state["orders"]:
                if other.get("parent_ref") == parent and other is not order and other["status"] not in ENDED:
                    _reduce(other, Decimal(other["quantity"]) - quantity)
        return fill


class FileBroker:
    """The broker port over a ``FileVenue``; messages are delivered by the event loop, as over a wire."""

    venue = "file"
    capabilities = BrokerCapabilities(
        kinds=frozenset(OrderType),
        tifs=frozenset(TimeInForce),
        groups=frozenset({AssetClass.STOCK}),
        fractional=True,
        sessions=True,
    )

    def __init__(self, venue: FileVenue) -> None:
        self._venue, self.session, self.waiting = venue, "", 0
        self._sink: EventSink | None = None
        self._queue: list[BrokerEvent] = []
        self.asked: list[str] = []
        self.after_leg: Callable[[int], None] = lambda _number: None

    async def connect(self, sink: EventSink, *, complete: bool = True) -> None:
        with self._venue.change() as state:
            refused = _pop(state, ("refuse_connect", *(("fail_complete",) if complete else ())))
            state["session"] += 1
            self.session = f"file-{state['session']}"
        if refused:
            raise BrokerError("326: the client id is in use", where="venue")
        self._sink = sink
        self._venue.sinks.append(self)

    async def disconnect(self) -> None:
        self._leave()

    async def time(self) -> datetime:
        self._check()
        return self._venue.now()

    async def snapshot(self, since: str = "") -> BrokerSnapshot:
        self._check()
        await asyncio.sleep(0)
        self._deliver()
        found = self._venue.since(self._venue.snapshot(), since)
        self.asked.append(found.since)
        return found

    async def account(self) -> AccountState:
        self._check()
        return AccountState(account=ACCOUNT, equity=Decimal(100_000), cash=Decimal(100_000))

    async def quote(self, instrument: str) -> Quote:
        price = Decimal(100)
        return Quote.at(self._venue.now(), instrument, bid=price, ask=price, last=price)

    def next_order_id(self) -> int:
        with self._venue.change() as state:
            state["next_order_id"] += 1
            return int(state["next_order_id"]) - 1

    def pending_sends(self) -> int:
        return self.waiting

    async def check(self, order: ApprovedOrder) -> None:
        self._check()
        with self._venue.change() as state:
            fault = _pop(state, ("not_accepted",))
        if fault:
            raise OrderNotAccepted(f"{order.terms.instrument} is ambiguous", where="venue")

    async def place(self, order: ApprovedOrder, ref: str, order_id: int) -> None:
        self._check()
        if not isinstance(order, ApprovedOrder):
            raise NotApproved(f"{order!r} is no approved order")
        fault, new = self._venue.take(order, ref, order_id)
        if fault in ("drop_before", "drop_after"):
            self.drop()
            raise BrokerError("the connection was reset", where="venue")
        if new is None or fault == "silent":
            return
        self._answer(fault, new, ref, order_id)

    async def place_group(self, order: ApprovedOrder, refs: Mapping[Leg, str], order_ids: Mapping[Leg, int]) -> None:
        self._check()
        legs = order.legs()
        for number, (leg, terms) in enumerate(legs.items(), start=1):
            last = number == len(legs)
            self._venue.take_leg(leg, terms, refs[leg], order_ids[leg], refs[Leg.ENTRY], last=last)
            self.after_leg(number)
            with self._venue.change() as state:
                fault = _pop(state, (f"drop_after_leg_{number}",))
            if fault:
                self.drop()
                raise BrokerError("the connection was reset", where="venue")
        for ref in refs.values():
            self._venue.tell_order(ref)
        for fill in self._venue.state["fills"]:
            if fill["ref"] in refs.values():
                self._venue.tell(BrokerEventKind.FILL, fill=_fill(fill))

    def _answer(self, fault: str, new: dict[str, Any], ref: str, order_id: int) -> None:
        error = {
            "reject": (201, "not allowed"),
            "refuse": (103, "duplicate order id"),
            "noise": (399, "will be sent later"),
        }
        if fault in error:
            code, text = error[fault]
            self._venue.tell(BrokerEventKind.ERROR, order_id=order_id, code=code, text=text)
        if fault == "refuse":
            return
        fills = [_fill(fill) for fill in self._venue.state["fills"] if fill["ref"] == ref]
        self._venue.tell(BrokerEventKind.ORDER, order=_order(new | {"status": "WORKING"} if fault != "reject" else new))
        for fill in fills * (2 if fault == "duplicate" else 1):
            self._venue.tell(BrokerEventKind.FILL, fill=fill)
            self._venue.tell(BrokerEventKind.FEE, exec_id=fill.exec_id, fee=Decimal("1.00"))
        if fault == "false_cancel":
            self._venue.tell_order(ref, VenueStatus.CANCELLED)

    async def cancel(self, ref: str, order_id: int) -> None:
        self._check()
        with self._venue.change() as state:
            state["cancels"].append([ref, order_id])
            fault = _pop(state, ("cancel_silent", "cancel_unknown", "cancel_drop"))
            order = [order for order in state["orders"] if order["ref"] == ref][-1]
            if fault != "cancel_unknown" and fault != "cancel_silent" and order["status"] not in ENDED:
                order["status"] = "CANCELLED"
                _end_legs(state, order)
        if fault == "cancel_drop":
            self.drop()
            raise BrokerError("the connection was reset", where="venue")
        if fault == "cancel_unknown":
            self._venue.tell(BrokerEventKind.ERROR, order_id=order_id, code=10147, text="order id not found")
        elif fault != "cancel_silent":
            self._venue.tell_order(ref)

    async def cancel_all(self) -> None:
        with self._venue.change() as state:
            for order in state["orders"]:
                if order["status"] not in ENDED:
                    order["status"] = "CANCELLED"

    def queue(self, event: BrokerEvent) -> None:
        """A message is on its way."""
        self._queue.append(event)
        asyncio.get_running_loop().call_soon(self._deliver)

    def deliver(self, event: BrokerEvent) -> None:
        """A message has arrived."""
        if self._sink is not None:
            self._sink(event)

    def drop(self) -> None:
        """The connection breaks: what is on its way is lost."""
        self._queue.clear()
        sink = self._sink
        self._leave()
        if sink is not None:
            sink(BrokerEvent(kind=BrokerEventKind.LINK, at=self._venue.now(), link_up=False, text="connection lost"))

    def _deliver(self) -> None:
        while self._queue and self._sink is not None:
            self._sink(self._queue.pop(0))

    def _leave(self) -> None:
        self._sink = None
        if self in self._venue.sinks:
            self._venue.sinks.remove(self)

    def _check(self) -> None:
        if self._sink is None:
            raise BrokerError("not connected", where="venue")


def broker(argument: str) -> FileBroker:
    """The broker for another process: ``argument`` is the venue's file."""
    return FileBroker(FileVenue(argument))


def _pop(state: dict[str, Any], names: tuple[str, ...]) -> str:
    for fault in state["faults"]:
        if fault in names:
            state["faults"].remove(fault)
            return str(fault)
    return ""


def _identity(row: VenueOrder | Fill) -> str:
    return row.exec_id if isinstance(row, Fill) else f"{row.ref} {row.perm_id}"


def _texts(told: Mapping[str, VenueOrder | Fill]) -> Iterator[tuple[str, str]]:
    """Each row with its whole content as text."""
    return ((name, f"{name}: {row.model_dump_json()}") for name, row in told.items())


def _day(time: str) -> date:
    return datetime.fromisoformat(time).astimezone(ZONE).date()


def _reduce(order: dict[str, Any], quantity: Decimal) -> None:
    """Make a leg smaller; it ends when nothing is left of it."""
    order["quantity"] = str(quantity)
    if quantity <= Decimal(order["filled"]):
        order["status"] = "FILLED" if Decimal(order["filled"]) else "CANCELLED"


def _end_legs(state: dict[str, Any], entry: dict[str, Any]) -> None:
    """What happens to the legs of an entry that was cancelled: they cover what was filled of it, or end with it."""
    for order in state["orders"]:
        if order.get("parent_ref") == entry["ref"] and entry["ref"] and order["status"] not in ENDED:
            legs = [row for row in state["orders"] if row.get("parent_ref") == entry["ref"] and row is not order]
            closed = sum((Decimal(row["filled"]) for row in legs), Decimal(0))
            _reduce(order, min(Decimal(order["quantity"]), Decimal(entry["filled"]) - closed))


def _order(order: dict[str, Any]) -> VenueOrder:
    fields = {name: order[name] for name in order if name != "time"}
    if order.get("held_back"):
        fields |= {"perm_id": 0, "status": "PENDING"}
    return VenueOrder.model_validate({"order_type": "MKT"} | fields | {"account": ACCOUNT})


def _said(terms: OrderTerms) -> dict[str, Any]:
    """What a placed order says of its kind and of its prices."""
    order = terms.order
    trail = (order.amount, order.percent) if isinstance(order, TrailingStopOrder) else (None, None)
    prices = zip(
        ("limit_price", "stop_price", "trail", "trail_percent"),
        (terms.limit_price, terms.stop_price, *trail),
        strict=True,
    )
    return {"order_type": order.kind.value} | {name: str(price) for name, price in prices if price is not None}


def _fill(fill: dict[str, Any]) -> Fill:
    return Fill.model_validate(fill | {"account": ACCOUNT})

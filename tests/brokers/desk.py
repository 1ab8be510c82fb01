"""A desk to test brokers at: a venue of either kind, a broker on it, its events, and approved orders."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, ParamSpec

from brokers.ibkr.adapter import IbkrBroker
from brokers.ibkr.gateway.server import Gateway
from brokers.ibkr.settings import IbkrSettings
from brokers.sim.broker import SimBroker
from brokers.sim.commission import ibkr_fixed
from brokers.sim.matching import Prices
from brokers.sim.state import AccountBook, VenueState
from brokers.sim.venue import Venue
from tradewright.model.approved import ApprovedOrder, approval_hash
from tradewright.model.broker import Broker, BrokerEvent, BrokerEventKind
from tradewright.model.clock import Clock, ManualClock
from tradewright.model.instrument import AssetClass, Instrument
from tradewright.model.order import Fill, Leg, OrderTerms, OrderType, ProtectiveLeg
from tradewright.policy.approval import restore

ACCOUNT = "DU1234567"
NOON = datetime(2026, 3, 4, 17, 0, tzinfo=UTC)
AAPL = Instrument(symbol="AAPL", asset_class=AssetClass.STOCK)
MSFT = Instrument(symbol="MSFT", asset_class=AssetClass.STOCK)
BTC = Instrument(
    symbol="BTC",
    asset_class=AssetClass.CRYPTO,
    lot_size=Decimal("0.00000001"),
    venue_symbols={"ibkr": "BTC.USD-PAXOS"},
)
ES = Instrument(
    symbol="ES",
    asset_class=AssetClass.FUTURE,
    tick_size=Decimal("0.25"),
    multiplier=Decimal(50),
    venue_symbols={"ibkr": "ES-CME-20260619"},
)
INSTRUMENTS = [AAPL, MSFT, BTC, ES]
P = ParamSpec("P")


def in_loop(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run an asynchronous test in a loop of its own; one that hangs ends after two minutes."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        asyncio.run(asyncio.wait_for(test(*args, **kwargs), 120))

    return run


async def until(condition: Callable[[], object], what: str = "") -> None:
    """Wait until ``condition`` holds."""
    try:
        async with asyncio.timeout(60):
            while not condition():
                await asyncio.sleep(0.002)
    except TimeoutError:
        raise AssertionError(f"never came: {what or condition}") from None


def approved(
    instrument: str = "AAPL",
    side: str = "BUY",
    quantity: object = 10,
    account: str = ACCOUNT,
    protective: tuple[ProtectiveLeg, ...] = (),
    **terms: object,
) -> ApprovedOrder:
    """An order as the gate leaves it; a limit or a stop price decides its type."""
    wanted = {"instrument": instrument, "side": side, "quantity": quantity, **terms}
    if "order" not in terms:
        wanted["order_type"] = "LMT" if "limit_price" in terms else "STP" if "stop_price" in terms else "MKT"
    what = OrderTerms.model_validate(wanted)
    fields = ("intent1", "decision1", "tests", account, what, NOON + timedelta(days=1), "rules1")
    return restore(
        intent_id=fields[0],
        decision_id=fields[1],
        strategy=fields[2],
        account=account,
        terms=what,
        expires_at=fields[5],
        rule_set_hash=fields[6],
        payload_hash=approval_hash(*fields, protective),
        protective=protective,
    )


def bracket(
    entry: object = None,
    stop: object = 95,
    target: object = 105,
    quantity: object = 10,
    trail: dict[str, object] | None = None,
) -> ApprovedOrder:
    """A purchase of AAPL with a stop loss and a take profit; ``entry`` is its kind, at market when None.

    Args:
        trail: the distance of a stop loss that trails, and where it starts.
    """
    legs = {
        Leg.STOP_LOSS: {"kind": "TRAILING_STOP", **trail} if trail else {"kind": "STOP", "stop_price": stop},
        Leg.TAKE_PROFIT: {"kind": "LIMIT", "limit_price": target},
    }
    terms = {"instrument": "AAPL", "side": "SELL", "quantity": quantity, "tif": "GTC"}
    made = [ProtectiveLeg.model_validate({"leg": leg, "terms": terms | {"order": kind}}) for leg, kind in legs.items()]
    return approved(quantity=quantity, order=entry or {"kind": "MARKET"}, protective=tuple(made))


@dataclass
class Desk:
    """A connected broker, what it told us, and the hands that move its venue."""

    broker: Broker
    quote: Callable[[str, object, object], object]
    again: Callable[[], Broker]
    refuse_next: Callable[[], object]
    clock: Clock
    gateway: Gateway | None = None
    events: list[BrokerEvent] = field(default_factory=list)

    def do(self, command: str, **arguments: object) -> dict[str, Any]:
        """Tell the gateway what to do."""
        assert self.gateway is not None
        return self.gateway.control.do(command, **arguments)

    async def place(self, ref: str, order: ApprovedOrder | None = None) -> int:
        """Place an order under ``ref``; ten shares at market when none is given."""
        order_id = self.broker.next_order_id()
        await self.broker.place(order or approved(), ref, order_id)
        return order_id

    async def place_group(self, ref: str, order: ApprovedOrder) -> dict[Leg, int]:
        """Place an entry with its protective legs under ``ref`` and what follows from it."""
        ids = {leg: self.broker.next_order_id() for leg in order.legs()}
        await self.broker.place_group(order, {leg: leg.reference(ref) for leg in ids}, ids)
        return ids

    def auction(self, kind: str, price: object) -> None:
        """Hold an auction in AAPL."""
        if isinstance(self.broker, SimBroker):
            self.broker.market.auction("AAPL", OrderType(kind), Decimal(str(price)))
        else:
            self.do("auction", symbol="AAPL", kind=kind, price=price)

    def kinds(self, kind: BrokerEventKind) -> list[BrokerEvent]:
        """The events of a kind, in their order."""
        return [event for event in self.events if event.kind is kind]

    def states(self, ref: str) -> list[str]:
        """The states of an order as events told them, repetitions left out."""
        orders = (event.order for event in self.kinds(BrokerEventKind.ORDER) if event.order is not None)
        told = [order.status.value for order in orders if order.ref == ref]
        return [state for state, before in zip(told, ["", *told], strict=False) if state != before]

    def fills(self, ref: str) -> list[Fill]:
        """The executions of an order as events told them."""
        return [event.fill for event in self.events if event.fill is not None and event.fill.ref == ref]

    async def reconnect(self) -> None:
        """Leave and come again."""
        await self.broker.disconnect()
        await self.broker.connect(self.events.append)

    async def acknowledged(self, ref: str) -> int:
        """Wait for the acknowledgement of an order: our reference with a permanent id."""

        def perm_ids() -> list[int]:
            return [event.order.perm_id for event in self.events if event.order and event.order.ref == ref]

        await until(lambda: any(perm_ids()), f"acknowledgement of {ref}")
        return perm_ids()[-1]


KINDS = ("sim", "ibkr-178", "ibkr-157")


@asynccontextmanager
async def open_desk(
    kind: str = "ibkr-178", timeout: float = 5.0, connect: bool = True, clock: Clock | None = None
) -> AsyncIterator[Desk]:
    """A desk at a venue that quotes AAPL at 99.99 to 100.01 and has 100,000 USD of ours."""
    clock = clock or ManualClock(NOON)
    opened = _sim_desk(clock) if kind == "sim" else _ibkr_desk(int(kind.removeprefix("ibkr-")), timeout, clock)
    async with opened as desk:
        desk.quote("AAPL", "99.99", "100.01")
        desk.quote("BTC", "60000", "60010")
        if connect:
            await desk.broker.connect(desk.events.append)
        try:
            yield desk
        finally:
            await desk.broker.disconnect()


def market(clock: Clock) -> Venue:
    """A simulated venue."""
    book = AccountBook(account=ACCOUNT, cash=Decimal(100_000))
    return Venue(INSTRUMENTS, VenueState(seed=1, accounts={ACCOUNT: book}), clock, ibkr_fixed)


@asynccontextmanager
async def _sim_desk(clock: Clock) -> AsyncIterator[Desk]:
    venue = market(clock)

    def quote(symbol: str, bid: object, ask: object) -> None:
        venue.quote(symbol, Prices(Decimal(str(bid)), Decimal(str(ask)), None, clock.now()))

    def refuse() -> None:
        venue.partial_fills.clear()
        venue.state = venue.state.model_copy(update={"accounts": _poor(venue)})

    yield Desk(SimBroker(venue, ACCOUNT), quote, lambda: SimBroker(venue, ACCOUNT), refuse, clock)


def _poor(venue: Venue) -> dict[str, AccountBook]:
    return {ACCOUNT: venue.book(ACCOUNT).model_copy(update={"cash": Decimal(1)})}


@asynccontextmanager
async def _ibkr_desk(version: int, timeout: float, clock: Clock) -> AsyncIterator[Desk]:
    async with Gateway(INSTRUMENTS, clock, version=version, seed=1) as gateway:
        settings = IbkrSettings(port=gateway.port, timeout=timeout, quote_timeout=timeout)

        def quote(symbol: str, bid: object, ask: object) -> None:
            gateway.control.do("quote", symbol=symbol, bid=bid, ask=ask)

        def refuse() -> None:
            venue = gateway.venue
            venue.state = venue.state.model_copy(update={"accounts": _poor(venue)})

        def again() -> Broker:
            return IbkrBroker(settings, INSTRUMENTS, clock)

        yield Desk(again(), quote, again, refuse, clock, gateway)

"""The broker port on Interactive Brokers."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Iterable, Mapping
from decimal import Decimal

from ib_async.objects import ExecutionFilter
from ib_async.ticker import Ticker

from brokers.capabilities import demand_all_legs, not_held
from brokers.ibkr.connection import Connection
from brokers.ibkr.conversions import SymbolMap, position_of
from brokers.ibkr.crypto import ceiling, needs_ask
from brokers.ibkr.numbers import optional, required
from brokers.ibkr.order_form import SINGLE, GroupForm, leg_form
from brokers.ibkr.settings import IbkrSettings
from tradewright.model.approved import ApprovedOrder
from tradewright.model.base import Instant
from tradewright.model.broker import (
    AccountState,
    BrokerCapabilities,
    BrokerSnapshot,
    EventSink,
    Quote,
    VenueOrder,
    VenueStatus,
)
from tradewright.model.clock import Clock
from tradewright.model.errors import OrderNotAccepted
from tradewright.model.instrument import AssetClass, Instrument
from tradewright.model.order import Leg, OrderTerms, OrderType, TimeInForce
from tradewright.policy.approval import verify

LIVE = 1
"""Market data type of live prices; 2 is frozen, 3 delayed, 4 both."""
TWO_LEGS = 2


class IbkrBroker:
    """One connection at a time, under a fixed client id, to one account."""

    venue = "ibkr"
    capabilities = BrokerCapabilities(
        kinds=frozenset(OrderType),
        tifs=frozenset(TimeInForce),
        groups=frozenset(AssetClass) - {AssetClass.CRYPTO},
        fractional=True,
    )

    def __init__(self, settings: IbkrSettings, instruments: Iterable[Instrument], clock: Clock) -> None:
        self.session = ""
        self._settings, self._clock, self._names = settings, clock, SymbolMap(instruments)
        self._connection = Connection(settings, self._names, clock)
        self._reserved: set[int] = set()
        self._ceilings: dict[str, Decimal | None] = {}
        """By the hash of a checked order, the limit under which it goes out if it is a market purchase of crypto."""

    async def connect(self, sink: EventSink, *, complete: bool = True) -> None:
        """Connect; see the port. Without ``complete`` only the open orders are asked for, and need not end.

        Raises:
            BrokerError: when the port is closed, the client id is taken, the gateway hangs or leaves a start-up query
                without its end, or the account is not the one that the settings allow.
        """
        self._reserved, self._ceilings = set(), {}
        await self._connection.open(sink, complete=complete)
        self.session = f"ibkr-{self._settings.client_id}-{secrets.token_hex(6)}"

    async def disconnect(self) -> None:
        """Close the link; harmless when there is none."""
        self._connection.close()

    async def time(self) -> Instant:
        """The venue's clock, in whole seconds.

        Raises:
            BrokerError: when it does not answer in time.
        """
        ib, _ = self._connection.linked()
        return await self._connection.ask("the time", ib.reqCurrentTimeAsync)

    async def snapshot(self, since: str = "") -> BrokerSnapshot:  # noqa: ARG002
        """Everything of the account; see the port. Executions and completed orders are today's only, and all of them.

        Raises:
            BrokerError: when any query lacks its end.
        """
        self._connection.linked()
        async with self._connection.collecting:
            return await self._collect()

    async def _collect(self) -> BrokerSnapshot:
        ib, events = self._connection.linked()
        ask, account = self._connection.ask, self._connection.account
        events.begin_listing()
        await ask("the open orders", ib.reqAllOpenOrdersAsync)
        open_orders = events.open_orders(account)
        await ask("the completed orders", lambda: ib.reqCompletedOrdersAsync(False))
        await ask("the executions", lambda: ib.reqExecutionsAsync(ExecutionFilter(clientId=0, acctCode=account)))
        held = await ask("the positions", ib.reqPositionsAsync)
        positions = (position_of(self._names, item) for item in held if item.account == account)
        return BrokerSnapshot(
            taken_at=self._clock.now(),
            open_orders=open_orders,
            completed_orders=events.completed_orders(account),
            fills=events.fills(account),
            positions=tuple(item for item in positions if item.quantity),
        )

    async def account(self) -> AccountState:
        """Equity and cash in the base currency.

        Raises:
            BrokerError: when the venue does not tell both.
        """
        ib, _ = self._connection.linked()
        request = ib.client.getReqId()

        def ask() -> Awaitable[None]:
            ib.wrapper.accountValues.clear()  # what is not told now is not known
            future: Awaitable[None] = ib.wrapper.startReq(request)  # type: ignore[no-untyped-call]
            ib.client.reqAccountUpdatesMulti(request, self._connection.account, "", False)  # type: ignore[no-untyped-call]
            return future

        await self._connection.ask("the account's values", ask)
        ib.client.cancelAccountUpdatesMulti(request)  # type: ignore[no-untyped-call]
        values = {item.tag: item for item in ib.accountValues(self._connection.account)}
        try:
            equity, cash = values["NetLiquidation"], values["TotalCashValue"]
        except KeyError as problem:
            raise self._connection.error(
                f"account {self._connection.account} came without {problem}", "try again"
            ) from problem
        return AccountState(
            account=self._connection.account,
            equity=required(equity.value, "account values", equity.tag),
            cash=required(cash.value, "account values", cash.tag),
            currency=equity.currency or "USD",
        )

    async def quote(self, instrument: str) -> Quote:
        """A snapshot of the newest prices; without bid and ask its time is that of the last trade.

        Raises:
            BrokerError: for an unknown instrument, or when no price comes.
        """
        ib, _ = self._connection.linked()
        contract = await self._connection.contract(instrument)
        ib.wrapper.tickers.pop(hash(contract), None)  # the library would fill yesterday's ticker up
        what = f"a price of {instrument}"
        (ticker,) = await self._connection.wait(
            what, lambda: ib.reqTickersAsync(contract), self._settings.quote_timeout
        )
        quote = self._quote(instrument, ticker)
        if quote.bid is None and quote.ask is None and quote.last is None:
            raise self._connection.error(
                f"no price of {instrument}", "is its market open, and are its data subscribed?"
            )
        return quote

    def _quote(self, instrument: str, ticker: Ticker) -> Quote:
        """The venue tells the time of the last trade alone; a live bid or ask stands now, any other since unknown."""
        allowed = self._names.instrument(instrument).negative_prices
        bid, ask, last = (_traded(price, allowed) for price in (ticker.bid, ticker.ask, ticker.last))
        now = self._clock.now() if ticker.marketDataType == LIVE else None
        return Quote(
            instrument=instrument,
            bid=bid,
            ask=ask,
            last=last,
            bid_time=now if bid is not None else None,
            ask_time=now if ask is not None else None,
            last_time=ticker.lastTimestamp if last is not None else None,
        )

    def next_order_id(self) -> int:
        """Reserve the next order id of this session; ids have gaps, because queries take from the same counter.

        Raises:
            BrokerError: without a link.
        """
        ib, _ = self._connection.linked()
        order_id = ib.client.getReqId()
        self._reserved.add(order_id)
        return order_id

    def pending_sends(self) -> int:
        """Messages in the library's throttle queue; without a link there are none."""
        return self._connection.pending()

    async def check(self, order: ApprovedOrder) -> None:
        """Prove that the order can be written, and look its contract up; see the port.

        Raises:
            NotApproved: when ``order`` is not an approved order, or was altered.
            OrderNotAccepted: when it cannot be sent.
            BrokerError: when the link is down or the venue does not answer.
        """
        order = verify(order)
        self._connection.linked()
        known = self._names.instruments.get(order.terms.instrument)
        if problem := not_held(self.capabilities, order, known) or self._refusal(order):
            raise OrderNotAccepted(f"{problem}; nothing was sent", where=f"gateway {self._settings.where}")
        instrument = self._known_instrument(order)
        highest = self._ceilings[order.payload_hash] = await self._ceiling(order, instrument)
        for leg, terms in order.legs().items():
            leg_form(terms, order.account, instrument, leg.reference("check"), 0, ceiling=highest)
        await self._connection.contract(instrument.symbol)

    async def _ceiling(self, order: ApprovedOrder, instrument: Instrument) -> Decimal | None:
        """The limit of a market purchase of crypto, by the present ask; None for every other order."""
        if not needs_ask(order.terms, instrument):
            return None
        ask = (await self.quote(instrument.symbol)).ask
        return None if ask is None else ceiling(ask, instrument.tick_size)

    def _known_instrument(self, order: ApprovedOrder) -> Instrument:
        known = self._names.instruments.get(order.terms.instrument)
        if known is None:
            text = f"unknown instrument {order.terms.instrument!r}; nothing was sent"
            raise OrderNotAccepted(text, where="broker ibkr", remedy="add it under conf/instruments")
        return known

    def _refusal(self, order: ApprovedOrder) -> str:
        """Why this connection never sends the order; empty when it may."""
        if self._settings.readonly:
            return "the connection is read-only"
        if order.account != self._connection.account:
            return f"the order is for account {order.account}, the connection for {self._connection.account}"
        return ""

    async def place(self, order: ApprovedOrder, ref: str, order_id: int) -> None:
        """Write the order once; see the port.

        Raises:
            NotApproved: when ``order`` is not an approved order, or was altered.
            BrokerError: when it must not go out or the link is down. Only the latter may have sent it.
        """
        order = verify(order)
        await self._place(order, {Leg.ENTRY: ref}, {Leg.ENTRY: order_id}, {Leg.ENTRY: order.terms})

    async def place_group(self, order: ApprovedOrder, refs: Mapping[Leg, str], order_ids: Mapping[Leg, int]) -> None:
        """Write every leg once; only the last one lets the venue work them. See the port.

        Raises:
            NotApproved: when ``order`` is not an approved order, or was altered.
            BrokerError: when it must not go out or the link is down. Only the latter may have sent any of the legs.
        """
        order = verify(order)
        demand_all_legs(order.legs(), refs, order_ids, "broker ibkr")
        await self._place(order, refs, order_ids, order.legs())

    async def _place(
        self,
        order: ApprovedOrder,
        refs: Mapping[Leg, str],
        order_ids: Mapping[Leg, int],
        legs: Mapping[Leg, OrderTerms],
    ) -> None:
        """Every form is made before the first one is written, and nothing is awaited between two of them."""
        self._demand_sendable(order, order_ids)
        instrument = self._known_instrument(order)
        contract = await self._connection.contract(instrument.symbol)
        if order.payload_hash not in self._ceilings:  # an order that was not checked before
            self._ceilings[order.payload_hash] = await self._ceiling(order, instrument)
        forms, highest = [], self._ceilings[order.payload_hash]
        for leg, terms in legs.items():
            group = _group_form(leg, legs, refs, order_ids)
            forms.append(leg_form(terms, order.account, instrument, refs[leg], order_ids[leg], group, highest))
        ib, events = self._connection.linked()
        self._demand_sendable(order, order_ids)
        del self._ceilings[order.payload_hash]
        for leg, form in zip(legs, forms, strict=True):
            self._reserved.remove(order_ids[leg])
            events.mine[order_ids[leg]] = self._placed(order, legs[leg], refs[leg], order_ids[leg])
            ib.placeOrder(contract, form)

    def _placed(self, order: ApprovedOrder, terms: OrderTerms, ref: str, order_id: int) -> VenueOrder:
        """An order as we know it before the venue has answered."""
        return VenueOrder(
            ref=ref,
            perm_id=0,
            order_id=order_id,
            client_id=self._settings.client_id,
            account=order.account,
            instrument=terms.instrument,
            side=terms.side,
            order_type=terms.order.kind,
            quantity=terms.quantity,
            filled=Decimal(0),
            status=VenueStatus.PENDING,
        )

    def _demand_sendable(self, order: ApprovedOrder, order_ids: Mapping[Leg, int]) -> None:
        _, events = self._connection.linked()
        unknown = [order_id for order_id in order_ids.values() if order_id not in self._reserved]
        problem = self._refusal(order)
        if problem:
            pass
        elif unknown:
            problem = f"order id {unknown[0]} was not reserved in session {self.session}, or was used"
        elif not events.link_up:
            problem = "the gateway has lost the venue's servers"
        elif self.pending_sends():
            problem = f"{self.pending_sends()} messages wait in the library's queue"
        if problem:
            raise self._connection.error(f"{problem}; nothing was sent", "reconcile, then decide again")

    async def cancel(self, ref: str, order_id: int) -> None:
        """Ask for a cancel once; the answer comes as an event or by query.

        The order is named to the venue by the id under which this session has seen its reference: an ``order_id`` of
        an earlier session may belong to another order.

        Raises:
            BrokerError: without a link, or for a reference that this session has not seen.
        """
        ib, events = self._connection.linked()
        known_as = events.order_id_of(ref)
        if known_as is None:
            raise self._connection.error(
                f"no order {ref} is known in this session; nothing was cancelled",
                f"take a snapshot; order id {order_id} may be another order's by now",
            )
        ib.client.cancelOrder(known_as)  # type: ignore[no-untyped-call]

    async def cancel_all(self) -> None:
        """Cancel every open order of every client.

        Raises:
            BrokerError: without a link, or where the login manages other accounts, whose orders would end as well.
        """
        ib, _ = self._connection.linked()
        if len(managed := ib.managedAccounts()) > 1:
            text = f"it manages {', '.join(managed)}, and would cancel the orders of all of them; nothing was cancelled"
            raise self._connection.error(text, "cancel at the venue what is not ours")
        ib.reqGlobalCancel()  # type: ignore[no-untyped-call]


def _traded(value: float, negative_allowed: bool) -> Decimal | None:
    """A price of a quote; the venue writes -1 and 0 where it has none."""
    price = optional(value)
    return price if price is not None and (price > 0 or negative_allowed) else None


def _group_form(
    leg: Leg, legs: Mapping[Leg, OrderTerms], refs: Mapping[Leg, str], order_ids: Mapping[Leg, int]
) -> GroupForm:
    """The entry is the parent; two protective legs form a group named by the entry's reference."""
    if len(legs) == 1:
        return SINGLE
    entry = leg is Leg.ENTRY
    return GroupForm(
        parent_id=0 if entry else order_ids[Leg.ENTRY],
        oca_group="" if entry or len(legs) <= TWO_LEGS else refs[Leg.ENTRY],
        transmit=leg is list(legs)[-1],
    )

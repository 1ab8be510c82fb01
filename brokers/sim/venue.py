"""The simulated venue: orders of several accounts, matched against quotes and bars that its owner brings."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal

from brokers.sessions import session_ending_after
from brokers.sim.admission import (
    ACCEPTED,
    Refusal,
    beyond_means,
    change_refusal,
    currency_refusal,
    form_refusal,
    parent_refusal,
)
from brokers.sim.commission import Commission, FeeRate
from brokers.sim.matching import PriceBar, Prices, match
from brokers.sim.order_book import WHERE, ZERO, Listener, OrderBook
from brokers.sim.state import BookOrder, Execution, Placement, VenueState
from brokers.sim.storage import VenueCopy, VenueFile
from tradewright.model.broker import VenueStatus
from tradewright.model.clock import Clock
from tradewright.model.errors import BrokerError
from tradewright.model.instrument import Instrument
from tradewright.model.order import AUCTIONS, LimitOrder, OrderTerms, OrderType, TimeInForce

BarSource = Callable[[str, datetime], Iterable[PriceBar]]
"""(instrument, moment) -> its complete bars that end after that moment, ascending."""

ALONE = Placement()


class Venue(OrderBook):
    """An order book that prices move. It outlives its clients: one that connects again finds everything as it stands.

    A market order fills at once where there is a quote on its side, otherwise at the open of the next bar. Resting
    orders are tried whenever a price moves. Fills follow the engine's rules (``tradewright.fills.rules``); the fee
    of a partial execution is what the order's whole fee grew by.

    Args:
        leverage: an order that would carry an account's gross value above ``leverage`` times its equity is refused.
        bars_since: stored bars, for the resting orders of a venue that no other program feeds; see :meth:`catch_up`.
        fee_rate: exchanges the fees into the account's currency; None where they are charged in it.
    """

    def __init__(
        self,
        instruments: Iterable[Instrument],
        state: VenueState,
        clock: Clock,
        commission: Commission,
        leverage: Decimal = Decimal(4),
        storage: VenueFile | VenueCopy | None = None,
        bars_since: BarSource | None = None,
        fee_rate: FeeRate | None = None,
    ) -> None:
        super().__init__(instruments, state, clock, commission, storage, fee_rate)
        self.bars_since = bars_since
        self.prices: dict[str, Prices] = {}
        self.partial_fills: deque[Decimal] = deque()
        self._leverage = leverage

    def attach(self, client_id: int, listener: Listener) -> str:
        """Let a client hear of its own orders; the answer names this connection and no other.

        A venue that is kept in a file is read from it when its first client comes. It then catches up, and resting
        orders are tried against the present prices. A venue that is only read stays as it was saved: executions that
        nobody writes down would come again under the same ids.

        Raises:
            BrokerError: while another client uses the id or the file, or when the file is damaged.
        """
        if client_id in self._clients:
            raise BrokerError(f"client id {client_id} is in use", where=WHERE, remedy="stop the other client")
        if self._storage is not None and not self._clients:
            self.state = self._storage.open(self.state)
        self._clients[client_id] = listener
        self._changes.connected()
        self._changes.commit()
        if self._storage is None or self._storage.lasting:
            self.catch_up()
            for order in self.live_orders():
                self._work(order.perm_id)
        return f"{self.state.seed:08x}-{self.state.connections}"

    def heard_until(self, session: str) -> int:
        """The number of the connection that a name of :meth:`attach` stands for; 0 for one of no earlier connection."""
        seed, _, number = session.rpartition("-")
        known = seed == f"{self.state.seed:08x}" and number.isdecimal() and int(number) <= self.state.connections
        return int(number) if known else 0

    def catch_up(self) -> None:
        """Let resting orders meet the stored bars that have come in, and end those whose time is over.

        Each bar is met once, also across restarts. A quote that is at least as new as the newest of these bars stays.
        """
        quoted = dict(self.prices)
        if self.bars_since is not None:
            since: dict[str, datetime] = {}
            for order in self.live_orders():  # the oldest first
                symbol = order.terms.instrument
                met = self.state.bars_until.get(symbol, order.placed_at)
                since.setdefault(symbol, max(met, order.placed_at))
            self.advance((symbol, bar) for symbol, at in since.items() for bar in self.bars_since(symbol, at))
        self.prices |= {symbol: known for symbol, known in quoted.items() if known.time >= self.prices[symbol].time}
        self.expire(self.clock.now())

    def detach(self, client_id: int) -> None:
        """Let a client go."""
        self._clients.pop(client_id, None)
        if self._storage is not None and not self._clients:
            self._storage.close()

    def equity(self, account: str) -> Decimal:
        """Cash plus holdings at the newest price, or at cost where there is none."""
        return self.book(account).cash + sum(value for _, value in self._values(account))

    def place(
        self, terms: OrderTerms, account: str, ref: str, order_id: int, client_id: int, placement: Placement = ALONE
    ) -> BookOrder:
        """Take an order, or keep it as refused with a code, and match it against the present quote.

        Raises:
            BrokerError: for an unknown instrument or account, for which nothing is kept.
        """
        instrument = self.instrument(terms.instrument)
        self.book(account)
        refusal = self._refusal(instrument, terms, account, placement)
        order = self._enter(terms, account, ref, order_id, client_id, refusal, placement)
        if order.live and not placement.held:
            self._transmit(placement.parent)
            self._work(order.perm_id)
        return self.state.orders[order.perm_id]

    def refuse(self, terms: OrderTerms, account: str, ref: str, order_id: int, client_id: int, text: str) -> BookOrder:
        """Keep an order as rejected (201) for a reason that only the venue knows."""
        return self._enter(terms, account, ref, order_id, client_id, (201, text), ALONE)

    def _enter(
        self,
        terms: OrderTerms,
        account: str,
        ref: str,
        order_id: int,
        client_id: int,
        refusal: Refusal,
        placement: Placement,
    ) -> BookOrder:
        now = self.clock.now()
        code, text = refusal
        order = BookOrder(
            perm_id=self._changes.next_perm_id(),
            order_id=order_id,
            client_id=client_id,
            account=account,
            ref=ref,
            terms=terms,
            status=VenueStatus.REJECTED if code else VenueStatus.PENDING if placement.held else VenueStatus.WORKING,
            placed_at=now,
            changed_at=now,
            connection=self.state.connections,
            code=code,
            text=text,
            placement=placement,
        )
        self._changes.order_id(client_id, max(self.state.next_order_id.get(client_id, 1), order_id + 1))
        self._save(order)
        return order

    def _transmit(self, parent: int) -> None:
        """Work a held parent and its held children, the parent first."""
        held = [order for order in self.live_orders() if parent and parent in (order.perm_id, order.placement.parent)]
        for order in held:
            if order.placement.held:
                placement = order.placement.model_copy(update={"held": False})
                self._change(order, status=VenueStatus.WORKING, placement=placement)
        if parent and self.state.orders[parent].live:
            self._work(parent)

    def replace(self, perm_id: int, terms: OrderTerms) -> Refusal:
        """Change the terms of a live order; it keeps its permanent id and its fills.

        The answer is the code and the text of a refusal, which leaves the order as it was; 0 and no text otherwise.
        """
        order = self.state.orders[perm_id]
        rest = terms.model_copy(update={"quantity": terms.quantity - order.filled})
        code, text = change_refusal(order, terms)
        if not code:
            instrument = self.instrument(terms.instrument)
            code, text = self._refusal(instrument, rest, order.account, order.placement)
        if not code:
            same_kind = terms.order.kind is order.terms.order.kind
            self._change(order, terms=terms, triggered=order.triggered and same_kind, stop=None)
            self._work(perm_id)
        return code, text

    def end_of_day(self) -> None:
        """End every DAY order, whatever the time."""
        for order in self.live_orders():
            if order.terms.tif in (TimeInForce.DAY, TimeInForce.IOC):
                self.cancel(order.perm_id, "expired at the end of the day")

    def expire(self, now: datetime) -> None:
        """End the orders whose life is over at ``now``: DAY at the close of their session, GTD at their moment."""
        for order in self.live_orders():
            ends = self._ends_at(order)
            if ends is not None and ends <= now:
                self.cancel(order.perm_id, f"expired at {ends.isoformat()}")

    def _ends_at(self, order: BookOrder) -> datetime | None:
        """When an order's life ends: None for GTC and beyond the calendar.

        An order for the opening auction that comes during a session waits for the next one.
        """
        if order.terms.tif is TimeInForce.GTC:
            return None
        if order.terms.tif is TimeInForce.GTD:
            return order.terms.good_till
        instrument = self.instrument(order.terms.instrument)
        session = session_ending_after(instrument, order.placed_at)
        for_opening = order.terms.order.kind is OrderType.MARKET_ON_OPEN
        if session is not None and for_opening and session.open < order.placed_at:
            session = session_ending_after(instrument, session.close)
        return session.close if session is not None else None

    def quote(self, symbol: str, prices: Prices) -> None:
        """Move the price of an instrument and try its resting orders."""
        self.instrument(symbol)
        self.prices[symbol] = prices
        for order in self.live_orders():
            if order.terms.instrument == symbol:
                self._work(order.perm_id)

    def bar(self, symbol: str, opened: Decimal, high: Decimal, low: Decimal, close: Decimal) -> None:
        """Let a bar of the present moment pass: every resting order meets it, then the close is the newest price."""
        self.instrument(symbol)
        now = self.clock.now()
        self._meet(symbol, PriceBar(now, now, opened, high, low, close))

    def advance(self, bars: Iterable[tuple[str, PriceBar]]) -> None:
        """Let complete bars of several instruments pass, in the order of time; see :meth:`on_bar`."""
        for symbol, bar in sorted(bars, key=lambda item: (item[1].end, item[1].start)):
            self._pass(symbol, bar)
        self._changes.commit()

    def on_bar(self, symbol: str, bar: PriceBar) -> None:
        """Let one complete bar pass, by the backtest's rules; one that overlaps with a bar that was met is left out.

        Orders meet the bars that start at or after their placing. The first bar of a session is its opening auction,
        the bar that ends at the close its closing auction; then the DAY orders of the session end.
        """
        self.advance([(symbol, bar)])

    def _pass(self, symbol: str, bar: PriceBar) -> None:
        """One bar with all its consequences, written down as one change: a restart finds the whole bar or none of it.

        The end of a bar in which nothing happened is written with the next change.
        """
        instrument = self.instrument(symbol)
        known = self.state.bars_until.get(symbol)
        if known is not None and bar.start < known:
            return
        session = session_ending_after(instrument, bar.start)
        inside = session is not None and session.open <= bar.start
        with self._as_one_change():
            self.expire(bar.start)
            half = bar.half_spread
            if session is not None and inside and (known is None or known <= session.open):
                self._auction(symbol, OrderType.MARKET_ON_OPEN, bar.open, session.open, bar.start, half)
            self._meet(symbol, bar)
            if session is not None and inside and bar.end >= session.close:
                self._auction(symbol, OrderType.MARKET_ON_CLOSE, bar.close, bar.end, bar.end, half)
            self._changes.bar_until(symbol, bar.end)
            self.expire(bar.end)

    def auction(self, symbol: str, kind: OrderType, price: Decimal) -> None:
        """Hold an auction now: every order that waits for it executes at its price."""
        now = self.clock.now()
        self._auction(symbol, kind, price, now, now)

    def _auction(
        self, symbol: str, kind: OrderType, price: Decimal, placed_by: datetime, at: datetime, half: Decimal = ZERO
    ) -> None:
        """Let every order that waits for it execute at the price, of quotes half their spread away from it."""
        for order in self.live_orders():
            if (order.terms.instrument, order.terms.order.kind) == (symbol, kind) and order.placed_at <= placed_by:
                quantity = self._workable(order)
                if quantity > 0:
                    own = price * (1 + order.terms.side.sign * half)
                    self.execute(order.perm_id, quantity, self.instrument(symbol).round_price(own), at=at)

    def _meet(self, symbol: str, bar: PriceBar) -> None:
        """Entries first, then stops, then targets: a bar that reaches both has reached the stop first.

        The children of an order that filled inside the bar meet the rest of it from that price on, and no target fills
        in it, because the order of prices inside a bar is not known.
        """
        began = [item for item in self.live_orders() if item.terms.instrument == symbol and item.placed_at <= bar.start]
        ids = [item.perm_id for item in sorted(began, key=_turn)]
        entered: dict[int, Decimal] = {}
        for perm_id in ids:
            order = self.state.orders[perm_id]
            start = entered.get(order.placement.parent, bar.open)
            if start != bar.open and isinstance(order.terms.order, LimitOrder):
                continue
            side = order.terms.side
            seen = bar._replace(open=start).seen_by(side)
            filled = self._match(perm_id, seen, bar.end)
            if filled is not None:
                at_start = bar.half_spread and filled.price == self.instrument(symbol).round_price(seen[0])
                entered[perm_id] = start if at_start else bar.middle_of(filled.price, side)
        self.prices[symbol] = Prices(None, None, bar.close, bar.end)

    def _refusal(self, instrument: Instrument, terms: OrderTerms, account: str, placement: Placement) -> Refusal:
        refusal = form_refusal(instrument, terms)
        if refusal == ACCEPTED and placement.parent:
            return parent_refusal(self.state.orders.get(placement.parent), terms)
        if refusal == ACCEPTED:
            refusal = currency_refusal(instrument, terms, self.book(account))
        if refusal == ACCEPTED and (problem := self.fee_problem()):
            return 201, f"Order rejected - reason: {problem}"
        if refusal == ACCEPTED and self._beyond_means(instrument, terms, account):
            return 201, "Order rejected - reason: the available funds are insufficient for this order."
        return refusal

    def _beyond_means(self, instrument: Instrument, terms: OrderTerms, account: str) -> bool:
        """Whether the account cannot carry the order; without any price it passes."""
        known = self.prices.get(instrument.symbol)
        own = terms.limit_price if terms.limit_price is not None else terms.stop_price
        price = own if own is not None else (known.newest if known else None)
        if price is None:
            return False
        others = sum((abs(value) for name, value in self._values(account) if name != instrument.symbol), ZERO)
        held, signed = self.book(account).holding(instrument.symbol).quantity, terms.quantity * terms.side.sign
        unit_value, limit = abs(price) * instrument.multiplier, self._leverage * self.equity(account)
        return beyond_means(held, signed, unit_value, others, limit)

    def _values(self, account: str) -> list[tuple[str, Decimal]]:
        values = []
        for symbol, held in self.book(account).holdings.items():
            known = self.prices.get(symbol)
            price = known.newest if known and known.newest is not None else held.average_price
            values.append((symbol, held.quantity * price * self.instruments[symbol].multiplier))
        return values

    def _work(self, perm_id: int) -> None:
        """Match an order against the present quote, then the children that it has activated."""
        order = self.state.orders[perm_id]
        known = self.prices.get(order.terms.instrument)
        price = known.against(order.terms.side) if known else None
        if price is not None and self._match(perm_id, (price, price, price, price)) is not None:
            for child in self._children(perm_id):
                self._work(child.perm_id)
        order = self.state.orders[perm_id]
        if order.live and order.terms.tif is TimeInForce.IOC and not order.placement.held:
            self.cancel(perm_id, "the rest of an immediate-or-cancel order")

    def _match(self, perm_id: int, bar: Sequence[Decimal], at: datetime | None = None) -> Execution | None:
        order = self.state.orders[perm_id]
        quantity = self._workable(order)
        if quantity <= 0 or order.terms.order.kind in AUCTIONS:
            return None
        found = match(order.terms, order.triggered, order.stop, bar)
        moved = (found.triggered, found.stop) != (order.triggered, order.stop)
        if found.price is None:
            if moved:
                self._change(order, triggered=found.triggered, stop=found.stop)
            return None
        if moved:  # told together with the execution that follows
            self._changes.order(order.model_copy(update={"triggered": found.triggered, "stop": found.stop}))
        if self.partial_fills:
            quantity = min(quantity, self.partial_fills.popleft())
        price = self.instrument(order.terms.instrument).round_price(found.price)
        rested = isinstance(order.terms.order, LimitOrder) and found.price != bar[0]
        return self.execute(perm_id, quantity, price, rested, at)


def _turn(order: BookOrder) -> tuple[bool, bool, int]:
    """The order in which orders meet a bar: entries, stops, targets; the older first."""
    child = bool(order.placement.parent)
    return child, child and isinstance(order.terms.order, LimitOrder), order.perm_id

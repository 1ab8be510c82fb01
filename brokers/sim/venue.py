"""The venue itself: a book of orders per account, matched against prices that somebody moves."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal

from brokers.sim.commission import Commission
from brokers.sim.holdings import book_execution
from brokers.sim.matching import Prices, fill_price
from brokers.sim.state import AccountBook, BookOrder, Execution, VenueState
from brokers.sim.storage import VenueFile
from tradewright.model.broker import VenueStatus
from tradewright.model.clock import Clock
from tradewright.model.errors import BrokerError
from tradewright.model.instrument import Instrument
from tradewright.model.order import OrderTerms, OrderType, TimeInForce

Listener = Callable[[BookOrder, Execution | None], None]
"""Told of every change of an order, with the execution that caused it, if one did."""


class Venue:
    """Accounts, orders and prices. It outlives its clients: whoever connects again finds everything as it stands.

    A market order fills at once where there is a quote on its side, otherwise at the open of the next bar. Resting
    orders are tried whenever a price moves. Fills follow the engine's rules (``tradewright.fills.rules``); the fee
    of a partial execution is what the order's whole fee grew by.

    Args:
        leverage: an order that would carry an account's gross value above ``leverage`` times its equity is refused.
    """

    def __init__(
        self,
        instruments: Iterable[Instrument],
        state: VenueState,
        clock: Clock,
        commission: Commission,
        leverage: Decimal = Decimal(4),
        storage: VenueFile | None = None,
    ) -> None:
        self.instruments = {instrument.symbol: instrument for instrument in instruments}
        self.state, self.clock = state, clock
        self.prices: dict[str, Prices] = {}
        self.partial_fills: deque[Decimal] = deque()
        self._commission, self._leverage = commission, leverage
        self._clients: dict[int, Listener] = {}
        self._listeners: list[Listener] = []
        self._storage = storage

    def subscribe(self, listener: Listener) -> None:
        """Tell ``listener`` of every change of every order from now on."""
        self._listeners.append(listener)

    def attach(self, client_id: int, listener: Listener) -> str:
        """Let a client hear of its own orders; the answer names this connection and no other.

        A venue that is kept in a file is read from it when its first client comes; resting orders are then tried
        against the prices of today.

        Raises:
            BrokerError: while another client uses the id or the file, or when the file is damaged.
        """
        if client_id in self._clients:
            raise BrokerError(
                f"client id {client_id} is in use", where="simulated venue", remedy="stop the other client"
            )
        if self._storage is not None and not self._clients:
            self.state = self._storage.open() or self.state
        self._clients[client_id] = listener
        self._keep(connections=self.state.connections + 1)
        self._commit()
        for order in self.live_orders():
            self._match_against_quote(order)
        return f"{self.state.seed:08x}-{self.state.connections}"

    def detach(self, client_id: int) -> None:
        """Let a client go."""
        self._clients.pop(client_id, None)
        if self._storage is not None and not self._clients:
            self._storage.close()

    def reserve_order_id(self, client_id: int) -> int:
        """The next order id of a client; it is never given again."""
        order_id = self.state.next_order_id.get(client_id, 1)
        self._keep(next_order_id={**self.state.next_order_id, client_id: order_id + 1})
        self._commit()
        return order_id

    def instrument(self, symbol: str) -> Instrument:
        """The instrument of that name.

        Raises:
            BrokerError: when the venue does not trade it.
        """
        if symbol not in self.instruments:
            raise BrokerError(
                f"unknown instrument {symbol!r}",
                where="simulated venue",
                remedy=f"it trades {', '.join(sorted(self.instruments))}",
            )
        return self.instruments[symbol]

    def book(self, account: str) -> AccountBook:
        """The account of that name.

        Raises:
            BrokerError: when the venue has no such account.
        """
        if account not in self.state.accounts:
            known = ", ".join(sorted(self.state.accounts))
            raise BrokerError(f"unknown account {account!r}", where="simulated venue", remedy=f"it has {known}")
        return self.state.accounts[account]

    def equity(self, account: str) -> Decimal:
        """Cash plus holdings at the newest price, or at cost where there is none."""
        return self.book(account).cash + sum(value for _, value in self._values(account))

    def place(self, terms: OrderTerms, account: str, ref: str, order_id: int, client_id: int) -> BookOrder:
        """Take an order into the book, or keep it as refused with a code, and match it against the present quote.

        Raises:
            BrokerError: for an unknown instrument or account, for which nothing is kept.
        """
        instrument = self.instrument(terms.instrument)
        self.book(account)
        code, text = self._refusal(instrument, terms, account)
        order = self._enter(terms, account, ref, order_id, client_id, code, text)
        self._match_against_quote(order)
        return self.state.orders[order.perm_id]

    def refuse(self, terms: OrderTerms, account: str, ref: str, order_id: int, client_id: int, text: str) -> BookOrder:
        """Keep an order as rejected (201) for a reason that only the venue knows."""
        return self._enter(terms, account, ref, order_id, client_id, 201, text)

    def _enter(
        self, terms: OrderTerms, account: str, ref: str, order_id: int, client_id: int, code: int, text: str
    ) -> BookOrder:
        now = self.clock.now()
        order = BookOrder(
            perm_id=self._next_perm_id(),
            order_id=order_id,
            client_id=client_id,
            account=account,
            ref=ref,
            terms=terms,
            status=VenueStatus.REJECTED if code else VenueStatus.WORKING,
            placed_at=now,
            changed_at=now,
            code=code,
            text=text,
        )
        used = max(self.state.next_order_id.get(client_id, 1), order_id + 1)
        self._keep(next_order_id={**self.state.next_order_id, client_id: used})
        self._save(order)
        return order

    def replace(self, perm_id: int, terms: OrderTerms) -> tuple[int, str]:
        """Change the terms of a live order; it keeps its permanent id and its fills.

        The answer is the code and the text of a refusal, which leaves the order as it was; 0 and no text otherwise.
        """
        order = self.state.orders[perm_id]
        code, text = self._change_refusal(order, terms)
        if not code:
            self._save(order.model_copy(update={"terms": terms, "changed_at": self.clock.now()}))
            self._match_against_quote(self.state.orders[perm_id])
        return code, text

    def cancel(self, perm_id: int, text: str = "") -> BookOrder:
        """End a live order; an order that has ended stays as it is."""
        order = self.state.orders[perm_id]
        if not order.live:
            return order
        return self._change(order, status=VenueStatus.CANCELLED, text=text)

    def reset_order_ids(self, lowest: int) -> None:
        """Forget which order ids were used, for every client."""
        self._keep(next_order_id=dict.fromkeys(self.state.next_order_id, lowest))
        self._commit()

    def end_of_day(self) -> None:
        """Let every DAY order expire."""
        for order in self.live_orders():
            if order.terms.tif is TimeInForce.DAY:
                self.cancel(order.perm_id, "expired at the end of the day")

    def live_orders(self) -> list[BookOrder]:
        """Orders to which something may still happen, oldest first."""
        return [order for order in self.state.orders.values() if order.live]

    def quote(self, symbol: str, prices: Prices) -> None:
        """Move the price of an instrument and try its resting orders."""
        self.instrument(symbol)
        self.prices[symbol] = prices
        for order in self.live_orders():
            if order.terms.instrument == symbol:
                self._match_against_quote(order)

    def bar(self, symbol: str, opened: Decimal, high: Decimal, low: Decimal, close: Decimal) -> None:
        """Let a bar pass: resting orders fill by the engine's rules, then the close is the newest price."""
        self.instrument(symbol)
        for order in self.live_orders():
            if order.terms.instrument == symbol:
                self._match(order, (opened, high, low, close))
        self.prices[symbol] = Prices(None, None, close, self.clock.now())

    def correct(self, exec_id: str, price: Decimal) -> Execution:
        """Correct the price of an execution: the same base id, the next correction number, the cash put right."""
        old = next(item for item in self.state.executions if item.exec_id == exec_id)
        base, _, number = exec_id.rpartition(".")
        new = old.model_copy(update={"exec_id": f"{base}.{int(number) + 1:02d}", "price": price})
        order, book = old.order, self.book(old.order.account)
        signed = old.quantity * order.terms.side.sign * self.instrument(order.terms.instrument).multiplier
        self._keep_account(book.model_copy(update={"cash": book.cash - signed * (price - old.price)}))
        self._keep(executions=(*self.state.executions, new))
        self._tell(order, new)
        return new

    def shift_position(self, account: str, symbol: str, by: Decimal) -> None:
        """Change a holding without an order, as a corporate action or a mistake would."""
        book = self.book(account)
        held = book.holding(self.instrument(symbol).symbol)
        moved = held.model_copy(update={"quantity": held.quantity + by})
        self._keep_account(book.model_copy(update={"holdings": {**book.holdings, symbol: moved}}))
        self._commit()

    def _refusal(self, instrument: Instrument, terms: OrderTerms, account: str) -> tuple[int, str]:
        price = terms.limit_price if terms.limit_price is not None else terms.stop_price
        if price is not None and (not instrument.on_tick(price) or (price <= 0 and not instrument.negative_prices)):
            return 110, "The price does not conform to the minimum price variation for this contract."
        if not instrument.on_lot(terms.quantity):
            return 10243, f"The size {terms.quantity} is not a whole number of lots of {instrument.lot_size}."
        if self._beyond_means(instrument, terms, account, price):
            return 201, "Order rejected - reason: the available funds are insufficient for this order."
        return 0, ""

    def _change_refusal(self, order: BookOrder, terms: OrderTerms) -> tuple[int, str]:
        same = (terms.instrument, terms.side) == (order.terms.instrument, order.terms.side)
        if not same or terms.quantity <= order.filled:
            return 105, "Order being modified does not match original order."
        rest = terms.model_copy(update={"quantity": terms.quantity - order.filled})
        return self._refusal(self.instrument(terms.instrument), rest, order.account)

    def _beyond_means(self, instrument: Instrument, terms: OrderTerms, account: str, price: Decimal | None) -> bool:
        """Whether the order adds to a holding more than the leverage allows; without any price it passes."""
        known = self.prices.get(instrument.symbol)
        price = price if price is not None else (known.newest if known else None)
        held = self.book(account).holding(instrument.symbol).quantity
        after = abs(held + terms.quantity * terms.side.sign)
        if price is None or after <= abs(held):
            return False
        others = sum(abs(value) for symbol, value in self._values(account) if symbol != instrument.symbol)
        return others + after * abs(price) * instrument.multiplier > self._leverage * self.equity(account)

    def _values(self, account: str) -> list[tuple[str, Decimal]]:
        values = []
        for symbol, held in self.book(account).holdings.items():
            known = self.prices.get(symbol)
            price = known.newest if known and known.newest is not None else held.average_price
            values.append((symbol, held.quantity * price * self.instruments[symbol].multiplier))
        return values

    def _match_against_quote(self, order: BookOrder) -> None:
        known = self.prices.get(order.terms.instrument)
        price = known.against(order.terms.side) if known else None
        if order.live and price is not None:
            self._match(order, (price, price, price, price))

    def _match(self, order: BookOrder, bar: Sequence[Decimal]) -> None:
        price = fill_price(order.terms, order.triggered, bar)
        if price is not None:
            quantity = min(order.remaining, self.partial_fills.popleft()) if self.partial_fills else order.remaining
            rested = order.terms.order_type is OrderType.LIMIT and price != bar[0]
            self.execute(order.perm_id, quantity, self.instrument(order.terms.instrument).round_price(price), rested)

    def execute(self, perm_id: int, quantity: Decimal, price: Decimal, rested: bool = False) -> Execution:
        """Execute ``quantity`` units of an order at ``price``, whatever its state: a venue's word is final."""
        order = self._filled(self.state.orders[perm_id], quantity, price)
        instrument = self.instrument(order.terms.instrument)
        charged = sum(item.fee for item in self.state.executions if item.order.perm_id == perm_id)
        fee = max(Decimal(0), self._commission(instrument, order.filled, order.average_price, rested) - charged)
        signed = quantity * order.terms.side.sign
        book, realized = book_execution(
            self.book(order.account), instrument.symbol, signed, price, instrument.multiplier, fee
        )
        execution = Execution(
            exec_id=self._next_exec_id(),
            order=order,
            quantity=quantity,
            price=price,
            time=self.clock.now(),
            cum_quantity=order.filled,
            average_price=order.average_price,
            fee=fee,
            realized=realized,
        )
        self._keep_account(book)
        self._keep(executions=(*self.state.executions, execution))
        self._save(order, execution)
        return execution

    def _filled(self, order: BookOrder, quantity: Decimal, price: Decimal) -> BookOrder:
        """The order after one more execution."""
        filled = order.filled + quantity
        done = filled >= order.terms.quantity
        changes = {
            "filled": filled,
            "average_price": (order.average_price * order.filled + price * quantity) / filled,
            "last_price": price,
            "status": VenueStatus.FILLED if done else VenueStatus.WORKING,
            "triggered": True,
            "changed_at": self.clock.now(),
        }
        return order.model_copy(update=changes)

    def _change(self, order: BookOrder, status: VenueStatus, text: str) -> BookOrder:
        changed = order.model_copy(update={"status": status, "text": text, "changed_at": self.clock.now()})
        self._save(changed)
        return changed

    def _save(self, order: BookOrder, execution: Execution | None = None) -> None:
        self._keep(orders={**self.state.orders, order.perm_id: order})
        self._tell(order, execution)

    def _tell(self, order: BookOrder, execution: Execution | None) -> None:
        self._commit()
        own = self._clients.get(order.client_id)
        for listener in [*self._listeners, *([own] if own else [])]:
            listener(order, execution)

    def _keep(self, **changes: object) -> None:
        self.state = self.state.model_copy(update=changes)

    def _commit(self) -> None:
        if self._storage is not None:
            self._storage.save(self.state)

    def _keep_account(self, book: AccountBook) -> None:
        self._keep(accounts={**self.state.accounts, book.account: book})

    def _next_perm_id(self) -> int:
        self._keep(sequence=self.state.sequence + 1)
        return 1_000_000 + (self.state.seed % 16_384) * 100_000 + self.state.sequence

    def _next_exec_id(self) -> str:
        self._keep(sequence=self.state.sequence + 1)
        return f"{self.state.seed:08x}.{self.state.sequence:08x}.01.01"

"""The simulated venue against a model of a few lines, through thousands of random orders, changes and prices."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from brokers.sim.commission import commission_of
from brokers.sim.matching import Prices
from brokers.sim.state import AccountBook, BookOrder, Execution, VenueState
from brokers.sim.venue import Venue
from tests.brokers.desk import AAPL, ACCOUNT, ES, INSTRUMENTS, NOON, approved
from tests.support.price_lists import IBKR_FIXED
from tradewright.model.broker import VenueStatus
from tradewright.model.clock import ManualClock
from tradewright.model.order import LimitOrder, OrderTerms, OrderType, Side, TimeInForce

MULTIPLIERS = {"AAPL": AAPL.multiplier, "ES": ES.multiplier}
CENT = Decimal("0.01")
TICKS = {"AAPL": CENT, "ES": Decimal("0.25")}

symbols = st.sampled_from(sorted(MULTIPLIERS))
kinds = st.sampled_from([OrderType.MARKET, OrderType.LIMIT, OrderType.STOP])
tifs = st.sampled_from([TimeInForce.DAY, TimeInForce.GTC])
sides = st.sampled_from(list(Side))
levels = st.integers(380, 420)
"""Prices in quarters, so that they are ticks of both instruments."""


@dataclass
class Expected:
    """What the model knows of a live order."""

    terms: OrderTerms
    left: Decimal
    triggered: bool = False

    def touched(self, price: Decimal) -> bool:
        """Whether a quote of one price fills the order, by the words of the three types."""
        sign = self.terms.side.sign
        if self.terms.order.kind is OrderType.LIMIT:
            assert self.terms.limit_price is not None
            return price * sign <= self.terms.limit_price * sign
        if self.terms.order.kind is OrderType.STOP and not self.triggered:
            assert self.terms.stop_price is not None
            return price * sign >= self.terms.stop_price * sign
        return True


class VenueMachine(RuleBasedStateMachine):
    """Orders come, change, are cancelled and expire; prices move; parts fill. Nothing is lost and nothing invented."""

    orders = Bundle("orders")

    @initialize(parts=st.lists(st.integers(1, 9), max_size=12))
    def begin(self, parts: list[int]) -> None:
        book = AccountBook(account=ACCOUNT, cash=Decimal(100_000_000))
        state = VenueState(seed=9, accounts={ACCOUNT: book})
        self.venue = Venue(INSTRUMENTS, state, ManualClock(NOON), commission_of(IBKR_FIXED))
        self.told: list[tuple[BookOrder, Execution | None]] = []
        self.venue.attach(21, lambda order, execution: self.told.append((order, execution)))
        self.venue.partial_fills.extend(map(Decimal, parts))
        self.parts = [Decimal(part) for part in parts]
        self.expected: dict[int, Expected] = {}
        self.quotes: dict[str, tuple[Decimal, Decimal]] = {}
        self.cash, self.fees = Decimal(100_000_000), Decimal(0)
        self.held = dict.fromkeys(MULTIPLIERS, Decimal(0))
        self.executed = 0
        self.number = 0

    def meet(self, perm_id: int) -> None:
        """What the present quote does to one order, in the model."""
        order = self.expected[perm_id]
        symbol = order.terms.instrument
        if symbol not in self.quotes:
            return
        price = self.quotes[symbol][order.terms.side is Side.BUY]
        if not order.touched(price):
            return
        quantity = min(order.left, self.parts.pop(0)) if self.parts else order.left
        order.left -= quantity
        order.triggered = True
        signed = quantity * order.terms.side.sign
        self.held[symbol] += signed
        self.cash -= signed * price * MULTIPLIERS[symbol]
        self.executed += 1
        if order.left == 0:
            del self.expected[perm_id]

    @rule(target=orders, symbol=symbols, side=sides, quantity=st.integers(1, 30), kind=kinds,
          level=levels, tif=tifs)  # fmt: skip
    def place(self, symbol: str, side: Side, quantity: int, kind: OrderType, level: int, tif: TimeInForce) -> int:
        price = {OrderType.LIMIT: "limit_price", OrderType.STOP: "stop_price"}.get(kind)
        extra: dict[str, object] = {price: Decimal(level) / 4} if price else {}
        terms = approved(symbol, side, quantity, tif=tif, **extra).terms
        self.number += 1
        before = self.executed
        order = self.venue.place(terms, ACCOUNT, f"a.{self.number}", self.number, 21)
        self.expected[order.perm_id] = Expected(terms, terms.quantity)
        self.meet(order.perm_id)
        assert (order.filled > 0) == (self.executed > before)
        return order.perm_id

    @rule(symbol=symbols, level=levels, width=st.integers(0, 2))
    def quote(self, symbol: str, level: int, width: int) -> None:
        bid, ask = Decimal(level) / 4, Decimal(level + width) / 4
        self.quotes[symbol] = (bid, ask)
        self.venue.quote(symbol, Prices(bid, ask, None, NOON))
        for perm_id in [key for key, order in self.expected.items() if order.terms.instrument == symbol]:
            self.meet(perm_id)

    @rule(perm_id=orders)
    def cancel(self, perm_id: int) -> None:
        before = self.venue.state.orders[perm_id]
        after = self.venue.cancel(perm_id)
        assert after.filled == before.filled
        assert (after == before) == (perm_id not in self.expected), "what has ended stays as it is"
        self.expected.pop(perm_id, None)

    @rule(perm_id=orders, quantity=st.integers(1, 40), level=levels)
    def change(self, perm_id: int, quantity: int, level: int) -> None:
        known = self.expected.get(perm_id)
        if known is None or known.terms.order.kind is not OrderType.LIMIT:
            return
        filled = known.terms.quantity - known.left
        changed = {"quantity": Decimal(quantity), "order": LimitOrder(limit_price=Decimal(level) / 4)}
        terms = known.terms.model_copy(update=changed)
        code, text = self.venue.replace(perm_id, terms)
        assert (code == 0) == (text == "") == (quantity > filled)
        if not code:
            known.terms, known.left = terms, quantity - filled
            self.meet(perm_id)

    @rule()
    def end_of_day(self) -> None:
        self.venue.end_of_day()
        self.expected = {key: order for key, order in self.expected.items() if order.terms.tif is not TimeInForce.DAY}

    @rule(target=orders, symbol=symbols, level=levels)
    def refused(self, symbol: str, level: int) -> object:
        terms = approved(symbol, limit_price=Decimal(level) / 4 + Decimal("0.001")).terms
        order = self.venue.place(terms, ACCOUNT, "odd.1", 0, 21)
        assert (order.code, order.status) == (110, VenueStatus.REJECTED)
        return multiple()

    @invariant()
    def live_orders_are_those_of_the_model(self) -> None:
        found = {order.perm_id: (order.terms, order.remaining) for order in self.venue.live_orders()}
        assert found == {key: (order.terms, order.left) for key, order in self.expected.items()}

    @invariant()
    def money_and_holdings_are_those_of_the_model(self) -> None:
        book = self.venue.book(ACCOUNT)
        fees = sum((item.fee for item in self.venue.state.executions), Decimal(0))
        assert book.cash == self.cash - fees
        assert {symbol: book.holding(symbol).quantity for symbol in self.held} == self.held
        assert len(self.venue.state.executions) == self.executed

    @invariant()
    def fees_of_an_order_are_those_of_one_order(self) -> None:
        charged: dict[int, Decimal] = {}
        for item in self.venue.state.executions:
            assert item.fee >= 0
            charged[item.order.perm_id] = charged.get(item.order.perm_id, Decimal(0)) + item.fee
        for perm_id, fee in charged.items():
            order = self.venue.state.orders[perm_id]
            value = order.filled * order.average_price * MULTIPLIERS[order.terms.instrument]
            by_hand = min(max(order.filled * Decimal("0.005"), Decimal(1)), value * Decimal("0.005"))
            assert abs(fee - by_hand) < Decimal("0.00001")

    @invariant()
    def ids_are_given_once_and_time_orders_them(self) -> None:
        ids = [item.exec_id for item in self.venue.state.executions]
        assert len(set(ids)) == len(ids)
        assert ids == sorted(ids)

    @invariant()
    def every_change_was_told_and_the_last_word_is_the_state(self) -> None:
        last = {order.perm_id: order for order, _ in self.told}
        assert last == self.venue.state.orders
        assert [item for _, item in self.told if item is not None] == self.venue.state.executions

    @invariant()
    def the_state_survives_its_own_text(self) -> None:
        if self.executed % 7 == 1:
            assert VenueState.model_validate_json(self.venue.state.model_dump_json()) == self.venue.state


TestVenueMachine = VenueMachine.TestCase
TestVenueMachine.settings = settings(
    max_examples=60, stateful_step_count=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)

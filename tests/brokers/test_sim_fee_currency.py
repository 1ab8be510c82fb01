"""Fees of the simulated venue in another currency than the account's."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brokers.sim.broker import SimBroker
from brokers.sim.commission import FeeRate, commission_of
from brokers.sim.matching import Prices
from brokers.sim.state import AccountBook, VenueState
from brokers.sim.venue import Venue
from tests.brokers.desk import AAPL, ACCOUNT, NOON, approved, in_loop
from tradewright.fills.costs import PerShareCosts
from tradewright.model.broker import VenueStatus
from tradewright.model.clock import ManualClock
from tradewright.model.errors import ConfigError, OrderNotAccepted

FEES = PerShareCosts(0.01, 1.0, 0.02, currency="JPY")
CENT = Decimal("0.000001")


def venue(rate: FeeRate | None) -> Venue:
    book = AccountBook(account=ACCOUNT, cash=Decimal(100_000))
    made = Venue(
        [AAPL], VenueState(seed=1, accounts={ACCOUNT: book}), ManualClock(NOON), commission_of(FEES), fee_rate=rate
    )
    made.quote("AAPL", Prices(Decimal(100), Decimal(100), None, NOON))
    return made


@settings(max_examples=60)
@given(
    parts=st.lists(
        st.tuples(st.integers(1, 40), st.integers(90, 110), st.sampled_from([0.5, 1.0, 7.0])), min_size=1, max_size=6
    ),
    buys=st.booleans(),
)
def test_cash_is_the_start_less_what_was_traded_less_the_fees_each_at_its_rate(
    parts: list[tuple[int, int, float]], buys: bool
) -> None:
    """Each part pays what the order's whole fee grew by, in its own currency, at the rate of that part."""
    now: list[float] = [1.0]
    market = venue(lambda _at: Decimal(repr(now[0])))
    quantity = sum(part for part, _price, _rate in parts)
    side = "BUY" if buys else "SELL"
    asked = approved(side=side, quantity=str(quantity), limit_price="1" if buys else "1000").terms
    order = market.place(asked, ACCOUNT, "a", 1, 9)
    spent, own = Decimal(0), Decimal(0)
    for part, price, now[0] in parts:
        before = market.state.orders[order.perm_id].fees
        done = market.execute(order.perm_id, Decimal(part), Decimal(price))
        grown = market.state.orders[order.perm_id].fees - before
        assert abs(done.fee - grown * Decimal(repr(now[0]))) <= CENT
        assert grown >= 0
        own += grown
        spent += part * price * (1 if buys else -1)
    paid = sum((each.fee for each in market.state.executions), Decimal(0))
    assert market.book(ACCOUNT).cash == 100_000 - spent - paid
    if len({rate for _part, _price, rate in parts}) == 1:
        rate, average = Decimal(repr(now[0])), market.state.orders[order.perm_id].average_price
        assert abs(own - commission_of(FEES)(AAPL, Decimal(quantity), average / rate, False)) <= CENT


def _none(_at: datetime) -> Decimal:
    raise ConfigError("there are no rates", where="backtest.costs.currency", remedy="import bars of USDJPY")


@in_loop
async def test_an_order_whose_fee_has_no_rate_is_refused_before_it_is_sent() -> None:
    market = venue(_none)
    broker = SimBroker(market, ACCOUNT)
    await broker.connect(lambda _event: None)
    with pytest.raises(OrderNotAccepted, match=r"there are no rates.*import bars of USDJPY.*nothing was sent"):
        await broker.check(approved(side="BUY", quantity="10"))
    refused = market.place(approved().terms, ACCOUNT, "a.1", 1, 9)
    assert (refused.status, refused.code) == (VenueStatus.REJECTED, 201)
    assert market.book(ACCOUNT).cash == 100_000

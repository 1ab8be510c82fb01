"""The simulated venue: fills as the engine's, money that adds up, a memory that survives."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brokers.sim.broker import SimBroker
from brokers.sim.commission import commission_of, ibkr_fixed
from brokers.sim.matching import Prices, match
from brokers.sim.settings import SimSettings, sim_broker
from brokers.sim.state import AccountBook, VenueState
from brokers.sim.storage import VenueFile
from brokers.sim.venue import Venue
from tests.backtest.reference import run_reference
from tests.brokers.desk import AAPL, ACCOUNT, BTC, ES, INSTRUMENTS, NOON, approved, in_loop, market
from tests.support.price_lists import IBKR_FIXED
from tradewright.backtest.sizing import FixedUnits
from tradewright.backtest.spec import BacktestSpec
from tradewright.fills.costs import CostModel, MakerTaker, NoCosts
from tradewright.model.bars import Bars, Floats
from tradewright.model.broker import VenueStatus
from tradewright.model.clock import ManualClock
from tradewright.model.errors import BrokerError, OrderNotAccepted
from tradewright.model.order import Fill, OrderTerms, OrderType, Position, Side
from tradewright.model.strategy import HOLD, NAN, Action, Feature

CLOCK = ManualClock(NOON)


def terms(**fields: object) -> OrderTerms:
    return approved(**fields).terms  # type: ignore[arg-type]


def d(*numbers: object) -> list[Decimal]:
    return [Decimal(str(number)) for number in numbers]


@pytest.mark.parametrize(
    ("wanted", "bar", "price"),
    [
        ({}, (100, 105, 95, 101), "100"),
        ({"side": "SELL"}, (100, 105, 95, 101), "100"),
        ({"limit_price": "99"}, (100, 105, 95, 101), "99"),
        ({"limit_price": "99"}, (98, 105, 95, 101), "98"),
        ({"limit_price": "94"}, (100, 105, 95, 101), None),
        ({"side": "SELL", "limit_price": "104"}, (100, 105, 95, 101), "104"),
        ({"side": "SELL", "limit_price": "99"}, (100, 105, 95, 101), "100"),
        ({"side": "SELL", "limit_price": "106"}, (100, 105, 95, 101), None),
        ({"side": "SELL", "stop_price": "97"}, (100, 105, 95, 101), "97"),
        ({"side": "SELL", "stop_price": "97"}, (96, 105, 95, 101), "96"),
        ({"side": "SELL", "stop_price": "94"}, (100, 105, 95, 101), None),
        ({"stop_price": "103"}, (100, 105, 95, 101), "103"),
        ({"stop_price": "103"}, (104, 105, 95, 101), "104"),
    ],
)
def test_fills_inside_a_bar_by_hand(wanted: dict[str, object], bar: tuple[int, ...], price: str | None) -> None:
    found = match(terms(**wanted), False, None, d(*bar)).price
    assert found == (None if price is None else Decimal(price))


def test_a_triggered_stop_is_a_market_order() -> None:
    assert match(terms(side="SELL", stop_price="97"), True, None, d(100, 105, 98, 101)).price == 100


def test_a_market_order_without_a_quote_waits_for_the_next_bars_open() -> None:
    venue = market(CLOCK)
    venue.bar("AAPL", *d(100, 102, 99, 101))
    order = venue.place(terms(), ACCOUNT, "a.1", 1, 21)
    assert (order.status, venue.state.executions) == (VenueStatus.WORKING, [])
    venue.bar("AAPL", *d("101.5", 103, 101, 102))
    (execution,) = venue.state.executions
    assert (execution.price, execution.fee) == (Decimal("101.5"), 1)
    assert venue.equity(ACCOUNT) == 100_000 - 1 + 10 * (102 - Decimal("101.5"))


bars = st.tuples(*[st.integers(9_000, 11_000)] * 4).map(
    lambda cents: d(*(value / 100 for value in (cents[0], max(cents), min(cents), cents[3])))
)
order_terms = st.tuples(
    st.sampled_from(["AAPL", "ES"]),
    st.sampled_from(list(Side)),
    st.integers(1, 30),
    st.sampled_from([OrderType.MARKET, OrderType.LIMIT, OrderType.STOP]),
    st.integers(360, 440),
)


@settings(max_examples=150)
@given(st.lists(st.tuples(order_terms, bars), max_size=12))
def test_cash_holdings_and_profit_always_add_up(story: list[tuple[tuple, list[Decimal]]]) -> None:  # type: ignore[type-arg]
    venue = market(CLOCK)
    for number, ((symbol, side, quantity, kind, quarter), bar) in enumerate(story):
        price = Decimal(quarter) / 4
        extra = {OrderType.LIMIT: {"limit_price": price}, OrderType.STOP: {"stop_price": price}}.get(kind, {})
        venue.place(terms(instrument=symbol, side=side, quantity=quantity, **extra), ACCOUNT, f"a.{number}", number, 21)
        venue.bar(symbol, *bar)
    book = venue.book(ACCOUNT)
    multipliers = {"AAPL": AAPL.multiplier, "ES": ES.multiplier}
    held, spent, realized = dict.fromkeys(multipliers, Decimal(0)), Decimal(0), Decimal(0)
    for item in venue.state.executions:
        symbol, signed = item.order.terms.instrument, item.quantity * item.order.terms.side.sign
        held[symbol] += signed
        spent += signed * item.price * multipliers[symbol] + item.fee
        realized += item.realized if item.realized is not None else -item.fee
    assert book.cash == 100_000 - spent
    for symbol, quantity in held.items():
        assert book.holding(symbol).quantity == quantity
    cost = sum(item.quantity * item.average_price * multipliers[name] for name, item in book.holdings.items())
    assert float(book.cash + cost) == pytest.approx(float(100_000 + realized), abs=1e-6)
    for order in venue.state.orders.values():
        executed = [item.quantity for item in venue.state.executions if item.order.perm_id == order.perm_id]
        assert order.filled == sum(executed) <= order.terms.quantity
        assert (order.status is VenueStatus.FILLED) == (order.filled == order.terms.quantity)
    assert len({item.exec_id for item in venue.state.executions}) == len(venue.state.executions)


def test_average_cost_through_adding_reducing_and_turning_around() -> None:
    venue = market(CLOCK)
    for side, quantity, price, held, average in (
        ("BUY", 10, 100, 10, 100),
        ("BUY", 10, 110, 20, 105),
        ("SELL", 5, 120, 15, 105),
        ("SELL", 25, 90, -10, 90),
        ("SELL", 10, 80, -20, 85),
        ("BUY", 20, 85, 0, 0),
    ):
        venue.quote("AAPL", Prices(*d(price, price), None, NOON))
        venue.place(terms(side=side, quantity=quantity), ACCOUNT, "a.1", 1, 21)
        position = venue.book(ACCOUNT).holding("AAPL")
        assert (position.quantity, position.average_price) == (held, average)
    assert [item.realized for item in venue.state.executions] == [None, None, 74, -226, None, -1]


def test_an_order_beyond_the_accounts_means_is_rejected_but_a_reduction_never() -> None:
    venue = market(CLOCK)
    venue.quote("AAPL", Prices(*d(100, 100), None, NOON))
    assert venue.place(terms(quantity=4001), ACCOUNT, "a.1", 1, 21).code == 201
    assert venue.place(terms(quantity=3900), ACCOUNT, "a.2", 2, 21).status is VenueStatus.FILLED
    venue.quote("AAPL", Prices(*d(60, 60), None, NOON))
    assert venue.equity(ACCOUNT) < 0
    assert venue.place(terms(quantity=1), ACCOUNT, "a.3", 3, 21).code == 201
    assert venue.place(terms(side="SELL", quantity=3900), ACCOUNT, "a.4", 4, 21).status is VenueStatus.FILLED


@pytest.mark.parametrize(
    ("changed", "code"),
    [({"limit_price": "99.995"}, 110), ({"limit_price": "-1"}, 110), ({"quantity": "0.5"}, 10243)],
)
def test_orders_off_the_grid_are_refused_with_a_code(changed: dict[str, object], code: int) -> None:
    venue = market(CLOCK)
    order = venue.place(terms(**changed), ACCOUNT, "a.1", 1, 21)
    assert (order.code, order.status) == (code, VenueStatus.REJECTED)
    assert venue.cancel(order.perm_id) == order


def test_day_orders_expire_and_the_others_stay() -> None:
    venue = market(CLOCK)
    venue.place(terms(limit_price="90"), ACCOUNT, "a.1", 1, 21)
    kept = venue.place(terms(limit_price="90", tif="GTC"), ACCOUNT, "a.2", 2, 21)
    venue.end_of_day()
    assert venue.live_orders() == [kept]


def in_euros(held: int) -> Venue:
    """A venue that books dollars, with a share in euros that an older one booked one to one."""
    share = AAPL.model_copy(update={"currency": "EUR"})
    holding = Position(account=ACCOUNT, instrument="AAPL", quantity=Decimal(held))
    book = AccountBook(account=ACCOUNT, cash=Decimal(100_000), holdings={"AAPL": holding} if held else {})
    venue = Venue([share], VenueState(seed=1, accounts={ACCOUNT: book}), CLOCK, commission_of(NoCosts()))
    venue.quote("AAPL", Prices(Decimal(100), Decimal(100), None, NOON))
    return venue


@pytest.mark.parametrize(
    ("held", "side", "taken"),
    [
        (0, "BUY", False),
        (0, "SELL", False),
        (10, "BUY", False),
        (10, "SELL", True),
        (9, "SELL", False),
        (-10, "BUY", True),
    ],
)
@in_loop
async def test_what_another_currency_would_book_one_to_one_is_refused(held: int, side: str, taken: bool) -> None:
    """An entry has no rate here; only what was booked so before is closed as it was opened."""
    venue = in_euros(held)
    broker = SimBroker(venue, ACCOUNT)
    await broker.connect(ignore)
    order = approved(side=side, quantity="10")
    told = "the account is kept in USD only, and AAPL is in EUR"
    if taken:
        await broker.check(order)
    else:
        with pytest.raises(OrderNotAccepted, match=told):
            await broker.check(order)
    placed = venue.place(order.terms, ACCOUNT, "a.1", 1, 21)
    assert (placed.status is VenueStatus.REJECTED) is not taken
    assert venue.book(ACCOUNT).holding("AAPL").quantity == (0 if taken else held)
    assert (venue.book(ACCOUNT).cash == 100_000) is not taken


def test_a_venue_is_kept_in_the_accounts_currency() -> None:
    made = sim_broker(SimSettings(account=ACCOUNT, currency="EUR"), INSTRUMENTS, CLOCK, NoCosts()).market
    assert made.book(ACCOUNT).currency == "EUR"
    assert made.place(terms(), ACCOUNT, "a.1", 1, 21).status is VenueStatus.REJECTED


def test_fees_are_the_engines() -> None:
    assert ibkr_fixed(AAPL, Decimal(697), Decimal("143.372383"), False) == Decimal("3.485")
    assert ibkr_fixed(AAPL, Decimal(10), Decimal(1), False) == Decimal("0.05")
    assert commission_of(NoCosts())(AAPL, Decimal(1), Decimal(1), False) == 0
    maker_taker = commission_of(MakerTaker(maker=-0.0001, taker=0.0005))
    assert maker_taker(BTC, Decimal(2), Decimal(60_000), False) == 60
    assert maker_taker(BTC, Decimal(2), Decimal(60_000), True) == -12


def test_a_resting_limit_order_pays_the_makers_fee() -> None:
    venue = market(CLOCK)
    venue._commission = commission_of(MakerTaker(maker=0.0001, taker=0.001))
    venue.place(terms(limit_price="99"), ACCOUNT, "a.1", 1, 21)
    venue.place(terms(limit_price="101"), ACCOUNT, "a.2", 2, 21)
    venue.bar("AAPL", *d(100, 105, 95, 101))
    assert [item.fee for item in venue.state.executions] == [Decimal("0.099"), Decimal("1.0")]


def saved(path: Path, cash: int = 50_000) -> SimBroker:
    values = SimSettings(account=ACCOUNT, cash=Decimal(cash), state_file=path, seed=7)
    return sim_broker(values, INSTRUMENTS, ManualClock(NOON), IBKR_FIXED)


def ignore(_event: object) -> None:
    """A sink for events that do not matter."""


@in_loop
async def test_a_saved_venue_remembers_across_processes(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "venue.json"
    first = saved(path)
    await first.connect(ignore)
    first.market.quote("AAPL", Prices(*d(100, 100), None, NOON))
    await first.place(approved(), "a.1", first.next_order_id())
    await first.place(approved(limit_price="90", tif="GTC"), "a.2", first.next_order_id())
    before, session = await first.snapshot(), first.session
    await first.disconnect()
    second = saved(path, cash=1)
    await second.connect(ignore)
    assert await second.snapshot() == before
    assert second.session != session
    assert second.next_order_id() == 3
    assert (await second.account()).cash == 50_000 - 1000 - 1
    second.market.bar("AAPL", *d(95, 96, 89, 90))
    assert [fill.ref for fill in (await second.snapshot()).fills] == ["a.1", "a.2"]
    assert len({fill.exec_id for fill in (await second.snapshot()).fills}) == 2
    await second.disconnect()


@in_loop
async def test_resting_orders_of_a_saved_venue_meet_the_prices_of_today(tmp_path: Path) -> None:
    first = saved(tmp_path / "venue.json")
    await first.connect(ignore)
    await first.place(approved(limit_price="90", tif="GTC"), "a.1", first.next_order_id())
    await first.disconnect()
    second = saved(tmp_path / "venue.json")
    second.market.quote("AAPL", Prices(*d("88.98", "89.00"), None, NOON))
    await second.connect(ignore)
    assert [(fill.ref, fill.price) for fill in (await second.snapshot()).fills] == [("a.1", 89)]
    await second.disconnect()


@in_loop
async def test_a_saved_venue_serves_one_process_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "venue.json"
    first, second = saved(path), saved(path)
    await first.connect(ignore)
    with pytest.raises(BrokerError, match=r"venue\.json: another client has it open"):
        await second.connect(ignore)
    await first.disconnect()
    await second.connect(ignore)
    await second.disconnect()
    with pytest.raises(BrokerError, match="it is not open"):
        second.market.reserve_order_id(21)


@pytest.mark.parametrize("content", [b"", b"{", b'{"seed": 1}', b'{"seed": 1, "accounts": {}, "more": 1}', b"\xff\x00"])
@in_loop
async def test_a_damaged_file_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "venue.json"
    path.write_bytes(content)
    with pytest.raises(BrokerError, match=r"venue\.json: is no state of a simulated venue"):
        await saved(path).connect(ignore)
    assert path.read_bytes() == content


@in_loop
async def test_a_full_disk_leaves_the_old_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "venue.json"
    broker = saved(path)
    await broker.connect(ignore)
    before = path.read_bytes()

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(BrokerError, match=r"venue\.json: cannot be written.*free some space"):
        broker.next_order_id()
    assert path.read_bytes() == before
    assert [item.name for item in tmp_path.iterdir() if item.suffix == ".tmp"] == []
    await broker.disconnect()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BrokerError, match="cannot be opened"):
        VenueFile(tmp_path / "file" / "venue.json").open(market(CLOCK).state)


@in_loop
async def test_an_account_that_the_venue_does_not_have_is_named() -> None:
    venue = market(CLOCK)
    with pytest.raises(BrokerError, match=r"unknown account 'NOBODY'.*DU1234567"):
        await SimBroker(venue, "NOBODY").connect(ignore)
    await SimBroker(venue, ACCOUNT).connect(ignore)


@pytest.mark.parametrize("call", [lambda venue: venue.instrument("X"), lambda venue: venue.bar("X", *d(1, 1, 1, 1))])
def test_an_instrument_that_the_venue_does_not_trade_is_named(call: Callable[[object], object]) -> None:
    with pytest.raises(BrokerError, match=r"unknown instrument 'X'.*AAPL"):
        call(market(CLOCK))


def test_ids_of_two_venues_differ_and_those_of_one_repeat() -> None:
    def ids(seed: int) -> tuple[int, str]:
        venue = market(CLOCK)
        venue.state = VenueState(seed=seed, accounts=venue.state.accounts)
        venue.quote("AAPL", Prices(*d(100, 100), None, NOON))
        order = venue.place(terms(), ACCOUNT, "a.1", 1, 21)
        return order.perm_id, venue.state.executions[0].exec_id

    assert ids(5) == ids(5)
    assert ids(5)[0] != ids(6)[0]
    assert ids(5)[1] == "00000005.00000002.01.01"


def wave(i: int, _features: tuple[Floats, ...], _params: tuple[float, ...], _position: float) -> Action:
    """Long, flat, short, flat, each for three bars."""
    return ((1.0, 0.0, -1.0, 0.0)[i // 3 % 4], NAN, NAN, NAN) if i % 3 == 0 else HOLD


class Wave:
    """A strategy that trades at market every third bar."""

    name = "wave"
    generate_signal = staticmethod(wave)

    def prepare_state(self) -> tuple[Feature, ...]:
        return (Feature("close"),)

    def parameters(self) -> tuple[float, ...]:
        return ()

    def post_trade_update(self, fill: Fill) -> None:
        """It does not care."""


@pytest.mark.parametrize("costs", [IBKR_FIXED, NoCosts(), MakerTaker(maker=0.0001, taker=0.001)])
@pytest.mark.parametrize("seed", range(5))
def test_orders_of_a_backtest_fill_here_at_the_same_prices_fees_and_equity(seed: int, costs: CostModel) -> None:
    rng = np.random.default_rng(seed)
    close = np.round(100 + np.cumsum(rng.normal(0, 1, 60)), 2)
    opened = np.round(close + rng.normal(0, 0.5, 60), 2)
    high, low = np.maximum(opened, close) + 0.25, np.minimum(opened, close) - 0.25
    columns = (opened, np.round(high, 2), np.round(low, 2), close)
    bars = Bars(np.arange(60) * 86_400 * 10**9, *columns, np.full(60, 1000.0), np.full(60, np.nan))
    spec = BacktestSpec(costs=costs, sizing=FixedUnits(7.0), allow_short=True, allow_overdraft=True)
    result = run_reference(Wave(), bars, spec)
    assert len(result.fills) > 15
    venue = market(CLOCK)
    venue._commission = commission_of(costs)
    for bar in range(60):
        for fill in result.fills[result.fills["bar"] == bar]:
            side = Side.BUY if fill["side"] > 0 else Side.SELL
            venue.place(terms(side=side, quantity=Decimal(repr(float(fill["quantity"])))), ACCOUNT, "a.1", 1, 21)
        venue.bar("AAPL", *d(*(float(column[bar]) for column in columns)))
        assert float(venue.equity(ACCOUNT)) == pytest.approx(result.equity[bar], abs=1e-5)
    assert [float(item.price) for item in venue.state.executions] == list(result.fills["price"])
    assert [float(item.fee) for item in venue.state.executions] == pytest.approx(list(result.fills["fee"]), abs=1e-6)

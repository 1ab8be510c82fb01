"""What the gate gets to know: each figure is right, or it is None and the gate refuses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.execution.counter import INSTRUMENTS, Counter, money, table, walk
from tests.execution.venue import ACCOUNT
from tests.execution.world import World
from tests.support.ledgers import START
from tradewright.calendars.registry import calendar
from tradewright.execution.account_values import price_of
from tradewright.execution.exposure import WorkingOrder, position_ranges
from tradewright.execution.market_context import price_against
from tradewright.execution.market_state import MarketStateReader
from tradewright.execution.risk_snapshot import AccountView
from tradewright.ledger.freezes import FreezeCode
from tradewright.ledger.kill_switches import account_scope, strategy_scope
from tradewright.model.bars import BarKind, Timeframe
from tradewright.model.broker import Quote, VenueOrder, VenueStatus
from tradewright.model.decision import Decision, Verdict
from tradewright.model.event_calendar import EventCalendar, EventWindow
from tradewright.model.mode import Mode
from tradewright.model.order import AttemptState, Fill, OrderType, Side
from tradewright.policy.gate import decide, pre_send_check
from tradewright.policy.snapshot import Snapshot


@pytest.fixture
def counter(world: World, tmp_path: Path) -> Counter:
    made = Counter(world, tmp_path / "store")
    made.ready()
    return made


def judge(counter: Counter, snapshot: Snapshot, **changes: Any) -> Decision:
    """The gate's word on buying 10 AAPL at 100."""
    intent = counter.world.proposer.intent(instrument="AAPL", stop=Decimal(99), **changes)
    return decide(intent, snapshot, counter.limits)


def codes(decision: Decision) -> set[str]:
    return {reason.code for reason in decision.reasons if reason.verdict is Verdict.REJECT}


def venue_order(**changes: Any) -> VenueOrder:
    values: dict[str, Any] = {
        "ref": "", "perm_id": 7, "order_id": 1, "client_id": 99, "account": ACCOUNT, "instrument": "AAPL",
        "side": Side.BUY, "order_type": OrderType.MARKET, "quantity": 10, "filled": 4, "status": VenueStatus.WORKING,
    }  # fmt: skip
    return VenueOrder.model_validate(values | changes)


def test_a_plain_case_is_wholly_known_and_passes(counter: Counter) -> None:
    snapshot = counter.snapshot()
    assert None not in snapshot.market.model_dump().values()
    assert None not in snapshot.holdings.model_dump().values()
    assert judge(counter, snapshot).verdict is Verdict.APPROVE


# exposures -------------------------------------------------------------------------------------------------------


def test_holdings_and_orders_count_but_not_the_judged_one(counter: Counter) -> None:
    resting = counter.world.proposer.order("AAPL", "10")
    counter.send_without_fill(resting, filled="4")
    unsent = counter.world.proposer.order("AAPL", "7")
    judged = counter.world.proposer.order("AAPL", "5")
    found = counter.snapshot(counter.view({"AAPL": 4}), intent_id=judged.intent_id).holdings
    assert sorted(order.quantity for order in found.open_orders or ()) == [6, 7]
    assert found.position == 4
    assert found.symbol_exposure == found.gross_exposure == found.strategy_exposure == 1700
    assert found.cluster_exposure == 1700
    assert found.traded_today == 4 * 100 + 6 * 100 + 7 * 100
    counted = counter.snapshot(counter.view({"AAPL": 4}), intent_id=resting.intent_id).holdings
    assert counted.symbol_exposure == (4 + 7 + 5) * 100
    assert unsent.intent_id != judged.intent_id


def test_an_abandoned_claim_counts_once(counter: Counter) -> None:
    order = counter.world.proposer.order("AAPL", "10")
    counter.ledger.leases.acquire(ACCOUNT, "dead", 1)
    counter.ledger.claims.claim(order.decision_id, order.payload_hash, "dead")
    counter.clock.advance(2)
    assert [row.decision_id for row in counter.ledger.outbox.sendable(ACCOUNT)] == [order.decision_id]
    found = counter.snapshot().holdings
    assert found.symbol_exposure == 1000
    assert len(found.open_orders or ()) == 1


def test_an_open_sale_makes_no_room_for_a_purchase(counter: Counter) -> None:
    order = counter.world.proposer.order("AAPL", "60", side=Side.SELL)
    counter.send_without_fill(order)
    view = counter.view({"AAPL": 100})
    assert counter.snapshot(view, side=Side.BUY).holdings.symbol_exposure == 10_000
    assert counter.snapshot(view, side=Side.SELL).holdings.symbol_exposure == 4_000
    assert counter.snapshot(view).holdings.gross_exposure == 10_000


@given(
    st.integers(-50, 50),
    st.lists(st.tuples(st.sampled_from(list(Side)), st.integers(1, 30)), max_size=5),
    st.data(),
)
@settings(max_examples=100)
def test_a_span_holds_whatever_is_filled(held: int, orders: list[tuple[Side, int]], data: st.DataObject) -> None:
    waiting = [WorkingOrder("AAPL", side, Decimal(units), "trend") for side, units in orders]
    span = position_ranges({"AAPL": Decimal(held)}, waiting).get("AAPL")
    filled = [data.draw(st.integers(0, units)) for _, units in orders]
    end = held + sum(side.sign * units for (side, _), units in zip(orders, filled, strict=True))
    if span is None:
        assert end == held == 0
    else:
        assert span.low <= end <= span.high
        assert abs(end) <= span.widest


def test_a_fill_after_the_snapshot_counts_at_once(counter: Counter) -> None:
    """A snapshot may be five seconds old when the next order is rechecked; what was filled meanwhile is held."""
    before = counter.view()
    order = counter.world.proposer.order("AAPL", "10")
    counter.send_without_fill(order, filled="10")
    found = counter.snapshot(before).holdings
    assert found.position == 10
    assert found.symbol_exposure == 1000
    told = tuple(Fill.model_validate(_fill(row)) for row in counter.ledger.executions.all(ACCOUNT))
    assert counter.snapshot(counter.view({"AAPL": 10}, fills=told)).holdings.position == 10


def _fill(row: Any) -> dict[str, Any]:
    names = ("exec_id", "perm_id", "instrument", "side", "quantity", "price", "time", "account")
    return {name: getattr(row, name) for name in names} | {"ref": row.ref or ""}


def test_a_fill_that_the_snapshot_itself_tells_counts_once(counter: Counter) -> None:
    """Recorded after the snapshot was taken, because it was the snapshot that taught it (mutation E08)."""
    counter.world.recover()
    counter.world.venue.set(mode="rest")
    order = counter.world.proposer.order()
    ref = counter.send_without_fill(order)
    counter.world.venue.fill(ref, tell=False)
    told = counter.world.venue.snapshot()
    counter.clock.advance(1)
    counter.world.recover()
    assert counter.ledger.executions.all()[0].recorded_at > told.taken_at
    view = AccountView(told, counter.money, {quote.instrument: quote for quote in counter.quotes()})
    assert counter.snapshot(view).holdings.position == 10


def test_somebody_elses_order_at_the_venue_counts(counter: Counter) -> None:
    found = counter.snapshot(counter.view(open_orders=(venue_order(),))).holdings
    assert found.symbol_exposure == found.gross_exposure == 600
    assert found.strategy_exposure == 0


def test_an_order_that_ended_here_but_works_there_counts(counter: Counter) -> None:
    order = counter.world.proposer.order("AAPL", "10")
    ref = counter.send_without_fill(order)
    working = (venue_order(ref=ref, filled=0),)
    stale = counter.view(open_orders=working)
    counter.ledger.attempts.move(ref, AttemptState.CANCELLED, "test")
    assert counter.snapshot(stale).holdings.gross_exposure == 0, "it ended after the venue was asked"
    counter.clock.advance(1)
    assert counter.snapshot(counter.view(open_orders=working)).holdings.gross_exposure == 1000


def test_a_future_is_worth_its_multiplier(counter: Counter) -> None:
    assert counter.snapshot(counter.view({"ES": 2})).holdings.gross_exposure == 2 * 50 * 100


def test_a_strategy_answers_for_what_its_own_orders_brought(counter: Counter) -> None:
    ours = counter.world.proposer.order("AAPL", "10")
    theirs = counter.world.proposer.order("AAPL", "20", strategy="other")
    for order in (ours, theirs):
        counter.send_without_fill(order)
        counter.world.venue.fill(counter.ledger.attempts.all(order.intent_id)[-1].ref, tell=False)
    counter.world.recover()
    assert counter.ledger.executions.units_of(ACCOUNT, "trend") == {"AAPL": 10}
    assert counter.ledger.executions.units_of("DU999", "trend") == {}
    view = counter.view({"AAPL": 30})
    assert counter.snapshot(view).holdings.strategy_exposure == 1000
    assert counter.snapshot(view, strategy="other").holdings.strategy_exposure == 2000


@pytest.mark.parametrize("held", ["SONY", "TSLA"])
def test_what_cannot_be_valued_is_never_worth_nothing(counter: Counter, held: str) -> None:
    """A yen stock, and one that nobody defined: the exposures are unknown and entries are refused."""
    snapshot = counter.snapshot(counter.view({held: 100}))
    found = snapshot.holdings
    assert (found.symbol_exposure, found.gross_exposure, found.cluster_exposure) == (None, None, None)
    decision = judge(counter, snapshot)
    assert {"GROSS_EXPOSURE_UNKNOWN", "SYMBOL_EXPOSURE_UNKNOWN"} <= codes(decision)
    (text,) = [reason.text for reason in decision.reasons if reason.code == "GROSS_EXPOSURE_UNKNOWN"]
    assert f"no value is known of {held}" in text, "the instrument at fault is named"


def test_an_order_in_another_currency_is_refused(counter: Counter) -> None:
    order = counter.world.proposer.order("SONY", "10")
    counter.send_without_fill(order)
    found = counter.snapshot().holdings
    assert (found.gross_exposure, found.traded_today) == (None, None)


def test_yesterdays_yen_do_not_matter_today_but_todays_do(counter: Counter) -> None:
    order = counter.world.proposer.order("SONY", "10")
    counter.send_without_fill(order, filled="10")
    assert counter.snapshot().holdings.traded_today is None
    counter.clock.advance(24 * 3600)
    assert counter.snapshot().holdings.traded_today == 0


def test_an_account_in_another_currency_has_no_equity_here(counter: Counter) -> None:
    counter.money = money(1, "EUR")
    snapshot = counter.snapshot()
    assert (snapshot.holdings.equity, snapshot.holdings.cash) == (None, None)
    assert {"EQUITY_UNKNOWN", "CASH_UNKNOWN"} <= codes(judge(counter, snapshot))


def test_a_holding_without_a_quote_is_valued_at_a_recent_close_only(counter: Counter) -> None:
    closes = walk(1, 300)
    counter.stock("MSFT", closes)
    quotes = [quote for quote in counter.quotes() if quote.instrument != "MSFT"]
    gross = counter.snapshot(counter.view({"MSFT": 10}, quotes)).holdings.gross_exposure
    assert gross == 10 * Decimal(repr(float(closes[-1])))
    counter.clock.advance(5 * 24 * 3600)
    quotes = [quote for quote in counter.quotes() if quote.instrument != "MSFT"]
    assert counter.snapshot(counter.view({"MSFT": 10}, quotes)).holdings.gross_exposure is None


# correlation -----------------------------------------------------------------------------------------------------


def test_what_moves_together_shares_one_cap(counter: Counter) -> None:
    same = walk(sum(map(ord, "AAPL")), 400)
    counter.stock("MSFT", same)
    counter.stock("ES")
    found = counter.snapshot(counter.view({"MSFT": 10, "ES": 1})).holdings
    assert found.correlation == 1
    assert found.cluster_exposure == 1000, "MSFT moves with it, ES does not"
    assert found.gross_exposure == 1000 + 50 * 100


def test_a_correlated_order_on_its_way_is_in_the_cluster_too(counter: Counter) -> None:
    counter.stock("MSFT", walk(sum(map(ord, "AAPL")), 400))
    counter.world.proposer.order("MSFT", "10")
    found = counter.snapshot().holdings
    assert found.cluster_exposure == 1000
    assert found.correlation == 0, "Q-15 speaks of held symbols"


def test_what_cannot_be_correlated_is_not_taken_for_independent(counter: Counter) -> None:
    found = counter.snapshot(counter.view({"MSFT": 10})).holdings
    assert (found.correlation, found.cluster_exposure) == (1, 1000)
    assert counter.snapshot(counter.view({"TSLA": 1})).holdings.correlation is None
    assert counter.snapshot(counter.view()).holdings.correlation == 0


# the day ---------------------------------------------------------------------------------------------------------


def test_the_days_drawdown_is_a_loss_above_zero(counter: Counter) -> None:
    for equity in (100_000, 104_000, 101_000):
        counter.ledger.equity.mark(ACCOUNT, Decimal(equity), Decimal(0))
    assert counter.snapshot().holdings.daily_drawdown == Decimal(4_000) / Decimal(104_000)


def test_a_loss_overnight_is_one_of_the_day(counter: Counter) -> None:
    """Last night's equity is where the day starts, whenever the first mark of the day is made."""
    clock = counter.clock
    clock._now = START - timedelta(hours=16)
    counter.ledger.equity.mark(ACCOUNT, Decimal(104_000), Decimal(0))
    clock._now = START
    counter.money = counter.money.model_copy(update={"equity": Decimal(98_800)})
    assert counter.snapshot().holdings.daily_drawdown == Decimal("0.05")
    clock._now = START + timedelta(days=5)
    assert counter.snapshot().holdings.daily_drawdown == 0, "an old mark is not last night's"


def test_midnight_is_that_of_the_zone(counter: Counter) -> None:
    """START is 10:00 in New York: a fill at 03:00 UTC is today's in UTC and yesterday's there."""
    clock = counter.clock
    clock._now = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
    order = counter.world.proposer.order("AAPL", "10")
    counter.send_without_fill(order, filled="10")
    clock._now = START
    assert counter.snapshot(tz="UTC").holdings.traded_today == 1000
    assert counter.snapshot(tz="America/New_York").holdings.traded_today == 0
    assert counter.snapshot(tz="Pacific/Kiritimati").holdings.traded_today == 0


# the market ------------------------------------------------------------------------------------------------------


def test_age_is_counted_from_the_quote_or_else_from_the_bar(counter: Counter) -> None:
    counter.clock.advance(20)
    quoted = Quote.at(START + timedelta(seconds=8), "AAPL", last=Decimal(101))
    market = counter.snapshot(counter.view(quotes=[quoted])).market
    assert (market.data_age_seconds, market.bars_only_seconds, market.last_price) == (12, 0, 101)
    market = counter.snapshot(counter.view(quotes=[])).market
    assert (market.data_age_seconds, market.bars_only_seconds) == (20, 60)
    assert market.last_price == Decimal(repr(float(walk(sum(map(ord, "AAPL")), 400)[-1])))


def test_a_quote_without_a_price_does_not_freshen_an_old_close(counter: Counter) -> None:
    counter.clock.advance(500)
    empty = Quote.at(START + timedelta(seconds=500), "AAPL")
    snapshot = counter.snapshot(counter.view(quotes=[empty]))
    assert snapshot.market.data_age_seconds == 500
    assert "DATA_STALE" in codes(judge(counter, snapshot))


def test_a_price_from_the_future_is_not_believed(counter: Counter) -> None:
    def age(seconds: float) -> Decimal | None:
        time = START + timedelta(seconds=seconds)
        quoted = Quote.at(time, "AAPL", last=Decimal(100))
        return counter.snapshot(counter.view(quotes=[quoted])).market.data_age_seconds

    assert (age(1.5), age(3)) == (0, None)


def test_prices_of_a_quote() -> None:
    def price(bid: int | None, ask: int | None, last: int | None) -> Decimal | None:
        return price_of(Quote.model_validate({"instrument": "AAPL", "bid": bid, "ask": ask, "last": last}))

    assert (price(99, 101, 107), price(99, 102, None)) == (100, Decimal("100.5")), "a last trade may be hours old"
    assert (price(99, None, None), price(None, 101, None), price(None, None, None)) == (99, 101, None)
    assert price(None, None, 0) == 0
    assert price_of(None) is None


def test_an_order_is_valued_at_the_worse_side_of_the_quote(counter: Counter) -> None:
    """A last trade of long ago hides what the order will cost (A12)."""
    quoted = Quote.at(START, "AAPL", bid=Decimal(106), ask=Decimal(107), last=Decimal(100))
    view = counter.view(quotes=[quoted])
    assert counter.snapshot(view, side=Side.BUY).market.last_price == 107
    assert counter.snapshot(view, side=Side.SELL).market.last_price == 106
    assert price_against(Quote.at(START, "AAPL", last=Decimal(100)), Side.BUY) == 100


def test_a_quote_whose_time_is_not_known_has_no_age(counter: Counter) -> None:
    quoted = Quote(instrument="AAPL", bid=Decimal(99), ask=Decimal(101), bid_time=START)
    snapshot = counter.snapshot(counter.view(quotes=[quoted]))
    assert snapshot.market.data_age_seconds is None
    assert "DATA_AGE_UNKNOWN" in codes(judge(counter, snapshot))


def test_the_price_of_a_bar_is_aged_by_open_market_time(counter: Counter) -> None:
    """The simulated venue quotes the newest bar: on Monday at noon Friday's daily bar is fresh (A13)."""
    days = calendar("XNYS").grid(Timeframe.D1, START - timedelta(days=800), START)[:-1]
    counter.store.upsert("AAPL", Timeframe.D1, BarKind.TRADE, table(days, walk(3, len(days))))
    reader = MarketStateReader(counter.store, counter.artefacts, Timeframe.D1, counter.clock)
    closed = reader.of(INSTRUMENTS["AAPL"]).closed_at
    assert closed is not None
    quoted = Quote.at(closed, "AAPL", last=Decimal(100))
    changes = {"facts": reader, "timeframe": Timeframe.D1}
    assert datetime(2026, 11, 20, 15, tzinfo=UTC) == START, "half an hour after the open of a Friday"
    friday = counter.snapshot(counter.view(quotes=[quoted]), **changes).market
    assert (friday.data_age_seconds, friday.bars_only_seconds) == (1800, Decimal("23400"))
    counter.clock.advance(3 * 86_400)
    monday = counter.snapshot(counter.view(quotes=[quoted]), **changes).market
    assert monday.data_age_seconds == 23_400 + 1800, "a whole session is missing by then"


def test_an_instrument_that_nobody_defined_or_stored(counter: Counter) -> None:
    snapshot = counter.snapshot(instrument="TSLA")
    assert snapshot.instrument is None
    assert snapshot.holdings.cluster_exposure is None
    unstored = counter.snapshot(counter.view(quotes=[]), instrument="MSFT").market
    assert (unstored.data_age_seconds, unstored.last_price, unstored.previous_close) == (None, None, None)
    assert (unstored.bars_gap, unstored.volatility_pause, unstored.liquidity_score) == (None, None, None)


def events(*windows: tuple[int, int, str, str], until: int | None = None) -> EventCalendar:
    """Windows of (start, end, instrument, reason), in seconds from START."""
    rows = tuple(
        EventWindow(start=seconds(start), end=seconds(end), instrument=symbol, reason=reason)
        for start, end, symbol, reason in windows
    )
    return EventCalendar(windows=rows, complete_until=None if until is None else seconds(until))


def seconds(count: int) -> datetime:
    return START + timedelta(seconds=count)


def test_an_event_window_is_open_from_its_start_until_before_its_end(counter: Counter) -> None:
    def active(start: int, end: int, instrument: str = "AAPL") -> bool | None:
        window = events((start, end, instrument, "earnings"))
        return counter.snapshot(events=window).market.event_blackout_active

    assert (active(0, 1), active(-1, 0), active(-1, 1), active(1, 2)) == (True, False, True, False)
    assert active(-1, 1, "MSFT") is False


# activity and standing -------------------------------------------------------------------------------------------


def test_duplicates_are_sought_among_intents_at_the_gate(counter: Counter) -> None:
    proposer = counter.world.proposer
    approved, rejected, undecided = (proposer.intent(quantity=str(n)) for n in (15, 11, 12))
    counter.ledger.decisions.record_decision(decide(approved, counter.snapshot(), counter.limits))
    proposer.decide(rejected, Verdict.REJECT)
    recent = counter.snapshot().activity.recent or ()
    assert [(row.intent_id, row.quantity, row.asked, row.at) for row in recent] == [(approved.intent_id, 10, 15, START)]
    assert counter.snapshot(intent_id=approved.intent_id).activity.recent == ()
    assert counter.snapshot(instrument="MSFT").activity.recent == ()
    assert undecided.intent_id not in {row.intent_id for row in recent}
    counter.clock.advance(60)
    assert counter.snapshot().activity.recent == ()


def test_the_newest_word_on_an_intent_counts(counter: Counter) -> None:
    proposer = counter.world.proposer
    intent = proposer.intent()
    proposer.decide(intent)
    counter.clock.advance(1)
    proposer.decide(intent, Verdict.REJECT)
    assert counter.snapshot().activity.recent == ()


def test_what_waits_for_a_person_is_no_duplicate_before_the_yes(counter: Counter) -> None:
    proposals = counter.ledger.decisions
    waiting = counter.world.proposer.intent(quantity="10")
    decision = counter.world.proposer.decide(waiting, Verdict.REVIEW)
    assert counter.snapshot().activity.recent == ()
    counter.clock.advance(120)
    proposals.record_approval(decision.decision_id, True, "ann", "the news is known")
    (row,) = counter.snapshot().activity.recent or ()
    assert (row.intent_id, row.at) == (waiting.intent_id, START + timedelta(seconds=120)), "since the yes"
    counter.clock.advance(59)
    assert len(counter.snapshot().activity.recent or ()) == 1
    counter.clock.advance(1)
    assert counter.snapshot().activity.recent == ()


@pytest.mark.parametrize("verdict", [Verdict.APPROVE, Verdict.REVIEW])
def test_what_a_person_refused_is_no_duplicate(counter: Counter, verdict: Verdict) -> None:
    decision = counter.world.proposer.decide(counter.world.proposer.intent(quantity="10"), verdict)
    counter.ledger.decisions.record_approval(decision.decision_id, False, "ann", "not today")
    assert counter.snapshot().activity.recent == ()


def test_duplicates_are_sought_among_orders_at_the_sender(counter: Counter) -> None:
    order = counter.world.proposer.order("AAPL", "10")
    assert counter.snapshot(before_send=True).activity.recent == (), "approved is not sent"
    counter.send_without_fill(order)
    sent_at = counter.ledger.attempts.all()[-1].sending_at
    recent = counter.snapshot(before_send=True).activity.recent or ()
    assert [(row.intent_id, row.quantity, row.at) for row in recent] == [(order.intent_id, 10, sent_at)]
    assert counter.snapshot(before_send=True, intent_id=order.intent_id).activity.recent == ()
    counter.clock.advance(59)
    assert counter.snapshot().activity.recent == recent, "at the gate, too, when the decision itself is long ago"
    activity = counter.snapshot(intent_id=order.intent_id, before_send=True).activity
    assert activity.orders_of_intent == 1
    assert activity.orders_last_minute == 1


def test_orders_are_counted_by_second_and_minute(counter: Counter) -> None:
    for quantity in ("1", "2"):
        counter.world.proposer.order("AAPL", quantity)
    counter.world.drain()
    (first, second) = (row.sending_at for row in counter.ledger.attempts.all())
    counter.clock.advance(0.5)
    now, activity = counter.world.clock.now(), counter.snapshot(before_send=True).activity
    assert activity.orders_last_minute == sum(now - at < timedelta(minutes=1) for at in (first, second))
    assert activity.orders_last_second == sum(now - at < timedelta(seconds=1) for at in (first, second))
    decided = counter.snapshot().activity
    assert (decided.orders_last_second, decided.orders_last_minute) == (0, 0), "the sender spaces what is approved"
    counter.clock.advance(61)
    assert counter.snapshot(before_send=True).activity.orders_last_minute == 0


def test_an_order_in_doubt_blocks_its_instrument(counter: Counter) -> None:
    counter.lose(counter.world.proposer.order("AAPL", "10"))
    broker = counter.snapshot().broker
    assert (broker.unknown_attempts, broker.frozen) == (1, True)
    assert counter.snapshot().holdings.symbol_exposure == 1000
    assert counter.snapshot(instrument="MSFT").broker.unknown_attempts == 0


def test_the_reason_of_an_event_window_stands_in_the_decision(counter: Counter) -> None:
    """``events.windows[].reason`` is told, for each window that is open."""
    calendar = events((0, 60, "AAPL", "earnings"), (0, 60, "AAPL", "split"), (0, 60, "MSFT", "other"))
    decision = judge(counter, counter.snapshot(events=calendar))
    assert "an event window is open: earnings, split" in {reason.text for reason in decision.reasons}
    assert decision.market is not None
    assert (decision.market.event_blackout_active, decision.market.event) == (True, "earnings, split")


@pytest.mark.parametrize(("until", "code"), [(1, None), (0, "EVENT_BLACKOUT_UNKNOWN")])
def test_a_calendar_that_has_ended_keeps_entries_back_and_exits_pass(
    counter: Counter, until: int, code: str | None
) -> None:
    """``events.complete_until``: what an old list does not say is not known."""
    snapshot = counter.snapshot(events=events((60, 90, "AAPL", "earnings"), until=until))
    found = {row.code: row for row in judge(counter, snapshot).reasons if row.code.startswith("EVENT_")}
    assert set(found) == ({code} if code else set())
    if code:
        assert f"complete until {START:%Y-%m-%d %H:%M} UTC only" in found[code].text
        assert found[code].verdict is Verdict.REJECT
        closing = judge(counter, snapshot, reduce_only=True)
        assert {row.verdict for row in closing.reasons if row.code == code} == {Verdict.APPROVE}, "waived"


def test_a_window_that_opens_after_the_approval_stops_the_entry_at_the_send(counter: Counter) -> None:
    order = counter.world.proposer.order("AAPL", "10")
    for start, stopped in ((1, False), (0, True)):
        calendar = events((start, 60, "AAPL", "earnings"))
        snapshot = counter.snapshot(events=calendar, before_send=True, intent_id=order.intent_id)
        reasons = pre_send_check(order, snapshot, counter.limits)
        assert ("EVENT_BLACKOUT" in {reason.code for reason in reasons}) is stopped


def test_freezes_and_switches(counter: Counter) -> None:
    assert counter.snapshot().broker.model_dump() == {
        "ready": True, "unknown_attempts": 0, "frozen": False, "killed": False, "breaker": "",
    }  # fmt: skip
    counter.ledger.freezes.freeze(ACCOUNT, "AAPL", FreezeCode.POSITION_DRIFT, "1 there, 0 here")
    assert counter.snapshot().broker.frozen is True
    assert counter.snapshot(instrument="MSFT").broker.frozen is False
    counter.ledger.kill_switches.stop(strategy_scope("trend"), "ann", "test")
    assert counter.snapshot().broker.killed is True
    assert counter.snapshot(strategy="other").broker.killed is False
    counter.ledger.kill_switches.stop(account_scope(ACCOUNT), "ann", "test")
    assert counter.snapshot(strategy="other").broker.killed is True


def test_live_trading_starts_stopped(counter: Counter) -> None:
    assert counter.snapshot(mode=Mode.LIVE).broker.killed is True
    counter.ledger.kill_switches.resume("everything", "ann", "go")
    assert counter.snapshot(mode=Mode.LIVE).broker.killed is False


@pytest.mark.parametrize(
    ("name", "passed", "age", "code"),
    [
        ("bars.MSFT.1m", True, 0, "CHECK_MISSING"),
        ("bars.AAPL.1m", False, 0, "CHECK_FAILED"),
        ("bars.AAPL.1m", True, 3601, "CHECK_STALE"),
    ],
)
def test_a_check_that_is_missing_failed_or_stale_rejects(
    counter: Counter, name: str, passed: bool, age: int, code: str
) -> None:
    if not passed:
        counter.checked(name, passed=False)
    counter.clock.advance(age)
    assert code in codes(judge(counter, counter.snapshot(checks=(name,))))

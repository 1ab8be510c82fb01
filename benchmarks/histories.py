"""A ledger and a simulated venue with a history of orders that have come to their end, for the benchmarks of growth."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from benchmarks.copied_orders import copy_orders
from brokers.sim.ended import KEPT
from brokers.sim.matching import Prices
from brokers.sim.plugin import STATE_FILE
from brokers.sim.state import AccountBook, BookOrder, Execution, VenueState
from brokers.sim.storage import VenueFile
from brokers.sim.venue import Venue
from conf.compose import compose_without_strategy
from runtime.container import Container
from tradewright.ledger.ledger import Ledger
from tradewright.model.broker import VenueStatus
from tradewright.model.clock import SystemClock
from tradewright.model.decision import Decision, Verdict
from tradewright.model.intent import Intent
from tradewright.model.order import AttemptState, Fill, Leg, MarketOrder, OrderTerms, Position, Side
from tradewright.policy.approval import approve

ACCOUNT, INSTRUMENT, PRICE = "SIM", "BTC", Decimal(100)
_AGO = timedelta(days=2)
MODELS = 2
"""A purchase and a sale."""


def finished_orders(house: Container, count: int) -> None:
    """Fill the ledger and the venue of a new storage folder with orders that were filled two days ago.

    They buy and sell in turn: an even count leaves the account flat, an odd one holding a unit. The first two are made
    by the ledger's own functions, the others are copies. A comparison with the venue followed them, for which their
    positions were read, and so many connections that the venue has set them aside.
    """
    connections = KEPT + 3
    held = Position(account=ACCOUNT, instrument=INSTRUMENT, quantity=Decimal(count % 2), average_price=PRICE)
    cash = AccountBook(account=ACCOUNT, cash=Decimal(100_000), holdings={INSTRUMENT: held} if count % 2 else {})
    state = VenueState(seed=1, accounts={ACCOUNT: cash}, connections=connections)
    session = f"sim-21-{state.seed:08x}-{connections}"
    house.ledger.broker_journal.record_session(session, "sim", ACCOUNT, "benchmark")
    house.ledger.leases.acquire(ACCOUNT, "benchmark", 3_600)
    for number in range(1, MODELS + 1):
        with house.ledger.transaction():
            _finish(house.ledger, number)
    house.ledger.leases.release(ACCOUNT, "benchmark")
    copy_orders(house.ledger, MODELS, count)
    house.ledger.executions.positions(ACCOUNT)
    house.ledger.broker_journal.record_reconciliation(session, ACCOUNT, ())
    for number in range(1, count + 1):
        _fill_at_venue(state, number, f"intent{number}.1", house.ledger.clock.now() - _AGO)
    file = VenueFile(house.root / STATE_FILE)
    file.open(state)
    file.close()


def _finish(ledger: Ledger, number: int) -> None:
    """One order, bought or sold in turn, in the ledger."""
    now, side = ledger.clock.now(), Side.BUY if number % 2 else Side.SELL
    terms = OrderTerms(instrument=INSTRUMENT, side=side, quantity=Decimal(1), order=MarketOrder())
    order = approve(*_decided(ledger, number, terms), ACCOUNT)
    ledger.outbox.put(order)
    attempt = ledger.claims.claim(order.decision_id, order.payload_hash, "benchmark")
    if attempt is None:
        raise RuntimeError("the order of the benchmark cannot be claimed")
    ledger.claims.begin_sending(attempt.ref, "old", {Leg.ENTRY: number}, order.payload_hash, "benchmark")
    ledger.attempts.learn_perm_id(attempt.ref, number)
    values = {"perm_id": number, "account": ACCOUNT, "instrument": INSTRUMENT, "side": side, "fee": 0}
    values |= {"exec_id": _exec_id(number), "ref": attempt.ref, "quantity": 1, "price": PRICE, "time": now - _AGO}
    ledger.executions.record(Fill.model_validate(values), attempt.ref)
    ledger.executions.record_fee(_exec_id(number), Decimal(0), "USD")
    ledger.attempts.move(attempt.ref, AttemptState.FILLED, "1 filled by executions")


def crowded_venue(count: int, folder: Path) -> Venue:
    """A simulated venue kept in a file, with so many finished orders and a price, to which a client is attached."""
    known = compose_without_strategy().instruments
    clock = SystemClock()
    state = VenueState(seed=1, accounts={ACCOUNT: AccountBook(account=ACCOUNT, cash=Decimal(100_000))})
    for number in range(1, count + 1):
        _fill_at_venue(state, number, f"old{number}.1", clock.now() - _AGO)
    venue = Venue(known.values(), state, clock, lambda *_terms: Decimal(0), storage=VenueFile(folder / STATE_FILE))
    venue.attach(21, lambda _order, _execution: None)
    venue.quote(INSTRUMENT, Prices(PRICE, PRICE, PRICE, clock.now()))
    return venue


def _exec_id(number: int) -> str:
    return f"00000001.{number:08x}.01.01"


def _fill_at_venue(state: VenueState, number: int, ref: str, at: datetime) -> None:
    side = Side.BUY if number % 2 else Side.SELL
    terms = OrderTerms(instrument=INSTRUMENT, side=side, quantity=Decimal(1), order=MarketOrder())
    done = BookOrder(
        perm_id=number, order_id=number, client_id=21, account=ACCOUNT, ref=ref, terms=terms,
        status=VenueStatus.FILLED, placed_at=at, changed_at=at, filled=Decimal(1), average_price=PRICE, connection=1,
    )  # fmt: skip
    execution = Execution(
        exec_id=_exec_id(number), order=done, quantity=Decimal(1), price=PRICE, time=at,
        cum_quantity=Decimal(1), average_price=PRICE, fee=Decimal(0),
    )  # fmt: skip
    state.orders[number] = done
    state.executions.append(execution)
    state.sequence, state.next_order_id[21] = number, number + 1


def _decided(ledger: Ledger, number: int, terms: OrderTerms) -> tuple[Intent, Decision]:
    now = ledger.clock.now()
    intent = Intent(
        intent_id=f"intent{number}", strategy="benchmark", signal_id=f"signal{number}", terms=terms, confidence=0.7,
        size_pct=0.01, reference_price=PRICE, decided_at=now, account=ACCOUNT,
    )  # fmt: skip
    decision = Decision(
        decision_id=f"decision{number}", intent_id=intent.intent_id, verdict=Verdict.APPROVE, reasons=(),
        approved_quantity=terms.quantity, approved_size_pct=0.01, decided_at=now, rule_set_hash="r" * 64,
        expires_at=now + timedelta(hours=1), snapshot_hash="s" * 64,
    )  # fmt: skip
    ledger.decisions.record_intent(intent)
    ledger.decisions.record_decision(decision)
    return intent, decision

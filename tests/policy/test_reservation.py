"""A batch is decided one intent after the other: together the approved orders stay within every cap (M2)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.policy.make import AAPL, NOW, Changes, a_snapshot, an_exit, an_intent, codes, holding, limits
from tradewright.model.decision import Decision, Verdict
from tradewright.model.intent import Intent
from tradewright.model.order import Side
from tradewright.policy.gate import decide
from tradewright.policy.limits import Limits
from tradewright.policy.reservation import Reservation, reservation, reserve
from tradewright.policy.snapshot import Snapshot

PRICE = Decimal(200)
WIDE: Changes = {"max_size_pct": 1, "max_order_value": 1, "risk_per_trade": 0.05, "max_orders_per_minute": 1000}
SYMBOLS = ("AAPL", "MSFT", "SPY")


class Asked(NamedTuple):
    """One intent of a batch: instrument, strategy, side, units."""

    symbol: str
    strategy: str
    side: str
    units: int


class Decided(NamedTuple):
    """An intent of a batch and its decision."""

    intent: Intent
    decision: Decision


def a_batch(requests: list[Asked], seen: Changes, rules: Limits) -> list[Decided]:
    """Each decided on the one gathered view, with the reservations of those before it."""
    earlier: list[Reservation] = []
    decided = []
    for number, asked in enumerate(requests):
        terms = {"terms.instrument": asked.symbol, "terms.side": asked.side, "terms.quantity": asked.units}
        intent = an_intent({"intent_id": f"asks{number:04d}", "strategy": asked.strategy, **terms})
        own = a_snapshot({"instrument": AAPL.model_copy(update={"symbol": asked.symbol}).model_dump()} | seen)
        decision = decide(intent, reserve(own, intent, earlier), rules)
        decided.append(Decided(intent, decision))
        if reserved := reservation(intent, decision, own, rules):
            earlier.append(reserved)
    return decided


def value_of(decided: list[Decided], **of: Any) -> Decimal:
    """The notional approved, of the intents with these attributes."""
    chosen = [
        each
        for each in decided
        if each.decision.verdict is Verdict.APPROVE
        and all(getattr(each.intent.terms, name, getattr(each.intent, name, None)) == want for name, want in of.items())
    ]
    return PRICE * sum((each.decision.approved_quantity for each in chosen), Decimal(0))


def test_two_purchases_each_within_cash_and_together_above_it_are_not_both_approved() -> None:
    seen = {"holdings.cash": 1000, "holdings.gross_exposure": 0}
    first, second = a_batch([Asked("AAPL", "a", "BUY", 4), Asked("MSFT", "b", "BUY", 4)], seen, rules(WIDE))
    assert (first.decision.verdict, first.decision.approved_quantity) == (Verdict.APPROVE, 4)
    assert second.decision.verdict is Verdict.REJECT
    assert "CASH" in codes(second.decision)


def test_the_commitment_of_the_first_in_the_snapshot_of_the_second_has_the_same_effect() -> None:
    for committed, quantity in ((0, 4), (200, 4), (201, 3), (800, 1), (801, 0), (1000, 0)):
        seen = a_snapshot({"holdings.cash": 1000, "holdings.committed_cash": committed})
        assert decide(an_intent({"terms.quantity": 4}), seen, limits(WIDE)).approved_quantity == quantity


def rules(changes: Changes) -> Limits:
    return limits({"allowlist": set(SYMBOLS), "allow_short": True} | changes)


REQUESTS = st.lists(
    st.builds(
        Asked,
        st.sampled_from(SYMBOLS),
        st.sampled_from(["a", "b"]),
        st.sampled_from(["BUY", "SELL"]),
        st.integers(1, 60),
    ),
    max_size=12,
)
SHARES = st.sampled_from([0.01, 0.03, 0.1])


@settings(max_examples=300)
@given(
    REQUESTS,
    st.integers(0, 30_000),
    st.integers(0, 5000),
    st.integers(0, 9000),
    SHARES,
    SHARES,
    SHARES,
    SHARES,
    st.integers(1, 4),
    st.integers(1, 8),
)
def test_a_batch_never_exceeds_a_cap_of_one_combined_order(
    requests: list[Asked],
    cash: int,
    committed: int,
    used: int,
    position: float,
    strategy: float,
    gross: float,
    daily: float,
    open_per_side: int,
    per_minute: int,
) -> None:
    own = WIDE | {
        "max_position": position,
        "max_strategy": strategy,
        "max_gross": gross,
        "max_daily_notional": daily,
        "max_open_orders_per_side": open_per_side,
        "max_orders_per_minute": per_minute,
    }
    seen = {
        "instrument.shortable": True,
        "holdings.cash": cash,
        "holdings.committed_cash": committed,
        "holdings.gross_exposure": used,
        "holdings.traded_today": used,
    }
    decided = a_batch(requests, seen, rules(own))
    equity = Decimal(100_000)
    approved = [each for each in decided if each.decision.verdict is Verdict.APPROVE]
    assert value_of(decided, side=Side.BUY) <= max(0, cash - committed)
    for limit, had in ((gross, used), (daily, used), (0.1, 0)):  # 0.1: the default of the correlated cluster
        assert value_of(decided) <= max(Decimal(0), equity * Decimal(repr(limit)) - had)
    for name in ("a", "b"):
        assert value_of(decided, strategy=name) <= equity * Decimal(repr(strategy))
    for symbol in SYMBOLS:
        for side in Side:
            assert value_of(decided, instrument=symbol, side=side) <= equity * Decimal(repr(position))
            mine = [e for e in approved if e.intent.terms.instrument == symbol and e.intent.terms.side is side]
            assert len(mine) <= open_per_side
            assert len({each.decision.approved_quantity for each in mine}) == len(mine), "no duplicates within a batch"
    assert len(approved) <= per_minute


def test_instruments_known_to_be_uncorrelated_do_not_share_the_cluster() -> None:
    first = reservation(an_intent(), decide(an_intent(), a_snapshot(), limits()), a_snapshot(), limits())
    assert first is not None
    second = an_intent({"intent_id": "second12", "terms.instrument": "MSFT"})
    assert reserve(a_snapshot(), second, [first]).holdings.cluster_exposure == 1000
    assert reserve(a_snapshot(), second, [first], frozenset({"AAPL"})).holdings.cluster_exposure == 0


def test_every_field_moves_by_what_the_order_takes() -> None:
    decision = decide(an_intent(), a_snapshot(), limits())
    first = reservation(an_intent(), decision, a_snapshot(), limits())
    assert first is not None
    after = reserve(a_snapshot(), an_intent({"intent_id": "second12"}), [first])
    assert after.holdings.committed_cash == 1030, "the worst price of a market order is the end of its 3 % collar"
    assert (after.holdings.symbol_exposure, after.holdings.strategy_exposure) == (1000, 1000)
    assert (after.holdings.gross_exposure, after.holdings.traded_today) == (26_000, 1000)
    assert [(each.side, each.quantity) for each in after.holdings.open_orders or ()] == [(Side.BUY, 5)]
    assert [(each.quantity, each.asked, each.at) for each in after.activity.recent or ()] == [(5, 10, NOW)]
    assert (after.activity.orders_last_minute, after.activity.orders_last_second) == (1, 0)
    assert (after.activity.orders_of_intent, after.holdings.position) == (0, 0)


def test_a_sale_frees_neither_cash_nor_exposure() -> None:
    seen = holding(10)
    sale = reservation(an_exit(), decide(an_exit(), seen, limits()), seen, limits())
    assert sale is not None
    after = reserve(seen, an_intent({"intent_id": "second12"}), [sale]).holdings
    assert (after.committed_cash, after.gross_exposure, after.cluster_exposure) == (0, 25_000, 0)
    assert (after.symbol_exposure, after.strategy_exposure, after.traded_today) == (2000, 2000, 2000)


def test_two_exits_of_a_batch_never_sell_more_than_is_held() -> None:
    seen, earlier, sold = holding(10), [], Decimal(0)
    for number, units in enumerate((6, 4, 8)):
        intent = an_exit({"intent_id": f"exit{number:04d}", "terms.quantity": units})
        decision = decide(intent, reserve(seen, intent, earlier), limits())
        sold += decision.approved_quantity
        earlier += [each] if (each := reservation(intent, decision, seen, limits())) else []
    assert sold == 10


def test_a_short_grows_downwards() -> None:
    short = rules(WIDE)
    seen: Snapshot = a_snapshot({"instrument.shortable": True})
    sale = an_intent({"terms.side": "SELL"})
    first = reservation(sale, decide(sale, seen, short), seen, short)
    assert first is not None
    assert (
        reserve(seen, an_intent({"intent_id": "b" * 8, "terms.side": "SELL"}), [first]).holdings.symbol_exposure
        == -2000
    )
    assert reserve(seen, an_intent({"intent_id": "b" * 8}), [first]).holdings.symbol_exposure == 0


def test_the_same_intent_twice_in_a_batch_is_one_order() -> None:
    first = reservation(an_intent(), decide(an_intent(), a_snapshot(), limits()), a_snapshot(), limits())
    assert first is not None
    assert "FAN_OUT" in codes(decide(an_intent(), reserve(a_snapshot(), an_intent(), [first]), limits()))


@pytest.mark.parametrize("changes", [{"confidence": 0.1}, {"terms.instrument": "MSFT"}])
def test_an_order_that_was_not_approved_by_the_gate_reserves_nothing(changes: Changes) -> None:
    intent = an_intent(changes)
    decision = decide(intent, a_snapshot(), limits())
    assert decision.verdict is not Verdict.APPROVE
    assert reservation(intent, decision, a_snapshot(), limits()) is None


def test_an_order_without_a_known_value_makes_the_sums_unknown() -> None:
    seen = holding(10, {"instrument.currency": "EUR"})
    sale = reservation(an_exit(), decide(an_exit(), seen, limits()), seen, limits())
    assert sale is not None
    assert sale.value is None
    after = reserve(a_snapshot(), an_intent({"intent_id": "second12"}), [sale])
    assert {"TRADED_TODAY_UNKNOWN", "STRATEGY_EXPOSURE_UNKNOWN"} <= set(codes(decide(an_intent(), after, limits())))


def test_a_reservation_within_the_duplicate_window_is_a_recent_order() -> None:
    early = a_snapshot({"now": NOW - timedelta(seconds=59)})
    first = reservation(an_intent(), decide(an_intent(), early, limits()), early, limits())
    assert first is not None
    again = an_intent({"intent_id": "second12"})
    assert "DUPLICATE" in codes(decide(again, reserve(a_snapshot(), again, [first]), limits()))

"""Caps, each with figures by hand, and what holds for all of them together."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.policy.make import Changes, a_snapshot, an_intent, codes, judge, limits
from tests.support.extent import runs
from tradewright.model.decision import Verdict
from tradewright.policy.gate import decide

WIDE: Changes = {
    "l.max_size_pct": 1,
    "l.max_order_value": 1,
    "l.risk_per_trade": 0.05,
    "i.terms.quantity": 1000,
    "l.warn_ratio": 1,
}
"""A thousand units asked and the caps on one order out of the way: 10 % of equity are 50 units at 200."""

CAPS: list[tuple[str, Changes, int]] = [
    ("MAX_SIZE", {"l.max_size_pct": 0.03}, 15),
    ("MAX_SIZE", {"l.max_size_pct": 0.03, "s.market.last_price": 205}, 14),
    ("RISK_PER_TRADE", {"i.stop": 190, "l.risk_per_trade": 0.002}, 20),
    ("RISK_PER_TRADE", {"i.stop": 190, "l.risk_per_trade": 0.002, "s.market.last_price": 202}, 16),
    ("RISK_PER_TRADE", {"l.risk_per_trade": 0.001}, 25),
    ("RISK_PER_TRADE", {"l.risk_per_trade": 0.001, "l.atr_stop_multiple": 4}, 12),
    ("RISK_PER_TRADE", {"l.risk_per_trade": 0.001, "s.instrument.multiplier": 2}, 12),
    ("MAX_POSITION", {}, 50),
    ("MAX_POSITION", {"s.holdings.symbol_exposure": 4000}, 30),
    ("MAX_POSITION", {"s.holdings.symbol_exposure": 9799}, 1),
    ("MAX_STRATEGY", {"l.max_strategy": 0.06}, 30),
    ("MAX_STRATEGY", {"s.holdings.strategy_exposure": 46_000}, 20),
    ("MAX_GROSS", {"s.holdings.gross_exposure": 48_000}, 10),
    ("CORRELATION_CAP", {"s.holdings.cluster_exposure": 9000}, 5),
    ("MAX_DAILY_NOTIONAL", {"s.holdings.traded_today": 47_000}, 15),
    ("MAX_ORDER_VALUE", {"l.max_order_value": 0.0206}, 10),
    ("MAX_ORDER_VALUE", {"l.max_order_value": 0.0205}, 9),
    ("MAX_ORDER_VALUE", {"l.max_order_value": 0.022, "s.instrument.liquid": False}, 10),
    ("MAX_ORDER_VALUE", {"l.max_order_value": 0.02, "i.terms.order_type": "LMT", "i.terms.limit_price": 200}, 10),
    ("STAGE_MONEY", {"l.max_order_money": 450}, 2),
    ("CASH", {"s.holdings.cash": 1600}, 8),
    ("CASH", {"s.holdings.cash": 2600, "s.holdings.committed_cash": 1000}, 8),
]


@pytest.mark.parametrize(("code", "changes", "quantity"), CAPS)
def test_the_smallest_cap_binds_and_is_named(code: str, changes: Changes, quantity: int) -> None:
    decision = judge(WIDE | changes)
    assert decision.approved_quantity == quantity
    assert codes(decision)[0] == code
    assert decision.verdict is Verdict.APPROVE


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("MAX_POSITION", {"s.holdings.symbol_exposure": 10_000}),
        ("MAX_STRATEGY", {"s.holdings.strategy_exposure": 50_000}),
        ("MAX_GROSS", {"s.holdings.gross_exposure": 50_000}),
        ("CORRELATION_CAP", {"s.holdings.cluster_exposure": 10_000}),
        ("MAX_DAILY_NOTIONAL", {"s.holdings.traded_today": 50_001}),
        ("CASH", {"s.holdings.cash": 0}),
        ("CASH", {"s.holdings.cash": 1000, "s.holdings.committed_cash": 1000}),
        ("CASH", {"s.holdings.cash": 1000, "s.holdings.committed_cash": 1001}),
        ("MAX_SIZE", {"s.holdings.equity": 0}),
        ("MAX_SIZE", {"s.holdings.equity": -5}),
    ],
)
def test_a_limit_without_room_rejects_by_its_own_name(code: str, changes: Changes) -> None:
    decision = judge(changes)
    assert decision.verdict is Verdict.REJECT
    assert (code, Verdict.REJECT) in [(reason.code, reason.verdict) for reason in decision.reasons]


def test_less_than_a_lot_is_refused_by_its_own_name_and_names_the_cap() -> None:
    decision = judge({"s.holdings.cash": 199})
    assert codes(decision) == ["QUANTITY_ROUNDS_TO_ZERO", "CASH"]
    assert (decision.verdict, decision.approved_quantity, decision.approved_size_pct) == (Verdict.REJECT, 0, 0)
    assert codes(judge({"i.terms.quantity": 0.4})) == ["QUANTITY_ROUNDS_TO_ZERO", "ROUNDED_TO_LOT"]
    assert judge({"s.holdings.cash": 200}).approved_quantity == 1


def test_part_of_a_lot_is_dropped_and_remarked() -> None:
    decision = judge({"i.terms.quantity": 3.7})
    assert (decision.approved_quantity, codes(decision)) == (3, ["ROUNDED_TO_LOT"])
    fractional = judge({"i.terms.quantity": 3.7, "s.instrument.lot_size": 0.1})
    assert (fractional.approved_quantity, codes(fractional)) == (Decimal("3.7"), [])


def test_what_is_asked_is_the_first_cap() -> None:
    assert (judge({"i.terms.quantity": 5}).approved_quantity, codes(judge({"i.terms.quantity": 5}))) == (5, [])


def test_two_correlated_symbols_share_one_cap() -> None:
    """8 % of equity sit in a correlated holding: of the 10 % only 2 % are left, though the symbol itself is empty."""
    assert judge(WIDE | {"s.holdings.cluster_exposure": 8000}).approved_quantity == 10


def test_a_sale_has_the_room_of_the_long_position_that_it_passes() -> None:
    short = WIDE | {"i.terms.side": "SELL", "l.allow_short": True, "s.instrument.shortable": True}
    assert judge(short | {"s.holdings.symbol_exposure": 2000}).approved_quantity == 50 + 0 * 2000
    assert judge(short | {"s.holdings.symbol_exposure": -2000}).approved_quantity == 40
    assert judge(short | {"s.holdings.cash": 0, "s.holdings.committed_cash": 500}).verdict is Verdict.APPROVE


def test_a_volatility_of_zero_has_no_loss_to_cap() -> None:
    assert judge(WIDE | {"s.market.atr": 0, "l.risk_per_trade": 0.000001}).approved_quantity == 50


@pytest.mark.parametrize(
    ("code", "changes", "at"),
    [
        ("NEAR_MAX_POSITION", "symbol_exposure", 7000),
        ("NEAR_MAX_STRATEGY", "strategy_exposure", 39_000),
        ("NEAR_MAX_GROSS", "gross_exposure", 39_000),
        ("NEAR_CORRELATION_CAP", "cluster_exposure", 7000),
        ("NEAR_MAX_DAILY_NOTIONAL", "traded_today", 39_000),
    ],
)
def test_nearing_a_limit_is_remarked_at_four_fifths(code: str, changes: str, at: int) -> None:
    """The approved 5 units are worth 1000."""
    assert code in codes(judge({f"s.holdings.{changes}": at}))
    assert code not in codes(judge({f"s.holdings.{changes}": at - 0.01}))
    assert judge({f"s.holdings.{changes}": at}).verdict is Verdict.APPROVE


money = st.decimals(min_value=0, max_value=100_000, places=2)
price = st.decimals(min_value="0.01", max_value=5000, places=4)


@settings(max_examples=runs(150, 300))
@given(
    asked=st.decimals(min_value="0.0001", max_value=100_000, places=4),
    reference=price,
    drift=st.decimals(min_value="0.98", max_value="1.02", places=3),
    stop_at=st.decimals(min_value="0.1", max_value="0.99", places=2),
    lot=st.sampled_from(["1", "100", "0.01", "0.3"]),
    equity=st.decimals(min_value=0, max_value=2_000_000, places=2),
    cash=money,
    symbol=st.decimals(min_value=-20_000, max_value=20_000, places=2),
    gross=money,
    cluster=money,
    traded=money,
)
def test_the_approved_quantity_is_within_what_was_asked_and_every_cap(
    asked: Decimal,
    reference: Decimal,
    drift: Decimal,
    stop_at: Decimal,
    lot: str,
    equity: Decimal,
    cash: Decimal,
    symbol: Decimal,
    gross: Decimal,
    cluster: Decimal,
    traded: Decimal,
) -> None:
    """The caps written a second time, multiplied instead of divided."""
    last, stop = reference * drift, reference * stop_at
    intent = an_intent({"terms.quantity": asked, "reference_price": reference, "stop": stop})
    seen = a_snapshot(
        {
            "instrument.lot_size": lot,
            "market.last_price": last,
            "market.previous_close": last,
            "holdings.equity": equity,
            "holdings.cash": cash,
            "holdings.symbol_exposure": symbol,
            "holdings.gross_exposure": gross,
            "holdings.cluster_exposure": cluster,
            "holdings.traded_today": traded,
        }
    )
    decision = decide(intent, seen, limits())
    quantity = decision.approved_quantity
    assert 0 <= quantity <= asked
    assert quantity % Decimal(lot) == 0
    assert (quantity == 0) is (decision.verdict is Verdict.REJECT)
    if quantity == 0:
        return
    value = quantity * max(reference, last)
    assert value <= equity * Decimal("0.01")
    assert quantity * (max(reference, last) - stop) <= equity * Decimal("0.005")
    assert value + symbol <= equity * Decimal("0.10")
    assert value + gross <= equity * Decimal("0.50")
    assert value + cluster <= equity * Decimal("0.10")
    assert value + traded <= equity * Decimal("0.50")
    assert value <= cash
    assert abs(decision.approved_size_pct - float(value / equity)) < 1e-12

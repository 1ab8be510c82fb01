"""Figures of any finite size get a decision with a code, never an exception (L3)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.policy.make import a_snapshot, an_exit, an_intent, codes, judge, limits
from tests.support.extent import runs
from tradewright.model.decision import Verdict
from tradewright.policy.approval import approve
from tradewright.policy.gate import decide, pre_send_check

ANY = st.builds(
    lambda sign, digits, exponent: Decimal((sign, digits, exponent)),
    st.integers(0, 1),
    st.lists(st.integers(0, 9), min_size=1, max_size=40).map(tuple),
    st.integers(-400, 260),
)
"""Finite decimals of either sign with up to 40 digits, from 1e-400 to 1e300 (above 1e308 a model
refuses a decimal as not finite)."""

AMOUNT = ANY.map(abs)
ABOVE_ZERO = AMOUNT.filter(bool)

SNAPSHOT: dict[str, st.SearchStrategy[Any]] = {
    "market.data_age_seconds": AMOUNT,
    "market.bars_only_seconds": AMOUNT,
    "market.last_price": ANY,
    "market.previous_close": ANY,
    "market.atr": AMOUNT,
    "holdings.equity": ANY,
    "holdings.cash": ANY,
    "holdings.committed_cash": AMOUNT,
    "holdings.position": ANY,
    "holdings.symbol_exposure": ANY,
    "holdings.strategy_exposure": AMOUNT,
    "holdings.gross_exposure": AMOUNT,
    "holdings.cluster_exposure": AMOUNT,
    "holdings.daily_drawdown": AMOUNT,
    "holdings.loss_today": ANY,
    "holdings.traded_today": AMOUNT,
    "holdings.open_orders": st.tuples(ABOVE_ZERO.map(lambda units: {"side": "SELL", "quantity": units})),
    "instrument.lot_size": ABOVE_ZERO,
    "instrument.multiplier": ABOVE_ZERO,
    "instrument.currency": st.sampled_from(["USD", "IDR"]),
    "rates": st.tuples(
        st.fixed_dictionaries(
            {"source": st.just("IDR"), "target": st.just("USD"), "rate": ABOVE_ZERO, "age_seconds": AMOUNT}
        )
    ),
    "checks": AMOUNT.map(lambda age: ({"name": "bars", "passed": True, "age_seconds": age},)),
}
INTENT: dict[str, st.SearchStrategy[Any]] = {
    "terms.quantity": ABOVE_ZERO,
    "reference_price": ANY,
    "stop": ANY,
    "take_profit": ANY,
}


def some(fields: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


@settings(max_examples=runs(150, 400))
@given(some(INTENT), some(SNAPSHOT), st.booleans())
def test_the_gate_and_the_sender_always_answer(intent: dict[str, Any], seen: dict[str, Any], exit_: bool) -> None:
    asked, snapshot = (an_exit(intent) if exit_ else an_intent(intent)), a_snapshot(seen)
    rules = limits({"max_daily_loss": 50})
    decision = decide(asked, snapshot, rules)
    assert decision.approved_quantity <= asked.terms.quantity
    assert (decision.approved_quantity > 0) is (decision.verdict is not Verdict.REJECT)
    order = approve(an_intent(), decide(an_intent(), a_snapshot(), rules), "DU1")
    assert isinstance(pre_send_check(order, snapshot, rules), tuple)


@pytest.mark.parametrize("equity", [10**12, 10**13, 10**15, 10**18])
def test_an_account_in_a_small_currency_trades(equity: int) -> None:
    rich = {"s.holdings.equity": equity, "s.holdings.cash": equity, "s.holdings.gross_exposure": 0}
    assert judge(rich).verdict is Verdict.APPROVE


def test_beyond_all_money_there_is_a_code_and_the_value() -> None:
    decision = judge({"s.holdings.equity": "1.5e40"})
    assert codes(decision) == ["INPUT_NOT_PLAUSIBLE", "EQUITY_UNKNOWN"]
    assert "holdings.equity 1.500e+40" in decision.reasons[0].text

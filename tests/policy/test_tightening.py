"""Limits that people tighten: never looser, named in the decision, over when the configuration has another value."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.policy.make import a_snapshot, an_exit, an_intent, codes, holding, limits
from tests.policy.test_monotone import ANY_ORDER, PURCHASE, RANK, SALE
from tradewright.model.decision import Verdict
from tradewright.model.tightening import Tightening
from tradewright.policy.gate import decide, rule_set_hash
from tradewright.policy.limits import Limits
from tradewright.policy.tightening import TIGHTER, NotTighter, plain_value, tightened, tightened_value

LADDERS = {name[2:]: rungs for name, rungs in (ANY_ORDER | PURCHASE | SALE).items() if name.startswith("l.")}
"""Of each limit, values of which each lets less through than the one before: the property of test_monotone.py."""


def change(limits: Limits, name: str, value: Any, seq: int = 7) -> Tightening:
    return Tightening(seq=seq, name=name, value=value, base=plain_value(limits, name), actor="ann", reason="too hot")


def text(value: Any) -> str:
    return ",".join(sorted(value)) if isinstance(value, set) else str(value)


def test_each_limit_that_can_be_tightened_lets_less_through_the_tighter_it_is() -> None:
    assert set(TIGHTER) <= set(LADDERS), "test_monotone.py tries them"
    for name, is_tighter in TIGHTER.items():
        values = [getattr(limits({name: rung}), name) for rung in LADDERS[name]]
        assert all(
            tight is not None and (loose is None or is_tighter(tight, loose)) for loose, tight in pairwise(values)
        )


@pytest.mark.parametrize("name", sorted(TIGHTER))
def test_a_tighter_value_is_taken_and_an_equal_or_looser_one_refused(name: str) -> None:
    loose, tight = LADDERS[name][0], LADDERS[name][-1]
    configured = limits({name: loose})
    value = tightened_value(configured, name, text(tight))
    present = tightened(configured, [change(configured, name, value)])
    assert getattr(present, name) == getattr(limits({name: tight} | {"warn_daily_drawdown": 0.01}), name)
    assert [one.seq for one in present.tightened] == [7]
    assert rule_set_hash(present) != rule_set_hash(configured)
    for refused in (tight, loose):
        with pytest.raises(NotTighter, match=r"is not tighter than|must be|must begin"):
            tightened_value(present, name, "" if refused is None else text(refused))


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("warn_ratio", "0.1", "no limit that can be tightened"),
        ("max_gros", "0.1", "no limit that can be tightened"),
        ("collar_other", "0.01", "no limit that can be tightened"),
        ("max_gross", "nan", "finite"),
        ("max_gross", "lots", "must be a number"),
        ("max_gross", "", "must be a number"),
        ("max_gross", "-1", "above 0"),
        ("max_gross", "0", "above 0"),
        ("max_daily_drawdown", "nan", "finite"),
        ("max_daily_drawdown", "x", "must be a number"),
        ("max_open_orders_per_side", "2.5", "whole number"),
        ("manual_approval", "perhaps", "boolean"),
        ("restricted", "", "must begin with a letter"),
        ("restricted", "A A", "must begin with a letter"),
    ],
)
def test_what_is_no_tightening_is_refused_by_name(name: str, value: str, told: str) -> None:
    with pytest.raises(NotTighter, match=told) as caught:
        tightened_value(limits(), name, value)
    assert caught.value.remedy


def test_the_decision_caps_by_it_and_names_it() -> None:
    configured = limits()
    present = tightened(configured, [change(configured, "max_size_pct", "0.004")])
    before, after = (decide(an_intent(), a_snapshot(), each) for each in (configured, present))
    assert (before.approved_quantity, after.approved_quantity) == (5, 2)
    reason = next(reason for reason in after.reasons if reason.code == "LIMITS_TIGHTENED")
    assert reason.text == "max_size_pct 0.004 by ann (event 7): too hot"
    assert reason.verdict is Verdict.APPROVE
    assert "LIMITS_TIGHTENED" not in codes(before)


def test_an_exit_goes_on_under_it() -> None:
    configured = limits()
    present = tightened(configured, [change(configured, "max_gross", "0.001")])
    decision = decide(an_exit(), holding(50), present)
    assert (decision.verdict, decision.approved_quantity) == (Verdict.APPROVE, 10)


def test_a_warning_still_comes_before_the_stop() -> None:
    configured = limits()
    present = tightened(configured, [change(configured, "max_daily_drawdown", "0.015")])
    assert (float(present.max_daily_drawdown), float(present.warn_daily_drawdown)) == (0.015, 0.015)
    assert float(configured.warn_daily_drawdown) == 0.02


@pytest.mark.parametrize("configured", [0.4, 0.15, 0.5001])
def test_the_configurations_next_value_is_the_one_in_force(configured: float) -> None:
    made = change(limits({"max_gross": 0.5}), "max_gross", "0.2")
    now = limits({"max_gross": configured})
    assert tightened(now, [made]) == now
    assert float(tightened(limits({"max_gross": "0.50"}), [made]).max_gross) == 0.2


@pytest.mark.parametrize("name", sorted(TIGHTER))
def test_a_looser_value_in_the_ledger_is_none_whoever_wrote_it(name: str) -> None:
    looser, configured = limits({name: LADDERS[name][0]}), limits({name: LADDERS[name][1], "warn_daily_drawdown": 0.01})
    value = plain_value(looser, name)
    if value is not None:
        assert tightened(configured, [change(configured, name, value)]) == configured


names = st.sampled_from(sorted(TIGHTER))


@given(st.lists(st.tuples(names, st.integers(0, 9), st.integers(0, 9)), max_size=6))
def test_whatever_is_tightened_never_lets_more_through(steps: list[tuple[str, int, int]]) -> None:
    """Whatever stands in the ledger, written by whomever: the answer is never better than without it."""
    configured = limits({"max_daily_loss": 1000, "max_order_money": 900})
    made: dict[str, Tightening] = {}
    for seq, (name, rung, base) in enumerate(steps, 1):
        value = plain_value(limits({name: LADDERS[name][rung % len(LADDERS[name])]}), name)
        if value is not None:
            made[name] = change(configured if base % 2 else limits({name: LADDERS[name][0]}), name, value, seq)
    present = tightened(configured, made.values())
    before, after = (decide(an_intent(), a_snapshot(), each) for each in (configured, present))
    assert RANK[after.verdict] >= RANK[before.verdict]
    assert after.approved_quantity <= before.approved_quantity

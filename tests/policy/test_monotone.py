"""Worse inputs never give a better answer: each input has a ladder from its best to its worst value."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.policy.make import AAPL, NOW, Changes, a_snapshot, an_intent, judge, limits
from tests.support.extent import cases, runs
from tradewright.model.decision import Decision, Verdict
from tradewright.policy.approval import approve
from tradewright.policy.gate import decide, pre_send_check

RANK = {Verdict.APPROVE: 0, Verdict.REVIEW: 1, Verdict.REJECT: 2}
BUY: dict[str, Any] = {"side": "BUY", "quantity": 1}
SELL: dict[str, Any] = {"side": "SELL", "quantity": 2}


def twin(side: str, seconds: float, quantity: int = 10, asked: int | None = None) -> dict[str, Any]:
    at = NOW - timedelta(seconds=seconds)
    return {"intent_id": "other123", "side": side, "quantity": quantity, "asked": asked, "at": at}


def twins(side: str, other: str, size: int) -> list[Any]:
    """From no other order to the same decision; between them an order that is alike only if a cap cuts deep enough."""
    calm = (twin(other, 1), twin(side, 60), twin(side, 1, 11))
    cut = (*calm, twin(side, 1, size, asked=20))
    return [(), calm, cut, (*cut, twin(side, 59, 11, asked=10)), None]


def result(passed: bool | None, age: float | None, **other: bool) -> tuple[dict[str, Any], ...]:
    return ({"name": "bars", "passed": passed, "age_seconds": age, **other},)


def yen(age: float | None) -> tuple[dict[str, Any], ...]:
    """The rate of something that is held: without it the account has no value."""
    return ({"source": "JPY", "target": "USD", "rate": 0.0067, "age_seconds": age},)


ANY_ORDER: dict[str, list[Any]] = {
    "s.market.data_age_seconds": [0, 12, 30, 30.001, 500, None],
    "s.market.market_open": [True, False, None],
    "s.market.event_blackout_active": [False, True, None],
    "s.market.liquidity_score": [1, 0.71, 0.7, 0.69, 0, None],
    "s.market.spread_bps": [0, 1, 50, 50.001, 10**9],
    "s.market.previous_close": [200, 204, 206.2, 1000, None],
    "s.market.bars_gap": [False, True, None],
    "s.market.volatility_pause": [False, True, None],
    "s.market.atr": [1, 2, 25, 100, None],
    "s.holdings.equity": [1_000_000, 100_000, 50_000, 15_000, 1, 0, -5, None],
    "s.holdings.cash": [1_000_000, 900, 399, 199, 0, -5, None],
    "s.holdings.committed_cash": [0, 74_000, 74_601, 74_801, 75_000, 10**9, 10**20, None],
    "s.holdings.loss_today": [-(10**9), 0, 49.99, 50, 10**20, None],
    "s.holdings.strategy_exposure": [0, 49_000, 49_700, 50_000, 10**9, None],
    "s.holdings.gross_exposure": [0, 25_000, 49_700, 50_000, 10**9, None],
    "s.holdings.cluster_exposure": [0, 9000, 9700, 10_000, 10**9, None],
    "s.holdings.correlation": [0, 0.35, 0.36, 1, None],
    "s.holdings.daily_drawdown": [0, 0.02, 0.0299, 0.03, 0.9, None],
    "s.holdings.traded_today": [0, 25_000, 49_700, 50_000, 10**9, None],
    "s.activity.orders_last_second": [0, 1, 50, None],
    "s.activity.orders_last_minute": [0, 19, 20, 500, None],
    "s.activity.orders_of_intent": [0, 1, 2, None],
    "s.broker.ready": [True, False, None],
    "s.broker.unknown_attempts": [0, 1, 5, None],
    "s.broker.frozen": [False, True, None],
    "s.broker.killed": [False, True, None],
    "s.broker.breaker": ["", "a loss of 51 reached 50", None],
    "s.checks": [
        result(True, 0),
        result(True, 3600),
        result(True, 3601),
        result(True, 3601, other_data=True),
        result(False, 3601, other_data=True),
        result(False, 3601, other_data=True, other_rules=True),
        result(None, None),
        (),
    ],
    "s.rates": [(), yen(0), yen(60), yen(61), yen(345_601), yen(None)],
    "s.reasoning": [
        {"status": "OK", "recommendation": "ALLOW"},
        {"status": "OK", "recommendation": "ALLOW_WITH_CAUTION"},
        {"status": "OK", "recommendation": "BLOCK"},
    ],
    "s.stage": ["local", "paper", "sandbox", "live_small"],
    "s.mode": ["sim", "paper", "live"],
    "s.instrument": [AAPL.model_dump(), None],
    "i.confidence": [1, 0.71, 0.6, 0.59, 0],
    "l.allowlist": [{"AAPL", "MSFT"}, {"AAPL"}, {"MSFT"}, set()],
    "l.restricted": [set(), {"MSFT"}, {"MSFT", "AAPL"}],
    "l.max_data_age_seconds": [3600, 30, 12, 11, 1],
    "l.max_check_age_seconds": [86400, 60, 59],
    "l.max_rate_age_seconds": [864_000, 345_600, 60, 59],
    "l.max_daily_drawdown": [0.2, 0.03, 0.02],
    "l.max_spread_bps": [1000, 50, 1, 0.5],
    "l.min_liquidity": [0.1, 0.9, 0.91, 1],
    "l.min_confidence": [0, 0.71, 0.72, 1],
    "l.max_correlation": [0.9, 0.1, 0.09, 0],
    "l.max_size_pct": [1, 0.01, 0.004, 0.0001],
    "l.risk_per_trade": [0.05, 0.005, 0.0001, 0.00001],
    "l.atr_stop_multiple": [0.5, 2, 20],
    "l.max_position": [1, 0.1, 0.002, 0.0001],
    "l.max_strategy": [4, 0.5, 0.002, 0.0001],
    "l.max_gross": [4, 0.5, 0.26, 0.2501, 0.1],
    "l.correlation_cap": [4, 0.1, 0.002, 0.0001],
    "l.max_order_value": [1, 0.02, 0.004, 0.0001],
    "l.max_daily_notional": [10, 0.5, 0.002, 0.0001],
    "l.max_open_orders_per_side": [20, 5, 1],
    "l.max_daily_loss": [None, 10**6, 1],
    "l.manual_approval": [False, True],
    "l.max_order_money": [None, 1000, 400, 100],
    "l.duplicate_window_seconds": [1, 60, 86400],
}

PURCHASE = ANY_ORDER | {
    "s.market.last_price": [200, 205, 206.01, 10**6, None],
    "s.holdings.symbol_exposure": [-9000, 0, 9000, 9700, 10_000, None],
    "s.holdings.open_orders": [(), (SELL,) * 9, (BUY,) * 4, (BUY,) * 5, None],
    "s.holdings.position": [0, 500, None],
    "s.activity.recent": twins("BUY", "SELL", 5),
    "i.stop": [199, 195, 150, 1, 0.01],
}
SALE = ANY_ORDER | {
    "s.market.last_price": [200, 205, 206.01, 10**6, None],
    "s.holdings.symbol_exposure": [9000, 0, -9000, -9700, -10_000, None],
    "s.holdings.open_orders": [(), (BUY,) * 9, (SELL,) * 4, (SELL,) * 5, None],
    "s.holdings.position": [50, 10, 9, 0, -5, None],
    "s.activity.recent": twins("SELL", "BUY", 5),
    "s.instrument.shortable": [True, False],
    "l.allow_short": [True, False],
}
EXIT = ANY_ORDER | {
    "s.market.last_price": [200, 300, None],
    "s.holdings.open_orders": [(), (BUY,) * 9, (SELL,) * 4, (SELL,) * 5, None],
    "s.holdings.position": [50, 10, 9, 3, 1, 0, -5, None],
    "s.activity.recent": twins("SELL", "BUY", 9),
}
LADDERS: dict[str, dict[str, list[Any]]] = {"purchase": PURCHASE, "sale": SALE, "exit": EXIT}
START: dict[str, Changes] = {
    "purchase": {"l.max_daily_loss": 50},
    "sale": {"l.max_daily_loss": 50, "i.terms.side": "SELL", "s.holdings.position": 50},
    "exit": {"i.terms.side": "SELL", "i.reduce_only": True, "s.holdings.position": 50, "l.allow_short": False},
}


def ordered(changes: Changes) -> Changes:
    """Whole documents before their parts, so that ``s.instrument`` does not overwrite ``s.instrument.shortable``."""
    if changes.get("s.instrument", True) is None:
        changes = {path: value for path, value in changes.items() if not path.startswith("s.instrument.")}
    return dict(sorted(changes.items(), key=lambda item: item[0].count(".")))


SIZES = cases((1, 5, 9), range(1, 11))


def no_better(before: Decision, after: Decision) -> bool:
    return RANK[after.verdict] >= RANK[before.verdict] and after.approved_quantity <= before.approved_quantity


@pytest.mark.parametrize(("kind", "path"), [(kind, path) for kind, ladders in LADDERS.items() for path in ladders])
def test_no_rung_is_better_than_the_one_above(kind: str, path: str) -> None:
    rungs = [judge(ordered(START[kind] | {path: value})) for value in LADDERS[kind][path]]
    assert all(no_better(before, after) for before, after in pairwise(rungs))


@pytest.mark.parametrize(("kind", "path"), [(kind, path) for kind, each in LADDERS.items() for path in each])
def test_a_deeper_cut_makes_no_order_of_a_duplicate(kind: str, path: str) -> None:
    """Beside an order of every size: the caps may bring this one to it, and must not bring it past it."""
    side = "BUY" if kind == "purchase" else "SELL"
    for size in SIZES:
        other = START[kind] | {"s.activity.recent": (twin(side, 1, size),)}
        rungs = [judge(ordered(other | {path: value})) for value in LADDERS[kind][path]]
        assert all(no_better(before, after) for before, after in pairwise(rungs)), size


@st.composite
def two_situations(draw: st.DrawFn) -> tuple[Changes, Changes]:
    """Some inputs anywhere on their ladders, and the same with one of them, or another, further down."""
    kind = draw(st.sampled_from(sorted(LADDERS)))
    ladders = LADDERS[kind]
    chosen = draw(st.lists(st.sampled_from(sorted(ladders)), max_size=4, unique=True))
    rungs = {path: draw(st.integers(0, len(ladders[path]) - 1)) for path in chosen}
    worse = draw(st.sampled_from(sorted(ladders)))
    start = rungs.setdefault(worse, 0)
    lower = draw(st.integers(start, len(ladders[worse]) - 1))
    before = START[kind] | {path: ladders[path][rung] for path, rung in rungs.items()}
    return ordered(before), ordered(before | {worse: ladders[worse][lower]})


@settings(max_examples=runs(200, 500))
@given(two_situations())
def test_worsening_any_single_input_never_helps(situations: tuple[Changes, Changes]) -> None:
    before, after = situations
    assert no_better(judge(before), judge(after))


@settings(max_examples=runs(200, 500))
@given(two_situations())
def test_worsening_the_senders_view_never_lets_a_stopped_order_go(situations: tuple[Changes, Changes]) -> None:
    before, after = ({p[2:]: v for p, v in side.items() if p.startswith("s.")} for side in situations)
    terms = {path[2:]: value for path, value in situations[0].items() if path.startswith(("i.terms", "i.reduce"))}
    calm = a_snapshot({"holdings.position": 50} if terms else {})
    order = approve(an_intent(terms), decide(an_intent(terms), calm, limits()), "DU1")
    stopped, later = (bool(pre_send_check(order, a_snapshot(seen), limits())) for seen in (before, after))
    assert later >= stopped

"""A backtest without a fill says why, where strategy, bars and terms tell it; each cause from a run of the kernel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pytest

from tests.backtest.plain import FLAT, Script, act, bars, plain_kernel
from tradewright.backtest.sizing import FixedUnits, RiskPerTrade
from tradewright.backtest.spec import BacktestSpec
from tradewright.evaluation.check_input import CheckInput
from tradewright.evaluation.checks import no_trades
from tradewright.evaluation.finding import ValidityEvidence, pooled_validity_evidence
from tradewright.evaluation.metrics import evaluate
from tradewright.evaluation.untraded import reason_untraded
from tradewright.model.bars import Bars, Floats
from tradewright.model.strategy import HOLD, NAN, Action, Feature, GenerateSignal, OrderRequest, Strategy

TEN = bars(*[FLAT] * 10)
ONE = BacktestSpec(sizing=FixedUnits(1.0))


PLAN: dict[int, Action] = {}


def planned(i: int, _features: tuple[Floats, ...], _params: tuple[float, ...], _position: float) -> Action:
    """The plan of the strategy that was asked for its decision last; a plain function, as strategies have them."""
    return PLAN.get(i, HOLD)


@dataclass(frozen=True)
class Planned(Script):
    """As a script, with a plain function as its decision, and columns that it reads."""

    features: tuple[Feature, ...] = ()

    @property
    def generate_signal(self) -> GenerateSignal:
        PLAN.clear()
        PLAN.update(self.targets)
        return planned

    def prepare_state(self) -> tuple[Feature, ...]:
        return self.features


def buys(*days: int, **prices: float) -> dict[int, tuple[float, float, float, float]]:
    return {day: act(1.0, **prices) for day in days}


CASES: Mapping[str, tuple[Strategy, Bars, BacktestSpec, str]] = {
    "a window longer than the history": (
        Planned({}, features=(Feature("sma", (20,)), Feature("close"))), TEN, ONE,
        "sma(20) is known in none of the 10 bars: the window is longer than the history",
    ),
    "what the bars lack": (
        Planned({}, features=(Feature("volume"),)), bars(*[FLAT] * 10, volume=np.nan), ONE,
        "volume is known in none of the 10 bars",
    ),
    "conditions never true": (
        Planned({}, features=(Feature("sma", (4,)),)), TEN, ONE,
        "It wanted a position in none of the 10 bars; all that it reads is known in 7 of them.",
    ),
    "targets of nothing": (
        Planned({3: act(0.0)}), TEN, ONE, "It wanted a position in none of the 10 bars;",
    ),
    "history does not count": (
        Planned(buys(1)), TEN, BacktestSpec(first_bar=4), "It wanted a position in none of the 6 bars;",
    ),
    "shorts that are not allowed": (
        Planned({3: act(-1.0), 5: act(-0.5)}), TEN, ONE, "It wanted short positions alone, in 2 bars, and they are not",
    ),
    "decided on the last bar": (
        Planned(buys(9)), TEN, ONE,
        "The first position was wanted on 1970-01-10, and no later bar is there to fill it.",
    ),
    "less than a lot": (
        Planned(buys(2, 4)), TEN, BacktestSpec(cash=50.0),
        "It wanted a position in 2 bars, first on 1970-01-03, and the size came to less than one lot (1) each time",
    ),
    "risk without a stop": (
        Planned(buys(2)), TEN, BacktestSpec(sizing=RiskPerTrade(0.01)),
        "in 1 bar, first on 1970-01-03, and names no stop, without which risk_per_trade gives no size",
    ),
    "a limit out of reach": (
        Planned(buys(2, limit=50.0)), TEN, ONE, "and no bar reached the prices of its orders while they worked",
    ),
    "a column that is never known, beside a wish": (
        Planned(buys(2), features=(Feature("sma", (20,)),)), TEN, BacktestSpec(cash=50.0),
        "It wanted a position in 1 bar, first on 1970-01-03, and the size came to less than one lot (1) each time",
    ),
    "too few units": (
        Planned(buys(2)), TEN, BacktestSpec(sizing=FixedUnits(0.5)),
        "and the size came to less than one lot (1) each time: the units of the sizing are too few.",
    ),
    "a stop at the price of the entry": (
        Planned(buys(2, stop=100.0)), TEN, BacktestSpec(sizing=RiskPerTrade(0.01)),
        "the stop is missing, at the price of the entry, or too far off for the cash and the risk.",
    ),
    "a limit that is reached, without the money": (
        Planned(buys(2, limit=99.5)), TEN, BacktestSpec(sizing=FixedUnits(1.0), cash=50.0),
        "and either no bar reached the prices of its orders while they worked, or the cash did not cover one lot (1)",
    ),
    "a limit out of reach, beside an order without size": (
        Planned({2: act(1.0, limit=50.0), 6: act(0.4)}), TEN, ONE,
        "and either no bar reached the prices of its orders while they worked, or the cash did not cover one lot (1)",
    ),
    "a limit beyond the last bar": (
        Planned({2: act(1.0, limit=50.0), 9: act(1.0, limit=101.0)}), TEN, ONE,
        "and no bar reached the prices of its orders while they worked.",
    ),
    "no money": (
        Planned(buys(2)), TEN, BacktestSpec(sizing=FixedUnits(1.0), cash=50.0),
        "and the cash did not cover one lot (1) with its costs at the price of the fill.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_each_cause_is_told(name: str) -> None:
    strategy, table, spec, told = CASES[name]
    result = plain_kernel(strategy, table, spec)
    assert len(result.fills) == 0
    reason = reason_untraded(strategy, table, spec, result.orders)
    assert told in reason
    assert reason.endswith(".")
    case = CheckInput(result, evaluate(result), ValidityEvidence(untraded=reason))
    (finding,) = no_trades(case)
    assert finding.message.endswith(reason)


def test_the_counter_examples_trade() -> None:
    """What makes each case one without a fill is the cause that is told."""
    for strategy, spec in (
        (Planned(buys(2)), BacktestSpec(sizing=FixedUnits(1.0), cash=200.0)),
        (Planned(buys(8)), ONE),
        (Planned(buys(2, stop=90.0)), BacktestSpec(sizing=RiskPerTrade(0.01))),
        (Planned(buys(2, limit=99.5)), ONE),
        (Planned({3: act(-1.0)}), BacktestSpec(sizing=FixedUnits(1.0), allow_short=True)),
    ):
        assert len(plain_kernel(strategy, TEN, spec).fills) > 0


def test_a_request_with_a_trail_needs_no_other_stop() -> None:
    class Trails(Script):
        @property
        def generate_signal(self):  # type: ignore[no-untyped-def]
            return lambda i, _features, _params, _position: OrderRequest(1.0 if i == 2 else np.nan, trail=1.0)

    spec = BacktestSpec(sizing=RiskPerTrade(0.01), cash=10.0)
    assert "less than one lot" in reason_untraded(Trails({}), TEN, spec, 0)


def dividing(_i: int, _features: tuple[Floats, ...], params: tuple[float, ...], _position: float) -> Action:
    return (1.0, NAN, NAN, NAN) if 1.0 / params[0] < 1.0 else HOLD


def test_a_decision_that_fails_uncompiled_leaves_the_cause_untold() -> None:
    class Divides(Script):
        generate_signal = staticmethod(dividing)  # type: ignore[assignment]

        def parameters(self) -> tuple[float, ...]:
            return (0.0,)

    assert reason_untraded(Divides({}), TEN, ONE, 0) == ""


def test_only_so_many_bars_are_decided_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tradewright.evaluation.untraded.MOST_BARS", 4)
    assert "none of the first 4 bars" in reason_untraded(Planned(buys(6)), TEN, ONE, 0)
    shorts = Planned({3: act(-1.0), 6: act(1.0)})
    assert "short positions alone, in 1 bar of the first 4 bars" in reason_untraded(shorts, TEN, ONE, 0)
    assert "in 1 bar of the first 4 bars" in (told := reason_untraded(Planned(buys(3, 6, limit=50.0)), TEN, ONE, 2))
    assert "either no bar reached" in told, "the orders may be those of later bars"
    assert reason_untraded(Planned({}), TEN, replace(ONE, first_bar=10), 0) == ""


def test_several_accounts_tell_each_their_own() -> None:
    one, two, none = (ValidityEvidence(untraded=text) for text in ("A.", "B.", ""))
    assert pooled_validity_evidence([one, one, none]).untraded == "A."
    assert pooled_validity_evidence([one, two]).untraded == "The finding of each instrument says why."

"""An error in a strategy's own code is told with its file and line."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from benchmarks.peer import walk
from strategies.buy_and_hold import BuyAndHold
from strategies.sma_crossover import SmaCrossover
from tradewright.backtest import compiled
from tradewright.backtest.decisions import decide, replay
from tradewright.backtest.engine import run
from tradewright.backtest.lookahead import look_ahead
from tradewright.backtest.spec import BacktestSpec
from tradewright.backtest.strategy_errors import located_errors
from tradewright.backtest.sweep import sweep
from tradewright.model.bars import Floats
from tradewright.model.errors import StrategyError
from tradewright.model.strategy import Action, Feature, Strategy

BARS = walk(100)


def misspelt(i: int, features: tuple[Floats, ...], _params: tuple[float, ...], _position: float) -> Action:
    """Calls what a number does not have."""
    return features[0][i].foo(), 0.0, 0.0, 0.0


def divided(_i: int, features: tuple[Floats, ...], _params: tuple[float, ...], _position: float) -> Action:
    """Reads a feature that was not asked for."""
    return features[3][0], 0.0, 0.0, 0.0


@dataclass(frozen=True)
class Broken:
    """A strategy around a faulty decision."""

    generate_signal: Callable[..., Action]
    name: str = "broken"

    def prepare_state(self) -> tuple[Feature, ...]:
        """One column."""
        return (Feature("close"),)

    def parameters(self) -> tuple[float, ...]:
        """None."""
        return ()


def line_of(function: Callable[..., object]) -> int:
    lines, first = inspect.getsourcelines(function)
    return first + next(number for number, line in enumerate(lines) if "return" in line)


@pytest.mark.parametrize("decision", [misspelt, divided])
@pytest.mark.parametrize(
    "act",
    [
        lambda strategy: decide(strategy, BARS, 0.0),
        lambda strategy: replay(strategy, BARS, np.zeros(len(BARS.ts))),
        lambda strategy: look_ahead(strategy, BARS),
        lambda strategy: run(strategy, BARS, BacktestSpec()),
        lambda strategy: sweep([strategy], BARS, BacktestSpec()),
    ],
    ids=["decide", "replay", "look_ahead", "run", "sweep"],
)
def test_the_line_is_named(decision: Callable[..., Action], act: Callable[[Strategy], object]) -> None:
    with pytest.raises(StrategyError) as told:
        act(Broken(decision))
    assert told.value.where == f"strategy broken, {__file__}, line {line_of(decision)}"
    assert told.value.what.startswith("generate_signal: ")
    assert told.value.remedy


def test_an_error_from_elsewhere_is_not_blamed_on_the_strategy(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_self: object) -> tuple[float, ...]:
        raise RuntimeError("not the decision")

    monkeypatch.setattr(Broken, "parameters", fails)
    with pytest.raises(RuntimeError, match="not the decision"):
        replay(Broken(misspelt), BARS, np.zeros(len(BARS.ts)))


def test_a_decision_that_is_too_much_for_the_compiler_is_told_as_that() -> None:
    """Forty different windows are within the limits of a document, and beyond the depth of the compiler."""
    space: dict[str, Callable[[], None]] = {}
    source = "def deep():\n    raise RecursionError('maximum recursion depth exceeded')\n"
    exec(compile(source, "/lib/numba/core/compiler.py", "exec"), space)
    too_much = pytest.raises(StrategyError, match="more windows, features and conditions than the compiler takes")
    with too_much, located_errors(BuyAndHold()):
        space["deep"]()


def test_the_tuples_of_many_columns_and_parameters_are_made_within_the_depth_of_the_compiler() -> None:
    """One function within another for each column was beyond it at about forty."""
    choose, take = compiled._column_chooser(48), compiled._value_chooser(48)

    def read(columns: Floats, row: Floats) -> tuple[float, float, float, float]:
        chosen, taken = choose(columns, row), take(columns[1])
        return chosen[0][0], chosen[47][0], taken[0], taken[47]

    columns, row = np.repeat(np.arange(48.0), 48).reshape(48, 48), np.arange(48)[::-1].copy()
    assert compiled.njit(read, **compiled.OPTIONS)(columns, row) == (47.0, 0.0, 1.0, 1.0)


def test_more_features_than_are_compiled_while_people_wait_are_refused() -> None:
    class Greedy(SmaCrossover):
        def prepare_state(self) -> tuple[Feature, ...]:
            return tuple(Feature("sma", (n,)) for n in range(1, 202))

    with pytest.raises(StrategyError, match="it returns 201 features") as told:
        run(Greedy(), walk(30), BacktestSpec())
    assert "test_strategy_errors.py" in told.value.where

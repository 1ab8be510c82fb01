"""Features that remember: equal to a plain loop on every road, and none knows a later bar."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType, MappingProxyType
from typing import cast

import numpy as np
import pytest

from conf.environment import SOURCE
from strategies.base import BaseStrategy
from strategies.discovery import found_in
from tests.backtest.conftest import random_bars
from tradewright.backtest.cache import cache_key
from tradewright.backtest.decisions import current_target, feature_values
from tradewright.backtest.engine import run
from tradewright.backtest.lookahead import look_ahead
from tradewright.backtest.lookahead_evidence import tested_code as code_of
from tradewright.backtest.remembered import remembered
from tradewright.backtest.spec import BacktestSpec
from tradewright.backtest.strategy_errors import features_of
from tradewright.backtest.sweep import sweep
from tradewright.indicators.registry import columns
from tradewright.model.bars import Bars, Floats
from tradewright.model.errors import ConfigError, StrategyError, TradewrightError
from tradewright.model.recursion import RECURSIONS, with_inputs
from tradewright.model.secondary_needs import needs_among
from tradewright.model.strategy import HOLD, NAN, Action, Feature, Strategy

CLOSE = Feature("close")
SPEC = BacktestSpec()


def reversal(i: int, features: tuple[Floats, ...], arguments: tuple[float, ...], memory: Floats) -> None:
    """The direction of a zigzag, its extreme, and the bars since it turned."""
    close = features[0][i]
    if memory[0] != memory[0]:
        memory[0], memory[1], memory[2] = 1.0, close, 0.0
        return
    turned = (memory[1] - close) * memory[0] > arguments[0] * memory[1]
    memory[2] = 0.0 if turned else memory[2] + 1.0
    if turned:
        memory[0] = -memory[0]
    if turned or (close - memory[1]) * memory[0] > 0.0:
        memory[1] = close


def peeking(i: int, features: tuple[Floats, ...], _arguments: tuple[float, ...], memory: Floats) -> None:
    """Looks at the next bar in each 23rd bar."""
    ahead = i + 1 if i % 23 == 22 and i + 1 < len(features[0]) else i
    memory[0] = features[0][ahead]


def wrapping(i: int, features: tuple[Floats, ...], _arguments: tuple[float, ...], memory: Floats) -> None:
    """Reads the last bar of all in the first."""
    memory[0] = features[0][i - 1]


def beyond(i: int, features: tuple[Floats, ...], _arguments: tuple[float, ...], memory: Floats) -> None:
    """Reads a bar after the last."""
    memory[0] = features[0][i + 1]


def uncompilable(i: int, features: tuple[Floats, ...], _arguments: tuple[float, ...], memory: Floats) -> None:
    """Uses what the compiler does not know."""
    memory[0] = float(str(features[0][i]) or "0")


def follow(i: int, features: tuple[Floats, ...], _params: tuple[float, ...], _position: float) -> Action:
    """Long and short with the zigzag, as it turns."""
    return (features[0][i], NAN, NAN, NAN) if features[1][i] == 0.0 and i > 0 else HOLD


@dataclass(frozen=True)
class Zigzag(BaseStrategy):
    """Turns with the close."""

    turn: float = 0.03

    name = "zigzag"
    generate_signal = staticmethod(follow)
    bounds = MappingProxyType({"turn": (0.0, 1.0)})

    def prepare_state(self) -> tuple[Feature, ...]:
        """Direction and age."""
        direction, _extreme, age = remembered(reversal, ("direction", "extreme", "age"), (CLOSE,), (self.turn,))
        return direction, age


def plain(bars: Bars, turn: float) -> list[Floats]:
    """The zigzag once more, by lists."""
    direction, extreme, age, rows = 1.0, float(bars.close[0]), 0.0, []
    for i, close in enumerate(map(float, bars.close)):
        turned = i > 0 and (extreme - close) * direction > turn * extreme
        age = 0.0 if turned or i == 0 else age + 1.0
        direction = -direction if turned else direction
        extreme = close if turned or (close - extreme) * direction > 0 else extreme
        rows.append((direction, extreme, age))
    return [np.array(column) for column in zip(*rows, strict=True)]


@pytest.mark.parametrize("seed", range(4))
def test_columns_are_those_of_a_plain_loop(seed: int) -> None:
    bars = random_bars(seed, 200)
    found = columns(remembered(reversal, ("direction", "extreme", "age"), (CLOSE,), (0.03,)), bars)
    for ours, theirs in zip(found, plain(bars, 0.03), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert set(found[2]) > {0.0, 1.0}, "it turns"


def test_the_same_in_backtest_sweep_and_signals() -> None:
    bars, sets = random_bars(7, 300), [Zigzag(turn) for turn in (0.01, 0.03, 0.08, 0.5)]
    singles = [run(each, bars, SPEC) for each in sets]
    assert len(singles[0].trades) > 10
    assert sweep(sets, bars, SPEC).tobytes() == np.concatenate([each.totals for each in singles]).tobytes()
    assert sweep(sets[::-1], bars, SPEC)[::-1].tobytes() == sweep(sets, bars, SPEC).tobytes(), (
        "no set remembers another"
    )
    newest = current_target(sets[0], bars, SPEC)
    assert newest.target == plain(bars, 0.01)[0][-1]
    assert plain(bars, 0.01)[2][newest.since] == 0.0
    assert [name for name, _column in feature_values(sets[0], bars)] == ["direction(0.01)", "age(0.01)"]


def test_a_feature_that_remembers_may_read_another_and_series_of_others() -> None:
    bars, spy = random_bars(3, 80), Feature("close", of="SPY")
    (inner,) = remembered(peak, ("peak",), (CLOSE,))
    (outer,) = remembered(peak, ("peak",), (inner, CLOSE))
    np.testing.assert_array_equal(columns((outer, inner), bars)[0], np.maximum.accumulate(bars.close))
    assert inner != outer, "the inputs are part of the name"
    (reads,) = remembered(peak, ("peak",), (spy,))
    assert [each.of for each in needs_among("x", (reads,)).features] == ["SPY"]
    assert list(with_inputs((outer,))) == [outer, inner, CLOSE, CLOSE]


def peak(i: int, features: tuple[Floats, ...], _arguments: tuple[float, ...], memory: Floats) -> None:
    """The highest value so far."""
    memory[0] = features[0][i] if not memory[0] >= features[0][i] else memory[0]


def other_peak(i: int, features: tuple[Floats, ...], _arguments: tuple[float, ...], memory: Floats) -> None:
    """The highest value so far, and a little."""
    memory[0] = features[0][i] * 1.01 if not memory[0] >= features[0][i] else memory[0]


class _Reads(Zigzag):
    made_of: tuple[Feature, ...] = ()

    def prepare_state(self) -> tuple[Feature, ...]:
        return (*self.made_of, CLOSE)


def reading(step: object, read: Feature = CLOSE) -> Zigzag:
    """A strategy that reads what a step remembers."""
    return type("Reads", (_Reads,), {"made_of": remembered(step, ("own",), (read,))})()  # type: ignore[arg-type]


def generator(_i: int, _features: tuple[Floats, ...], _arguments: tuple[float, ...], memory: Floats) -> Iterator[None]:
    """Remembers nothing when it is called."""
    memory[0] = 1.0
    yield


def returning(i: int, features: tuple[Floats, ...], _arguments: tuple[float, ...], _memory: Floats) -> float:
    """Takes the memory for its answer."""
    return float(features[0][i])


def without_arguments(_i: int, _features: tuple[Floats, ...], arguments: tuple[float, ...], memory: Floats) -> None:
    """Reads an argument that nobody gave."""
    memory[0] = arguments[0]


def beside_memory(_i: int, _features: tuple[Floats, ...], _arguments: tuple[float, ...], memory: Floats) -> None:
    """Remembers more than it has names."""
    memory[1] = 1.0


def writing(i: int, features: tuple[Floats, ...], _arguments: tuple[float, ...], memory: Floats) -> None:
    """Writes into what it reads."""
    features[0][i] = memory[0]


def ending(i: int, _features: tuple[Floats, ...], _arguments: tuple[float, ...], memory: Floats) -> None:
    """Ends the program."""
    if i == 40:
        raise SystemExit(3)
    memory[0] = 1.0


def counting(_i: int, features: tuple[Floats, ...], _arguments: tuple[float, ...], memory: Floats) -> None:
    """Reads how many bars there are."""
    memory[0] = float(len(features[0]))


def test_other_code_or_arguments_are_another_strategy() -> None:
    told = [cache_key(each, "data", SPEC) for each in (reading(peak), reading(other_peak), Zigzag(0.1), Zigzag(0.2))]
    assert len(set(told)) == len(told)
    assert code_of(reading(peak)) != code_of(reading(other_peak))


@pytest.mark.parametrize(("step", "bar"), [(peeking, 22), (wrapping, 0)])
def test_a_later_bar_is_found_wherever_it_is_looked_at(step: object, bar: int) -> None:
    (found,) = [each for each in look_ahead(reading(step), random_bars(1, 60)) if each.what == "own"]
    assert (found.bar, found.invented) == (bar, True)
    assert found.place.startswith("test_remembered.py:")
    assert "own" in str(found)


def test_the_number_of_bars_is_told_once_by_the_name_of_the_feature_and_the_line_of_the_step() -> None:
    (found,) = look_ahead(reading(counting), random_bars(1, 60))
    assert (found.what, found.place) == ("own", f"test_remembered.py:{counting.__code__.co_firstlineno}")


def test_what_remembers_the_past_alone_is_free() -> None:
    assert look_ahead(Zigzag(), random_bars(2, 500)) == ()
    assert look_ahead(Zigzag(), random_bars(2, 0)) == ()


def test_a_bar_that_is_not_there_is_told_with_file_and_line() -> None:
    with pytest.raises(StrategyError, match="beyond: IndexError") as told:
        run(reading(beyond), random_bars(1, 60), SPEC)
    assert told.value.where.endswith(f"test_remembered.py, line {beyond.__code__.co_firstlineno + 2}")
    with pytest.raises(StrategyError, match="it cannot be compiled"):
        run(reading(uncompilable), random_bars(1, 60), SPEC)


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        ((peak, (), (CLOSE,)), "a name for each number"),
        ((peak, "peak", (CLOSE,)), "a name for each number"),
        ((peak, ("a", "a"), (CLOSE,)), "a name for each number"),
        ((peak, ("no name",), (CLOSE,)), "a name for each number"),
        ((peak, ("a",), ()), "the features that it reads"),
        ((peak, ("a",), ("close",)), "the features that it reads"),
        ((peak, ("a",), (CLOSE,), (math.inf,)), "finite numbers"),
        ((follow.__call__, ("a",), (CLOSE,)), "at the level of the module"),
        ((lambda _i, _features: None, ("a",), (CLOSE,)), "takes other arguments"),
        ((generator, ("a",), (CLOSE,)), "a generator or a coroutine"),
        ((peak, ("a",), (Feature("sma", 20),)), "the features that it reads"),
    ],
)
def test_what_is_declared_wrongly_is_refused(arguments: tuple[object, ...], rule: str) -> None:
    with pytest.raises(StrategyError, match=rule):
        remembered(*arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("step", "line", "words"),
    [
        (returning, 0, "it returned 100.* in bar 0, and nobody reads that.*memory"),
        (without_arguments, 2, "IndexError.*1 features, 0 arguments and 1 numbers of memory"),
        (beside_memory, 2, "IndexError.*1 features, 0 arguments and 1 numbers of memory"),
        (writing, 2, "read-only"),
        (ending, 3, "SystemExit: 3"),
    ],
)
def test_a_mistake_of_a_step_is_told_with_its_line(step: FunctionType, line: int, words: str) -> None:
    bars = random_bars(1, 60)
    close = bars.close.copy()
    with pytest.raises(StrategyError, match=words) as told:
        look_ahead(reading(step), bars)
    assert told.value.where.endswith(f"test_remembered.py, line {step.__code__.co_firstlineno + line}")
    np.testing.assert_array_equal(bars.close, close)


@pytest.mark.parametrize(
    "read",
    [
        Feature("clse"),
        Feature("atr", (0,)),
        Feature("sma", ("20",)),  # type: ignore[arg-type]
        Feature("close", timeframe="7x"),
        Feature("close", of=5),  # type: ignore[arg-type]
        Feature(5),  # type: ignore[arg-type]
    ],
)
def test_a_wrong_feature_that_a_step_reads_is_told_where_it_is_written(read: Feature) -> None:
    with pytest.raises(TradewrightError, match="prepare_state") as told:
        features_of(reading(peak, read))
    assert re.fullmatch(r"strategy zigzag, .*test_remembered\.py, line \d+", told.value.where)


@pytest.mark.parametrize("step", [None, "peak"])
def test_a_step_without_a_place_is_told_in_the_strategy_s_file(step: object) -> None:
    made = type("Late", (_Reads,), {"prepare_state": lambda _self: remembered(step, ("own",), (CLOSE,))})()  # type: ignore[arg-type]
    with pytest.raises(StrategyError, match="plain function of a module") as told:
        features_of(made)
    assert "test_remembered.py, line" in told.value.where


def counted(i: int, _features: tuple[Floats, ...], _arguments: tuple[float, ...], memory: Floats) -> None:
    """The bars so far."""
    memory[0] = float(i)


def latest(i: int, features: tuple[Floats, ...], _arguments: tuple[float, ...], memory: Floats) -> None:
    """What it reads."""
    memory[0] = features[0][i]


SHOWN_ALIKE = {
    "other code": lambda: remembered(counted, ("one",), (CLOSE,)) + remembered(latest, ("one",), (CLOSE,)),
    "other inputs": lambda: remembered(latest, ("one",), (CLOSE,)) + remembered(latest, ("one",), (Feature("high"),)),
    "arguments that are shown alike": lambda: (
        *remembered(latest, ("one",), (CLOSE,), (0.12345671,)),
        *remembered(latest, ("one",), (CLOSE,), (0.12345672,)),
    ),
    "the name of an indicator": lambda: (Feature("ema", (12.0,)), *remembered(latest, ("ema",), (CLOSE,), (12.0,))),
}


@pytest.mark.parametrize("how", SHOWN_ALIKE)
def test_two_features_of_one_label_are_refused(how: str) -> None:
    """Signals and reports would show the one for the other; the same one, said twice, is one."""

    @dataclass(frozen=True)
    class Alike(BaseStrategy):
        name = "alike"
        generate_signal = staticmethod(follow)

        def prepare_state(self) -> tuple[Feature, ...]:
            return SHOWN_ALIKE[how]()

    with pytest.raises(StrategyError, match=r"two different features are shown as (one|ema)") as refused:
        features_of(Alike())
    assert "test_remembered.py" in refused.value.where
    assert "a name of its own" in refused.value.remedy

    class Twice(Alike):
        def prepare_state(self) -> tuple[Feature, ...]:
            return super().prepare_state()[1:] * 2

    assert len(features_of(Twice())) == 2


def test_instrument_and_timeframe_belong_to_what_it_reads() -> None:
    (own,) = remembered(peak, ("own",), (CLOSE,))
    with pytest.raises(ConfigError, match="own bars"):
        columns((own._replace(of="SPY"),), random_bars(1, 20))
    assert own.indicator in RECURSIONS


def test_the_example_of_the_page_is_a_strategy(tmp_path: Path) -> None:
    text = (SOURCE / "docs" / "strategies.md").read_text(encoding="utf-8")
    (code,) = [each for each in re.findall(r"```python\n(.+?)```", text, re.DOTALL) if "remembered(" in each]
    (tmp_path / "ratchet.py").write_text(code, encoding="utf-8")
    made, bars = cast("Strategy", found_in(tmp_path).build("ratchet", {"width": 2.5})), random_bars(4, 400)
    assert look_ahead(made, bars) == ()
    assert len(run(made, bars, SPEC).trades) > 3

"""Random documents on random bars: the lowered decision, the referee and the compiled code say the same."""

from __future__ import annotations

import json

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.dsl.evaluator import Evaluator, decisions
from tests.dsl.random_documents import CONDITIONS, EITHER, NUMBERS
from tests.dsl.support import bars_of, text_of, unexamined
from tests.support.extent import is_whole, runs
from tradewright.backtest import compiled as compiling
from tradewright.dsl.check import compiled
from tradewright.dsl.grammar import Syntax, parse, printed
from tradewright.dsl.lowering import Lowered, lower
from tradewright.dsl.meaning import Reader
from tradewright.dsl.reach import ranged, reaches
from tradewright.dsl.terms import Op
from tradewright.indicators.registry import columns
from tradewright.model.bars import Bars, Floats

PHASES = (Phase.explicit, Phase.generate, *((Phase.shrink,) if is_whole() else ()))
SLOWLY = settings(
    derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck), phases=PHASES
)
HOLD = (float("nan"),) * 4


def answers(lowered: Lowered, bars: Bars, values: dict[str, float], position: float) -> list[tuple[float, ...]]:
    features: tuple[Floats, ...] = columns(lowered.features(values), bars)
    numbers = tuple(values[name] for name in sorted(values) if name != "size_pct")
    return [tuple(lowered.generate_signal(i, features, numbers, position)) for i in range(len(bars.ts))]  # type: ignore[arg-type]


@settings(SLOWLY, max_examples=runs(60, 2_000))
@given(EITHER)
def test_what_is_printed_is_read_as_the_same_tree(tree: Syntax) -> None:
    assert parse(printed(tree)) == tree


@settings(SLOWLY, max_examples=runs(50, 1_000))
@given(CONDITIONS, CONDITIONS, st.sampled_from(("sell", "close", "hold")), st.integers(0, 3), st.integers(0, 1_000))
def test_the_lowered_decision_is_that_of_the_referee(
    buy: Syntax, other: Syntax, action: str, cooldown: int, seed: int
) -> None:
    steering = {"cooldown_bars": cooldown, "stop_loss_pct": 0.05} if cooldown else {}
    document, program = unexamined((printed(buy), "buy"), (printed(other), action), **steering)
    bars = bars_of(60, seed)
    for position in (0.0, 1.0, -1.0):
        expected = decisions(document, bars, position)
        np.testing.assert_array_equal(answers(lower(program), bars, document.values(), position), expected)


@settings(SLOWLY, max_examples=runs(40, 1_000))
@given(NUMBERS, CONDITIONS, st.integers(0, 1_000))
def test_values_lie_in_their_ranges_and_read_no_bar_beyond_their_reach(
    number: Syntax, condition: Syntax, seed: int
) -> None:
    document, _ = unexamined(("close > 1", "buy"))
    bars, values = bars_of(60, seed), document.values()
    bounds = {name: (float(document.bounds(name).least), float(document.bounds(name).most)) for name in document.params}
    for tree, term in (
        (number, Reader(document).figure(printed(number))),
        (condition, Reader(document).condition(printed(condition))),
    ):
        found = Evaluator(bars, values).node(tree)
        low, high = ranged(bounds, term)[term]
        known = found[~np.isnan(found)]
        assert ((known >= low - 1e-9) & (known <= high + 1e-9)).all()
        if term.op in (Op.TRUE, Op.FALSE):
            continue
        reach = reaches(values, term)[term]
        assert reach.lag >= 0
        cut = Bars(*(each[:40] for each in bars))
        np.testing.assert_array_equal(Evaluator(cut, values).node(tree)[:40], found[:40])
        if reach.back < 30:
            late = Bars(*(each[25:] for each in bars))
            first = int(reach.back)
            np.testing.assert_array_equal(Evaluator(late, values).node(tree)[first:], found[25 + first :])


EVERYTHING = text_of(
    params={"size_pct": 0.01, "slow": {"value": 7, "min": 4, "max": 40}, "cooldown_bars": 2},
    rules=[
        {"if": "rank(close - open, slow) > 0.6 and stdev(volume, 4) < 20 and not session_asia()", "then": "buy"},
        {"if": "bars_since(crossunder(ema(close, 3), lag(close, slow)), 5) < 3", "then": "sell"},
        {"if": "zscore(high - low, 6) > 1.5", "then": "sell"},
        {"if": "max(highest(close / open, 4), 1.0) <= min(lowest(high / low, 3), 1.005)", "then": "close"},
    ],
    exits={"stop": "2 * atr(4)", "take_profit": "abs(change(close, 3)) + 1"},
)  # fmt: skip


def test_compiled_code_decides_as_the_plain_function_does() -> None:
    """All that a decision may be made of, in one: windows, lags, quotients, exits, a cooldown."""
    document, program = compiled(EVERYTHING)
    lowered, bars = lower(program), bars_of(120, 5)
    machine = compiling._checked_part(
        compiling._copy(compiling.plain(lowered.generate_signal), {}, {}, compiling._checked_part)
    )
    features = columns(lowered.features(document.values()), bars)
    numbers = tuple(float(value) for value, _ in program.parameters.values())
    for position in (0.0, 1.0):
        expected = decisions(document, bars, position)
        assert len({row[0] for row in expected if row[0] == row[0]}) >= 2  # the rules do act
        np.testing.assert_array_equal([machine(i, features, numbers, position) for i in range(120)], expected)


def test_what_is_nested_deeply_is_named_on_the_way() -> None:
    """The text of a decision has no more parentheses within one another than Python reads."""
    inner = "close"
    for turn in range(14):
        inner = f"(-max({inner}, open - {turn}.5) * 0.5 + 100)"
    document, program = unexamined((f"{inner} > low * 0.62", "buy"), ("close < 1", "close"))
    bars = bars_of(60, 3)
    expected = decisions(document, bars, 0.0)
    assert {row[0] for row in expected} >= {1.0}
    lowered = lower(program)
    np.testing.assert_array_equal(answers(lowered, bars, document.values(), 0.0), expected)
    assert 2 < lowered.text.count(" = ") < 40


def test_a_cooldown_counts_no_bar_before_the_first() -> None:
    """Found by the test above: a condition of parameters alone holds in every bar, and was taken to hold before."""
    params = {"size_pct": 0.01, "fast": 5, "slow": 20, "cooldown_bars": 2}
    rules = [{"if": "close > 100 or fast < slow", "then": "buy"}, {"if": "close < 1", "then": "close"}]
    document, program = compiled(text_of(params=params, rules=rules))
    asked = [row[0] for row in answers(lower(program), bars_of(4), document.values(), 0.0)]
    np.testing.assert_array_equal(asked, [1.0, np.nan, np.nan, np.nan])


def test_equal_meaning_is_one_hash_and_one_byte_code() -> None:
    one = text_of(
        params={"size_pct": 0.01, "fast": 5, "slow": 20},
        rules=[
            {"if": "close > ma(close, fast) and not (volume <= 5 or high + low < 10)", "then": "buy"},
            {"if": "crossunder(ma(close, fast), ma(close, slow))", "then": "sell"},
        ],
    )
    other = text_of(
        rules=[
            {"then": "sell", "if": "sma(close,slow)>ma(close,fast) and lag(ma(close,fast),1) >= lag(ma(close,slow),1)"},
            {"then": "buy", "if": "low + high >= 5 + 5 and (5 < volume and - -ma(close, fast) < close * 1)"},
        ],
        params={"slow": 20.0, "fast": 5, "size_pct": 0.01},
        metadata={"notes": "says the same"},
        name="Otherwise",
    )  # fmt: skip
    first, second = compiled(one)[1], compiled(other)[1]
    assert first.hash == second.hash
    assert lower(first).text == lower(second).text
    assert compiled(json.dumps(json.loads(one) | {"timeframe": "1h"}))[1].hash != first.hash
    assert compiled(one.replace('"fast": 5', '"fast": 6'))[1].hash != first.hash
    assert compiled(one.replace("volume <= 5", "volume <= 6"))[1].hash != first.hash

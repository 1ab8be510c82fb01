"""Random documents that mean something, for Hypothesis."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tradewright.dsl.grammar import Syntax, printed

PARAMETERS: dict[str, Any] = {
    "fast": 3,
    "slow": {"value": 7, "min": 4, "max": 40},
    "level": {"value": 55.5, "min": 0.5, "max": 99.5},
    "shift": {"value": 2, "min": 0, "max": 9},
}


def _name(text: str) -> Syntax:
    return Syntax("name", text)


def _number(value: float) -> Syntax:
    return Syntax("number", repr(value))


WHOLE = st.integers(2, 9).map(lambda n: Syntax("number", str(n))) | st.just(_name("slow"))
LAG = st.integers(1, 5).map(lambda n: Syntax("number", str(n))) | st.just(_name("shift"))
LEAVES = st.one_of(
    st.sampled_from(("open", "high", "low", "close", "volume", "level", "fast")).map(_name),
    st.floats(2, 150, allow_nan=False).map(lambda value: _number(round(value, 2))),
    st.builds(
        lambda f, n: Syntax("call", f, (_name("close"), n)),
        st.sampled_from(("ema", "rsi", "slope", "roc", "volatility")),
        WHOLE,
    ),
    st.builds(lambda f, n: Syntax("call", f, (n,)), st.sampled_from(("atr", "volume_average")), WHOLE),
    st.sampled_from(("weekday_utc", "minute_of_day_new_york", "minute_of_day_asia")).map(lambda f: Syntax("call", f)),
    st.sampled_from(("opening_high_rth", "opening_low_utc")).map(lambda f: Syntax("call", f, (_number(90.0),))),
)


def _numbers(below: st.SearchStrategy[Syntax]) -> st.SearchStrategy[Syntax]:
    return st.one_of(
        st.builds(lambda sign, a, b: Syntax(sign, sign, (a, b)), st.sampled_from("+-*/"), below, below),
        below.map(lambda a: Syntax("sign", "-", (a,))),
        below.map(lambda a: Syntax("call", "abs", (a,))),
        st.builds(
            lambda f, a, n: Syntax("call", f, (a, n)),
            st.sampled_from(("sma", "ma", "highest", "lowest", "stdev", "zscore", "rank", "change")), below, WHOLE,
        ),
        st.builds(lambda a, n: Syntax("call", "lag", (a, n)), below, LAG),
        st.builds(lambda f, a, b: Syntax("call", f, (a, b)), st.sampled_from(("min", "max")), below, below),
    )  # fmt: skip


NUMBERS = st.recursive(LEAVES, _numbers, max_leaves=4)
COMPARISONS = st.one_of(
    st.builds(lambda sign, a, b: Syntax(sign, sign, (a, b)), st.sampled_from(("<", "<=", ">", ">=")), NUMBERS, NUMBERS),
    st.builds(
        lambda f, a, b: Syntax("call", f, (a, b)), st.sampled_from(("crossover", "crossunder")), NUMBERS, NUMBERS
    ),
    st.just(Syntax("call", "session_rth")),
)


def _conditions(below: st.SearchStrategy[Syntax]) -> st.SearchStrategy[Syntax]:
    return st.one_of(
        st.builds(lambda word, a, b: Syntax(word, word, (a, b)), st.sampled_from(("and", "or")), below, below),
        below.map(lambda a: Syntax("not", "not", (a,))),
        st.builds(lambda a, n: Syntax("call", "lag", (a, n)), below, LAG),
        st.builds(
            lambda a, n, b: Syntax("<", "<", (Syntax("call", "bars_since", (a, n)), b)), below, WHOLE, WHOLE
        ),
    )  # fmt: skip


CONDITIONS = st.recursive(COMPARISONS, _conditions, max_leaves=5)
EITHER = NUMBERS | CONDITIONS

RANKINGS = st.fixed_dictionaries({
    "score": NUMBERS.map(printed),
    "top": st.sampled_from((1, 2, 3, "fast")),
    "every": st.sampled_from(("bar", "session", "week", "month")),
}, optional={
    "hold_if": CONDITIONS.map(printed),
    "weights": st.just("equal") | NUMBERS.map(printed),
    "total": st.sampled_from((1, 0.5, 1.0, "part")),
})  # fmt: skip
ALLOCATIONS = RANKINGS | RANKINGS.map(lambda form: {key: form[key] for key in form if key not in ("score", "top")})
"""Allocations, with a ranking and without."""

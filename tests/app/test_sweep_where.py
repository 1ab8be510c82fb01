"""The condition on a sweep's sets means what Python means by it, and runs nothing else."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.operations.sweep_where import sets_where
from tradewright.model.errors import ConfigError

SETS = [{"fast": fast, "slow": slow} for fast, slow in itertools.product((2, 3, 5.5, 8), (3, 5, 8, 13))]
FIXED = {"fast": 5, "slow": 20, "atr": 14}

numbers = st.sampled_from(["fast", "slow", "atr", "2", "0.5", "13"])
values = st.recursive(
    numbers,
    lambda inner: st.builds("({} {} {})".format, inner, st.sampled_from("+-*"), inner) | st.builds("-{}".format, inner),
    max_leaves=4,
)
compared = st.builds("{} {} {}".format, values, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), values)
conditions = st.recursive(
    compared | st.builds("{} < {} <= {}".format, values, values, values),
    lambda inner: (
        st.builds("({} {} {})".format, inner, st.sampled_from(["and", "or"]), inner) | st.builds("not {}".format, inner)
    ),
    max_leaves=4,
)


@given(conditions)
def test_it_means_what_python_means(condition: str) -> None:
    expected = [each for each in SETS if eval(condition, {"__builtins__": {}}, {**FIXED, **each})]
    if expected:
        assert sets_where(condition, SETS, FIXED) == expected
    else:
        with pytest.raises(ConfigError, match="none of 16 sets"):
            sets_where(condition, SETS, FIXED)


def test_a_division_by_zero_fulfils_nothing() -> None:
    assert sets_where("slow / (fast - 2) > 0", SETS, FIXED) == [each for each in SETS if each["fast"] > 2]
    assert sets_where(" ", SETS, FIXED) == SETS


@pytest.mark.parametrize(
    "condition",
    [
        "fast", "fast <", "fast = 3", "fast in slow", "__import__('os')", "fast.real < 3", "fast < 'a'", "True",
        "fast < slow if 1 else 2", "fast ** slow > 1", "(fast, slow) < 3", "fast < 10 ** 99999", "not " * 5000 + "fast",
        "\0", "fast < 1" + "0" * 5000,
    ],
)  # fmt: skip
def test_what_is_no_condition_is_refused(condition: str) -> None:
    with pytest.raises(ConfigError) as refused:
        sets_where(condition, SETS, FIXED)
    assert refused.value.where == "--where"
    assert "compare parameters with" in refused.value.remedy


def test_another_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError) as refused:
        sets_where("fst < slow", SETS, FIXED)
    assert refused.value.remedy == "did you mean 'fast'? the parameters are fast, slow, atr"

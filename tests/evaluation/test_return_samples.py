"""The checked inputs of the statistics: what is copied, and what is refused where."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tradewright.evaluation.return_samples import ReturnsRefused, return_series, return_table


def test_a_good_array_is_not_copied():
    series, table = np.zeros(3), np.zeros((4, 2))
    assert return_series(series) is series
    assert return_table(table) is table


def test_others_become_contiguous_writable_floats():
    fixed = np.arange(4)
    fixed.flags.writeable = False
    for given in (fixed, np.arange(8)[::2], [0, 1, 2, 3]):
        made = return_series(given)
        assert made.dtype == np.float64
        assert made.flags.c_contiguous
        assert made.flags.writeable
    locked = np.zeros(3)
    locked.flags.writeable = False
    assert return_series(locked).flags.writeable


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (0.1, "returns: 0 dimensions"),
        ([[0.1]], "returns: 2 dimensions"),
        ([0.1, math.nan], r"returns\[1\]: nan"),
        ([-math.inf], r"returns\[0\]: -inf"),
    ],
)
def test_no_series(values, told):
    with pytest.raises(ReturnsRefused, match=told):
        return_series(values)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([0.1], "excess: 1 dimensions"),
        ([[0.1, 0.2]], "excess: 1 periods of 2 trials"),
        ([[0.1], [0.2]], "at least 2 periods of at least 2 trials"),
        ([[0.0, 0.0], [0.0, math.inf]], r"excess\[1, 1\]: inf"),
    ],
)
def test_no_table(values, told):
    with pytest.raises(ReturnsRefused, match=told):
        return_table(values, "excess", columns=2)

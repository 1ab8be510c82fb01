"""The procedure of Benjamini and Hochberg on the example of their paper, and its laws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewright.evaluation.false_discovery import benjamini_hochberg
from tradewright.evaluation.return_samples import ReturnsRefused

PAPER = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.324, 0.4262, 0.5719, 0.6528, 0.759]
PAPER += [1.0]


def test_the_fifteen_tests_of_the_paper():
    """Benjamini and Hochberg 1995, section 4.1: four are believed, where Bonferroni believes three."""
    assert benjamini_hochberg(PAPER).believed.tolist() == [True] * 4 + [False] * 11
    assert benjamini_hochberg(PAPER[::-1]).believed.tolist() == [False] * 11 + [True] * 4


@settings(max_examples=40)
@given(st.lists(st.floats(0, 1), max_size=15), st.floats(0.01, 0.99))
def test_laws(values, rate):
    found = benjamini_hochberg(values, rate)
    ranked = sorted(values)
    most = max((k for k in range(1, len(values) + 1) if ranked[k - 1] * (len(values) / k) <= rate), default=0)
    assert found.believed.tolist() == [value <= ranked[most - 1] if most else False for value in values]
    assert (found.adjusted >= np.array(values)).all()
    for value, adjusted in zip(values, found.adjusted, strict=True):
        least = ranked.index(value) + 1
        assert adjusted == min(ranked[k - 1] * (len(values) / k) for k in range(least, len(values) + 1))


def test_none_gives_none():
    assert len(benjamini_hochberg([]).believed) == 0


@pytest.mark.parametrize("values", [[-0.1], [1.1], [math.nan], [[0.1]]])
def test_wrong_p_values_are_refused(values):
    with pytest.raises(ReturnsRefused, match="p_values"):
        benjamini_hochberg(values)


@pytest.mark.parametrize("rate", [0.0, 1.0, math.nan])
def test_a_wrong_rate_is_refused(rate):
    with pytest.raises(ReturnsRefused, match="no rate"):
        benjamini_hochberg([0.1], rate)

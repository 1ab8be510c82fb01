"""Plateau or spike, on surfaces drawn by hand and against a search over pairs."""

from __future__ import annotations

import math
import statistics
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewright.evaluation.return_samples import ReturnsRefused
from tradewright.evaluation.stability import Stability, SurfaceRefused, stability


def grid(*axes):
    return [dict(zip("abc", values, strict=False)) for values in product(*axes)]


def test_a_plateau_and_a_spike_of_one_height():
    sets = grid(range(5), range(5))
    plateau = [1.0 if 1 <= s["a"] <= 3 and 1 <= s["b"] <= 3 else 0.0 for s in sets]
    spike = [1.0 if s == {"a": 2, "b": 2} else 0.0 for s in sets]
    assert stability(sets, plateau, 12) == Stability(1.0, 0.0, 8, 1.0, 1.0, 1.0, 1.0)
    assert stability(sets, spike, 12) == Stability(1.0, 0.0, 8, 0.0, 0.0, 0.0, 0.0)


def test_a_valley_beside_the_chosen_set():
    figures = [0.0, 1.0, 1.0, 3.0, -1.0]
    found = stability(grid([10, 20, 30, 50, 80]), figures, 3)
    assert found == Stability(3.0, 1.0, 2, 0.0, -1.0, -0.5, -1.0)


def test_steps_are_those_that_were_tried():
    """A gap in the values is one step; a hole in the grid has no neighbour in it."""
    sets = [{"fast": f, "slow": s} for f, s in ((2, 10), (2, 40), (9, 10), (30, 40))]
    assert stability(sets, [3.0, 1.0, 2.0, 0.0], 0).neighbours == 2
    holes = [{"fast": f, "slow": s} for f, s in ((1, 1), (3, 3), (2, 5))]
    assert stability(holes, [3.0, 1.0, 2.0], 0) == Stability(3.0, 2.0, 0, None, None, None, None)


def test_words_and_switches_are_not_crossed():
    sets = [{"n": n, "kind": kind, "on": on} for n in (1, 2) for kind in ("ema", "sma") for on in (True, False)]
    found = stability(sets, np.arange(8.0)[::-1], 0)
    assert (found.neighbours, found.neighbour_mean) == (1, 3.0)


def test_one_set_and_no_parameter():
    assert stability([{"n": 3}], [0.7], 0) == Stability(0.7, 0.7, 0, None, None, None, None)
    assert stability([{}], [0.7], 0).neighbours == 0


def test_nothing_to_keep_where_the_chosen_is_no_better():
    assert stability(grid(range(3)), [1.0, 1.0, 1.0], 1) == Stability(1.0, 1.0, 2, 1.0, 1.0, None, None)
    assert stability(grid(range(3)), [2.0, 1.0, 3.0], 1).kept_worst is None


@settings(max_examples=50)
@given(st.data())
def test_neighbours_by_pairs(data):
    full = grid([1, 2, 5, 9], [0.1, 0.2, 0.7], [3, 4])
    sets = data.draw(st.lists(st.sampled_from(full), min_size=1, unique_by=lambda each: tuple(each.values())))
    figures = data.draw(st.lists(st.floats(-3, 3), min_size=len(sets), max_size=len(sets)))
    chosen = data.draw(st.integers(0, len(sets) - 1))
    ranks = {name: sorted({each[name] for each in sets}) for name in "abc"}
    near = [
        figure
        for each, figure in zip(sets, figures, strict=True)
        if each != sets[chosen]
        and all(abs(ranks[n].index(each[n]) - ranks[n].index(sets[chosen][n])) <= 1 for n in "abc")
    ]
    found = stability(sets, figures, chosen)
    assert found.neighbours == len(near)
    assert found.baseline == statistics.median(figures)
    assert found.neighbour_worst == (min(near) if near else None)
    if near:
        assert found.neighbour_mean == pytest.approx(statistics.fmean(near), abs=1e-12)
    if found.kept_mean is not None:
        assert found.kept_worst <= found.kept_mean + 1e-9
        assert found.baseline + found.kept_worst * (found.chosen - found.baseline) == pytest.approx(min(near), abs=1e-9)


@pytest.mark.parametrize(
    ("sets", "figures", "chosen", "told"),
    [
        ([], [], 0, "0 parameter sets"),
        ([{"n": 1}], [1.0, 2.0], 0, "1 parameter sets and 2 figures"),
        ([{"n": 1}, {"m": 1}], [1.0, 2.0], 0, r"sets\[1\]: names m"),
        ([{"n": 1}, {"n": 1.0}], [1.0, 2.0], 0, r"sets\[1\]: the same set as sets\[0\]"),
        ([{"n": 1}], [1.0], 1, "no set 1"),
        ([{"n": 1}], [1.0], -1, "no set -1"),
    ],
)
def test_no_surface_is_refused(sets, figures, chosen, told):
    with pytest.raises(SurfaceRefused, match=told):
        stability(sets, figures, chosen)


def test_missing_numbers_are_refused():
    with pytest.raises(ReturnsRefused, match=r"figures\[1\]"):
        stability(grid(range(2)), [1.0, math.nan], 0)
    with pytest.raises(ReturnsRefused, match="a: a parameter"):
        stability(grid([1.0, math.inf]), [1.0, 2.0], 0)

"""Purged splits against the definition by pairs, and the laws of folds, embargo and paths."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewright.evaluation.cross_validation import SplitRefused, combinatorial_splits, purged_folds


@st.composite
def labels(draw):
    """Ascending starts, some equal, and ends from the same moment to far away; none so far that nothing is left."""
    count = draw(st.integers(8, 40))
    gaps = draw(st.lists(st.integers(0, 5), min_size=count, max_size=count))
    lengths = draw(st.lists(st.integers(0, 8), min_size=count, max_size=count))
    starts = np.cumsum(gaps) + np.arange(count) * 2
    return starts, starts + np.array(lengths)


def by_pairs(starts, ends, test, embargo):
    """The training samples, each compared with every test label."""
    inside = set(test.tolist())
    return [
        i
        for i in range(len(starts))
        if i not in inside and all(ends[i] < starts[j] or starts[i] > ends[j] + embargo for j in inside)
    ]


@settings(max_examples=60)
@given(labels(), st.integers(2, 6), st.integers(0, 6))
def test_folds_by_pairs(spans, folds, embargo):
    starts, ends = spans
    try:
        splits = purged_folds(starts, ends, folds, embargo)
    except SplitRefused:
        parts = np.array_split(np.arange(len(starts)), folds)
        assert any(not by_pairs(starts, ends, part, embargo) for part in parts)
        return
    assert np.concatenate([split.test for split in splits]).tolist() == list(range(len(starts)))
    for split in splits:
        assert split.train.tolist() == by_pairs(starts, ends, split.test, embargo)


@settings(max_examples=60)
@given(labels(), st.integers(3, 6), st.integers(1, 2), st.integers(0, 3))
def test_combinations_by_pairs(spans, groups, tested, embargo):
    starts, ends = spans
    parts = np.array_split(np.arange(len(starts)), groups)
    chosen = [np.concatenate([parts[g] for g in each]) for each in combinations(range(groups), tested)]
    expected = [by_pairs(starts, ends, test, embargo) for test in chosen]
    if not all(expected):
        with pytest.raises(SplitRefused, match="no training sample is left"):
            combinatorial_splits(starts, ends, groups, tested, embargo)
        return
    found = combinatorial_splits(starts, ends, groups, tested, embargo)
    assert [split.train.tolist() for split in found.splits] == expected
    assert [split.test.tolist() for split in found.splits] == [test.tolist() for test in chosen]


@pytest.mark.parametrize(("groups", "tested"), [(6, 2), (5, 1), (7, 3), (4, 3), (2, 1)])
def test_each_path_covers_each_time_once_and_each_test_is_in_one_path(groups, tested):
    times = np.arange(50)
    found = combinatorial_splits(times, times, groups, tested)
    assert len(found.splits) == math.comb(groups, tested)
    assert found.paths.shape == (math.comb(groups - 1, tested - 1), groups)
    used = set()
    for path in found.paths:
        covered = []
        for group, split in enumerate(path):
            samples = found.groups[group]
            assert np.isin(samples, found.splits[split].test).all()
            covered.extend(samples.tolist())
            used.add((group, int(split)))
        assert covered == times.tolist()
    assert len(used) == math.comb(groups, tested) * tested


def test_one_fold_by_hand():
    """Labels of three bars, two folds of five: the label of bar 2 ends in bar 5, where the test begins."""
    starts = np.arange(10)
    second = purged_folds(starts, starts + 3, 2)[1]
    assert (second.train.tolist(), second.test.tolist()) == ([0, 1], [5, 6, 7, 8, 9])
    first = purged_folds(starts, starts + 3, 2, embargo=1)[0]
    assert (first.train.tolist(), first.test.tolist()) == ([9], [0, 1, 2, 3, 4])


def test_a_long_label_inside_a_test_purges_far_behind_it():
    ends = np.arange(12) + np.array([0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    assert purged_folds(np.arange(12), ends, 4)[0].train.tolist() == [10, 11]


@pytest.mark.parametrize(
    ("starts", "ends", "where"),
    [
        ([], [], "starts"),
        ([1, 2], [1], "starts"),
        ([[1, 2]], [[1, 2]], "starts"),
        ([1.0, math.nan], [1.0, 2.0], "starts"),
        ([1, 3, 2], [4, 4, 4], r"starts\[2\]"),
        ([1, 2, 3], [1, 1, 3], r"ends\[1\]"),
    ],
)
def test_wrong_times_are_refused(starts, ends, where):
    with pytest.raises(SplitRefused, match=where):
        purged_folds(np.array(starts), np.array(ends), 2)


@pytest.mark.parametrize("folds", [-1, 0, 1, 5])
def test_wrong_numbers_of_folds_are_refused(folds):
    with pytest.raises(SplitRefused, match=f"{folds} folds of 4 samples"):
        purged_folds(np.arange(4), np.arange(4), folds)


@pytest.mark.parametrize(("groups", "tested"), [(4, 0), (4, 4), (30, 15), (41, 1)])
def test_wrong_combinations_are_refused(groups, tested):
    with pytest.raises(SplitRefused, match="groups"):
        combinatorial_splits(np.arange(40), np.arange(40), groups, tested)


def test_a_negative_embargo_is_refused():
    with pytest.raises(SplitRefused, match="embargo of -1"):
        purged_folds(np.arange(4), np.arange(4), 2, -1)

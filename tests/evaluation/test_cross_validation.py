"""Purged cross-validation: which periods train, how paths are put together, and what luck retains."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest

from tradewright.evaluation.cross_validation import combinatorial_splits, cross_validated, purged_folds
from tradewright.evaluation.return_samples import ReturnsRefused


def test_folds_leave_out_the_purge_and_the_embargo() -> None:
    first, second, third = purged_folds(12, 3, purge=1, embargo=2)
    assert (first.test.tolist(), first.train.tolist()) == ([0, 1, 2, 3], [7, 8, 9, 10, 11])
    assert (second.test.tolist(), second.train.tolist()) == ([4, 5, 6, 7], [0, 1, 2, 11])
    assert (third.test.tolist(), third.train.tolist()) == ([8, 9, 10, 11], [0, 1, 2, 3, 4, 5, 6])


@pytest.mark.parametrize(("groups", "tested"), [(6, 2), (5, 1), (6, 4)])
def test_every_group_is_tested_as_often_as_there_are_paths(groups: int, tested: int) -> None:
    """The number of paths is that of the book: C(N, k) k / N."""
    splits = combinatorial_splits(61, groups, tested, purge=1)
    paths = math.comb(groups, tested) * tested // groups
    assert len(splits) == math.comb(groups, tested)
    assert (np.bincount(np.concatenate([split.test for split in splits])) == paths).all()
    for train, test in splits:
        assert np.abs(train[:, None] - test[None, :]).min(initial=99) > 1


def test_paths_are_those_that_are_written_out() -> None:
    table = np.random.default_rng(4).normal(0.0, 0.01, (205, 7))
    found = cross_validated(table, 4, 2, purge=3, embargo=0.01)
    assert found is not None
    edges, chosen = [0, 51, 102, 153, 205], {group: [] for group in range(4)}
    for members in combinations(range(4), 2):
        train = [
            row
            for row in range(205)
            if not any(edges[group] - 3 <= row < edges[group + 1] + 3 + 2 for group in members)
        ]
        ratios = [table[train, place].mean() / table[train, place].std(ddof=1) for place in range(7)]
        for group in members:
            chosen[group].append(int(np.argmax(ratios)))
    for path in range(3):
        parts = [table[edges[group] : edges[group + 1], chosen[group][path]] for group in range(4)]
        earned = np.concatenate(parts)
        assert found.paths[path] == pytest.approx(earned.mean() / earned.std(ddof=1), abs=1e-12)
    best = max(column.mean() / column.std(ddof=1) for column in table.T)
    assert found.retained == pytest.approx(np.median(found.paths) / best, abs=1e-12)


def test_skill_is_retained_and_luck_is_not() -> None:
    draws = np.random.default_rng(12).normal(0.0, 0.01, (30, 1_000, 40))
    lucky = [cross_validated(each) for each in draws]
    draws[:, :, 5] += 0.002
    skilled = [cross_validated(each) for each in draws]
    assert abs(np.mean([each.retained for each in lucky if each])) < 0.15
    assert np.mean([each.retained for each in skilled if each]) > 0.9
    assert np.mean([each.loss_share for each in skilled if each]) < 0.02


def test_what_cannot_be_divided() -> None:
    assert cross_validated(np.zeros((199, 3))) is None
    assert cross_validated(np.zeros((400, 1))) is None
    still = cross_validated(np.zeros((400, 3)))
    assert still is not None
    assert (still.retained, still.loss_share) == (0.0, 0.0)
    for wrong in ((10, 1, 0, 0), (3, 4, 0, 0), (10, 2, -1, 0)):
        with pytest.raises(ReturnsRefused):
            purged_folds(*wrong)

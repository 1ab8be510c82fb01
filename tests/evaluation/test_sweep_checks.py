"""All sets of a sweep together: worthless ones and skilled ones, plateaus and spikes."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from tradewright.evaluation.data_snooping import data_snooping
from tradewright.evaluation.finding import Severity
from tradewright.evaluation.sweep_checks import set_tests, surface_findings

WORTHLESS = np.random.default_rng(2).normal(0.0, 0.01, (250, 40))


def test_worthless_sets_are_told_as_luck_and_skilled_ones_are_believed() -> None:
    luck = set_tests(WORTHLESS, 40)
    assert luck is not None
    assert luck.spa > 0.05
    assert luck.reality_check > 0.05
    assert luck.believed_share == 0.0
    skilled = WORTHLESS.copy()
    skilled[:, :10] += 0.004
    known = set_tests(skilled, 40)
    assert known is not None
    assert known.spa < 0.01
    assert known.reality_check < 0.01
    assert known.believed_share == pytest.approx(0.25, abs=0.03)


def test_a_sample_answers_for_all() -> None:
    plain = data_snooping(WORTHLESS)
    known = set_tests(WORTHLESS, 120)
    assert known is not None
    assert known.spa == pytest.approx(1 - (1 - plain.spa_consistent) ** 3)
    assert known.reality_check == pytest.approx(1 - (1 - plain.reality_check) ** 3)


def test_nothing_is_said_of_one_period_and_sets_that_never_trade_have_no_skill() -> None:
    assert set_tests(WORTHLESS[:1], 40) is None
    still = set_tests(np.zeros((90, 3)), 3)
    assert still is not None
    assert (still.reality_check, still.spa, still.believed_share) == (1.0, 1.0, 0.0)


SETS = [{"fast": float(fast), "slow": float(slow)} for fast, slow in product((5, 10, 20), (30, 40, 50))]
MIDDLE = 4


@pytest.mark.parametrize(
    ("around", "code", "severity"),
    [(0.2, "PARAMETER_SPIKE", Severity.WARNING), (0.9, "PARAMETER_PLATEAU", Severity.INFO)],
)
def test_the_neighbours_decide(around: float, code: str, severity: Severity) -> None:
    far = [{"fast": fast, "slow": slow} for fast, slow in product((80.0, 90.0, 95.0), range(200, 210))]
    figures = [1.0 if place == MIDDLE else around for place in range(9)] + [0.0] * len(far)
    (finding,) = surface_findings([*SETS, *far], figures, MIDDLE, "sharpe")
    assert (finding.code, finding.severity) == (code, severity)
    assert f"keep {around:.0%} of the best set's lead" in finding.message
    assert "8 neighbouring sets" in finding.message


def test_a_set_that_was_asked_twice_counts_once() -> None:
    figures = [1.0 if place == MIDDLE else 0.0 for place in range(9)]
    once = surface_findings(SETS, figures, MIDDLE, "sharpe")
    assert surface_findings([*SETS, SETS[MIDDLE]], [*figures, 1.0], 9, "sharpe") == once != ()


@pytest.mark.parametrize("count", [1, 2, 4])
def test_few_sets_have_no_surface(count: int) -> None:
    assert surface_findings([{"fast": fast} for fast in range(count)], list(range(count)), count - 1, "sharpe") == ()


def test_five_sets_have_one() -> None:
    sets = [{"fast": fast} for fast in range(5)]
    assert [row.code for row in surface_findings(sets, [1.0, 2.0, 9.0, 2.0, 1.0], 2, "sharpe")] == ["PARAMETER_SPIKE"]


def test_sets_without_a_lead_or_of_other_parameters_have_none() -> None:
    assert surface_findings(SETS, [1.0] * 9, 0, "sharpe") == ()
    assert surface_findings([*SETS, {"fast": 9.0}], [1.0, *[0.0] * 9], 0, "sharpe") == ()

"""The verdict: luck or skill, by how often luck does as well, and what else speaks against it."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from tests.evaluation.accounts import Fill, account
from tests.evaluation.test_skill import WALK, timed
from tradewright.evaluation.check_input import CheckInput, FindingLimits
from tradewright.evaluation.checks import verdict
from tradewright.evaluation.equity_curve import Sampling
from tradewright.evaluation.finding import ValidityEvidence
from tradewright.evaluation.metrics import evaluate
from tradewright.evaluation.significance import NORMAL, shape_of
from tradewright.evaluation.skill import ActiveReturns
from tradewright.evaluation.trial_count import TrialCount
from tradewright.evaluation.verdict import VerdictCode, luck_chance, verdict_lines, verdict_of

ONE = TrialCount()
CLEAN = ValidityEvidence(look_ahead_free=True, missing_bars=0)


def with_statistic(statistic: float, periods: int = 1_000) -> ActiveReturns:
    """Symmetric returns whose Sharpe ratio is so many standard errors above zero."""
    noise = np.where(np.arange(periods) % 2 == 0, 1.0, -1.0)
    sharpe = statistic / math.sqrt(periods - 1)
    scale = math.sqrt(periods / (periods - 1))
    return ActiveReturns(0.01 * (noise + sharpe * scale), Sampling.SESSION, 252.0, 0.5, 1.0)


@pytest.mark.parametrize(("effective", "statistic"), [(1, 0.0), (1, 1.5), (10, 2.0), (125, 3.5), (10_000, 4.5)])
def test_the_chance_of_luck_is_that_of_the_best_of_independent_trials(effective: int, statistic: float) -> None:
    rng = np.random.default_rng(11)
    draws = rng.random((200_000, 1)) ** (1.0 / effective)  # the largest of so many uniform numbers
    expected = float((draws > NORMAL.cdf(statistic)).mean())
    found = luck_chance(shape_of(with_statistic(statistic).returns), effective)
    assert found == pytest.approx(expected, abs=4e-3)


@pytest.mark.parametrize("statistic", [2.0, 4.0, 9.0])
def test_more_trials_and_less_skill_leave_more_to_luck(statistic: float) -> None:
    shape = shape_of(with_statistic(statistic).returns)
    chances = [luck_chance(shape, effective) for effective in (1, 1.5, 20, 4_000)]
    assert chances == sorted(chances)
    assert 0 < chances[0] < chances[-1] <= 1
    assert luck_chance(shape_of(with_statistic(statistic - 1).returns), 20) > chances[2]


@pytest.mark.parametrize(
    ("statistic", "effective", "code"),
    [
        (2.4, 1, VerdictCode.EVIDENCE),
        (2.2, 1, VerdictCode.INCONCLUSIVE),
        (2.0, 1, VerdictCode.LUCK),
        (-3.0, 1, VerdictCode.LUCK),
        (2.4, 10, VerdictCode.LUCK),
        (3.5, 10, VerdictCode.EVIDENCE),
        (4.0, 1_000, VerdictCode.LUCK),
        (5.0, 1_000, VerdictCode.EVIDENCE),
    ],
)
def test_the_code_follows_the_chance_of_luck(statistic: float, effective: int, code: VerdictCode) -> None:
    found = verdict_of(with_statistic(statistic), TrialCount(effective, float(effective)), trades=40)
    assert found.code is code
    assert found.figures["luck_chance"] == luck_chance(shape_of(with_statistic(statistic).returns), effective)
    assert (f"{effective:,} trial" if statistic > 0 else "add nothing") in found.text


def test_the_words_say_what_is_known() -> None:
    found = verdict_of(with_statistic(5.0, 2_520), TrialCount(2_000, 40.0, 0.1), trades=90)
    yearly = 5.0 / math.sqrt(2_519) * math.sqrt(252)
    assert found.text == (
        "The best of 2,000 trials (as many as 40 independent ones) without any skill does as well in less than 0.1% of"
        " all cases:"
        f" the rules add a Sharpe ratio of {yearly:.2f} a year to holding at the same average exposure, and luck does"
        " not explain it. It says nothing of other markets."
    )
    assert found.figures["skill_sharpe"] == pytest.approx(yearly)
    assert found.figures["periods"] == 2_520
    lines = [row.text for row in verdict_lines(found)]
    assert lines == [f"{yearly:.2f}", "2,000", "40", "less than 0.1%", "99.7%", "10.0%"]
    assert json.loads(json.dumps(found.plain())) == found.plain()


def test_short_spans_tell_no_yearly_figure() -> None:
    found = verdict_of(with_statistic(9.0, 60), ONE, trades=40)
    assert "add something to holding" in found.text
    assert verdict_lines(found)[0].text == "–"


@pytest.mark.parametrize(("periods", "code"), [(59, VerdictCode.INCONCLUSIVE), (60, VerdictCode.EVIDENCE)])
def test_too_few_returns_support_nothing(periods: int, code: VerdictCode) -> None:
    assert verdict_of(with_statistic(9.0, periods), ONE, trades=40).code is code


@pytest.mark.parametrize(
    ("tried", "trades", "doubts", "words"),
    [
        (ONE, 9, (), "9 closed trades made it"),
        (TrialCount(9, 2.0, 0.51), 40, (), "(51.00% PBO)"),
        (ONE, 40, ("one trade carries it",), "one trade carries it"),
    ],
)
def test_what_else_speaks_against_it_keeps_evidence_from_being_any(
    tried: TrialCount, trades: int, doubts: tuple[str, ...], words: str
) -> None:
    found = verdict_of(with_statistic(9.0), tried, trades, doubts=doubts)
    assert found.code is VerdictCode.INCONCLUSIVE
    assert words in found.text
    assert verdict_of(with_statistic(0.5), tried, trades, doubts=doubts).code is VerdictCode.LUCK


def judged(result, evidence: ValidityEvidence = CLEAN):
    return verdict(CheckInput(result, evaluate(result), evidence))


def test_perfect_timing_is_evidence_and_so_many_trials_make_it_luck() -> None:
    limits = FindingLimits(suspicious_sharpe=1e9)
    assert verdict(CheckInput(timed(), evaluate(timed()), CLEAN, limits)).code is VerdictCode.EVIDENCE
    many = replace(CLEAN, tried=TrialCount(10**9, 1e9))
    assert judged(timed(), many).figures["luck_chance"] > judged(timed()).figures["luck_chance"]


def test_a_result_too_good_to_be_true_is_not_relied_on() -> None:
    found = judged(timed())
    assert found.code is VerdictCode.INCONCLUSIVE
    assert "a Sharpe ratio so high is more often an error than a result" in found.text


def test_holding_is_no_skill() -> None:
    rising = [100.0 * 1.001**bar for bar in range(300)]
    found = judged(account(rising, [Fill(0, 10.0, 100.0)]))
    assert found.code is VerdictCode.LUCK
    assert "do nothing beside holding" in found.text


def test_a_small_account_is_judged_like_a_large_one() -> None:
    """Positions of half a thousandth of the equity move it little beside the market, and are no holding for that."""
    large, small = judged(timed()), judged(timed(cash=1_000_000.0))
    assert small.code is large.code
    assert "do nothing beside holding" not in small.text
    assert small.figures["skill_sharpe"] == pytest.approx(large.figures["skill_sharpe"], rel=0.05)


def test_a_small_holding_is_no_skill_either() -> None:
    found = judged(account(WALK, [Fill(0, 0.005, WALK[0])]))
    assert found.code is VerdictCode.LUCK
    assert "do nothing beside holding" in found.text


@pytest.mark.parametrize(
    ("result", "evidence", "words"),
    [
        (timed(), replace(CLEAN, look_ahead_free=False, look_ahead="A, bar 3"), "looks ahead"),
        (timed(), replace(CLEAN, look_ahead_free=None), "the look-ahead test was not run"),
        (timed(), replace(CLEAN, bars=("A: a price of 1",)), "prices in its bars look wrong"),
        (account([10.0] * 99), CLEAN, "Nothing was filled"),
        (account([]), CLEAN, "Nothing was filled"),
    ],
)
def test_a_result_that_is_not_sound_is_inconclusive(result, evidence: ValidityEvidence, words: str) -> None:
    found = judged(result, evidence)
    assert found.code is VerdictCode.INCONCLUSIVE
    assert words in found.text

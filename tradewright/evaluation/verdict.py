"""The verdict on a backtest: what its evidence supports, luck or skill, with the figures behind it.

The question is skill: what the rules add, after costs, to holding the same instruments at the same average exposure
(:mod:`tradewright.evaluation.skill`), judged as the best of every setting that was ever tried on these bars.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from tradewright.evaluation.formatting import MIN_ANNUAL_YEARS, MetricRow, count, percent, ratio
from tradewright.evaluation.significance import ReturnShape, cautious, deflated_sharpe, shape_of, sharpe_statistic
from tradewright.evaluation.skill import ActiveReturns
from tradewright.evaluation.track_record import minimum_backtest_years, minimum_track_record
from tradewright.evaluation.trial_count import TrialCount

EVIDENCE_CHANCE, LUCK_CHANCE = 0.01, 0.02
"""Luck with a chance up to the first is no good explanation any more; with one above the second, it is one. Between
them the evidence supports neither. ``docs/honesty.md`` has the error rates that this gives."""
LEAST_PERIODS = 60
"""Fewer returns support no verdict: the normal approximation of a Sharpe ratio's error does not hold yet."""
LEAST_TRADES = 10
"""With fewer closed trades a few decisions made the result, however long the run."""
OVERFITTED = 0.5
"""A probability of overfitting above this says that the choice among the sets was worse than a blind one."""
LEAST_SHARE = 0.01
"""An account that moves so little beside holding, as a share of the market, does nothing but hold,"""
LEAST_OWN_SHARE = 0.5
"""unless it is more than this share of what the account moves at all: then the account is small, and no holding."""


class VerdictCode(StrEnum):
    """What the evidence supports."""

    LUCK = "LUCK"
    """Luck explains the result."""
    EVIDENCE = "EVIDENCE"
    """Luck does not explain the result, and nothing else that was tested does."""
    INCONCLUSIVE = "INCONCLUSIVE"
    """The evidence supports neither."""


@dataclass(frozen=True)
class SkillVerdict:
    """A verdict in a code and in words, with its figures.

    ``figures``: ``trials``, ``effective_trials``, ``skill_sharpe`` (yearly, of the active returns), ``periods``,
    ``years``, ``luck_chance`` (that the best of so many worthless settings is as good), ``deflated_sharpe`` (the
    probability that the true skill is above what the best of them is expected to show), ``pbo`` (None without a sweep),
    ``least_periods`` and ``least_years`` (from how many returns the skill is told from none with 95 %, and from how
    many years the best of so many worthless settings is not expected to show it; None without skill).
    """

    code: VerdictCode
    text: str
    figures: Mapping[str, float | int | None]

    def plain(self) -> dict[str, object]:
        """The verdict for JSON."""
        return {"code": self.code.value, "text": self.text, "figures": dict(self.figures)}


def luck_chance(shape: ReturnShape, effective: float) -> float:
    """The chance that the best of ``effective`` independent worthless settings shows such a Sharpe ratio or a higher.

    ``1 - (1 - p) ** effective`` with ``p`` the one-sided probability of one of them, whose error counts skewness and
    kurtosis where they raise it (:func:`~tradewright.evaluation.significance.cautious`). Source: Z. Sidak, "Rectangular
    confidence regions for the means of multivariate normal distributions", JASA 62, 1967.
    """
    single = math.erfc(sharpe_statistic(cautious(shape)) / math.sqrt(2.0)) / 2.0
    return -math.expm1(effective * math.log1p(-single)) if single < 1.0 else 1.0


def verdict_of(
    active: ActiveReturns, tried: TrialCount, trades: int, *, void: str = "", doubts: tuple[str, ...] = ()
) -> SkillVerdict:
    """The verdict on an account.

    Args:
        trades: closed trades.
        void: the sentence that says why there is nothing to judge: look-ahead, no trade; empty where there is.
        doubts: what else makes the result unfit as evidence, gravest first, each as a clause.
    """
    shape = cautious(shape_of(active.returns))
    chance = luck_chance(shape, tried.effective)
    yearly = shape.sharpe * math.sqrt(active.periods_per_year)
    least = minimum_track_record(shape)
    figures: dict[str, float | int | None] = {
        "trials": tried.trials,
        "effective_trials": tried.effective,
        "skill_sharpe": yearly,
        "periods": shape.periods,
        "years": active.years,
        "luck_chance": chance,
        "deflated_sharpe": deflated_sharpe(shape, tried.effective),
        "pbo": tried.overfitting,
        "least_periods": least if least is None else math.ceil(least),
        "least_years": minimum_backtest_years(tried.effective, yearly) if yearly > 0.0 else None,
    }
    if void:
        return SkillVerdict(VerdictCode.INCONCLUSIVE, void, figures)
    code, text = _judged(shape, chance, yearly, active, tried, _doubts(tried, trades, doubts))
    return SkillVerdict(code, text, figures)


def _judged(
    shape: ReturnShape,
    chance: float,
    yearly: float,
    active: ActiveReturns,
    tried: TrialCount,
    doubts: tuple[str, ...],
) -> tuple[VerdictCode, str]:
    if shape.periods < LEAST_PERIODS:
        told = count(shape.periods, "return")
        return VerdictCode.INCONCLUSIVE, f"{told} are too few for a verdict; it takes {LEAST_PERIODS} or more."
    if active.share < LEAST_SHARE and active.own_share < LEAST_OWN_SHARE:
        return VerdictCode.LUCK, "The rules do nothing beside holding: what was earned is the market's, not theirs."
    if shape.sharpe <= 0:
        return VerdictCode.LUCK, "The rules add nothing, after costs, to holding at the same average exposure."
    odds = f"The best of {tried.told} without any skill does as well in {_rarely(chance)} of all cases"
    adds = f"the rules add {_yearly(yearly, active)} to holding at the same average exposure"
    if chance > LUCK_CHANCE:
        return VerdictCode.LUCK, f"{odds}: {adds}, which luck explains."
    if chance > EVIDENCE_CHANCE:
        return VerdictCode.INCONCLUSIVE, f"{odds}: {adds}; that is too often to rule luck out and too rare to blame it."
    if doubts:
        return VerdictCode.INCONCLUSIVE, f"{odds}, but {doubts[0]}: luck is ruled out, the result is not relied on."
    return VerdictCode.EVIDENCE, f"{odds}: {adds}, and luck does not explain it. It says nothing of other markets."


def _yearly(sharpe: float, active: ActiveReturns) -> str:
    return f"a Sharpe ratio of {ratio(sharpe)} a year" if active.years >= MIN_ANNUAL_YEARS else "something"


def _doubts(tried: TrialCount, trades: int, doubts: tuple[str, ...]) -> tuple[str, ...]:
    found = list(doubts)
    if trades < LEAST_TRADES:
        found.append(f"{count(trades, 'closed trade')} made it")
    if tried.overfitting is not None and tried.overfitting > OVERFITTED:
        found.append(f"the best sets of one half of the time do worse in the other ({percent(tried.overfitting)} PBO)")
    return tuple(found)


def verdict_text(verdict: SkillVerdict) -> str:
    """The code and what it means here, in one line."""
    return f"{verdict.code.value}: {verdict.text}"


def verdict_lines(verdict: SkillVerdict) -> tuple[MetricRow, ...]:
    """The figures as text, with what they mean."""
    told = verdict.figures

    def line(label: str, name: str, write: Callable[[float], str], meaning: str) -> MetricRow:
        value = told.get(name)
        return MetricRow(label, "–" if value is None else write(value), meaning)

    years = told["years"] or 0.0
    skill = "skill_sharpe" if years >= MIN_ANNUAL_YEARS else "unknown"
    return (
        line("Skill", skill, ratio, "Sharpe ratio a year of what the rules add to holding"),
        line("Trials", "trials", _whole, "settings tried on these bars, ever"),
        line("Independent ones", "effective_trials", _whole, "as many they count for"),
        line("Chance of luck", "luck_chance", _rarely, "that the best of them is as good without skill"),
        line("Deflated Sharpe", "deflated_sharpe", _share, "probability of true skill"),
        line("Overfitting", "pbo", _share, "PBO of the sweep it was chosen from"),
    )


def _rarely(chance: float) -> str:
    return percent(chance, 1) if chance >= 0.0005 else "less than 0.1%"


def _whole(value: float) -> str:
    return f"{value:,.0f}"


def _share(value: float) -> str:
    return percent(value, 1)

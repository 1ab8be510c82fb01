"""The thresholds and the severities of the checks of bars: ``conf/quality``."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated

from pydantic import AfterValidator, Field

from tradewright.model.base import FrozenModel
from tradewright.model.hashing import content_hash
from tradewright.quality.report import Severity

SPLIT_RATIOS = (1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 15.0, 20.0, 25.0, 50.0, 100.0)
UNIT_RATIOS = (100.0, 1000.0)

Ratio = Annotated[float, Field(gt=1.2, le=10_000)]


def _split_ratios(value: tuple[float, ...]) -> tuple[float, ...]:
    return _with_all_of(SPLIT_RATIOS, value)


def _unit_ratios(value: tuple[float, ...]) -> tuple[float, ...]:
    return _with_all_of(UNIT_RATIOS, value)


def _with_all_of(usual: tuple[float, ...], value: tuple[float, ...]) -> tuple[float, ...]:
    if lacking := [ratio for ratio in usual if ratio not in value]:
        raise ValueError(f"lacks {', '.join(f'{ratio:g}' for ratio in lacking)}; ratios can be added, none taken away")
    return value


class JumpRules(FrozenModel):
    """When a close is a jump."""

    jump_deviations: float = Field(default=12.0, ge=3, le=50)
    """Beyond so many robust deviations (1.4826 x median absolute deviation) of close-to-close log returns."""
    least_jump: float = Field(default=0.05, ge=0.005, le=0.5)
    """And beyond this log return."""


class SplitRules(FrozenModel):
    """When an opening gap that the bar's close keeps is a possible split, or a change of units."""

    split_tolerance: float = Field(default=0.04, ge=0.01, le=0.1)
    """How far, as a log return, it may lie from a usual ratio."""
    sure_split: float = Field(default=7.5, ge=2, le=20)
    """The ratio from which any gap counts."""
    longest_hole: int = Field(default=20, ge=5, le=1000)
    """How many bars may be missing before it."""
    split_ratios: Annotated[tuple[Ratio, ...], AfterValidator(_split_ratios)] = SPLIT_RATIOS
    """The usual ratios of splits; they can be added to."""
    unit_ratios: Annotated[tuple[Ratio, ...], AfterValidator(_unit_ratios)] = UNIT_RATIOS
    """The ratios of units; they can be added to."""
    volume_window: int = Field(default=10, ge=3, le=100)
    """Bars before the gap that tell the old level, and on each side those whose volumes tell a split from units."""


class PrintRules(FrozenModel):
    """When a price is a bad print."""

    least_print: float = Field(default=0.05, ge=0.005, le=0.2)
    """Beyond its neighbours by more than this log return."""
    ranges_of_open: float = Field(default=5.0, ge=1, le=15)
    """And by more than so many median true ranges: an open."""
    ranges_of_high: float = Field(default=5.0, ge=1, le=15)
    """A high."""
    ranges_of_low: float = Field(default=5.0, ge=1, le=15)
    """A low."""
    ranges_of_close: float = Field(default=3.0, ge=1, le=15)
    """A close."""
    range_window: int = Field(default=10, ge=3, le=100)
    """Bars on each side whose median true range is the yardstick."""


class StaleRules(FrozenModel):
    """When a run of repeated bars is stale."""

    least_repeats: int = Field(default=5, ge=2, le=60)
    """Beyond so many repeated bars."""
    usual_runs: float = Field(default=5.0, ge=1.5, le=20)
    """And beyond so many times the longest run that is usual.

    In series of three vendors the longest run while trades went on is 4.3 times as long as usual: 64 minutes of ES
    quotes in the night of 7 October 2013, when every trade was at the bid or the ask of these quotes."""
    run_window: int = Field(default=100, ge=20, le=1000)
    """Bars on each side of a run that tell how often bars repeat at that time of the day."""


class AgreementRules(FrozenModel):
    """When other bars of the same market disagree."""

    least_difference: float = Field(default=0.01, ge=0.0005, le=0.1)
    """A price differs by more than this share of the larger one.

    Days and the hours of the same vendor (two shares, 5,849 days each) differ once each by more, in a high of a half
    day, and by less than 0.008 everywhere else."""


class Severities(FrozenModel):
    """The severity of each finding that states a fact; BLOCK keeps entries back.

    What breaks the contract always blocks, and what is grave blocks while it is among the newest bars: neither has a
    key.
    """

    gaps: Severity = Severity.WARN
    quarantined: Severity = Severity.WARN
    outside_session: Severity = Severity.INFO
    zero_volume: Severity = Severity.INFO
    unknown_volume: Severity = Severity.INFO
    flat_bars: Severity = Severity.INFO
    no_spread: Severity = Severity.INFO
    crossed_quotes: Severity = Severity.WARN
    stale_run: Severity = Severity.WARN
    jumps: Severity = Severity.WARN
    security_changed: Severity = Severity.WARN
    timeframes_disagree: Severity = Severity.WARN
    sources_disagree: Severity = Severity.WARN


class QualityRules(FrozenModel):
    """``quality``: how bars are judged."""

    jump: JumpRules = JumpRules()
    split: SplitRules = SplitRules()
    bad_print: PrintRules = PrintRules()
    stale: StaleRules = StaleRules()
    agreement: AgreementRules = AgreementRules()
    severities: Severities = Severities()
    watched_bars: int = Field(default=250, ge=250, le=1_000_000)
    """A grave finding blocks while one of its bars is among so many of the newest: a year of days, and never fewer."""

    @cached_property
    def digest(self) -> str:
        """What identifies these rules in the evidence that gate and sender read."""
        return content_hash(self.model_dump(mode="json"))[:16]


SHIPPED = QualityRules()
"""The rules with the numbers that ship."""

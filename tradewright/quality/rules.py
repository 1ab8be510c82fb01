"""The thresholds of the checks of prices."""

from __future__ import annotations

from pydantic import Field

from tradewright.model.base import FrozenModel


class QualityRules(FrozenModel):
    """The thresholds of the checks of one series of bars.

    Args:
        jump_deviations, least_jump: a close is a jump beyond this many robust deviations of close-to-close log returns
            and beyond this log return.
        split_tolerance: how far, as a log return, an opening gap may lie from a usual ratio and count as a split.
        sure_split: the ratio from which any opening gap counts as a split.
        split_hole: how many missing bars may lie before a split.
        least_bad_print: a price beyond its neighbours by less than this log return is never a bad print.
        bad_print_ranges: how many median true ranges an open, high or low lies beyond its neighbours when it is bad.
        bad_close_ranges: the same of a close.
        stale_repeats: how many bars in a row may repeat the bar before them, at the least.
        stale_times: how many times the longest run that is usual in the series a run of repeated bars may be.
    """

    jump_deviations: float = Field(default=12.0, gt=0)
    least_jump: float = Field(default=0.05, gt=0)
    split_tolerance: float = Field(default=0.04, ge=0, le=0.2)
    sure_split: float = Field(default=7.5, gt=1)
    split_hole: int = Field(default=20, ge=1)
    least_bad_print: float = Field(default=0.05, gt=0)
    bad_print_ranges: float = Field(default=5.0, gt=0)
    bad_close_ranges: float = Field(default=3.0, gt=0)
    stale_repeats: int = Field(default=5, ge=2)
    stale_times: float = Field(default=4.0, ge=1)


RULES = QualityRules()
"""The rules that ship."""

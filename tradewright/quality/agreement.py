"""Whether other bars of the same market tell the same prices: those of shorter timeframes, or of a second source."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from tradewright.model.bar_rules import Mask, select
from tradewright.model.bars import Bars, Floats, Times
from tradewright.quality.counted import EXAMPLES, is_among, stamp_text
from tradewright.quality.report import Code, Finding, Severity, places_of
from tradewright.quality.thresholds import SHIPPED, QualityRules

PRICES = ("open", "high", "low", "close")
MOSTLY_THERE = 0.95
"""The share of the shorter bars of a period that must be stored, before their sum can speak against a longer bar."""


class OtherBars(NamedTuple):
    """Other bars of the same market, in the same timeframe.

    Args:
        code: of the finding that they do not agree.
        name: where they come from, as the end of "differ from ...".
        bars: their prices; bars that start at other times are not compared.
        is_declared: whether a person named them as a witness, so that it is told when they say nothing.
    """

    code: Literal[Code.TIMEFRAMES_DISAGREE, Code.SOURCES_DISAGREE]
    name: str
    bars: Bars
    is_declared: bool = False


def mostly_whole(made: Bars, shorter: Times, grid: Times) -> Bars:
    """The bars for which nearly all shorter ones are there, up to the next bar: holes may have hidden a price.

    Args:
        made: bars made of shorter ones, ascending.
        shorter: the starts of these, ascending.
        grid: the starts that their calendar expects, ascending.
    """
    places = np.searchsorted(grid, made.ts)
    stored = np.append(0, np.cumsum(is_among(grid, shorter)))
    ends = np.append(places[1:], np.searchsorted(grid, shorter[-1:], "right"))
    expected = np.maximum(ends - places, 1)
    return select(made, stored[ends] - stored[places] >= MOSTLY_THERE * expected)


def agreeing(bars: Bars, other: OtherBars, least: float = SHIPPED.agreement.least_difference) -> Mask:
    """Which bars the other ones confirm: of the same start, all prices within the least difference."""
    found = np.zeros(len(bars.ts), dtype=np.bool_)
    _common, mine, differences = _differences(bars, other.bars)
    found[mine] = np.all(differences <= least, axis=0)
    return found


def agreement_finding(bars: Bars, other: OtherBars, rules: QualityRules = SHIPPED) -> list[Finding]:
    """The bars of which a price differs from the other's by more than the least difference, the farthest first.

    A difference is told as a share of the larger price of the two. Volumes are not compared: vendors count different
    trades. Where no bar starts at the same time nothing is compared, which is told of a witness that was declared.
    """
    common, mine, differences = _differences(bars, other.bars)
    grades, least = rules.severities, rules.agreement.least_difference
    severity = grades.sources_disagree if other.code is Code.SOURCES_DISAGREE else grades.timeframes_disagree
    if len(common) == 0:
        return [_nothing_in_common(other, severity)] if other.is_declared else []
    largest = differences.max(axis=0)
    far = np.flatnonzero(largest > least)
    if len(far) == 0:
        return []
    rows = np.zeros(len(bars.ts), dtype=np.bool_)
    rows[mine[far]] = True
    order = far[np.argsort(-largest[far], kind="stable")]
    share = len(far) / len(common)
    return [
        Finding(
            code=other.code,
            severity=severity,
            message=(
                f"{len(far)} of {len(common)} compared bars ({share:.1%}) differ by more than "
                f"{least:.2%} from {other.name}"
            ),
            figures={
                "bars": len(far),
                "share": len(far) / len(bars.ts),
                "compared": len(common),
                "largest": float(largest[order[0]]),
                **places_of(bars, rows),
            },
            examples=tuple(_example(bars, other.bars, common[at], differences[:, at]) for at in order[:EXAMPLES]),
        )
    ]


def _differences(bars: Bars, others: Bars) -> tuple[Times, np.ndarray, np.ndarray]:
    """The common starts, the rows of them, and the differences of the four prices there (4 x common)."""
    common, mine, theirs = np.intersect1d(bars.ts, others.ts, assume_unique=True, return_indices=True)
    pairs = [(getattr(bars, name)[mine], getattr(others, name)[theirs]) for name in PRICES]
    return common, mine, np.array([_apart(ours, others) for ours, others in pairs])


def _apart(ours: Floats, others: Floats) -> Floats:
    """The differences as shares of the larger price of the two; 0 where both are zero."""
    larger = np.maximum(np.abs(ours), np.abs(others))
    return np.divide(np.abs(ours - others), larger, out=np.zeros(len(larger)), where=larger > 0)


def _example(bars: Bars, others: Bars, start: np.int64, differences: np.ndarray) -> str:
    name = PRICES[int(np.argmax(differences))]
    ours, theirs = (getattr(each, name)[np.searchsorted(each.ts, start)] for each in (bars, others))
    return f"{stamp_text(start)}: {name} {ours:g} against {theirs:g}"


def _nothing_in_common(other: OtherBars, severity: Severity) -> Finding:
    return Finding(
        code=other.code,
        severity=severity,
        message=f"nothing was compared: no bar starts at the time of one of {other.name}",
        figures={"bars": 0, "compared": 0},
    )

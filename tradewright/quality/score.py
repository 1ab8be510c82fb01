"""The score of a series of bars: the share of it that no finding speaks against, in percent."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from tradewright.quality.report import Finding, Severity

BEST = 100.0
SCORE = "score"
"""The key of a score in the detail of a recorded check."""
_NOISE = 1e-6


def score(findings: Iterable[Finding]) -> float:
    """From 0 to 100, rounded down to hundredths: ``100 x (1 - s)``, not below 0.

    ``s`` is the sum of the shares that the findings of WARN and BLOCK have measured: of the bars they are about among
    all, and of the missing ones among those expected. A bar counts once for each of them. A finding that counts no bars
    adds nothing; one of these that blocks says that none can be used, and the score is 0. Mere properties of the
    source, and findings that a person accepted, are INFO and cost nothing; so 100 says that there is nothing to tell.
    """
    told = [row for row in findings if row.severity is not Severity.INFO]
    if any(row.severity is Severity.BLOCK and "share" not in row.figures for row in told):
        return 0.0
    lost = sum(float(row.figures.get("share", 0.0)) for row in told)
    if lost == 0:
        return BEST
    hundredths = math.floor(BEST * 100 * (1 - lost) + _NOISE)
    return max(0.0, min(hundredths, BEST * 100 - 1) / 100)


def recorded_score(detail: object) -> float | None:
    """The score in the detail of a recorded check; None in one from before scores were kept."""
    found = detail.get(SCORE) if isinstance(detail, Mapping) else None
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else None


def score_text(value: float | None) -> str:
    """A score for people."""
    return "not kept" if value is None else f"{value:.2f}"

"""A sweep as one HTML page: verdict, findings, the figure over the parameters and over the sets; no address outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tradewright.evaluation.finding import Finding
from tradewright.evaluation.page_frame import rendered
from tradewright.evaluation.sweep_charts import distribution_figure, heat_figure, parallel_figure
from tradewright.evaluation.verdict import SkillVerdict


class _Drawing(NamedTuple):
    title: str
    height: int
    json: str


def sweep_page(
    title: str,
    facts: Mapping[str, str],
    verdict: SkillVerdict,
    findings: Sequence[Finding],
    sets: Sequence[Mapping[str, float]],
    figures: npt.ArrayLike,
    chosen: int,
    figure: str,
) -> str:
    """The page; a content policy forbids any request.

    Args:
        sets: the parameter sets, of equal names.
        figures: one per set, the more the better.
        chosen: the index of the best set.
        figure: the name of the figures.
    """
    values = np.asarray(figures, dtype=np.float64)
    drawn = {
        f"{figure} by parameters; the chosen set is marked": heat_figure(sets, values, chosen, figure),
        f"{figure} by all parameters; drag along an axis to pick sets": parallel_figure(sets, values, chosen, figure),
        f"{figure} of all {len(sets):,} sets": distribution_figure(values, chosen, figure),
    }
    drawings = [
        _Drawing(name, each.layout.height, each.to_json().replace("<", "\\u003c"))
        for name, each in drawn.items()
        if each is not None
    ]
    judged = "Verdict on the best set"
    return rendered("sweep.html", "Sweep", title, facts, judged, verdict, findings=findings, drawings=drawings)

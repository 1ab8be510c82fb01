"""A sweep as one HTML page: verdict, findings, parameter heat map, distribution of the sets; no address outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from jinja2 import Environment, StrictUndefined

from tradewright.evaluation.finding import Finding
from tradewright.evaluation.sweep_charts import distribution_figure, heat_figure
from tradewright.evaluation.verdict import SkillVerdict, verdict_lines


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
    from plotly.offline import get_plotlyjs

    values = np.asarray(figures, dtype=np.float64)
    drawn = {
        f"{figure} by parameters; the chosen set is marked": heat_figure(sets, values, chosen, figure),
        f"{figure} of all {len(sets):,} sets": distribution_figure(values, chosen, figure),
    }
    return (
        Environment(autoescape=True, undefined=StrictUndefined)
        .from_string(_part("sweep.html"))
        .render(
            title=title,
            facts=facts,
            verdict=verdict,
            figures=verdict_lines(verdict),
            findings=findings,
            drawings=[
                _Drawing(name, each.layout.height, each.to_json().replace("<", "\\u003c"))
                for name, each in drawn.items()
                if each is not None
            ],
            style=_part("page.css"),
            plotly=get_plotlyjs(),
            script=_part("page.js"),
        )
    )


def _part(name: str) -> str:
    return (files("tradewright.evaluation") / name).read_text(encoding="utf-8")

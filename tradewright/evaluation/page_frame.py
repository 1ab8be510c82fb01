"""The frame that our HTML pages share: one file with styles, script and Plotly inside, and no address outside."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined

from tradewright.evaluation.verdict import SkillVerdict, verdict_lines


def rendered(
    template: str,
    kind: str,
    title: str,
    facts: Mapping[str, str],
    judged: str,
    verdict: SkillVerdict | None,
    **values: object,
) -> str:
    """A page; a content policy forbids any request.

    The templates escape all but what they mark as ``safe``: our own files, Plotly's script, the charts.

    Args:
        template: the file that fills the frame.
        kind: what kind of page it is.
        judged: the heading of the verdict.
        verdict: None for a page that has another one in its own block ``judged``, and no drawings.
        values: for the template.
    """
    from plotly.offline import get_plotlyjs

    pages = Environment(autoescape=True, undefined=StrictUndefined, loader=FunctionLoader(_part))
    return pages.get_template(template).render(
        kind=kind,
        title=title,
        facts=facts,
        judged=judged,
        verdict=verdict,
        figures=verdict_lines(verdict) if verdict else (),
        style=_part("page.css"),
        plotly=get_plotlyjs() if verdict else "",
        script=_part("page.js"),
        **values,
    )


def _part(name: str) -> str:
    return (files("tradewright.evaluation") / name).read_text(encoding="utf-8")

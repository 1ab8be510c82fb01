"""Pieces of HTML for the apps: figures as tiles, as many beside one another as fit (two on a phone), wrapped text."""

from __future__ import annotations

from collections.abc import Sequence

from jinja2 import Environment

from tradewright.evaluation.formatting import MetricRow

_TILES = """<div style="display:grid;grid-template-columns:repeat(auto-fit,minmax(min(8.2rem,45%),1fr));gap:.6rem">
{%- for row in rows -%}
<div class="tile" style="border:1px solid #8884;border-radius:.6rem;
padding:.8rem 1rem;min-width:0;overflow-wrap:anywhere">
<div style="font-size:.8rem">{{ row.label }}</div>
<div style="font-size:1.35rem;font-weight:700;line-height:1.5">{{ row.text }}</div>
<div style="font-size:.75rem;opacity:.75">{{ row.meaning }}</div></div>
{%- endfor -%}
</div>"""

_WRAPPED = """<pre style="white-space:pre-wrap;overflow-wrap:anywhere;font-size:.75rem">{{ text }}</pre>"""


def tiles(rows: Sequence[MetricRow]) -> str:
    """The tiles as HTML; every text in it is escaped."""
    return Environment(autoescape=True).from_string(_TILES).render(rows=rows)


def wrapped_text(text: str) -> str:
    """Lines of plain text as HTML, escaped, broken where the room ends: marimo does not break its own."""
    return Environment(autoescape=True).from_string(_WRAPPED).render(text=text)

"""Pieces of HTML for the apps: figures as tiles, as many beside one another as fit, findings, pairs, wrapped text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from jinja2 import Environment

from tradewright.evaluation.finding import Finding, Severity
from tradewright.evaluation.formatting import MetricRow

if TYPE_CHECKING:
    from app.operations.lab_documents import DrawnProblem

COLOURS = {Severity.CRITICAL: "#c8453f", Severity.WARNING: "#a97c1f", Severity.INFO: "#3578c4"}

_TILES = """<div style="display:grid;grid-template-columns:repeat(auto-fit,minmax(min(8.2rem,45%),1fr));gap:.6rem">
{%- for row in rows -%}
<div class="tile" style="border:1px solid #8884;border-radius:.6rem;
padding:.8rem 1rem;min-width:0;overflow-wrap:anywhere">
<div style="font-size:.8rem">{{ row.label }}</div>
<div style="font-size:1.35rem;font-weight:700;line-height:1.5">{{ row.text }}</div>
<div style="font-size:.75rem;opacity:.75">{{ row.meaning }}</div></div>
{%- endfor -%}
</div>"""

_FINDINGS = """<ol style="list-style:none;margin:0;padding:0">
{%- for account, finding in found -%}
<li style="display:flex;flex-wrap:wrap;gap:.25rem .75rem;align-items:baseline;
padding:.4rem 0;border-bottom:1px solid #8883">
<b style="color:#fff;border-radius:1rem;padding:0 .6rem;font-size:.75rem;min-width:4.5rem;text-align:center;
background:{{ colours[finding.severity] }}">{{ finding.severity }}</b>
<span style="flex:1 1 14rem">{{ finding.message }}
<small style="opacity:.7">{{ finding.advice.why }} {{ finding.advice.remedy }}</small></span>
<code style="opacity:.6;font-size:.75rem">{{ finding.code }} · {{ account }}</code></li>
{%- endfor -%}
</ol>"""

_PAIRS = """<dl style="display:grid;grid-template-columns:minmax(5rem,max-content) minmax(0,1fr);gap:.3rem 1rem;
margin:0;font-size:.85rem;overflow-wrap:anywhere">
{%- for name, text in rows -%}
<dt style="opacity:.75">{{ name }}</dt><dd style="margin:0">{{ text }}</dd>
{%- endfor -%}
</dl>"""

_PROBLEMS = """<ol style="list-style:none;margin:0;padding:0">
{%- for row in rows -%}
<li style="padding:.5rem 0;border-bottom:1px solid #8883">
<div style="display:flex;flex-wrap:wrap;gap:.25rem .75rem;align-items:baseline">
<b style="color:#fff;border-radius:1rem;padding:0 .6rem;font-size:.75rem;
background:{{ colours[row.problem.severity.value] }}">{{ row.problem.code.value }}</b>
<span style="opacity:.75">{{ row.place }} {{ row.problem.loc.path }}</span></div>
{%- if row.line %}<pre style="margin:.4rem 0;overflow-x:auto;font-size:.8rem;line-height:1.3">{{ row.line }}
<b style="color:{{ colours[row.problem.severity.value] }}">{{ row.caret }}</b></pre>{% endif -%}
<div style="overflow-wrap:anywhere">{{ row.problem.message }}</div>
{%- for hint in row.problem.hints %}<div style="overflow-wrap:anywhere">→ {{ hint.text }}</div>{% endfor -%}
</li>
{%- endfor -%}
</ol>"""

_SECTIONS = """{%- for name, lines in rows -%}
<h3 style="margin:.8rem 0 .2rem">{{ name }}</h3>
<ul style="margin:0;padding-left:1.2rem;list-style:disc">
{%- for line in lines %}<li style="overflow-wrap:anywhere">{{ line }}</li>{% endfor -%}
</ul>
{%- endfor -%}"""

_WRAPPED = """<pre style="white-space:pre-wrap;overflow-wrap:anywhere;font-size:.75rem">{{ text }}</pre>"""


def tiles(rows: Sequence[MetricRow]) -> str:
    """The tiles as HTML; every text in it is escaped."""
    return Environment(autoescape=True).from_string(_TILES).render(rows=rows)


def findings_list(found: Sequence[tuple[str, Finding]]) -> str:
    """Findings with the names of their accounts as an HTML list, in their order; every text in it is escaped."""
    return Environment(autoescape=True).from_string(_FINDINGS).render(found=found, colours=COLOURS)


def pairs(rows: Sequence[tuple[str, object]]) -> str:
    """Names and what is told of each as an HTML list, in their order; every text in it is escaped."""
    return Environment(autoescape=True).from_string(_PAIRS).render(rows=rows)


def document_problems(rows: Sequence[DrawnProblem]) -> str:
    """The problems of a document as an HTML list, each with its line and a caret; every text in it is escaped."""
    colours = {"error": COLOURS[Severity.CRITICAL], "warning": COLOURS[Severity.WARNING]}
    return Environment(autoescape=True).from_string(_PROBLEMS).render(rows=rows, colours=colours)


def sections(rows: Sequence[tuple[str, Sequence[str]]]) -> str:
    """Lists under their headings as HTML; every text in it is escaped."""
    return Environment(autoescape=True).from_string(_SECTIONS).render(rows=rows)


def wrapped_text(text: str) -> str:
    """Lines of plain text as HTML, escaped, broken where the room ends: marimo does not break its own."""
    return Environment(autoescape=True).from_string(_WRAPPED).render(text=text)

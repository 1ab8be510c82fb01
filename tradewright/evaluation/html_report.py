"""The report as one HTML page: styles, script, figures and Plotly itself inside, no address outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.resources import files
from string import Template

from tradewright.evaluation.charts import account_figure, account_svg, price_figure
from tradewright.evaluation.equity_curve import MONTHS, YearRow
from tradewright.evaluation.finding import TOGETHER, Finding, Section, Severity
from tradewright.evaluation.formatting import Group, groups, headline, percent
from tradewright.evaluation.markup import Html, element, join

HEAT_FULL = 0.10
"""A month that earned or lost this fraction gets the full colour."""


def report_page(strategy: str, sections: Sequence[Section], facts: Mapping[str, str]) -> str:
    """The page; every text from outside is escaped, and a content policy forbids any request."""
    from plotly.offline import get_plotlyjs

    return Template(_part("page.html")).substitute(
        title=element("title", f"{strategy}: risk report"),
        style=_part("page.css"),
        plotly=get_plotlyjs(),
        script=_part("page.js"),
        heading=element("h1", strategy),
        contents=_contents(sections) if len(sections) > 1 else "",
        sections=join(_section(each, number) for number, each in enumerate(sections)),
        facts=_facts(facts),
    )


def _part(name: str) -> str:
    return (files("tradewright.evaluation") / name).read_text(encoding="utf-8")


def _contents(sections: Sequence[Section]) -> Html:
    figures = [line.label for line in headline(sections[0].metrics)]
    rows = (
        element(
            "tr",
            element("th", element("a", each.instrument, href=f"#section-{number}"), scope="row"),
            *(element("td", line.text) for line in headline(each.metrics)),
            *(element("td", str(_number_of(each, severity))) for severity in (Severity.CRITICAL, Severity.WARNING)),
        )
        for number, each in enumerate(sections)
    )
    return _table("contents", ("Instrument", *figures, "Critical", "Warnings"), element("tbody", *rows))


def _number_of(section: Section, severity: Severity) -> int:
    return sum(finding.severity is severity for finding in section.findings)


def _section(section: Section, number: int) -> Html:
    return element(
        "section",
        element("h2", section.instrument, element("small", _period(section))),
        _tiles(section),
        element("h3", "What speaks against it"),
        _findings(section.findings),
        _plot(section, number, "account", "Equity, drawdown and exposure"),
        Html("") if section.instrument == TOGETHER else _plot(section, number, "price", "Price and fills"),
        element("h3", "Returns by month"),
        _months(section.months),
        element("h3", "All figures"),
        element("div", *(_group(group) for group in groups(section.metrics)), class_="groups"),
        element("p", _measured(section), class_="note"),
        id=f"section-{number}",
    )


def _tiles(section: Section) -> Html:
    tiles = (
        element(
            "div",
            element("dt", line.label),
            element("dd", line.text, class_="negative" if line.text.startswith("-") else "plain"),
            element("dd", line.meaning, class_="note"),
        )
        for line in headline(section.metrics)
    )
    return element("dl", *tiles, class_="tiles")


def _findings(findings: Sequence[Finding]) -> Html:
    if not findings:
        return element("p", "No finding. That is rare; read the figures all the same.", class_="note")
    items = (
        element(
            "li",
            element("b", each.severity.value),
            element("span", each.message),
            element("code", each.code),
            class_=each.severity.value,
        )
        for each in findings
    )
    return element("ol", *items, class_="findings")


def _plot(section: Section, number: int, kind: str, title: str) -> Html:
    figure = account_figure(section.result) if kind == "account" else price_figure(section.result)
    data = Html(figure.to_json().replace("<", "\\u003c"))
    name = f"{kind}-{number}"
    fallback = Html(account_svg(section.result, section.instrument)) if kind == "account" else Html("")
    return element(
        "figure",
        element("figcaption", title),
        element("div", id=name, class_="plot", style=f"height:{figure.layout.height}px"),
        element("noscript", fallback),
        element("script", data, type="application/json", data_for=name),
    )


def _months(rows: Sequence[YearRow]) -> Html:
    body = (
        element(
            "tr",
            element("th", str(row.year), scope="row"),
            *(_month(each) for each in row.months),
            element("td", percent(row.total, 1), class_="total"),
        )
        for row in rows
    )
    return _table("months", ("Year", *MONTHS, "Year's return"), element("tbody", *body))


def _month(value: float | None) -> Html:
    if value is None:
        return element("td", "")
    heat = min(1.0, abs(value) / HEAT_FULL)
    return element("td", percent(value, 1), class_="gain" if value >= 0 else "loss", style=f"--heat:{heat:.2f}")


def _group(group: Group) -> Html:
    rows = (
        element(
            "tr",
            element("th", line.label, element("small", line.meaning), scope="row"),
            element("td", line.text),
        )
        for line in group.lines
    )
    return element("table", element("caption", group.title), element("tbody", *rows))


def _facts(facts: Mapping[str, str]) -> Html:
    rows = (element("div", element("dt", name), element("dd", value)) for name, value in facts.items())
    return element("dl", *rows, class_="facts")


def _table(kind: str, header: Sequence[str], body: Html) -> Html:
    head = element("thead", element("tr", *(element("th", name, scope="col") for name in header)))
    return element("div", element("table", head, body, class_=kind), class_="scroll")


def _period(section: Section) -> str:
    ts = section.result.bars.ts
    if len(ts) == 0:
        return "no bars"
    first, last = (datetime.fromtimestamp(int(each) // 1_000_000_000, tz=UTC).date() for each in (ts[0], ts[-1]))
    return f"{first} to {last}, {section.metrics.bars:,} bars"


def _measured(section: Section) -> str:
    metrics = section.metrics
    returns, looks = (each.value.replace("_", " ") for each in (metrics.returns_sampling, metrics.sampling))
    return (
        f"Measured on {returns} returns ({metrics.periods:,} of them, {metrics.periods_per_year:,.0f} to a year),"
        f" sampled drawdown on {looks} equity, risk-free rate {percent(metrics.risk_free)} a year."
        " Days and months are UTC. A ratio that would be infinite is shown as its cap."
    )

"""The report as one HTML page: styles, script, figures and Plotly itself inside, no address outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tradewright.evaluation.charts import account_figure, account_svg, excursion_figure, price_figure, rolling_figure
from tradewright.evaluation.equity_curve import MONTHS, YearRow
from tradewright.evaluation.finding import TOGETHER, AccountSection, Finding
from tradewright.evaluation.formatting import MetricGroup, MetricRow, groups, headline, percent
from tradewright.evaluation.page_frame import rendered
from tradewright.evaluation.rolling import WINDOW_HEADER, window_lines
from tradewright.evaluation.trade_table import TRADE_HEADER, TradeRow, trade_rows
from tradewright.evaluation.verdict import SkillVerdict

if TYPE_CHECKING:
    import plotly.graph_objects as go

MOST_TRADES = 200
"""The newest closed trades of an account that the page lists."""
FULL_HEAT = 0.10
"""A month that earned or lost this fraction gets the full colour."""


@dataclass(frozen=True)
class _Drawing:
    height: int
    json: str


@dataclass(frozen=True)
class _PageSection:
    """A section as the template reads it."""

    name: str
    period: str
    headline: tuple[MetricRow, ...]
    findings: Sequence[Finding]
    account: _Drawing
    picture: str
    price: _Drawing | None
    rolling: _Drawing | None
    windows: list[tuple[str, ...]]
    excursions: _Drawing | None
    months: Sequence[YearRow]
    groups: tuple[MetricGroup, ...]
    measured: str
    trades: tuple[TradeRow, ...]
    trades_left_out: int


@dataclass(frozen=True)
class _Row:
    """A section in the table of contents: its place on the page, None where it is not shown in detail."""

    name: str
    place: int | None
    headline: tuple[MetricRow, ...]
    findings: Sequence[Finding]


def report_page(
    strategy: str,
    sections: Sequence[AccountSection],
    verdict: SkillVerdict,
    facts: Mapping[str, str],
    detailed: Sequence[AccountSection],
    drawings: Mapping[str, go.Figure],
) -> str:
    """The page; a content policy forbids any request.

    Args:
        detailed: the sections with charts, months and all figures; the others are told by headline and findings.
        drawings: pictures of the whole run, by title.
    """
    places = {each.instrument: place for place, each in enumerate(detailed)}
    return rendered(
        "page.html",
        "Risk report",
        strategy,
        facts,
        "Verdict",
        verdict,
        rows=[_row(each, places.get(each.instrument)) for each in sections],
        drawings=[(title, _drawing(figure)) for title, figure in drawings.items()],
        sections=[_page_section(each) for each in detailed],
        months=MONTHS,
        trade_header=TRADE_HEADER,
        window_header=WINDOW_HEADER,
        percent=percent,
        heat=lambda value: f"{min(1.0, abs(value) / FULL_HEAT):.2f}",
    )


def _row(section: AccountSection, place: int | None) -> _Row:
    return _Row(section.instrument, place, headline(section.metrics), section.findings)


def _page_section(section: AccountSection) -> _PageSection:
    return _PageSection(
        name=section.instrument,
        period=_period(section),
        headline=headline(section.metrics),
        findings=section.findings,
        account=_drawing(account_figure(section.result)),
        picture=account_svg(section.result, section.instrument),
        price=None if section.instrument == TOGETHER else _drawing(price_figure(section.result)),
        rolling=_drawn(rolling_figure(section.windows)),
        windows=window_lines(section.windows),
        excursions=None if section.instrument == TOGETHER else _drawn(excursion_figure(section.result)),
        months=section.months,
        groups=groups(section.metrics),
        measured=_measured(section),
        trades=() if section.instrument == TOGETHER else trade_rows(section.result, MOST_TRADES),
        trades_left_out=0 if section.instrument == TOGETHER else max(0, section.metrics.trades - MOST_TRADES),
    )


def _drawn(figure: go.Figure | None) -> _Drawing | None:
    return None if figure is None else _drawing(figure)


def _drawing(figure: go.Figure) -> _Drawing:
    """A figure's JSON, in which no ``<`` can end the script element."""
    return _Drawing(figure.layout.height, figure.to_json().replace("<", "\\u003c"))


def _period(section: AccountSection) -> str:
    ts = section.result.bars.ts
    if len(ts) == 0:
        return "no bars"
    first, last = (datetime.fromtimestamp(int(each) // 1_000_000_000, tz=UTC).date() for each in (ts[0], ts[-1]))
    return f"{first} to {last}, {section.metrics.bars:,} bars"


def _measured(section: AccountSection) -> str:
    metrics = section.metrics
    returns, looks = (each.value.replace("_", " ") for each in (metrics.returns_sampling, metrics.sampling))
    return (
        f"Measured on {returns} returns ({metrics.periods:,} of them, {metrics.periods_per_year:,.0f} to a year),"
        f" sampled drawdown on {looks} equity, risk-free rate {percent(metrics.risk_free)} a year."
        " Days and months are UTC. A ratio that would be infinite is shown as its cap."
    )

"""The charts of the quality page: scores on record, days by coverage, prices with the bars of findings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from app.operations.charts import CLEAR, LINE, legible
from tradewright.model.bars import Bars, Floats
from tradewright.quality.coverage import DailyCoverage

if TYPE_CHECKING:
    import plotly.graph_objects as go

NONE, SOME, WHOLE, MARK = "#cf5650", "#b3841f", "#2f9461", "#cf5650"
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
POINTS = 2_000
"""Closes of a year that are drawn: of each group of neighbours the last."""


def score_figure(scores: Sequence[tuple[datetime, float | None]]) -> go.Figure:
    """Scores by the time of their check, oldest first; one that was not kept is a hole in the line."""
    import plotly.graph_objects as go

    figure = go.Figure(
        go.Scatter(
            x=[at for at, _ in scores],
            y=[score for _, score in scores],
            mode="lines+markers",
            line={"color": LINE, "width": 2, "shape": "hv"},
            marker={"size": 6},
            hovertemplate="%{x|%d %b %Y %H:%M}<br>%{y:.2f}<extra></extra>",
        )
    )
    figure.update_yaxes(tickformat=".4~g", nticks=5, autorangeoptions={"include": [99, 100.1], "maxallowed": 100.1})
    return _plain(figure, 200)


def calendar_figure(coverage: DailyCoverage | None, year: str | None) -> go.Figure:
    """The market's days of a year as weeks by weekdays, coloured by the share of their bars that are there."""
    import plotly.graph_objects as go

    figure = go.Figure()
    if coverage is not None and year is not None:
        weeks, share, told = _weeks(coverage, year)
        figure.add_trace(
            go.Heatmap(
                x=weeks,
                y=list(range(7)),
                z=share,
                customdata=told,
                zmin=0,
                zmax=100,
                xgap=2,
                ygap=2,
                colorscale=[[0, NONE], [0.5, SOME], [0.999, SOME], [0.999, WHOLE], [1, WHOLE]],
                showscale=False,
                hoverongaps=False,
                hovertemplate="%{customdata}<extra></extra>",
            )
        )
        figure.update_xaxes(dtick="M2", tickformat="%b", tickangle=0)
    figure.update_yaxes(tickvals=list(range(7)), ticktext=WEEKDAYS, autorange="reversed", showgrid=False)
    return _plain(figure, 220)


def _weeks(coverage: DailyCoverage, year: str) -> tuple[pd.DatetimeIndex, Floats, npt.NDArray[np.object_]]:
    """The Mondays of a year's weeks; the share of the bars of each weekday and week, in percent, and its text.

    A day on which no bar is expected has no share.
    """
    days = pd.DatetimeIndex(coverage.days.astype("datetime64[ns]"))
    mondays = days - pd.to_timedelta(days.day_of_week, unit="D")
    first, last = pd.Timestamp(f"{year}-01-01"), pd.Timestamp(f"{year}-12-31")
    weeks = pd.date_range(first - pd.Timedelta(first.day_of_week, "D"), last, freq="7D")
    share, told = np.full((7, len(weeks)), np.nan), np.full((7, len(weeks)), "", dtype=object)
    for row in np.flatnonzero(days.year == int(year)).tolist():
        place = days.day_of_week[row], weeks.get_loc(mondays[row])
        share[place] = coverage.share[row] * 100
        told[place] = f"{days[row]:%a %d %b %Y}: {coverage.there[row]:,} of {coverage.expected[row]:,} bars"
    return weeks, share, told


def price_figure(
    bars: Bars | None,
    year: str | None,
    marks: Sequence[tuple[pd.Timestamp, str]],
    aside: Sequence[tuple[datetime, datetime]],
) -> go.Figure:
    """The closes of a year.

    Args:
        marks: bars that findings name, with what is there.
        aside: spans that are set aside, shaded.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    if bars is not None and year is not None:
        ts = pd.DatetimeIndex(bars.ts.view("datetime64[ns]")).tz_localize("UTC")
        rows = np.flatnonzero(ts.year == int(year))
        drawn = rows[:: -max(1, len(rows) // POINTS)][::-1] if len(rows) else rows
        figure.add_trace(go.Scatter(x=ts[drawn], y=bars.close[drawn], mode="lines", line={"color": LINE, "width": 1.5}))
        known = [(at, text) for at, text in marks if at.year == int(year) and at in ts]
        figure.add_trace(
            go.Scatter(
                x=[at for at, _ in known],
                y=[bars.close[ts.get_loc(at)] for at, _ in known],
                text=[text for _, text in known],
                mode="markers",
                marker={"color": MARK, "size": 9, "symbol": "circle-open", "line": {"width": 2}},
                hovertemplate="%{x|%d %b %Y %H:%M}<br>%{text}<extra></extra>",
            )
        )
        for first, last in aside:
            if first.year <= int(year) <= last.year:
                figure.add_vrect(x0=first, x1=last, fillcolor=SOME, opacity=0.35, line={"color": SOME, "width": 1})
    figure.update_layout(showlegend=False)
    return _plain(figure, 320)


def _plain(figure: go.Figure, height: int) -> go.Figure:
    figure.update_layout(
        height=height,
        template="none",
        paper_bgcolor=CLEAR,
        plot_bgcolor=CLEAR,
        margin={"l": 56, "r": 12, "t": 12, "b": 32},
    )
    return legible(figure)

"""Charts that are legible on a dark and on a light background."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import plotly.graph_objects as go

TEXT, GRID, LINE, CLEAR = "#8b8b8b", "rgba(128,128,128,0.2)", "#3578c4", "rgba(0,0,0,0)"


def legible(figure: go.Figure) -> go.Figure:
    """The same figure with text and grid in greys that read anywhere."""
    figure.update_layout(font={"color": TEXT, "family": "system-ui, sans-serif"}, modebar={"bgcolor": CLEAR})
    figure.update_xaxes(gridcolor=GRID, linecolor=GRID, zerolinecolor=GRID)
    figure.update_yaxes(gridcolor=GRID, linecolor=GRID, zerolinecolor=GRID, automargin=True, title_standoff=12)
    return figure


def equity_figure(marks: Sequence[tuple[datetime, Decimal]]) -> go.Figure:
    """An account's equity at the times when the venue reported it; empty axes where it never did."""
    import plotly.graph_objects as go

    figure = go.Figure(
        go.Scatter(
            x=[at for at, _ in marks],
            y=[float(equity) for _, equity in marks],
            name="Equity",
            mode="lines+markers",
            line={"color": LINE, "width": 2, "shape": "hv"},
            marker={"size": 5},
            hovertemplate="%{x|%d %b %H:%M:%S}<br>%{y:,.2f}<extra></extra>",
        )
    )
    figure.update_layout(
        height=240,
        template="none",
        paper_bgcolor=CLEAR,
        plot_bgcolor=CLEAR,
        margin={"l": 84, "r": 12, "t": 12, "b": 32},
    )
    figure.update_xaxes(showgrid=False)
    figure.update_yaxes(tickformat=",.2f", nticks=5)
    return legible(figure)

"""Pictures of a sweep: a figure over two parameters, over all of them, and its distribution over the sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tradewright.evaluation.charts import CLEAR, FALL
from tradewright.model.bars import Floats

if TYPE_CHECKING:
    import plotly.graph_objects as go

BINS = 60
MARKED = "#c79a3b"
SETS = "#3578c4"
MOST_LINES = 1_000
"""The sets that parallel coordinates show; more cannot be told apart."""


def heat_figure(sets: Sequence[Mapping[str, float]], figures: Floats, chosen: int, name: str) -> go.Figure | None:
    """The figure over the two parameters with the most values, the others at those of the chosen set, which is marked.

    None with fewer than two parameters of several values. A pair that was not tried is left empty.

    Args:
        sets: the parameter sets, of equal names.
        figures: one per set.
        name: of the figure.
    """
    import plotly.graph_objects as go

    values = {key: sorted({each[key] for each in sets}) for key in sets[0]}
    varied = sorted((key for key in values if len(values[key]) > 1), key=lambda key: -len(values[key]))
    if len(varied) < 2:
        return None
    across, up = sorted(varied[:2], key=list(values).index)
    best = sets[chosen]
    rows, columns = ({value: place for place, value in enumerate(values[key])} for key in (up, across))
    table = np.full((len(rows), len(columns)), np.nan)
    for each, value in zip(sets, figures.tolist(), strict=True):
        if all(each[key] == best[key] for key in varied[2:]):
            table[rows[each[up]], columns[each[across]]] = value
    labels = {key: [f"{value:g}" for value in values[key]] for key in (across, up)}
    heat = go.Heatmap(
        x=labels[across],
        y=labels[up],
        z=[[None if np.isnan(value) else value for value in row] for row in table.tolist()],
        colorscale="RdYlGn",
        colorbar={"title": {"text": name}, "outlinewidth": 0},
        hovertemplate=f"{across} %{{x}}<br>{up} %{{y}}<br>{name} %{{z:.4g}}<extra></extra>",
    )
    mark = go.Scatter(
        x=[f"{best[across]:g}"],
        y=[f"{best[up]:g}"],
        mode="markers",
        name="chosen",
        marker={"symbol": "circle-open", "size": 16, "color": "#000", "line": {"width": 3}},
    )
    figure = go.Figure([heat, mark])
    rest = ", ".join(f"{key} {best[key]:g}" for key in varied[2:])
    figure.update_xaxes(title_text=f"{across}{f' ({rest})' if rest else ''}", type="category")
    figure.update_yaxes(title_text=up, type="category")
    return _plain(figure, 460)


def parallel_figure(sets: Sequence[Mapping[str, float]], figures: Floats, chosen: int, name: str) -> go.Figure | None:
    """Every set as a line through its parameters to its figure, coloured by that: where the good ones come together.

    None with fewer than two parameters of several values. Of more than :data:`MOST_LINES` sets, so many are drawn,
    evenly over their ranks, the best and the worst among them, and the chosen one.

    Args:
        sets, figures, chosen, name: as for :func:`heat_figure`.
    """
    import plotly.graph_objects as go

    varied = [key for key in sets[0] if len({each[key] for each in sets}) > 1]
    if len(varied) < 2:
        return None
    ranked = np.argsort(figures, kind="stable")
    places = np.unique(np.linspace(0, len(sets) - 1, min(MOST_LINES, len(sets))).astype(np.int64))
    drawn = list(dict.fromkeys([*ranked[places].tolist(), chosen]))
    values = figures[drawn].tolist()
    axes = [{"label": key, "values": [sets[place][key] for place in drawn]} for key in varied]
    lines = {"color": values, "colorscale": "RdYlGn", "showscale": True, "colorbar": {"title": {"text": name}}}
    figure = go.Figure(go.Parcoords(dimensions=[*axes, {"label": name, "values": values}], line=lines))
    return _plain(figure, 420).update_layout(margin={"l": 72, "r": 12, "t": 56, "b": 32})


def distribution_figure(figures: Floats, chosen: int, name: str) -> go.Figure:
    """How many sets came out with which figure; the chosen one and the median are marked."""
    import plotly.graph_objects as go

    counts, edges = np.histogram(figures, bins=min(BINS, max(1, len(figures))))
    figure = go.Figure(
        go.Bar(x=(edges[:-1] + edges[1:]) / 2.0, y=counts, width=np.diff(edges), marker={"color": SETS}, name="sets")
    )
    for value, said, colour, side in (
        (float(figures[chosen]), "chosen", FALL, "top left"),
        (float(np.median(figures)), "median", MARKED, "top right"),
    ):
        figure.add_vline(x=value, line={"color": colour, "width": 2}, annotation_text=said, annotation_position=side)
    figure.update_xaxes(title_text=name)
    figure.update_yaxes(title_text="Sets")
    return _plain(figure.update_layout(bargap=0), 300)


def _plain(figure: go.Figure, height: int) -> go.Figure:
    figure.update_layout(
        height=height,
        template="none",
        paper_bgcolor=CLEAR,
        plot_bgcolor=CLEAR,
        showlegend=False,
        margin={"l": 64, "r": 12, "t": 32, "b": 48},
    )
    return figure

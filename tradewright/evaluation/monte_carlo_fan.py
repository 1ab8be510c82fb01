"""The fan of a block bootstrap: between which levels the equity of its paths lies, step by step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tradewright.evaluation.blocks import Blocks
from tradewright.evaluation.charts import ACCOUNT, CLEAR, FALL
from tradewright.evaluation.monte_carlo import kind_of_blocks
from tradewright.evaluation.resampling import MOST_EQUITY, paths_of
from tradewright.model.bars import Floats

if TYPE_CHECKING:
    import plotly.graph_objects as go

SHARES = (5.0, 25.0, 50.0, 75.0, 95.0)
"""The percentiles of the fan."""
STEPS = 200
PLACES = 2_000_000
"""Steps of paths that are held at once, 16 bytes each."""


@dataclass(frozen=True)
class Fan:
    """The levels of the paths, all beginning at 1.

    Args:
        steps: after how many returns, ascending from 0; at most :data:`STEPS` + 1 of them, the last one included.
        levels: percentiles x steps, one row for each of :data:`SHARES`.
        given: the level of the series itself.
    """

    steps: npt.NDArray[np.int64]
    levels: Floats
    given: Floats


def bootstrap_fan(returns: Floats, *, paths: int, block: float, blocks: Blocks, seed: int) -> Fan:
    """The fan of the very paths of :func:`~tradewright.evaluation.monte_carlo.bootstrap_returns`.

    Args:
        returns: contiguous, finite; without any, every level is 1.
        paths, block, blocks, seed: as for that function, which refuses those out of range.
    """
    length = len(returns)
    steps = np.unique(np.linspace(0, length, min(STEPS, length) + 1).round().astype(np.int64))
    if length == 0:
        return Fan(steps, np.ones((len(SHARES), 1)), np.ones(1))
    found, together = np.empty((paths, len(steps))), max(1, PLACES // length)
    for first in range(0, paths, together):
        count = min(together, paths - first)
        places = paths_of(count, length, length, kind_of_blocks(blocks), block, seed, first)
        found[first : first + count] = _levels(returns[places])[:, steps]
    return Fan(steps, np.percentile(found, SHARES, axis=0), _levels(returns[None, :])[0, steps])


def fan_figure(fan: Fan) -> go.Figure:
    """Half and nine tenths of the paths as bands around their median, and the path that really was."""
    import plotly.graph_objects as go

    (low, below, median, above, high), figure = fan.levels, go.Figure()
    for bottom, top, said, colour in (
        (low, high, "90 % of the paths", "rgba(53,120,196,0.15)"),
        (below, above, "50 % of the paths", "rgba(53,120,196,0.3)"),
    ):
        edge = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"}
        figure.add_trace(go.Scatter(x=fan.steps, y=bottom, showlegend=False, **edge))
        figure.add_trace(go.Scatter(x=fan.steps, y=top, name=said, fill="tonexty", fillcolor=colour, **edge))
    for values, said, colour in ((median, "Median", ACCOUNT), (fan.given, "This history", FALL)):
        figure.add_trace(go.Scatter(x=fan.steps, y=values, name=said, mode="lines", line={"color": colour}))
    figure.update_xaxes(title_text="Bars", showgrid=False)
    figure.update_yaxes(title_text="Equity, as a multiple of its start")
    return figure.update_layout(
        height=380,
        template="none",
        paper_bgcolor=CLEAR,
        plot_bgcolor=CLEAR,
        hovermode="x unified",
        margin={"l": 64, "r": 12, "t": 32, "b": 48},
        legend={"orientation": "h", "x": 0, "y": 1.12},
    )


def _levels(returns: Floats) -> Floats:
    """Paths x (steps + 1): 1, and the level after each return; from zero or below it stays where it is."""
    growth = 1.0 + returns
    ended = np.logical_or.accumulate(growth <= 0.0, axis=1)
    growth[:, 1:][ended[:, :-1]] = 1.0
    levels = np.ones((len(returns), returns.shape[1] + 1))
    with np.errstate(over="ignore"):
        np.cumprod(growth, axis=1, out=levels[:, 1:])
    return np.minimum(levels, MOST_EQUITY)

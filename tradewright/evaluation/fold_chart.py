"""A picture of a walk-forward: the spans of its folds, and what the chosen sets earned in and out of sample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from tradewright.evaluation.charts import ACCOUNT, CLEAR, MARKET
from tradewright.evaluation.folds import Fold
from tradewright.model.bars import Times

if TYPE_CHECKING:
    import plotly.graph_objects as go


class DrawnFold(NamedTuple):
    """One fold with the Sharpe ratio of its chosen set on the train span and on the test."""

    fold: Fold
    in_sample: float
    out_of_sample: float


def folds_figure(folds: Sequence[DrawnFold], ts: Times) -> go.Figure:
    """The train and test spans over time, one line a fold, and below them both Sharpe ratios of each fold.

    Args:
        folds: at least one, the earliest first.
        ts: the starts of all bars, in nanoseconds since 1970.
    """
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    names = [f"fold {number}" for number in range(1, len(folds) + 1)]
    times = ts.astype("datetime64[ns]").astype("datetime64[s]")
    figure = make_subplots(rows=2, cols=1, vertical_spacing=0.16, row_heights=[0.5, 0.5])
    for spans, sharpe, said, colour in (
        ([each.fold.train for each in folds], [each.in_sample for each in folds], "Train, in sample", MARKET),
        ([each.fold.test for each in folds], [each.out_of_sample for each in folds], "Test, out of sample", ACCOUNT),
    ):
        xs = [time for span in spans for time in (times[span.start], times[span.stop - 1], None)]
        ys = [name if known else None for name in names for known in (True, True, False)]
        line, shared = {"color": colour, "width": 12}, {"name": said, "legendgroup": said}
        figure.add_trace(go.Scatter(x=xs, y=ys, mode="lines", line=line, **shared), row=1, col=1)
        bars = go.Bar(x=names, y=sharpe, marker={"color": colour}, showlegend=False, **shared)
        figure.add_trace(bars, row=2, col=1)
    figure.update_yaxes(autorange="reversed", categoryorder="array", categoryarray=names, row=1, col=1)
    figure.update_yaxes(title_text="Sharpe", tickformat=".2~f", row=2, col=1)
    return figure.update_layout(
        height=240 + 28 * len(folds),
        template="none",
        paper_bgcolor=CLEAR,
        plot_bgcolor=CLEAR,
        margin={"l": 64, "r": 12, "t": 32, "b": 32},
        legend={"orientation": "h", "x": 0, "y": 1.12},
    )

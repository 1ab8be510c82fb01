"""Plots for the report and the notebooks, as Plotly figures without colours of text or ground: the page gives those."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tradewright.backtest.result import BacktestResult
from tradewright.evaluation.activity import exposure_series
from tradewright.evaluation.benchmark import buy_and_hold
from tradewright.evaluation.drawdown import underwater
from tradewright.evaluation.thinning import thin
from tradewright.model.bars import Floats

if TYPE_CHECKING:
    import plotly.graph_objects as go

ACCOUNT, MARKET, FALL, HELD, BUY, SELL = "#3578c4", "#9a948a", "#cf5650", "#c79a3b", "#2f9461", "#cf5650"
POINTS = 3000
CLEAR = "rgba(0,0,0,0)"


def account_figure(result: BacktestResult) -> go.Figure:
    """Equity beside buy and hold, drawdown and exposure, one above the other on a shared time axis.

    Long runs are thinned to about 3,000 points per line that keep every peak and trough.
    """
    from plotly.subplots import make_subplots

    figure = make_subplots(rows=3, cols=1, shared_xaxes=True, vertical_spacing=0.05, row_heights=[0.6, 0.25, 0.15])
    depth = underwater(np.concatenate(([result.initial_cash], result.equity)))[1:]
    figure.add_trace(_line(result, buy_and_hold(result), "Buy and hold", MARKET, dash="dot"), row=1, col=1)
    figure.add_trace(_line(result, result.equity, "Equity", ACCOUNT, width=2), row=1, col=1)
    figure.add_trace(_area(result, depth, "Drawdown", FALL), row=2, col=1)
    figure.add_trace(_area(result, exposure_series(result), "Exposure", HELD), row=3, col=1)
    figure.update_yaxes(title_text="Equity", tickformat=",.2~f", row=1, col=1)
    figure.update_yaxes(title_text="Drawdown", tickformat=".2~%", row=2, col=1)
    figure.update_yaxes(title_text="Exposure", tickformat=".2~%", nticks=4, row=3, col=1)
    return _dressed(figure, 560)


def price_figure(result: BacktestResult) -> go.Figure:
    """The closing price with every fill: buys point up, sells down; the hover text holds quantity, price and fee."""
    import plotly.graph_objects as go

    figure = go.Figure(_line(result, result.bars.close, "Close", MARKET))
    for side, name, colour, symbol in ((1, "Buy", BUY, "triangle-up"), (-1, "Sell", SELL, "triangle-down")):
        fills = result.fills[result.fills["side"] == side]
        figure.add_trace(
            go.Scatter(
                x=_times(result)[fills["bar"]],
                y=fills["price"],
                customdata=np.column_stack((fills["quantity"], fills["fee"])),
                name=name,
                mode="markers",
                marker={"color": colour, "symbol": symbol, "size": 9},
                hovertemplate="%{x}<br>%{customdata[0]:,.8~g} at %{y:,.6~g}<br>fee %{customdata[1]:,.2f}",
            )
        )
    return _dressed(figure, 420)


def _line(
    result: BacktestResult, values: Floats, name: str, colour: str, width: float = 1.4, dash: str = "solid"
) -> go.Scatter:
    import plotly.graph_objects as go

    kept = thin(values, POINTS)
    line = {"color": colour, "width": width, "dash": dash}
    return go.Scatter(x=_times(result)[kept], y=values[kept], name=name, mode="lines", line=line)


def _area(result: BacktestResult, values: Floats, name: str, colour: str) -> go.Scatter:
    area = _line(result, values, name, colour, width=1)
    return area.update(fill="tozeroy", showlegend=False, hovertemplate="%{y:.2%}")


def _times(result: BacktestResult) -> npt.NDArray[np.datetime64]:
    return result.bars.ts.astype("datetime64[ns]").astype("datetime64[s]")


def _dressed(figure: go.Figure, height: int) -> go.Figure:
    figure.update_xaxes(showgrid=False)
    figure.update_layout(
        height=height,
        template="none",
        paper_bgcolor=CLEAR,
        plot_bgcolor=CLEAR,
        margin={"l": 64, "r": 12, "t": 32, "b": 32},
        hovermode="x unified",
        legend={"orientation": "h", "x": 0, "y": 1.08},
    )
    return figure

"""Charts of an account: Plotly figures without text or ground colours, and a small SVG."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tradewright.backtest.result import BacktestResult
from tradewright.evaluation.equity_curve import Sampling, buy_and_hold, levels, underwater
from tradewright.evaluation.excursions import excursions
from tradewright.evaluation.formatting import money, percent
from tradewright.evaluation.line_picture import downsample
from tradewright.evaluation.metrics import exposure_series
from tradewright.evaluation.rolling import Windows
from tradewright.model.bars import Floats

if TYPE_CHECKING:
    import plotly.graph_objects as go


ACCOUNT, MARKET, FALL, HELD, BUY, SELL = "#3578c4", "#9a948a", "#cf5650", "#c79a3b", "#2f9461", "#cf5650"
LINES = (ACCOUNT, HELD, BUY, FALL, MARKET, "#8a63b5")
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
    figure.update_yaxes(title_text="Equity", tickformat=",.2~f", automargin=True, row=1, col=1)
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


def rolling_figure(rows: Windows) -> go.Figure | None:
    """The Sharpe ratio of each window of the table ``metrics_window``, a line per length; None without a row."""
    import plotly.graph_objects as go

    if len(rows) == 0:
        return None
    figure = go.Figure()
    for length, colour in zip(dict.fromkeys(rows["window"].tolist()), LINES, strict=False):
        part = rows[rows["window"] == length]
        kept = downsample(part["sharpe"], POINTS)
        times = part["ts"][kept].astype("datetime64[ns]").astype("datetime64[s]")
        line = {"color": colour, "width": 1.6}
        figure.add_trace(
            go.Scatter(x=times, y=part["sharpe"][kept], name=f"{length:,} returns", mode="lines", line=line)
        )
    figure.update_yaxes(title_text="Sharpe", tickformat=".2~f")
    return _dressed(figure, 260)


def excursion_figure(result: BacktestResult) -> go.Figure | None:
    """How far each of the newest closed trades went against (MAE) and for (MFE) the account; None without a trade."""
    import plotly.graph_objects as go

    trades = result.trades[-POINTS:]
    if len(trades) == 0:
        return None
    known, figure = excursions(result), go.Figure()
    adverse, favourable = known.adverse_share[-POINTS:], known.favourable_share[-POINTS:]
    for name, colour, taken in (("Winners", BUY, trades["profit"] > 0), ("Losers", SELL, trades["profit"] <= 0)):
        figure.add_trace(
            go.Scatter(
                x=adverse[taken],
                y=favourable[taken],
                customdata=np.column_stack((trades["profit"], _times(result)[trades["exit_bar"]].astype(str)))[taken],
                name=name,
                mode="markers",
                marker={"color": colour, "size": 7, "opacity": 0.7},
                hovertemplate="MAE %{x:.2%}, MFE %{y:.2%}<br>closed %{customdata[1]}<br>profit %{customdata[0]:,.2f}",
            )
        )
    figure.update_xaxes(title_text="Against the account (MAE, of the entry price)", tickformat=".2~%")
    figure.update_yaxes(title_text="In its favour (MFE)", tickformat=".2~%")
    dressed = _dressed(figure, 360)
    return dressed.update_layout(hovermode="closest", margin={"l": 64, "r": 12, "t": 32, "b": 48})


def weights_figure(results: Mapping[str, BacktestResult], account: BacktestResult) -> go.Figure | None:
    """The worth of each holding as a share of the account's equity, negative where it is short; a line an instrument.

    The instruments with the greatest mean weight have lines of their own, as many as there are colours; the others
    share one. None for fewer than two instruments. Where the account is worth nothing, so is every weight.
    """
    import plotly.graph_objects as go

    if len(results) < 2:
        return None
    weights = {name: _weights(result, account) for name, result in results.items()}
    heavy = sorted(weights, key=lambda name: -float(np.abs(weights[name]).mean()))
    shown, rest = heavy, list[str]()
    if len(heavy) > len(LINES):
        shown, rest = heavy[: len(LINES) - 1], heavy[len(LINES) - 1 :]
    lines = {name: weights[name] for name in results if name in shown}
    if rest:
        lines[f"{len(rest)} others"] = np.sum([weights[name] for name in rest], axis=0)
    figure = go.Figure(
        [_line(account, values, name, colour) for (name, values), colour in zip(lines.items(), LINES, strict=False)]
    )
    figure.update_yaxes(title_text="Share of equity", tickformat=".2~%")
    return _dressed(figure, 320)


def _weights(result: BacktestResult, account: BacktestResult) -> Floats:
    """One instrument's worth at each bar of the account, as last known, as a share of its equity."""
    worth = np.concatenate(([0.0], result.position * result.multiplier * result.marks))
    known = worth[np.searchsorted(result.bars.ts, account.bars.ts, side="right")]
    found: Floats = np.divide(known, account.equity, out=np.zeros(len(known)), where=account.equity > 0.0)
    return found


def _line(
    result: BacktestResult, values: Floats, name: str, colour: str, width: float = 1.4, dash: str = "solid"
) -> go.Scatter:
    import plotly.graph_objects as go

    kept = downsample(values, POINTS)
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


WIDTH, HEIGHT = 640, 240
LEFT, RIGHT = 8, WIDTH - 8
EQUITY_TOP, EQUITY_BOTTOM = 30, 158
DRAWDOWN_TOP, DRAWDOWN_BOTTOM = 182, 232
SVG_POINTS = 600


def account_svg(result: BacktestResult, title: str) -> str:
    """The chart as an SVG document of 640 x 240; it carries its own background, so it reads on any page."""
    per_bar = levels(result.bars.ts, result.equity, result.initial_cash, Sampling.BAR)
    depth = underwater(per_bar)
    equity_line = _points(per_bar, EQUITY_TOP, EQUITY_BOTTOM, float(per_bar.min()), float(per_bar.max()))
    fall = _points(depth, DRAWDOWN_TOP, DRAWDOWN_BOTTOM, min(float(depth.min()), -1e-9), 0.0)
    area = f"{LEFT},{DRAWDOWN_TOP} {fall} {RIGHT},{DRAWDOWN_TOP}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
        ' font-family="system-ui, sans-serif" font-size="12">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="8" fill="#fbfaf8"/>'
        f'<text x="{LEFT}" y="20" fill="#26241f" font-weight="600">{escape(title)}</text>'
        f'<text x="{RIGHT}" y="20" fill="#26241f" text-anchor="end">{money(float(per_bar[-1]))}</text>'
        f'<polyline points="{equity_line}" fill="none" stroke="#1d5fa8" stroke-width="1.6"/>'
        f'<polygon points="{area}" fill="#c2453f" fill-opacity="0.25" stroke="#c2453f" stroke-width="1"/>'
        f'<text x="{LEFT}" y="{DRAWDOWN_TOP - 6}" fill="#8a2f2a">drawdown {percent(float(depth.min()))}</text>'
        "</svg>"
    )


def account_markdown(result: BacktestResult, title: str) -> str:
    """The chart inlined in Markdown."""
    encoded = base64.b64encode(account_svg(result, title).encode()).decode()
    return f"![equity and drawdown](data:image/svg+xml;base64,{encoded})"


def _points(values: Floats, top: int, bottom: int, low: float, high: float) -> str:
    kept = downsample(values, SVG_POINTS)
    span = high - low if high > low else 1.0
    across = LEFT + (RIGHT - LEFT) * kept / max(1, len(values) - 1)
    down = bottom - (bottom - top) * (values[kept] - low) / span
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(across, np.asarray(down), strict=True))

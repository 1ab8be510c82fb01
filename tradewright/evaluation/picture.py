"""A small picture of an account: equity above, drawdown below, as hand-written SVG."""

from __future__ import annotations

import base64
from html import escape

import numpy as np

from tradewright.backtest.result import BacktestResult
from tradewright.evaluation.drawdown import underwater
from tradewright.evaluation.sampling import Sampling, levels
from tradewright.evaluation.thinning import thin
from tradewright.evaluation.words import money, percent
from tradewright.model.bars import Floats

WIDTH, HEIGHT = 640, 240
LEFT, RIGHT = 8, WIDTH - 8
EQUITY_TOP, EQUITY_BOTTOM = 30, 158
DRAWDOWN_TOP, DRAWDOWN_BOTTOM = 182, 232
POINTS = 600


def account_svg(result: BacktestResult, title: str) -> str:
    """The picture as an SVG document of 640 x 240; it carries its own background, so it reads on any page."""
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
    """The picture inlined in Markdown."""
    encoded = base64.b64encode(account_svg(result, title).encode()).decode()
    return f"![equity and drawdown](data:image/svg+xml;base64,{encoded})"


def _points(values: Floats, top: int, bottom: int, low: float, high: float) -> str:
    kept = thin(values, POINTS)
    span = high - low if high > low else 1.0
    across = LEFT + (RIGHT - LEFT) * kept / max(1, len(values) - 1)
    down = bottom - (bottom - top) * (values[kept] - low) / span
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(across, np.asarray(down), strict=True))

"""One line as a small SVG picture that reads on any page, and the downsampling of long lines."""

from __future__ import annotations

import base64
from html import escape
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from tradewright.model.bars import Floats

WIDTH, HEIGHT = 640, 160
LEFT, RIGHT, TOP, BOTTOM = 8, WIDTH - 8, 34, HEIGHT - 12
POINTS = 600


def downsample(values: Floats, limit: int) -> npt.NDArray[np.intp]:
    """Ascending indices of about ``limit`` points that keep the first, the last, and every bucket's extremes.

    All indices for a series that is short enough; ``limit`` is at least 4.
    """
    size = len(values)
    if size <= limit:
        return np.arange(size)
    edges = np.linspace(0, size, max(2, limit // 2) + 1).astype(np.intp)
    buckets = list(pairwise(edges))
    lows = [start + values[start:stop].argmin() for start, stop in buckets]
    highs = [start + values[start:stop].argmax() for start, stop in buckets]
    return np.unique(np.array([0, *lows, *highs, size - 1], dtype=np.intp))


def line_svg(values: Floats, title: str) -> str:
    """A line of 640 x 160 with its title, its range and its last value; values that are not finite are left out.

    A single value, or a line without height, is drawn flat; without any value only the title is drawn.
    """
    known = values[np.isfinite(values)]
    ends = f"{known.min():,.6g} to {known.max():,.6g}, last {known[-1]:,.6g}" if len(known) else "no values"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
        ' font-family="system-ui, sans-serif" font-size="12">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="8" fill="#fbfaf8"/>'
        f'<text x="{LEFT}" y="20" fill="#26241f" font-weight="600">{escape(title)}</text>'
        f'<text x="{RIGHT}" y="20" fill="#26241f" text-anchor="end">{ends}</text>'
        f'<polyline points="{_points(known)}" fill="none" stroke="#1d5fa8" stroke-width="1.4"/>'
        "</svg>"
    )


def line_markdown(values: Floats, title: str, name: str = "line") -> str:
    """The picture inlined in Markdown.

    Args:
        name: the text for readers who do not see it.
    """
    return f"![{name}](data:image/svg+xml;base64,{base64.b64encode(line_svg(values, title).encode()).decode()})"


def _points(values: Floats) -> str:
    if not len(values):
        return ""
    kept, low = downsample(values, POINTS), float(values.min())
    span = (float(values.max()) - low) or 1.0
    across = LEFT + (RIGHT - LEFT) * kept / max(1, len(values) - 1)
    down = BOTTOM - (BOTTOM - TOP) * (values[kept] - low) / span
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(across, np.asarray(down), strict=True))

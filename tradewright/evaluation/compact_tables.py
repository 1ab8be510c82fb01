"""Strategies side by side in a few short tables, of bounded size: for a reader that pays by the word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tradewright.backtest.result import BacktestResult
from tradewright.evaluation.metrics import Metrics, exposure_series, traded_values
from tradewright.evaluation.verdict import SkillVerdict

MOST_BYTES = 4_000
"""No code of a language model makes more tokens of a text than it has bytes, so this bounds the tokens too."""
HEADERS = {
    "metrics": ("strategy", "verdict", "luck", "skill", "sharpe", "return", "trades"),
    "exposure": ("strategy", "mean", "most", "turnover_year"),
    "drawdown": ("strategy", "deepest", "now", "days"),
    "slippage": ("strategy", "mean_bps", "fees_share"),
}
"""The tables and their columns."""


@dataclass(frozen=True)
class CompactRow:
    """One strategy in each table, as text."""

    metrics: tuple[str, ...]
    exposure: tuple[str, ...]
    drawdown: tuple[str, ...]
    slippage: tuple[str, ...]


def compact_row(name: str, account: BacktestResult, metrics: Metrics, verdict: SkillVerdict) -> CompactRow:
    """A strategy's figures in three digits. Fractions stay fractions, drawdowns are negative.

    ``luck`` is the chance of luck and ``skill`` the yearly Sharpe ratio of the verdict; ``mean_bps`` the slippage of a
    fill, weighted by its value, in basis points, 0 without fills; ``fees_share`` the fees by the starting cash.
    """
    figures, cash = verdict.figures, account.initial_cash
    levels, values = np.append(cash, account.equity), traded_values(account)
    most = float(np.abs(exposure_series(account)).max(initial=0.0))
    slipped = float((account.fills["slippage_bps"] * values).sum() / values.sum()) if values.sum() > 0.0 else 0.0
    return CompactRow(
        (
            name,
            verdict.code.value,
            _told(figures["luck_chance"]),
            _told(figures["skill_sharpe"]),
            _told(metrics.sharpe),
            _told(metrics.total_return),
            str(metrics.trades),
        ),
        (name, _told(metrics.exposure), _told(most), _told(metrics.turnover_per_year)),
        (
            name,
            _told(metrics.max_drawdown),
            _told(float(levels[-1] / levels.max()) - 1.0),
            _told(metrics.drawdown_days),
        ),
        (name, _told(slipped), _told(metrics.fees / cash)),
    )


def compact_tables(rows: Sequence[CompactRow], most: int = MOST_BYTES) -> str:
    """The tables as text, columns apart by ``|``, in at most ``most`` bytes of UTF-8.

    Where there is not enough room for all, the last strategies are left out of every table and counted at the end.

    Args:
        most: at least 400, the room of the headers and of the remark.
    """
    for shown in range(len(rows), -1, -1):
        text = _text(rows[:shown], len(rows) - shown)
        if len(text.encode()) <= most:
            return text
    raise ValueError(f"{most} bytes hold no table")


def _text(rows: Sequence[CompactRow], left_out: int) -> str:
    parts = []
    for table, header in HEADERS.items():
        lines = ["|".join(each) for each in (header, *(getattr(row, table) for row in rows))]
        parts.append("\n".join((f"# {table}", *lines)))
    if left_out:
        parts.append(f"{left_out} more strategies are left out")
    return "\n\n".join(parts) + "\n"


def _told(value: float | int | None) -> str:
    return "-" if value is None else f"{value:.3g}"

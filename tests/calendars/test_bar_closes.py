"""The closes of a column of bars are those of its bars one by one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tradewright.calendars.bar_closes import bar_closes
from tradewright.calendars.registry import calendar
from tradewright.model.bars import Timeframe


@pytest.mark.parametrize(
    "timeframe", [Timeframe.M30, Timeframe.H1, Timeframe.H4, Timeframe.D1, Timeframe.W1, Timeframe.MO1]
)
@pytest.mark.parametrize("name", ["XNYS", "24/7", "24/5", "XASX", "CMES"])
def test_a_column_is_its_bars(name: str, timeframe: Timeframe) -> None:
    market = calendar(name)
    span = pd.Timestamp("2024-06-20", tz="UTC"), pd.Timestamp("2024-07-12", tz="UTC")
    grid = market.grid(timeframe, *span)
    moved = grid[::3] + 7 * 60 * 10**9
    starts = np.unique(np.concatenate([grid, moved, np.array([span[0].value])]))
    expected = [market.bar_close(timeframe, int(start)) for start in starts]
    assert bar_closes(market, timeframe, starts).tolist() == expected
    assert bar_closes(market, timeframe, starts[:0]).tolist() == []

"""Small bars tables that keep the contract."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from tradewright.model.bars import OHLCV


def bars_table(rows: int, start: str = "2024-03-01", step: str = "1min", seed: int = 0) -> pd.DataFrame:
    """A random walk of ``rows`` bars from ``start``."""
    rng = np.random.default_rng(seed)
    closes = 100 * np.exp(np.cumsum(rng.normal(0, 0.001, rows)))
    opens = np.concatenate([[100.0], closes[:-1]])[:rows]
    return pd.DataFrame(
        {
            "ts": pd.date_range(start, periods=rows, freq=step, tz="UTC").as_unit("ns"),
            "open": opens,
            "high": np.maximum(opens, closes) + 0.01,
            "low": np.minimum(opens, closes) - 0.01,
            "close": closes,
            "volume": rng.uniform(1, 9, rows),
            "spread": np.full(rows, np.nan),
        }
    )


def as_csv(frame: pd.DataFrame) -> str:
    """The table as common CSV text."""
    return frame.rename(columns={"ts": "Date"} | {name: name.title() for name in OHLCV}).to_csv(index=False)


PRICES = st.floats(0.01, 1e6, allow_nan=False)


@st.composite
def tables(draw: st.DrawFn, most: int = 12) -> pd.DataFrame:
    """Any table that keeps the contract: minutes with holes, possibly none."""
    minutes = draw(st.lists(st.integers(0, 60 * 24 * 400), unique=True, max_size=most).map(sorted))
    rows = []
    for minute in minutes:
        low, first, last, high = sorted(draw(st.tuples(PRICES, PRICES, PRICES, PRICES)))
        opens, closes = draw(st.permutations([first, last]))
        volume = draw(st.floats(0, 1e9))
        spread = draw(st.none() | st.floats(-5, 500))
        ts = pd.Timestamp("2023-06-01", tz="UTC") + pd.Timedelta(minutes=minute)
        rows.append((ts, opens, high, low, closes, volume, np.nan if spread is None else spread))
    frame = pd.DataFrame(rows, columns=["ts", *OHLCV, "spread"])
    return frame.astype({"ts": "datetime64[ns, UTC]"} | dict.fromkeys([*OHLCV, "spread"], np.float64))

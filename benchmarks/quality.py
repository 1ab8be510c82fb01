"""B8: the checks of bars over a million minutes beside a plain formulation in pandas: ``python -m benchmarks.quality``.

CPU seconds (user and system) of this process, medians of interleaved calls. Ours is the whole pass of ``check_bars``:
the contract, jumps, splits, units, bad prints, runs that stand still, volumes, spreads, gaps. The peer does the plain
part of it in columns: the contract, robust jumps, highs beyond both neighbours by a rolling median of true ranges,
repeated bars, volumes, and the slots of the grid without a bar. It knows neither splits nor units nor usual runs. Each
side must find the bars that were spoiled.
"""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from statistics import median
from typing import NamedTuple

import numpy as np
import pandas as pd

from benchmarks.bars_io import ROUNDS, cpu, walk
from tradewright.model.bars import Timeframe
from tradewright.model.instrument import AssetClass, Instrument
from tradewright.quality.check import check_bars
from tradewright.quality.report import Code
from tradewright.quality.thresholds import SHIPPED

NOW = datetime(2030, 1, 1, tzinfo=UTC)
ABC = Instrument(symbol="ABC", asset_class=AssetClass.CRYPTO, calendar="24/7")
PRICES = ["open", "high", "low", "close"]


class Row(NamedTuple):
    """One formulation: its seconds, and ours as a multiple of them."""

    work: str
    seconds: float
    ratio: float
    goal: str


def spoiled(rows: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Minutes of a random walk with a bad high and a hole of three bars, and the complete grid."""
    frame = walk(rows, "2022-01-01", "1min")
    grid = frame["ts"].astype(np.int64).to_numpy()
    frame.loc[rows // 2, "high"] *= 1.5
    return frame.drop(index=[rows // 3, rows // 3 + 1, rows // 3 + 2]).reset_index(drop=True), grid


def ours(frame: pd.DataFrame, grid: np.ndarray) -> tuple[int, int]:
    """Bad prints and missing bars by the checks."""
    found = check_bars(frame, ABC, Timeframe.M1, now=NOW, grid=grid)
    bad, gaps = found.of(Code.BAD_PRINT), found.of(Code.GAPS)
    return int(bad.figures["bars"]) if bad else 0, int(gaps.figures["missing"]) if gaps else 0


def by_pandas(frame: pd.DataFrame, grid: np.ndarray) -> tuple[int, int]:
    """The plain part in pandas."""
    rules = SHIPPED.bad_print
    ts = frame["ts"]
    assert ts.is_monotonic_increasing
    assert not ts.duplicated().any()
    assert (ts <= NOW).all()
    assert np.isfinite(frame[PRICES]).all(axis=None)
    assert (frame[PRICES] > 0).all(axis=None)
    assert (frame["high"] >= frame[["open", "close"]].max(axis=1)).all()
    assert (frame["low"] <= frame[["open", "close"]].min(axis=1)).all()
    logs = np.log(frame[PRICES])
    returns = logs["close"].diff()
    limit = SHIPPED.jump.jump_deviations * 1.4826 * (returns - returns.median()).abs().median()
    (returns.abs() > max(limit, SHIPPED.jump.least_jump)).sum()
    before = logs["close"].shift()
    ranges = np.maximum(logs["high"], before) - np.minimum(logs["low"], before)
    usual = ranges.rolling(2 * rules.range_window + 1, center=True, min_periods=1).median()
    neighbours = np.maximum(logs["high"].shift(), logs["high"].shift(-1))
    above = logs["high"] - np.maximum(neighbours, logs[["open", "close"]].max(axis=1))
    bad = (above > rules.least_print) & (above > rules.ranges_of_high * usual)
    same = (frame[PRICES] == frame[PRICES].shift()).all(axis=1)
    same.groupby((same != same.shift()).cumsum()).sum().max()
    (frame["volume"].eq(0).sum(), frame["volume"].isna().sum(), frame["spread"].isna().sum())
    return int(bad.sum()), int((~np.isin(grid, ts.astype(np.int64).to_numpy())).sum())


def measure(rows: int) -> list[Row]:
    """Every formulation, interleaved, after one call of each that is not counted."""
    frame, grid = spoiled(rows)
    works = {"ours": lambda: ours(frame, grid), "pandas": lambda: by_pandas(frame, grid)}
    for name, work in works.items():
        assert work() == (1, 3), f"{name} does not find what was spoiled"
    rounds = [{name: cpu(work) for name, work in works.items()} for _ in range(ROUNDS)]
    seconds = {name: median(each[name] for each in rounds) for name in works}
    return [
        Row(f"{name}, {rows:,} minutes", own, seconds["ours"] / own, "0.5 s" if name == "ours" else "")
        for name, own in seconds.items()
    ]


def main() -> None:
    """Measure and print one line per formulation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="a tenth of the size")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    for row in measure(100_000 if options.short else 1_000_000):
        if options.json:
            print(json.dumps(row._asdict()))
        else:
            print(f"{row.work:<30} {row.seconds * 1e3:10,.1f} ms   ours is {row.ratio:6.2f} x that   {row.goal}")


if __name__ == "__main__":
    main()

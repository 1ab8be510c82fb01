"""B8: bars in and out of the store beside pandas on plain Parquet: ``python -m benchmarks.bars_io``.

CPU seconds (user and system) of this process. Ours verifies checksums and the contract of bars; the peer reads or
writes the same rows and verifies nothing.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np
import pandas as pd

from app.operations.importing import Source, import_bars
from conf.compose import compose
from tradewright.model.bar_rules import intact
from tradewright.model.bars import BarKind, Timeframe
from tradewright.store.bars import BarStore
from tradewright.store.overview import stored_series

ROUNDS = 5
_TRADE = BarKind.TRADE


class Row(NamedTuple):
    """One work: our seconds, the peer's, and ours as a multiple of the peer's; None where there is no peer."""

    work: str
    seconds: float
    peer: float | None
    goal: str

    @property
    def ratio(self) -> float | None:
        """Ours as a multiple of the peer's."""
        return None if self.peer is None else self.seconds / self.peer


def walk(rows: int, start: str, step: str) -> pd.DataFrame:
    """A bars table of a random walk at cents."""
    noise = np.random.default_rng(rows)
    close = np.round(100 * np.exp(np.cumsum(noise.normal(0, 0.0005, rows))), 2)
    opened = np.concatenate([close[:1], close[:-1]])
    high, low = np.maximum(opened, close) + 0.02, np.minimum(opened, close) - 0.02
    ts = pd.date_range(start, periods=rows, freq=step, tz="UTC").as_unit("ns")
    volume = noise.integers(1, 1000, rows).astype(float)
    return pd.DataFrame(
        {"ts": ts, "open": opened, "high": high, "low": low, "close": close, "volume": volume, "spread": np.nan}
    )


def cpu(work: Callable[[], object]) -> float:
    """CPU seconds of one call."""
    start = time.process_time()
    work()
    return time.process_time() - start


def beside(work: str, ours: Callable[[], object], peer: Callable[[], object], goal: str) -> Row:
    """Medians of interleaved calls after one of each that is not counted."""
    pairs = [(cpu(ours), cpu(peer)) for _ in range(ROUNDS + 1)][1:]
    return Row(work, median(mine for mine, _ in pairs), median(theirs for _, theirs in pairs), goal)


def many_days(folder: Path, count: int, days: int) -> Row:
    """Daily bars of many instruments, each as arrays; the peer has them in one file."""
    store, frames = BarStore(folder), {f"S{number}": walk(days, "2014-01-02", "1D") for number in range(count)}
    for symbol, frame in frames.items():
        store.upsert(symbol, Timeframe.D1, _TRADE, frame)
    one = folder / "one.parquet"
    pd.concat([frame.assign(instrument=symbol) for symbol, frame in frames.items()]).to_parquet(one)

    def peer() -> None:
        for _, rows in pd.read_parquet(one).groupby("instrument", sort=False):
            rows["close"].to_numpy()

    def ours() -> None:
        for symbol in frames:
            store.read_bars(symbol, Timeframe.D1)

    return beside(f"read {count} instruments x {days:,} days", ours, peer, "2 x one file")


def one_series(folder: Path, rows: int) -> list[Row]:
    """Minutes of one instrument, read whole, and the share of that which goes to the contract of bars."""
    frame, store, plain = walk(rows, "2022-01-01", "1min"), BarStore(folder), folder / "plain.parquet"
    store.upsert("BTC", Timeframe.M1, _TRADE, frame)
    frame.to_parquet(plain)
    bars = store.read_bars("BTC", Timeframe.M1)
    read = beside(
        f"read {rows:,} minutes", lambda: store.read_bars("BTC", Timeframe.M1), lambda: pd.read_parquet(plain), ""
    )
    check = median(cpu(lambda: intact(bars, Timeframe.M1, negative_prices=False)) for _ in range(ROUNDS))
    return [read, Row(f"contract of {rows:,} minutes, of their reading", check, read.seconds, "0.1 x the read")]


def year_of_minutes(folder: Path, rows: int) -> Row:
    """``tradewright import csv`` of a year around the clock, checks included; the peer checks nothing."""
    source = folder / "minutes.csv"
    walk(rows, "2023-01-01", "1min").drop(columns="spread").to_csv(source, index=False)
    settings = compose((f"storage.root={folder / 'data'}",))

    def ours() -> None:
        shutil.rmtree(folder / "data", ignore_errors=True)
        (done,) = import_bars(settings, Source.CSV, source, ["BTC"], Timeframe.M1).imported
        assert done.added == rows

    def peer() -> None:
        pd.read_csv(source, parse_dates=["ts"]).to_parquet(folder / "peer.parquet")

    return beside(f"import a CSV file of {rows:,} minutes with its checks", ours, peer, "3 s")


def listing(folder: Path, count: int) -> Row:
    """``tradewright data list`` of many instruments, from their manifests."""
    store = BarStore(folder)
    store.upsert("S0", Timeframe.D1, _TRADE, walk(10, "2024-01-02", "1D"))
    (manifest,) = folder.rglob("_manifest.json")
    for number in range(1, count):
        place = manifest.parent.with_name(f"instrument=S{number}")
        place.mkdir()
        shutil.copy(manifest, place)
    assert len(stored_series(folder)) == count
    return Row(f"list {count:,} instruments", median(cpu(lambda: stored_series(folder)) for _ in range(3)), None, "")


def measure(folder: Path, share: float) -> list[Row]:
    """All rows at a share of their full size."""
    year = int(525_600 * share)
    return [
        many_days(folder / "days", int(500 * share), 2_520),
        *one_series(folder / "few", 10_000),
        *one_series(folder / "many", int(1_000_000 * share)),
        year_of_minutes(folder, year),
        listing(folder / "list", int(10_000 * share)),
    ]


def main() -> None:
    """Measure and print one line per work."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="a tenth of each size")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(Path(folder), 0.1 if options.short else 1.0)
    for row in rows:
        if options.json:
            print(json.dumps({**row._asdict(), "ratio": row.ratio}))
        else:
            ratio = "" if row.ratio is None else f"  {row.ratio:6.2f} x"
            print(f"{row.work:<58} {row.seconds * 1e3:10,.1f} ms{ratio:<10}  {row.goal}")


if __name__ == "__main__":
    main()

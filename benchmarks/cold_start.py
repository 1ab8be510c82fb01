"""B6: a backtest of 1,000 bars as a process, beside a plain vectorbt script, with and without kept machine code.

Both cross two moving averages on the same bars and tell final equity and trades. vectorbt compiles a function in every
process, kept code or not. Processor time (user and system) is measured. ``--json`` ends with one line.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd

from benchmarks.peer import walk
from benchmarks.startup import cpu_seconds
from conf.environment import SOURCE

BARS, FAST, SLOW = 1_000, 10, 50
SCRIPT = """
import sys
import pandas as pd
import vectorbt as vbt

frame = pd.read_csv(sys.argv[1], index_col=0, parse_dates=True)
fast, slow = vbt.MA.run(frame["close"], {fast}), vbt.MA.run(frame["close"], {slow})
entries = fast.ma_crossed_above(slow).vbt.fshift(1)
exits = fast.ma_crossed_below(slow).vbt.fshift(1)
close, price = frame["close"], frame["open"]
portfolio = vbt.Portfolio.from_signals(close, entries, exits, price=price, init_cash=100_000, freq="1min")
print(portfolio.stats())
"""
OURS = "from app.cli import main; main()"


def stocked(folder: Path) -> tuple[Path, tuple[str, ...]]:
    """A CSV file of the bars, and the settings of a store that holds them."""
    bars, file = walk(BARS), folder / "BTC.csv"
    columns = {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}
    index = pd.DatetimeIndex(bars.ts + pd.Timestamp("2026-01-05", tz="UTC").value, tz="UTC", name="ts")
    pd.DataFrame(columns, index=index).round(2).to_csv(file)
    settings = (f"storage.root={folder / 'data'}", "backtest.instruments=[BTC]", "backtest.timeframe=1m")
    words = [
        sys.executable,
        "-c",
        OURS,
        "import",
        "csv",
        str(file),
        "--instrument",
        "BTC",
        "--timeframe",
        "1m",
        settings[0],
    ]
    subprocess.run(words, cwd=SOURCE, check=True, capture_output=True)
    return file, (*settings, "strategy=sma_crossover", f"strategy.fast={FAST}", f"strategy.slow={SLOW}")


def compare(rounds: int) -> dict[str, float]:
    """Medians of interleaved rounds; the first, which compiles bytecode and keeps machine code, is not counted."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file, settings = stocked(folder)
        script = folder / "peer.py"
        script.write_text(SCRIPT.format(fast=FAST, slow=SLOW), encoding="utf-8")
        theirs = [sys.executable, str(script), str(file)]
        ours = [sys.executable, "-c", OURS, "backtest", *settings]
        seconds: dict[str, list[float]] = {"vectorbt": [], "kept": [], "absent": []}
        for number in range(rounds + 1):
            spent = {"vectorbt": cpu_seconds(theirs), "kept": cpu_seconds(anew(ours, number))}
            with tempfile.TemporaryDirectory() as empty:
                os.environ["NUMBA_CACHE_DIR"] = empty
                spent["absent"] = cpu_seconds(anew(ours, -1 - number))
                del os.environ["NUMBA_CACHE_DIR"]
            for key, value in spent.items() if number else ():
                seconds[key].append(value)
    middle = {key: statistics.median(values) for key, values in seconds.items()}
    return {
        "ratio_kept": middle["kept"] / middle["vectorbt"],
        "ratio_absent": middle["absent"] / middle["vectorbt"],
        **{f"seconds_{key}": value for key, value in middle.items()},
    }


def anew(program: list[str], number: int) -> list[str]:
    """The command with a cash of its own, so that no kept result answers."""
    return [*program, f"backtest.cash={200_000 + number}"]


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = compare(options.rounds)
    if options.json:
        print(json.dumps({name: round(value, 3) for name, value in figures.items()}))
        return
    for name, value in figures.items():
        print(f"{name:18} {value:8.3f}")


if __name__ == "__main__":
    main()

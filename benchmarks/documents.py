"""B1 and B2 of documents: the rules of a strategy in Python and as a document, side by side, in CPU seconds."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator

import numpy as np

from benchmarks.peer import walk
from benchmarks.sweep import BARS, PAIRS, SPEC
from strategies.base import BaseStrategy
from strategies.documents import LIBRARY, document_class
from strategies.ema_crossover import EmaCrossover
from strategies.sma_crossover import SmaCrossover
from tradewright.backtest.engine import run
from tradewright.backtest.sweep import sweep

Maker = Callable[[int, int], BaseStrategy]
TWINS: dict[str, tuple[type[BaseStrategy], str]] = {
    "sma_crossover": (SmaCrossover, "ma_crossover"),
    "ema_crossover": (EmaCrossover, "ema_crossover_document"),
}
"""A strategy in Python, and the document of ``strategies/library`` that says the same."""


def ratio(python: Callable[[], object], document: Callable[[], object], rounds: int, calls: int) -> dict[str, float]:
    """The least CPU time of a call of each, measured in turns, in milliseconds; both have run before."""
    spent: dict[str, list[float]] = {"python": [], "document": []}
    for turn in range(rounds):
        sides = [("python", python), ("document", document)]
        for name, work in sides if turn % 2 == 0 else sides[::-1]:
            start = time.process_time()
            for _ in range(calls):
                work()
            spent[name].append((time.process_time() - start) / calls * 1e3)
    least = {name: min(values) for name, values in spent.items()}
    return {"ratio": least["document"] / least["python"], **{f"{name}_ms": least[name] for name in least}}


def makers(name: str) -> tuple[Maker, Maker]:
    """The strategy of two lengths, in Python and as a document."""
    python, file = TWINS[name]
    document = document_class(LIBRARY / f"{file}.yaml")
    return _of_lengths(python), _of_lengths(document)


def _of_lengths(kind: Callable[..., BaseStrategy]) -> Maker:
    return lambda fast, slow: kind(fast=fast, slow=slow)


def single(name: str, count: int, rounds: int) -> dict[str, object]:
    """One backtest; the same fills and the same equity in every bar are checked first."""
    bars, (mine, other) = walk(count), [make(10, 30) for make in makers(name)]
    first, second = run(mine, bars, SPEC), run(other, bars, SPEC)
    assert len(first.fills) > 100
    np.testing.assert_array_equal(first.fills, second.fills)
    np.testing.assert_array_equal(first.equity, second.equity)
    calls = max(1, 2_000_000 // count)
    found = ratio(lambda: run(mine, bars, SPEC), lambda: run(other, bars, SPEC), rounds, calls)
    return {"strategy": name, "sets": 1, "bars": count, **found}


def swept(name: str, rounds: int) -> dict[str, object]:
    """1,176 sets on one thread; every figure of every set is checked first."""
    bars = walk(BARS)
    mine, other = ([make(fast, slow) for fast, slow in PAIRS] for make in makers(name))
    np.testing.assert_array_equal(sweep(mine, bars, SPEC), sweep(other, bars, SPEC))
    found = ratio(lambda: sweep(mine, bars, SPEC), lambda: sweep(other, bars, SPEC), rounds, 1)
    return {"strategy": name, "sets": len(PAIRS), "bars": BARS, **found}


def compare(rounds: int, sizes: list[int]) -> Iterator[dict[str, object]]:
    """All works of all twins."""
    for name in TWINS:
        for count in sizes:
            yield single(name, count, rounds)
        yield swept(name, rounds)


def main() -> None:
    """Run and print one line per work."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bars", type=int, nargs="+", default=[50_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    for row in compare(options.rounds, options.bars):
        told = {name: round(value, 4) if isinstance(value, float) else value for name, value in row.items()}
        print(json.dumps(told) if options.json else "  ".join(f"{name} {value}" for name, value in told.items()))


if __name__ == "__main__":
    main()

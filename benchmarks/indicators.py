"""B5: our indicators beside TA-Lib and vectorbt, on one million bars: ``python -m benchmarks.indicators``.

The values are compared before anything is timed, with vectorbt after its longer warm-up: it starts exponential means at
the first value, and Wilder's mean of n is its exponential mean with a span of 2n - 1. Ours fill arrays that are there
already, as the engine's do; the peers always make new ones.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import talib
import vectorbt as vbt
from numpy.testing import assert_allclose

from tradewright.indicators.extremes import stochastic
from tradewright.indicators.momentum import rsi
from tradewright.indicators.moving import ema, sma
from tradewright.indicators.trend import directional_movement, supertrend
from tradewright.indicators.volatility import Bands, atr, bbands
from tradewright.indicators.volume import money_flow_index

BARS = 1_000_000
ROUNDS = 15
WARM_UP = 5_000
OVER_TALIB = {"SMA": 1.0, "EMA": 1.3, "RSI": 1.0, "ATR": 1.3, "BBANDS": 1.0}
OVER_VECTORBT = 0.1

Line = Callable[[], npt.ArrayLike | None]


class Contest(NamedTuple):
    """One indicator by up to three makers; each gives the line that is compared."""

    ours: Line
    talib: Line | None = None
    vectorbt: Line | None = None


def contests() -> dict[str, Contest]:
    """The indicators of B5, and some of the others, on one random walk in cents."""
    rng = np.random.default_rng(1)
    close = np.round(100.0 * np.exp(np.cumsum(rng.normal(0.0, 1e-3, BARS))), 2)
    high, low = close + np.round(rng.random(BARS), 2), close - np.round(rng.random(BARS), 2)
    volume = rng.integers(0, 5_000, BARS).astype(np.float64)
    out, bands = np.empty(BARS), Bands(np.empty(BARS), np.empty(BARS), np.empty(BARS))
    return {
        "SMA": Contest(
            lambda: sma(close, 20, out),
            lambda: talib.SMA(close, 20),
            lambda: vbt.MA.run(close, 20).ma,
        ),
        "EMA": Contest(
            lambda: ema(close, 20, out),
            lambda: talib.EMA(close, 20),
            lambda: vbt.MA.run(close, 20, ewm=True).ma,
        ),
        "RSI": Contest(
            lambda: rsi(close, 14, out),
            lambda: talib.RSI(close, 14),
            lambda: vbt.RSI.run(close, 27, ewm=True).rsi,
        ),
        "ATR": Contest(
            lambda: atr(high, low, close, 14, out),
            lambda: talib.ATR(high, low, close, 14),
            lambda: vbt.ATR.run(high, low, close, 27, ewm=True).atr,
        ),
        "BBANDS": Contest(
            lambda: bbands(close, 20, 2.0, bands).upper,
            lambda: talib.BBANDS(close, 20)[0],
            lambda: vbt.BBANDS.run(close, 20).upper,
        ),
        "ADX": Contest(
            lambda: directional_movement(high, low, close, 14).adx,
            lambda: talib.ADX(high, low, close, 14),
        ),
        "STOCH": Contest(
            lambda: stochastic(high, low, close, 14, 3, 3),
            lambda: talib.STOCH(high, low, close, 14, 3, 0, 3, 0)[1],
        ),
        "MFI": Contest(
            lambda: money_flow_index(high, low, close, volume, 14),
            lambda: talib.MFI(high, low, close, volume, 14),
        ),
        "SUPERTR": Contest(lambda: supertrend(high, low, close, 10, 3.0).line),
    }


def check(name: str, contest: Contest) -> None:
    """Stop the benchmark unless all makers agree."""
    ours = np.asarray(contest.ours(), dtype=np.float64)
    first = 0 if name in OVER_TALIB else WARM_UP
    for peer, line, start in (("TA-Lib", contest.talib, first), ("vectorbt", contest.vectorbt, WARM_UP)):
        if line is not None:
            theirs = np.asarray(line(), dtype=np.float64)
            assert_allclose(ours[start:], theirs[start:], rtol=1e-7, atol=1e-9, err_msg=f"{name}: {peer}")


def milliseconds(calls: dict[str, Line]) -> dict[str, float]:
    """The median time of each call, in rounds that take turns; each call is timed right after a call of its own."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            call()
            start = time.perf_counter()
            call()
            times[name].append(1e3 * (time.perf_counter() - start))
    return {name: median(taken) for name, taken in times.items()}


def main() -> None:
    """Print one row per indicator: milliseconds, ratios, and whether the goals are met."""
    source, target = np.ones(BARS), np.empty(BARS)
    print(f"{'':8}{'ours':>8}{'TA-Lib':>8}{'vectorbt':>9}{'copy':>7}{'ours/TA-Lib':>13}{'ours/vectorbt':>15}  goals")
    for name, contest in contests().items():
        check(name, contest)
        makers = {maker: line for maker, line in contest._asdict().items() if line is not None}
        print(_row(name, milliseconds({**makers, "copy": lambda: np.copyto(target, source)})))


def _row(name: str, taken: dict[str, float]) -> str:
    ratios = [taken["ours"] / taken[peer] if peer in taken else np.nan for peer in ("talib", "vectorbt")]
    met = "met" if ratios[0] <= OVER_TALIB.get(name, np.inf) and ratios[1] <= OVER_VECTORBT else "MISSED"
    numbers = (taken["ours"], taken.get("talib", np.nan), taken.get("vectorbt", np.nan), taken["copy"], *ratios)
    cells = ("8.2f", "8.2f", "9.1f", "7.2f", "13.2f", "15.3f")
    shown = (f"{number:{form}}" for number, form in zip(numbers, cells, strict=True))
    return f"{name:8}{''.join(shown).replace('nan', '  -')}  {met if name in OVER_TALIB else 'none'}"


if __name__ == "__main__":
    main()

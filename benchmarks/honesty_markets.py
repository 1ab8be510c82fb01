"""How often the verdict is wrong on markets of other makes, and for strategies that trade rarely.

``python -m benchmarks.honesty_markets`` prints the second table of ``docs/honesty.md``; ``--json`` ends with one line.
Each seed is ten years of daily bars and a sweep of about a thousand to three thousand settings, as in
:mod:`benchmarks.honesty`. On the first markets no setting is worth anything after costs; the others have an edge that
one of the strategies looks for.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.honesty import DAILY, DAYS, YEAR, Generator, Returns, bars_of, gaussian, swept, trending
from conf.environment import conf_folder
from strategies.discovery import Discovery, found_in, with_documents
from strategies.documents import LIBRARY
from tradewright.model.bars import Bars

Moves = Callable[[Generator, int], Returns]
Sets = Sequence[Mapping[str, float]]


def jumps(rng: Generator, days: int) -> Returns:
    """Two days in a hundred jump by 5.5 %."""
    return rng.normal(0.0, 0.006, days) + (rng.random(days) < 0.02) * rng.normal(0.0, 0.055, days)


def leverage(rng: Generator, days: int) -> Returns:
    """GJR-GARCH with a drift of 6 % a year: falls raise the volatility, rises hardly."""
    shocks, variance, moves = rng.standard_normal(days), DAILY**2, np.empty(days)
    for day in range(days):
        step = math.sqrt(variance) * shocks[day]
        moves[day] = 0.06 / YEAR + step
        variance = 0.03 * DAILY**2 + (0.02 + 0.14 * (step < 0.0)) * step * step + 0.88 * variance
    return moves


def fat_with_drift(rng: Generator, days: int) -> Returns:
    """Student's t with three degrees of freedom and a drift of 8 % a year."""
    return 0.08 / YEAR + rng.standard_t(3, days) * (DAILY / math.sqrt(3.0))


def wild(rng: Generator, days: int) -> Returns:
    """Student's t with 2.2 degrees of freedom: hardly a variance."""
    return rng.standard_t(2.2, days) * (DAILY * 0.5)


def stochastic_volatility(rng: Generator, days: int) -> Returns:
    """Logarithmic volatility that forgets one part in a hundred a day."""
    level = np.zeros(days)
    for day in range(1, days):
        level[day] = 0.99 * level[day - 1] + 0.2 * rng.standard_normal()
    return np.exp(level / 2.0) * 0.006 * rng.standard_normal(days)


def calm_and_wild(rng: Generator, days: int) -> Returns:
    """Calm and wild stretches of 120 days with the same drift."""
    is_wild = (np.cumsum(rng.random(days) < 1.0 / 120.0) + rng.integers(2)) % 2 == 0
    return 0.0003 + rng.normal(0.0, 1.0, days) * np.where(is_wild, 0.02, 0.007)


def drifting_by(yearly: float) -> Moves:
    """A walk with a steady drift."""
    return lambda rng, days: rng.normal(yearly / YEAR, DAILY, days)


def echoing(lag: int, share: float) -> Moves:
    """Each step has a share of the one ``lag`` days before: too little to pay for the trades."""

    def moves(rng: Generator, days: int) -> Returns:
        found = rng.normal(0.0, DAILY, days)
        for day in range(lag, days):
            found[day] += share * found[day - lag]
        return found

    return moves


def bounced(rng: Generator, days: int) -> Returns:
    """A walk that is seen with a noise of 2 basis points, which comes back the next day."""
    return rng.normal(0.0, DAILY, days) + np.diff(rng.normal(0.0, 2e-4, days), prepend=0.0)


def weekdays(rng: Generator, days: int) -> Returns:
    """After a Monday that fell by 0.3 % or more the three days that follow rise."""
    found, rise = rng.normal(0.0, DAILY, days), 0.0
    for day in range(days):
        weekday = (day + 3) % 7  # the first day of 1970 was a Thursday
        if weekday == 0:
            rise = 0.004 if found[day] < -0.003 else 0.0
        elif weekday <= 3:
            found[day] += rise
    return found


def reverting(rng: Generator, days: int) -> Returns:
    """A price that goes back to its middle by 12 % a day, beside a walk."""
    level = np.zeros(days)
    for day in range(1, days):
        level[day] = 0.88 * level[day - 1] + 0.010 * rng.standard_normal()
    return np.diff(level, prepend=0.0) + rng.normal(0.0, 0.004, days)


def bursts(rng: Generator, days: int) -> Returns:
    """Quiet stretches of 12 to 40 days, each followed by 12 days in one direction."""
    parts: list[Returns] = []
    while sum(map(len, parts)) < days:
        parts.append(rng.normal(0.0, 0.004, int(rng.integers(12, 40))))
        parts.append(rng.choice([-1.0, 1.0]) * 0.0042 + rng.normal(0.0, 0.012, 12))
    return np.concatenate(parts)[:days]


def made(moves: Moves) -> Callable[[int, Generator], Bars]:
    """Bars with wicks and volumes of their own around the closes."""

    def bars(seed: int, rng: Generator) -> Bars:
        found = bars_of(moves(rng, DAYS), seed)
        own = np.random.default_rng([seed, 2])
        up, down = np.abs(own.normal(0.0, 0.004, (2, DAYS)))
        volume = np.exp(own.normal(16.0, 0.4, DAYS))
        return found._replace(high=found.high * (1.0 + up), low=found.low * (1.0 - down), volume=volume)

    return bars


def gapped(overnight: float) -> Callable[[int, Generator], Bars]:
    """Bars of which 70 % of the variance lies in the gaps; a drift overnight is lost again by day."""

    def bars(_seed: int, rng: Generator) -> Bars:
        gap, day = rng.normal(overnight, DAILY * 0.84, DAYS), rng.normal(-overnight, DAILY * 0.55, DAYS)
        close = 100.0 * np.exp(np.cumsum(gap + day))
        start = close / np.exp(day)
        up, down = np.abs(rng.normal(0.0, 0.003, (2, DAYS)))
        high, low = np.maximum(start, close) * (1.0 + up), np.minimum(start, close) * (1.0 - down)
        ts = np.arange(DAYS, dtype=np.int64) * 86_400 * 10**9
        return Bars(ts, start, high, low, close, np.full(DAYS, 1e7), np.full(DAYS, 1.0))

    return bars


def grid(**values: Sequence[float]) -> Sets:
    """Every combination."""
    return [dict(zip(values, each, strict=True)) for each in itertools.product(*values.values())]


CROSSES, RARE = (
    "sma_crossover",
    ("rsi_pullback", "band_reversion", "monday_reversal", "trailing_breakout", "ema_crossover"),
)
GRIDS: Mapping[str, Sets] = {
    CROSSES: grid(fast=range(2, 52), slow=range(3, 203, 3)),
    "ema_crossover": grid(
        fast=[2, 3, 5, 8, 12, 18, 25],
        slow=[10, 20, 30, 50, 80, 120, 200],
        stop_atr=[0, 1, 2, 3, 5],
        target_atr=[0, 2, 4, 8],
    ),
    "band_reversion": grid(
        window=range(5, 65, 3), width=[0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.25, 2.5, 3], quiet=[0.5, 0.7, 0.8, 0.9, 1.0]
    ),
    "rsi_pullback": grid(
        period=[3, 5, 7, 10, 14, 21], trend=[20, 50, 100, 150, 200], weak=range(10, 50, 5), recovered=[50, 55, 60, 70]
    ),
    "monday_reversal": grid(trend=range(20, 220, 8), fall=[step / 1000 for step in range(41)]),
    "trailing_breakout": grid(
        channel=range(5, 105, 4),
        atr_period=[7, 14, 21],
        trail_atr=[0.5, 1, 1.5, 2, 2.5, 3, 4, 5, 6, 8],
        max_bars=[0, 10],
    ),
    "channel_breakout": grid(channel=range(5, 120, 2), leave=range(2, 60, 2)),
}


@dataclass(frozen=True)
class Market:
    """Bars by seed, the strategies that are swept on them, and whether one of them has an edge there."""

    bars: Callable[[int, Generator], Bars]
    strategies: tuple[str, ...] = (CROSSES,)
    has_edge: bool = False


MARKETS: Mapping[str, Market] = {
    "random walk": Market(made(gaussian), (CROSSES, *RARE)),
    "jumps": Market(made(jumps), (CROSSES, *RARE)),
    "GARCH with leverage and drift": Market(made(leverage)),
    "fat tails with drift": Market(made(fat_with_drift), (CROSSES, *RARE)),
    "tails of 2.2 degrees": Market(made(wild), (CROSSES, *RARE)),
    "stochastic volatility": Market(made(stochastic_volatility), (CROSSES, *RARE)),
    "calm and wild, one drift": Market(made(calm_and_wild)),
    "rise of 20 % a year": Market(made(drifting_by(0.20)), (CROSSES, *RARE)),
    "fall of 10 % a year": Market(made(drifting_by(-0.10))),
    "echo of -5 % after a day": Market(made(echoing(1, -0.05))),
    "echo of 3 % after 5 days": Market(made(echoing(5, 0.03))),
    "echo of -3 % after 20 days": Market(made(echoing(20, -0.03))),
    "noise of 2 bps": Market(made(bounced)),
    "trends of 500 days, 8 % a year": Market(made(trending(0.08 / YEAR, 500))),
    "gaps": Market(gapped(0.0), (CROSSES, *RARE)),
    "drift overnight, lost by day": Market(gapped(3e-4)),
    "trends of 60 days": Market(made(trending(0.0023, 60)), has_edge=True),
    "trends of 40 days": Market(made(trending(0.0026, 40)), ("ema_crossover",), has_edge=True),
    "weak Mondays": Market(made(weekdays), ("monday_reversal",), has_edge=True),
    "back to the middle": Market(made(reverting), ("band_reversion",), has_edge=True),
    "moves out of quiet": Market(made(bursts), ("channel_breakout",), has_edge=True),
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    known = with_documents(found_in(None), _library())
    print("| market | strategies | sweeps | luck | evidence | inconclusive |")
    print("|---|---|---|---|---|---|")
    rates = {}
    for name, market in MARKETS.items():
        codes = Counter(_verdicts(known, name, market, given.seeds))
        rates[name] = {code: codes[code] / codes.total() for code in ("LUCK", "EVIDENCE", "INCONCLUSIVE")}
        shown = " | ".join(f"{share:.0%}" for share in rates[name].values())
        edge = "**" if market.has_edge else ""
        print(f"| {edge}{name}{edge} | {', '.join(market.strategies)} | {codes.total()} | {shown} |", flush=True)
    if given.json:
        print(json.dumps({"rates": rates}))


def _verdicts(known: Discovery, name: str, market: Market, seeds: int) -> list[str]:
    found = []
    for seed, strategy in itertools.product(range(seeds), market.strategies):
        bars = market.bars(seed, np.random.default_rng([seed, *name.encode()]))
        with tempfile.TemporaryDirectory() as folder:
            done = swept(bars, Path(folder), market.has_edge, partial(known.build, strategy), GRIDS[strategy])
        found.append(done.verdict.code.value)
    return found


def _library() -> Path:
    folder = Path(tempfile.mkdtemp())
    for path in (*LIBRARY.glob("*.yaml"), *(conf_folder() / "strategy").glob("*.yaml")):
        (folder / path.name).write_text(path.read_text())
    return folder


if __name__ == "__main__":
    main()

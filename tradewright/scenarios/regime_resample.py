"""Real bars in another order: blocks of the regimes that are asked for, with shocks between them (R-RL-03)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tradewright.model.bars import Bars, Floats, Times
from tradewright.model.errors import DataError
from tradewright.scenarios.streams import stream

WHERE = "regime_resample"
Labels = npt.NDArray[np.int64]


class Stretch(NamedTuple):
    """So many bars of one regime."""

    label: int
    bars: int


class Shock(NamedTuple):
    """A bar that opens away from the close before it by a fraction; -0.1 is 10 % lower."""

    bar: int
    size: float


def regime_resample(
    bars: Bars,
    labels: Labels,
    plan: Sequence[Stretch],
    seed: int,
    *,
    ts: Times,
    block: int = 20,
    shocks: Sequence[Shock] = (),
) -> Bars:
    """A market that passes through regimes in a new order, made of what real bars did in them.

    Each stretch is made of runs of consecutive bars of its label, drawn with replacement, at most ``block`` long. A bar
    keeps its prices relative to the close before it, its volume and its spread; so gaps, ranges and the order within
    a run are real, and the level is new. The same arguments give the same bytes.

    Args:
        bars: real ones; the first has no close before it and is drawn never.
        labels: the regime of each bar, shape (bars,); the caller's, as of ``tradewright.indicators``.
        plan: the stretches in their order.
        ts: the starts of the new bars, ascending, as many as the plan has.
        shocks: by the number of the new bar.

    Raises:
        DataError: labels or starts of another number than they must be, a regime without a bar, a shock outside of the
            plan or at or below -1, a price that is not above zero.
    """
    count = sum(each.bars for each in plan)
    _check(bars, labels, plan, ts, block, shocks, count)
    rng = stream(seed, WHERE)
    drawn = np.concatenate([_runs(labels, each, block, rng) for each in plan])
    before = bars.close[drawn - 1]
    jumps = np.ones(count)
    for bar, size in shocks:
        jumps[bar] *= 1.0 + size
    closes: Floats = bars.close[0] * np.cumprod(bars.close[drawn] / before * jumps)
    last = np.concatenate([bars.close[:1], closes[:-1]]) * jumps / before
    opens, highs, lows = (getattr(bars, name)[drawn] * last for name in ("open", "high", "low"))
    top, bottom = np.maximum(highs, np.maximum(opens, closes)), np.minimum(lows, np.minimum(opens, closes))
    return Bars(ts, opens, top, bottom, closes, bars.volume[drawn], bars.spread[drawn])


def _runs(labels: Labels, wanted: Stretch, block: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """The places of the bars of a stretch."""
    places = np.flatnonzero(labels == wanted.label)
    places = places[places > 0]
    other = np.flatnonzero(np.diff(labels, append=labels[-1] + 1) != 0) + 1  # where the run of a bar ends
    found, done = [], 0
    while done < wanted.bars:
        first = int(places[rng.integers(len(places))])
        end = min(int(other[np.searchsorted(other, first, side="right")]), first + block, first + wanted.bars - done)
        found.append(np.arange(first, end))
        done += end - first
    return np.concatenate(found)


def _check(
    bars: Bars, labels: Labels, plan: Sequence[Stretch], ts: Times, block: int, shocks: Sequence[Shock], count: int
) -> None:
    known = set(labels[1:].tolist())
    prices = np.stack([bars.open, bars.high, bars.low, bars.close])
    rules = {
        f"{len(labels)} labels for {len(bars.ts)} bars": len(labels) == len(bars.ts),
        "the plan has no bar": count > 0 and all(each.bars > 0 for each in plan),
        f"{len(ts)} starts for the {count} bars of the plan": len(ts) == count,
        "the starts do not ascend": bool((np.diff(ts) > 0).all()),
        f"block = {block}": block >= 1,
        "a price is not above zero": bool((np.isfinite(prices) & (prices > 0.0)).all()),
        "a shock outside of the plan, or one that leaves nothing": all(
            0 <= bar < count and -1.0 < size < np.inf for bar, size in shocks
        ),
        f"a regime without a bar; there are {sorted(known)}": {each.label for each in plan} <= known,
    }
    for what, holds in rules.items():
        if not holds:
            raise DataError(what, where=WHERE, remedy="correct the arguments")

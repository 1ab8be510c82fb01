"""A scenario document to bars: the same document gives the same bytes, in every process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from tradewright.model.bars import Bars, Floats, Times
from tradewright.model.errors import ConfigError
from tradewright.scenarios.document import BrokenRule, ScenarioDocument, VolumeModel, broken_rules
from tradewright.scenarios.effects import Effects, bar_starts, correlations, effects_of, never_struck, too_long
from tradewright.scenarios.families import MOST_SIGMAS, returns
from tradewright.scenarios.streams import stream

MOST_LEVEL = 12.0
"""The log of price / first price stays within this to either side, a factor of 160,000."""

PLACES = 8
"""Decimals of a price: what a library's exponential may differ by from one processor to the next is rounded away."""

_LEAST = 10.0**-PLACES
_VOLUME_SIGMA = 0.6
"""Deviation of the logarithm of a lognormal volume."""


class Series(NamedTuple):
    """One series of a scenario.

    Args:
        bars: prices as they were traded, not adjusted for splits.
        splits: the first bar in new units, and the new units per old one; ascending.
        most: the largest log return from close to close that the law and the declared events allow; shape (bars,).
    """

    bars: Bars
    splits: tuple[tuple[int, float], ...]
    most: Floats


def generate(document: ScenarioDocument, count: int | None = None) -> list[Series]:
    """The series of a scenario.

    A series is the same whatever the number of series is. All have the same bars' starts.

    Args:
        count: of series; the document's ``instruments`` when None.

    Raises:
        ConfigError: a document whose keys contradict each other.
    """
    for broken in contradictions(document):
        where = f"scenario {document.id}, {'.'.join(broken.key)}"
        raise ConfigError(f"{broken.value} {broken.rule}", where=where, remedy="correct it", code="SCENARIO_INVALID")
    ts = bar_starts(document)
    return [_series(document, ts, number) for number in range(count or document.instruments)]


def contradictions(document: ScenarioDocument) -> list[BrokenRule]:
    """Everything that is wrong between the keys of a document; such a document is not generated."""
    return list(broken_rules(document)) or list(too_long(document)) or list(never_struck(document))


def _series(document: ScenarioDocument, ts: Times, number: int) -> Series:
    effects = effects_of(document, ts, number)
    law = returns(document, _draws(document, number), stream(document.seed, f"law {number}"))
    moves, jumps = law.moves * effects.loudness + effects.moves, law.jumps * effects.loudness + effects.jumps
    level = np.clip(np.cumsum(moves + jumps), -MOST_LEVEL, MOST_LEVEL)
    closes = _rounded(document.price * np.exp(level))
    opens = np.concatenate([[document.price], closes[:-1]])
    floor, roof = (_rounded(document.price * np.exp(np.array([end]))) for end in (-MOST_LEVEL, MOST_LEVEL))
    gaps = np.flatnonzero(jumps)
    opens[gaps] = np.clip(_rounded(opens[gaps] * _factor(jumps[gaps])), floor, roof)
    locked = effects.loudness == 0.0
    opens[locked] = closes[locked]
    sigma = law.sigma * effects.loudness
    wicks = np.abs(stream(document.seed, f"wicks {number}").standard_normal((2, len(ts)))) * sigma / 2
    top, bottom = np.maximum(opens, closes), np.minimum(opens, closes)
    highs = np.maximum(np.minimum(_rounded(top * _factor(wicks[0])), roof), top)
    lows = np.minimum(np.maximum(_rounded(bottom * _factor(-wicks[1])), floor), bottom)
    volume = _volume(document, effects, number)
    most = MOST_SIGMAS * sigma + np.abs(effects.moves + effects.jumps) + _rounding(closes)
    bars = Bars(ts, opens, highs, lows, closes, volume, np.full(len(ts), np.nan))
    return Series(bars, tuple(sorted(effects.splits)), most)


def _draws(document: ScenarioDocument, number: int) -> Floats:
    """Standard normal draws of a series, correlated with those of all others as the document says."""
    own = stream(document.seed, f"returns {number}").standard_normal(document.duration_bars)
    together = correlations(document)
    if not np.any(together):
        return own
    market = stream(document.seed, "market").standard_normal(document.duration_bars)
    mixed: Floats = np.sqrt(together) * market + np.sqrt(1.0 - np.asarray(together)) * own
    return mixed


def _volume(document: ScenarioDocument, effects: Effects, number: int) -> Floats:
    if document.volume_model is VolumeModel.CONST:
        return np.rint(document.volume * effects.volume)
    drawn = stream(document.seed, f"volume {number}").standard_normal(document.duration_bars)
    return np.rint(document.volume * np.exp(_VOLUME_SIGMA * drawn) * effects.volume)


def _rounded(prices: Floats) -> Floats:
    return np.maximum(np.round(prices, PLACES), _LEAST)


def _factor(moves: Floats) -> Floats:
    """The factor of a log move, which is never more than from one end of the admitted prices to the other."""
    made: Floats = np.exp(np.clip(moves, -2 * MOST_LEVEL, 2 * MOST_LEVEL))
    return made


def _rounding(closes: Floats) -> Floats:
    """The log return that rounding two closes can make."""
    before = np.concatenate([closes[:1], closes[:-1]])
    return _LEAST / closes + _LEAST / before


def problems(document: ScenarioDocument, made: Series) -> Iterator[str]:
    """What a dataset may not have (R-SCEN-07, R-SCEN-08), each with its first bar; nothing is the good result."""
    bars = made.bars
    if len(bars.ts) != document.duration_bars:
        yield f"has {len(bars.ts)} bars, not duration_bars, {document.duration_bars}"
        return
    prices = np.stack([bars.open, bars.high, bars.low, bars.close])
    rows = {
        "a price is not finite": ~np.isfinite(prices).all(axis=0),
        "a price is not above zero": ~(prices > 0.0).all(axis=0),
        "the high is below another price": (prices > bars.high).any(axis=0),
        "the low is above another price": (prices < bars.low).any(axis=0),
        "the volume is no number from 0 on": ~(np.isfinite(bars.volume) & (bars.volume >= 0.0)),
        "the start is not after the one before": np.diff(bars.ts, prepend=bars.ts[0] - 1) <= 0,
    }
    if not rows["a price is not above zero"].any():
        moved = np.abs(np.diff(np.log(bars.close), prepend=np.log(document.price)))
        rows[f"the log return is beyond {MOST_SIGMAS:g} sigma and the declared events"] = ~(moved <= made.most)
    for what, wrong in rows.items():
        if wrong.any():
            yield f"bar {int(np.argmax(wrong))}: {what}"

"""The events of a scenario as one number per bar: declared moves, declared gaps, how loud a bar is, its volume."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from tradewright.model.bars import Floats, Timeframe, Times
from tradewright.scenarios.document import MOST_BARS, BrokenRule, ScenarioDocument
from tradewright.scenarios.events import (
    Bleed,
    CorrelationShift,
    Crash,
    Delisting,
    Event,
    Gap,
    HalfDays,
    Halt,
    LimitDown,
    Missing,
    Split,
    Squeeze,
    WeekendGap,
)
from tradewright.scenarios.streams import stream

DAY_NS = 86_400_000_000_000
START_DAY = 19_723
"""Monday, 1 January 2024, in days since 1970: where every dataset begins."""
END_DAY = 102_268
"""1 January 2250: no bar of a dataset starts then or later; a moment in nanoseconds ends in 2262."""
_MONDAY_OF_1970 = 3
_LOCKED_VOLUME = 0.01


@dataclass
class Effects:
    """What the events of a document do to one series; every array has shape (bars,).

    Args:
        moves: log moves within a bar.
        jumps: log moves between the close before and the open.
        loudness: what the law's own return and the wicks are multiplied by; 0 where the price is locked.
        volume: what the volume is multiplied by.
        units: how many units of before one of the first bar's units has become, by splits.
    """

    moves: Floats
    jumps: Floats
    loudness: Floats
    volume: Floats
    units: Floats
    splits: list[tuple[int, float]] = field(default_factory=list)

    @classmethod
    def none(cls, bars: int) -> Effects:
        """Nothing happens."""
        return cls(np.zeros(bars), np.zeros(bars), np.ones(bars), np.ones(bars), np.ones(bars))


def effects_of(document: ScenarioDocument, ts: Times, series: int) -> Effects:
    """What the events do to a series, whose bars start at ``ts``."""
    made = Effects.none(len(ts))
    for place, event in enumerate(document.events):
        if event.only is None or event.only == series:
            _apply(event, document, ts, made, f"event {place} {series}")
    return made


def _apply(event: Event, document: ScenarioDocument, ts: Times, made: Effects, name: str) -> None:
    match event:
        case Crash():
            fall, bottom = math.log1p(-event.depth), event.at + event.bars
            made.moves[event.at : bottom] += fall / event.bars
            made.moves[bottom : bottom + event.back_bars] -= event.back * fall / event.back_bars
        case Bleed():
            span = slice(event.at, event.at + event.bars)
            made.moves[span] += math.log1p(-event.depth) / event.bars
            made.loudness[span] *= event.calm
        case Gap():
            made.jumps[event.at] += math.log1p(event.size)
        case Halt():
            made.jumps[event.at] += math.log1p(event.gap)
        case LimitDown():
            _limit_down(event, ts, made)
        case Split():
            made.jumps[event.at] -= math.log(event.ratio)
            made.volume[event.at :] *= event.ratio
            made.units[event.at :] *= event.ratio
            made.splits.append((event.at, event.ratio))
        case Delisting():
            made.jumps[event.at] += math.log(event.left)
            made.loudness[event.at :] = 0.0
            made.volume[event.at + 1 :] = 0.0
        case Squeeze():
            quiet = event.at + event.bars
            made.loudness[event.at : quiet] *= event.calm
            made.loudness[quiet : quiet + event.loud_bars] *= event.loud
        case WeekendGap():
            days = ts // DAY_NS
            after = np.flatnonzero(np.diff(days) > 1) + 1
            drawn = stream(document.seed, name).standard_normal(len(after))
            made.jumps[after] += np.clip(drawn, -4.0, 4.0) * event.sigma * 1e-4
        case HalfDays() if document.length is Timeframe.D1:
            made.volume[event.every - 1 :: event.every] *= 0.5


def _limit_down(event: LimitDown, ts: Times, made: Effects) -> None:
    days = ts // DAY_NS
    opens = np.flatnonzero(np.diff(days, prepend=days[0] - 1) > 0)
    struck = opens[opens >= event.at][: event.days]
    for first in struck.tolist():
        whole = days == days[first]
        made.jumps[first] += math.log1p(-event.limit)
        made.loudness[whole] = 0.0
        made.volume[whole] *= _LOCKED_VOLUME


def too_long(document: ScenarioDocument) -> Iterator[BrokenRule]:
    """What would take more time than there is, or more memory than it is worth, told before anything is made.

    Half days count as twice as many days, so that a document that passes never ends after :data:`END_DAY`.
    """
    halts = sum(event.bars for event in document.events if isinstance(event, Halt))
    drawn = sum(round(event.share * document.duration_bars) for event in document.events if isinstance(event, Missing))
    if halts + drawn > MOST_BARS:
        rule = f"leave out {halts + drawn:,} bars together, at most {MOST_BARS:,} may be left out"
        yield BrokenRule(("events",), "halt and missing", rule)
        return
    days = math.ceil((document.duration_bars + halts + drawn) / len(_offsets(document)))
    days *= 2 if any(isinstance(event, HalfDays) for event in document.events) else 1
    days = days * 7 // 5 + 7 if document.hours is not None and document.hours.weekdays_only else days
    if days > END_DAY - START_DAY:
        rule = f"takes {days:,} days, and no bar may start after {END_DAY - START_DAY:,} days, in 2250"
        yield BrokenRule(("duration_bars",), document.duration_bars, rule)


def never_struck(document: ScenarioDocument) -> Iterator[BrokenRule]:
    """The events that depend on the days of a market and never happen on its bars, or not as often as told."""
    ts = bar_starts(document)
    days = ts // DAY_NS
    opens = np.flatnonzero(np.diff(days, prepend=days[0] - 1) > 0)
    for place, event in enumerate(document.events):
        match event:
            case WeekendGap() if not (np.diff(days) > 1).any():
                yield BrokenRule(("events", str(place), "kind"), event.kind, "there is no weekend within the bars")
            case HalfDays() if len(opens) < event.every:
                rule = f"there are {len(opens)} days within the bars"
                yield BrokenRule(("events", str(place), "every"), event.every, rule)
            case LimitDown() if np.count_nonzero(opens >= event.at) < event.days:
                rule = f"{np.count_nonzero(opens >= event.at)} days begin at or after bar {event.at}"
                yield BrokenRule(("events", str(place), "days"), event.days, rule)
            case Missing() if round(event.share * document.duration_bars) == 0:
                yield BrokenRule(("events", str(place), "share"), event.share, "leaves out no bar")


def correlations(document: ScenarioDocument) -> Floats | float:
    """The correlation of the moves of two series: one for all bars, or one per bar."""
    shifts = [event for event in document.events if isinstance(event, CorrelationShift)]
    if not shifts:
        return document.correlation
    found = np.full(document.duration_bars, document.correlation)
    for event in shifts:
        found[event.at : event.at + event.bars] = event.to
    return found


def bar_starts(document: ScenarioDocument) -> Times:
    """The start of every bar, in nanoseconds since 1970 (UTC), ascending; shape (duration_bars,).

    Halts and missing bars leave out places of the grid, so that the number of bars is always that of the document. They
    are the same for all series.
    """
    count = document.duration_bars
    skipped = np.zeros(count, np.int64)
    for place, event in enumerate(document.events):
        match event:
            case Halt():
                skipped[event.at] += event.bars
            case Missing():
                gone = stream(document.seed, f"event {place}").integers(1, count, round(event.share * count))
                np.add.at(skipped, gone, 1)
    places = np.arange(count) + np.cumsum(skipped)
    return _grid(document, int(places[-1]) + 1)[places]


def _grid(document: ScenarioDocument, count: int) -> Times:
    """The first ``count`` starts of the market's hours."""
    offsets = _offsets(document)
    halves = [event.every for event in document.events if isinstance(event, HalfDays)]
    days = _days(document, 2 * (count // len(offsets) + 2))
    is_open = np.ones((len(days), len(offsets)), np.bool_)
    for every in halves:
        is_open[every - 1 :: every, (len(offsets) + 1) // 2 :] = False
    grid = (days[:, None] * 86_400 + offsets)[is_open][:count]
    return grid * 1_000_000_000


def _offsets(document: ScenarioDocument) -> npt.NDArray[np.int64]:
    """The starts of a whole day's bars, in seconds of the day."""
    step, (opens, closes) = document.length.seconds, document.hours.minutes if document.hours else (0, 1_440)
    if step == 86_400:
        return np.zeros(1, np.int64)
    offsets = np.arange(opens * 60, closes * 60, step, dtype=np.int64)
    return offsets[offsets + step <= closes * 60]


def _days(document: ScenarioDocument, least: int) -> npt.NDArray[np.int64]:
    """At least so many days of the market from the first one on."""
    days = START_DAY + np.arange(2 * least + 7, dtype=np.int64)
    if document.hours is None or not document.hours.weekdays_only:
        return days[:least]
    return days[(days + _MONDAY_OF_1970) % 7 < 5][:least]

"""What happens to a synthetic market beside its random walk: the events of a scenario document."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tradewright.model.base import FrozenModel

Bar = Annotated[int, Field(ge=1, le=5_000_000)]
"""A bar of the dataset, counted from 0; the first one has no bar before it, so that nothing happens there."""

Length = Annotated[int, Field(ge=1, le=5_000_000)]
Fall = Annotated[float, Field(gt=0, le=0.99)]
Only = Annotated[int, Field(ge=0, le=49)]


class Event(FrozenModel):
    """One thing that happens.

    Args:
        only: the number of the one series that it strikes, from 0; None for all of them.
    """

    only: Only | None = None


class Crash(Event):
    """A fall within a few bars, and the part of it that comes back.

    Args:
        at: the first bar of the fall.
        bars: that it takes.
        depth: the fraction of the price that is lost at its bottom.
        back: the fraction of the fall, in logarithms, that is recovered afterwards.
        back_bars: that the recovery takes.
    """

    kind: Literal["crash"]
    at: Bar
    bars: Length
    depth: Fall
    back: Annotated[float, Field(ge=0, le=1)] = 0.0
    back_bars: Length = 1


class Bleed(Event):
    """A slow fall, spread evenly, in a market that is quieter than usual, at ``calm`` times its volatility."""

    kind: Literal["bleed"]
    at: Bar
    bars: Length
    depth: Fall
    calm: Annotated[float, Field(gt=0, le=1)] = 0.6


class Gap(Event):
    """A bar that opens away from the close before it: ``size`` -0.08 is 8 % lower."""

    kind: Literal["gap"]
    at: Bar
    size: Annotated[float, Field(ge=-0.9, le=9)]


class Halt(Event):
    """No trading for the length of some bars: they are not in the data, and bar ``at`` is the first one afterwards.

    Args:
        gap: by how much its open is away from the last close.
    """

    kind: Literal["halt"]
    at: Bar
    bars: Length
    gap: Annotated[float, Field(ge=-0.9, le=9)] = 0.0


class LimitDown(Event):
    """Days that open at the limit, a fraction below the last close, and do not trade away from it.

    They are whole days (UTC), of which the first is the first one that begins at or after bar ``at``. Their volume is
    a hundredth of the usual one.
    """

    kind: Literal["limit_down"]
    at: Bar
    days: Annotated[int, Field(ge=1, le=20)]
    limit: Annotated[float, Field(gt=0, le=0.5)]


class Split(Event):
    """From bar ``at`` on one unit of before is ``ratio`` units, in prices that are not adjusted."""

    kind: Literal["split"]
    at: Bar
    ratio: Annotated[float, Field(ge=0.01, le=100)]


class Missing(Event):
    """Bars that are not in the data: a fraction of all, at random."""

    kind: Literal["missing"]
    share: Annotated[float, Field(gt=0, le=0.5)]


class WeekendGap(Event):
    """Every open after a day without a bar is away from the last close by a normal draw of so many basis points."""

    kind: Literal["weekend_gap"]
    sigma: Annotated[float, Field(gt=0, le=2_000)]


class Squeeze(Event):
    """A market that grows quiet and then breaks out: its volatility times ``calm``, then times ``loud``."""

    kind: Literal["squeeze"]
    at: Bar
    bars: Length
    loud_bars: Length
    calm: Annotated[float, Field(gt=0, le=1)] = 0.2
    loud: Annotated[float, Field(ge=1, le=20)] = 3.0


class HalfDays(Event):
    """Every so many days (of those with bars) the market closes after half of its bars.

    A daily bar of such a day has half of its volume instead.
    """

    kind: Literal["half_days"]
    every: Annotated[int, Field(ge=2, le=1_000)]


class Delisting(Event):
    """From bar ``at`` on the price is a fraction ``left`` of the last close and stays there.

    It is traded in that bar and never again: the bars that follow have no volume.
    """

    kind: Literal["delisting"]
    at: Bar
    left: Annotated[float, Field(gt=0, le=1)]


class CorrelationShift(Event):
    """For some bars the moves of all series are correlated by ``to``."""

    kind: Literal["correlation"]
    at: Bar
    bars: Length
    to: Annotated[float, Field(ge=0, le=1)]


AnyEvent = Annotated[
    Crash
    | Bleed
    | Gap
    | Halt
    | LimitDown
    | Split
    | Missing
    | WeekendGap
    | Squeeze
    | HalfDays
    | Delisting
    | CorrelationShift,
    Field(discriminator="kind"),
]


def last_bar(event: Event) -> int:
    """The last bar that an event names; 0 where it names none."""
    match event:
        case Crash():
            return event.at + event.bars + (event.back_bars if event.back else 0) - 1
        case Squeeze():
            return event.at + event.bars + event.loud_bars - 1
        case Bleed() | CorrelationShift():
            return event.at + event.bars - 1
        case Gap() | Halt() | LimitDown() | Split() | Delisting():
            return event.at
    return 0

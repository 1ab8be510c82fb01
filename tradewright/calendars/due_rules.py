"""What is due: computed from what has closed and what was done, never from the moment at which somebody asks.

A question that was not asked for days has the same answer as one that was asked every minute: the newest bar, once.
Every answer is a reason in words; an empty one means that nothing is due.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pandas as pd

from tradewright.calendars.calendar import Calendar
from tradewright.model.bars import Timeframe
from tradewright.store.progress import Progress


@dataclass(frozen=True)
class Pace:
    """How often a thing is done again although nothing new has come.

    Args:
        retry: after a failure, and for a bar that has closed and that the feed did not have yet.
        renew: the age at which the checks of an open market are made again, for the gate refuses old ones.
    """

    retry: timedelta
    renew: timedelta


def newest_bars(
    market: Calendar, stored: Mapping[Timeframe, int | None], now: datetime, *, has_feed: bool
) -> dict[Timeframe, int]:
    """The start (nanoseconds UTC) of the newest bar that there should be, by timeframe.

    Args:
        stored: the newest stored bar; None where there is none.
        has_feed: True for the newest bar that has closed; False, where bars are imported by hand, for the stored one.
    """
    found = {each: market.newest_closed(each, now, like) for each, like in stored.items()} if has_feed else stored
    return {each: start for each, start in found.items() if start is not None}


def refresh_reason(
    market: Calendar,
    stored: Mapping[Timeframe, int | None],
    done: Progress | None,
    now: datetime,
    pace: Pace,
    *,
    has_feed: bool,
) -> str:
    """Why the bars of an instrument are to be refreshed and checked.

    Args:
        stored, has_feed: as for :func:`newest_bars`.
        done: the last refresh; its ``bars`` are the newest bars of then, by timeframe.
    """
    if done is not None and not done.finished:
        return _again(done, now, pace, "the last refresh failed")
    newest = newest_bars(market, stored, now, has_feed=has_feed)
    seen = done.bars if done is not None else {}
    lacking = {each for each, start in newest.items() if start > (stored[each] or -1)}
    fresh = [each for each, start in newest.items() if start > seen.get(each, -1) and (each in lacking or not has_feed)]
    if fresh:
        return "; ".join(f"the {each} bar of {shown(newest[each])} is there" for each in fresh)
    if lacking and done is not None and (reason := _again(done, now, pace, "the feed did not have the newest bar yet")):
        return reason
    return _renewal(done, [market], now, pace) if newest else ""


def signals_reason(
    markets: Iterable[Calendar],
    stored: Mapping[str, int | None],
    done: Progress | None,
    now: datetime,
    pace: Pace,
    *,
    identity: str,
) -> str:
    """Why the signals of a strategy are to be made.

    Args:
        markets: the calendars of its instruments.
        stored: the start of the newest stored bar of its timeframe, by instrument; while one has none, nothing is due.
        done: the last time; its ``bars`` are by instrument.
        identity: of the settings in force.
    """
    if not stored or any(start is None for start in stored.values()):
        return ""
    if done is None:
        return "there are no signals yet"
    if not done.finished:
        return _again(done, now, pace, "the last try failed")
    if done.identity != identity:
        return "the configuration changed"
    newer = [symbol for symbol, start in stored.items() if (start or 0) > done.bars.get(symbol, -1)]
    if newer:
        return f"new bars of {', '.join(newer)}"
    return _renewal(done, markets, now, pace)


def decision_reason(
    market: Calendar,
    symbol: str,
    signals: Progress,
    decided: Progress | None,
    now: datetime,
    checks: Mapping[str, bool],
) -> tuple[bool, str]:
    """Whether the signal on an instrument is to be decided on now, and the reason either way.

    Each bar is decided on once, at the first moment after its close at which the market is open and every check that
    the gate asks for is fresh.

    Args:
        signals: of the strategy.
        decided: the bars of the strategy that were decided on, by instrument.
        checks: by name, whether its newest result is young enough for the gate.
    """
    bar = signals.bars[symbol]
    known = decided.bars if decided is not None and decided.identity == signals.identity else {}
    if bar <= known.get(symbol, -1):
        return False, f"{symbol}: the bar of {shown(bar)} was decided on"
    if not market.is_open(now):
        opens = market.next_open(now)
        return False, f"{symbol}: {market.name} opens at {opens:%Y-%m-%d %H:%M} UTC"
    if stale := [name for name, is_fresh in checks.items() if not is_fresh]:
        return False, f"{symbol}: no fresh result of {', '.join(stale)}"
    return True, f"{symbol}: the bar of {shown(bar)}"


def daily_reason(now: datetime, at: time, zone: str, done: Progress | None) -> str:
    """Why a job of every day is to be run: its hour has come since it was run last, however long ago that was."""
    moment = last_occurrence(now, at, zone)
    if done is not None and done.at >= moment:
        return ""
    return f"due since {moment:%Y-%m-%d %H:%M} UTC"


def last_occurrence(now: datetime, at: time, zone: str) -> datetime:
    """The newest moment up to ``now`` at which clocks in a zone showed ``at``, in UTC.

    Where clocks were put forward over ``at``, the moment that an unchanged clock would have shown it; where they showed
    it twice, the first.
    """
    local = now.astimezone(ZoneInfo(zone)).date()
    days = (local - timedelta(days=back) for back in range(3))
    moments = (datetime.combine(day, at, ZoneInfo(zone)).astimezone(now.tzinfo) for day in days)
    return next(moment for moment in moments if moment <= now)


def shown(start: int) -> str:
    """The start of a bar for people."""
    return f"{pd.Timestamp(start, tz='UTC'):%Y-%m-%d %H:%M} UTC"


def _again(done: Progress, now: datetime, pace: Pace, why: str) -> str:
    return f"{why}, at {done.at:%Y-%m-%d %H:%M} UTC" if now - done.at >= pace.retry else ""


def _renewal(done: Progress | None, markets: Iterable[Calendar], now: datetime, pace: Pace) -> str:
    is_old = done is None or now - done.at >= pace.renew
    if not is_old or not any(market.is_open(now) for market in markets):
        return ""
    return "never checked" if done is None else f"checked at {done.at:%Y-%m-%d %H:%M} UTC, and the market is open"

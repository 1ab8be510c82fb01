"""The rows of a panel: bars that overlap in time side by side, so that no decision meets a bar that had begun."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from tradewright.backtest.spec import Sessions
from tradewright.model.bars import Times
from tradewright.model.errors import ConfigError
from tradewright.model.hashing import content_hash

if TYPE_CHECKING:
    from tradewright.backtest.kernel import Indices

WHERE = "backtest.account=shared"


class Rows(NamedTuple):
    """Groups of bars in the order of time.

    Args:
        ts: the earliest start in each row, nanoseconds UTC, ascending.
        closes: the latest close of each row and all before it; no bar of a later row begins earlier.
        places: of each instrument the rows of its bars, one each.
    """

    ts: Times
    closes: Times
    places: tuple[Indices, ...]


def rows_of(starts: Mapping[str, Times], sessions: Mapping[str, Sessions]) -> Rows:
    """Put the bars of instruments, at least one, into rows.

    A row begins with a bar that starts at the latest close of all bars before it, or later. What is decided at the
    close of a row therefore knows no price of a bar that goes on, and is filled in bars that begin then or later. Bars
    of one calendar begin together, and each of their starts is a row. A bar closes at the latest when the next one of
    its instrument begins; one whose close is not told, once it has begun.

    Args:
        starts: of the bars of each instrument, ascending.
        sessions: say when the bars close.

    Raises:
        ConfigError: ``BARS_OVERLAP``, for two bars of one instrument in a row.
    """
    ts, places, until = _until(starts, sessions)
    begins = _begins(ts, until)
    if begins.all():
        return Rows(ts, until, places)
    row = np.cumsum(begins) - 1
    joined = tuple(row[place] for place in places)
    _refuse_two_in_a_row(starts, sessions, joined)
    ends = np.append(begins[1:], True)
    return Rows(ts[begins], until[ends], joined)


def clear_places(starts: Mapping[str, Times], sessions: Mapping[str, Sessions]) -> Indices:
    """The places, among all starts of bars, of those at which no bar of any instrument goes on; the first is one.

    Args:
        starts, sessions: as of :func:`rows_of`; bars of any lengths are taken.
    """
    ts, _places, until = _until(starts, sessions)
    return np.flatnonzero(_begins(ts, until))


def _until(starts: Mapping[str, Times], sessions: Mapping[str, Sessions]) -> tuple[Times, tuple[Indices, ...], Times]:
    """All starts, the places of each instrument's among them, and the latest close of the bars up to each."""
    ts = np.unique(np.concatenate(list(starts.values())))
    places: tuple[Indices, ...] = tuple(np.searchsorted(ts, own) for own in starts.values())
    return ts, places, np.maximum.accumulate(_latest_closes(ts, places, [sessions[name] for name in starts]))


def _begins(ts: Times, until: Times) -> npt.NDArray[np.bool_]:
    return np.append(True, ts[1:] >= until[:-1])[: len(ts)]


def rows_hash(ts: Times, places: Sequence[Indices], starts: Iterable[Times]) -> str:
    """What tells rows apart from those that the starts of the bars alone make; empty where they are these."""
    if all((ts[place] == own).all() for place, own in zip(places, starts, strict=True)):
        return ""
    return content_hash([place.tolist() for place in places])


def _latest_closes(ts: Times, places: Sequence[Indices], sessions: Sequence[Sessions]) -> Times:
    """The latest close of the bars that begin at each start; each calendar is asked once."""
    latest = ts + 1
    for each in dict.fromkeys(sessions):
        if each.closes is None:
            continue
        whose = [place for place, own in zip(places, sessions, strict=True) if own == each]
        begun = np.zeros(len(ts), np.bool_)
        for place in whose:
            begun[place] = True
        closes = np.zeros(len(ts), np.int64)
        closes[begun] = each.closes(ts[begun])
        for place in whose:
            latest[place] = np.maximum(latest[place], _until_the_next(closes[place], ts[place]))
    return latest


def _until_the_next(closes: Times, starts: Times) -> Times:
    return np.append(np.minimum(closes[:-1], starts[1:]), closes[-1:])


def _refuse_two_in_a_row(
    starts: Mapping[str, Times], sessions: Mapping[str, Sessions], joined: Sequence[Indices]
) -> None:
    """Name the first bar that begins in the row of an earlier one of its instrument, and the bar that joins them."""
    again = {
        name: int(starts[name][1:][same][0])
        for name, place in zip(starts, joined, strict=True)
        if (same := np.diff(place) == 0).any()
    }
    if not again:
        return
    name = min(again, key=again.__getitem__)
    moment, spans = again[name], dict[str, tuple[int, int]]()
    for other, own in starts.items():
        closes = sessions[other].closes
        newest = int(np.searchsorted(own, moment)) - 1
        if closes is not None and newest >= 0:
            begun = own[newest : newest + 2]
            spans[other] = (int(_until_the_next(closes(begun), begun)[0]), int(begun[0]))
    beside = max(spans, key=lambda other: spans[other])
    close, start = spans[beside]
    raise ConfigError(
        f"a bar of {name} begins at {_told(moment)}, while that of {beside} from {_told(start)} to {_told(close)} goes"
        f" on, which also overlaps the bar of {name} before it: a decision needs bars of which none has begun",
        where=WHERE,
        remedy="use bars that begin together (30m or shorter, where hours of one begin at :30 and of the other at :00),"
        f" set backtest.account=split, or leave {name} or {beside} out",
        code="BARS_OVERLAP",
    )


def _told(moment: int) -> str:
    minute = str(np.datetime64(moment, "ns").astype("datetime64[m]"))
    return f"{minute.replace('T', ' ')} UTC"

"""How far back every term reads, and that none reads a bar to come; between which values it lies."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from tradewright.dsl.functions import RANGES, REACH
from tradewright.dsl.terms import BOOLEAN, ROLLING, Op, Term, calculated, walk


class Reach(NamedTuple):
    """Which bars a term reads in bar ``i``: those from ``i - back`` to ``i - lag``.

    Args:
        lag: bars between the newest one that is read and the deciding one; never below 0.
        back: bars between the oldest one and the deciding one; infinite where all bars since the first count.
    """

    lag: float
    back: float


_NOTHING = Reach(math.inf, 0.0)


def reaches(values: Mapping[str, float], *terms: Term) -> dict[Term, Reach]:
    """The reach of every term, under these values of the parameters.

    This is the proof that nothing looks ahead: columns read the bars up to their own alone (each indicator is tested
    for that), and no other term reads bars.
    """
    found: dict[Term, Reach] = {}
    for term in walk(*terms):
        if term.op is Op.COLUMN:
            arguments = [valued(each, values) for each in term.arguments]
            lag = sum(valued(each, values) for each in term.lags)
            found[term] = Reach(lag, lag + REACH[str(term.words[0])](arguments))
        elif term.op in ROLLING:
            inner = found[term.args[0]]
            found[term] = Reach(inner.lag, inner.back + valued(term.args[1], values) - 1)
        else:
            below = [found[each] for each in term.args]
            lag = min((each.lag for each in below), default=math.inf)
            found[term] = Reach(lag, max((each.back for each in below), default=0.0)) if below else _NOTHING
    return found


def valued(term: Term, values: Mapping[str, float]) -> float:
    """The value of a number or a parameter."""
    return values[str(term.words[0])] if term.op is Op.PARAMETER else float(term.words[0])


Series = tuple[str, str]
"""An instrument and a timeframe; both are empty for the bars that are decided on."""

DECIDED: Series = ("", "")


def first_bars(values: Mapping[str, float], *terms: Term) -> int:
    """The bars of any one series that must be there before all values of some terms can be known; 1 for none.

    An exponential mean counts with its own length.
    """
    return max(needed_bars(values, *terms).values())


def needed_bars(values: Mapping[str, float], *terms: Term) -> dict[Series, int]:
    """By series, how many of its bars must be there before all values of some terms can be known.

    A window over an expression begins with the first value of that. Lags and windows of what is read on another series
    are counted in the bars that are decided on.
    """
    known, most = dict[Term, float](), {DECIDED: 1.0}
    for term in walk(*terms):
        below = max((known[each] for each in term.args), default=1.0)
        if term.op is Op.COLUMN:
            series = (str(term.words[1]), str(term.words[2]))
            own, lag = _known_from(term, values), sum(valued(each, values) for each in term.lags)
            most[series] = max(most.get(series, 1.0), own)
            known[term] = lag + (own if series == DECIDED else 1.0)
        elif term.op in ROLLING:
            known[term] = known[term.args[0]] + valued(term.args[1], values) - 1
        else:
            known[term] = below
        most[DECIDED] = max(most[DECIDED], known[term])
    return {series: int(bars) for series, bars in most.items()}


def _known_from(term: Term, values: Mapping[str, float]) -> float:
    """How many bars an indicator needs for its first value."""
    name, arguments = str(term.words[0]), [valued(each, values) for each in term.arguments]
    if not math.isinf(REACH[name](arguments)):
        return REACH[name](arguments) + 1
    match name:
        case "macd":
            return arguments[1]
        case "macd_signal" | "macd_hist":
            return arguments[1] + arguments[2] - 1
        case "volatility_rank":
            return arguments[0] + arguments[1]
        case "rsi" | "atr":
            return arguments[0] + 1
        case "adx":
            return 2 * arguments[0]
        case _ if name.startswith(("opening_", "vwap_")):  # of minutes, or of a session so far, not of bars
            return 1.0
        case _ if name.startswith("pivot"):  # of the session before
            return 2.0
    return arguments[0]


def values_read(values: Mapping[str, float], *terms: Term) -> float:
    """How many values a decision computes in one bar for some terms: windows within windows multiply."""
    known: dict[Term, float] = {}

    def of(*roots: Term) -> float:
        total, seen, stack = 0.0, set[Term](), list(roots)
        while stack:
            term = stack.pop()
            if term in seen:
                continue
            seen.add(term)
            if term.op in ROLLING:
                if term not in known:
                    known[term] = valued(term.args[1], values) * of(term.args[0])
                total += known[term]
            else:
                total += 1.0
                stack.extend(() if term.op is Op.COLUMN else term.args)
        return total

    return of(*terms)


Range = tuple[float, float]
_ALL: Range = (-math.inf, math.inf)


def ranged(bounds: Mapping[str, Range], *terms: Term) -> dict[Term, Range]:
    """Between which values every number lies, whatever the bars, for parameters within these bounds.

    A condition lies between 0 (never) and 1 (always, where its values are known). A number that is never known, as a
    quotient by zero, has the range NaN to NaN, and so has all that is computed of it; a comparison with it is never
    true.
    """
    found: dict[Term, Range] = {}
    for term in walk(*terms):
        below = [found[each] for each in term.args]
        found[term] = _range(term, below, bounds)
    return found


def _range(term: Term, below: list[Range], bounds: Mapping[str, Range]) -> Range:
    if term.op in BOOLEAN:
        return _truth(term, below)
    if any(math.isnan(low) for low, _ in below):
        return _UNKNOWN
    match term.op:
        case Op.NUMBER:
            return (float(term.words[0]), float(term.words[0]))
        case Op.PARAMETER:
            return bounds[str(term.words[0])]
        case Op.COLUMN:
            return RANGES.get(str(term.words[0]), _ALL)
        case Op.MEAN | Op.HIGHEST | Op.LOWEST:
            return below[0]
        case Op.DEVIATION:
            return (0.0, math.inf)
        case Op.RANK:
            return (0.0, 1.0)
        case Op.BARS_SINCE:
            return (0.0, below[1][1] - 1)
        case Op.DIVIDE if below[1] == (0.0, 0.0):
            return _UNKNOWN
        case Op.DIVIDE | Op.SUBTRACT if term.args[0] == term.args[1]:
            return (0.0, 0.0) if term.op is Op.SUBTRACT else (1.0, 1.0)
    return _calculated(term.op, below)


def _calculated(op: Op, below: list[Range]) -> Range:
    (low, high), other = below[0], below[-1]
    match op:
        case Op.NEGATE:
            return (-high, -low)
        case Op.ABSOLUTE:
            return (0.0 if low <= 0.0 <= high else min(abs(low), abs(high)), max(abs(low), abs(high)))
        case Op.ADD:
            return (low + other[0], high + other[1])
        case Op.SUBTRACT:
            return (low - other[1], high - other[0])
        case Op.LEAST | Op.GREATEST:
            choose = min if op is Op.LEAST else max
            return (choose(low, other[0]), choose(high, other[1]))
        case Op.DIVIDE if other[0] <= 0.0 <= other[1]:
            return _ALL
    corners = [calculated(op, one, two) for one in (low, high) for two in other]
    clean = [0.0 if math.isnan(each) else each for each in corners]
    return (min(clean), max(clean))


def _truth(term: Term, below: list[Range]) -> Range:
    match term.op:
        case Op.TRUE:
            return (1.0, 1.0)
        case Op.FALSE:
            return (0.0, 0.0)
        case Op.AND if is_contradiction(term, below):
            return (0.0, 0.0)
        case Op.OR if any(_denies(one, two, Op.AT_MOST) for one in term.args for two in term.args):
            return (1.0, 1.0)
        case Op.AND:
            return (min(low for low, _ in below), min(high for _, high in below))
        case Op.OR:
            return (max(low for low, _ in below), max(high for _, high in below))
    (low, high), (least, most) = below
    left, right = term.args
    if math.isnan(low) or math.isnan(least):
        return (0.0, 0.0)
    if left == right:
        return (0.0, 0.0) if term.op is Op.LESS else (1.0, 1.0)
    if term.op is Op.LESS and _is_never_below(left, right):
        return (0.0, 0.0)
    if term.op is Op.AT_MOST and _is_never_below(right, left):
        return (1.0, 1.0)
    if term.op is Op.LESS:
        return (float(high < least), float(low < most))
    return (float(high <= least), float(low <= most))


_UNKNOWN = (math.nan, math.nan)
_LOW = ("low", "donchian_lower")
_NEVER_ABOVE = {
    "open": _LOW,
    "close": (*_LOW, "lowest"),
    "low": ("donchian_lower",),
    "high": ("open", "close", *_LOW, "lowest"),
    "highest": ("close", *_LOW, "lowest"),
    "donchian_upper": ("high", "open", "close", *_LOW, "lowest"),
}
"""Column -> the columns that no bar has above it: a window over highs or lows counts its own bar too."""


def _is_never_below(one: Term, other: Term) -> bool:
    """Whether a column is at or above another one in every bar, by what a bar is."""
    if not one.op is other.op is Op.COLUMN or one.lags != other.lags or one.words[1:3] != other.words[1:3]:
        return False
    return str(other.words[0]) in _NEVER_ABOVE.get(str(one.words[0]), ())


def _denies(one: Term, other: Term, needed: Op) -> bool:
    """Whether two comparisons of the same two values, the other way round, exclude one another or leave nothing out.

    Args:
        needed: what one of them must be: ``LESS`` to exclude (``a < b`` and ``b < a``), ``AT_MOST`` to leave nothing
            out (``a <= b`` or ``b <= a``).
    """
    return {one.op, other.op} <= {Op.LESS, Op.AT_MOST} and needed in (one.op, other.op) and one.args == other.args[::-1]


def is_contradiction(term: Term, _below: list[Range]) -> bool:
    """Whether the parts of an ``and`` exclude one another: one and its opposite, or ``x < 30`` and ``x > 70``."""
    parts = term.args
    if any(_denies(one, two, Op.LESS) for one in parts for two in parts):
        return True
    lowest: dict[Term, tuple[float, bool]] = {}
    highest: dict[Term, tuple[float, bool]] = {}
    for part in parts:
        if part.op not in (Op.LESS, Op.AT_MOST):
            continue
        left, right = part.args
        is_open = part.op is Op.LESS
        if (value := right.number) is not None:
            highest[left] = min(highest.get(left, (math.inf, False)), (value, not is_open))
        if (value := left.number) is not None:
            lowest[right] = max(lowest.get(right, (-math.inf, False)), (value, is_open))
    for each, (low, open_below) in lowest.items():
        high, closed = highest.get(each, (math.inf, True))
        if low > high or (low == high and (open_below or not closed)):
            return True
    return False

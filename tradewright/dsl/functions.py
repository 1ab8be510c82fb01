"""The functions of expressions: their signatures, what they mean, and how far back each of them reads."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from tradewright.dsl.terms import (
    Op,
    Term,
    arithmetic,
    column,
    compared,
    joined,
    lagged,
    number,
    rolling,
)


class Kind(StrEnum):
    """What an argument must be, or what a function gives."""

    NUMBER = "number"
    BOOLEAN = "boolean"
    CLOSE = "close"
    WINDOW = "window"
    LAG = "lag"
    CONSTANT = "constant"


class Unit(StrEnum):
    """What a number counts. Numbers of different units are compared and added under a warning; ANY fits all."""

    ANY = "any"
    PRICE = "price"
    VOLUME = "volume"
    SCORE = "score"
    RATIO = "ratio"
    BARS = "bars"
    WEEKDAY = "weekday"
    MINUTES = "minute of the day"


class Argument(NamedTuple):
    """One argument of a function."""

    name: str
    kind: Kind
    least: float = -math.inf


class Function(NamedTuple):
    """A function: its arguments, what it gives, what it means.

    Args:
        gives: NUMBER or BOOLEAN.
        unit: of a number; None for that of the first argument.
        build: the term of some arguments.
        low, high: between which its values lie.
        about: one sentence for the documentation.
    """

    arguments: tuple[Argument, ...]
    gives: Kind
    unit: Unit | None
    build: Callable[..., Term]
    about: str
    low: float = -math.inf
    high: float = math.inf


Reach = Callable[[Sequence[float]], float]
"""From the arguments of an indicator to how many bars before the newest it reads; infinite where all of them."""

CLOSE = Argument("close", Kind.CLOSE)
X = Argument("x", Kind.NUMBER)
N = Argument("n", Kind.WINDOW, 1)
N2 = Argument("n", Kind.WINDOW, 2)
MINUTES = Argument("minutes", Kind.WINDOW, 1)
SERIES = ("open", "high", "low", "close", "volume")
SESSIONS = ("asia", "london", "new_york", "rth")
CLOCKS = {"asia": "Tokyo", "london": "London", "new_york": "New York", "utc": "UTC"}
"""Whose wall clock tells the weekday and the time of day."""

OPENINGS = (*SESSIONS, "utc", "session")
"""Sessions whose first minutes have a high and a low; ``utc`` is the day in UTC, ``session`` that of the instrument."""

PIVOTS = {
    "pivot": "pivot point", "pivot_r1": "first resistance", "pivot_s1": "first support",
    "pivot_r2": "second resistance", "pivot_s2": "second support", "pivot_r3": "third resistance",
    "pivot_s3": "third support",
}  # fmt: skip
"""The levels of the session before, by their names in words."""

_ALL: Reach = lambda _: math.inf  # noqa: E731 - a table of short functions


def _window(arguments: Sequence[float]) -> float:
    return arguments[0] - 1


REACH: dict[str, Reach] = {
    **dict.fromkeys(SERIES, lambda _: 0.0),
    **dict.fromkeys((f"session_{name}" for name in SESSIONS), lambda _: 0.0),
    **dict.fromkeys((f"{word}_{place}" for word in ("weekday", "minute_of_day") for place in CLOCKS), lambda _: 0.0),
    **dict.fromkeys((f"opening_{line}_{name}" for line in ("high", "low") for name in OPENINGS), _ALL),
    **dict.fromkeys((f"{name}_session" for name in ("vwap", *PIVOTS)), _ALL),
    **dict.fromkeys(("sma", "bbands_upper", "bbands_middle", "bbands_lower", "stddev", "zscore", "slope"), _window),
    **dict.fromkeys(("highest", "lowest", "donchian_upper", "donchian_lower"), _window),
    **dict.fromkeys(("roc", "rolling_vol"), lambda arguments: arguments[0]),
    **dict.fromkeys(("ema", "rsi", "atr", "macd", "macd_signal", "macd_hist", "adx", "volatility_rank"), _ALL),
}
"""Every indicator that an expression may name. The exponential ones weigh all bars from the first on."""

_SHORTCUTS = {
    (Op.MEAN, "close"): "sma", (Op.DEVIATION, "close"): "stddev", (Op.HIGHEST, "close"): "highest",
    (Op.HIGHEST, "high"): "donchian_upper", (Op.LOWEST, "close"): "lowest", (Op.LOWEST, "low"): "donchian_lower",
}  # fmt: skip
"""Windows over a price that an indicator gives: computed once for all decisions."""


def over(op: Op, term: Term, count: Term) -> Term:
    """A window over the values of a term, by an indicator where there is one."""
    if term.op is Op.COLUMN and not term.lags and not term.arguments:
        indicator, of, on = (str(word) for word in term.words[:3])
        if found := _SHORTCUTS.get((op, indicator)):
            return column(found, (count,), of, on)
    return rolling(op, term, count)


def _of_close(indicator: str) -> Callable[..., Term]:
    """An indicator of the close, of the instrument and on the timeframe of the close that is given."""
    return lambda close, *rest: column(indicator, rest, str(close.words[1]), str(close.words[2]))


def _of_bars(indicator: str) -> Callable[..., Term]:
    return lambda *arguments: column(indicator, arguments)


def _crosses(up: bool) -> Callable[[Term, Term], Term]:
    def build(fast: Term, slow: Term) -> Term:
        if not up:
            fast, slow = slow, fast
        was = compared(lagged(fast, number(1)), "<=", lagged(slow, number(1)))
        return joined(Op.AND, (compared(slow, "<", fast), was))

    return build


def _zscore(term: Term, count: Term) -> Term:
    distance = arithmetic(Op.SUBTRACT, term, over(Op.MEAN, term, count))
    return arithmetic(Op.DIVIDE, distance, over(Op.DEVIATION, term, count))


def _session(name: str) -> Term:
    return compared(number(0.5), "<", column(f"session_{name}"))


_FAST = (CLOSE, Argument("fast", Kind.WINDOW, 1), Argument("slow", Kind.WINDOW, 2), Argument("signal", Kind.WINDOW, 1))
_BANDS = (CLOSE, N, Argument("deviations", Kind.CONSTANT, 0))


def _numeric(
    arguments: tuple[Argument, ...],
    unit: Unit | None,
    build: Callable[..., Term],
    about: str,
    low: float = -math.inf,
    high: float = math.inf,
) -> Function:
    return Function(arguments, Kind.NUMBER, unit, build, about, low, high)


def _two(op: Op, about: str) -> Function:
    return _numeric((X, Argument("y", Kind.NUMBER)), None, lambda x, y: arithmetic(op, x, y), about)


def _windowed(op: Op, about: str) -> Function:
    return _numeric((X, N), None, lambda x, n: over(op, x, n), about)


_MEAN = _windowed(Op.MEAN, "The simple mean of the newest `n` values.")
_PAIR = (X, Argument("y", Kind.NUMBER))

FUNCTIONS: Mapping[str, Function] = {
    "ma": _MEAN,
    "sma": _MEAN,
    "ema": _numeric((CLOSE, N), Unit.PRICE, _of_close("ema"), "The exponential mean of closes.", 0),
    "rsi": _numeric((CLOSE, N), Unit.SCORE, _of_close("rsi"), "Wilder's relative strength index, 0 to 100.", 0, 100),
    "atr": _numeric((N,), Unit.PRICE, _of_bars("atr"), "Wilder's average true range, in price units.", 0),
    "adx": _numeric((N,), Unit.SCORE, _of_bars("adx"), "Wilder's average directional index, 0 to 100.", 0, 100),
    "bbands_upper": _numeric(_BANDS, Unit.PRICE, _of_close("bbands_upper"), "The upper Bollinger band."),
    "bbands_middle": _numeric(_BANDS, Unit.PRICE, _of_close("bbands_middle"), "The middle Bollinger band."),
    "bbands_lower": _numeric(_BANDS, Unit.PRICE, _of_close("bbands_lower"), "The lower Bollinger band."),
    "macd": _numeric(_FAST, Unit.PRICE, _of_close("macd"), "The difference of two exponential means."),
    "macd_signal": _numeric(_FAST, Unit.PRICE, _of_close("macd_signal"), "The exponential mean of the MACD."),
    "macd_hist": _numeric(_FAST, Unit.PRICE, _of_close("macd_hist"), "The MACD less its signal."),
    "slope": _numeric((CLOSE, N2), Unit.PRICE, _of_close("slope"), "The slope of a line through `n` closes, per bar."),
    "roc": _numeric((CLOSE, N), Unit.RATIO, _of_close("roc"), "The change over `n` bars, in percent.", -100),
    "volatility": _numeric(
        (CLOSE, N2), Unit.RATIO, _of_close("rolling_vol"),
        "The sample deviation of `n` log returns, per bar and not annualised.", 0,
    ),
    "volatility_rank": _numeric(
        (Argument("atr_window", Kind.WINDOW, 1), Argument("rank_window", Kind.WINDOW, 2)),
        Unit.RATIO, _of_bars("volatility_rank"), "The rank of ATR / close among its newest values.", 0, 1,
    ),
    "highest": _windowed(Op.HIGHEST, "The greatest of the newest `n` values."),
    "lowest": _windowed(Op.LOWEST, "The least of the newest `n` values."),
    "stdev": _numeric(
        (X, N), None, lambda x, n: over(Op.DEVIATION, x, n), "The population deviation of the newest `n` values.", 0
    ),
    "zscore": _numeric((X, N2), Unit.RATIO, _zscore, "The distance from the mean of `n` values, in deviations."),
    "rank": _numeric(
        (X, N2), Unit.RATIO, lambda x, n: rolling(Op.RANK, x, n),
        "Where `x` stands among its `n - 1` values before: 0 is the lowest, 1 the highest.", 0, 1,
    ),
    "volume_average": _numeric(
        (N,), Unit.VOLUME, lambda n: over(Op.MEAN, column("volume"), n), "The mean volume of `n` bars.", 0
    ),
    "change": _numeric(
        (X, N), None, lambda x, n: arithmetic(Op.SUBTRACT, x, lagged(x, n)), "`x` less `x` of `n` bars ago."
    ),
    "lag": _numeric((X, Argument("n", Kind.LAG, 0)), None, lagged, "`x` of `n` bars ago; never of a bar to come."),
    "bars_since": _numeric(
        (Argument("condition", Kind.BOOLEAN), N), Unit.BARS, lambda x, n: rolling(Op.BARS_SINCE, x, n),
        "How many bars ago a condition last held, among the newest `n`; unknown where it did not.", 0,
    ),
    "abs": _numeric((X,), None, lambda x: arithmetic(Op.ABSOLUTE, x), "The size of a number.", 0),
    "min": _two(Op.LEAST, "The smaller of two numbers."),
    "max": _two(Op.GREATEST, "The greater of two numbers."),
    "crossover": Function(
        _PAIR, Kind.BOOLEAN, None, _crosses(True), "`x` is above `y`, and was at or below it on the bar before."
    ),
    "crossunder": Function(
        _PAIR, Kind.BOOLEAN, None, _crosses(False), "`x` is below `y`, and was at or above it on the bar before."
    ),
    **{
        f"session_{name}": Function(
            (), Kind.BOOLEAN, None, (lambda name=name: _session(name)), f"The bar begins in the session `{name}`."
        )
        for name in SESSIONS
    },
    **{
        f"weekday_{place}": _numeric(
            (), Unit.WEEKDAY, _of_bars(f"weekday_{place}"),
            f"The weekday on which the bar begins, 0 for Monday, by the clock of {shown}.", 0, 6,
        )
        for place, shown in CLOCKS.items()
    },
    **{
        f"minute_of_day_{place}": _numeric(
            (), Unit.MINUTES, _of_bars(f"minute_of_day_{place}"),
            f"The minute at which the bar begins, 570 for 09:30, by the clock of {shown}.", 0, 1439,
        )
        for place, shown in CLOCKS.items()
    },
    **{
        f"opening_{line}_{name}": _numeric(
            (MINUTES,), Unit.PRICE, _of_bars(f"opening_{line}_{name}"),
            f"The {most} of the bars that begin in the first minutes of the newest session `{name}`.", 0,
        )
        for line, most in (("high", "highest high"), ("low", "lowest low"))
        for name in OPENINGS
    },
    "vwap_session": _numeric(
        (), Unit.PRICE, _of_bars("vwap_session"),
        "The mean by volume of the prices since the instrument's newest session began.", 0,
    ),
    **{
        f"{level}_session": _numeric(
            (), Unit.PRICE, _of_bars(f"{level}_session"),
            f"The {shown} of the instrument's session before the newest one.",
        )
        for level, shown in PIVOTS.items()
    },
}  # fmt: skip
"""Name -> function. Anything else is refused."""

UNITS = {name: Unit.VOLUME if name == "volume" else Unit.PRICE for name in SERIES}

OTHER_NAMES = {
    "mean": "sma", "average": "sma", "std": "stdev", "stddev": "stdev", "cross_over": "crossover",
    "cross_above": "crossover", "cross_below": "crossunder", "shift": "lag", "delay": "lag", "ref": "lag",
    "prev": "lag", "percent_rank": "rank", "percentrank": "rank", "bbands": "bbands_middle", "barssince": "bars_since",
    "diff": "change", "vol_average": "volume_average", "weekday": "weekday_utc", "dayofweek": "weekday_utc",
    "day_of_week": "weekday_utc", "hour": "minute_of_day_utc", "minute": "minute_of_day_utc",
    "minute_of_day": "minute_of_day_utc", "time": "minute_of_day_utc",
}  # fmt: skip
"""Names of other languages, for hints."""

AHEAD = frozenset({"lead", "future", "next", "forward", "tomorrow", "peek"})
"""Names by which other languages read bars to come; refused with the reason."""

UNREADABLE = frozenset({
    "entry", "entry_price", "position", "equity", "cash", "profit", "pnl", "date", "day", "month", "bar_index", "bid",
    "ask", "mid", "spread", "vwap",
})  # fmt: skip
"""Names that other languages know and no rule can read: the account, the calendar, quotes."""


def _ranges() -> dict[str, tuple[float, float]]:
    """Between which values an indicator lies, by its name."""
    found = dict.fromkeys(SERIES, (0.0, math.inf))
    for name, each in FUNCTIONS.items():
        if name in REACH and each.gives is Kind.NUMBER:
            found[name] = each.low, each.high
    sessions = {f"session_{name}": (0.0, 1.0) for name in SESSIONS}
    price = dict.fromkeys(
        ("sma", "donchian_upper", "donchian_lower", "highest", "lowest", "stddev", "rolling_vol"), (0.0, math.inf)
    )
    return {**found, **price, **sessions}


RANGES = _ranges()

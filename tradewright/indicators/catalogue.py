"""The names of the indicators and the rules of their arguments; needs no numba, so that checks start fast."""

from __future__ import annotations

import difflib
from typing import NamedTuple

from tradewright.indicators.arrays import IndicatorArguments, UnknownIndicator
from tradewright.indicators.sessions import SESSIONS
from tradewright.model.bars import OHLCV
from tradewright.model.strategy import Feature


class Argument(NamedTuple):
    """One argument of an indicator: its name, its least value, and whether it must be a whole number."""

    name: str
    least: float = 1
    whole: bool = True


WINDOW = (Argument("n"),)
MACD = (Argument("fast"), Argument("slow"), Argument("signal"))
BANDS = (Argument("n"), Argument("deviations", least=0, whole=False))

PRICES = (*OHLCV, "spread")

INDICATORS: dict[str, tuple[Argument, ...]] = {
    **dict.fromkeys(PRICES, ()),
    "sma": WINDOW,
    "ema": WINDOW,
    "macd": MACD,
    "macd_signal": MACD,
    "macd_hist": MACD,
    "rsi": WINDOW,
    "atr": WINDOW,
    "bbands_upper": BANDS,
    "bbands_middle": BANDS,
    "bbands_lower": BANDS,
    "returns": (),
    "log_returns": (),
    "rolling_vol": (Argument("n", least=2),),
    "volatility_rank": (Argument("atr_window"), Argument("rank_window", least=2)),
    "slope": (Argument("n", least=2),),
    "slope_t": (Argument("n", least=3),),
    "regime": (Argument("atr_window"), Argument("rank_window", least=2), Argument("slope_window", least=3)),
    "rsi_divergence": (Argument("n"), Argument("reach"), Argument("lookback", least=4)),
    "liquidity_score": (Argument("recent"), Argument("usual")),
    **dict.fromkeys((f"session_{session.name}" for session in SESSIONS), ()),
}
"""Name of every indicator -> its arguments, all of them mandatory."""

ALIASES = {"ma": "sma"}
"""Other names in use (R-FEAT-03); case never matters."""


def resolve(feature: Feature) -> Feature:
    """``feature`` under its own name and with its arguments checked.

    Raises:
        UnknownIndicator: no such name; the nearest one is named.
        IndicatorArguments: the wrong number of arguments, or one against its rule.
    """
    lowered = feature.indicator.lower()
    name = ALIASES.get(lowered, lowered)
    if name not in INDICATORS:
        near = difflib.get_close_matches(name, [*INDICATORS, *ALIASES], n=1)
        remedy = f"did you mean {near[0]}?" if near else f"known: {', '.join(INDICATORS)}"
        raise UnknownIndicator(f"there is no indicator {feature.indicator!r}", remedy=remedy)
    rules = INDICATORS[name]
    if len(feature.arguments) != len(rules):
        wanted = ", ".join(rule.name for rule in rules) or "none"
        raise IndicatorArguments(f"{len(feature.arguments)} arguments", where=name, remedy=f"it takes: {wanted}")
    for value, rule in zip(feature.arguments, rules, strict=True):
        _check(name, value, rule)
    if rules is MACD:
        _check(name, feature.arguments[1], Argument("slow", least=feature.arguments[0] + 1))
    if name == "rsi_divergence":
        _check(name, feature.arguments[2], Argument("lookback", least=2 * feature.arguments[1] + 2))
    return Feature(name, feature.arguments)


def _check(name: str, value: float, rule: Argument) -> None:
    kind = "a whole number" if rule.whole else "a number"
    if not (rule.least <= value < float("inf")) or (rule.whole and value != int(value)):
        raise IndicatorArguments(f"{rule.name} = {value}", where=name, remedy=f"{kind} >= {rule.least:g} is needed")

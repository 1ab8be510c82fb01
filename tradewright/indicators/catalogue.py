"""The names of the indicators and the rules of their arguments; needs no numba, so that checks start fast."""

from __future__ import annotations

import difflib
import functools
from typing import NamedTuple

from tradewright.indicators.arrays import IndicatorArguments, UnknownIndicator
from tradewright.indicators.sessions import ANCHORS, CLOCKS, SESSIONS
from tradewright.model.bars import OHLCV
from tradewright.model.recursion import RECURSIONS
from tradewright.model.session_hours import OWN
from tradewright.model.strategy import Feature


class Argument(NamedTuple):
    """One argument of an indicator: its name, its least value, and whether it must be a whole number."""

    name: str
    least: float = 1
    whole: bool = True


WINDOW = (Argument("n"),)
TWO = (Argument("n", least=2),)
MACD = (Argument("fast"), Argument("slow"), Argument("signal"))
BANDS = (Argument("n"), Argument("deviations", least=0, whole=False))
KELTNER = (Argument("n"), Argument("atr_window"), Argument("multiplier", least=0, whole=False))
KAMA = (Argument("n"), Argument("fast"), Argument("slow"))
SUPERTREND = (Argument("n"), Argument("multiplier", least=0, whole=False))
SAR = (Argument("step", least=0, whole=False), Argument("maximum", least=0, whole=False))
SHIFT = Argument("shift", least=0)

PRICES = (*OHLCV, "spread")
QUOTED = ("bid", "ask", "mid")

CLOCK_WORDS = ("weekday", "minute_of_day")
OPENING_RANGE = ("opening_high", "opening_low")
PIVOTS = ("pivot", "pivot_r1", "pivot_s1", "pivot_r2", "pivot_s2", "pivot_r3", "pivot_s3")

INDICATORS: dict[str, tuple[Argument, ...]] = {
    **dict.fromkeys(PRICES, ()),
    **dict.fromkeys(QUOTED, ()),
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
    "rolling_vol": TWO,
    "volatility_rank": (Argument("atr_window"), Argument("rank_window", least=2)),
    "slope": TWO,
    "slope_t": (Argument("n", least=3),),
    "regime": (Argument("atr_window"), Argument("rank_window", least=2), Argument("slope_window", least=3)),
    "rsi_divergence": (Argument("n"), Argument("reach"), Argument("lookback", least=4)),
    "liquidity_score": (Argument("recent"), Argument("usual")),
    "wma": WINDOW,
    "hma": TWO,
    "vwma": WINDOW,
    "vwap": WINDOW,
    "kama": KAMA,
    "stddev": WINDOW,
    "zscore": TWO,
    "highest": WINDOW,
    "lowest": WINDOW,
    **dict.fromkeys(("donchian_upper", "donchian_middle", "donchian_lower"), WINDOW),
    **dict.fromkeys(("keltner_upper", "keltner_middle", "keltner_lower"), KELTNER),
    "ichimoku_tenkan": WINDOW,
    "ichimoku_kijun": WINDOW,
    "ichimoku_senkou_a": (Argument("tenkan"), Argument("kijun"), SHIFT),
    "ichimoku_senkou_b": (Argument("n"), SHIFT),
    **dict.fromkeys(("supertrend", "supertrend_direction"), SUPERTREND),
    "sar": SAR,
    **dict.fromkeys(("plus_di", "minus_di", "adx"), WINDOW),
    **dict.fromkeys(("aroon_up", "aroon_down", "aroon_osc"), WINDOW),
    "stoch_fast_k": WINDOW,
    "stoch_fast_d": (Argument("n"), Argument("signal")),
    "stoch_k": (Argument("n"), Argument("smooth")),
    "stoch_d": (Argument("n"), Argument("smooth"), Argument("signal")),
    "williams_r": WINDOW,
    "cci": TWO,
    "momentum": WINDOW,
    "roc": WINDOW,
    "trix": WINDOW,
    "tsi": (Argument("slow"), Argument("fast")),
    "obv": (),
    "mfi": WINDOW,
    "cmf": WINDOW,
    **dict.fromkeys(("ha_open", "ha_high", "ha_low", "ha_close"), ()),
    **dict.fromkeys((f"session_{session.name}" for session in SESSIONS), ()),
    **dict.fromkeys((f"{word}_{place.name}" for word in CLOCK_WORDS for place in CLOCKS), ()),
    **dict.fromkeys((f"{line}_{anchor.name}" for line in OPENING_RANGE for anchor in ANCHORS), (Argument("minutes"),)),
    **dict.fromkeys((f"vwap_{anchor.name}" for anchor in ANCHORS), ()),
    **dict.fromkeys((f"{level}_{anchor.name}" for level in PIVOTS for anchor in ANCHORS), ()),
    **dict.fromkeys((f"{line}{OWN}" for line in OPENING_RANGE), (Argument("minutes"),)),
    **dict.fromkeys((f"{name}{OWN}" for name in ("vwap", *PIVOTS)), ()),
}
"""Name of every indicator -> its arguments, all of them mandatory."""

ALIASES = {"ma": "sma"}
"""Other names in use (R-FEAT-03); case never matters."""


@functools.lru_cache(maxsize=4096)
def resolve(feature: Feature) -> Feature:
    """``feature`` under its own name and with its arguments checked; once for the many sets of a sweep that share it.

    Raises:
        UnknownIndicator: no such name; the nearest one is named.
        IndicatorArguments: the wrong number of arguments, or one against its rule.
    """
    if feature.indicator in RECURSIONS:
        if feature.source:
            remedy = "name instrument and timeframe in the features that it reads"
            raise IndicatorArguments("it is of the strategy's own bars", where=feature.label, remedy=remedy)
        return feature
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
    if rules is SAR:
        _check(name, feature.arguments[1], Argument("maximum", least=feature.arguments[0], whole=False))
    if name == "rsi_divergence":
        _check(name, feature.arguments[2], Argument("lookback", least=2 * feature.arguments[1] + 2))
    return feature._replace(indicator=name)


def _check(name: str, value: float, rule: Argument) -> None:
    kind = "a whole number" if rule.whole else "a number"
    if not (rule.least <= value < float("inf")) or (rule.whole and value != int(value)):
        raise IndicatorArguments(f"{rule.name} = {value}", where=name, remedy=f"{kind} >= {rule.least:g} is needed")

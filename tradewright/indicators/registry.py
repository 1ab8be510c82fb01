"""From the features that a strategy names to the columns that it reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tradewright.indicators.arrays import series
from tradewright.indicators.catalogue import PRICES, resolve
from tradewright.indicators.market import liquidity_scores
from tradewright.indicators.momentum import log_returns, returns, rsi, slope, slope_t
from tradewright.indicators.moving import ema, macd, sma
from tradewright.indicators.regime import regime, rsi_divergence
from tradewright.indicators.sessions import SESSIONS, Session, session_flags
from tradewright.indicators.volatility import atr, bbands, rolling_volatility, volatility_rank
from tradewright.model.bars import Bars, Floats
from tradewright.model.strategy import Feature

Compute = Callable[..., tuple[Floats, ...]]
"""(bars, arguments ...) -> all columns of one computation."""


def _closes(function: Callable[..., Floats]) -> Compute:
    """A computation of one column from the closes."""
    return lambda bars, *arguments: (function(bars.close, *arguments),)


def _session(session: Session) -> Compute:
    return lambda bars: (session_flags(bars.ts, session),)


def _macd(bars: Bars, *arguments: float) -> tuple[Floats, ...]:
    return macd(bars.close, *arguments)


def _bbands(bars: Bars, n: float, deviations: float) -> tuple[Floats, ...]:
    return bbands(bars.close, n, deviations)


COMPUTATIONS: dict[str, tuple[Compute, int]] = {
    "sma": (_closes(sma), 0),
    "ema": (_closes(ema), 0),
    "macd": (_macd, 0),
    "macd_signal": (_macd, 1),
    "macd_hist": (_macd, 2),
    "rsi": (_closes(rsi), 0),
    "atr": (lambda bars, n: (atr(bars.high, bars.low, bars.close, n),), 0),
    "bbands_upper": (_bbands, 0),
    "bbands_middle": (_bbands, 1),
    "bbands_lower": (_bbands, 2),
    "returns": (_closes(returns), 0),
    "log_returns": (_closes(log_returns), 0),
    "rolling_vol": (_closes(rolling_volatility), 0),
    "volatility_rank": (lambda bars, n, over: (volatility_rank(bars.high, bars.low, bars.close, n, over),), 0),
    "slope": (_closes(slope), 0),
    "slope_t": (_closes(slope_t), 0),
    "regime": (lambda bars, *windows: (regime(bars, *windows),), 0),
    "rsi_divergence": (_closes(rsi_divergence), 0),
    "liquidity_score": (lambda bars, *windows: (liquidity_scores(bars.volume, bars.spread, *windows),), 0),
    **{f"session_{session.name}": (_session(session), 0) for session in SESSIONS},
}
"""Name -> the computation that gives it, and which of its columns it is."""


def column(feature: Feature, bars: Bars) -> Floats:
    """The column of one feature, as long as ``bars``; see :func:`columns`."""
    return columns((feature,), bars)[0]


def columns(features: Sequence[Feature], bars: Bars) -> tuple[Floats, ...]:
    """One float64 column per feature, in their order, NaN in the warm-up; value ``i`` reads bars ``<= i`` only.

    Equal features share one array, and the lines of one indicator (macd and its signal) are computed together: treat
    the columns as read-only. A price feature is the array of ``bars`` itself.

    Raises:
        UnknownIndicator: no such name; the nearest one is named.
        IndicatorArguments: the wrong number of arguments, or one against its rule.
    """
    done: dict[tuple[Compute, tuple[float, ...]], tuple[Floats, ...]] = {}
    result: list[Floats] = []
    for feature in map(resolve, features):
        if feature.indicator in PRICES:
            result.append(series(getattr(bars, feature.indicator)))
            continue
        compute, line = COMPUTATIONS[feature.indicator]
        key = (compute, feature.arguments)
        if key not in done:
            done[key] = compute(bars, *feature.arguments)
        result.append(done[key][line])
    return tuple(result)

"""From the features that a strategy names to the columns that it reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from tradewright.indicators.anchored import opening_range, pivot_points, session_vwap
from tradewright.indicators.arrays import series
from tradewright.indicators.candles import heikin_ashi
from tradewright.indicators.catalogue import CLOCK_WORDS, OPENING_RANGE, PIVOTS, PRICES, QUOTED, resolve
from tradewright.indicators.extremes import aroon, donchian, highest, lowest, midpoint, senkou_a, stochastic, williams_r
from tradewright.indicators.market import liquidity_scores, quoted_prices
from tradewright.indicators.momentum import (
    cci,
    log_returns,
    momentum,
    rate_of_change,
    returns,
    rsi,
    slope,
    slope_t,
    trix,
    tsi,
)
from tradewright.indicators.moving import ema, hma, kama, macd, sma, wma
from tradewright.indicators.regime import regime, rsi_divergence
from tradewright.indicators.sessions import (
    ANCHORS,
    CLOCKS,
    SESSIONS,
    Session,
    clock,
    seconds_since_opening,
    session_days,
    session_flags,
)
from tradewright.indicators.trend import directional_movement, parabolic_sar, supertrend
from tradewright.indicators.volatility import (
    atr,
    bbands,
    keltner,
    rolling_volatility,
    stddev,
    volatility_rank,
    zscore,
)
from tradewright.indicators.volume import (
    chaikin_money_flow,
    money_flow_index,
    on_balance_volume,
    rolling_vwap,
    volume_weighted_mean,
)
from tradewright.model.bars import Bars, Floats
from tradewright.model.recursion import RECURSIONS
from tradewright.model.secondary import SecondarySeries, SeriesName, missing_series
from tradewright.model.session_hours import OWN, SessionHours, missing_hours
from tradewright.model.strategy import Feature

Compute = Callable[..., tuple[Floats, ...]]
"""(bars, arguments ...) -> all columns of one computation."""

HoursCompute = Callable[..., tuple[Floats, ...]]
"""(bars, hours of the sessions, arguments ...) -> all columns of one computation that begins anew with each."""


HLC = ("high", "low", "close")
HLCV = (*HLC, "volume")


def _of(function: Callable[..., Floats], *inputs: str) -> tuple[Compute, int]:
    """A computation of one column from columns of the bars."""
    return (lambda bars, *arguments: (function(*(getattr(bars, name) for name in inputs), *arguments),)), 0


def _lines(
    function: Callable[..., tuple[Floats, ...]], inputs: Sequence[str], names: Sequence[str]
) -> dict[str, tuple[Compute, int]]:
    """A computation of several columns from columns of the bars, with the names of its columns."""
    return _named(lambda bars, *arguments: function(*(getattr(bars, name) for name in inputs), *arguments), names)


def _named(compute: Compute, names: Sequence[str]) -> dict[str, tuple[Compute, int]]:
    return {name: (compute, line) for line, name in enumerate(names)}


def _anchored() -> dict[str, tuple[Compute, int]]:
    found: dict[str, tuple[Compute, int]] = {}
    for each in SESSIONS:
        found[f"session_{each.name}"] = partial(_session, session=each), 0
    for each in CLOCKS:
        found |= _named(partial(_clock, session=each), [f"{word}_{each.name}" for word in CLOCK_WORDS])
    for each in ANCHORS:
        hours = _named_hours(each)
        own = _of_sessions(each.name)
        found |= {name: (partial(_in_hours, compute, hours), line) for name, (compute, line) in own.items()}
    return found


def _of_sessions(name: str) -> dict[str, tuple[HoursCompute, int]]:
    """What begins anew with each session, under the name of the sessions."""
    found: dict[str, tuple[HoursCompute, int]] = {f"vwap_{name}": (_vwap, 0)}
    found |= {f"{each}_{name}": (_opening_range, line) for line, each in enumerate(OPENING_RANGE)}
    return found | {f"{each}_{name}": (_pivots, line) for line, each in enumerate(PIVOTS)}


def _named_hours(session: Session) -> SessionHours:
    return SessionHours(
        session.name, partial(session_days, session=session), partial(seconds_since_opening, session=session)
    )


def _in_hours(compute: HoursCompute, hours: SessionHours, bars: Bars, *arguments: float) -> tuple[Floats, ...]:
    return compute(bars, hours, *arguments)


def _session(bars: Bars, session: Session) -> tuple[Floats, ...]:
    return (session_flags(bars.ts, session),)


def _clock(bars: Bars, session: Session) -> tuple[Floats, ...]:
    return clock(bars.ts, session)


def _vwap(bars: Bars, hours: SessionHours) -> tuple[Floats, ...]:
    return (session_vwap(bars, hours.days(bars.ts)),)


def _opening_range(bars: Bars, hours: SessionHours, minutes: float) -> tuple[Floats, ...]:
    return opening_range(bars, minutes, hours.days(bars.ts), hours.seconds(bars.ts))


def _pivots(bars: Bars, hours: SessionHours) -> tuple[Floats, ...]:
    return pivot_points(bars, hours.days(bars.ts))


def _fast_d(high: Floats, low: Floats, close: Floats, n: float, signal: float) -> Floats:
    return stochastic(high, low, close, n, signal=signal)


COMPUTATIONS: dict[str, tuple[Compute, int]] = {
    **_lines(quoted_prices, ("close", "spread"), QUOTED),
    "sma": _of(sma, "close"),
    "ema": _of(ema, "close"),
    **_lines(macd, ("close",), ("macd", "macd_signal", "macd_hist")),
    "rsi": _of(rsi, "close"),
    "atr": _of(atr, *HLC),
    **_lines(bbands, ("close",), ("bbands_upper", "bbands_middle", "bbands_lower")),
    "returns": _of(returns, "close"),
    "log_returns": _of(log_returns, "close"),
    "rolling_vol": _of(rolling_volatility, "close"),
    "volatility_rank": _of(volatility_rank, *HLC),
    "slope": _of(slope, "close"),
    "slope_t": _of(slope_t, "close"),
    "regime": (lambda bars, *windows: (regime(bars, *windows),), 0),
    "rsi_divergence": _of(rsi_divergence, "close"),
    "liquidity_score": _of(liquidity_scores, "close", "volume", "spread"),
    "wma": _of(wma, "close"),
    "hma": _of(hma, "close"),
    "vwma": _of(volume_weighted_mean, "close", "volume"),
    "vwap": _of(rolling_vwap, *HLCV),
    "kama": _of(kama, "close"),
    "stddev": _of(stddev, "close"),
    "zscore": _of(zscore, "close"),
    "highest": _of(highest, "close"),
    "lowest": _of(lowest, "close"),
    **_lines(donchian, ("high", "low"), ("donchian_upper", "donchian_middle", "donchian_lower")),
    **_lines(keltner, HLC, ("keltner_upper", "keltner_middle", "keltner_lower")),
    "ichimoku_tenkan": _of(midpoint, "high", "low"),
    "ichimoku_kijun": _of(midpoint, "high", "low"),
    "ichimoku_senkou_a": _of(senkou_a, "high", "low"),
    "ichimoku_senkou_b": _of(midpoint, "high", "low"),
    **_lines(supertrend, HLC, ("supertrend", "supertrend_direction")),
    "sar": _of(parabolic_sar, "high", "low"),
    **_lines(directional_movement, HLC, ("plus_di", "minus_di", "adx")),
    **_lines(aroon, ("high", "low"), ("aroon_up", "aroon_down", "aroon_osc")),
    "stoch_fast_k": _of(stochastic, *HLC),
    "stoch_fast_d": _of(_fast_d, *HLC),
    "stoch_k": _of(stochastic, *HLC),
    "stoch_d": _of(stochastic, *HLC),
    "williams_r": _of(williams_r, *HLC),
    "cci": _of(cci, *HLC),
    "momentum": _of(momentum, "close"),
    "roc": _of(rate_of_change, "close"),
    "trix": _of(trix, "close"),
    "tsi": _of(tsi, "close"),
    "obv": _of(on_balance_volume, "close", "volume"),
    "mfi": _of(money_flow_index, *HLCV),
    "cmf": _of(chaikin_money_flow, *HLCV),
    **_lines(heikin_ashi, ("open", "high", "low", "close"), ("ha_open", "ha_high", "ha_low", "ha_close")),
    **_anchored(),
}
"""Name -> the computation that gives it, and which of its columns it is."""

OF_OWN_SESSIONS: dict[str, tuple[HoursCompute, int]] = _of_sessions(OWN.removeprefix("_"))
"""The same for those that follow the sessions of their instrument."""


def column(
    feature: Feature, bars: Bars, secondary: SecondarySeries | None = None, hours: SessionHours | None = None
) -> Floats:
    """The column of one feature, as long as ``bars``; see :func:`columns`."""
    return columns((feature,), bars, secondary, hours)[0]


def columns(
    features: Sequence[Feature],
    bars: Bars,
    secondary: SecondarySeries | None = None,
    hours: SessionHours | None = None,
) -> tuple[Floats, ...]:
    """One float64 column per feature, in their order, NaN in the warm-up; value ``i`` reads bars ``<= i`` only.

    Equal features share one array, and the lines of one indicator (macd and its signal) are computed together: treat
    the columns as read-only. A price feature is the array of ``bars`` itself.

    Args:
        secondary: the series of features that name an instrument or a timeframe. Their value ``i`` reads bars that have
            ended when bar ``i`` ends.
        hours: the sessions of the bars, for indicators that follow those of their instrument; those of ``secondary``
            when None.

    Raises:
        UnknownIndicator: no such name; the nearest one is named.
        IndicatorArguments: the wrong number of arguments, or one against its rule.
        DataError: a feature names a series that was not read, or the series belong to other bars; one that follows the
            sessions of its instrument, and they were not given.
    """
    if hours is None and secondary is not None:
        hours = secondary.hours
    if any(feature.indicator in RECURSIONS for feature in features):
        return _with_recursions(features, bars, secondary, hours)
    if not any(feature.source for feature in features):
        return _columns(features, bars, hours)
    named = [SeriesName(*feature.source) if feature.source else None for feature in features]
    found: dict[int, Floats] = {}
    for name in dict.fromkeys(named):
        places = [place for place, each in enumerate(named) if each == name]
        group = [features[place] for place in places]
        made = _columns(group, bars, hours) if name is None else _of_series(group, name, len(bars.ts), secondary)
        found |= dict(zip(places, made, strict=True))
    return tuple(found[place] for place in range(len(features)))


def _with_recursions(
    features: Sequence[Feature], bars: Bars, secondary: SecondarySeries | None, hours: SessionHours | None
) -> tuple[Floats, ...]:
    """The columns of features of which some remember, each step taken once."""
    others = [feature for feature in features if feature.indicator not in RECURSIONS]
    found: dict[Feature, Floats] = dict(zip(others, columns(others, bars, secondary, hours), strict=True))
    for feature in map(resolve, features):
        if feature not in found:
            recursion = RECURSIONS[feature.indicator]
            lines = recursion.run(recursion, columns(recursion.inputs, bars, secondary, hours), feature.arguments)
            found |= {Feature(name, feature.arguments): line for name, line in zip(recursion.names, lines, strict=True)}
    return tuple(found[feature] for feature in features)


def _of_series(
    features: Sequence[Feature], name: SeriesName, bars: int, secondary: SecondarySeries | None
) -> tuple[Floats, ...]:
    if secondary is None:
        raise missing_series(features[0].label)
    secondary.check(bars)
    series = secondary.of(name, features[0].label)
    return tuple(secondary.aligned(each, series) for each in _columns(features, series.bars, series.hours))


def _columns(features: Sequence[Feature], bars: Bars, hours: SessionHours | None) -> tuple[Floats, ...]:
    done: dict[tuple[Compute, tuple[float, ...]], tuple[Floats, ...]] = {}
    result: list[Floats] = []
    for feature in map(resolve, features):
        if feature.indicator in PRICES:
            result.append(series(getattr(bars, feature.indicator)))
            continue
        is_own = feature.indicator in OF_OWN_SESSIONS
        compute, line = (OF_OWN_SESSIONS if is_own else COMPUTATIONS)[feature.indicator]
        key = (compute, feature.arguments)
        if key not in done:
            if not is_own:
                done[key] = compute(bars, *feature.arguments)
            elif hours is None:
                raise missing_hours(feature.label)
            else:
                done[key] = compute(bars, hours, *feature.arguments)
        result.append(done[key][line])
    return tuple(result)

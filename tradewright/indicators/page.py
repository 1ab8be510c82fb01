"""``docs/indicators.md`` from the registry: every indicator with arguments, unit, first value and formula."""

from __future__ import annotations

from itertools import groupby
from typing import NamedTuple

from tradewright.indicators.catalogue import ALIASES, INDICATORS, PIVOTS, PRICES, Argument
from tradewright.indicators.sessions import ANCHORS, CLOCKS, SESSIONS
from tradewright.model.session_hours import OWN


class Description(NamedTuple):
    """What a person has to know of an indicator.

    Args:
        gives: its value, in one sentence.
        unit: of the value.
        usual: the usual arguments, in the order of the registry.
        first: the index of the first bar with a value, in terms of the arguments, or :data:`OPENING` or
            :data:`SECOND_OPENING`.
        source: where the formula comes from.
    """

    gives: str
    unit: str
    usual: tuple[float, ...] = ()
    first: str = "0"
    source: str = "the bar itself"


RECURSIVE = (
    "ema", "macd", "macd_signal", "macd_hist", "rsi", "atr", "kama", "keltner_upper", "keltner_middle", "keltner_lower",
    "supertrend", "supertrend_direction", "sar", "plus_di", "minus_di", "adx", "trix", "tsi", "obv", "ha_open",
    "ha_high", "ha_low", "ha_close",
)  # fmt: skip
"""Those that take a bar with a NaN for absent; the others are NaN as long as it is in their window."""

OPENING = "first bar of a session"
SECOND_OPENING = "first bar of the second session"

_PRICE = "price"
_MACD = (12, 26, 9)
_APPEL = "Appel; each mean seeded with its own first values, TA-Lib seeds the fast one later"
_BOLLINGER = "Bollinger, population deviation"
_LEAST_SQUARES = "ordinary least squares of the closes on the bar's number"
_DONCHIAN = "Donchian; the bar itself is inside, so compare its close with the line of the bar before"
_RASCHKE = "Keltner in Raschke's form: EMA and ATR"
_HOSODA = "Hosoda; known at its bar: no line is shifted into the past, and there is no chikou"
_TREND_DOWN_FIRST = "Seban; the first bar counts as a trend down, as in TradingView"
_DIRECTIONAL = "Wilder; seeded with the mean of n, TA-Lib with one less; 0 without range"
_CHANDE = "Chande; of equal extremes the newest counts"
_LANE = "Lane; 50 in a window without range, where TA-Lib says 0"
_PERCENT = "percent"
_VOLUME = "means by volume; NaN where no volume or an unknown one is in the window"
_HEIKIN_ASHI = "Heikin-Ashi; not a price of trades"
_PIVOT_LINES = {
    "pivot": "The pivot point P: (high + low + close) / 3 of the session before",
    "pivot_r1": "The first resistance: 2 x P - low",
    "pivot_s1": "The first support: 2 x P - high",
    "pivot_r2": "The second resistance: P + (high - low)",
    "pivot_s2": "The second support: P - (high - low)",
    "pivot_r3": "The third resistance: high + 2 x (P - low)",
    "pivot_s3": "The third support: low - 2 x (high - P)",
}

DESCRIPTIONS: dict[str, Description] = {
    **{name: Description(f"The bar's {name}.", _PRICE) for name in ("open", "high", "low", "close")},
    "volume": Description("The bar's volume; NaN where it is not known.", "units"),
    "spread": Description("The bar's spread; NaN where it is not known.", "basis points"),
    "bid": Description("The close less half the spread; NaN where the spread is not known.", _PRICE),
    "ask": Description("The close and half the spread; NaN where the spread is not known.", _PRICE),
    "mid": Description("The close of a bar with a known spread, in quotes their middle; else NaN.", _PRICE),
    "sma": Description("The mean of the last n closes.", _PRICE, (20,), "n - 1", "arithmetic mean"),
    "ema": Description(
        "The exponential mean of the closes, weight 2 / (n + 1).", _PRICE, (20,), "n - 1", "seeded with the mean of n"
    ),
    "macd": Description("EMA(fast) - EMA(slow).", _PRICE, _MACD, "slow - 1", _APPEL),
    "macd_signal": Description("The EMA(signal) of macd.", _PRICE, _MACD, "slow + signal - 2", _APPEL),
    "macd_hist": Description("macd - macd_signal.", _PRICE, _MACD, "slow + signal - 2", _APPEL),
    "rsi": Description("The relative strength index.", "0 to 100", (14,), "n", "Wilder; 50 where nothing moved"),
    "atr": Description("The average true range.", _PRICE, (14,), "n", "Wilder"),
    "bbands_upper": Description("SMA(n) + deviations x deviation.", _PRICE, (20, 2), "n - 1", _BOLLINGER),
    "bbands_middle": Description("SMA(n).", _PRICE, (20, 2), "n - 1", _BOLLINGER),
    "bbands_lower": Description("SMA(n) - deviations x deviation.", _PRICE, (20, 2), "n - 1", _BOLLINGER),
    "returns": Description("close / close before - 1.", "fraction", (), "1", "simple return"),
    "log_returns": Description("log(close / close before).", "fraction", (), "1", "log return"),
    "rolling_vol": Description(
        "The sample deviation of the last n log returns, not annualised.", "fraction per bar", (20,), "n", "sample"
    ),
    "volatility_rank": Description(
        "The share of the last rank_window bars whose ATR / close was at most this one's.",
        "0 to 1", (14, 252), "atr_window + rank_window - 1", "percentile rank",
    ),
    "slope": Description("The slope of a line through n closes.", "price per bar", (50,), "n - 1", _LEAST_SQUARES),
    "slope_t": Description("The slope over its standard error.", "deviations", (50,), "n - 1", _LEAST_SQUARES),
    "regime": Description(
        "2 volatile (rank above 0.8), 1 trend up (slope_t above 2), -1 trend down (below -2), 0 range.",
        "code", (14, 252, 50), "max(atr_window + rank_window, slope_window) - 1", "volatility_rank and slope_t",
    ),
    "rsi_divergence": Description(
        "1 where a lower low has a higher RSI, -1 where a higher high has a lower one, 0 else; known reach bars later.",
        "code", (14, 5, 60), "n + lookback - 1", "turning points of the closes",
    ),
    "liquidity_score": Description(
        "Half relative volume (median of recent / of usual bars, at most 1; without any volume the share of recent "
        "bars whose close moved), half tightness (1 - spread / 50 bps).",
        "0 to 1", (20, 250), "max(recent, usual) - 1", "medians of volume; zero returns: Lesmond, Ogden, Trzcinka",
    ),
    "wma": Description(
        "The mean of the last n closes, weighted n for the newest to 1.", _PRICE, (20,), "n - 1", "linear weights"
    ),
    "hma": Description(
        "The WMA(floor(sqrt(n))) of 2 x WMA(floor(n / 2)) - WMA(n).",
        _PRICE, (20,), "n + floor(sqrt(n)) - 2", "Hull",
    ),
    "vwma": Description("The mean of the last n closes by volume.", _PRICE, (20,), "n - 1", _VOLUME),
    "vwap": Description(
        "The mean of the last n typical prices, (high + low + close) / 3, by volume.", _PRICE, (20,), "n - 1", _VOLUME
    ),
    "kama": Description(
        "The adaptive mean of the closes: from EMA(slow) to EMA(fast), the straighter the last n changes were.",
        _PRICE, (10, 2, 30), "n", "Kaufman; moved from the close before its first bar",
    ),
    "stddev": Description("The deviation of the last n closes.", _PRICE, (20,), "n - 1", "population deviation"),
    "zscore": Description(
        "(close - SMA(n)) / deviation; 0 where nothing moved.", "deviations", (20,), "n - 1", "population deviation"
    ),
    "highest": Description("The highest of the last n closes.", _PRICE, (20,), "n - 1", "maximum"),
    "lowest": Description("The lowest of the last n closes.", _PRICE, (20,), "n - 1", "minimum"),
    "donchian_upper": Description("The highest high of the last n bars.", _PRICE, (20,), "n - 1", _DONCHIAN),
    "donchian_middle": Description("The price between upper and lower line.", _PRICE, (20,), "n - 1", _DONCHIAN),
    "donchian_lower": Description("The lowest low of the last n bars.", _PRICE, (20,), "n - 1", _DONCHIAN),
    "keltner_upper": Description(
        "EMA(n) + multiplier x ATR(atr_window).", _PRICE, (20, 10, 2), "max(n - 1, atr_window)", _RASCHKE
    ),
    "keltner_middle": Description("EMA(n).", _PRICE, (20, 10, 2), "n - 1", _RASCHKE),
    "keltner_lower": Description(
        "EMA(n) - multiplier x ATR(atr_window).", _PRICE, (20, 10, 2), "max(n - 1, atr_window)", _RASCHKE
    ),
    "ichimoku_tenkan": Description("The middle of Donchian(n).", _PRICE, (9,), "n - 1", _HOSODA),
    "ichimoku_kijun": Description("The middle of Donchian(n).", _PRICE, (26,), "n - 1", _HOSODA),
    "ichimoku_senkou_a": Description(
        "The mean of tenkan and kijun, as it was shift bars ago: the cloud drawn at this bar.",
        _PRICE, (9, 26, 26), "max(tenkan, kijun) - 1 + shift", _HOSODA,
    ),
    "ichimoku_senkou_b": Description(
        "The middle of Donchian(n), as it was shift bars ago: the cloud drawn at this bar.",
        _PRICE, (52, 26), "n - 1 + shift", _HOSODA,
    ),
    "supertrend": Description(
        "The trailing band of (high + low) / 2 -+ multiplier x ATR(n): the lower in a trend up, else the upper.",
        _PRICE, (10, 3), "n", _TREND_DOWN_FIRST,
    ),
    "supertrend_direction": Description(
        "1 in a trend up, -1 in a trend down.", "code", (10, 3), "n", _TREND_DOWN_FIRST
    ),
    "sar": Description(
        "The parabolic stop: nears the trend's extreme by step, by step more with each new one, at most by maximum.",
        _PRICE, (0.02, 0.2), "1", "Wilder; the first trend as in TA-Lib",
    ),
    "plus_di": Description(
        "The smoothed moves up, in percent of the smoothed true range.", "0 to 100", (14,), "n", _DIRECTIONAL
    ),
    "minus_di": Description(
        "The smoothed moves down, in percent of the smoothed true range.", "0 to 100", (14,), "n", _DIRECTIONAL
    ),
    "adx": Description(
        "The average directional index: smoothed 100 x abs(plus_di - minus_di) / (plus_di + minus_di).",
        "0 to 100", (14,), "2 * n - 1", _DIRECTIONAL,
    ),
    "aroon_up": Description(
        "100 x (1 - bars since the highest high / n), of this bar and the n before it.", "0 to 100", (14,), "n", _CHANDE
    ),
    "aroon_down": Description(
        "100 x (1 - bars since the lowest low / n), of this bar and the n before it.", "0 to 100", (14,), "n", _CHANDE
    ),
    "aroon_osc": Description("aroon_up - aroon_down.", "-100 to 100", (14,), "n", _CHANDE),
    "stoch_fast_k": Description(
        "Where the close stands between the lowest low and the highest high of the last n bars.",
        "0 to 100", (14,), "n - 1", _LANE,
    ),
    "stoch_fast_d": Description("The SMA(signal) of stoch_fast_k.", "0 to 100", (14, 3), "n + signal - 2", _LANE),
    "stoch_k": Description(
        "Slow %K: the SMA(smooth) of stoch_fast_k.", "0 to 100", (14, 3), "n + smooth - 2", _LANE
    ),
    "stoch_d": Description(
        "Slow %D: the SMA(signal) of stoch_k.", "0 to 100", (14, 3, 3), "n + smooth + signal - 3", _LANE
    ),
    "williams_r": Description(
        "stoch_fast_k - 100.", "-100 to 0", (14,), "n - 1", "Williams; -50 in a window without range"
    ),
    "cci": Description(
        "(typical price - its SMA(n)) / (0.015 x the mean distance from it).",
        "deviations, about", (20,), "n - 1", "Lambert; 0 in a flat window",
    ),
    "momentum": Description("close - close n bars before.", _PRICE, (10,), "n", "difference"),
    "roc": Description("100 x (close / close n bars before - 1).", _PERCENT, (10,), "n", "rate of change"),
    "trix": Description(
        "The change per bar of EMA(n) of EMA(n) of EMA(n) of the closes.", _PERCENT, (15,), "3 * (n - 1) + 1", "Hutson"
    ),
    "tsi": Description(
        "100 x the changes of the closes over their sizes, both smoothed by EMA(slow), then EMA(fast).",
        "-100 to 100", (25, 13), "slow + fast - 1", "Blau; 0 where nothing moved",
    ),
    "obv": Description(
        "The running total of volume, added where the close rose, subtracted where it fell.",
        "units", (), "0", "Granville; starts with the first bar's volume, so only its changes tell something",
    ),
    "mfi": Description(
        "Of typical price x volume, the share of the last n bars whose typical price rose among those that moved.",
        "0 to 100", (14,), "n", "Quong and Soudack; 50 where nothing flowed, TA-Lib says 0 there and below 1",
    ),
    "cmf": Description(
        "The mean by volume of ((close - low) - (high - close)) / (high - low) over n bars.",
        "-1 to 1", (20,), "n - 1", f"Chaikin; 0 for a bar without range; {_VOLUME}",
    ),
    "ha_open": Description("The mean of ha_open and ha_close of the bar before.", _PRICE, (), "0", _HEIKIN_ASHI),
    "ha_high": Description("The highest of high, ha_open and ha_close.", _PRICE, (), "0", _HEIKIN_ASHI),
    "ha_low": Description("The lowest of low, ha_open and ha_close.", _PRICE, (), "0", _HEIKIN_ASHI),
    "ha_close": Description("(open + high + low + close) / 4.", _PRICE, (), "0", _HEIKIN_ASHI),
    **{
        f"session_{each.name}": Description(
            f"1 where the bar starts from {each.start:%H:%M} to {each.end:%H:%M} {each.zone} on a weekday, else 0.",
            "0 or 1", (), "0", "the clock of the place",
        )
        for each in SESSIONS
    },
    **{
        f"weekday_{each.name}": Description(
            f"The weekday on which the bar starts, by the clock of {each.zone}: 0 is Monday, 6 is Sunday.",
            "0 to 6", (), "0", "the clock of the place",
        )
        for each in CLOCKS
    },
    **{
        f"minute_of_day_{each.name}": Description(
            f"The minute at which the bar starts, by the clock of {each.zone}: 570 is 09:30.",
            "0 to 1439", (), "0", "the clock of the place",
        )
        for each in CLOCKS
    },
    **{
        f"{line}_{each.name}": Description(
            f"The {told} of the bars that start in the first minutes of the newest session, with the bar itself; "
            "it stands until the next session begins.",
            _PRICE, (60,), OPENING, "opening range; NaN in a session without a bar in these minutes",
        )
        for line, told in (("opening_high", "highest high"), ("opening_low", "lowest low"))
        for each in ANCHORS
    },
    **{
        f"vwap_{each.name}": Description(
            "The mean by volume of the typical prices since the newest session began; bars outside keep the value.",
            _PRICE, (), OPENING, f"{_VOLUME} since the session began",
        )
        for each in ANCHORS
    },
    **{
        f"{level}_{each.name}": Description(
            f"{_PIVOT_LINES[level]}; until the next session begins.",
            _PRICE, (), SECOND_OPENING, "floor traders' pivots",
        )
        for level in PIVOTS
        for each in ANCHORS
    },
    **{
        f"{line}{OWN}": Description(
            f"The {told} of the bars that start in the first minutes of the newest session of the instrument, with the "
            "bar itself; it stands until the next session begins.",
            _PRICE, (60,), OPENING, "opening range; NaN in a session without a bar in these minutes",
        )
        for line, told in (("opening_high", "highest high"), ("opening_low", "lowest low"))
    },
    f"vwap{OWN}": Description(
        "The mean by volume of the typical prices since the newest session of the instrument began; bars outside keep "
        "the value.",
        _PRICE, (), OPENING, f"{_VOLUME} since the session began",
    ),
    **{
        f"{level}{OWN}": Description(
            f"{_PIVOT_LINES[level]}, of the instrument's own sessions; until the next one begins.",
            _PRICE, (), SECOND_OPENING, "floor traders' pivots",
        )
        for level in PIVOTS
    },
}  # fmt: skip

_HEAD = """# Indicators

Generated from the registry by `python -m tests.indicators.write_page`; a test keeps it current.

A strategy asks for a column with `Feature("name", (arguments))`, for example `Feature("sma", (20,))` or
`Feature("close")`; see [strategies.md](strategies.md). Every column is as long as the bars. Value `i` reads bars up to
`i` only, and is NaN before the first value. All arguments are mandatory; "usual" is the custom of the field and no
default. `features.extra` of the configuration takes the same names. Case never matters; other names: {aliases}.

| indicator | arguments (least; usual) | value | unit | first value at bar | formula |
|---|---|---|---|---|---|
"""


def indicators_page() -> str:
    """The whole page. Every indicator of the registry is in a row, in its order; equal neighbours share one."""
    aliases = ", ".join(f"`{name}` for `{full}`" for name, full in ALIASES.items())
    alike = groupby(INDICATORS, key=lambda name: (INDICATORS[name], DESCRIPTIONS[name]))
    rows = (_row(list(names), rules, told) for (rules, told), names in alike)
    notes = (
        "\n`macd*` need slow > fast, `sar` maximum >= step, `rsi_divergence` needs lookback >= 2 x reach + 2. "
        f"The price columns ({', '.join(PRICES)}) take no arguments.\n\n"
        "`vwap_*`, `opening_*` and `pivot_*` begin anew with the session in their name, which has the hours of "
        "`session_*` above; `utc` is the day in UTC, and so the bar before for bars of days. "
        f"Those that end in `{OWN}` follow the instrument itself: its calendar with the corrections of "
        "`conf/calendars`, holidays and half days, and the date that a bar is counted to everywhere else; a bar of "
        "whole sessions is a session, one that starts before the opening or after the close is outside. A session "
        "that no bar starts in gives no value. In `features.extra`, a column without a value on the newest bar keeps "
        "entries back.\n\n"
        "A value is NaN where its window holds a NaN, such as an unknown volume, and known again as soon as the window "
        "has passed it. Recursive ones are NaN on that bar alone, and go on as if it did not exist: "
        f"{', '.join(f'`{name}`' for name in RECURSIVE)}.\n"
    )
    return _HEAD.format(aliases=aliases) + "".join(rows) + notes


def _row(names: list[str], rules: tuple[Argument, ...], told: Description) -> str:
    arguments = ", ".join(
        f"{rule.name} ({'whole, ' if rule.whole else ''}>= {rule.least:g}; {usual:g})"
        for rule, usual in zip(rules, told.usual, strict=True)
    )
    named = ", ".join(f"`{name}`" for name in names)
    cells = (named, arguments or "none", told.gives, told.unit, told.first, told.source)
    return f"| {' | '.join(cells)} |\n"

"""``docs/indicators.md`` from the registry: every indicator with arguments, unit, first value and formula."""

from __future__ import annotations

from typing import NamedTuple

from tradewright.indicators.catalogue import ALIASES, INDICATORS, PRICES, Argument
from tradewright.indicators.sessions import SESSIONS


class Description(NamedTuple):
    """What a person has to know of an indicator.

    Args:
        gives: its value, in one sentence.
        unit: of the value.
        usual: the usual arguments, in the order of the registry.
        first: the index of the first bar with a value, in terms of the arguments.
        source: where the formula comes from.
    """

    gives: str
    unit: str
    usual: tuple[float, ...] = ()
    first: str = "0"
    source: str = "the bar itself"


_PRICE = "price"
_MACD = (12, 26, 9)
_APPEL = "Appel; each mean seeded with its own first values, TA-Lib seeds the fast one later"
_BOLLINGER = "Bollinger, population deviation"
_LEAST_SQUARES = "ordinary least squares of the closes on the bar's number"

DESCRIPTIONS: dict[str, Description] = {
    **{name: Description(f"The bar's {name}.", _PRICE) for name in ("open", "high", "low", "close")},
    "volume": Description("The bar's volume; NaN where it is not known.", "units"),
    "spread": Description("The bar's spread; NaN where it is not known.", "basis points"),
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
        "Half relative volume (median of recent / of usual bars, at most 1), half tightness (1 - spread / 50 bps).",
        "0 to 1", (20, 250), "max(recent, usual) - 1", "medians of volume",
    ),
    **{
        f"session_{each.name}": Description(
            f"1 where the bar starts from {each.start:%H:%M} to {each.end:%H:%M} {each.zone} on a weekday, else 0.",
            "0 or 1", (), "0", "the clock of the place",
        )
        for each in SESSIONS
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
    """The whole page. Every indicator of the registry has a row, in its order."""
    aliases = ", ".join(f"`{name}` for `{full}`" for name, full in ALIASES.items())
    rows = (_row(name, rules, DESCRIPTIONS[name]) for name, rules in INDICATORS.items())
    notes = (
        "\n`macd*` need slow > fast, `rsi_divergence` needs lookback >= 2 x reach + 2. "
        f"The price columns ({', '.join(PRICES)}) take no arguments.\n"
    )
    return _HEAD.format(aliases=aliases) + "".join(rows) + notes


def _row(name: str, rules: tuple[Argument, ...], told: Description) -> str:
    arguments = ", ".join(
        f"{rule.name} ({'whole, ' if rule.whole else ''}>= {rule.least:g}; {usual:g})"
        for rule, usual in zip(rules, told.usual, strict=True)
    )
    cells = (f"`{name}`", arguments or "none", told.gives, told.unit, told.first, told.source)
    return f"| {' | '.join(cells)} |\n"

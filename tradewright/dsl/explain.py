"""A document in plain English: what it does, what it needs, when it can trade, what it can lose."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal

from tradewright.dsl.allocation import EQUAL, AllocationForm
from tradewright.dsl.allocation_lowering import lower_allocation
from tradewright.dsl.document import RuleAction, StrategyDocument
from tradewright.dsl.functions import CLOCKS, OPENINGS, PIVOTS, SESSIONS
from tradewright.dsl.grammar import Syntax, parse
from tradewright.dsl.lowering import lower
from tradewright.dsl.program import Program
from tradewright.dsl.reach import DECIDED, Series, reaches
from tradewright.dsl.reading import EXITS
from tradewright.dsl.terms import Op
from tradewright.model.allocation import Rebalance
from tradewright.model.base import FrozenModel

_PLACES = {
    "asia": "the session of Asia", "london": "the session of London", "new_york": "the session of New York",
    "rth": "regular trading hours in New York", "utc": "the day in UTC", "session": "its own session",
}  # fmt: skip
_PHRASES = {
    "ma": "the mean of {0} over {1} bars", "sma": "the mean of {0} over {1} bars",
    "ema": "the exponential mean of {0} over {1} bars", "rsi": "the RSI of {1} bars",
    "atr": "the average true range of {0} bars", "adx": "the ADX of {0} bars",
    "bbands_upper": "the upper Bollinger band of {1} bars and {2} deviations",
    "bbands_middle": "the middle Bollinger band of {1} bars",
    "bbands_lower": "the lower Bollinger band of {1} bars and {2} deviations",
    "macd": "the MACD of {1} and {2} bars", "macd_signal": "the signal of the MACD of {1}, {2} and {3} bars",
    "macd_hist": "the MACD less its signal, of {1}, {2} and {3} bars", "slope": "the slope of {0} over {1} bars",
    "roc": "the change of {0} over {1} bars in percent", "volatility_rank": "the volatility's rank in {1} bars",
    "volatility": "the volatility of {0} over {1} bars",
    "highest": "the highest {0} of {1} bars", "lowest": "the lowest {0} of {1} bars",
    "stdev": "the deviation of {0} over {1} bars",
    "zscore": "the distance of {0} from its mean of {1} bars in deviations",
    "rank": "the rank of {0} in {1} bars", "volume_average": "the mean volume of {0} bars",
    "change": "the change of {0} over {1} bars", "lag": "{0} (lagged by {1})",
    "bars_since": "the bars since {0} (of the last {1})", "abs": "the size of {0}",
    "min": "the smaller of {0} and {1}", "max": "the greater of {0} and {1}",
    "crossover": "{0} crosses above {1}", "crossunder": "{0} crosses below {1}",
    **{f"session_{name}": f"it is {_PLACES[name]}" for name in SESSIONS},
    **{f"weekday_{place}": f"the weekday in {shown} (0 is Monday)" for place, shown in CLOCKS.items()},
    **{f"minute_of_day_{place}": f"the minute of the day in {shown}" for place, shown in CLOCKS.items()},
    **{f"opening_high_{name}": f"the high of the first {{0}} minutes of {_PLACES[name]}" for name in OPENINGS},
    **{f"opening_low_{name}": f"the low of the first {{0}} minutes of {_PLACES[name]}" for name in OPENINGS},
    "vwap_session": "the mean price by volume since its session began",
    **{f"{level}_session": f"the {shown} of its session before" for level, shown in PIVOTS.items()},
}  # fmt: skip
"""Function -> its words; a test keeps it complete."""

_WORDS = {"<": "is below", "<=": "is at or below", ">": "is above", ">=": "is at or above",
          "+": "plus", "-": "minus", "*": "times", "/": "divided by"}  # fmt: skip
_ACTS = {
    RuleAction.BUY: "Buys when {0}.",
    RuleAction.SELL: "Sells (goes short where that is allowed, else to flat) when {0}.",
    RuleAction.CLOSE: "Closes what it holds when {0}.",
    RuleAction.HOLD: "Does nothing while {0}.",
}


class Reading(FrozenModel):
    """The proof for one expression: which bars it reads, counted back from the one that decides.

    Args:
        path: of the expression.
        newest: bars between the newest that is read and the deciding one; never negative; None where none is read.
        oldest: the same of the oldest; None where all bars since the first count.
    """

    path: str
    newest: int | None
    oldest: int | None

    @property
    def text(self) -> str:
        """As a sentence."""
        if self.newest is None:
            return f"{self.path} reads no bar"
        last = "i" if self.newest == 0 else f"i - {self.newest}"
        first = "0" if self.oldest is None else f"i - {self.oldest}"
        return f"{self.path} reads the bars {first} to {last}" if first != last else f"{self.path} reads the bar {last}"


class Explanation(FrozenModel):
    """What a document says."""

    title: str
    does: tuple[str, ...]
    needs: tuple[str, ...]
    trades: tuple[str, ...]
    risks: tuple[str, ...]
    proof: tuple[Reading, ...]
    hash: str

    def lines(self) -> list[str]:
        """All of it, a sentence a line."""
        proof = [f"{row.text}." for row in self.proof]
        parts = {"what it does": self.does, "what it needs": self.needs, "when it trades": self.trades}
        parts |= {"what it can lose": self.risks, "no look-ahead, in bar i": tuple(proof)}
        return [
            self.title,
            *(line for name, rows in parts.items() for line in (f"{name}:", *(f"  {row}" for row in rows))),
        ]


def explain(document: StrategyDocument, program: Program, least_confidence: Decimal | None = None) -> Explanation:
    """A document that was found right, in words, under the values of its parameters.

    Args:
        least_confidence: below it the policy sends an entry to a person; None where that is not known.
    """
    values = document.values()
    shared = program.allocation
    lowered = lower(program) if shared is None else lower_allocation(program, shared)
    features = lowered.features(values)
    needed = program.needed_bars(values)
    on = f"bars of {document.timeframe}" if document.timeframe else "the bars of the universe's timeframe"
    return Explanation(
        title=f"{document.name} ({document.id})",
        does=_does(document, values) if document.allocate is None else _shares(document.allocate, values),
        needs=(f"It decides on {on}, and needs {needed.pop(DECIDED)} of them before all its values are known.",
               *(f"It needs {bars} bars of {_named(series)}." for series, bars in needed.items()),
               f"It reads {', '.join(dict.fromkeys(feature.label for feature in features))}."),
        trades=(*(_SHARING if shared else _trades(program, values)), *_reviewed(document, program, least_confidence)),
        risks=_risks(document, values) if shared is None else (_shared_size(values), *_SHARED_RISKS),
        proof=_proof(program, values),
        hash=program.hash,
    )  # fmt: skip


def _named(series: Series) -> str:
    of, on = series
    return f"{of or 'the same instrument'}{f' on {on}' if on else ''}"


def _reviewed(document: StrategyDocument, program: Program, least: Decimal | None) -> tuple[str, ...]:
    """Whether the policy asks a person for its confidence alone; nothing of what is not traded."""
    if program.needs_requests:
        return ()
    own, name = f"Its confidence is {document.confidence:g}", "policy.min_confidence"
    if least is None:
        return (f"{own}; below {name} each of its entries waits for a person (REVIEW).",)
    if Decimal(repr(document.confidence)) < least:
        return (f"{own}, below {name} = {least:g}: each of its entries waits for a person (REVIEW); exits do not.",)
    return (f"{own}, not below {name} = {least:g}: for its confidence no entry waits for a person.",)


_PERIODS = {
    Rebalance.BAR: "every bar",
    Rebalance.SESSION: "the first bar of each session",
    Rebalance.WEEK: "the first bar of each week",
    Rebalance.MONTH: "the first bar of each month",
}
_SHARING = (
    "It decides on all instruments together, in one account; orders can fill in the next bar at the earliest.",
    "An instrument whose values are not known yet is not held; where that is so of all, nothing changes.",
    "Of equal scores the instrument that is named first in the backtest's list goes first.",
    "In trading each instrument is brought to its weight once per rebalance, what reduces holdings first.",
)
_SHARED_RISKS = (
    "It holds nothing short and borrows nothing.",
    "There is no stop: between two of its dates a position can lose all of its size.",
)


def _shared_size(values: Mapping[str, float]) -> str:
    """How much of the equity the weights share out in trading."""
    size = f"{values['size_pct'] * 100:g}%" if "size_pct" in values else "a hundredth"
    return f"In trading the weights share out {size} of the equity (params.size_pct); backtests share out all of it."


def _shares(form: AllocationForm, values: Mapping[str, float]) -> tuple[str, ...]:
    rows = [f"Shares the account out anew at the close of {_PERIODS[form.every]}; what it does not hold is sold."]
    if form.hold_if is not None:
        rows.append(f"It holds an instrument only where {_said(parse(form.hold_if), values)}.")
    whom = "every instrument" if form.hold_if is None else "all of those"
    if form.score is not None:
        places = _figure(form.top, values)
        rows.append(
            f"It ranks them by {_said(parse(form.score), values)} and holds the greatest, {places} at the most."
        )
        whom, rest = "those that it holds", " A place that none takes stays in cash."
    else:
        rest = ""
    if form.weights.strip() == EQUAL:
        told = "in equal parts"
    else:
        told = f"in proportion to {_said(parse(form.weights), values)}, where that is above 0"
    rows.append(f"It shares {_figure(form.total, values)} times the equity among {whom}, {told}.{rest}")
    return tuple(rows)


def _figure(said: float | str | None, values: Mapping[str, float]) -> str:
    """A number, or a parameter with its value."""
    return _said(parse(said), values) if isinstance(said, str) else f"{said:g}"


def _does(document: StrategyDocument, values: Mapping[str, float]) -> tuple[str, ...]:
    rows = []
    for rule in document.rules:
        said = _ACTS[rule.action].format(_said(parse(rule.condition), values))
        if rule.limit is not None:
            said = f"{said[:-1]}, by a limit order at {_said(parse(rule.limit), values)}."
        if rule.stop_entry is not None:
            said = f"{said[:-1]}, once the price reaches {_said(parse(rule.stop_entry), values)}."
        rows.append(said)
    return tuple(rows)


def _trades(program: Program, values: Mapping[str, float]) -> tuple[str, ...]:
    rows = ["It decides at the close of a bar; orders can fill in the next bar at the earliest."]
    rows.append("A rule waits until the values that decide it are known. Buy and sell at once is nothing.")
    if "cooldown_bars" in values:
        rows.append(f"It enters only where no entry was asked for in the {values['cooldown_bars']:g} bars before.")
    if program.backtested_alone:
        rows.append("It asks for orders that signals do not carry yet: it can be backtested and not traded.")
    return tuple(rows)


def _risks(document: StrategyDocument, values: Mapping[str, float]) -> tuple[str, ...]:
    rows = []
    if "size_pct" in values:
        rows.append(
            f"In trading a full position is {values['size_pct'] * 100:g}% of the equity, where the gate allows it;"
            " backtests and certificates take the size that backtest.sizing says."
        )
    if "stop_loss_pct" in values:
        rows.append(f"A stop lies {values['stop_loss_pct'] * 100:g}% from the deciding close.")
    if "take_profit_pct" in values:
        rows.append(f"A take-profit lies {values['take_profit_pct'] * 100:g}% from the deciding close.")
    for name in EXITS:
        if (text := getattr(document.exits, name)) is not None:
            word = {"stop": "stop", "take_profit": "take-profit", "trail": "trailing stop"}[name]
            rows.append(f"A {word} lies {_said(parse(text), values)} away.")
    if "max_hold_bars" in values:
        rows.append(f"A position is closed {values['max_hold_bars']:g} bars after its entry.")
    if not any("stop" in row for row in rows):
        rows.append("There is no stop: a position can lose all of its size.")
    rows.append("A price that jumps past a stop fills beyond it.")
    return tuple(rows)


def _proof(program: Program, values: Mapping[str, float]) -> tuple[Reading, ...]:
    roots = {name: term for name, term in program.roots() if term.args or term.op is Op.COLUMN}
    found = reaches(values, *roots.values())
    return tuple(
        Reading(
            path=name,
            newest=None if math.isinf(found[term].lag) else int(found[term].lag),
            oldest=None if math.isinf(found[term].back) else int(found[term].back),
        )
        for name, term in roots.items()
    )


def _said(node: Syntax, values: Mapping[str, float]) -> str:
    """An expression in words."""
    parts = [_said(child, values) for child in node.children]
    match node.kind:
        case "number":
            return node.text
        case "name":
            return f"{values[node.text]:g} ({node.text})" if node.text in values else node.text
        case "call":
            return _PHRASES[node.text].format(*parts)
        case "series":
            of, on = node.text.split(" ")
            return parts[0] + (f" of {of}" if of else "") + (f" on {on}" if on else "")
        case "sign":
            return f"minus {parts[0]}"
        case "not":
            return f"not ({parts[0]})"
        case "and" | "or":
            inner = [f"({part})" if child.kind in ("and", "or") and child.kind != node.kind else part
                     for child, part in zip(node.children, parts, strict=True)]  # fmt: skip
            return f" {node.kind} ".join(inner)
    grouped = [f"({part})" if child.kind in "+-*/" and node.kind in ("*", "/", "-") else part
               for child, part in zip(node.children, parts, strict=True)]  # fmt: skip
    return f"{grouped[0]} {_WORDS[node.kind]} {grouped[1]}"

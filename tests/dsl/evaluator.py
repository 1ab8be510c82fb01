"""A slow reading of documents, straight from their syntax: the referee of terms, folding and lowering.

Whole series as arrays; a condition is 1, 0, or NaN while it is not known. Indicators are those of the registry. What
was n bars ago is computed from columns that are moved by n bars, so that a constant is known in every bar.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from tradewright.dsl.document import RuleAction, StrategyDocument
from tradewright.dsl.grammar import Syntax, parse
from tradewright.indicators.registry import column
from tradewright.model.bars import Bars, Floats
from tradewright.model.strategy import Feature

Weights = tuple[bool, list[float]]
SERIES = ("open", "high", "low", "close", "volume")
OF_CLOSE = {
    "volatility",
    "ema",
    "rsi",
    "bbands_upper",
    "bbands_middle",
    "bbands_lower",
    "macd",
    "macd_signal",
    "macd_hist",
    "slope",
    "roc",
}
OF_BARS = {"atr", "adx", "volatility_rank"}
BY_INDICATOR = {
    ("sma", "close"): "sma", ("stdev", "close"): "stddev", ("highest", "close"): "highest",
    ("highest", "high"): "donchian_upper", ("lowest", "close"): "lowest", ("lowest", "low"): "donchian_lower",
}  # fmt: skip


def _each(function: Callable[..., float], *arrays: Floats) -> Floats:
    return np.array([function(*row) for row in zip(*arrays, strict=True)], dtype=float)


def _kleene_and(a: float, b: float) -> float:
    return 0.0 if 0.0 in (a, b) else (math.nan if math.isnan(a + b) else 1.0)


def _kleene_or(a: float, b: float) -> float:
    return 1.0 if 1.0 in (a, b) else (math.nan if math.isnan(a + b) else 0.0)


def _compare(sign: str, a: float, b: float) -> float:
    if math.isnan(a) or math.isnan(b):
        return math.nan
    return float({"<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}[sign])


def _figure(sign: str, a: float, b: float) -> float:
    if sign == "/":
        return a / b if b != 0.0 else math.nan
    return {"+": a + b, "-": a - b, "*": a * b}[sign]


def _earlier(x: Floats, n: int) -> Floats:
    return np.concatenate([np.full(min(n, len(x)), np.nan), x[: max(len(x) - n, 0)]])


def _mean(values: list[float]) -> float:
    total = 0.0
    for value in values:
        total += value
    return total / len(values)


def _deviation(values: list[float]) -> float:
    mean = _mean(values)
    return math.sqrt(_mean([(value - mean) * (value - mean) for value in values])) if mean == mean else math.nan


def _rank(values: list[float]) -> float:
    if any(map(math.isnan, values)):
        return math.nan
    others = values[1:]
    below = sum(1.0 if other < values[0] else 0.5 if other == values[0] else 0.0 for other in others)
    return below / len(others)


def _since(values: list[float]) -> float:
    return next((float(back) for back, value in enumerate(values) if value == 1.0), math.nan)


def _extreme(choose: Callable[[list[float]], float]) -> Callable[[list[float]], float]:
    return lambda values: math.nan if any(map(math.isnan, values)) else choose(values)


ROLLED = {
    "sma": _mean, "stdev": _deviation, "highest": _extreme(max), "lowest": _extreme(min),
    "rank": _rank, "bars_since": _since,
}  # fmt: skip


class Evaluator:
    """The value of every expression on some bars, under some values of the parameters."""

    def __init__(self, bars: Bars, values: Mapping[str, float]) -> None:
        self.bars, self.values = bars, values
        self.known: dict[tuple[Syntax, int], Floats] = {}

    def of(self, text: str) -> Floats:
        return self.node(parse(text))

    def node(self, node: Syntax, lag: int = 0) -> Floats:
        """The value in every bar, as of ``lag`` bars ago."""
        if (node, lag) not in self.known:
            with np.errstate(all="ignore"):
                self.known[node, lag] = self._node(node, lag)
        return self.known[node, lag]

    def _node(self, node: Syntax, lag: int) -> Floats:
        match node.kind:
            case "number":
                return np.full(len(self.bars.ts), float(node.text))
            case "name":
                if node.text in SERIES:
                    return _earlier(np.asarray(getattr(self.bars, node.text), dtype=float), lag)
                return np.full(len(self.bars.ts), self.values[node.text])
            case "sign":
                return -self.node(node.children[0], lag)
            case "not":
                return 1.0 - self.node(node.children[0], lag)
            case "call":
                return self._call(node, lag)
        left, right = (self.node(child, lag) for child in node.children)
        if node.kind in ("and", "or"):
            return _each(_kleene_and if node.kind == "and" else _kleene_or, left, right)
        if node.kind in ("<", "<=", ">", ">="):
            return _each(lambda a, b: _compare(node.kind, a, b), left, right)
        return _each(lambda a, b: _figure(node.kind, a, b), left, right)

    def _number(self, node: Syntax) -> float:
        return float(self.node(node)[0])

    def _column(self, lag: int, name: str, *arguments: float) -> Floats:
        return _earlier(column(Feature(name, arguments), self.bars), lag)

    def _call(self, node: Syntax, lag: int) -> Floats:
        name, args = ("sma" if node.text == "ma" else node.text), node.children
        if name in OF_BARS | OF_CLOSE:
            rest = args if name in OF_BARS else args[1:]
            indicator = "rolling_vol" if name == "volatility" else name
            return self._column(lag, indicator, *(self._number(each) for each in rest))
        if name.startswith(("session_", "weekday_", "minute_of_day_", "opening_")):
            return self._column(lag, name, *(self._number(each) for each in args))
        if name == "volume_average":
            return self._rolled("sma", Syntax("name", "volume"), int(self._number(args[0])), lag)
        if name in ROLLED:
            return self._rolled(name, args[0], int(self._number(args[1])), lag)
        return self._other(name, args, lag)

    def _rolled(self, name: str, inner: Syntax, n: int, lag: int) -> Floats:
        """A function of the newest ``n`` values, the newest first."""
        if inner.kind == "name" and (indicator := BY_INDICATOR.get((name, inner.text))):
            return self._column(lag, indicator, n)
        return _each(lambda *values: ROLLED[name](list(values)), *(self.node(inner, lag + back) for back in range(n)))

    def _other(self, name: str, args: tuple[Syntax, ...], lag: int) -> Floats:
        x = self.node(args[0], lag)
        if name == "abs":
            return np.abs(x)
        if name in ("lag", "change", "zscore"):
            n = int(self._number(args[1]))
            if name == "zscore":
                mean, deviation = self._rolled("sma", args[0], n, lag), self._rolled("stdev", args[0], n, lag)
                return _each(lambda a, b, c: _figure("/", a - b, c), x, mean, deviation)
            before = self.node(args[0], lag + n)
            return before if name == "lag" else x - before
        y = self.node(args[1], lag)
        if name in ("min", "max"):
            choose = min if name == "min" else max
            return _each(lambda a, b: math.nan if math.isnan(a + b) else choose(a, b), x, y)
        fast, slow = args if name == "crossover" else args[::-1]
        now = _each(lambda a, b: _compare(">", a, b), self.node(fast, lag), self.node(slow, lag))
        before = _each(lambda a, b: _compare("<=", a, b), self.node(fast, lag + 1), self.node(slow, lag + 1))
        return _each(_kleene_and, now, before)


def decisions(document: StrategyDocument, bars: Bars, position: float) -> list[tuple[float, float, float, float]]:
    """What the rules ask for in each bar: target, limit, stop, take-profit; for documents without other orders."""
    evaluator, values = Evaluator(bars, document.values()), document.values()
    held = {action: np.zeros(len(bars.ts), dtype=bool) for action in RuleAction}
    limits: dict[RuleAction, Floats] = {}
    for rule in document.rules:
        held[rule.action] |= evaluator.of(rule.condition) == 1.0
        if rule.limit is not None:
            limits[rule.action] = evaluator.of(rule.limit)
    exits = {name: evaluator.of(text) for name, text in document.exits if text is not None}
    close = np.asarray(bars.close, dtype=float)
    for name, percent in (("stop", "stop_loss_pct"), ("take_profit", "take_profit_pct")):
        if percent in values:
            exits[name] = values[percent] * close
    entered = held[RuleAction.BUY] | held[RuleAction.SELL]
    quiet = int(values.get("cooldown_bars", 0))
    nothing = (math.nan,) * 4

    def decision(i: int) -> tuple[float, float, float, float]:
        if held[RuleAction.HOLD][i]:
            return nothing
        if held[RuleAction.CLOSE][i]:
            return (0.0, math.nan, math.nan, math.nan)
        buys, sells = bool(held[RuleAction.BUY][i]), bool(held[RuleAction.SELL][i])
        side = 1.0 if buys else -1.0
        if buys == sells or position * side > 0 or entered[max(i - quiet, 0) : i].any():
            return nothing
        limit = limits.get(RuleAction.BUY if buys else RuleAction.SELL)
        given = [limit[i]] if limit is not None else []
        if not all(0.0 < value < math.inf for value in (*given, *(each[i] for each in exits.values()))):
            return nothing
        stop = close[i] - side * exits["stop"][i] if "stop" in exits else math.nan
        target = close[i] + side * exits["take_profit"][i] if "take_profit" in exits else math.nan
        return (side, given[0] if given else math.nan, stop, target)

    return [decision(i) for i in range(len(bars.ts))]


def shares(document: StrategyDocument, instruments: Sequence[Bars], starts: Sequence[int], count: int) -> list[Weights]:
    """What an allocation asks for in each bar of a panel: whether to trade, and the weight of each instrument.

    Args:
        starts: the bar of the panel in which each instrument begins; it ends with its last bar.
        count: the bars of the panel.
    """
    form, values = document.allocate, document.values()
    assert form is not None

    def rows(text: str | None) -> list[Floats]:
        """The values of an expression for each instrument, NaN where it has no bars."""
        made = [Evaluator(bars, values).of(text) if text else np.ones(len(bars.ts)) for bars in instruments]
        rest = [count - start - len(each) for start, each in zip(starts, made, strict=True)]
        return [
            np.concatenate([np.full(start, np.nan), each, np.full(after, np.nan)])
            for start, each, after in zip(starts, made, rest, strict=True)
        ]

    def figure(said: float | str | None) -> float:
        return values[said] if isinstance(said, str) else float(said or 0)

    score, held = rows(form.score), rows(form.hold_if)
    part = rows(None if form.weights == "equal" else form.weights)
    top, total = int(figure(form.top)), figure(form.total)

    def weighed(i: int) -> Weights:
        ready = [
            n for n in range(len(instruments))
            if math.isfinite(score[n][i]) and 0.0 < part[n][i] < math.inf
            and held[n][i] in (0.0, 1.0)
        ]  # fmt: skip
        chosen = [n for n in ready if held[n][i] == 1.0]
        if form.score is not None:
            chosen = sorted(chosen, key=lambda n: (-score[n][i], n))[:top]
        whole = 0.0
        for n in sorted(chosen):
            whole += part[n][i]
        if form.score is not None and chosen:
            whole = whole * top / len(chosen)
        shared = [total * (part[n][i] / whole) if n in chosen else 0.0 for n in range(len(instruments))]
        return bool(ready) and whole < math.inf, shared

    return [weighed(i) for i in range(count)]

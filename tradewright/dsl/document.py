"""A strategy document in its frozen shape, and the JSON Schema that accepts the same."""

from __future__ import annotations

import difflib
import json
import keyword
import math
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Any, NamedTuple, Self

from pydantic import ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from tradewright.dsl.allocation import EQUAL, FORMS, AllocationForm, Expression, Figure, one_form
from tradewright.dsl.functions import FUNCTIONS, SERIES
from tradewright.dsl.grammar import KEYWORDS
from tradewright.dsl.problem import Code, Hint, Problem
from tradewright.dsl.source import Source
from tradewright.model.allocation import Rebalance
from tradewright.model.bars import Timeframe
from tradewright.model.base import FrozenModel
from tradewright.model.certify_limits import DeclaredLimits
from tradewright.model.plain_words import plain_rule

VERSION = "0.1"
SCHEMA_ID = f"urn:tradewright:strategy-document:{VERSION}"
DIALECT = "https://json-schema.org/draft/2020-12/schema"

Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
"""Small letters, digits and _; the name of the file and of the strategy."""

ParameterName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
Instrument = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]*(/[A-Za-z0-9][A-Za-z0-9._:-]*)*$", max_length=64)
]


class Bounds(NamedTuple):
    """The admitted values of a parameter."""

    least: float
    most: float
    whole: bool


_HUGE = 1e300
"""A value of which ten times as much may be no number any more."""
_LENGTH = Bounds(1, 10_000, True)
_LONG = Bounds(2, 10_000, True)
KNOWN: Mapping[str, Bounds] = {
    "size_pct": Bounds(0.0001, 1.0, False),
    "stop_loss_pct": Bounds(0.0001, 0.9, False),
    "take_profit_pct": Bounds(0.0001, 10.0, False),
    "max_hold_bars": Bounds(1, 100_000, True),
    "cooldown_bars": Bounds(1, 10_000, True),
    **dict.fromkeys(("fast", "signal", "period", "length"), _LENGTH),
    **dict.fromkeys(("slow", "window", "channel"), _LONG),
}
"""Parameters whose bounds need not be written (R-STRAT-17); the first five steer the orders (Q-05)."""

SIZE = "size_pct"
"""The known parameter that no expression may name."""

STEERING = ("stop_loss_pct", "take_profit_pct", "max_hold_bars", "cooldown_bars")
"""Known parameters that the decision itself reads, without being named in an expression."""

COMMON = frozenset(
    {"name", "kind", "confidence", "instruments", "timeframe", "parameters", "others", "grid", "certify"}
)
"""Keys that every strategy file has; no parameter may be called so."""

_OF_A_DOCUMENT = ("params", "rules", "allocate", "exits", "metadata", "dsl")
_OF_A_STRATEGY = ("bounds", "place", "program", "prepare_state", "generate_signal", "parameter_rules",
                  "other_instruments", "post_trade_update", "rebalance")  # fmt: skip
ATTRIBUTES = frozenset({*_OF_A_DOCUMENT, *_OF_A_STRATEGY})
"""What a strategy has beside its parameters; a parameter of that name would take its place."""


class RuleAction(StrEnum):
    """What a rule asks for (R-STRAT-16)."""

    BUY = "buy"
    SELL = "sell"
    CLOSE = "close"
    HOLD = "hold"


class Rule(FrozenModel):
    """One rule: an action while a condition holds.

    Args:
        condition: ``if`` in the document, a boolean expression.
        action: ``then``.
        limit: an expression, the price of a limit order; of ``buy`` and ``sell`` alone.
        stop_entry: an expression, the price that the market must reach before the entry is made.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=False)

    condition: Expression = Field(alias="if")
    action: RuleAction = Field(alias="then")
    limit: Expression | None = None
    stop_entry: Expression | None = None


class ParameterRange(FrozenModel):
    """A parameter with bounds of its own."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=False, allow_inf_nan=False)

    value: Figure
    least: Figure = Field(alias="min")
    most: Figure = Field(alias="max")


class Exits(FrozenModel):
    """Protective orders, each an expression: its distance from the deciding close, in price units.

    Args:
        stop: of the stop.
        take_profit: of the take-profit.
        trail: of a stop that follows the best price.
    """

    stop: Expression | None = None
    take_profit: Expression | None = None
    trail: Expression | None = None


class Metadata(FrozenModel):
    """What a person says of the strategy; it changes nothing (R-STRAT-18)."""

    tags: tuple[str, ...] = ()
    notes: str = ""


class StrategyDocument(FrozenModel):
    """A strategy as a document, version 0.1.

    Args:
        dsl: the version of the language; left out, the newest.
        id: the name of the strategy and of its file.
        name: a title for people.
        timeframe: of the bars that are decided on; null for that of the universe.
        params: numbers; those of :data:`KNOWN` plain, others with bounds.
        rules: see :class:`Rule`; their order does not matter. Empty for an allocation.
        allocate: the weights of all instruments together; None where there are rules.
        exits: protective orders.
        confidence, instruments, grid, certify: as in every strategy file (docs/configuration.md); a list of instruments
            holds one or more.
    """

    id: Identifier
    name: Annotated[str, Field(min_length=1, max_length=100)]
    timeframe: Timeframe | None
    params: dict[ParameterName, Figure | ParameterRange]
    metadata: Metadata
    rules: Annotated[tuple[Rule, ...], Field(min_length=1, max_length=50)] = ()
    allocate: AllocationForm | None = None
    dsl: Annotated[str, Field(pattern=r"^0\.1(\.[0-9]+)?$")] = VERSION
    exits: Exits = Exits()
    confidence: Annotated[float, Field(ge=0, le=1)] = 0.5
    instruments: Annotated[tuple[Instrument, ...], Field(min_length=1)] | None = None
    grid: dict[ParameterName, Annotated[tuple[Figure, ...], Field(min_length=1)]] = Field(default_factory=dict)
    certify: DeclaredLimits = DeclaredLimits()

    @model_validator(mode="after")
    def _has_one_form(self) -> Self:
        if bool(self.rules) == (self.allocate is not None) or set(FORMS) <= self.model_fields_set:
            raise PydanticCustomError(_ONE_FORM, "rules or allocate is needed, and not both")
        return self

    def bounds(self, name: str) -> Bounds:
        """The bounds of a parameter; a plain one that is not known may have its own value alone."""
        given = self.params[name]
        if isinstance(given, ParameterRange):
            return Bounds(given.least, given.most, self.is_whole(name))
        return KNOWN.get(name, Bounds(given, given, self.is_whole(name)))

    def is_whole(self, name: str) -> bool:
        """Whether a parameter takes whole numbers alone: one whose value is written as one, or whose bounds say so."""
        given = self.params[name]
        if name in KNOWN:
            return KNOWN[name].whole
        parts = (given.value, given.least, given.most) if isinstance(given, ParameterRange) else (given,)
        return all(isinstance(part, int) for part in parts)

    def value(self, name: str) -> Figure:
        """The value of a parameter; whole ones as int."""
        given = self.params[name]
        value = given.value if isinstance(given, ParameterRange) else given
        return int(value) if self.is_whole(name) and float(value).is_integer() else value

    def values(self) -> dict[str, float]:
        """The values of all parameters."""
        return {name: float(self.value(name)) for name in self.params}


def json_schema() -> dict[str, Any]:
    """The JSON Schema of documents (2020-12)."""
    schema = StrategyDocument.model_json_schema(by_alias=True, mode="validation")
    _close_names(schema)
    schema["oneOf"] = [{"required": [name]} for name in FORMS]
    schema["properties"]["allocate"] = schema["properties"]["allocate"]["anyOf"][0]  # a key that is null says nothing
    return {"$schema": DIALECT, "$id": SCHEMA_ID, **schema, "title": "Tradewright strategy document"}


def _close_names(node: Any) -> None:
    """Let a mapping whose keys have a pattern have no others; pydantic leaves that out of its schema."""
    if isinstance(node, dict):
        if "patternProperties" in node:
            node["additionalProperties"] = False
        for each in node.values():
            _close_names(each)
    elif isinstance(node, list):
        for each in node:
            _close_names(each)


def shaped(source: Source) -> tuple[StrategyDocument | None, list[Problem]]:
    """The document of a text in its shape, or all that is wrong with that."""
    try:
        text = json.dumps(source.values, allow_nan=False)
        document = StrategyDocument.model_validate_json(text, strict=True)
    except ValidationError as error:
        found: dict[tuple[str, str], Problem] = {}
        for row in error.errors(include_url=False):
            if row["type"] == _ONE_FORM:
                continue  # told by what stands in the text
            problem = _problem(source, dict(row))
            found.setdefault((problem.loc.path, problem.message), problem)
        paths = [problem.loc.path for problem in found.values()]
        rows = [each for each in found.values() if not any(_is_below(path, each.loc.path) for path in paths)]
        return None, [*one_form(source), *rows]
    except (ValueError, RecursionError):
        told = "a number is too large or not finite"
        return None, [Problem(code=Code.SCHEMA_INVALID, message=told, loc=source.locate(""))]
    return document, _names(source, document)


_ONE_FORM = "one_form"


def _is_below(path: str, above: str) -> bool:
    return bool(above) and path.startswith((f"{above}.", f"{above}["))


_MODELS: Mapping[str, type[FrozenModel]] = {
    "": StrategyDocument, "rules": Rule, "exits": Exits, "metadata": Metadata, "params": ParameterRange,
    "certify": DeclaredLimits, "allocate": AllocationForm,
}  # fmt: skip


def _keys(group: str) -> set[str]:
    """The keys of a part of a document."""
    model = _MODELS.get(group)
    return {field.alias or name for name, field in model.model_fields.items()} if model else set()


_MISSING = {
    "metadata": "write metadata: {}", "timeframe": "write timeframe: null, or such as timeframe: 1h",
    "every": f"write every: {Rebalance.MONTH}, or {', '.join(each for each in Rebalance if each != Rebalance.MONTH)}",
}  # fmt: skip
"""What to write for a mandatory key whose right value is not obvious."""
_UNIONS = frozenset({"int", "float", "ParameterRange", "[key]", "constrained-str"})
_FIGURES = ("allocate.top", "allocate.total")
_PARAMETER = "must be a number, or {value: ..., min: ..., max: ...}"


def _problem(source: Source, row: Mapping[str, Any]) -> Problem:
    """One of pydantic's errors, in the words of a person."""
    kind, loc = str(row["type"]), [part for part in row["loc"] if part not in _UNIONS]
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc).lstrip(".")
    message, hints = plain_rule(row), tuple[Hint, ...]()
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(str(loc[-1]), _keys(str(loc[0]) if len(loc) > 1 else ""), n=1)
        message = f"there is no key {str(loc[-1])!r} here"
        hints = (Hint(text=f"did you mean {near[0]!r}?" if near else "remove it", path="" if near else path),)
    elif kind == "missing":
        right = _MISSING.get(str(loc[-1]), f"write {loc[-1]}:")
        message, hints = f"the key {str(loc[-1])!r} is missing", (Hint(text=right),)
    elif kind == "enum" and isinstance(row["input"], str):
        hints = _nearest(row["input"], path, Rebalance) if loc[-1] == "every" else _actions(row["input"], path)
    elif path in _FIGURES:
        message = "must be a number or the name of a parameter"
    elif loc[0] == "params" and len(loc) == 2 and "[key]" not in row["loc"]:
        message = _number_in_words(row["input"]) or _PARAMETER
    elif "int" in row["loc"]:  # the first of the kinds of a figure; its rule is that of any number
        message = plain_rule({**row, "type": "float_type"})
    return Problem(code=Code.SCHEMA_INVALID, message=message, loc=source.locate(path), hints=hints)


_OTHER_ACTIONS = {
    "long": "buy", "enter": "buy", "entry": "buy", "short": "sell", "exit": "close", "flat": "close", "none": "hold",
}  # fmt: skip


def _actions(given: str, path: str) -> tuple[Hint, ...]:
    """The action that was meant; none where that is not known."""
    word = given.strip().lower()
    return _nearest(_OTHER_ACTIONS.get(word, word), path, RuleAction)


def _nearest(given: str, path: str, known: Iterable[str]) -> tuple[Hint, ...]:
    near = difflib.get_close_matches(given.strip().lower(), list(known), n=1)
    return tuple(Hint(text=f"write {name}", path=path, value=str(name)) for name in near)


def _number_in_words(value: object) -> str:
    """How a number that stands there as text is written; empty where it is none."""
    told = plain_rule({"type": "float_type", "input": value, "msg": ""})
    return told if ":" in told else ""


def _names(source: Source, document: StrategyDocument) -> list[Problem]:
    """Parameters whose names mean something else."""
    taken = {*FUNCTIONS, *SERIES, *KEYWORDS, *COMMON, *ATTRIBUTES, EQUAL, "id", "nan", "inf"}
    return [
        Problem(
            code=Code.SCHEMA_INVALID,
            message=f"{name!r} has another meaning and cannot be a parameter",
            loc=source.locate(f"params.{name}"),
            hints=(Hint(text="give it another name"),),
        )
        for name in document.params
        if name in taken or keyword.iskeyword(name)
    ]


def ranges(source: Source, document: StrategyDocument) -> list[Problem]:
    """Parameters out of their bounds (R-STRAT-17), bounds that hold nothing, and values of the grid out of them."""
    found = [problem for name in document.params for problem in _range(source, document, name)]
    return found or list(_grid(source, document))


def _grid(source: Source, document: StrategyDocument) -> Iterator[Problem]:
    for name in document.grid:
        bounds = document.bounds(name) if name in document.params else Bounds(-math.inf, math.inf, False)
        for place, value in enumerate(document.grid[name]):
            if not _within(value, bounds) or (bounds.whole and not float(value).is_integer()):
                kind = "a whole number" if bounds.whole else "a number"
                told = f"{value} is not {kind} from {bounds.least:g} to {bounds.most:g}, as {name} is"
                hint = (Hint(text="remove it, or change the bounds under params"),)
                loc = source.locate(f"grid.{name}[{place}]")
                yield Problem(code=Code.PARAM_OUT_OF_RANGE, message=told, loc=loc, hints=hint)


def _range(source: Source, document: StrategyDocument, name: str) -> list[Problem]:
    given, path = document.params[name], f"params.{name}"
    known = KNOWN.get(name)

    def wrong(message: str, hint: str, at: str = path, value: Any = None, repaired: str = "") -> list[Problem]:
        hints = (Hint(text=hint, path=repaired, value=value),)
        return [Problem(code=Code.PARAM_OUT_OF_RANGE, message=message, loc=source.locate(at), hints=hints)]

    if not isinstance(given, ParameterRange):
        if known is None:
            most = max(given * 10, 10) if given < _HUGE else given
            value: dict[str, Any] = {"value": given, "min": min(given, 1), "max": most}
            return wrong(f"{name} has no bounds", "write {value: ..., min: ..., max: ...}", path, value, path)
        return _fits(given, known, path, wrong)
    if given.least > given.most:
        return wrong(f"min {given.least} is above max {given.most}", "exchange them", f"{path}.min")
    if known is not None:
        outside = [part for part in ("min", "max") if not _within(given.least if part == "min" else given.most, known)]
        if outside:
            told = f"{name} lies between {known.least:g} and {known.most:g}"
            return wrong(f"its bounds leave those of {name}", told, f"{path}.{outside[0]}", given.value, path)
    if not all(math.isfinite(float(part)) for part in (given.least, given.most)):
        return wrong("a bound is not finite", "write a number", path)
    at = f"{path}.value"
    return _fits(given.value, document.bounds(name), at, wrong)


def _within(value: float, bounds: Bounds) -> bool:
    return bounds.least <= value <= bounds.most


def _fits(value: float, bounds: Bounds, path: str, wrong: Any) -> list[Problem]:
    if bounds.whole and not float(value).is_integer():
        whole = round(value)
        return list(wrong(f"{value} is no whole number", f"write {whole}", path, whole, path))
    if not _within(value, bounds):
        nearest, hint = bounds.least if value < bounds.least else bounds.most, "write {:g}"
        if path.removeprefix("params.").removesuffix(".value").endswith("_pct") and _within(value / 100, bounds):
            nearest, hint = value / 100, f"a fraction of 1: write {{:g}} for {value:g} percent"
        told = f"{value} is not between {bounds.least:g} and {bounds.most:g}"
        return list(wrong(told, hint.format(nearest), path, nearest, path))
    return []

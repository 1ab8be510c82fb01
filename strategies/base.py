"""The bases of a strategy file: parameters with bounds, the features it needs, one decision."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple, cast

from tradewright.model.allocation import Rebalance, Tables
from tradewright.model.bars import Floats
from tradewright.model.base import NAME_PATTERN
from tradewright.model.errors import ConfigError
from tradewright.model.order import Fill
from tradewright.model.strategy import Action, Feature, OrderRequest


class Parameter(NamedTuple):
    """The admitted values of a parameter: default, least, greatest, and whether it must be a whole number."""

    default: float
    least: float
    most: float
    whole: bool


@functools.cache
def _numeric_fields(kind: Any) -> tuple[str, ...]:
    """The names of the parameters of a class, in the order of its fields; sweeps ask for them once per set."""
    return tuple(field.name for field in fields(kind) if not isinstance(field.default, str))


@functools.cache
def _other_instruments(kind: Any) -> dict[str, str]:
    return {field.name: field.default for field in fields(kind) if isinstance(field.default, str)}


@functools.cache
def _parameter_rules(kind: Any) -> dict[str, Parameter]:
    rules = {}
    for field in fields(kind):
        if field.name in _other_instruments(kind):
            continue
        if field.default is MISSING or field.name not in kind.bounds:
            lacking = "a default" if field.default is MISSING else "an entry in bounds, (least, most)"
            where = f"strategy {getattr(kind, 'name', kind.__name__)}"
            raise ConfigError(f"the parameter {field.name} lacks {lacking}", where=where)
        value = cast("float", field.default)
        least, most = kind.bounds[field.name]
        rules[field.name] = Parameter(value, least, most, isinstance(value, int))
    return rules


@dataclass(frozen=True)
class BaseParameters:
    """Numbers as fields, features in :meth:`prepare_state`.

    A subclass is a frozen dataclass whose fields are the parameters that a trader may set, with defaults; an ``int``
    default asks for a whole number. ``bounds`` gives (least, most) of each; the parameters reach the decision in the
    order of the fields. A field whose default is text names another instrument, for features of it; it is no parameter:
    it is not swept, and the decision does not get it.

    Raises:
        ConfigError: a parameter out of its bounds, not finite, or not whole; no name of an instrument.
    """

    name: ClassVar[str]
    bounds: ClassVar[Mapping[str, tuple[float, float]]] = MappingProxyType({})

    def __post_init__(self) -> None:
        for name, rule in _parameter_rules(cast("Any", type(self))).items():
            value = getattr(self, name)
            kind = "a whole number" if rule.whole else "a number"
            fits = not isinstance(value, bool) and isinstance(value, (int, float)) and math.isfinite(value)
            if not fits or not rule.least <= value <= rule.most or (rule.whole and value != int(value)):
                remedy = f"{kind} from {rule.least:g} to {rule.most:g} is needed"
                raise ConfigError(f"{name} = {value!r}", where=f"strategy {self.name}", remedy=remedy)
        for name in _other_instruments(cast("Any", type(self))):
            value = getattr(self, name)
            if not isinstance(value, str) or not NAME_PATTERN.fullmatch(value):
                remedy = "the name of an instrument is needed"
                raise ConfigError(f"{name} = {value!r}", where=f"strategy {self.name}", remedy=remedy)

    @classmethod
    def other_instruments(cls) -> dict[str, str]:
        """The fields that name another instrument, each with its default, in their order."""
        return dict(_other_instruments(cast("Any", cls)))

    @classmethod
    def parameter_rules(cls) -> dict[str, Parameter]:
        """The parameters by name, in the order of the fields.

        Raises:
            ConfigError: a field without a default or without bounds.
        """
        return dict(_parameter_rules(cast("Any", cls)))

    def prepare_state(self) -> tuple[Feature, ...]:
        """The columns that the decision reads, in its order; none by default."""
        return ()

    def parameters(self) -> tuple[float, ...]:
        """The parameters as numbers, in the order of the fields."""
        return tuple(float(getattr(self, name)) for name in _numeric_fields(cast("Any", type(self))))

    def _ordered(self, lower: str, upper: str) -> None:
        """Refuse ``lower >= upper``."""
        low, high = getattr(self, lower), getattr(self, upper)
        if low >= high:
            remedy = f"{lower} < {upper} is needed"
            raise ConfigError(f"{lower} = {low}, {upper} = {high}", where=f"strategy {self.name}", remedy=remedy)


@dataclass(frozen=True)
class BaseStrategy(BaseParameters):
    """One decision per instrument and bar, in a module-level ``generate_signal``."""

    generate_signal: ClassVar[staticmethod[[int, tuple[Floats, ...], tuple[float, ...], float], Action | OrderRequest]]

    def post_trade_update(self, fill: Fill) -> None:
        """Called with every fill of the strategy; the built-in strategies keep no state."""


@dataclass(frozen=True)
class BaseAllocation(BaseParameters):
    """Target weights of all instruments together, in a module-level ``allocate`` (``tradewright.model.allocation``).

    It is asked at the close of the first bar of each period of ``rebalance``, and trades in one shared account.
    """

    allocate: ClassVar[staticmethod[[int, Tables, tuple[float, ...], Floats, Floats], bool]]
    rebalance: ClassVar[Rebalance] = Rebalance.MONTH


Kind = type[BaseStrategy] | type[BaseAllocation]
"""A class of either."""

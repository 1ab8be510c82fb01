"""The allocation port: one function of all instruments together, from features and weights to target weights."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Protocol, TypeGuard, cast

import numpy as np
import numpy.typing as npt

from tradewright.model.bars import Floats
from tradewright.model.errors import ConfigError
from tradewright.model.strategy import Feature, Strategy

Tables = tuple[npt.NDArray[np.float64], ...]
"""One table per feature, shape (bars, instruments)."""

Allocate = Callable[[int, Tables, tuple[float, ...], Floats, Floats], bool]
"""(bar index, feature tables, parameters, present weights, target weights) -> whether to trade.

Weights are fractions of the equity, one per instrument, negative for a short. The target weights come as zeros and are
written in place; an instrument that is left at zero is sold. A feature is NaN before an instrument's first bar, after
its last one and while the indicator warms up; in a pause it keeps its last value. Reads tables at indices <= i only,
uses only what numba compiles and nothing but its arguments, and makes no arrays."""


class Rebalance(StrEnum):
    """The bars at whose close an allocation is asked."""

    BAR = "bar"
    """Every one: for an allocation that itself says when it wishes to trade."""
    SESSION = "session"
    """The first of each session."""
    WEEK = "week"
    """The first of each week, from Monday on, by the dates of the sessions."""
    MONTH = "month"
    """The first of each month, by the dates of the sessions."""


class Allocation(Protocol):
    """An allocation: parameters, the features it needs of every instrument, one function of all of them.

    ``allocate`` is a plain module-level function (no ``self``), so that the panel kernel can compile it.
    """

    @property
    def name(self) -> str:
        """The kind: what a configuration calls it."""
        ...

    @property
    def allocate(self) -> Allocate:
        """The decision on all instruments."""
        ...

    @property
    def rebalance(self) -> Rebalance:
        """When it is asked, unless the settings say otherwise."""
        ...

    def prepare_state(self) -> tuple[Feature, ...]:
        """The columns of each instrument that ``allocate`` reads, in its order."""
        ...

    def parameters(self) -> tuple[float, ...]:
        """The numbers that ``allocate`` gets, in its order."""
        ...


def decision_of(strategy: Strategy | Allocation) -> Callable[..., object]:
    """The function that decides: of one instrument, or of all."""
    if is_allocation(strategy):
        return strategy.allocate
    return cast("Strategy", strategy).generate_signal


def is_allocation(strategy: Strategy | Allocation) -> TypeGuard[Allocation]:
    """Whether it decides on all instruments together."""
    return hasattr(strategy, "allocate")


def needs_shared_account(name: str) -> ConfigError:
    """The refusal of an allocation where each instrument has an account of its own."""
    return ConfigError(
        f"{name} is an allocation: it decides on all instruments together, which needs one account for them",
        where="backtest.account=split",
        remedy="add backtest.account=shared",
        code="NEEDS_SHARED_ACCOUNT",
    )

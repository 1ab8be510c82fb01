"""The strategies that a configuration can name, and the parameters that each admits."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from strategies.base import BaseStrategy, Parameter
from strategies.buy_and_hold import BuyAndHold
from strategies.ema_crossover import EmaCrossover
from strategies.macd_trend import MacdTrend
from strategies.sma_crossover import SmaCrossover
from tradewright.model.errors import ConfigError

STRATEGIES: dict[str, type[BaseStrategy]] = {
    kind.name: kind for kind in (BuyAndHold, SmaCrossover, EmaCrossover, MacdTrend)
}
"""Kind -> class. A new strategy is a file in this folder and a word in this line."""


def strategy_class(kind: str) -> type[BaseStrategy]:
    """The class of a kind.

    Raises:
        ConfigError: no such kind; the nearest name is given.
    """
    if kind not in STRATEGIES:
        raise ConfigError(f"there is no strategy {kind!r}", where="strategy.kind", remedy=_nearest(kind, STRATEGIES))
    return STRATEGIES[kind]


def parameters_of(kind: str) -> dict[str, Parameter]:
    """The parameters of a kind by name: default, bounds, whether whole.

    Raises:
        ConfigError: no such kind.
    """
    return strategy_class(kind).admitted()


def build(kind: str, values: Mapping[str, float]) -> BaseStrategy:
    """The strategy of a kind with these parameters; those that are not named keep their defaults.

    Raises:
        ConfigError: no such kind or parameter (the nearest name is given), or a value that is not admitted.
    """
    admitted = parameters_of(kind)
    for name in values:
        if name not in admitted:
            raise ConfigError(f"{kind} has no parameter {name!r}", where="strategy", remedy=_nearest(name, admitted))
    return strategy_class(kind)(**values)


def _nearest(name: str, known: Mapping[str, object]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known) or 'none'}"

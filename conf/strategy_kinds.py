"""The kinds of strategies that the settings may name: those that ship and those of the project's own folder."""

from __future__ import annotations

from collections.abc import Mapping

from conf.environment import own_strategies
from strategies.base import BaseStrategy, Parameter
from strategies.discovery import Discovery, found_in


def kinds() -> Discovery:
    """All strategies found; a file that is written later is found by the next process."""
    return found_in(own_strategies())


def parameters_of(kind: str) -> dict[str, Parameter]:
    """The parameters of a kind by name: default, bounds, whether whole.

    Raises:
        ConfigError: no such kind, or a broken one.
    """
    return kinds().strategy_class(kind).parameter_rules()


def other_instruments_of(kind: str) -> dict[str, str]:
    """The keys of a kind that name another instrument, each with its default.

    Raises:
        ConfigError: no such kind, or a broken one.
    """
    return kinds().strategy_class(kind).other_instruments()


def build(kind: str, values: Mapping[str, float | str]) -> BaseStrategy:
    """The strategy of a kind with these parameters and other instruments; what is not named keeps its default.

    Raises:
        ConfigError: no such kind or parameter (the nearest name is given), or a value that is not admitted.
    """
    return kinds().build(kind, values)

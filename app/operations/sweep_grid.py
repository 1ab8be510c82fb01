"""The parameter sets that a person asks for: Hydra's sweep syntax, or the grid of the strategy's file."""

from __future__ import annotations

from collections.abc import Sequence

from conf.compose import compose
from conf.overrides import grid
from conf.problems import nearest
from conf.schema.settings import Settings
from conf.strategy_kinds import demand_single_decisions
from tradewright.backtest.result import TOTALS
from tradewright.model.errors import ConfigError

PREFIX = "strategy."


def asked_sets(overrides: Sequence[str]) -> tuple[Settings, list[dict[str, float]]]:
    """The settings in force and the parameter sets to try.

    Args:
        overrides: Hydra's sweep syntax names the grid: ``strategy.fast=5,10 strategy.slow=range(20,60,20)``. Where they
            name none, it is the one that the strategy's file declares.

    Raises:
        ConfigProblems: for wrong overrides.
        ConfigError: when something other than a parameter is swept, or nothing is.
    """
    asked = grid(overrides)
    settings = compose([*asked.fixed, *asked.combinations[0]], swept=True)  # what is swept replaces what the file says
    demand_single_decisions(settings, "a sweep or a walk-forward")
    named = [_parameters(settings, combination) for combination in asked.combinations]
    sets = _of_file(settings, asked.fixed) if named == [{}] else named
    if not any(sets):
        remedy = "say strategy.fast=5,10,20, or declare a grid in the strategy's file"
        raise ConfigError("nothing is swept", where="command line", remedy=remedy)
    return settings, sets


def _of_file(settings: Settings, fixed: Sequence[str]) -> list[dict[str, float]]:
    """The grid of the strategy's file, without the parameters that the command line gives a value."""
    said = {text.partition("=")[0].removeprefix(PREFIX) for text in fixed}
    left = ({name: value for name, value in each.items() if name not in said} for each in settings.strategy.grid_sets())
    return [dict(pairs) for pairs in dict.fromkeys(tuple(each.items()) for each in left)]


def ranked_figures(rank: str) -> list[str]:
    """The figures of a set, of which ``rank`` is one.

    Raises:
        ConfigError: it is none; the nearest is named.
    """
    names = [name for name in TOTALS.names or () if name]
    if rank not in names:
        near = nearest(rank, names)
        hint = f"did you mean {near!r}? " if near else ""
        raise ConfigError(f"there is no figure {rank!r}", where="--rank", remedy=f"{hint}one of {', '.join(names)}")
    return names


def _parameters(settings: Settings, combination: Sequence[str]) -> dict[str, float]:
    values = {}
    for text in combination:
        key, _, value = text.partition("=")
        name = key.removeprefix(PREFIX)
        if not key.startswith(PREFIX) or name not in settings.strategy.parameters:
            known = ", ".join(f"{PREFIX}{parameter}" for parameter in settings.strategy.parameters)
            raise ConfigError(f"{key} cannot be swept", where="command line", remedy=f"sweep one of {known}")
        values[name] = _number(key, value)
    return values


def _number(key: str, text: str) -> float:
    try:
        return int(text) if text.lstrip("+-").isdigit() else float(text)
    except ValueError as error:
        raise ConfigError(f"{text!r} is not a number", where=key, remedy="sweep over numbers") from error

"""The parameter sets that a person asks for: Hydra's sweep syntax, or the grid of the strategy's file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from app.operations.sweep_where import sets_where
from conf.compose import compose
from conf.overrides import grid
from conf.problems import nearest
from conf.schema.settings import Settings
from runtime.sweep import declared_sets
from tradewright.backtest.result import TOTALS
from tradewright.model.errors import ConfigError

PREFIX = "strategy."
READ_BY_BACKTESTS = ("backtest", "strategy", "universe")
"""The groups of settings that can be swept: no backtest depends on what a desk may do or where things are kept."""
OF_STRATEGY = ("strategy", "strategy.instruments", "strategy.timeframe")
"""The settings of the strategy's group that are no parameters, and change a backtest."""


class AskedPart(NamedTuple):
    """Parameter sets to try under the same settings.

    Args:
        settings: those in force.
        swept: the settings among those that are swept, with their values as they were written.
        sets: the parameters that differ from the settings.
    """

    settings: Settings
    swept: Mapping[str, str]
    sets: Sequence[Mapping[str, float]]


def asked_parts(overrides: Sequence[str], where: str = "") -> list[AskedPart]:
    """What a person asks a sweep to try: one part for each choice of the settings that are no parameters.

    Args:
        overrides: Hydra's sweep syntax names the grid: ``strategy.fast=5,10 strategy.slow=range(20,60,20)``, settings
            of a backtest too: ``backtest.bar_delay=1,2 backtest.instruments=[BTC],[ETH]``. Where they name none, it is
            the one that the strategy's file declares.
        where: the condition on the parameters, as :func:`~app.operations.sweep_where.sets_where` reads it.

    Raises:
        ConfigProblems: for wrong overrides.
        ConfigError: when something that no backtest reads is swept, nothing is, or the condition leaves no set.
    """
    asked = grid(overrides)
    parts: dict[tuple[str, ...], list[Sequence[str]]] = {}
    for combination in asked.combinations:
        others = tuple(text for text in combination if not _is_parameter(text))
        parts.setdefault(others, []).append(combination)
    return [_part(asked.fixed, others, combinations, where) for others, combinations in parts.items()]


def asked_sets(overrides: Sequence[str], where: str = "") -> tuple[Settings, Sequence[Mapping[str, float]]]:
    """The settings in force and the parameter sets to try, where nothing but parameters can be swept.

    Raises:
        ConfigProblems, ConfigError: as :func:`asked_parts`, and when a setting is swept that is no parameter.
    """
    first, *others = asked_parts(overrides, where)
    if others or first.swept:
        raise _not_swept(next(iter(first.swept)), first.settings)
    return first.settings, first.sets


def drawn(parts: Sequence[AskedPart], count: int) -> list[AskedPart]:
    """Some of the sets of all parts, drawn without a set twice by ``base.seed``, in their order; all of them for 0.

    Raises:
        ConfigError: a negative number.
    """
    if count < 0:
        raise ConfigError(f"{count} sets cannot be drawn", where="--random", remedy="say --random 500; 0 tries all")
    places = [(part, row) for part, asked in enumerate(parts) for row in range(len(asked.sets))]
    if count == 0 or count >= len(places):
        return list(parts)
    generator = np.random.Generator(np.random.PCG64(parts[0].settings.base.seed))
    chosen = [places[place] for place in sorted(generator.choice(len(places), count, replace=False).tolist())]
    kept = ([row for part, row in chosen if part == place] for place in range(len(parts)))
    return [
        asked._replace(sets=[asked.sets[row] for row in rows]) for asked, rows in zip(parts, kept, strict=True) if rows
    ]


def _part(fixed: Sequence[str], others: Sequence[str], combinations: Sequence[Sequence[str]], where: str) -> AskedPart:
    swept = dict(_key_and_value(text) for text in others)
    for key in swept:
        if re.split(r"[./@]", key, maxsplit=1)[0] not in READ_BY_BACKTESTS:
            remedy = f"sweep parameters of the strategy, or settings of {', '.join(READ_BY_BACKTESTS)}"
            raise ConfigError(f"{key} cannot be swept: no backtest reads it", where="command line", remedy=remedy)
    settings = compose([*fixed, *combinations[0]], swept=True)  # what is swept replaces what the file says
    named = [_parameters(settings, [text for text in each if text not in others]) for each in combinations]
    sets = declared_sets(settings.strategy, fixed) if named == [{}] and not swept else named
    if not swept and not any(sets):
        remedy = "say strategy.fast=5,10,20, or declare a grid in the strategy's file"
        raise ConfigError("nothing is swept", where="command line", remedy=remedy)
    return AskedPart(settings, swept, sets_where(where, sets, settings.strategy.parameters))


def _is_parameter(text: str) -> bool:
    key, _value = _key_and_value(text)
    return key.startswith(PREFIX) and key not in OF_STRATEGY


def _key_and_value(text: str) -> tuple[str, str]:
    key, _, value = text.partition("=")
    return key, value


def ranked_figures(rank: str, more: Sequence[str] = (), option: str = "--rank") -> list[str]:
    """The figures of a set, of which ``rank`` is one.

    Args:
        more: figures beside those of the totals.
        option: that names the figure, for the refusal.

    Raises:
        ConfigError: it is none; the nearest is named.
    """
    names = [*more, *(name for name in TOTALS.names or () if name)]
    if rank not in names:
        near = nearest(rank, names)
        hint = f"did you mean {near!r}? " if near else ""
        raise ConfigError(f"there is no figure {rank!r}", where=option, remedy=f"{hint}one of {', '.join(names)}")
    return names


def _parameters(settings: Settings, combination: Sequence[str]) -> dict[str, float]:
    values = {}
    for text in combination:
        key, value = _key_and_value(text)
        name = key.removeprefix(PREFIX)
        if name not in settings.strategy.parameters:
            raise _not_swept(key, settings)
        values[name] = _number(key, value)
    return values


def _not_swept(key: str, settings: Settings) -> ConfigError:
    known = ", ".join(f"{PREFIX}{parameter}" for parameter in settings.strategy.parameters)
    return ConfigError(f"{key} cannot be swept", where="command line", remedy=f"sweep one of {known}")


def _number(key: str, text: str) -> float:
    try:
        return int(text) if text.lstrip("+-").isdigit() else float(text)
    except ValueError as error:
        raise ConfigError(f"{text!r} is not a number", where=key, remedy="sweep over numbers") from error

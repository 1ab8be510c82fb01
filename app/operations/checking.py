"""Every strategy compiled and run on a small scenario, for ``tradewright check``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from conf.documents import load_option
from conf.environment import conf_folder, options
from conf.problems import Problem
from conf.schema.settings import Settings
from conf.strategy_kinds import build, kinds, other_instruments_of, parameters_of
from runtime.container import Container
from strategies.base import BaseAllocation, BaseStrategy
from tradewright.model.allocation import decision_of
from tradewright.model.errors import TradewrightError
from tradewright.research.strategy_check import tried

_PLACE = re.compile(r"^(?:strategy \S+, )?(?P<file>.+), line (?P<line>\d+)$")


def strategy_problems(settings: Settings) -> list[Problem]:
    """The problems of every strategy: files that cannot be loaded, decisions that fail, do not compile or look ahead.

    A strategy is tried with its defaults and with the parameters of each file of ``conf/strategy`` that names it. What
    was found good is remembered under its code (see :func:`tradewright.research.strategy_check.tried`).
    """
    kept = Container(settings).cache_folder / "tried"
    usable, broken = kinds()
    problems = [_problem(name, error) for name, error in broken.items()]
    for strategy in dict.fromkeys((*(kind() for kind in usable.values()), *_declared())):
        try:
            ahead = tried(strategy, kept)
        except TradewrightError as error:
            problems.append(_problem(strategy.name, error))
        else:
            problems += [_ahead(strategy, found) for found in ahead]
    return list(dict.fromkeys(problems))


def _declared() -> Iterator[BaseStrategy | BaseAllocation]:
    """The strategies of ``conf/strategy``; the files are known to be right."""
    folder = conf_folder()
    for option in options("strategy", folder):
        said = load_option(folder / "strategy" / f"{option}.yaml")
        kind = str(said["kind"])
        known = (*parameters_of(kind), *other_instruments_of(kind))
        yield build(kind, {name: said[name] for name in known if name in said})


def _problem(name: str, error: TradewrightError) -> Problem:
    rule = f"{error.what}; {error.remedy}" if error.remedy else error.what
    if found := _PLACE.match(error.where):
        return Problem(_shown(found["file"]), int(found["line"]), name, "", rule)
    file, _, line = error.where.partition(",")[0].partition(":")
    return Problem(file, int(line) if line.isdigit() else 0, name, "", rule)


def _ahead(strategy: BaseStrategy | BaseAllocation, found: str) -> Problem:
    code = decision_of(strategy).__code__
    rule = f"it looks ahead: {found}; read bars from 0 to i only"
    return Problem(_shown(code.co_filename), code.co_firstlineno, strategy.name, "", rule)


def _shown(file: str) -> str:
    """A file with its folder: ``strategies/own.py``."""
    return "/".join(Path(file).parts[-2:])

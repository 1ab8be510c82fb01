"""The scenarios of ``conf/scenario``, each read by its name; their problems, with file, line and key."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from conf.environment import conf_folder, display_path, options
from conf.explanations import explained
from conf.problems import ConfigProblems, Problem, RuleViolation, nearest
from conf.yaml_reader import column_of, lint_yaml, load, locate
from tradewright.model.errors import ConfigError

if TYPE_CHECKING:  # no money path reads a scenario
    from tradewright.scenarios.document import ScenarioDocument

SCENARIO = "scenario"


class ScenarioInvalid(ConfigProblems):
    """A scenario with one or more problems, all of them in ``problems``."""


def scenario_problems(path: Path, shown: str) -> list[Problem]:
    """All that is wrong with a scenario; none for any other file, which has been linted.

    Args:
        shown: the file's name in messages.
    """
    if path.parent.name != SCENARIO:
        return []
    return _read(path, shown)[1]


def read_scenario(path: Path, shown: str = "") -> ScenarioDocument:
    """The scenario of a file.

    Args:
        shown: the file's name in messages; the path when empty.

    Raises:
        ScenarioInvalid: with every problem in it.
    """
    shown = shown or str(path)
    if found := lint_yaml(path, shown):
        raise ScenarioInvalid(found)
    made, problems = _read(path, shown)
    if made is None:
        raise ScenarioInvalid(problems)
    return made


def scenarios(names: Iterable[str] = (), folder: Path | None = None) -> list[ScenarioDocument]:
    """Scenarios by their names; all of them when none is named, sorted.

    Raises:
        ConfigError: no scenario at all, or none of a name; the nearest right one is given.
        ScenarioInvalid: with every problem of every one of them.
    """
    folder = folder or conf_folder()
    known, found, wrong = options(SCENARIO, folder), [], list[Problem]()
    if not known:
        remedy = "tradewright init makes a project with those that ship; copy its conf/scenario"
        raise ConfigError("there is no scenario", where=f"conf/{SCENARIO}", remedy=remedy)
    for name in names or known:
        if name not in known:
            near = nearest(name, known)
            remedy = f"did you mean {near!r}?" if near else "tradewright scenarios list names them"
            raise ConfigError(f"there is no scenario {name!r}", where=f"conf/{SCENARIO}", remedy=remedy)
        path = folder / SCENARIO / f"{name}.yaml"
        try:
            found.append(read_scenario(path, display_path(path, folder)))
        except ScenarioInvalid as error:
            wrong += error.problems
    if wrong:
        raise ScenarioInvalid(wrong)
    return found


def _read(path: Path, shown: str) -> tuple[ScenarioDocument | None, list[Problem]]:
    """The scenario of a linted file, or every problem with its line and column."""
    made, wrong = _shaped(load(path), path.stem)
    return made, [_placed(path, shown, row) for row in wrong]


def _placed(path: Path, shown: str, row: RuleViolation) -> Problem:
    column = column_of(path, row.key)
    told = row._replace(rule=f"column {column}: {row.rule}") if column else row
    return told.problem(shown, line=locate(path, row.key))


def _shaped(tree: dict[str, Any], name: str) -> tuple[ScenarioDocument | None, list[RuleViolation]]:
    """The scenario of plain values, or all that is wrong with them."""
    from tradewright.scenarios.document import AnyScenario, ScenarioFile
    from tradewright.scenarios.market import contradictions

    try:
        document = ScenarioFile.model_validate_json(json.dumps(tree), strict=True).root
    except ValidationError as error:
        return None, list(explained(error.errors(include_url=False), tree, AnyScenario))
    wrong = [RuleViolation(row.key, row.value, row.rule) for row in contradictions(document)]
    if document.id != name:
        wrong.append(RuleViolation(("id",), document.id, f"must be the name of the file, {name}"))
    return (None if wrong else document), wrong

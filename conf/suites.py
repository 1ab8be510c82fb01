"""The suite of expectations, ``conf/expectations/bars.yaml``; its problems, with file, line and key."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from conf.environment import display_path
from conf.explanations import explained
from conf.problems import ConfigProblems, Problem, RuleViolation, nearest
from conf.yaml_reader import lint_yaml, load, locate

if TYPE_CHECKING:  # no money path reads a suite
    from tradewright.quality.suites import Suite

EXPECTATIONS, BARS = "expectations", "bars.yaml"


def read_suite(path: Path, shown: str = "") -> Suite:
    """The suite of a file.

    Args:
        shown: the file's name in messages; the path when empty.

    Raises:
        ConfigProblems: with every problem in it.
    """
    made, problems = _read(path, shown or str(path))
    if made is None or problems:
        raise ConfigProblems(problems)
    return made


def suite_problems(folder: Path) -> list[Problem]:
    """All that is wrong with the suite of a folder of YAML files, and with files beside it, which nothing reads."""
    found: list[Problem] = []
    for path in sorted((folder / EXPECTATIONS).glob("*.yaml")):
        shown = display_path(path, folder)
        if path.name.startswith("."):
            continue
        if path.name != BARS:
            rule = f"is read by nothing: the expectations of bars stand in {EXPECTATIONS}/{BARS}; move them there"
            found.append(Problem(shown, 0, "", "", rule))
        elif not lint_yaml(path, shown):  # traps are told with those of all files
            found += _read(path, shown)[1]
    return found


def _read(path: Path, shown: str) -> tuple[Suite | None, list[Problem]]:
    from tradewright.quality.suites import Suite, known_types

    if traps := lint_yaml(path, shown):
        return None, traps
    said = load(path)
    if not said:
        rule = "is empty: a suite has name and expectations; copy the file that ships, or remove this one"
        return None, [Problem(shown, 0, "", "", rule)]
    try:
        made = Suite.model_validate(said)
    except ValidationError as error:
        rows = explained(error.errors(include_url=False), said, Suite)
        return None, [row.problem(shown, line=locate(path, row.key)) for row in rows]
    known = known_types()
    wrong = [
        RuleViolation(("expectations", str(at), "type"), row.type, "is no expectation of Great Expectations", near)
        for at, row in enumerate(made.expectations)
        if known and row.type not in known
        for near in (nearest(row.type, known),)
    ]
    return made, [row.problem(shown, line=locate(path, row.key)) for row in wrong]

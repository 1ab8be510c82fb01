"""The mapping of an import: a file (``--mapping FILE``) and options of the command, checked and explained as the
settings are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from conf.explanations import explained
from conf.problems import ConfigProblems, Problem
from conf.yaml_reader import lint_yaml, load, locate
from tradewright.formats.column_mapping import ColumnMapping, mapping_of

_REMEDY = "correct the mapping file; docs/data.md lists its keys"
_OPTION_REMEDY = "correct the option; docs/data.md lists what each takes"


def mapping_file(path: Path) -> ColumnMapping:
    """The mapping that a YAML file holds; an empty file is a mapping that leaves everything to be recognised.

    Raises:
        ConfigProblems: with every problem: file, line, key, value, rule, and the nearest right name.
    """
    return _checked(_values(path), str(path), path)


def mapping_with(path: Path | None, options: Mapping[str, object]) -> ColumnMapping | None:
    """The mapping of a file with options in the place of its keys; None where neither says anything.

    Args:
        options: keys of a mapping as the command line has them: texts, and ``columns`` as ``ts=Date,open=1``; None
            and empty columns for what was not said.

    Raises:
        ConfigProblems: for the file as of :func:`mapping_file`, for an option naming it.
    """
    said = {key: value for key, value in options.items() if value is not None}
    if isinstance(text := said.pop("columns", ""), str) and text:
        said["columns"] = _columns(text)
    if said.get("delimiter") in ("tab", "\\t"):
        said["delimiter"] = "\t"
    if path is None:
        return _checked(said, "command line", None) if said else None
    of_file = mapping_file(path)
    return _checked({**_values(path), **said}, "command line", None) if said else of_file


def _values(path: Path) -> dict[str, object]:
    if traps := lint_yaml(path, str(path)):
        raise ConfigProblems(traps, _REMEDY)
    values: dict[str, object] = load(path)
    return values


def _checked(values: dict[str, object], shown: str, path: Path | None) -> ColumnMapping:
    try:
        return mapping_of(values)
    except ValidationError as error:
        found = explained(error.errors(include_url=False), values, ColumnMapping)
    problems = []
    for row in found:
        option = "--" + row.key[0].replace("_", "-") if row.key and path is None else ""
        problem = row.problem(shown, line=locate(path, row.key) if path else 0)
        told = Problem(shown, 0, option, problem.value, problem.rule, problem.nearest) if option else problem
        problems.append(told)
    raise ConfigProblems(problems, _REMEDY if path else _OPTION_REMEDY)


def _columns(text: str) -> dict[str, object]:
    """``ts=Date,open=1``: ours to theirs, by header, or by position from 0.

    Raises:
        ConfigProblems: for a part without an equals sign.
    """
    columns: dict[str, object] = {}
    for part in text.split(","):
        ours, sign, theirs = part.partition("=")
        if not sign or not theirs:
            rule = "must be ours=theirs, separated by commas, such as ts=Datum,open=Erster"
            raise ConfigProblems([Problem("command line", 0, "--columns", part, rule)], _OPTION_REMEDY)
        columns[ours.strip()] = int(theirs) if theirs.isdecimal() and len(theirs) < 9 else theirs
    return columns

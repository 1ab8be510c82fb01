"""A mapping file, ``tradewright import --mapping FILE``: checked and explained as the settings are."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from conf.explanations import explained
from conf.problems import ConfigProblems
from conf.yaml_reader import lint_yaml, load, locate
from tradewright.formats.mapping import ColumnMapping, mapping_of

_REMEDY = "correct the mapping file; docs/data.md lists its keys"


def mapping_file(path: Path) -> ColumnMapping:
    """The mapping that a YAML file holds; an empty file is a mapping that leaves everything to be recognised.

    Raises:
        ConfigProblems: with every problem: file, line, key, value, rule, and the nearest right name.
    """
    shown = str(path)
    if traps := lint_yaml(path, shown):
        raise ConfigProblems(traps, _REMEDY)
    values = load(path)
    try:
        return mapping_of(values)
    except ValidationError as error:
        found = explained(error.errors(include_url=False), values, ColumnMapping)
        problems = [row.problem(shown, line=locate(path, row.key)) for row in found]
        raise ConfigProblems(problems, _REMEDY) from error

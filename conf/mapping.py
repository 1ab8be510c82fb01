"""A mapping file, ``tradewright import --mapping FILE``: checked and explained as the settings are."""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import ValidationError

from conf.problems import ConfigProblems, Problem, told
from conf.yaml_reader import locate, vet
from conf.validate import explained
from tradewright.formats.mapping import ColumnMapping, mapping_of

_REMEDY = "correct the mapping file; docs/data.md lists its keys"


def mapping_file(path: Path) -> ColumnMapping:
    """The mapping that a YAML file holds; an empty file is a mapping that leaves everything to be recognised.

    Raises:
        ConfigProblems: with every problem: file, line, key, value, rule, and the nearest right name.
    """
    shown = str(path)
    if traps := vet(path, shown):
        raise ConfigProblems(traps, _REMEDY)
    values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    try:
        return mapping_of(values)
    except ValidationError as error:
        found = explained(error.errors(include_url=False), values, ColumnMapping)
        problems = [
            Problem(shown, locate(path, row.key), ".".join(row.key), told(row.value), row.rule, row.near)
            for row in found
        ]
        raise ConfigProblems(problems, _REMEDY) from error

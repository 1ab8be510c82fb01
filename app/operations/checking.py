"""Everything that can be wrong with the configuration."""

from __future__ import annotations

from collections.abc import Sequence

from conf.compose import check, examine
from conf.problems import Problem
from conf.tables import table_problems


def check_configuration(overrides: Sequence[str]) -> list[Problem]:
    """All problems of all files, of the composition in force, and of its tables (Pandera)."""
    problems = check(overrides)
    settings, _ = examine(overrides)
    return [*problems, *table_problems(settings)] if settings is not None else problems

"""The problems of a configuration, each with file, line, key, value, rule and the nearest right name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tradewright.model.errors import ConfigError

SHOWN, LENGTH = 8, 80
"""Problems that a message lists, and characters of a wrong value or key that it repeats."""
COMMAND_LINE = "command line"
"""Where a problem stands that was not written in a file."""


@dataclass(frozen=True)
class Problem:
    """One wrong thing.

    Args:
        file: the YAML file, relative to the folder that holds ``conf``, or ``command line``.
        line: 1-based; 0 where there is none.
        key: the dotted key, ``backtest.costs.rate``.
        value: the offending value as text; empty where the key itself is the problem.
        rule: what is demanded, and what to do.
        nearest: the right name that comes nearest to a wrong one; empty when none does.
        column: 1-based; 0 where there is none.
        code: of a problem of a strategy document, as ``tradewright dsl check`` tells it; empty for any other.
        hint: what to do about that, which ``rule`` says too.
    """

    file: str
    line: int
    key: str
    value: str
    rule: str
    nearest: str = ""
    column: int = 0
    code: str = ""
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        place += (f":{self.column}" if self.column else "") + (f": {self.code}" if self.code else "")
        got = f" (got {_shortened(self.value)})" if self.value else ""
        hint = f"; did you mean {self.nearest!r}?" if self.nearest else ""
        key = f" {_shortened(self.key)}:" if self.key else ""
        return f"{place}:{key} {self.rule}{got}{hint}"


def _shortened(text: str) -> str:
    return text if len(text) <= LENGTH else f"{text[:LENGTH]}... of {len(text):,} characters"


def listed(problems: Sequence[Problem]) -> list[str]:
    """Problems as lines: those of files all, the first of those of the command line, and how many more of it there are.

    One slip of the keyboard can make a hundred words of one, and the first of them say what is wrong.
    """
    places = [at for at, problem in enumerate(problems) if problem.file == COMMAND_LINE]
    left_out = set(places[SHOWN:])
    lines = [str(problem) for at, problem in enumerate(problems) if at not in left_out]
    return [*lines, f"{COMMAND_LINE}: and {len(left_out):,} more of them"] if left_out else lines


class ConfigProblems(ConfigError):
    """A configuration with one or more problems: all of them in ``problems``, the first in its text."""

    def __init__(self, problems: Sequence[Problem], remedy: str = "") -> None:
        self.problems = tuple(problems)
        lines = listed(self.problems)
        more = [f"and {len(lines) - SHOWN:,} more"] if len(lines) > SHOWN + 1 else []
        super().__init__("\n".join([*(lines[:SHOWN] if more else lines), *more]), remedy=remedy)

    def __reduce__(self) -> tuple[object, ...]:
        return ConfigProblems, (self.problems, self.remedy)


def format_value(value: object) -> str:
    """A wrong value as text, empty for None; a mapping is not written out, for it may hold a secret."""
    if value is None:
        return ""
    return "a mapping" if isinstance(value, dict) else str(value)


def nearest(name: str, names: Iterable[str]) -> str:
    """The most similar of ``names``, or an empty string when none is similar."""
    known = list(names)
    for other in known:
        if other.casefold() == name.casefold():
            return other
    matches = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return matches[0] if matches else ""


class RuleViolation(NamedTuple):
    """A broken rule: the key, its value, what is demanded, the nearest right name, and the other keys it is about."""

    key: tuple[str, ...]
    value: object
    rule: str
    near: str = ""
    others: tuple[tuple[str, ...], ...] = ()

    def problem(self, file: str, *above: str, line: int = 0) -> Problem:
        """As a problem of ``file``, its key under ``above``; for values that are no secrets."""
        return Problem(file, line, ".".join((*above, *self.key)), format_value(self.value), self.rule, self.near)

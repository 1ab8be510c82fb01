"""What is wrong with a strategy document: a code, a message, a place, hints that can be applied."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from tradewright.model.base import FrozenModel
from tradewright.model.errors import ConfigError


class Code(StrEnum):
    """The kinds of problems (R-STRAT-36)."""

    SCHEMA_INVALID = "DSL_SCHEMA_INVALID"
    PARSE_ERROR = "DSL_PARSE_ERROR"
    STATIC_FAIL = "DSL_STATIC_FAIL"
    UNSUPPORTED_FUN = "DSL_UNSUPPORTED_FUN"
    PARAM_OUT_OF_RANGE = "DSL_PARAM_OUT_OF_RANGE"


class Severity(StrEnum):
    """Whether a document with the problem can be used."""

    ERROR = "error"
    WARNING = "warning"


class Location(FrozenModel):
    """A place in a document.

    Args:
        path: of the value, ``rules[0].if``; empty for the document.
        index: of the first character inside of an expression, from 0; None for the whole value.
        line, column: in the text of the file, from 1; 0 where the text is not known.
    """

    path: str = ""
    index: int | None = None
    line: int = 0
    column: int = 0


class Hint(FrozenModel):
    """What to do, and where the remedy is known, the value that repairs it.

    Args:
        text: for a person.
        path: of the value to write; empty where only a person can know it.
        value: the new value as JSON; None removes the key.
    """

    text: str
    path: str = ""
    value: str | float | int | dict[str, str | float | int] | None = None


class Problem(FrozenModel):
    """One thing that is wrong (R-STRAT-37)."""

    code: Code
    message: str
    loc: Location = Location()
    hints: tuple[Hint, ...] = ()
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        place = f"{self.loc.line}:{self.loc.column}: " if self.loc.line else ""
        path = f"{self.loc.path}: " if self.loc.path else ""
        told = "; ".join(hint.text for hint in self.hints)
        return f"{place}{self.code}: {path}{self.message}" + (f" ({told})" if told else "")


class DocumentRefused(ConfigError):
    """A document with problems, all of them in ``problems``."""

    def __init__(self, problems: Iterable[Problem], where: str = "") -> None:
        self.problems = tuple(problems)
        first = self.problems[0]
        super().__init__("\n".join(map(str, self.problems)), where=where, code=first.code)

    def __reduce__(self) -> tuple[object, ...]:
        return DocumentRefused, (self.problems, self.where)


class Refusal(Exception):
    """One problem found while a single expression or value is read; the caller gives it its place in the file.

    Args:
        index: of the character inside of the expression.
    """

    def __init__(self, code: Code, message: str, index: int | None = None, hint: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.index, self.hint = code, message, index, hint

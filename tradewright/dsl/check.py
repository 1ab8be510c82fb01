"""A text to a program, with every problem on the way: shape, expressions, then what no single expression can tell."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from tradewright.dsl.document import StrategyDocument, ranges, shaped
from tradewright.dsl.problem import DocumentRefused, Problem, Severity
from tradewright.dsl.program import Program
from tradewright.dsl.reading import DocumentReading
from tradewright.dsl.source import read
from tradewright.dsl.static import examine


@dataclass(frozen=True)
class Checked:
    """What was found of a text; ``program`` is None where there are errors."""

    problems: tuple[Problem, ...]
    document: StrategyDocument | None = None
    program: Program | None = None

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems that stop it from being used."""
        return tuple(problem for problem in self.problems if problem.severity is Severity.ERROR)


def compiled(text: str, where: str = "") -> tuple[StrategyDocument, Program]:
    """The document of a text and its meaning.

    Args:
        where: the file, for the message.

    Raises:
        DocumentRefused: with every error.
    """
    found = check(text)
    if found.errors or found.document is None or found.program is None:
        raise DocumentRefused(found.errors, where)
    return found.document, found.program


@lru_cache(maxsize=128)
def check(text: str, bars: int | None = None) -> Checked:
    """Everything that is wrong with a document, and its meaning where nothing is.

    Args:
        bars: the length of the data that it is to be run on (R-STRAT-34); None where that is not known.
    """
    try:
        source = read(text)
    except DocumentRefused as error:
        return Checked(error.problems)
    document, problems = shaped(source)
    if document is None:
        return Checked(tuple(problems))
    problems += ranges(source, document)
    if problems:
        return Checked(tuple(problems), document)
    reading = DocumentReading(source, document)
    program = reading.program()
    if program is not None:
        reading.problems += examine(reading, program, bars)
    found = tuple(sorted(reading.problems, key=lambda each: (each.loc.line, each.loc.column)))
    return Checked(found, document, None if reading.has_errors else program)

"""What the bars that a document decides on cannot tell: a time within them, and the bars that are shorter."""

from __future__ import annotations

from collections.abc import Iterator

from tradewright.dsl.problem import Hint, Problem, Severity
from tradewright.dsl.program import Program
from tradewright.dsl.reading import DocumentReading
from tradewright.dsl.terms import Op, Term, walk
from tradewright.indicators.sessions import ANCHORS, Session
from tradewright.model.bars import Timeframe
from tradewright.model.session_hours import is_of_own_session

OPENING, MOMENTS = "opening_", ("minute_of_day_", "session_")
_SESSIONS = {each.name: each for each in ANCHORS}


def time_problems(reading: DocumentReading, program: Program) -> Iterator[Problem]:
    """What tells the time within a day on bars of whole days, and openings that last as long as their session.

    Nothing is said of bars whose length is not known (``timeframe: null``).
    """
    for path, term in reading.terms().items():
        told = {_told(each, program) for each in walk(term) if each.op is Op.COLUMN}
        for message, remedy in sorted(each for each in told if each is not None):
            yield reading.problem(message, path, Hint(text=remedy), severity=Severity.WARNING)


def shorter_series(reading: DocumentReading, program: Program) -> Iterator[Problem]:
    """Series on bars that are shorter than those that are decided on, which no backtest reads.

    Nothing is said where the length is not known (``timeframe: null``).
    """
    own = program.timeframe
    if not own:
        return
    for path, term in reading.terms().items():
        read = {str(each.words[2]) for each in walk(term) if each.op is Op.COLUMN} - {""}
        for other in sorted(each for each in read if Timeframe(each).seconds < Timeframe(own).seconds):
            told = f"it reads bars of {other}, which are shorter than the bars of {own} that are decided on"
            yield reading.problem(told, path, Hint(text=f"write on {own} or longer, or timeframe: {other}"))


def _told(column: Term, program: Program) -> tuple[str, str] | None:
    """What is wrong with a column and what to do; None where nothing is."""
    name, bars = str(column.words[0]), str(column.words[2]) or program.timeframe
    holds_days = bool(bars) and Timeframe(bars).of_sessions
    if name.startswith(OPENING):
        if holds_days:
            told = f"a bar of {bars} holds whole sessions: {name} is of the bar itself there, or not known"
            return told, "decide on bars shorter than 1d, or compare with a bar before, as in lag(high, 1)"
        if is_of_own_session(name):
            return None  # how long it lasts is the instrument's
        session, minutes = _SESSIONS[name.rsplit("_", 1)[-1]], _least(column.arguments[0], program)
        if minutes >= _minutes(session):
            told = (
                f"an opening of {minutes:g} minutes or more lasts until the session {session.name} ends: no bar leaves"
            )
            return f"{told} its range", f"write less than {_minutes(session)} minutes"
    elif name.startswith(MOMENTS) and holds_days:
        told = f"a bar of {bars} holds whole sessions: {name} tells when they begin, and no time of day"
        return told, "decide on bars shorter than 1d, or leave it out"
    return None


def _least(argument: Term, program: Program) -> float:
    if argument.number is not None:
        return argument.number
    return float(program.parameters[str(argument.words[0])][1].least)


def _minutes(session: Session) -> int:
    """The length of a session; 1440 where it ends as it begins."""
    start, end = (60 * each.hour + each.minute for each in (session.start, session.end))
    return (end - start) % 1440 or 1440

"""The page where strategy documents are written: checked at once, explained, saved by a deliberate press."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from app.operations import documents, visitors
from app.operations.formatting import refusal_text
from app.operations.package_text import what_trades
from app.operations.variants import admitted_name, place, record, rehearse
from app.tokens import Scope
from conf.compose import compose_without_strategy
from conf.environment import conf_folder, display_path, documents_folder
from strategies.documents import documents_in
from tradewright.dsl.check import check
from tradewright.dsl.explain import Explanation, explain
from tradewright.dsl.layout import formatted, renamed
from tradewright.dsl.problem import Problem, Severity
from tradewright.model.errors import ConfigError, TradewrightError
from tradewright.store.files import write_bytes

NEW, EXAMPLE, OWN = "a new document", "example: ", "conf/strategy: "
BEGINNING, FIRST_NAME = "ma_crossover", "my_strategy"
"""The example that a new document begins with, and its name there."""
ROOM = 88
"""Characters of a line that are drawn, around the place of the problem."""


@dataclass(frozen=True)
class Opened:
    """The document that was picked.

    Args:
        origin: one of :func:`origins`.
        text: as it stood there; empty where it cannot be read.
        problem: why it cannot.
    """

    origin: str
    text: str = ""
    problem: str = ""


@dataclass(frozen=True)
class DrawnProblem:
    """One problem, with its line of the document.

    Args:
        place: line and column; empty where there are none.
        line, caret: the line and a sign under the character, in a font of one width; empty without a line.
    """

    problem: Problem
    place: str = ""
    line: str = ""
    caret: str = ""


@dataclass(frozen=True)
class DocumentView:
    """What ``tradewright dsl check`` and ``explain`` say of a text.

    Args:
        headline: whether it is sound, with the hash of its meaning or the number of problems.
        explained: None where there are errors.
    """

    headline: str
    is_sound: bool
    problems: tuple[DrawnProblem, ...]
    explained: Explanation | None = None

    @property
    def sections(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The explanation by its headings; none where there are errors."""
        told = self.explained
        if told is None:
            return ()
        return (
            ("What it does", told.does),
            ("What it needs", told.needs),
            ("When it trades", told.trades),
            ("What it can lose", told.risks),
        )

    @property
    def reads(self) -> tuple[dict[str, str], ...]:
        """The look-back of each expression as rows: the oldest and the newest bar that it reads, deciding in bar i."""
        rows = self.explained.proof if self.explained else ()
        return tuple(
            {"expression": row.path, "oldest bar": _bar(row.oldest, "0"), "newest bar": _bar(row.newest, "none")}
            for row in rows
        )


@dataclass(frozen=True)
class Kept:
    """What a press on the button did, or why it was refused, as text."""

    text: str = ""
    is_done: bool = False
    opened: Opened | None = None
    """The document as it is in ``conf/strategy`` now; None where nothing was saved."""


def origins() -> tuple[str, ...]:
    """What can be opened: a beginning, the documents of ``conf/strategy``, those that ship."""
    folder = documents_folder()
    own = (path.stem for path in documents_in(folder)) if folder else ()
    return (NEW, *(f"{OWN}{name}" for name in own), *(f"{EXAMPLE}{name}" for name in documents.examples()))


def opened(origin: str) -> Opened:
    """The text of an origin; a refusal comes back as ``problem``."""
    try:
        if origin.startswith(OWN):
            return Opened(origin, documents.text_of(_file(origin.removeprefix(OWN))))
        if origin.startswith(EXAMPLE):
            return Opened(origin, documents.example(origin.removeprefix(EXAMPLE)))
        return Opened(NEW, renamed(documents.example(BEGINNING), FIRST_NAME))
    except TradewrightError as error:
        return Opened(origin, problem=str(error))


def opener(
    note: Callable[[Opened], None], show: Callable[[str], None], tell: Callable[[Kept], None]
) -> Callable[[str | None], None]:
    """The callback of a list of :func:`origins`: it opens the picked one, and forgets what was told of another.

    Args:
        note: gets the document as it stood there.
        show: gets its text, to be written in.
    """

    def act(origin: str | None) -> None:
        found = opened(origin or NEW)
        note(found)
        show(found.text)
        tell(Kept())

    return act


def view(text: str, least: Decimal | None = None) -> DocumentView:
    """Everything that is wrong with a text, or what it means.

    Args:
        least: the confidence below which the policy asks a person; None where that is not known.
    """
    found = check(text)
    problems = tuple(_drawn(text, each) for each in found.problems)
    warnings = _counted(len(found.problems) - len(found.errors), "warning")
    if found.document is None or found.program is None:
        told = _counted(len(found.errors), "error")
        more = f", {warnings}" if len(found.problems) > len(found.errors) else ""
        return DocumentView(f"{told}{more}", False, problems)
    with_warnings = f", with {warnings}" if problems else ""
    headline = f"{found.document.id} is sound{with_warnings}; the hash of its meaning is {found.program.hash[:16]}"
    return DocumentView(headline, True, problems, explain(found.document, found.program, least))


def tidied(text: str) -> str:
    """A document with its expressions in the one style, as ``tradewright dsl fmt`` writes them.

    A text that is no YAML stays as it is: :func:`view` tells why.
    """
    try:
        return formatted(text)
    except TradewrightError:
        return text


def save(overrides: Sequence[str], text: str, replaced: Opened | None = None) -> Kept:
    """Save a sound document under its own id into ``conf/strategy``; a refusal comes back as text.

    The whole configuration is checked with it before it is there, and the audit log holds who saved what; what it
    cannot hold is not kept.

    Args:
        replaced: the document of that id, as it was opened, where it may be replaced; None replaces none.
    """
    visitor = visitors.present()
    try:
        visitors.demand(visitor, Scope.ADMIN)
        return _saved(overrides, text, replaced, visitor.actor)
    except (TradewrightError, OSError) as error:
        return Kept(f"refused: {refusal_text(error)}")


def _saved(overrides: Sequence[str], text: str, replaced: Opened | None, actor: str) -> Kept:
    found, folder = check(text), conf_folder()
    if found.document is None or found.program is None:
        what = f"the document has {_counted(len(found.errors), 'error')}"
        raise ConfigError(what, where="document", remedy="correct what is listed, then save it")
    if "${" in text:
        what = "${...} stands in it, which would be read as a variable of the settings"
        raise ConfigError(what, where="document", remedy="write the value out")
    name, data = admitted_name(found.document.id), text.encode()
    path = _file(name)
    shown, before = display_path(path, folder), _before(path, replaced)
    if before == data:
        return Kept(f"{shown}: is there already, the same", True, Opened(f"{OWN}{name}", text))
    settings = compose_without_strategy(overrides)
    rehearse(folder, path, data)
    write_bytes(path, data) if before else place(path, data)
    try:
        record(settings, path, data, actor, "SAVE_DOCUMENT", before)
    except TradewrightError:
        write_bytes(path, before) if before else path.unlink()
        raise
    done = "replaced" if before else "written"
    return Kept(f"{shown}: {done}; {what_trades(name)}", True, Opened(f"{OWN}{name}", text))


def _before(path: Path, replaced: Opened | None) -> bytes:
    """The content that is to be replaced; empty where there is none."""
    if not (path.exists() or path.is_symlink()):
        return b""
    shown = display_path(path, conf_folder())
    if replaced is None:
        remedy = "give the document another id, or open that one, change it, and choose to replace it"
        what = "there is a strategy of that name, and none is overwritten unasked"
        raise ConfigError(what, where=shown, remedy=remedy)
    if path.is_symlink() or not path.is_file():
        raise ConfigError("it is a link or no file", where=shown, remedy="change what it leads to")
    before = path.read_bytes()
    if replaced.origin != f"{OWN}{path.stem}" or replaced.text.encode() != before:
        remedy = "open that one in the list, so that it is seen what would be lost"
        what = "it is not the document that was opened here, or was changed since"
        raise ConfigError(what, where=shown, remedy=remedy)
    return before


def _file(name: str) -> Path:
    return conf_folder() / "strategy" / f"{name}.yaml"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _bar(back: int | None, unknown: str) -> str:
    if back is None:
        return unknown
    return f"i - {back}" if back else "i"


def _drawn(text: str, problem: Problem) -> DrawnProblem:
    """A problem with its line, cut to :data:`ROOM` characters around its column."""
    loc, lines = problem.loc, text.splitlines()
    if not 1 <= loc.line <= len(lines):
        return DrawnProblem(problem)
    whole, at = lines[loc.line - 1], max(loc.column - 1, 0)
    start = max(min(at - ROOM // 2, len(whole) - ROOM), 0)
    part = "".join(sign if sign.isprintable() else " " for sign in whole[start : start + ROOM])
    number = f"{loc.line} | "
    ahead = sum(_width(sign) for sign in part[: at - start])
    caret = f"{' ' * (len(number) + ahead)}^"
    severity = "" if problem.severity is Severity.ERROR else f"{problem.severity}, "
    return DrawnProblem(problem, f"{severity}line {loc.line}, column {loc.column}", f"{number}{part}", caret)


def _width(sign: str) -> int:
    """The places that a character takes in a font of one width."""
    if unicodedata.combining(sign):
        return 0
    return 2 if unicodedata.east_asian_width(sign) in ("W", "F") else 1

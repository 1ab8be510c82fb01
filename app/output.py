"""Output of commands: tables or one JSON document; errors with what, where and what to do; exit codes.

Exit codes of every command: 0 done; 1 refused or failed, with the reason printed; 2 wrong usage (unknown command or
option, missing argument), which typer decides before the command starts.
"""

from __future__ import annotations

import json
import logging
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import redirect_stdout
from decimal import Decimal
from typing import TypeVar

import typer
from typer._click.globals import get_current_context

from app.logs import quiet_libraries
from tradewright.model.errors import ConfigError, TradewrightError

Reply = TypeVar("Reply")
DONE, FAILED = 0, 1
LOG = logging.getLogger("tradewright.command")
MOST_DRAWN = 1000
"""Rows of a table that is laid out for its window; a longer one would take milliseconds a row."""
PIPED_WIDTH = 240
"""Columns where there is no terminal: readers of a pipe want whole lines."""
_CONTROLS = dict.fromkeys((*range(32), 127, *range(128, 160), 0x2028, 0x2029), " ") | dict.fromkeys(
    (0x061C, 0x200E, 0x200F, 0xFEFF, *range(0x202A, 0x202F), *range(0x2066, 0x206A)), ""
)
"""Control characters (terminal escapes begin with one) become spaces; marks that reorder text are dropped."""


_CORRECT_IT = "correct it; tradewright check lists all problems"
_COMMAND = re.compile(r"\btradewright [a-z]")
_SEVERAL = re.compile(r"[^\[{(\"']*,|(range|choice|interval|glob)\(")
"""The values of a sweep, which other commands do not take."""
_SECRET_KEYS = ("storage.ledger_url",)


def given_settings() -> tuple[str, ...]:
    """The settings that were given to the command that runs, for those that it tells a person to run next.

    Values of a sweep are left out, and an address with a password has dots in its place.
    """
    context = get_current_context(silent=True)
    words = {**context.params} if context else {}
    given = words.get("overrides") or [word for word in words.get("words") or () if "=" in word]
    shown = []
    for text in given:
        key, _, value = text.partition("=")
        is_secret = key.lstrip("+") in _SECRET_KEYS or "://" in value
        if not _SEVERAL.match(value):
            shown.append(f"{key}=..." if is_secret else text)
    return tuple(shown)


def printable(text: object) -> str:
    """A text of foreign origin (reasons, messages of a venue) as one line without control characters or escapes."""
    return str(text).encode("utf-8", "replace").decode().translate(_CONTROLS)


class Output:
    """Where a command's results and messages go.

    Args:
        as_json: one JSON document on standard output; everything else goes to standard error.
    """

    def __init__(self, as_json: bool) -> None:
        from rich.console import Console  # the help of a command does without

        self.as_json = as_json
        self.settings = given_settings()
        """The settings of the command, which the commands that it names need as well."""
        self._names_a_command = False
        self.messages = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)
        self.stream = sys.stdout
        """Standard output, which this class alone writes to while a command runs."""
        self._results = Console(file=self.stream, highlight=False, soft_wrap=True, emoji=False)
        if not self._results.is_terminal:
            self._results.width = PIPED_WIDTH

    def say(self, text: str) -> None:
        """A message on the way; never part of the result."""
        self._notice(text)
        self.messages.print(_lines(text), markup=False)

    def line(self, text: str) -> None:
        """A line of the result for people."""
        if not self.as_json:
            self._notice(text)
            self._results.print(_lines(text), markup=False)

    def next(self, label: str, *words: str, settings: Sequence[str] = (), without: str = "") -> None:
        """A line with a command for a person to run, with the settings of this one.

        Args:
            words: the command and what belongs before its settings.
            settings: further ones, which win over those that were given.
            without: the group whose given settings are not meant.
        """
        if not self.as_json:
            kept = [text for text in self.settings if not without or not text.lstrip("+~").startswith(without)]
            command = shlex.join(["tradewright", *words, *kept, *settings])
            self._results.print(_lines(f"{label}: {command}"), markup=False)

    def tell_settings(self, *, with_messages: bool = False) -> None:
        """The settings that the commands need which the lines so far have named; nothing where they named none."""
        if self._names_a_command:
            text = f"give each command your settings too: {shlex.join(self.settings)}"
            (self.messages if self.as_json or with_messages else self._results).print(_lines(text), markup=False)
        self._names_a_command = False

    def _notice(self, text: str) -> None:
        named = self.settings and _COMMAND.search(text) and not text.endswith(_CORRECT_IT)
        if named and shlex.join(self.settings) not in text:
            self._names_a_command = True

    def table(self, title: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """A table of the result for people; numbers stand on the right. A long one is written in plain lines."""
        if self.as_json:
            return
        from rich.markup import escape
        from rich.table import Table

        body = [[_cell(value) for value in row] for row in rows]
        for cell in (cell for row in body for cell in row):
            self._notice(cell)
        if len(body) > MOST_DRAWN:
            self.stream.write("\n".join(_plain_table(printable(title), [printable(name) for name in header], body)))
            return
        shown = escape(printable(title))
        table = Table(title=shown, title_justify="left", header_style="bold", box=None, pad_edge=False)
        for position, name in enumerate(header):
            is_number = bool(body) and all(_is_number(row[position]) for row in body)
            table.add_column(escape(printable(name)), justify="right" if is_number else "left", overflow="fold")
        for row in body:
            table.add_row(*map(escape, row))
        self._results.print(table)

    def result(self, value: object) -> None:
        """The one JSON document."""
        from app.operations.formatting import document  # numpy, which --help can do without

        if self.as_json:
            self.stream.write(json.dumps(document(value), allow_nan=False) + "\n")


def run_operation(
    as_json: bool,
    operation: Callable[[Output], Reply],
    show: Callable[[Output, Reply], object],
    status: Callable[[Reply], int] = lambda _reply: DONE,
) -> None:
    """Run an operation, print its reply, write the JSON document.

    Args:
        operation: does the work; errors are reported as by :func:`run_command`.
        show: prints the reply for people and returns the JSON document.
        status: the exit code that the reply calls for, ``DONE`` or ``FAILED``.

    Raises:
        typer.Exit: with status 1 when the operation was refused or failed.
    """

    def act(output: Output) -> None:
        reply = operation(output)
        output.result(show(output, reply))
        if status(reply):
            raise typer.Exit(FAILED)

    run_command(as_json, act)


def run_command(as_json: bool, act: Callable[[Output], None]) -> None:
    """Carry out a command; a refusal is printed and ends with status 1.

    Raises:
        typer.Exit: with status 1 when the command was refused or failed.
    """
    quiet_libraries()
    output = Output(as_json)
    try:
        _act(output, act)
    except ConfigError as error:
        _refuse(output, error.code, error.what, error.where, error.remedy or _CORRECT_IT)
    except TradewrightError as error:
        _refuse(output, error.code, error.what, error.where, error.remedy)
    except OSError as error:
        where, remedy = str(error.filename or ""), "check the path, its owner, the disk"
        _refuse(output, "OS_ERROR", error.strerror or str(error), where, remedy)
    except ValueError as error:
        from pydantic import ValidationError

        if not isinstance(error, ValidationError):
            raise
        from tradewright.model.plain_words import plain_rule

        problems = "; ".join(f"{'.'.join(map(str, row['loc']))} {plain_rule(row)}" for row in error.errors())
        _refuse(output, "WRONG_ARGUMENT", problems, "command line", "see --help")


def _act(output: Output, act: Callable[[Output], None]) -> None:
    try:
        with redirect_stdout(sys.stderr):  # a strategy may print, and standard output is one document or one table
            act(output)
    except typer.Exit:
        output.tell_settings()
        raise
    output.tell_settings()


def _refuse(output: Output, code: str, what: str, where: str, remedy: str) -> None:
    LOG.error("%s: %s: %s", code, where, what)
    if output.as_json:
        error = {"code": code, "what": what, "where": where, "remedy": remedy}
        output.stream.write(json.dumps({"error": error}) + "\n")
    text = f"{where}: {what}" if where else what
    output.say(f"error: {text}" + (f"\n  what to do: {remedy}" if remedy else ""))
    output.tell_settings(with_messages=True)
    raise typer.Exit(FAILED)


def _cell(value: object) -> str:
    if isinstance(value, float):
        if 0 < abs(value) < 0.01:
            return f"{Decimal(f'{value:.6g}'):f}"
        return f"{value:,.4f}".rstrip("0").rstrip(".") if abs(value) < 1e15 else f"{value:g}"
    if isinstance(value, Decimal):
        return f"{value:f}"
    return "" if value is None else printable(value)


def _plain_table(title: str, header: Sequence[str], body: list[list[str]]) -> Iterator[str]:
    widths = [max(len(name), *map(len, column)) for name, column in zip(header, zip(*body, strict=True), strict=True)]
    yield title
    for row in (list(header), *body):
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    yield ""


def _lines(text: str) -> str:
    return "\n".join(printable(line) for line in text.split("\n"))


def _is_number(text: str) -> bool:
    return not text or text.lstrip("+-").replace(",", "").replace(".", "", 1).isdigit()

"""Strategy documents: check, explain, format, their schema, and those that ship as examples."""

from __future__ import annotations

import difflib
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

from conf.compose import compose_without_strategy
from conf.environment import conf_folder
from conf.problems import ConfigProblems
from conf.scenarios import scenarios
from strategies.documents import LIBRARY
from tradewright.dsl.check import Checked, check, compiled
from tradewright.dsl.explain import Explanation, explain
from tradewright.dsl.layout import formatted
from tradewright.dsl.problem import Problem, Severity
from tradewright.model.base import FrozenModel
from tradewright.model.errors import ConfigError

MAX_BYTES = 1024 * 1024


class CheckedFile(FrozenModel):
    """What was found of one file; ``hash`` is that of its meaning, empty where there are errors."""

    file: str
    hash: str
    problems: tuple[Problem, ...]

    @property
    def is_sound(self) -> bool:
        """Whether it can be used."""
        return all(problem.severity is not Severity.ERROR for problem in self.problems)


class Formatted(FrozenModel):
    """One file whose expressions were looked at; ``changed`` where they are not in the one style."""

    file: str
    changed: bool


def text_of(file: Path) -> str:
    """The text of a document, with the ends of its lines as they are.

    Raises:
        ConfigError: it cannot be read, is no file (a folder, a pipe, a device), is too large, or is no UTF-8.
    """
    try:
        if file.exists() and not file.is_file():
            raise ConfigError("it is no plain file", where=str(file), remedy="name a file")
        if file.stat().st_size > MAX_BYTES:
            raise ConfigError(f"larger than {MAX_BYTES} bytes", where=str(file), remedy="split it")
        return file.read_bytes().decode("utf-8")
    except OSError as error:
        remedy = _file_of(file) or "name a file that is there"
        raise ConfigError(f"the file cannot be read: {error.strerror}", where=str(file), remedy=remedy) from error
    except UnicodeDecodeError as error:
        remedy = "save it as UTF-8"
        raise ConfigError(f"no UTF-8 text at byte {error.start}", where=str(file), remedy=remedy) from error


def _file_of(name: Path) -> str:
    """What to do where a strategy's name stands for its file; empty where it is none."""
    with suppress(ConfigError):
        known = conf_folder() / "strategy" / f"{name}.yaml"
        if name.parent == Path() and known.is_file():
            return f"name its file: {known}"
    return ""


def check_files(files: list[Path], bars: int | None = None, scenario: str = "") -> list[CheckedFile]:
    """Every problem of some documents.

    Args:
        bars: the length of the data that they are to be run on; None where that is not known.
        scenario: of ``conf/scenario``, whose length is taken, or the lesser of both.

    Raises:
        ConfigError: a file that cannot be read; there is no such scenario.
    """
    known = [] if bars is None else [bars]
    known += [each.duration_bars for each in scenarios([scenario])] if scenario else []
    return [_checked(file, check(text_of(file), min(known, default=None))) for file in files]


def _checked(file: Path, found: Checked) -> CheckedFile:
    return CheckedFile(file=str(file), hash=found.program.hash if found.program else "", problems=found.problems)


def explain_file(file: Path, overrides: Sequence[str] = ()) -> Explanation:
    """A document in words, with what the policy in force says to its confidence.

    Args:
        overrides: of the settings.

    Raises:
        ConfigError: it cannot be read, or is wrong (``DocumentRefused``).
    """
    document, program = compiled(text_of(file), str(file))
    return explain(document, program, least_confidence(overrides))


def least_confidence(overrides: Sequence[str] = ()) -> Decimal | None:
    """Below it the policy in force sends an entry to a person; None where the settings are wrong.

    A document is explained whatever else is wrong.
    """
    with suppress(ConfigProblems):
        return compose_without_strategy(overrides).policy.min_confidence
    return None


def format_file(file: Path, *, only_look: bool) -> Formatted:
    """Write a document's expressions in the one style.

    Args:
        only_look: whether the file stays as it is.

    Raises:
        ConfigError: it cannot be read or written, or is no YAML.
    """
    text = text_of(file)
    made = formatted(text)
    if made != text and not only_look:
        _rewrite(file.resolve(), made)  # a link stays one
    return Formatted(file=str(file), changed=made != text)


def _rewrite(file: Path, text: str) -> None:
    """Replace the text of a file, whole or not at all; its mode stays."""
    beside = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        beside.write_bytes(text.encode())
        shutil.copymode(file, beside)
        beside.replace(file)
    except OSError as error:
        with suppress(OSError):
            beside.unlink()
        remedy = "make its folder writable; the file is as it was"
        raise ConfigError(f"it cannot be written: {error.strerror}", where=str(file), remedy=remedy) from error


def examples() -> list[str]:
    """The names of the documents that ship."""
    return sorted(path.stem for path in LIBRARY.glob("*.yaml"))


def example(name: str) -> str:
    """The text of a document that ships.

    Raises:
        ConfigError: there is none of that name.
    """
    if name not in examples():
        near = difflib.get_close_matches(name, examples(), n=1)
        remedy = f"did you mean {near[0]!r}?" if near else f"one of {', '.join(examples())}"
        raise ConfigError(f"there is no example {name!r}", where="dsl example", remedy=remedy)
    return (LIBRARY / f"{name}.yaml").read_text(encoding="utf-8")

"""The file of variables, ``.env``: its values, and what is wrong with it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import parse_stream

from tradewright.model.errors import ConfigError


def values_of(path: Path) -> Mapping[str, str | None]:
    """The variables of a file, as far as it can be read; none of one that is not there. Tells nothing, and never fails:
    a kill switch reads it too.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else None
    except OSError:
        return {}
    if text is None:
        return dotenv_values(path)  # a pipe is read once; of anything else nothing is
    sound = "".join(each.original.string for each in parse_stream(io.StringIO(text)) if not each.error)
    return dotenv_values(stream=io.StringIO(sound))


def demand_sound(path: Path) -> dict[str, int]:
    """Refuse a file of which a line would be passed over.

    Returns:
        Its variables, each with its line; none of a file that is not there.

    Raises:
        ConfigError: with file and line, where it is no text, a line gives no variable, or one is given twice.
    """
    if not path.is_file():
        return {}
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        what = f"is not UTF-8 text at byte {error.start}"
        raise ConfigError(what, where=path.name, remedy="save it as UTF-8 text") from error
    except OSError as error:
        remedy = "see who may read it"
        raise ConfigError(f"cannot be read: {error.strerror}", where=path.name, remedy=remedy) from error
    seen: dict[str, int] = {}
    for each in parse_stream(io.StringIO(text)):
        above = each.original.string[: len(each.original.string) - len(each.original.string.lstrip())].count("\n")
        line = each.original.line + above
        where = f"{path.name}:{line}"
        if each.error or (each.key is not None and each.value is None):
            remedy = "write NAME=VALUE, close a quote on its line, or put # before a remark"
            raise ConfigError("the line gives no variable", where=where, remedy=remedy)
        if each.key in seen:
            what = f"{each.key} is given twice, first on line {seen[each.key]}"
            raise ConfigError(what, where=where, remedy="keep one")
        if each.key is not None:
            seen[each.key] = line
    return seen

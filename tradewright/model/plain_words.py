"""The errors of a schema in the words of a person: what a value must be, spelt out, without a library's phrases."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import date
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from tradewright.model.base import NAME_PATTERN

_NUMBER = "must be a number in plain digits, such as 0.01"
_WHOLE = "must be a whole number in plain digits, such as 10"
_MAPPING = "must be a mapping of keys to values"
_MOMENT = "must be a day or a moment, written 2026-11-20 or 2026-11-20T15:00:00Z"
_OR_A_DAY = ("date",)
"""The end of the place of an error about the day, where a moment is admitted as well."""
_LONGEST = 40
"""Characters of a value that are repeated in a rule."""
_PATTERNS = {
    r"^ed25519:[A-Za-z0-9+/]{43}=$": "must be a public key as tradewright package key prints it",
    r"^[0-9a-f]{32}$": "must be 32 digits of 0-9 and a-f",
    r"^[A-Z]{3}$": "must be three capital letters, as USD (ISO 4217)",
    r"^[A-Z]{3,5}$": "must be three to five capital letters, such as USD",
    r"^([01]\d|2[0-3]):[0-5]\d$": "must be a time of day from 00:00 to 23:59, such as 09:30",
    r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$": (
        "must begin with a letter or a digit and hold only letters, digits and . _ -, at most 64"
    ),
    r"^expect_[a-z_]+$": "must be an expectation, such as expect_column_values_to_be_between",
    r"^[A-Z][A-Z0-9_]*$": "must begin with a capital letter and hold only those, digits and _",
    r"^[a-z0-9]{4,28}$": "must be 4 to 28 small letters and digits",
    r"^[0-9a-f]{64}$": "must be 64 digits of 0-9 and a-f",
    r"^[a-z][a-z0-9_]{0,63}$": "must begin with a small letter and hold only those, digits and _, at most 64",
    r"^[_A-Za-z][_0-9A-Za-z]{0,99}$": "must begin with a letter or _ and hold only those and digits, at most 100",
    r"^[0-9A-Za-z]{1,100}$": "must be 1 to 100 letters and digits, as a subgraph's page shows them",
    r"^[a-z][a-z0-9_]{0,31}$": "must begin with a small letter and hold only those, digits and _, at most 32",
    r"^0\.1(\.[0-9]+)?$": "must be the version of the language, 0.1",
    r"^[A-Za-z0-9][A-Za-z0-9._:-]*(/[A-Za-z0-9][A-Za-z0-9._:-]*)*$": "must be the name of an instrument",
}
"""The sentence of every pattern of a model."""
_NAME = "must begin with a letter or a digit and hold only letters, digits and . _ / : -, at most 64"


def plain_rule(error: Mapping[str, Any]) -> str:
    """What is demanded of the value of one of pydantic's errors, as ``must be ...``; never pydantic's own phrase.

    Args:
        error: a row of ``ValidationError.errors()``.
    """
    kind, value, context = str(error["type"]), error.get("input"), error.get("ctx") or {}
    if tuple(error.get("loc") or ())[-1:] == _OR_A_DAY and kind.startswith("date"):
        return _MOMENT
    for names, rule in _BY_KIND:
        if names.fullmatch(kind):
            return rule(value, context)
    text = str(error["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return re.sub(r"^(Input|Value|String|Object|Tuple|List|Set) should", "must", text)


def without_moments_of_days(errors: Sequence[ErrorDetails]) -> list[ErrorDetails]:
    """The errors of a schema, without those of a moment where a day is admitted as well, whose own error says both."""
    days = {error["loc"][:-1] for error in errors if error["loc"][-1:] == _OR_A_DAY}
    return [row for row in errors if not (row["type"].startswith("datetime") and row["loc"][:-1] in days)]


def plain_error(error: Exception) -> str:
    """The text of an error; of a schema's the first problem, in the words of :func:`plain_rule` and on one line."""
    if not isinstance(error, ValidationError):
        return str(error)
    first = without_moments_of_days(error.errors(include_url=False))[0]
    return f"{'.'.join(map(str, first['loc']))} {plain_rule(first)}".strip()


def _list(value: object, _context: Mapping[str, Any]) -> str:
    if isinstance(value, str) and value.strip() and len(value) <= _LONGEST:
        return f"must be a list: [{value.strip()}]"
    return "must be a list: [A, B]"


def _number(value: object, _context: Mapping[str, Any]) -> str:
    text = value.strip() if isinstance(value, str) and len(value) <= _LONGEST else ""
    with suppress(ValueError):
        plain = float(text.rstrip("%").strip().lstrip("$").replace(",", ""))
        if text.endswith("%"):
            return f"must be a fraction in plain digits: {plain / 100:g}"
        return f"must be a number in plain digits, without quotes or other signs: {plain:.15g}"
    return _NUMBER


def _instant(value: object, _context: Mapping[str, Any]) -> str:
    """Of a moment alone: a day is none, for it does not say at which hour, nor where."""
    with suppress(ValueError, TypeError):
        return f"must be a moment with its zone, such as {date.fromisoformat(value)}T15:00:00Z"  # type: ignore[arg-type]
    return "must be a moment with its zone, written 2026-11-20T15:00:00Z"


def _text(value: object, _context: Mapping[str, Any]) -> str:
    return f'must be text; quote it: "{value}"' if isinstance(value, int | float) else "must be text"


def _pattern(_value: object, context: Mapping[str, Any]) -> str:
    pattern = str(context.get("pattern"))
    return _PATTERNS.get(pattern, _NAME if pattern == NAME_PATTERN.pattern else f"must have the form {pattern}")


def _bound(words: str, name: str) -> Callable[[object, Mapping[str, Any]], str]:
    def rule(_value: object, context: Mapping[str, Any]) -> str:
        bound = context[name]
        return f"must be {words} {f'{bound:g}' if isinstance(bound, float) else bound}"

    return rule


def _fixed(text: str) -> Callable[[object, Mapping[str, Any]], str]:
    return lambda _value, _context: text


_BY_KIND: tuple[tuple[re.Pattern[str], Callable[[object, Mapping[str, Any]], str]], ...] = tuple(
    (re.compile(kind), rule)
    for kind, rule in (
        (r"(list|tuple|set|frozen_set|iterable)_type", _list),
        (r"too_short", _fixed("must not be empty")),
        (r"too_long", lambda _value, context: f"must have at most {context['max_length']} values"),
        (r"(float|decimal)_(type|parsing)|is_instance_of", _number),
        (r"int_(type|parsing|from_float|parsing_size)", _fixed(_WHOLE)),
        (r"finite_number", _fixed("must be a finite number")),
        (r"bool_(type|parsing)", _fixed("must be a boolean: true or false")),
        (r"string_type", _text),
        (r"string_too_short", _fixed("must not be empty")),
        (r"string_too_long", lambda _value, context: f"must have at most {context['max_length']} characters"),
        (r"string_pattern_mismatch", _pattern),
        (r"(dict|model|dataclass|mapping)_type|model_attributes_type|dataclass_exact_type", _fixed(_MAPPING)),
        (r"date(_.*)?", _fixed("must be a day, written 2026-11-20")),
        (r"datetime(_.*)?", _instant),
        (r"greater_than", _bound("above", "gt")),
        (r"greater_than_equal", _bound("at least", "ge")),
        (r"less_than", _bound("below", "lt")),
        (r"less_than_equal", _bound("at most", "le")),
        (r"none_required", _fixed("must be null")),
        (r"json_invalid", lambda _value, context: f"is no JSON: {context['error']}"),
        (r"missing", _fixed("is missing")),
        (r"extra_forbidden|unexpected_keyword_argument", _fixed("is not a key here")),
    )
)

"""pydantic's errors in the terms of a configuration: the key as written, the value, the rule, the nearest name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import get_args, get_origin

from pydantic import BaseModel
from pydantic.dataclasses import is_pydantic_dataclass
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from conf.problems import RuleViolation, nearest
from conf.yaml_reader import Key
from tradewright.model.plain_words import plain_rule, without_moments_of_days

_QUOTED = re.compile(r"'([^']+)'")


def explained(errors: Sequence[ErrorDetails], tree: object, schema: object) -> Iterator[RuleViolation]:
    """What pydantic found, in our words: the key as it is written, the value, the rule, the nearest right name.

    Args:
        tree: the plain values that were validated.
        schema: what they were validated against: a model, or the annotation of a choice between several.
    """
    typos = {tuple(map(str, error["loc"][:-1])): str(error["loc"][-1]) for error in errors if _is_extra(error)}
    told = set()
    wrong = {tuple(map(str, error["loc"])) for error in errors}
    for error in without_moments_of_days(errors):
        if _follows(error, wrong):
            continue
        location = tuple(str(part) for part in error["loc"] if part != "[key]")
        if error["type"] == "missing" and _is_similar(typos.get(location[:-1], ""), location[-1]):
            continue
        key = _written_key(tree, location)
        explain = _BY_TYPE.get(error["type"], _as_rule)
        found = explain(error, key, schema)
        if (found.key, found.rule) not in told:  # every kind that a value may have is an error of its own
            told.add((found.key, found.rule))
            yield found


def _follows(error: ErrorDetails, wrong: set[Key]) -> bool:
    """Whether an error is told by another: a list is too short of right values, a symbol repeats the key of its row."""
    location = tuple(map(str, error["loc"]))
    if error["type"] == "too_short":
        return any(each[: len(location)] == location and len(each) > len(location) for each in wrong)
    return location[-1:] == ("symbol",) and (*location[:-1], "[key]") in wrong


def _as_extra(_error: ErrorDetails, key: Key, schema: object) -> RuleViolation:
    names = field_names(schema, key[:-1])
    if key[-1] in names:
        return RuleViolation(key, None, "is not a key of this kind")
    return RuleViolation(key, None, "is not a key here", nearest(key[-1], names))


def _as_missing(_error: ErrorDetails, key: Key, _schema: object) -> RuleViolation:
    return RuleViolation(key, None, "is missing")


def _as_kind(error: ErrorDetails, key: Key, _schema: object) -> RuleViolation:
    """A union's tag is wrong: the tag is told, never the whole group, which may hold secrets."""
    known = _QUOTED.findall(error["ctx"]["expected_tags"])
    tag = str(error["ctx"]["tag"])
    return RuleViolation((*key, _tag_key(error)), tag, f"must be one of {', '.join(known)}", nearest(tag, known))


def _as_no_kind(error: ErrorDetails, key: Key, _schema: object) -> RuleViolation:
    return RuleViolation((*key, _tag_key(error)), None, "is missing")


def _tag_key(error: ErrorDetails) -> str:
    """The key that tells the choices of a union apart: ``kind``, and ``family`` of a scenario."""
    return str(error["ctx"]["discriminator"]).strip("'")


def _as_rule(error: ErrorDetails, key: Key, _schema: object) -> RuleViolation:
    value = error["input"]
    names = _QUOTED.findall(error["msg"]) if error["type"] in ("literal_error", "enum") else []
    near = nearest(value, names) if isinstance(value, str) else ""
    said = f"must be one of {', '.join(names)}" if names else plain_rule(error)
    return RuleViolation(key, value, said, near)


_BY_TYPE: dict[str, Callable[[ErrorDetails, Key, object], RuleViolation]] = {
    "extra_forbidden": _as_extra,
    "unexpected_keyword_argument": _as_extra,
    "missing": _as_missing,
    "union_tag_invalid": _as_kind,
    "union_tag_not_found": _as_no_kind,
}


def _is_extra(error: ErrorDetails) -> bool:
    return error["type"] in ("extra_forbidden", "unexpected_keyword_argument")


def _is_similar(typo: str, name: str) -> bool:
    return bool(typo) and nearest(typo, [name]) == name


def _written_key(tree: object, location: Key) -> Key:
    """pydantic puts a union's tag into the location; what people wrote has no such part."""
    key: list[str] = []
    for position, part in enumerate(location):
        if isinstance(tree, dict) and part in (tree.get("kind"), tree.get("family")) and position < len(location) - 1:
            continue
        if isinstance(tree, dict) and part in tree:
            key.append(part)
            tree = tree[part]
        elif isinstance(tree, list) and part.isdigit() and int(part) < len(tree):
            key.append(part)
            tree = tree[int(part)]
        elif position == len(location) - 1 and isinstance(tree, dict):
            key.append(part)
    return tuple(key)


def field_names(annotation: object, location: Key) -> list[str]:
    """The names of all fields that may stand at a location of the schema."""
    models = list(models_of(annotation))
    if not location:
        return [name for model in models for name in fields_of(model)]
    names: list[str] = []
    for model in models:
        if location[0] in (fields := fields_of(model)):
            names += field_names(fields[location[0]].annotation, location[1:])
    return names or field_names(annotation, location[1:])


def is_declared(annotation: object, key: Key, value: object, tree: object) -> bool:
    """Whether the schema has a place for a value at a key.

    A row of a mapping has a name of the user's choice where it is given whole, and must be there where a part of it is.

    Args:
        tree: the plain values that are there, of which the key may be no part.
    """
    if not key:
        return isinstance(value, dict) or next(models_of(annotation), None) is None
    name, *below = key
    inside = tree.get(name) if isinstance(tree, dict) else None
    fields = [
        found[name].annotation for model in models_of(annotation, rows=False) if name in (found := fields_of(model))
    ]
    rows = [row for row in rows_of(annotation) if not below or inside is not None]
    return any(is_declared(each, tuple(below), value, inside) for each in (*fields, *rows))


def rows_of(annotation: object) -> Iterator[object]:
    """The annotations of the values of every mapping that an annotation admits."""
    if get_origin(annotation) is dict:
        yield get_args(annotation)[1]
        return
    for argument in get_args(annotation):
        yield from rows_of(argument)


def fields_of(model: type) -> dict[str, FieldInfo]:
    """The fields of a model by name; none of a class that is no model."""
    fields: dict[str, FieldInfo] = getattr(model, "__pydantic_fields__", {})
    return fields


def models_of(annotation: object, *, rows: bool = True) -> Iterator[type]:
    """Every model (class or dataclass of pydantic) that an annotation admits.

    Args:
        rows: whether those of the rows of mappings are among them.
    """
    if not rows and get_origin(annotation) is dict:
        return
    if isinstance(annotation, type) and (issubclass(annotation, BaseModel) or is_pydantic_dataclass(annotation)):
        yield annotation
    for argument in get_args(annotation):
        yield from models_of(argument, rows=rows)

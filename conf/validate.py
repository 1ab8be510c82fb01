"""A composed tree to frozen settings: pydantic finds all errors at once, this module says where they were written."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.dataclasses import is_pydantic_dataclass
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from conf.problems import Problem, nearest, told
from conf.rules import STRATEGY_KEYS, Broken, broken_rules, parameter_errors, sealed_stage, strategy_name
from conf.schema.settings import Settings
from conf.yaml_reader import Key, holds, locate
from conf.table_rules import broken_tables

_QUOTED = re.compile(r"'([^']+)'")
_HIDDEN = "**********"


class Composed(NamedTuple):
    """The plain tree that Hydra made, the option of each group, the overrides, and the values of the stage's file."""

    tree: dict[str, Any]
    choices: Mapping[str, str]
    overrides: Mapping[str, str]
    folder: Path
    stage: Mapping[str, Any] | None = None

    def place(self, key: Key) -> tuple[str, int]:
        """The file and line that gave a key its value, or its parent where it is missing; the command line wins."""
        dotted = ".".join(key)
        if any("." in name and f"{dotted}.".startswith(f"{name}.") for name in self.overrides):
            return "command line", 0
        sources = [(path, rest) for path, rest in self._sources(key) if path.is_file()]
        whole = [(path, rest) for path, rest in sources if holds(path, rest)]
        parent = [(path, rest) for path, rest in sources if rest[1:] and holds(path, rest[:-1])]
        path, rest = [*whole, *parent, *sources][0]
        return f"{self.folder.name}/{path.relative_to(self.folder)}", locate(path, rest)

    def _sources(self, key: Key) -> Iterator[tuple[Path, Key]]:
        """Where a key may stand: the nearest group's chosen file, those it is made of, the wider groups, the root."""
        for depth in range(len(key), 0, -1):
            group = "/".join(key[:depth])
            if group in self.choices:
                folder = self.folder / group
                chosen = folder / f"{self.choices[group]}.yaml"
                yield chosen, key[depth:]
                if chosen.is_file() and holds(chosen, ("defaults",)):
                    yield from ((path, key[depth:]) for path in sorted(folder.glob("*.yaml")) if path != chosen)
        yield self.folder / "config.yaml", key


def validate(
    composed: Composed, *, alone: str = "", tables: Iterable[str] = (), swept: bool = False
) -> tuple[Settings | None, list[Problem]]:
    """The settings, or None and every problem.

    Args:
        alone: a group that is looked at by itself: rules that tie it to the choices of other groups are left out.
        tables: those of :data:`~conf.rules.TABLE_GROUPS` whose tables are looked at too.
        swept: as for :func:`conf.compose.compose`.
    """
    tree = composed.tree
    problems = [_not_finite(composed, key, value) for key, value in _leaves(tree, ()) if _is_bad_number(value)]
    if problems:
        return None, problems
    shaped, wrong = _shaped(composed)
    problems = [_problem(composed, row) for row in wrong]
    try:
        settings = Settings.model_validate_json(json.dumps(shaped), strict=True)
    except ValidationError as error:
        found = explained(error.errors(include_url=False), tree, Settings)
        return None, problems + [_problem(composed, row) for row in found]
    problems += [_problem(composed, row) for row in broken_rules(settings, alone, swept=swept)]
    problems += [_problem(composed, row) for row in broken_tables(settings, tables)]
    return (None if problems else settings), problems


def _shaped(composed: Composed) -> tuple[dict[str, Any], list[Broken]]:
    """The tree in the shape of the schema, and all that is wrong where the schema does not look."""
    tree, wrong = dict(composed.tree), list[Broken]()
    if isinstance(rows := tree.get("instruments"), dict):
        tree["instruments"], found = _with_symbols(rows)
        wrong += found
    if isinstance(strategy := tree.get("strategy"), dict):
        option = composed.choices.get("strategy", "")
        tree["strategy"], found = _with_parameters({"name": option, **strategy} if option else strategy)
        wrong += found
        wrong += strategy_name(option, tree["strategy"]["name"]) if option else ()
    if isinstance(stage := tree.get("stage"), dict) and composed.stage is not None:
        wrong += sealed_stage(stage, composed.stage)
    return tree, wrong


def _with_symbols(rows: Mapping[str, Any]) -> tuple[dict[str, Any], list[Broken]]:
    """Gives every instrument its symbol, which is the key of its row."""
    wrong = [
        Broken(("instruments", symbol, "symbol"), None, "is not a key here: the key of the row is the symbol")
        for symbol, row in rows.items()
        if isinstance(row, dict) and "symbol" in row
    ]
    named = {symbol: {**row, "symbol": symbol} if isinstance(row, dict) else row for symbol, row in rows.items()}
    return named, wrong


def _with_parameters(strategy: Mapping[str, Any]) -> tuple[dict[str, Any], list[Broken]]:
    """Moves a strategy's own parameters, which stand beside the common keys, into ``parameters``."""
    common = {key: value for key, value in strategy.items() if key in STRATEGY_KEYS}
    own = {key: value for key, value in strategy.items() if key not in STRATEGY_KEYS}
    wrong = [row._replace(key=("strategy", *row.key)) for row in parameter_errors(strategy.get("kind"), own)]
    return {**common, "parameters": {} if wrong else own}, wrong


def explained(errors: Sequence[ErrorDetails], tree: object, schema: type[BaseModel]) -> Iterator[Broken]:
    """What pydantic found, in our words: the key as it is written, the value, the rule, the nearest right name.

    Args:
        tree: the plain values that were validated.
        schema: what they were validated against.
    """
    typos = {tuple(map(str, error["loc"][:-1])): str(error["loc"][-1]) for error in errors if _is_extra(error)}
    for error in errors:
        location = tuple(str(part) for part in error["loc"])
        if error["type"] == "missing" and _is_similar(typos.get(location[:-1], ""), location[-1]):
            continue
        key = _written_key(tree, location)
        explain = _WORDS.get(error["type"], _as_pydantic_says)
        yield explain(error, key, schema)


def _as_extra(_error: ErrorDetails, key: Key, schema: type[BaseModel]) -> Broken:
    return Broken(key, None, "is not a key here", nearest(key[-1], field_names(schema, key[:-1])))


def _as_missing(_error: ErrorDetails, key: Key, _schema: type[BaseModel]) -> Broken:
    return Broken(key, None, "is missing")


def _as_kind(error: ErrorDetails, key: Key, _schema: type[BaseModel]) -> Broken:
    """A union's tag is wrong: the tag is told, never the whole group, which may hold secrets."""
    known = _QUOTED.findall(error["ctx"]["expected_tags"])
    tag = str(error["ctx"]["tag"])
    return Broken((*key, "kind"), tag, f"must be one of {', '.join(known)}", nearest(tag, known))


def _as_no_kind(_error: ErrorDetails, key: Key, _schema: type[BaseModel]) -> Broken:
    return Broken((*key, "kind"), None, "is missing")


def _as_pydantic_says(error: ErrorDetails, key: Key, _schema: type[BaseModel]) -> Broken:
    value = error["input"]
    names = _QUOTED.findall(error["msg"]) if error["type"] in ("literal_error", "enum") else []
    near = nearest(value, names) if isinstance(value, str) else ""
    return Broken(key, value, error["msg"].removeprefix("Value error, "), near)


_WORDS: dict[str, Callable[[ErrorDetails, Key, type[BaseModel]], Broken]] = {
    "extra_forbidden": _as_extra,
    "missing": _as_missing,
    "union_tag_invalid": _as_kind,
    "union_tag_not_found": _as_no_kind,
}


def _is_extra(error: ErrorDetails) -> bool:
    return error["type"] == "extra_forbidden"


def _is_similar(typo: str, name: str) -> bool:
    return bool(typo) and nearest(typo, [name]) == name


def _written_key(tree: object, location: Key) -> Key:
    """pydantic puts a union's tag into the location; what people wrote has no such part."""
    key: list[str] = []
    for position, part in enumerate(location):
        if isinstance(tree, dict) and tree.get("kind") == part and position < len(location) - 1:
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
    models = list(_models(annotation))
    if not location:
        return [name for model in models for name in _fields(model)]
    names: list[str] = []
    for model in models:
        if location[0] in (fields := _fields(model)):
            names += field_names(fields[location[0]].annotation, location[1:])
    return names or field_names(annotation, location[1:])


def _fields(model: type) -> dict[str, FieldInfo]:
    fields: dict[str, FieldInfo] = getattr(model, "__pydantic_fields__", {})
    return fields


def _models(annotation: object) -> Iterator[type]:
    """Every model (class or dataclass of pydantic) that an annotation admits."""
    if isinstance(annotation, type) and (issubclass(annotation, BaseModel) or is_pydantic_dataclass(annotation)):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)


def _leaves(node: object, key: Key) -> Iterator[tuple[Key, object]]:
    if isinstance(node, dict):
        for name, value in node.items():
            yield from _leaves(value, (*key, str(name)))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _leaves(value, (*key, str(index)))
    else:
        yield key, node


def _is_bad_number(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _not_finite(composed: Composed, key: Key, value: object) -> Problem:
    return _problem(composed, Broken(key, value, "must be a finite number"))


def _problem(composed: Composed, broken: Broken) -> Problem:
    file, line = composed.place(broken.key)
    value = _shown(broken, composed.tree)
    return Problem(file, line, ".".join(broken.key), value, broken.rule, broken.near)


def _shown(broken: Broken, tree: object) -> str:
    """A wrong value as text, with no secret in it."""
    text = told(broken.value)
    secrets = [secret for key in _SECRETS if isinstance(secret := _value_at(tree, key), str) and secret]
    is_secret = broken.key in _SECRETS or any(secret in text for secret in secrets)
    return _HIDDEN if text and is_secret else text


def _value_at(tree: object, key: Key) -> object:
    for part in key:
        tree = tree.get(part) if isinstance(tree, dict) else None
    return tree


def _secret_keys(annotation: object, key: Key) -> Iterator[Key]:
    """Every key of a schema whose value is a secret."""
    for model in _models(annotation):
        for name, field in _fields(model).items():
            if SecretStr in (field.annotation, *get_args(field.annotation)):
                yield (*key, name)
            else:
                yield from _secret_keys(field.annotation, (*key, name))


_SECRETS = frozenset(_secret_keys(Settings, ()))

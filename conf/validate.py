"""A composed tree to frozen settings: pydantic finds all errors at once, this module says where they were written."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from conf.problems import Problem, nearest
from conf.rules import STRATEGY_KEYS, Broken, broken_rules, left_to_defaults, parameter_errors
from conf.schema.settings import Settings
from conf.sources import Key, holds, locate

_QUOTED = re.compile(r"'([^']+)'")


class Composed(NamedTuple):
    """What Hydra made: the plain tree, which option each group got, and what the command line said."""

    tree: dict[str, Any]
    choices: Mapping[str, str]
    overrides: Mapping[str, str]
    folder: Path

    def place(self, key: Key) -> tuple[str, int]:
        """The file and line that gave a key its value; the command line wins."""
        dotted = ".".join(key)
        if any("." in name and f"{dotted}.".startswith(f"{name}.") for name in self.overrides):
            return "command line", 0
        for path, rest in self._sources(key):
            if path.is_file() and holds(path, rest):
                return f"{self.folder.name}/{path.relative_to(self.folder)}", locate(path, rest)
        path, rest = next(self._sources(key))
        return f"{self.folder.name}/{path.relative_to(self.folder)}", locate(path, rest) if path.is_file() else 0

    def _sources(self, key: Key) -> Iterator[tuple[Path, Key]]:
        """Where a key may stand: the nearest group's chosen file, its neighbours, the wider groups, the root."""
        for depth in range(len(key), 0, -1):
            group = "/".join(key[:depth])
            if group in self.choices:
                folder = self.folder / group
                chosen = folder / f"{self.choices[group]}.yaml"
                yield chosen, key[depth:]
                yield from ((path, key[depth:]) for path in sorted(folder.glob("*.yaml")) if path != chosen)
        yield self.folder / "config.yaml", key


def validate(composed: Composed, *, alone: bool = False) -> tuple[Settings | None, list[Problem]]:
    """The settings, or None and every problem; ``alone`` leaves out the rules that span several groups."""
    tree = composed.tree
    problems = [_not_finite(composed, key, value) for key, value in _leaves(tree, ()) if _is_bad_number(value)]
    if problems:
        return None, problems
    shaped, wrong = _shape_strategy(tree)
    problems = [_problem(composed, ("strategy", *key), value, rule, near) for key, value, rule, near in wrong]
    try:
        settings = Settings.model_validate_json(json.dumps(shaped), strict=True)
    except ValidationError as error:
        return None, problems + list(_from_pydantic(composed, error.errors(include_url=False)))
    broken = [*left_to_defaults(settings), *([] if alone else broken_rules(settings))]
    problems += [_problem(composed, key, value, rule, near) for key, value, rule, near in broken]
    return (None if problems else settings), problems


def _shape_strategy(tree: dict[str, Any]) -> tuple[dict[str, Any], list[Broken]]:
    """Moves a strategy's own parameters, which stand beside the common keys, into ``parameters``."""
    strategy = tree.get("strategy")
    if not isinstance(strategy, dict):
        return tree, []
    common = {key: value for key, value in strategy.items() if key in STRATEGY_KEYS}
    own = {key: value for key, value in strategy.items() if key not in STRATEGY_KEYS}
    wrong = list(parameter_errors(strategy.get("kind"), own))
    return {**tree, "strategy": {**common, "parameters": {} if wrong else own}}, wrong


def _from_pydantic(composed: Composed, errors: list[ErrorDetails]) -> Iterator[Problem]:
    typos = {tuple(map(str, error["loc"][:-1])): str(error["loc"][-1]) for error in errors if _is_extra(error)}
    for error in errors:
        location = tuple(str(part) for part in error["loc"])
        if error["type"] == "missing" and _is_similar(typos.get(location[:-1], ""), location[-1]):
            continue
        key = _written_key(composed.tree, location)
        if _is_extra(error):
            near = nearest(key[-1], _field_names(Settings, location[:-1]))
            yield _problem(composed, key, None, "is not a key of the settings", near)
            continue
        rule = "is missing" if error["type"] == "missing" else error["msg"].removeprefix("Value error, ")
        value = None if error["type"] == "missing" else error["input"]
        near = nearest(str(value), _QUOTED.findall(error["msg"])) if isinstance(value, str) else ""
        yield _problem(composed, key, value, rule, near)


def _is_extra(error: ErrorDetails) -> bool:
    return error["type"] == "extra_forbidden"


def _is_similar(typo: str, name: str) -> bool:
    return bool(typo) and nearest(typo, [name]) == name


def _written_key(tree: object, location: Key) -> Key:
    """pydantic puts a union's tag into the location; what people wrote has no such part."""
    key: list[str] = []
    for position, part in enumerate(location):
        if isinstance(tree, dict) and part in tree:
            key.append(part)
            tree = tree[part]
        elif isinstance(tree, list) and part.isdigit() and int(part) < len(tree):
            key.append(part)
            tree = tree[int(part)]
        elif position == len(location) - 1 and isinstance(tree, dict):
            key.append(part)
    return tuple(key)


def _field_names(annotation: object, location: Key) -> list[str]:
    """The names of all fields that may stand at a location of the schema."""
    models = list(_models(annotation))
    if not location:
        return [name for model in models for name in model.model_fields]
    names: list[str] = []
    for model in models:
        if location[0] in model.model_fields:
            names += _field_names(model.model_fields[location[0]].annotation, location[1:])
    return names or _field_names(annotation, location[1:])


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
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
    return _problem(composed, key, value, "must be a finite number", "")


def _problem(composed: Composed, key: Key, value: object, rule: str, near: str) -> Problem:
    file, line = composed.place(key)
    return Problem(file, line, ".".join(key), "" if value is None else str(value), rule, near)

"""A composed tree to frozen settings: pydantic finds all errors at once, this module says where they were written."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, get_args

from pydantic import SecretStr, ValidationError

from conf.composition import NO_STRATEGY, Composed
from conf.environment import secrets
from conf.explanations import explained, fields_of, models_of
from conf.own_feeds import OWN, own_feeds
from conf.problems import Problem, RuleViolation, format_value
from conf.rules import STRATEGY_KEYS, broken_rules, parameter_errors, sealed_stage, strategy_name
from conf.schema.settings import Settings
from conf.table_rules import broken_tables
from conf.yaml_reader import Key

_HIDDEN = "**********"
_ELSEWHERE = {
    "symbol": "the key of the row is the symbol",
    "hours": "hours belong to a calendar, see conf/calendars; name it by calendar",
}
"""Keys of an instrument that no row holds, and where they come from."""


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
    shaped, wrong = _shaped(composed)
    try:
        text = json.dumps(shaped, allow_nan=False)
    except ValueError:
        bad = (_not_finite(composed, key, value) for key, value in _leaves(tree, ()) if _is_bad_number(value))
        return None, list(bad)
    problems = [_problem(composed, row) for row in wrong]
    try:
        settings = Settings.model_validate_json(text, strict=True)
    except ValidationError as error:
        found = explained(error.errors(include_url=False), {**tree, OWN: shaped.get(OWN)}, Settings)
        told = {row.key for row in wrong}
        return None, problems + [_problem(composed, row) for row in found if row.key not in told]
    settings = settings.with_market_hours()
    problems += [_problem(composed, row) for row in broken_rules(settings, alone, swept=swept)]
    problems += [_problem(composed, row) for row in broken_tables(settings, tables)]
    return (None if problems else settings), problems


def _shaped(composed: Composed) -> tuple[dict[str, Any], list[RuleViolation]]:
    """The tree in the shape of the schema, and all that is wrong where the schema does not look."""
    tree, wrong = dict(composed.tree), list[RuleViolation]()
    if isinstance(rows := tree.get("instruments"), dict):
        tree["instruments"], found = _with_symbols(rows)
        wrong += found
        feeds, found = own_feeds(composed, rows)
        wrong += found
        tree |= {OWN: feeds} if feeds else {}
    if isinstance(strategy := tree.get("strategy"), dict):
        option = composed.choices.get("strategy", "")
        tree["strategy"], found = _with_parameters({"name": option, **strategy} if option else strategy)
        wrong += found if strategy != NO_STRATEGY else ()
        wrong += strategy_name(option, tree["strategy"]["name"]) if option else ()
    if isinstance(stage := tree.get("stage"), dict) and composed.stage is not None:
        wrong += sealed_stage(stage, composed.stage)
    return tree, wrong


def _with_symbols(rows: Mapping[str, Any]) -> tuple[dict[str, Any], list[RuleViolation]]:
    """Gives every instrument its symbol, which is the key of its row."""
    wrong = [
        RuleViolation(("instruments", symbol, name), None, f"is not a key here: {why}")
        for symbol, row in rows.items()
        if isinstance(row, dict)
        for name, why in _ELSEWHERE.items()
        if name in row
    ]
    named = {symbol: {**row, "symbol": symbol} if isinstance(row, dict) else row for symbol, row in rows.items()}
    return named, wrong


def _with_parameters(strategy: Mapping[str, Any]) -> tuple[dict[str, Any], list[RuleViolation]]:
    """Moves a strategy's own keys, which stand beside the common ones, into ``parameters`` and ``others`` (texts)."""
    common = {key: value for key, value in strategy.items() if key in STRATEGY_KEYS}
    own = {key: value for key, value in strategy.items() if key not in STRATEGY_KEYS}
    wrong = [row._replace(key=("strategy", *row.key)) for row in parameter_errors(strategy.get("kind"), own)]
    names = {key: value for key, value in own.items() if isinstance(value, str)}
    numbers = {key: value for key, value in own.items() if key not in names}
    return {**common, "parameters": {} if wrong else numbers, "others": {} if wrong else names}, wrong


def _is_finite(tree: Mapping[str, Any]) -> bool:
    """Whether every number of a tree is finite; walking it in Python takes ten times as long."""
    try:
        json.dumps(tree, allow_nan=False)
    except ValueError:
        return False
    return True


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
    return _problem(composed, RuleViolation(key, value, "must be a finite number"))


def _problem(composed: Composed, broken: RuleViolation) -> Problem:
    overridden = (key for key in (broken.key, *broken.others) if composed.override_of(key))
    file, line = composed.place(next(overridden, broken.key))
    value = _display_value(broken, composed.tree)
    return Problem(file, line, ".".join(broken.key), value, broken.rule, broken.near)


def _display_value(broken: RuleViolation, tree: object) -> str:
    """A wrong value as text, with no secret in it."""
    text = format_value(broken.value)
    hidden = [secret for key in _SECRETS if isinstance(secret := _value_at(tree, key), str) and secret]
    is_secret = broken.key in _SECRETS or any(secret in text for secret in (*hidden, *secrets()))
    return _HIDDEN if text and is_secret else text


def _value_at(tree: object, key: Key) -> object:
    for part in key:
        tree = tree.get(part) if isinstance(tree, dict) else None
    return tree


def _secret_keys(annotation: object, key: Key) -> Iterator[Key]:
    """Every key of a schema whose value is a secret."""
    for model in models_of(annotation):
        for name, field in fields_of(model).items():
            if SecretStr in (field.annotation, *get_args(field.annotation)):
                yield (*key, name)
            else:
                yield from _secret_keys(field.annotation, (*key, name))


_SECRETS = frozenset(_secret_keys(Settings, ()))

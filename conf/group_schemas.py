"""The JSON Schema of the files of each group, by which editors complete and check them while one types."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, cast

from pydantic import TypeAdapter
from pydantic.fields import FieldInfo

from conf.environment import conf_folder
from conf.rules import STRATEGY_KEYS
from conf.schema.config_model import ConfigModel
from conf.schema.research import StrategySettings
from conf.schema.settings import Settings
from conf.strategy_kinds import kinds, other_instruments_of, parameters_of
from tradewright.model.errors import ConfigError

DIALECT = "https://json-schema.org/draft/2020-12/schema"
REFERENCE = {"type": "string", "pattern": r"^\$\{.+\}$", "description": "a variable or another setting"}
"""What may stand in the place of every value: ``${oc.env:NAME}``, ``${other.key}``."""
DEFAULTS = {"type": "array", "description": "the files that are taken beside this one", "items": True}
BY_SYMBOL = "instruments"
"""The group whose rows have their symbol as key."""


def groups() -> list[str]:
    """The groups whose files have a schema, as the folders of ``conf`` are called: ``backtest``, ``backtest/costs``."""
    folder = conf_folder()
    found = (str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_dir() and _has_options(path))
    return sorted(name for name in found if _field(name) is not None or name == "scenario")


def schema_file(group: str) -> str:
    """The name of the file in ``conf/schemas`` that holds the schema of a group."""
    return f"{group.replace('/', '_')}.schema.json"


def group_schema(group: str) -> dict[str, Any]:
    """The JSON Schema of the files of a group.

    Raises:
        ConfigError: there is no such group.
    """
    known = groups()
    if group not in known:
        near = difflib.get_close_matches(group, known, n=1)
        remedy = f"did you mean {near[0]}?" if near else f"there are: {', '.join(known)}"
        raise ConfigError(f"{group!r} is no group", where="schema", remedy=remedy)
    if group == "scenario":
        from tradewright.scenarios.document import json_schema

        return json_schema()
    if group == "strategy":
        return _strategies()
    field = cast("FieldInfo", _field(group))  # groups() lists those with one
    values: Any = Annotated[field.annotation, field]
    made = _with_references(TypeAdapter(values).json_schema(mode="validation"))
    _admit_defaults(made, [path.name for path in (conf_folder() / group).iterdir() if path.is_dir()])
    if group == BY_SYMBOL:
        _lacking(made["$defs"]["Instrument"], ["symbol"])
    return _headed(made, group)


def _has_options(path: Path) -> bool:
    return any(path.glob("*.yaml"))


def _field(group: str) -> FieldInfo | None:
    """The field of the settings that a group fills."""
    model: Any = Settings
    found: FieldInfo | None = None
    for part in group.split("/"):
        if not (isinstance(model, type) and issubclass(model, ConfigModel)) or part not in model.model_fields:
            return None
        found = model.model_fields[part]
        model = found.annotation
    return found


def _headed(schema: dict[str, Any], group: str) -> dict[str, Any]:
    return {"$schema": DIALECT, "title": f"conf/{group}", **{k: v for k, v in schema.items() if k != "title"}}


def _with_references(schema: Any) -> Any:
    """A schema in which every value of a mapping or a list may be a reference."""
    if isinstance(schema, list):
        return [_with_references(each) for each in schema]
    if not isinstance(schema, Mapping):
        return schema
    made = {name: _with_references(value) for name, value in schema.items()}
    for place in ("items", "additionalProperties"):
        if isinstance(made.get(place), dict):
            made[place] = _or_reference(made[place])
    if isinstance(made.get("properties"), dict):
        made["properties"] = {name: _or_reference(value) for name, value in made["properties"].items()}
    return made


def _or_reference(schema: dict[str, Any]) -> dict[str, Any]:
    if "const" in schema:  # what tells the alternatives of a union apart
        return schema
    told: dict[str, Any] = {name: schema[name] for name in ("title", "description", "default") if name in schema}
    return {**told, "anyOf": [schema, REFERENCE]}


def _admit_defaults(schema: dict[str, Any], filled: list[str]) -> None:
    """A file may name others, which fill the keys of the subgroups."""
    for model in (schema, *schema.get("$defs", {}).values()):
        if "defaults" in model.get("properties", {}) or model.get("type") != "object":
            continue
        if model is schema or model.get("title") in _titles(schema):
            model["properties"] = {"defaults": DEFAULTS, **model.get("properties", {})}
            if rows := model.get("patternProperties"):  # of names; ``defaults`` is none
                model["patternProperties"] = {f"^(?!defaults$){name.removeprefix('^')}": rows[name] for name in rows}
                model["additionalProperties"] = False
            _lacking(model, filled)


def _titles(schema: dict[str, Any]) -> set[str]:
    """The models that a file of the group may be, where they are alternatives."""
    alternatives = [*schema.get("oneOf", []), *schema.get("anyOf", []), schema]
    return {str(each["$ref"]).rpartition("/")[2] for each in alternatives if "$ref" in each}


def _lacking(model: dict[str, Any], names: list[str]) -> None:
    """Make keys optional."""
    model["required"] = [name for name in model.get("required", []) if name not in names]


def _strategies() -> dict[str, Any]:
    """A document, or a file with the kind of a strategy in Python and its parameters."""
    from tradewright.dsl.document import json_schema

    common = TypeAdapter(StrategySettings).json_schema(mode="validation")
    shared = {name: common["properties"][name] for name in common["properties"] if name in STRATEGY_KEYS}
    needed = [name for name in common["required"] if name in STRATEGY_KEYS]
    document = json_schema()
    parts = {**common.get("$defs", {}), **document.pop("$defs", {})}
    alternatives = [{name: value for name, value in document.items() if not name.startswith("$")}]
    for kind in kinds().usable:
        values: dict[str, Any] = {
            name: {
                "type": "integer" if rule.whole else "number",
                "minimum": rule.least,
                "maximum": rule.most,
                "description": f"{rule.default:g} by default",
            }
            for name, rule in parameters_of(kind).items()
        }
        values |= {name: {"type": "string", "minLength": 1} for name in other_instruments_of(kind)}
        own = _with_references({"properties": {**shared, **values}})["properties"]
        alternatives.append({
            "title": kind,
            "type": "object",
            "properties": {**own, "kind": {"const": kind}},
            "required": sorted({*needed, *values}),
            "additionalProperties": False,
        })  # fmt: skip
    return _headed({"anyOf": alternatives, "$defs": parts}, "strategy")

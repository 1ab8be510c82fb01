"""The JSON Schemas of the groups accept what ships, and refuse what the settings refuse."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from conf.environment import SOURCE
from conf.group_schemas import group_schema, groups
from conf.yaml_reader import load
from tests.app.conftest import say
from tests.conf.write_schemas import FOLDER, texts
from tradewright.model.errors import ConfigError

CONF = SOURCE / "conf"
FILES = [path for group in groups() for path in sorted((CONF / group).glob("*.yaml"))]


@cache
def validator(group: str) -> jsonschema.Draft202012Validator:
    schema = group_schema(group)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def problems(group: str, values: Any) -> list[str]:
    plain = json.loads(json.dumps(values, default=str))
    return [error.message for error in validator(group).iter_errors(plain)]


def group_of(path: Path) -> str:
    return str(path.parent.relative_to(CONF))


def test_every_group_of_the_table_of_contents_has_a_schema() -> None:
    said = [next(iter(row)) for row in load(CONF / "config.yaml")["defaults"] if isinstance(row, dict)]
    assert set(said) <= set(groups())
    assert {"backtest/costs", "backtest/fill", "backtest/sizing", "backtest/slippage", "scenario"} <= set(groups())


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(CONF)))
def test_what_ships_is_accepted_and_a_key_too_many_is_not(path: Path) -> None:
    values = load(path)
    assert problems(group_of(path), values) == []
    if group_of(path) not in ("instruments", "calendars"):  # whose keys are names
        assert problems(group_of(path), {**values, "no_such_key": 1}) != []


@pytest.mark.parametrize(
    ("file", "key", "wrong", "right"),
    [
        ("backtest/default.yaml", "cash", -1, "${oc.env:CASH}"),
        ("backtest/default.yaml", "prices", "adjusted", "raw"),
        ("backtest/fill/default.yaml", "market", "open", "quote_close"),
        ("strategy/sma_crossover.yaml", "fast", 0, "${strategy.slow}"),
        ("strategy/sma_crossover.yaml", "fast", 2.5, 3),
        ("stage/local.yaml", "name", 3, "local"),
        ("schedules/on.yaml", "refresh_bars", "yes", {"enabled": False, "every_minutes": 5}),
    ],
)
def test_a_wrong_value_is_refused(file: str, key: str, wrong: Any, right: Any) -> None:
    values = load(CONF / file)
    assert key in values
    assert problems(group_of(CONF / file), {**values, key: wrong}) != []
    if not isinstance(right, dict):
        assert problems(group_of(CONF / file), {**values, key: right}) == []


def test_a_document_and_a_file_with_a_kind_are_both_strategies() -> None:
    values = load(CONF / "strategy" / "pairs.yaml")
    assert problems("strategy", values) == []
    assert problems("strategy", {**values, "benchmark": 5}) != []
    assert problems("strategy", {name: value for name, value in values.items() if name != "window"}) != []


def test_an_instrument_has_its_symbol_as_key() -> None:
    values = load(CONF / "instruments" / "forex.yaml")
    assert problems("instruments", {**values, "EURUSD": {**values["EURUSD"], "lot_size": []}}) != []


def test_an_unknown_group_is_named_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="'backtests' is no group") as error:
        group_schema("backtests")
    assert error.value.remedy == "did you mean backtest?"


def test_the_command_lists_shows_and_writes(tmp_path: Path) -> None:
    assert say("schema").out.split() == groups()
    shown = say("schema", "backtest/costs")
    assert json.loads(shown.out) == group_schema("backtest/costs")
    file = tmp_path / "costs.schema.json"
    assert say("schema", "backtest/costs", str(file)).status == 0
    assert json.loads(file.read_text()) == group_schema("backtest/costs")
    assert say("schema", "cost").status == 1


LINE = re.compile(r"^# yaml-language-server: \$schema=(\S+)$", re.MULTILINE)


def test_the_schemas_that_ship_are_those_of_the_settings() -> None:
    kept = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()}
    assert kept == texts(), "run python -m tests.conf.write_schemas"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(CONF)))
def test_every_file_names_a_schema_that_accepts_it(path: Path) -> None:
    """In the first line of the file or of its last block of comments: there editors look for it."""
    (named,) = LINE.findall(path.read_text(encoding="utf-8"))
    schema = json.loads((path.parent / named).read_text(encoding="utf-8"))
    plain = json.loads(json.dumps(load(path), default=str))
    assert not list(jsonschema.Draft202012Validator(schema).iter_errors(plain))
    lines = path.read_text(encoding="utf-8").splitlines()
    place = next(row for row, line in enumerate(lines) if LINE.match(line))
    assert place == 0 or (all(line.startswith("#") for line in lines[place:]) and not lines[place - 1].startswith("#"))

"""Whatever stands in the files: a problem with file and line, or settings whose hash follows their values.

``make test`` gives each number one of the wrong values, ``make verify`` each one all of them.
"""

from __future__ import annotations

import copy
import json
import random
import shutil
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conf.compose import check, compose, examine, option_problems
from conf.composition import Composed, composed, hydra
from conf.environment import SOURCE
from conf.problems import Problem
from conf.schema.settings import Settings
from tests.support.extent import runs

SHIPPED = SOURCE / "conf"
IN_FORCE = [
    "config.yaml", "strategy/sma_crossover.yaml", "instruments/all.yaml", "risk/default.yaml", "instruments/demo.yaml",
    "events/none.yaml", "backtest/default.yaml", "mode/sim.yaml", "features/default.yaml", "broker/sim.yaml",
]  # fmt: skip
ODD = [
    "defaults: 3", "defaults: [3]", "defaults: [[a]]", "defaults: [{mode: null}]", "defaults: [_self_, _self_]",
    "defaults: [{override mode: sim}]", "defaults: [{'mode@x': sim}]", "# @package foo\na: 1", "kind: [1]",
    "# @package _global_\na: 1", "a: ${b}\nb: ${a}", "a: ${.}", "a: ${..a}", "a: ${", "a: ???", "kind: ???",
    "kind: {a: 1}", "kind: null", "name: 2024-99-99", "a: !!int x", "a: !!bool maybe", "a: !!timestamp x",
    "a: !!set {b}", "a: !!binary aGk=", "<<: {a: 1}", "a: &x {b: *x}", "a: &x [1]\nb: *x", "a: *nope", "\ufeffa: 1",
    'a: "\\x00"', "---\na: 1\n---\nb: 2", "SPY: [1]", "'': 1", "'a.b': 1", "hydra: 3", "hydra: {run: {dir: x}}",
    "fast: ${nope}", "fast: ${strategy.slow}", "windows: [3]", "3", "- 1", "a: ${oc.decode:'[1'}", "base: 3",
    "a: ${oc.env:NOPE}", "instruments: 3", "backtest: [1]", "a: 99999999999999999999999",
]  # fmt: skip


@pytest.fixture(scope="module")
def conf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One copy of the shipped YAML for all examples; each puts back what it changed."""
    folder = tmp_path_factory.mktemp("any") / "conf"
    shutil.copytree(SHIPPED, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__", "schema"))
    return folder


def outcome(conf: Path, file: str, content: bytes) -> list[Problem]:
    """What is wrong when a file holds this: what composing says, or ``check`` for a file that is not in force."""
    path = conf / file
    kept = path.read_bytes()
    path.write_bytes(content)
    try:
        return examine((), conf)[1] if file in IN_FORCE else check((), conf)
    finally:
        path.write_bytes(kept)


@pytest.mark.parametrize("text", ODD)
def test_odd_yaml_is_a_problem_and_never_a_traceback(conf: Path, text: str) -> None:
    """In a place that follows from the text, so that all kinds of files get their share."""
    file = IN_FORCE[ODD.index(text) % len(IN_FORCE)]
    found = outcome(conf, file, text.encode()) + outcome(conf, file, (SHIPPED / file).read_bytes() + text.encode())
    assert found
    assert all(problem.file and problem.rule for problem in found)


@pytest.mark.parametrize(
    "text", ["fast: ${nope}", "# @package x\na: 1", "rate: ${..rate}", "defaults: [nowhere]", "kind: 3"]
)
def test_odd_yaml_in_a_file_that_is_not_in_force_is_found_by_check(conf: Path, text: str) -> None:
    """And never laid at the door of a neighbour that has the key."""
    for file in ("strategy/macd_trend.yaml", "backtest/costs/maker_taker.yaml"):
        assert {problem.file for problem in outcome(conf, file, text.encode())} == {f"conf/{file}"}


def test_a_strategy_that_is_no_yaml_hides_no_other_problem(conf_copy: Path) -> None:
    (conf_copy / "strategy" / "torn.yaml").write_text("a: [1\n")
    (conf_copy / "strategy" / "wrong.yaml").write_text("kind: sma_crosover\n")
    told = [str(problem) for problem in check((), conf_copy)]
    assert [line for line in told if "torn.yaml" in line and "is not YAML" in line]
    assert [line for line in told if "wrong.yaml" in line and "sma_crosover" in line]


def test_a_key_that_is_missing_is_missing_where_its_neighbours_stand(conf: Path) -> None:
    file = "instruments/us_equities.yaml"
    content = (SHIPPED / file).read_text().replace("IBM: {asset_class: stock, ", "IBM: {")
    (problem, *_) = outcome(conf, file, content.encode())
    assert (problem.file, problem.line, problem.key) == (f"conf/{file}", 7, "instruments.IBM.asset_class")


@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(IN_FORCE),
    st.lists(
        st.tuples(st.integers(0, 10_000), st.sampled_from(list(b"{}[]:,-'\"#&*!|>%@` \n0a$\xff\x00"))), max_size=4
    ),
)
def test_flipped_bytes_are_a_problem_or_make_no_difference(conf: Path, file: str, flips: list[tuple[int, int]]) -> None:
    content = bytearray((SHIPPED / file).read_bytes())
    for at, byte in flips:
        content[at % len(content)] = byte
    assert all(problem.file for problem in outcome(conf, file, bytes(content)))


# the hash --------------------------------------------------------------------------------------------------------


@cache
def plain() -> Settings:
    return compose()


def shuffled(value: Any, order: random.Random) -> Any:
    """The same values, with the keys of every mapping in another order."""
    if isinstance(value, dict):
        names = list(value)
        order.shuffle(names)
        return {name: shuffled(value[name], order) for name in names}
    return [shuffled(item, order) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_keys_in_the_files_does_not_change_the_hash(conf: Path, seed: int) -> None:
    order, kept = random.Random(seed), {}
    for path in conf.rglob("*.yaml"):
        content = yaml.safe_load(path.read_text())
        kept[path] = path.read_bytes()
        defaults = {"defaults": content.pop("defaults")} if "defaults" in content else {}
        path.write_text(json.dumps(defaults | shuffled(content, order)))
    try:
        assert compose((), conf).config_hash == plain().config_hash
    finally:
        for path, data in kept.items():
            path.write_bytes(data)


def leaves(node: Any, key: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(node, dict):
        for name, value in node.items():
            yield from leaves(value, (*key, name))
    else:
        yield key


def changed(value: Any) -> Any:
    """Another value of the same kind."""
    match value:
        case bool():
            return not value
        case int() | float():
            return value + 1
        case str():
            return f"{value}x"
        case list():
            return [*value, "x"]
        case _:
            return "x"


def test_every_value_that_can_change_a_result_changes_the_hash() -> None:
    """Each value in turn, whether or not a file may have it: the hash asks nobody."""
    whole = {name: getattr(plain(), name) for name in Settings.model_fields}
    tree = plain().model_dump(mode="json")
    same = set()
    for key in leaves(tree):
        part = copy.deepcopy(tree[key[0]])
        target = part
        for name in key[1:-1]:
            target = target[name]
        target[key[-1]] = changed(target[key[-1]])
        model = type(whole[key[0]])
        held = part if model is dict else model.model_construct(**part)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # pydantic on values of other types
            if Settings.model_construct(**{**whole, key[0]: held}).config_hash == plain().config_hash:
                same.add(key)
    assert same == {key for key in leaves(tree) if key[0] in ("storage", "observability", "schedules", "packages")}
    assert len(list(leaves(tree))) > 150


# one wrong value -------------------------------------------------------------------------------------------------

FILES = sorted(
    path for path in SHIPPED.rglob("*.yaml")
    if path.parent.name not in ("expectations", "scenario", "conf") and path.stem not in ("all", "none")
)  # fmt: skip


def written(path: Path) -> list[tuple[int, str, str]]:
    """Every ``key: number`` or ``key: truth`` at the top level of a file: line, key, text."""
    root = yaml.compose(path.read_text())
    rows = root.value if isinstance(root, yaml.MappingNode) else []
    return [
        (name.start_mark.line, name.value, value.value)
        for name, value in rows
        if isinstance(value, yaml.ScalarNode) and value.tag.rpartition(":")[2] in ("int", "float", "bool")
    ]


CASES = [(str(path.relative_to(SHIPPED)), *row) for path in FILES for row in written(path)]


@pytest.fixture(scope="module")
def base(conf: Path) -> Composed:
    """What ``check`` exchanges one option after the other in."""
    with hydra(conf):
        return composed((), conf)


WRONG = ("wrong", "-7.5", "[]", "{x: 1}")


@pytest.mark.parametrize("turn", range(runs(1, len(WRONG))))
def test_a_wrong_value_in_any_group_is_reported_with_its_file_and_line(conf: Path, base: Composed, turn: int) -> None:
    """Every number and truth value of every file, one at a time, each time with the next of the wrong values."""
    assert len(CASES) > 80
    unseen = []
    for number, (file, line, key, text) in enumerate(CASES):
        wrong = WRONG[(number + turn) % len(WRONG)]
        path, group = conf / file, file.rpartition("/")[0]
        kept = path.read_text()
        lines = kept.splitlines(keepends=True)
        lines[line] = lines[line].replace(f"{key}: {text}", f"{key}: {wrong}", 1)
        path.write_text("".join(lines))
        with hydra(conf):  # a file in force with defaults of its own is not exchanged, but composed with the base
            now = composed((), conf) if "defaults:" in kept else base
            found = {(row.file, row.line, row.key) for row in option_problems(now, group, path.stem)}
        path.write_text(kept)
        if (f"conf/{file}", line + 1, f"{group.replace('/', '.')}.{key}") not in found:
            unseen.append((file, key, found))
    assert unseen == []

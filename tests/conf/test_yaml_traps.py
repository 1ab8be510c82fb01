"""YAML traps and bombs are refused by file, line, value and rule (faults 52 to 55, 58)."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from conf.yaml_reader import MAX_BYTES, lint_yaml, load, locate

# text -> (line, value, part of the rule)
TRAPS = {
    "instruments: [NULL]": (1, "NULL", "nothing"),
    "instruments: [~]": (1, "~", "nothing"),
    "instruments: [null]": (1, "null", "nothing"),
    "instruments:\n  - \n  - SPY": (2, "nothing", "nothing"),
    "a: 00700": (1, "00700", "leading zeros"),
    "a: 010": (1, "010", "leading zeros"),
    "a: 1_000": (1, "1_000", "underscores"),
    "a: .nan": (1, ".nan", "finite"),
    "a: .NaN": (1, ".NaN", "finite"),
    "a: -.inf": (1, "-.inf", "finite"),
    "a: 1e400": (1, "1e400", "finite"),
    "a: 0x1F": (1, "0x1F", "another base"),
    "a: 0b11": (1, "0b11", "another base"),
    "%YAML 1.1\n---\na: 12:30:45": (3, "12:30:45", "another base"),
    "a: !!int x": (1, "x", "another base"),
    "a: !!bool maybe": (1, "maybe", "neither true nor false"),
    "a: &x {b: *x}": (1, "*x", "alias"),
    "a: &x [1]\nb: *x": (2, "*x", "alias"),
    "true: 1": (1, "true", "text key"),
    "700: 1": (1, "700", "text key"),
    "null: 1": (1, "null", "text key"),
    "? [a, b]\n: 1": (1, "", "text key"),
    "a: 1\nb: 2\na: 3": (3, "", "twice, first on line 1"),
    "a:\n  b: 1\n  b: 2": (3, "", "twice"),
    "_target_: os.system": (1, "", "never calls code"),
    "a: {_partial_: true}": (1, "", "never calls code"),
    "a: !!python/object/apply:os.system [ls]": (1, "tag:yaml.org,2002:python/object/apply:os.system", "tag"),
    "a: !custom x": (1, "!custom", "tag"),
    "a: ${evil:x}": (1, "${evil:x}", "resolver"),
    "a: '${hydra:runtime.cwd}'": (1, "${hydra:runtime.cwd}", "resolver"),
    "a: [1\nb: 2": (1, "", "not YAML: a bracket is opened and not closed"),
    "a: b: c": (1, "", "not YAML"),
    "\tx: 1": (1, "", "not YAML"),
    "- a\n- b": (1, "", "mapping"),
    "just text": (1, "", "mapping"),
}


@pytest.mark.parametrize("text", TRAPS)
def test_a_trap_is_refused_with_line_value_and_rule(tmp_path: Path, text: str) -> None:
    line, value, rule = TRAPS[text]
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    problems = lint_yaml(path, "conf/bad.yaml")
    assert len(problems) == 1, problems
    assert problems[0].file == "conf/bad.yaml"
    assert problems[0].line == line
    assert rule in problems[0].rule
    if value:
        assert problems[0].value == value


@pytest.mark.parametrize(
    "text",
    [
        'instruments: ["ON", "NO", "NULL", "00700"]',
        "a: true\nb: false\nc: null",
        "a: 0\nb: 0.5\nc: -3\nd: 1e-9\ne: +7",
        'a: "12:30:45"\nb: 2024-01-01\nc: 24/7',
        "a: ${oc.env:HOME,none}\nb: ${a}",
        "",
        "# only a comment",
        'defaults:\n  - costs: bps\n  - _self_\n"ON": {tick_size: 0.01}',
    ],
)
def test_plain_values_pass(tmp_path: Path, text: str) -> None:
    path = tmp_path / "good.yaml"
    path.write_text(text)
    assert lint_yaml(path, "good.yaml") == []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *((f"a: {word}", word) for word in ("ON", "no", "Yes", "off", "y", "nan", "Infinity", "12:30:45", "9:30")),
        ("a: 2024-01-01", "2024-01-01"),
        ("a: 2024-99-99", "2024-99-99"),
        ("a: True", True),
        ("a: ~", None),
        ("a: 1e3", 1000.0),
        ("a: [ON, NO]", ["ON", "NO"]),
        ("a: {ON: 1, no: 2}", {"ON": 1, "no": 2}),
        ("a: &x 1\nb: &x 2", 1),
    ],
)
def test_yaml_is_read_as_version_1_2(tmp_path: Path, text: str, value: object) -> None:
    """Version 1.1 takes the tickers ON and NO for truth values, and a time for a number of base 60."""
    path = tmp_path / "good.yaml"
    path.write_text(text)
    assert lint_yaml(path, "good.yaml") == []
    assert load(path)["a"] == value


def _alias_bomb() -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (_alias_bomb(), "alias"),
        ("a: " + "[" * 200 + "]" * 200, "deeper"),
        ("a: " + "{b: " * 5000 + "1" + "}" * 5000, "deeper"),
        ("a: '" + "x" * MAX_BYTES + "'", "larger"),
    ],
)
def test_a_bomb_is_refused_in_no_time(tmp_path: Path, text: str, rule: str) -> None:
    path = tmp_path / "bomb.yaml"
    path.write_text(text)
    began = time.process_time()
    problems = lint_yaml(path, "bomb.yaml")
    assert time.process_time() - began < 2.0
    assert [rule in problem.rule for problem in problems] == [True]


def test_bytes_that_are_no_text_and_files_that_are_not_there(tmp_path: Path) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"name: caf\xe9")
    assert "not UTF-8" in lint_yaml(path, "latin.yaml")[0].rule
    assert "cannot be read" in lint_yaml(tmp_path / "absent.yaml", "absent.yaml")[0].rule


def test_a_key_is_found_again(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("# head\na:\n  b: 1\n  c:\n    - d: 2\n    - d: 3\n")
    assert locate(path, ("a", "b")) == 3
    assert locate(path, ("a", "c", "1", "d")) == 6
    assert locate(path, ("a", "nothing")) == 2
    assert locate(path, ("nothing",)) == 0

"""YAML traps and bombs are refused by file, line, value and rule (faults 52 to 55, 58)."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from conf.yaml_reader import MAX_BYTES, locate, vet

# text -> (line, value, part of the rule)
TRAPS = {
    "instruments: [SPY, ON]": (1, "ON", "truth value"),
    "instruments: [NO]": (1, "NO", "truth value"),
    "instruments: [y]": (1, "y", "truth value"),
    "a: True": (1, "True", "truth value"),
    "instruments: [NULL]": (1, "NULL", "nothing"),
    "instruments: [~]": (1, "~", "nothing"),
    "instruments: [null]": (1, "null", "nothing"),
    "instruments:\n  - \n  - SPY": (2, "nothing", "nothing"),
    "a: Null": (1, "Null", "nothing"),
    "a: 00700": (1, "00700", "leading zeros"),
    "a: 010": (1, "010", "leading zeros"),
    "a: 1_000": (1, "1_000", "underscores"),
    "a: 12:30:45": (1, "12:30:45", "base 60"),
    "a: 9:30": (1, "9:30", "base 60"),
    "a: .nan": (1, ".nan", "finite"),
    "a: .NaN": (1, ".NaN", "finite"),
    "a: -.inf": (1, "-.inf", "finite"),
    "a: nan": (1, "nan", "finite"),
    "a: Infinity": (1, "Infinity", "finite"),
    "a: 1e400": (1, "1e400", "finite"),
    "ON: {asset_class: stock}": (1, "ON", "text key"),
    "NO: 1": (1, "NO", "text key"),
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
    "a: [1\nb: 2": (2, "", "not YAML"),
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
    problems = vet(path, "conf/bad.yaml")
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
    assert vet(path, "good.yaml") == []


def _alias_bomb() -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (_alias_bomb(), "aliases"),
        ("a: " + "[" * 200 + "]" * 200, "deeper"),
        ("a: " + "{b: " * 5000 + "1" + "}" * 5000, "deeper"),
        ("a: '" + "x" * MAX_BYTES + "'", "larger"),
    ],
)
def test_a_bomb_is_refused_in_no_time(tmp_path: Path, text: str, rule: str) -> None:
    path = tmp_path / "bomb.yaml"
    path.write_text(text)
    began = time.process_time()
    problems = vet(path, "bomb.yaml")
    assert time.process_time() - began < 2.0
    assert [rule in problem.rule for problem in problems] == [True]


def test_bytes_that_are_no_text_and_files_that_are_not_there(tmp_path: Path) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"name: caf\xe9")
    assert "not UTF-8" in vet(path, "latin.yaml")[0].rule
    assert "cannot be read" in vet(tmp_path / "absent.yaml", "absent.yaml")[0].rule


def test_a_key_is_found_again(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("# head\na:\n  b: 1\n  c:\n    - d: 2\n    - d: 3\n")
    assert locate(path, ("a", "b")) == 3
    assert locate(path, ("a", "c", "1", "d")) == 6
    assert locate(path, ("a", "nothing")) == 2
    assert locate(path, ("nothing",)) == 0

"""A strategy file that is empty, or holds no strategy, is told by what it lacks."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from conf.compose import check, examine
from conf.environment import PROJECT_VARIABLE
from conf.problems import Problem
from conf.yaml_reader import lint_bytes
from strategies.discovery import found_in
from tradewright.dsl.check import check as check_document

YAML = "kind: x\nconfidence: 0.5\nsize_pct: 0.1\ninstruments: null\ntimeframe: null\n"
HELPER = "def mean(a, b):\n    return (a + b) / 2\n"


def problem(conf: Path, text: str) -> Problem:
    """The one problem of a strategy file, on the way to settings and in ``check``."""
    (conf / "strategy" / "x.yaml").write_text(text)
    (found,), all_of_them = examine(["strategy=x"], conf)[1], check((), conf)
    assert [row.rule for row in all_of_them] == [found.rule]
    return found


@pytest.mark.parametrize("text", ["", "# to be written\n", "{}\n"])
def test_an_empty_file_of_settings(conf_copy: Path, text: str) -> None:
    found = problem(conf_copy, text)
    assert (found.file, found.line, found.key) == ("conf/strategy/x.yaml", 0, "")
    assert found.rule.startswith("is empty: a strategy wants kind")
    assert re.search("is empty|is missing", check_document(text).errors[0].message)


@pytest.mark.parametrize("kind", ["", "''", "null"])
def test_a_kind_that_is_left_out_is_told_once(conf_copy: Path, kind: str) -> None:
    found = problem(conf_copy, YAML.replace("kind: x", f"kind: {kind}"))
    assert (found.line, found.key, found.value) == (1, "strategy.kind", "")
    assert found.rule.startswith("is missing; it must be one of buy_and_hold")


@pytest.mark.parametrize(
    ("code", "rule"),
    [
        ("", "strategies/x.py: the file is empty, and holds no strategy"),
        ("# later\n", "strategies/x.py: the file is empty, and holds no strategy"),
        (HELPER, "strategies/x.py holds no strategy of this name: a class of BaseStrategy with name = 'x'"),
    ],
    ids=["nothing", "a remark", "no class"],
)
def test_a_file_of_python_without_a_strategy(
    conf_copy: Path, monkeypatch: pytest.MonkeyPatch, code: str, rule: str
) -> None:
    own = conf_copy.parent / "strategies"
    own.mkdir()
    (own / "x.py").write_text(code)
    monkeypatch.setenv(PROJECT_VARIABLE, str(conf_copy.parent))
    try:
        found = problem(conf_copy, YAML)
        assert (found.file, found.key, found.value) == ("conf/strategy/x.yaml", "strategy.kind", "x")
        assert rule in found.rule
        assert ("x" in found_in(own).broken) == (code != HELPER), "a module of helpers alone is none"
    finally:
        for name in [name for name in sys.modules if name.startswith("project_strategies")]:
            del sys.modules[name]


def test_a_strategy_of_no_instruments(conf_copy: Path) -> None:
    text = YAML.replace("kind: x", "kind: buy_and_hold").replace("instruments: null", "instruments: []")
    found = problem(conf_copy, text)
    assert (found.line, found.key, found.rule) == (4, "strategy.instruments", "must not be empty")


@pytest.mark.parametrize("sign", ["\x85", "\u2028", "\u2029"])
def test_a_hidden_end_of_a_line_is_told_with_its_line(sign: str) -> None:
    (found,) = lint_bytes(f"a: 1\r\n# a note{sign}\nb: 1\nb: 2\n".encode(), "conf/x.yaml")
    assert (found.line, found.rule) == (2, f"holds U+{ord(sign):04X}, a hidden end of a line; remove it")

"""The gate looks at its arguments only: no clock, no environment, no chance, no files."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tradewright.policy import gate

PAGE = "rules_reference"
"""Writes a page for people, from the source of the limits; nothing that decides imports it."""
MODULES = sorted(path for path in Path(gate.__file__).parent.glob("*.py") if path.stem != PAGE)
ALLOWED = {"collections", "dataclasses", "datetime", "decimal", "enum", "operator", "pydantic", "typing", "__future__"}
FORBIDDEN = {"now", "utcnow", "today", "time", "environ", "getenv", "open", "random", "getcontext", "setcontext"}


def impurities(source: str) -> set[str]:
    """Imports from outside the allowed modules, and calls of what reads the world or leaves a trace in it."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.split(".")[0] not in ALLOWED}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inside = node.module.startswith(("tradewright.model.", "tradewright.policy."))
            found |= {node.module} if not inside and node.module.split(".")[0] not in ALLOWED else set()
        elif isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            found |= {name} & FORBIDDEN
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            found |= set(node.names)
    return found


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_a_module_of_the_gate_is_pure(module: Path) -> None:
    assert impurities(module.read_text(encoding="utf-8")) == set()


def test_nothing_that_decides_imports_the_page_of_rules() -> None:
    assert [path.stem for path in MODULES if PAGE in path.read_text(encoding="utf-8")] == []


@pytest.mark.parametrize(
    "planted",
    [
        "import os",
        "from time import monotonic",
        "datetime.now()",
        "open('x')",
        "def f():\n    global g",
        "import random",
    ],
)
def test_an_impurity_is_seen(planted: str) -> None:
    assert impurities(planted)

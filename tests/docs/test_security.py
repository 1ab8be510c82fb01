"""``docs/security.md`` names tests that exist, and the scopes that the code has."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from app.tokens import Scope

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| ([\d., -]+) \| ([^|]+) \| ([^|]+) \| (tests/\S+\.py)::(test_\w+) \|$", re.MULTILINE)


def functions_of(path: Path) -> set[str]:
    """The functions of a file of tests, those in its classes too."""
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}


def test_every_named_test_exists() -> None:
    found = ROW.findall(TEXT)
    assert len(found) >= 45
    assert [f"{file}::{name}" for *_, file, name in found if name not in functions_of(ROOT / file)] == []


def test_every_line_of_the_table_is_a_row() -> None:
    table = TEXT.partition("## The table")[2]
    lines = [line for line in table.splitlines() if line.startswith("| ") and not line.startswith("| row")]
    assert [line for line in lines if not ROW.match(line)] == []


def test_the_scopes_are_those_of_the_code() -> None:
    assert re.findall(r"^\| `(\w+)` \|", TEXT, re.MULTILINE) == [scope.value for scope in Scope]


def test_the_promises_lead_to_the_table() -> None:
    assert "docs/security.md" in (ROOT / "SECURITY.md").read_text()

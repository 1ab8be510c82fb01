"""Every code with which the sender refuses an order stands in ``docs/safety.md``, and no other one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MAKERS = ("reject_reason", "Reason")


def codes(source: str) -> Iterator[str]:
    """The codes of the reasons that a file makes: the first argument, or the one named ``code``."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MAKERS:
            named = [each.value for each in node.keywords if each.arg == "code"]
            yield from (each.value for each in (*node.args[:1], *named) if isinstance(each, ast.Constant))


def test_the_table_lists_what_the_sender_says() -> None:
    files = (ROOT / "tradewright" / "execution").glob("*.py")
    told = {code for file in files for code in codes(file.read_text(encoding="utf-8"))}
    page = (ROOT / "docs" / "safety.md").read_text(encoding="utf-8")
    section = page.partition("### Refusals at the moment of sending")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| ([A-Z_]+) \|", section, re.MULTILINE)) == told
    assert len(told) > 5

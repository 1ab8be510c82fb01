"""Every public class of the rooms of the money path has its sentence in the glossary."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("model", "policy", "portfolio", "ledger", "execution")
ROW = re.compile(r"^\| ([\w -]+?) \| (.+) \|$", re.MULTILINE)


def rows() -> list[tuple[str, str]]:
    found = ROW.findall((ROOT / "docs" / "glossary.md").read_text(encoding="utf-8"))
    return [(word, text) for word, text in found if word not in ("word", "---")]


def public_classes(source: str) -> set[str]:
    return {n.name for n in ast.parse(source).body if isinstance(n, ast.ClassDef) and not n.name.startswith("_")}


@pytest.mark.parametrize("room", ROOMS)
def test_every_public_class_of_a_room_has_a_sentence(room: str) -> None:
    files = (ROOT / "tradewright" / room).rglob("*.py")
    classes = set().union(*(public_classes(file.read_text(encoding="utf-8")) for file in files))
    assert classes, "the room has classes"
    assert classes - {word for word, _ in rows()} == set(), "add a row to docs/glossary.md"


def test_each_word_has_one_row_with_one_sentence() -> None:
    words = [word for word, _ in rows()]
    assert len(set(words)) == len(words)
    assert [text for _, text in rows() if not text.endswith(".")] == []


def test_a_reference_leads_to_a_row() -> None:
    words = {word for word, _ in rows()}
    assert {name for _, text in rows() for name in re.findall(r"See \*([\w -]+)\*", text)} <= words


def test_a_class_without_a_row_is_seen() -> None:
    assert public_classes("class New: ...\nclass _Own: ...\n") == {"New"}

"""Notebooks look, they do not think: short cells, no definitions, no road to the venue; the references are theirs."""

from __future__ import annotations

import ast
import statistics
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from tests.notebooks.export import NOTEBOOKS, REFERENCES, code_of, exported, normalised

LONGEST = 16
"""Lines of the longest cell that is admitted; half of all cells are far shorter."""
by_name = pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)


def cells(source: str) -> list[ast.FunctionDef]:
    """The cells of a marimo notebook, which are functions at its top level."""
    return [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]


def thoughts(source: str) -> list[str]:
    """What a cell may not hold: functions, classes, lambdas, loops, exceptions, arithmetic."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.For, ast.While, ast.Try, ast.BinOp)
    return [
        f"line {node.lineno}: {type(node).__name__}"
        for cell in cells(source)
        for part in cell.body
        for node in ast.walk(part)
        if isinstance(node, kinds)
    ]


def lengths(source: str) -> list[int]:
    """Lines of every cell's body, its return left out."""
    bodies = [[part for part in cell.body if not isinstance(part, ast.Return)] for cell in cells(source)]
    return [body[-1].end_lineno - body[0].lineno + 1 for body in bodies if body]  # type: ignore[operator]


FIGURES = {"documents": "my_strategy is sound", "lab": "equity ", "monitor": "equity ", "quality": "score "}
"""What each of them prints, to be compared from run to run."""


def test_there_are_four() -> None:
    assert [path.stem for path in NOTEBOOKS] == list(FIGURES)


@by_name
def test_cells_are_short(notebook: Path) -> None:
    found = lengths(notebook.read_text())
    assert statistics.median(found) <= 10
    assert max(found) <= LONGEST


@by_name
def test_cells_do_not_think(notebook: Path) -> None:
    assert thoughts(notebook.read_text()) == []


@pytest.mark.parametrize(
    "body", ["def f(): return 1", "class A: pass", "x = lambda: 1", "y = price * quantity", "for z in (): pass"]
)
def test_a_cell_that_thinks_is_found(body: str) -> None:
    assert thoughts(f"@app.cell\ndef _():\n    {body}\n    return\n")


@by_name
def test_only_operations_and_the_environment_are_imported(notebook: Path) -> None:
    tree = ast.walk(ast.parse(notebook.read_text()))
    modules = {node.module for node in tree if isinstance(node, ast.ImportFrom)}
    assert modules == {"app.operations", "conf.environment"}


@by_name
def test_marimo_has_nothing_to_say(notebook: Path) -> None:
    command = [sys.executable, "-m", "marimo", "check", "--strict", str(notebook)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@by_name
def test_the_reference_holds_the_present_code(notebook: Path, tmp_path: Path) -> None:
    reference = nbformat.read(REFERENCES / f"{notebook.stem}.ipynb", as_version=4)
    present = exported(notebook, tmp_path, run=False)
    assert code_of(reference) == code_of(present), "run python -m tests.notebooks.export tests/notebooks/reference"


@by_name
def test_the_reference_is_normal_and_prints_figures(notebook: Path) -> None:
    text = (REFERENCES / f"{notebook.stem}.ipynb").read_text()
    reference = nbformat.reads(text, as_version=4)
    assert nbformat.writes(normalised(reference)).strip() == text.strip()
    printed = "".join(output.text for cell in reference.cells for output in cell.get("outputs", ()))
    assert FIGURES[notebook.stem] in printed
    assert any(character.isdigit() for character in printed)

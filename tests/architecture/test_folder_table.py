"""Every package says in one line what it is for, and the README's folder table says the same."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2]
ROOMS = ("tradewright", "conf", "runtime", "assets", "strategies", "brokers", "app", "notebooks", "benchmarks", "tests")
ROW = re.compile(r"^\| `(?P<folder>[\w/]+)/` \| (?P<purpose>.+) \|$", re.MULTILINE)


def documented_packages() -> list[str]:
    inside = sorted(path.parent.name for path in (SOURCE / "tradewright").glob("*/__init__.py"))
    return [*ROOMS, *(f"tradewright/{name}" for name in inside)]


def one_liner(package: str) -> str:
    tree = ast.parse((SOURCE / package / "__init__.py").read_text())
    return ast.get_docstring(tree) or ""


@pytest.mark.parametrize("package", documented_packages())
def test_a_package_has_one_line_of_purpose_and_the_readme_repeats_it(package: str) -> None:
    purpose = one_liner(package)
    assert purpose, f"{package} needs a docstring"
    assert "\n" not in purpose
    table = {match["folder"]: match["purpose"] for match in ROW.finditer((SOURCE / "README.md").read_text())}
    assert table.get(package) == purpose


def test_the_table_names_no_folder_that_is_not_there() -> None:
    table = [match["folder"] for match in ROW.finditer((SOURCE / "README.md").read_text())]
    assert table
    assert [folder for folder in table if not (SOURCE / folder).is_dir()] == []

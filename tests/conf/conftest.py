"""A copy of the shipped YAML that a test may break."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from conf.environment import SOURCE


@pytest.fixture
def conf_copy(tmp_path: Path) -> Path:
    """The shipped YAML files in a folder of their own, named ``conf``."""
    folder = tmp_path / "conf"
    shutil.copytree(SOURCE / "conf", folder, ignore=shutil.ignore_patterns("*.py", "__pycache__", "schema"))
    return folder

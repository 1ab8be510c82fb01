"""Whoever runs the reference notebooks under nbval gets the store that they were exported on."""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
from pathlib import Path

import pytest

from conf.environment import OVERRIDES

_STORE = pytest.StashKey[Path]()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Prepare the store before the first kernel starts; kernels inherit the environment."""
    if any(item.path.suffix == ".ipynb" for item in session.items):
        from tests.support.desk_store import prepare

        session.stash[_STORE] = folder = Path(tempfile.mkdtemp(prefix="tradewright-"))
        os.environ[OVERRIDES] = shlex.join(prepare(folder))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Remove it."""
    if _STORE in session.stash:
        shutil.rmtree(session.stash[_STORE], ignore_errors=True)

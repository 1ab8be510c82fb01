"""Fixtures: a world on each engine, in memory where the machine can."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.execution.world import MEMORY, World
from tests.support import postgres
from tests.support.ledgers import new_url


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A folder in memory where there is one."""
    folder = Path(tempfile.mkdtemp(prefix="tradewright-", dir=MEMORY))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite"])
def engine(request: pytest.FixtureRequest) -> str:
    if request.param == "postgres" and (reason := postgres.server().reason):
        pytest.skip(reason)
    return str(request.param)


@pytest.fixture
def world(engine: str, tmp_path: Path) -> Iterator[World]:
    made = World(new_url(engine, tmp_path), tmp_path / "venue.db")
    yield made
    made.close()

"""Fixtures: a world on each engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.execution.world import World
from tests.support import postgres
from tests.support.ledgers import new_url


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

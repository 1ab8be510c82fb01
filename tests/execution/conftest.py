"""Fixtures: a world on each engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.execution.kill_driver import SHORT
from tests.execution.world import World
from tests.support import postgres
from tests.support.ledgers import new_url
from tradewright.model.clock import SystemClock


@pytest.fixture(params=["sqlite"])
def engine(request: pytest.FixtureRequest) -> str:
    if request.param == "postgres" and (reason := postgres.server().reason):
        pytest.skip(reason)
    return str(request.param)


@pytest.fixture
def real(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """A world by the wall clock, for senders in processes of their own; a parameter names the engine."""
    engine = getattr(request, "param", "sqlite")
    if engine == "postgres" and (reason := postgres.server().reason):
        pytest.skip(reason)
    made = World(new_url(engine, tmp_path), tmp_path / "venue.db", SystemClock(), SHORT)
    yield made
    made.close()


@pytest.fixture
def world(engine: str, tmp_path: Path) -> Iterator[World]:
    made = World(new_url(engine, tmp_path), tmp_path / "venue.db")
    yield made
    made.close()

"""Fixtures: a ledger on each engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import postgres
from tests.support.ledgers import START, Proposer, new_url
from tradewright.ledger.ledger import Ledger
from tradewright.model.clock import ManualClock

ENGINES = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    if request.param == "postgres" and (reason := postgres.server().reason):
        pytest.skip(reason)
    return str(request.param)


@pytest.fixture
def ledger_url(engine: str, tmp_path: Path) -> str:
    return new_url(engine, tmp_path)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def ledger(ledger_url: str, clock: ManualClock) -> Iterator[Ledger]:
    with Ledger.create(ledger_url, clock, busy_seconds=1) as opened:
        yield opened


@pytest.fixture
def proposer(ledger: Ledger, clock: ManualClock) -> Proposer:
    return Proposer(ledger, clock)

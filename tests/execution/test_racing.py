"""Several daemons at once, each a process with a real sender: every approved order reaches the venue exactly once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from tests.execution.kill_driver import SHORT
from tests.execution.processes import started
from tests.execution.race_driver import main
from tests.execution.venue import ACCOUNT
from tests.execution.world import World, violations
from tests.support import postgres
from tests.support.extent import runs
from tests.support.ledgers import new_url
from tradewright.execution.types import CHECKPOINTS
from tradewright.model.clock import SystemClock

ORDERS = runs(8, 20)
BEFORE_THE_WRITE = ("S2.before_claim", "S2.claimed", "S3.connected", "S3.reconciled", "S3.rechecked", "S4.before_write")
"""Where a sender may fall asleep beyond its lease, and must find when it wakes that it may no longer send."""


@pytest.fixture
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    if request.param == "postgres" and (reason := postgres.server().reason):
        pytest.skip(reason)
    made = World(new_url(request.param, tmp_path), tmp_path / "venue.db", SystemClock(), SHORT)
    yield made
    made.close()


@contextmanager
def racing(world: World, *racers: tuple[str, ...]) -> Iterator[list[Connection]]:
    """The processes, started and ready, each at the other end of a pipe; none of them outlives the block."""
    common = ("--ledger", world.url, "--argument", world.venue.path)
    pipes = [Pipe() for _ in racers]
    running = [started(main, (*common, *racer), far) for racer, (_, far) in zip(racers, pipes, strict=True)]
    for _, far in pipes:
        far.close()  # so that a process that died is noticed as the end of its pipe
    try:
        assert [answer(near) for near, _ in pipes] == ["ready"] * len(racers)
        yield [near for near, _ in pipes]
    finally:
        for process in running:
            process.join(5)
            process.kill()


def race(world: World, *racers: tuple[str, ...]) -> list[dict[str, Any]]:
    """Give the signal to all processes at once, and gather what each of them says."""
    with racing(world, *racers) as pipes:
        for pipe in pipes:
            pipe.send("go")
        return [answer(pipe) for pipe in pipes]


def answer(pipe: Connection) -> Any:
    """The next word of a racer; EOFError when it has died."""
    assert pipe.poll(90), "no word in 90 s"
    return pipe.recv()


def settled(world: World, found: list[dict[str, Any]], orders: int) -> None:
    """Each order was sent by one of them, reached the venue once, was filled once, and none is left."""
    wanted = sorted(f"intent{number:04d}" for number in range(1, orders + 1))
    placed = world.venue.state["placed"]
    assert sorted(ref.rpartition(".")[0] for ref in placed) == wanted
    assert sorted(ref for each in found for ref in each["SENT"]) == sorted(placed)
    assert [each["UNKNOWN"] + each["REFUSED"] for each in found] == [[]] * len(found)
    assert len(world.ledger.executions.all(ACCOUNT)) == orders
    assert world.ledger.outbox.sendable(ACCOUNT) == world.ledger.attempts.live(ACCOUNT) == []
    assert violations(world.ledger, world.venue) == []
    assert world.codes() == world.codes("MSFT") == []


def fill_outbox(world: World, orders: int = ORDERS) -> None:
    for number in range(orders):
        world.proposer.order(("AAPL", "MSFT")[number % 2], str(number + 1))


@pytest.mark.parametrize(
    ("world", "seed", "batch", "stagger"),
    [
        ("sqlite", 1, 1, 0.0),
        ("sqlite", 2, 3, 0.0),
        ("sqlite", 3, 4, 0.05),
        ("sqlite", 4, 0, 0.0),
        pytest.param("postgres", 5, 3, 0.0, marks=pytest.mark.postgres),
        pytest.param("postgres", 6, 0, 0.02, marks=pytest.mark.postgres),
    ],
    indirect=["world"],
)
def test_two_daemons_that_race_send_each_order_once(world: World, seed: int, batch: int, stagger: float) -> None:
    """They ask for overlapping shares in turns, or, with a batch of 0, each for everything."""
    fill_outbox(world)
    common = ("--batch", str(batch), "--most", str(ORDERS // 2) if batch else "1000")
    late = ("--seed", str(seed + 100), "--seconds", str(stagger))
    found = race(world, ("--seed", str(seed), *common), (*late, *common))
    settled(world, found, ORDERS)
    if batch:
        assert all(each["SENT"] for each in found), "neither may send more than about the half"


@pytest.mark.parametrize(
    ("world", "name"),
    [
        *(("sqlite", name) for name in BEFORE_THE_WRITE),
        pytest.param("postgres", "S2.before_claim", marks=pytest.mark.postgres),
        pytest.param("postgres", "S4.before_write", marks=pytest.mark.postgres),
    ],
    indirect=["world"],
)
def test_a_sender_that_sleeps_beyond_its_lease_sends_nothing_when_it_wakes(world: World, name: str) -> None:
    """The other one takes over meanwhile; the claim of the sleeper is worth nothing any more.

    The sleeper has one turn: later it could have the account again by right, from a machine too slow to renew in time.
    """
    fill_outbox(world, 4)
    with racing(world, ("--lease", "0.3", "--stall", name, "--turns", "1"), ()) as (sleeper, other):
        sleeper.send("go")
        assert answer(sleeper) == "asleep"
        other.send("go")
        found = [answer(sleeper), answer(other)]
    assert found[0]["SENT"] == []
    settled(world, found, 4)


def test_every_checkpoint_before_the_write_ahead_is_in_the_list() -> None:
    before = CHECKPOINTS[: CHECKPOINTS.index("S4.written")]
    assert [name for name in before if name != "S1.listed"] == list(BEFORE_THE_WRITE)

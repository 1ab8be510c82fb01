"""kill -9 at every step boundary (fault 30): restart, recover, and nothing is doubled, lost or adrift."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.execution.kill_driver import SHORT, work
from tests.execution.processes import Done, run_driver
from tests.execution.venue import ACCOUNT
from tests.execution.world import World, run, violations
from tests.support import postgres
from tests.support.ledgers import new_url
from tradewright.execution.types import CHECKPOINTS
from tradewright.model.clock import SystemClock

pytestmark = pytest.mark.kill
UNSENT = ("S1", "S2", "S3", "S4.before")
IN_DOUBT = ("S4.written", "S4.read_back", "S5.before")
ORDINARY = [name for name in CHECKPOINTS if name[0] == "S" and not name.startswith("S8")]


def restart(world: World, *cancel: str, follow: float = 1.0) -> list[list[str]]:
    """A new sender, here: the dead one's lease has run out."""
    world.expire_lease()
    outcomes: list[list[str]] = run(work(world.sender(), cancel, follow))
    return outcomes


def drive(world: World, *arguments: str) -> Done:
    world.expire_lease()
    return run_driver(
        "tests.execution.kill_driver", ("--ledger", world.url, "--argument", world.venue.path, *arguments)
    )


def killed(world: World, name: str, *arguments: str) -> None:
    done = drive(world, "--die-at", name, *arguments)
    assert done.returncode == -signal.SIGKILL, f"{name} was not passed: {done.stdout} {done.stderr}"


@pytest.fixture
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    engine = getattr(request, "param", "sqlite")
    if engine == "postgres" and (reason := postgres.server().reason):
        pytest.skip(reason)
    made = World(new_url(engine, tmp_path), tmp_path / "venue.db", SystemClock(), SHORT)
    yield made
    made.close()


def on_either(names: Sequence[str], on_a_server: Sequence[str]) -> pytest.MarkDecorator:
    """Every boundary on SQLite, some of them on PostgreSQL, where a kill also leaves the server with a dead client."""
    served = [pytest.param("postgres", name, marks=pytest.mark.postgres) for name in on_a_server]
    cases = [*(("sqlite", name) for name in names), *served]
    return pytest.mark.parametrize(("world", "name"), cases, indirect=["world"])


@on_either(ORDINARY, ("S2.claimed", "S4.before_write", "S4.written", "S5.before_place", "S5.placed", "S7.recorded"))
def test_fault_30_killed_at_every_boundary(world: World, name: str) -> None:
    world.proposer.order("AAPL")
    world.proposer.order("MSFT")
    killed(world, name)
    restart(world)
    assert violations(world.ledger, world.venue) == []
    placed = world.venue.state["placed"]
    if name.startswith(IN_DOUBT):
        assert placed == ["intent0002.2"], "what was perhaps sent is never sent again; a mere claim is given back"
        assert world.ledger.attempts.get("intent0001.1").state.value == "NOT_SENT"
    else:
        assert [ref.rpartition(".")[0] for ref in placed] == ["intent0001", "intent0002"]
        assert world.states()[-1] == "FILLED"
    assert len(world.ledger.executions.all(ACCOUNT)) == len(placed)
    assert world.codes() == world.codes("MSFT") == []


@pytest.mark.parametrize("name", ["S7.recorded", "S7.applied"])
def test_fault_30_killed_over_the_messages_of_the_second_order(world: World, name: str) -> None:
    world.proposer.order("AAPL")
    world.proposer.order("MSFT")
    killed(world, name, "--nth", "2")
    restart(world)
    assert violations(world.ledger, world.venue) == []
    assert world.states() == ["FILLED", "FILLED"]


@on_either(["S8.before_end", "S8.ended"], ["S8.before_end"])
def test_fault_30_killed_while_an_order_ends(world: World, name: str) -> None:
    world.proposer.order()
    world.venue.fault("reject")
    killed(world, name)
    restart(world)
    assert violations(world.ledger, world.venue) == []
    assert world.states() == ["REJECTED"]


@pytest.mark.parametrize(("name", "state"), [("C.written", "CANCEL_REQUESTED"), ("C.cancelled", "CANCELLED")])
def test_fault_30_killed_while_cancelling(world: World, name: str, state: str) -> None:
    world.venue.set(mode="rest")
    world.proposer.order()
    killed(world, name, "--cancel", "intent0001.1")
    restart(world, follow=0.1)
    assert world.states() == [state]
    assert violations(world.ledger, world.venue) == []
    if state == "CANCEL_REQUESTED":
        restart(world, "intent0001.1")
        assert world.states() == ["CANCELLED"]


def test_fault_30_killed_again_and_again(world: World) -> None:
    """Each restart is killed at the next boundary; the last one settles everything."""
    world.proposer.order()
    for name in ("S2.claimed", "S3.rechecked", "S5.placed", "S3.connected"):
        killed(world, name)
    done = drive(world)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []
    assert world.venue.state["placed"] == ["intent0001.3"]
    assert violations(world.ledger, world.venue) == []
    assert world.states() == ["NOT_SENT"] * 2 + ["FILLED"]

"""kill -9 at every step boundary (fault 30): restart, recover, and nothing is doubled, lost or adrift."""

from __future__ import annotations

import json
import signal
from collections.abc import Sequence

import pytest

from tests.execution.kill_driver import work
from tests.execution.processes import Done, run_driver
from tests.execution.venue import ACCOUNT
from tests.execution.world import World, run, violations
from tradewright.execution.types import CHECKPOINTS

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


def on_either(names: Sequence[str], on_a_server: Sequence[str]) -> pytest.MarkDecorator:
    """Every boundary on SQLite, some of them on PostgreSQL, where a kill also leaves the server with a dead client."""
    served = [pytest.param("postgres", name, marks=pytest.mark.postgres) for name in on_a_server]
    cases = [*(("sqlite", name) for name in names), *served]
    return pytest.mark.parametrize(("real", "name"), cases, indirect=["real"])


@on_either(ORDINARY, ("S2.claimed", "S4.before_write", "S4.written", "S5.before_place", "S5.placed", "S7.recorded"))
def test_fault_30_killed_at_every_boundary(real: World, name: str) -> None:
    real.proposer.order("AAPL")
    real.proposer.order("MSFT")
    killed(real, name)
    restart(real)
    assert violations(real.ledger, real.venue) == []
    placed = real.venue.state["placed"]
    if name.startswith(IN_DOUBT):
        assert placed == ["intent0002.2"], "what was perhaps sent is never sent again; a mere claim is given back"
        assert real.ledger.attempts.get("intent0001.1").state.value == "NOT_SENT"
    else:
        assert [ref.rpartition(".")[0] for ref in placed] == ["intent0001", "intent0002"]
        assert real.states()[-1] == "FILLED"
    assert len(real.ledger.executions.all(ACCOUNT)) == len(placed)
    assert real.codes() == real.codes("MSFT") == []


@pytest.mark.parametrize("name", ["S7.recorded", "S7.applied"])
def test_fault_30_killed_over_the_messages_of_the_second_order(real: World, name: str) -> None:
    real.proposer.order("AAPL")
    real.proposer.order("MSFT")
    killed(real, name, "--nth", "2")
    restart(real)
    assert violations(real.ledger, real.venue) == []
    assert real.states() == ["FILLED", "FILLED"]


@on_either(["S8.before_end", "S8.ended"], ["S8.before_end"])
def test_fault_30_killed_while_an_order_ends(real: World, name: str) -> None:
    real.proposer.order()
    real.venue.fault("reject")
    killed(real, name)
    restart(real)
    assert violations(real.ledger, real.venue) == []
    assert real.states() == ["REJECTED"]


@pytest.mark.parametrize(("name", "state"), [("C.written", "CANCEL_REQUESTED"), ("C.cancelled", "CANCELLED")])
def test_fault_30_killed_while_cancelling(real: World, name: str, state: str) -> None:
    real.venue.set(mode="rest")
    real.proposer.order()
    killed(real, name, "--cancel", "intent0001.1")
    restart(real, follow=0.1)
    assert real.states() == [state]
    assert violations(real.ledger, real.venue) == []
    if state == "CANCEL_REQUESTED":
        restart(real, "intent0001.1")
        assert real.states() == ["CANCELLED"]


def test_fault_30_killed_again_and_again(real: World) -> None:
    """Each restart is killed at the next boundary; the last one settles everything."""
    real.proposer.order()
    for name in ("S2.claimed", "S3.rechecked", "S5.placed", "S3.connected"):
        killed(real, name)
    done = drive(real)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []
    assert real.venue.state["placed"] == ["intent0001.3"]
    assert violations(real.ledger, real.venue) == []
    assert real.states() == ["NOT_SENT"] * 2 + ["FILLED"]

"""One test per row of the fault catalogue, part B: what ledgers, disks and schedulers do."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.execution.kill_driver import SHORT
from tests.execution.venue import ACCOUNT, FileVenue
from tests.execution.world import World, run, violations
from tradewright.execution.types import CHECKPOINTS
from tradewright.ledger.attempt import replay
from tradewright.ledger.ledger import Ledger
from tradewright.model.clock import ManualClock, SystemClock
from tradewright.model.errors import LedgerError
from tradewright.model.order import AttemptState

REF = "intent0001.1"
ROOT = Path(__file__).parents[2]


class WriteLock:
    """Somebody who holds the ledger's write lock."""

    def __init__(self, url: str) -> None:
        self._db = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None, check_same_thread=False)

    def take(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def let_go(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    def close(self) -> None:
        self.let_go()
        self._db.close()


@pytest.mark.parametrize("step", [name for name in CHECKPOINTS if name[1] in "234567"])
def test_fault_27_a_lock_on_the_ledger_at_any_step_stops_or_delays_but_never_doubles(world: World, step: str) -> None:
    world.proposer.order()
    lock = WriteLock(world.url)
    held: list[str] = []

    def hold(name: str) -> None:
        if name == step and not held:
            held.append(name)
            lock.take()

    world.ledger.close()
    world.ledger = Ledger.open(world.url, world.clock, busy_seconds=0.05)
    world.proposer.ledger = world.ledger
    with pytest.raises(LedgerError, match="write lock"):
        world.drain(world.sender(checkpoint=hold))
    written = step[1] in "567" or step in ("S4.written", "S4.read_back")
    assert world.venue.state["placed"] == [REF] * written, "no write-ahead, no send"
    lock.close()
    world.expire_lease()
    world.drain()
    assert violations(world.ledger, world.venue) == []
    assert len(set(world.venue.state["placed"])) == len(world.venue.state["placed"])


def test_fault_27_a_short_lock_only_delays(world: World) -> None:
    world.proposer.order()
    lock = WriteLock(world.url)
    lock.take()
    threading.Timer(0.2, lock.let_go).start()
    assert [outcome.state for outcome in world.drain()] == [AttemptState.FILLED]
    lock.close()


def test_fault_28_every_commit_is_synchronous_and_any_cut_of_the_wal_leaves_a_consistent_past(
    world: World, tmp_path: Path
) -> None:
    world.proposer.order("AAPL")
    world.proposer.order("MSFT")
    world.drain()
    path = Path(world.url.removeprefix("sqlite:///"))
    with world.ledger._database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    wal = path.with_name(path.name + "-wal").read_bytes()
    frames = (len(wal) - 32) // 4120
    assert frames > 20
    states = set()
    for frame in range(0, frames, 3):
        copy = tmp_path / f"cut{frame}.db"
        shutil.copy(path, copy)
        copy.with_name(copy.name + "-wal").write_bytes(wal[: 32 + frame * 4120 - 7 if frame else 0])
        with Ledger.create(f"sqlite:///{copy}", world.clock) as cut:
            cut.audit.verify_chain(sealed=False)  # each is older than the end that is noted outside
            for attempt in cut.attempts.all():
                assert replay([event.state for event in cut.attempts.events(attempt.ref)]) is attempt.state
                states.add(attempt.state.value)
    assert {"CLAIMED", "SENDING", "FILLED"} <= states


CHILD = """
import resource, sys
from pathlib import Path
from tests.execution.world import World
from tradewright.model.clock import SystemClock
from tradewright.model.errors import LedgerError
from tests.execution.kill_driver import SHORT
url, venue = sys.argv[1:3]
world = World(url, Path(venue), SystemClock(), SHORT)
wal = Path(url.removeprefix("sqlite:///") + "-wal")
def shrink(name):
    if name == sys.argv[3]:
        resource.setrlimit(resource.RLIMIT_FSIZE, (wal.stat().st_size, resource.RLIM_INFINITY))
try:
    world.drain(world.sender(checkpoint=shrink))
except LedgerError as error:
    print(error)
    sys.exit(7)
"""


@pytest.mark.parametrize("step", ["S2.before_claim", "S4.before_write"])
def test_fault_29_a_full_disk_means_no_commit_no_send_and_a_clear_word(tmp_path: Path, step: str) -> None:
    """The file-size limit makes the next write fail as a full disk does; afterwards the ledger is as it was."""
    world = World(f"sqlite:///{tmp_path / 'ledger.db'}", tmp_path / "venue.db", SystemClock(), SHORT)
    world.proposer.order()
    command = [sys.executable, "-c", CHILD, world.url, world.venue.path, step]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 7, done.stdout + done.stderr
    assert "ledger.db" in done.stdout
    assert "free space" in done.stdout
    assert world.venue.state["placed"] == []
    world.ledger.audit.verify_chain()
    world.expire_lease()
    assert [outcome.status.value for outcome in world.drain()] == ["SENT"]
    assert violations(world.ledger, world.venue) == []
    world.close()


def test_fault_32_a_run_that_is_executed_again_finds_its_orders_gone(world: World) -> None:
    order = world.proposer.order()

    def crash(name: str) -> None:
        if name == "S5.placed":
            raise RuntimeError("the run died")

    async def attempt(checkpoint: object = None) -> tuple[str, ...]:
        sender = world.sender(checkpoint=checkpoint) if checkpoint else world.sender()  # type: ignore[arg-type]
        try:
            return tuple(outcome.status.value for outcome in await sender.drain([order.decision_id]))
        finally:
            await sender.close()

    with pytest.raises(RuntimeError):
        run(attempt(crash))
    for _ in range(3):
        assert run(attempt()) == ("TAKEN",), "a retry does not claim to have sent it"
    assert world.venue.state["placed"] == [REF]
    assert world.states() == ["FILLED"]
    assert violations(world.ledger, world.venue) == []


FIELDS = {
    "intent_id": "'intent0002'",
    "strategy": "'other'",
    "account": "'DU100 '",
    "terms": """replace(terms, '"quantity":"10"', '"quantity":"1000"')""",
    "expires_at": "'2099-01-01T00:00:00.000000+00:00'",
    "rule_set_hash": "'x'",
    "payload_hash": "'0'",
}


@pytest.mark.parametrize("when", ["S1.listed", "S3.rechecked"])
@pytest.mark.parametrize("field", list(FIELDS))
def test_fault_38_a_row_edited_between_approval_and_send_is_not_sent(world: World, field: str, when: str) -> None:
    """The trigger is dropped first: whoever can edit the file can do that."""
    world.proposer.order()
    world.proposer.intent()

    def edit(name: str) -> None:
        if name == when:
            db = sqlite3.connect(world.url.removeprefix("sqlite:///"), timeout=5)
            db.execute("DROP TRIGGER append_only_approved_orders_update")
            db.execute(f"UPDATE approved_orders SET {field} = {FIELDS[field]}")
            db.commit()
            db.close()

    outcome = world.drain(world.sender(checkpoint=edit))[0]
    assert outcome.status.value == "REFUSED"
    assert [reason.code for reason in outcome.reasons] == ["APPROVAL_ALTERED"]
    assert world.venue.state["placed"] == []
    assert "ALTERED" in [entry.action for entry in world.ledger.audit.entries()]


def test_a_ledger_that_fails_after_the_send_leaves_the_order_to_the_next_recovery(world: World) -> None:
    """The disk dies between the send and the answer: the answer is not applied, and nothing more is sent."""
    world.proposer.order("AAPL")
    world.proposer.order("MSFT")
    real = world.ledger.broker_journal.record_event

    def fail(name: str) -> None:
        if name == "S5.before_place":
            world.ledger.broker_journal.record_event = broken  # type: ignore[method-assign]

    def broken(*_arguments: object) -> None:
        raise LedgerError("the disk is full")

    with pytest.raises(LedgerError, match="disk is full"):
        world.drain(world.sender(checkpoint=fail))
    assert world.venue.state["placed"] == [REF]
    assert world.states() == ["SENDING", "NOT_SENT"], "the claim that was not acted on is given back"
    world.ledger.broker_journal.record_event = real  # type: ignore[method-assign]
    world.drain()
    assert world.states() == ["FILLED", "NOT_SENT", "FILLED"]
    assert violations(world.ledger, world.venue) == []


def test_a_write_ahead_that_is_not_there_when_read_back_is_not_followed_by_a_send(world: World) -> None:
    world.proposer.order()
    world.ledger.attempts.read_back = lambda _ref: []  # type: ignore[method-assign,assignment]
    with pytest.raises(LedgerError, match="not there when read back"):
        world.drain()
    assert world.venue.state["placed"] == []


def test_a_lost_write_ahead_is_adopted_when_the_venue_knows_the_order(world: World) -> None:
    """What FULL prevents: the venue has an order that the ledger believes only claimed."""
    order = world.proposer.order()
    world.recover()
    world.ledger.leases.acquire(ACCOUNT, "dead", 60)
    world.ledger.claims.claim(order.decision_id, order.payload_hash, "dead")
    world.venue.take(order, REF, 7)
    world.expire_lease()
    world.drain()
    assert world.states() == ["FILLED"]
    assert world.venue.state["placed"] == [REF]


def test_the_venue_of_these_tests_survives_and_counts(tmp_path: Path) -> None:
    venue = FileVenue(tmp_path / "venue.db", ManualClock(SystemClock().now()))
    venue.fault("swallow")
    assert FileVenue(tmp_path / "venue.db").state["faults"] == ["swallow"]

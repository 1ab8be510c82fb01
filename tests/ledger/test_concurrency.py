"""Two at one ledger: writers take turns, readers see what is committed, and what is lost on the way was never there.

There is no retry of a serialization failure to test: a writer holds the one write lock of either engine from before
its first read, so that no two transactions can contradict each other.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from tests.support.ledgers import ACCOUNT, START, Proposer
from tradewright.ledger.execution import Recorded
from tradewright.ledger.freezes import FreezeCode
from tradewright.ledger.ledger import Ledger
from tradewright.model.clock import ManualClock
from tradewright.model.errors import LedgerError
from tradewright.model.order import Fill, Side

ROOT = Path(__file__).parents[2]
WRITER = """
import sys
from decimal import Decimal
from tradewright.ledger.ledger import Ledger
from tradewright.model.clock import SystemClock
with Ledger.open(sys.argv[1], SystemClock(), busy_seconds=30) as ledger:
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(int(sys.argv[3])):
        with ledger.transaction():
            ledger.audit.append(sys.argv[2], "COUNT", str(number))
            last = [row.equity for row in ledger.equity.marks("DU100")]
            ledger.equity.mark("DU100", (last[-1] if last else Decimal(0)) + 1, Decimal(0))
"""


@pytest.fixture
def other(ledger: Ledger, ledger_url: str) -> Iterator[Ledger]:
    """A second door to the same ledger, as of another process; it does not wait long."""
    clock = ledger.clock
    with Ledger.open(ledger_url, clock, busy_seconds=0.2) as opened:
        yield opened


def apart(act: Callable[[], Any]) -> Any:
    """The result of something done in a thread of its own, outside the present transaction."""
    found: list[Any] = []

    def run() -> None:
        try:
            found.append(act())
        except LedgerError as error:
            found.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(240)
    assert found, "it never came back"
    return found[0]


def a_fill(exec_id: str) -> Fill:
    return Fill(exec_id=exec_id, ref="", perm_id=1, instrument="AAPL", side=Side.BUY, quantity=Decimal(1),
                price=Decimal(100), time=START, account=ACCOUNT)  # fmt: skip


def at_once(ledger_url: str, clock: ManualClock, *acts: Callable[[Ledger], Any]) -> list[Any]:
    """What each of several acts gives or raises, all let go at one barrier with ledgers of their own."""
    start, found = threading.Barrier(len(acts)), [None] * len(acts)

    def run(number: int) -> None:
        with Ledger.open(ledger_url, clock, busy_seconds=20) as own:
            start.wait()
            try:
                found[number] = acts[number](own)
            except LedgerError as error:
                found[number] = error  # type: ignore[assignment]

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_nobody_sees_half_a_transaction(ledger: Ledger, other: Ledger) -> None:
    with ledger.transaction():
        ledger.executions.record(a_fill("a.01"), None)
        assert ledger.executions.position(ACCOUNT, "AAPL") == 1, "oneself does"
        assert apart(lambda: other.executions.position(ACCOUNT, "AAPL")) == 0
        assert apart(lambda: ledger.executions.position(ACCOUNT, "AAPL")) == 0, "not even through the same door"
        ledger.kill_switches.stop("everything", "ann", "test")
        assert apart(other.kill_switches.present) == []
    assert other.executions.position(ACCOUNT, "AAPL") == len(other.kill_switches.present()) == 1


WRITES: dict[str, Callable[[Ledger], Any]] = {
    "a switch": lambda ledger: ledger.kill_switches.stop("everything", "ann", "test"),
    "a freeze": lambda ledger: ledger.freezes.freeze(ACCOUNT, "AAPL", FreezeCode.OVERFILL, "test"),
    "an execution": lambda ledger: ledger.executions.record(a_fill("a.01"), None),
    "a fee": lambda ledger: ledger.executions.record_fee("a.01", Decimal(1)),
    "a lease": lambda ledger: ledger.leases.acquire(ACCOUNT, "h", 60),
    "a mark": lambda ledger: ledger.equity.mark(ACCOUNT, Decimal(1), Decimal(1)),
    "a check": lambda ledger: ledger.checks.record("bars", True),
    "a key": lambda ledger: ledger.idempotency.once("k", 1, lambda: 1),
    "an entry": lambda ledger: ledger.audit.append("ann", "KILL", "everything"),
    "a reconciliation": lambda ledger: ledger.broker_journal.record_reconciliation("s", ACCOUNT, ()),
}


def traces(ledger: Ledger) -> list[Any]:
    """All that the acts above leave behind."""
    return [
        ledger.kill_switches.present(), ledger.freezes.present(ACCOUNT), ledger.executions.all(),
        ledger.checks.newest(),
        ledger.equity.marks(ACCOUNT), ledger.leases.get(ACCOUNT), ledger.audit.entries(),
        ledger.broker_journal.last_reconciliation(ACCOUNT),
    ]  # fmt: skip


@pytest.mark.parametrize("write", WRITES)
def test_a_writer_waits_for_its_turn_says_so_when_it_does_not_come_and_leaves_nothing(
    ledger: Ledger, other: Ledger, write: str
) -> None:
    before = traces(other)
    with ledger.transaction():
        began = time.monotonic()
        error = apart(lambda: WRITES[write](other))
        assert isinstance(error, LedgerError)
        assert "another process holds the write lock" in str(error)
        assert time.monotonic() - began >= 0.15, "it has waited"
    assert traces(other) == before
    WRITES[write](other)
    assert other.audit.verify_chain() == other.events.last_seq()


def test_a_writer_that_waits_goes_on_as_soon_as_it_may(ledger: Ledger, ledger_url: str, clock: ManualClock) -> None:
    entered = threading.Event()

    with Ledger.open(ledger_url, clock, busy_seconds=20) as patient:

        def second() -> None:
            entered.set()
            patient.audit.append("second", "ACT", "x")

        thread = threading.Thread(target=second)
        with ledger.transaction():
            thread.start()
            assert entered.wait(20)
            ledger.audit.append("first", "ACT", "x")
        thread.join()
    assert [entry.actor for entry in ledger.audit.entries()] == ["first", "second"]


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_what_fails_deep_inside_undoes_the_whole(ledger: Ledger, depth: int) -> None:
    """Transactions within one join it: there are no halves."""

    def nest(levels: int) -> None:
        with ledger.transaction():
            ledger.audit.append("ann", "ACT", str(levels))
            if levels == 0:
                raise RuntimeError("at the bottom")
            nest(levels - 1)

    with pytest.raises(RuntimeError, match="at the bottom"):
        nest(depth)
    assert ledger.audit.verify_chain() == 0


def test_processes_that_count_together_miss_no_number(ledger: Ledger, ledger_url: str) -> None:
    """Each reads the last mark and adds one, in one transaction: a lost update would show in the sum."""
    command = [sys.executable, "-c", WRITER, ledger_url]
    running = [
        subprocess.Popen([*command, name, "20"], cwd=ROOT, stdin=-1, stdout=-1, stderr=-1, text=True) for name in "ab"
    ]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in running:
        _, errors = process.communicate("go\n", timeout=240)
        assert process.returncode == 0, errors
    assert sorted(mark.equity for mark in ledger.equity.marks("DU100")) == [Decimal(n) for n in range(1, 41)]
    assert ledger.audit.verify_chain() == ledger.events.last_seq() == 80, "a mark and an entry each"


@pytest.mark.usefixtures("ledger")
def test_of_many_who_want_the_account_one_gets_it(ledger_url: str, clock: ManualClock) -> None:
    wants = [lambda own, name=str(n): own.leases.acquire(ACCOUNT, name, 60) for n in range(6)]
    assert sorted(at_once(ledger_url, clock, *wants)) == [False] * 5 + [True]


@pytest.mark.usefixtures("ledger")
def test_an_execution_that_comes_twice_at_once_is_counted_once(ledger_url: str, clock: ManualClock) -> None:
    """Two receivers of one message, or of an execution and its correction."""
    same = at_once(ledger_url, clock, *[lambda own: own.executions.record(a_fill("a.01"), None)] * 4)
    assert sorted(same) == [Recorded.NEW, Recorded.SEEN, Recorded.SEEN, Recorded.SEEN]
    mixed = [lambda own, n=n: own.executions.record(a_fill(f"b.0{n}"), None) for n in (1, 2, 3)]
    assert sorted(at_once(ledger_url, clock, *mixed)) == [Recorded.NEW, Recorded.QUARANTINED, Recorded.QUARANTINED]
    with Ledger.open(ledger_url, clock) as own:
        assert own.executions.position(ACCOUNT, "AAPL") == 2


@pytest.mark.parametrize("attempt", range(4))
def test_a_veto_and_a_claim_at_once_never_both_win_silently(
    ledger: Ledger, ledger_url: str, clock: ManualClock, proposer: Proposer, attempt: int
) -> None:
    """Either the veto comes first and there is no claim, or the claim came first and the veto is on record."""
    order = proposer.order()
    ledger.leases.acquire(ACCOUNT, "h", 60)
    acts = [
        lambda own: own.claims.claim(order.decision_id, order.payload_hash, "h"),
        lambda own: own.decisions.record_approval(order.decision_id, False, "ann", "no"),
    ]
    at_once(ledger_url, clock, *(acts if attempt % 2 else acts[::-1]))
    assert not ledger.decisions.permits(order.decision_id)
    assert ledger.outbox.sendable(ACCOUNT) == []
    assert ledger.claims.claim(order.decision_id, order.payload_hash, "h") is None


def test_a_server_that_drops_a_writer_keeps_nothing_of_it_and_the_next_one_works(ledger: Ledger, other: Ledger) -> None:
    if ledger.where.startswith("sqlite"):
        pytest.skip("SQLite has no server that could drop a connection")

    def drop() -> None:
        with other._database.read() as connection:
            connection.execute(text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = :pid"), pid)

    pid: dict[str, int] = {}

    def write() -> None:
        with ledger._database.write() as connection:
            pid["pid"] = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
            ledger.audit.append("ann", "KILL", "everything")
            apart(drop)
            ledger.audit.append("ann", "KILL", "everything")

    with pytest.raises(LedgerError, match="nothing was committed"):
        write()
    assert other.audit.verify_chain() == 0
    ledger.audit.append("ann", "KILL", "everything")
    assert other.audit.verify_chain() == 1, "the lock went with the connection"

"""kill -9 at every step boundary, with real ``ib_async`` over TCP to the gateway simulator (P1)."""

from __future__ import annotations

import itertools
import signal
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from brokers.ibkr.gateway.server import Gateway
from brokers.ibkr.gateway.thread import GatewayThread
from tests.execution.kill_driver import SHORT, allow, work
from tests.execution.processes import run_driver
from tests.execution.world import run
from tests.support.gateway_broker import ACCOUNT, INSTRUMENTS, broker
from tests.support.ledgers import Proposer
from tradewright.execution.sender import Sender
from tradewright.execution.types import CHECKPOINTS, SenderSettings
from tradewright.ledger.ledger import Ledger
from tradewright.model.clock import SystemClock

pytestmark = pytest.mark.kill
PLACE_ORDER = 3
ORDINARY = [name for name in CHECKPOINTS if name[0] == "S" and not name.startswith("S8")]
IN_DOUBT = ("S4.written", "S4.read_back", "S5.before")
_starts = itertools.count(1)


@pytest.fixture
def gateway() -> Iterator[GatewayThread]:
    """A venue that outlives every sender."""
    venue = Gateway(INSTRUMENTS, SystemClock(), cash={ACCOUNT: Decimal(100_000)}, seed=7)
    with GatewayThread(venue) as running:
        running.do("quote", symbol="AAPL", last="200")
        running.do("quote", symbol="MSFT", last="400")
        yield running


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.create(f"sqlite:///{tmp_path / 'ledger.db'}", SystemClock(), busy_seconds=1) as ledger:
        yield ledger


def kill_at(url: str, port: int, *moment: str) -> None:
    """A sender in a process of its own that dies at a step boundary, or after a leg of a group."""
    venue = ("--account", ACCOUNT, "--broker", "tests.support.gateway_broker:broker", "--argument", str(port))
    done = run_driver("tests.execution.kill_driver", ("--ledger", url, *venue, *moment))
    assert done.returncode == -signal.SIGKILL, f"{moment} was not passed: {done.stdout} {done.stderr}"


def restart(ledger: Ledger, port: int) -> None:
    """A new sender after the dead one's lease has run out."""
    if lease := ledger.leases.get(ACCOUNT):
        ledger.leases.release(ACCOUNT, lease.holder)
    settings = SenderSettings(ACCOUNT, f"restart-{next(_starts)}", per_second=100, per_minute=1000)
    run(work(Sender(ledger, broker(str(port)), SystemClock(), allow, settings, SHORT), (), 0.5))


def violations(ledger: Ledger, gateway: GatewayThread) -> list[str]:
    """Every law that does not hold, by the venue's own journal of bytes, executions and holdings."""
    venue = gateway.do("status")
    sent = [fields for entry in gateway.do("journal", message=PLACE_ORDER)["messages"] for fields in [entry["fields"]]]
    refs = [order["ref"] for order in venue["orders"]]
    entries = [ref.split(".")[0] for ref in refs if ref.count(".") == 1]
    found = [f"{intent} became {entries.count(intent)} orders" for intent in set(entries) if entries.count(intent) > 1]
    found += [f"{ref} is there {refs.count(ref)} times" for ref in set(refs) if refs.count(ref) > 1]
    if len(sent) != len(refs):
        found.append(f"{len(sent)} place messages for {len(refs)} orders")
    ours = {row.exec_id for row in ledger.executions.all()}
    found += [f"lost fill {row['exec_id']}" for row in venue["executions"] if row["exec_id"] not in ours]
    theirs = {symbol: Decimal(row["quantity"]) for symbol, row in venue["accounts"][ACCOUNT]["holdings"].items()}
    held = {row.instrument: row.quantity for row in ledger.executions.positions(ACCOUNT)}
    if held != theirs:
        found.append(f"positions {held} are not {theirs}")
    ledger.audit.verify_chain()
    return found


@pytest.mark.parametrize("name", ORDINARY)
def test_killed_at_every_boundary_over_the_real_wire(
    gateway: GatewayThread, ledger: Ledger, tmp_path: Path, name: str
) -> None:
    proposer = Proposer(ledger, SystemClock())
    proposer.order("AAPL")
    proposer.order("MSFT")
    port = gateway.gateway.port
    kill_at(f"sqlite:///{tmp_path / 'ledger.db'}", port, "--die-at", name)
    restart(ledger, port)
    assert violations(ledger, gateway) == []
    orders = gateway.do("status")["orders"]
    assert len(ledger.executions.all()) == len(orders)
    assert len(orders) == (1 if name.startswith(IN_DOUBT) else 2)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_killed_between_two_legs_over_the_real_wire(
    gateway: GatewayThread, ledger: Ledger, tmp_path: Path, number: int
) -> None:
    """The gateway holds back the legs that it has; the next sender cancels them and sends none of the others.

    The reset of the dead connection may overtake the last leg, which then never arrived.
    """
    proposer = Proposer(ledger, SystemClock())
    proposer.bracket("AAPL", reference_price=Decimal(200), stop=Decimal(190), take_profit=Decimal(220))
    port = gateway.gateway.port
    kill_at(f"sqlite:///{tmp_path / 'ledger.db'}", port, "--die-after-leg", str(number))
    for _ in range(2):
        restart(ledger, port)
    assert violations(ledger, gateway) == []
    states = [attempt.state.value for attempt in ledger.attempts.group("intent0001.1")]
    arrived = len(gateway.do("status")["orders"])
    assert arrived in (number - 1, number)
    if arrived == 3:
        assert states == ["FILLED", "WORKING", "WORKING"]
    else:
        assert states == ["CANCELLED"] * arrived + ["NOT_SENT"] * (3 - arrived)
        assert gateway.do("status")["executions"] == []
    assert ledger.freezes.present(ACCOUNT) == []


def test_the_laws_can_be_broken(gateway: GatewayThread, ledger: Ledger) -> None:
    """The checker sees an order and a holding that the ledger does not know."""
    gateway.do("manual_order", terms={"instrument": "AAPL", "side": "BUY", "quantity": "5"})
    assert any("lost fill" in law for law in violations(ledger, gateway))
    assert any("positions" in law for law in violations(ledger, gateway))

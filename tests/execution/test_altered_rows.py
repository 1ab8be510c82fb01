"""An altered row of the ledger stops the sender and the gate: nothing is sent, and nothing is decided."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from tests.execution.counter import Counter
from tests.execution.test_actor import asked, decided, intent
from tests.execution.venue import ACCOUNT
from tests.execution.world import World
from tests.support.forger import forge
from tests.support.ledgers import START
from tradewright.ledger.errors import LedgerTampered
from tradewright.ledger.freezes import FreezeCode
from tradewright.model.command import CommandKind
from tradewright.model.order import AttemptState, Fill, Leg, Side

REF = "intent0001.1"
Prepare = Callable[[World], None]


def killed(world: World) -> None:
    world.ledger.kill_switches.resume("everything", "ann", "begin")
    world.ledger.kill_switches.stop("everything", "ann", "end")


def frozen(world: World) -> None:
    world.ledger.freezes.freeze(ACCOUNT, "AAPL", FreezeCode.OVERFILL, "test", REF)


def in_doubt(world: World) -> None:
    order = world.proposer.made[0]
    world.ledger.leases.acquire(ACCOUNT, "gone", 60)
    attempt = world.ledger.claims.claim(order.decision_id, order.payload_hash, "gone")
    assert attempt is not None
    world.ledger.claims.begin_sending(attempt.ref, "s", {Leg.ENTRY: 1}, order.payload_hash, "gone")
    world.ledger.attempts.move(attempt.ref, AttemptState.UNKNOWN, "silence")
    world.expire_lease()


FORGERIES: list[tuple[str, Prepare, str]] = [
    ("switches", killed, "UPDATE switches SET stopped = 0"),
    ("switches", killed, "UPDATE switches SET scope = 'strategy:other' WHERE id = 2"),
    ("switches", killed, "DELETE FROM switches WHERE id = 2"),
    ("freezes", frozen, "UPDATE freezes SET frozen = 0"),
    ("freezes", frozen, "DELETE FROM freezes"),
    ("attempts", in_doubt, "UPDATE attempts SET state = 'NOT_SENT', spent = 0"),
    ("attempts", in_doubt, "DELETE FROM attempts"),
]


@pytest.mark.parametrize(("table", "prepare", "forgery"), FORGERIES, ids=[row[2] for row in FORGERIES])
def test_nothing_is_sent_on_an_altered_ledger(world: World, table: str, prepare: Prepare, forgery: str) -> None:
    world.proposer.order()
    prepare(world)
    forge(world.url, forgery)
    with pytest.raises(LedgerTampered, match=f"table {table}, .*compare with the last backup"):
        world.drain()
    assert world.venue.state["placed"] == []


@pytest.mark.parametrize("step", ["S3.reconciled", "S4.read_back"])
def test_a_kill_that_is_undone_by_hand_in_the_middle_of_a_send_stops_it(world: World, step: str) -> None:
    world.proposer.order()

    def meddle(name: str) -> None:
        if name == step:
            killed(world)
            forge(world.url, "UPDATE switches SET stopped = 0")

    with pytest.raises(LedgerTampered, match="switches"):
        world.drain(world.sender(checkpoint=meddle))
    assert world.venue.state["placed"] == []


GATE = {
    "checks": "UPDATE checks SET passed = 1",
    "switches": "UPDATE switches SET stopped = 0",
    "freezes": "UPDATE freezes SET instrument = 'MSFT'",
    "executions": "UPDATE executions SET quantity = '1'",
    "adjustments": "UPDATE adjustments SET quantity = '1'",
    "rulings": "UPDATE rulings SET counts = 0",
    "equity_marks": "UPDATE equity_marks SET equity = '1'",
    "decisions": "UPDATE decisions SET payload = replace(payload, 'approved_quantity\":\"', 'approved_quantity\":\"9')",
}


@pytest.mark.parametrize("table", sorted(GATE))
def test_the_gate_decides_nothing_on_an_altered_row(world: World, tmp_path: Path, table: str) -> None:
    trader = Counter(world, tmp_path / "store")
    trader.ready()
    decided(trader, intent(trader, strategy="other"))
    trader.checked("bars.AAPL.1m", passed=False)
    frozen(world)
    killed(world)
    bought = Fill(exec_id="e.01", ref="", perm_id=9, instrument="AAPL", side=Side.BUY, quantity=Decimal(5),
                  price=Decimal(100), time=START, account=ACCOUNT)  # fmt: skip
    world.ledger.executions.record(bought, None)
    world.ledger.executions.rule("e.01", True, "test")
    world.ledger.executions.adjust(ACCOUNT, "AAPL", Decimal(5), Decimal(100), "ann", "test")
    wanted = intent(trader)
    before = len(world.ledger.decisions.all())
    forge(world.url, GATE[table])
    with pytest.raises(LedgerTampered, match=table):
        decided(trader, wanted)
    if table != "decisions":
        assert len(world.ledger.decisions.all()) == before


def test_a_command_that_was_altered_is_not_carried_out(world: World, tmp_path: Path) -> None:
    world.ledger.commands.enqueue(CommandKind.CANCEL, ACCOUNT, {"ref": REF}, "ann", "test", "k")
    forge(world.url, "UPDATE commands SET kind = 'SEND', payload = '{}'")
    trader = Counter(world, tmp_path / "store")
    with pytest.raises(LedgerTampered, match="commands"):
        asked(trader, lambda inbox: inbox.send("ann", "test"))
    assert world.venue.state["placed"] == []

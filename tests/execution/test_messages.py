"""Messages of the venue: kept in batches, never lost, and what cannot be applied is told at the next query."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, event

from tests.execution.venue import ACCOUNT
from tests.execution.world import World, run, settled, violations
from tradewright.execution.execution_reports import ReportHandler
from tradewright.execution.sender import Sender
from tradewright.ledger.ledger import Ledger
from tradewright.model.broker import BrokerEventKind
from tradewright.model.errors import LedgerError

REF = "intent0001.1"


def commits(ledger: Ledger) -> list[str]:
    """A list that grows by one with every writing transaction from now on."""
    found: list[str] = []

    def committed(connection: Connection) -> None:
        if connection.info.get("writing"):
            found.append("commit")

    event.listen(ledger._database._engine, "commit", committed)
    return found


async def resting(world: World, quantity: str = "10") -> Sender:
    """A sender with one order at the venue."""
    world.venue.set(mode="rest")
    world.proposer.order("AAPL", quantity)
    sender = world.sender()
    await sender.drain()
    return sender


def test_a_burst_of_two_hundred_fills_costs_a_handful_of_commits(world: World) -> None:
    """A10: messages that arrive together are one commit raw and one commit applied."""

    async def story() -> None:
        sender = await resting(world, "200")
        found, kept = commits(world.ledger), len(world.ledger.broker_journal.events())
        for _ in range(200):
            world.venue.fill(REF, "1")
        await settled()
        assert len(found) <= 4
        assert len(world.ledger.broker_journal.events()) == kept + 400, "each of them is kept raw"
        assert world.states() == ["FILLED"]
        await sender.close()

    run(story())
    assert world.ledger.executions.position(ACCOUNT, "AAPL") == 200
    assert violations(world.ledger, world.venue) == []


def test_a_snapshot_keeps_what_arrived_before_it_concludes(world: World) -> None:
    async def story() -> None:
        sender = await resting(world)
        world.venue.fill(REF)
        await sender.tracker.query()
        kinds = [kept.kind for kept in world.ledger.broker_journal.events()]
        assert kinds[-2:] == [BrokerEventKind.FILL, BrokerEventKind.ORDER]
        await sender.close()

    run(story())


@pytest.mark.parametrize("wait", [True, False], ids=["applied by its task", "applied by the query"])
def test_a_message_that_cannot_be_applied_is_told_at_the_next_query_and_never_lost(
    world: World, monkeypatch: pytest.MonkeyPatch, wait: bool
) -> None:
    """Risk 7: any exception, not only one of the ledger's; nothing is sent before a recovery."""

    def poisoned(*_arguments: object, **_named: object) -> None:
        raise TypeError("poisoned")

    async def story() -> None:
        sender = await resting(world)
        with monkeypatch.context() as patch:
            patch.setattr(ReportHandler, "_fill", poisoned)
            world.venue.fill(REF)
            if wait:
                await settled()
                assert sender._connection.failed
            with pytest.raises(LedgerError, match=r"could not be applied: TypeError\('poisoned'\)"):
                await sender.tracker.query()
        assert not sender._connection.trusted
        assert world.ledger.broker_journal.events()[-2].kind is BrokerEventKind.FILL, "its raw form is kept"
        assert world.states() == ["WORKING"]
        await sender.ready()
        assert world.states() == ["FILLED"]
        await sender.close()

    run(story())
    assert violations(world.ledger, world.venue) == []


def test_a_message_that_cannot_be_applied_stops_the_next_send(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when it arrives between the checks and the write-ahead."""

    def poisoned(*_arguments: object, **_named: object) -> None:
        raise ValueError("poisoned")

    def disturb(name: str) -> None:
        if name == "S4.before_write" and world.venue.state["placed"]:
            monkeypatch.setattr(ReportHandler, "_fill", poisoned)
            world.venue.fill(REF)
            for sink in world.venue.sinks:
                sink._deliver()

    world.venue.set(mode="rest")
    world.proposer.order("AAPL")
    world.proposer.order("MSFT")
    with pytest.raises(LedgerError, match="could not be applied"):
        world.drain(world.sender(checkpoint=disturb))
    assert world.venue.state["placed"] == [REF]
    assert world.states() == ["WORKING", "NOT_SENT"], "its claim is given back"


def test_what_arrives_just_before_the_end_is_kept(world: World) -> None:
    async def story() -> None:
        sender = await resting(world)
        world.venue.fill(REF)
        for sink in world.venue.sinks:
            sink._deliver()
        await sender.close()

    run(story())
    assert world.states() == ["FILLED"]

"""From when on the venue is heard: a ledger never misses what it does not provably know (F1)."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from tests.execution.venue import ACCOUNT, FileBroker
from tests.execution.world import World, run
from tests.support.forger import forge
from tests.support.ledgers import new_url
from tradewright.execution.heard import heard_session, snapshot_since
from tradewright.execution.sender import Sender
from tradewright.model.approved import ApprovedOrder
from tradewright.model.broker import Broker, BrokerCapabilities, BrokerSnapshot
from tradewright.model.order import AttemptState, Leg

REF = "intent0001.1"


class DeafBroker(FileBroker):
    """A broker over the same venue that cannot leave anything out."""

    async def snapshot(self, since: str = "") -> BrokerSnapshot:  # noqa: ARG002
        return await super().snapshot()


def session(world: World) -> str:
    return heard_session(world.ledger, ACCOUNT)


def answers(world: World) -> list[str]:
    """The sessions since which the snapshots of the newest broker tell finished orders."""
    return world.broker.asked


def traded(world: World) -> None:
    """Two orders filled, and a recovery after them."""
    world.proposer.order()
    world.proposer.order()
    world.drain()
    world.recover()


def test_everything_is_heard_before_the_first_comparison(world: World) -> None:
    assert session(world) == ""
    world.recover()
    assert answers(world) == ["", ""]


def test_a_recovery_hears_what_happened_since_the_session_of_the_comparison_before(world: World) -> None:
    traded(world)
    last = world.broker.session
    assert session(world) == last
    world.recover()
    assert answers(world) == [last, last]
    assert world.states() == ["FILLED", "FILLED"]
    assert world.codes() == []


def test_what_happened_while_nobody_was_connected_is_heard(world: World) -> None:
    world.venue.set(mode="rest")
    world.proposer.order()
    world.drain()
    world.recover()
    world.venue.fill(REF, tell=False)
    world.recover()
    assert "" not in answers(world)
    assert (world.states(), world.codes()) == (["FILLED"], [])
    assert world.ledger.executions.position(ACCOUNT, "AAPL") == 10


def claimed(world: World, holder: str) -> ApprovedOrder:
    order = world.proposer.order("MSFT")
    world.ledger.leases.acquire(ACCOUNT, holder, 60)
    assert world.ledger.claims.claim(order.decision_id, order.payload_hash, holder) is not None
    return order


def written_down(world: World, order: ApprovedOrder, holder: str) -> str:
    ref = f"{order.intent_id}.1"
    world.ledger.claims.begin_sending(ref, "s", {Leg.ENTRY: 77}, order.payload_hash, holder)
    return ref


def test_everything_is_heard_while_an_order_is_in_doubt(world: World) -> None:
    traded(world)
    order = claimed(world, "gone")
    assert session(world) != "", "it was not written down, so it never went out"
    ref = written_down(world, order, "gone")
    assert session(world) == ""
    world.expire_lease()
    world.recover()
    assert set(answers(world)) == {""}
    assert world.ledger.attempts.get(ref).state in (AttemptState.UNKNOWN, AttemptState.NOT_SENT)


def test_everything_is_heard_after_a_comparison_with_a_difference(world: World) -> None:
    traded(world)
    world.venue.set(opening={"AAPL": "3"})
    world.recover()
    assert world.codes() == ["POSITION_DRIFT"]
    assert session(world) == ""
    world.venue.set(opening={})
    world.recover()
    assert (world.codes(), answers(world)) == ([], ["", ""])
    assert session(world) != ""


def test_a_difference_is_concluded_from_snapshots_of_everything(world: World) -> None:
    traded(world)
    last = session(world)
    world.venue.set(opening={"AAPL": "3"})
    world.recover()
    assert answers(world) == [last, "", ""]


def test_everything_is_heard_while_the_venue_knows_an_order_judged_not_sent(world: World) -> None:
    world.venue.set(mode="rest")
    world.proposer.order()
    world.venue.fault("silent")
    world.venue.hide(REF, 1000)
    world.drain()
    world.recover()
    assert (world.states(), session(world) != "") == (["NOT_SENT"], True)
    world.ledger.attempts.learn_perm_id(REF, 9001)
    assert session(world) == ""


@pytest.mark.parametrize(
    "forgery",
    [
        "UPDATE reconciliations SET session = 'file-9999'",
        "DELETE FROM reconciliations",
        "UPDATE attempts SET state = 'FILLED'",
        "DELETE FROM attempts",
    ],
)
def test_a_damaged_row_hears_everything(world: World, forgery: str) -> None:
    world.venue.set(mode="rest")
    traded(world)
    assert session(world) != ""
    forge(world.url, forgery)
    assert session(world) == ""


def test_a_snapshot_that_leaves_something_out_proves_no_absence(world: World) -> None:
    traded(world)

    async def story() -> None:
        sender = world.sender()
        await sender.recover()
        ref = written_down(world, claimed(world, sender._settings.holder), sender._settings.holder)
        world.ledger.attempts.move(ref, AttemptState.UNKNOWN, "silence")
        whole, evidence = await world.broker.snapshot(), sender.tracker._evidence
        for _ in range(3):
            await world.clock.sleep(world.times.absence + 1)
            assert evidence.observe(whole.model_copy(update={"since": "file-1"})) == ()
        assert evidence.observe(whole) == (), "the first look at everything"
        await world.clock.sleep(world.times.absence + 1)
        assert evidence.observe(whole) == (ref,)
        await sender.close()

    run(story())


def test_a_restored_ledger_hears_all_that_it_misses(world: World, tmp_path: Path) -> None:
    """The older comparison is the newest one of a ledger that was put back, however many followed it."""
    traded(world)
    earlier = world.ledger.broker_journal.last_reconciliation(ACCOUNT)
    assert earlier is not None
    other = World(new_url("sqlite", tmp_path, "other.db"), tmp_path / "unused.db", world.clock)
    other.venue, other.broker = world.venue, FileBroker(world.venue)
    other.recover()
    opened = session(other)
    for _ in range(3):
        world.proposer.order()
        world.drain()
        world.recover()
    other.recover()
    told = {attempt for attempt in other.broker.asked if attempt}
    assert told <= {opened}
    assert other.ledger.executions.position(ACCOUNT, "AAPL") == 50
    other.close()


# ----------------------------------------------------------------------- the same ledger, whatever is left out


def outcome(world: World) -> dict[str, Any]:
    """Everything that a ledger has learned from the venue."""
    ledger = world.ledger
    return {
        "states": world.states(),
        "executions": [(row.exec_id, row.ref, row.quantity, row.counts, row.fee) for row in ledger.executions.all()],
        "positions": ledger.executions.positions(ACCOUNT),
        "freezes": sorted((row.code, row.instrument, row.ref) for row in ledger.freezes.present(ACCOUNT)),
        "external": sorted(order.perm_id for order in ledger.broker_journal.external(ACCOUNT)),
        "perm_ids": [ledger.attempts.perm_ids(each.ref) for each in ledger.attempts.all()],
    }


def act(world: World, rng: random.Random) -> None:
    """One thing that happens at the venue or here, while nobody listens or while somebody does."""
    live = [order for order in world.venue.state["orders"] if order["status"] not in ("FILLED", "CANCELLED")]
    kind = rng.choice(["order", "order", "fill", "part", "end", "external", "correct", "fault"])
    ref = rng.choice([order["ref"] for order in live if order["ref"]] or [""])
    if kind == "order":
        world.venue.set(mode=rng.choice(["fill", "rest"]))
        world.proposer.order(rng.choice(["AAPL", "MSFT"]))
        world.drain()
    elif kind == "fault":
        world.venue.fault(rng.choice(["silent", "drop_after", "swallow", "false_cancel"]))
        world.proposer.order()
        world.drain()
    elif kind == "external":
        world.venue.external(quantity="2", filled=rng.random() < 0.5)
    elif kind == "correct" and (fills := world.venue.state["fills"]):
        newest = {fill["exec_id"].rpartition(".")[0]: fill["exec_id"] for fill in fills}
        world.venue.correct(rng.choice(sorted(newest.values())), "7")
    elif ref and kind == "end":
        world.venue.end(ref)
    elif ref:
        world.venue.fill(ref, "3" if kind == "part" else None)
    if rng.random() < 0.6:
        world.recover()


def lived(folder: Path, name: str, seed: int, made: Callable[[Any], FileBroker]) -> tuple[dict[str, Any], bool]:
    """The outcome of a random life, and whether anything was left out of a snapshot in it."""
    folder = folder / name
    folder.mkdir()
    world, rng, left_out = World(new_url("sqlite", folder), folder / "venue.db"), random.Random(seed), False
    original = world.sender

    def sender(*args: Any, **settings: Any) -> Sender:
        chosen = original(*args, **settings)
        chosen._connection.broker = chosen._broker = world.broker = made(world.venue)
        return chosen

    world.sender = sender  # type: ignore[method-assign]
    for _ in range(7):
        act(world, rng)
        left_out |= any(world.broker.asked)
    world.recover()
    found = outcome(world)
    world.close()
    return found, left_out


@pytest.mark.parametrize("seed", [0, 2])
def test_leaving_out_what_is_known_leads_to_the_same_ledger(tmp_path: Path, seed: int) -> None:
    narrow, left_out = lived(tmp_path, "narrow", seed, FileBroker)
    wide, never = lived(tmp_path, "wide", seed, DeafBroker)
    assert narrow == wide
    assert (left_out, never) == (True, False)
    assert narrow["executions"]


def test_a_venue_that_keeps_no_sessions_is_asked_without_one() -> None:
    """One written for the port as it was takes no argument."""

    class Plain:
        capabilities = BrokerCapabilities(kinds=frozenset(), tifs=frozenset())

        async def snapshot(self) -> str:
            return "everything"

    assert asyncio.run(snapshot_since(cast("Broker", Plain()), "file-2")) == "everything"  # type: ignore[comparison-overlap]

"""A snapshot is four answers, one after the other, and messages come between them: a healthy venue freezes nothing."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.execution.venue import ACCOUNT, LISTS
from tests.execution.world import World, run, settled, violations
from tests.support.extent import runs
from tests.support.ledgers import START, copied
from tradewright.model.broker import VenueStatus
from tradewright.model.clock import ManualClock

REFS = ("intent0001.1", "intent0002.1")
STEPS = (
    *((what, ref) for ref in REFS for what in ("part", "rest", "cancel")),
    ("tell one", ""),
    ("tell all", ""),
    ("lag", ""),
    ("catch up", ""),
)
MOMENTS = st.lists(st.lists(st.sampled_from(STEPS), max_size=3), min_size=len(LISTS), max_size=len(LISTS))
"""What happens ahead of each list of one snapshot: at the venue, in the messages, in the list of positions."""

Moments = list[list[tuple[str, str]]]
COMMON = settings(max_examples=runs(10, 50), phases=(Phase.explicit, Phase.generate))


@cache
def stage() -> Path:
    """Files of a ledger and a venue with two orders that rest, made once."""
    folder = Path(tempfile.mkdtemp(prefix="tradewright-interleavings-"))
    made = World(f"sqlite:///{folder / 'ledger.db'}", folder / "venue.db")
    made.venue.set(mode="rest")
    for symbol in ("AAPL", "MSFT"):
        made.proposer.order(symbol, "10")
    made.drain()
    made.close()
    return folder


@contextmanager
def play() -> Iterator[World]:
    """A world of its own on that stage, cleared away afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        copied(stage() / "ledger.db", Path(folder) / "ledger.db")
        shutil.copy(stage() / "venue.db", folder)
        world = World(
            f"sqlite:///{folder}/ledger.db", Path(folder) / "venue.db", ManualClock(START + timedelta(minutes=1))
        )
        yield world
        world.close()


def befall(world: World, what: str, ref: str) -> None:
    """One step, where it is possible."""
    venue = world.venue
    if what == "lag":
        venue.lagging = venue.positions()
    elif what == "catch up":
        venue.lagging = None
    elif what.startswith("tell"):
        venue.release(1 if what == "tell one" else None)
    elif venue.order_of(ref)["status"] == "WORKING":
        left = Decimal(venue.order_of(ref)["quantity"]) - Decimal(venue.order_of(ref)["filled"])
        if what == "cancel":
            venue.end(ref)
        elif what == "rest" or left > 1:
            venue.fill(ref, "1" if what == "part" else None)


def interleave(world: World, *snapshots: Moments) -> None:
    """Let the steps happen ahead of the lists of the next snapshots; then the list of positions has caught up."""
    waiting = [steps for moments in snapshots for steps in moments]

    def before(_name: str) -> None:
        if not waiting:
            world.venue.lagging = None
            return
        for what, ref in waiting.pop(0):
            befall(world, what, ref)

    world.venue.held, world.venue.before = [], before


async def compared(world: World, recover: bool, *snapshots: Moments) -> None:
    """A poll or a recovery over interleaved snapshots, and a calm poll in which everything has been told."""
    sender = world.sender()
    await sender.recover()
    interleave(world, *snapshots)
    if recover:
        sender._connection.require_recovery()
        await sender.ready()
    else:
        await sender.tracker.poll()
    world.venue.lagging = world.venue.before = None
    world.venue.release()
    await settled()
    await sender.tracker.poll()
    await sender.close()


def right_states(world: World) -> list[str]:
    """The states that follow from what the venue holds."""
    ended = {VenueStatus.FILLED.value, VenueStatus.CANCELLED.value}
    orders = [world.venue.order_of(ref) for ref in REFS]
    return [
        order["status"] if order["status"] in ended else ("PARTIAL" if Decimal(order["filled"]) else "WORKING")
        for order in orders
    ]


def alarms(world: World) -> list[str]:
    """Every alarm that was ever raised."""
    return [str(entry.detail["code"]) for entry in world.ledger.audit.entries() if entry.action == "FREEZE"]


@COMMON
@given(MOMENTS, st.booleans())
def test_one_snapshot_of_a_healthy_venue_raises_no_alarm_however_it_is_interleaved(
    moments: Moments, recover: bool
) -> None:
    """A1, and a list of positions that catches up before the next snapshot."""
    with play() as world:
        run(compared(world, recover, moments))
        assert alarms(world) == []
        assert world.states() == right_states(world)
        assert violations(world.ledger, world.venue) == []


@COMMON
@given(MOMENTS, MOMENTS, st.booleans())
def test_whatever_two_interleaved_snapshots_raise_is_lifted_by_the_calm_one_after(
    first: Moments, second: Moments, recover: bool
) -> None:
    with play() as world:
        run(compared(world, recover, first, second))
        assert world.ledger.freezes.present(ACCOUNT) == []
        assert world.states() == right_states(world)
        assert violations(world.ledger, world.venue) == []


def test_an_order_that_fills_between_the_first_and_the_third_question() -> None:
    """The case of the gateway of another make: FILLED by its message, and open in the older list."""
    with play() as world:
        run(compared(world, False, [[], [("rest", REFS[0]), ("tell all", "")], [], []]))
        assert (alarms(world), world.states()) == ([], ["FILLED", "WORKING"])


def test_a_list_of_positions_that_lags_for_a_minute_is_an_alarm_until_it_catches_up() -> None:
    async def story(world: World) -> None:
        sender = world.sender()
        await sender.recover()
        world.venue.lagging = world.venue.positions()
        world.venue.fill(REFS[0])
        await sender.tracker.poll()
        assert world.codes() == ["POSITION_DRIFT"]
        await world.clock.sleep(60)
        world.venue.lagging = None
        await sender.tracker.poll()
        assert world.codes() == []
        await sender.close()

    with play() as world:
        run(story(world))
        assert [entry.action for entry in world.ledger.audit.entries("AAPL")][-2:] == ["FREEZE", "LIFT"]

"""Ended orders of the simulated venue: who hears of them, and the file to which those of long ago move (F1)."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from brokers.sim.broker import SimBroker
from brokers.sim.ended import KEPT, ended_file
from brokers.sim.matching import Prices
from brokers.sim.settings import SimSettings, sim_broker
from tests.brokers.desk import ACCOUNT, INSTRUMENTS, NOON, approved, in_loop
from tests.support.price_lists import IBKR_FIXED
from tradewright.model.broker import BrokerEvent, BrokerSnapshot
from tradewright.model.clock import ManualClock
from tradewright.model.errors import BrokerError

LIMIT = Decimal(90)


def broker(path: Path, *, reading: bool = False) -> SimBroker:
    values = SimSettings(account=ACCOUNT, cash=Decimal(10**9), state_file=path, seed=7, reading=reading)
    return sim_broker(values, INSTRUMENTS, ManualClock(NOON), IBKR_FIXED)


async def connected(path: Path, *, reading: bool = False) -> SimBroker:
    found = broker(path, reading=reading)
    await found.connect(lambda _event: None)
    found.market.quote("AAPL", Prices(Decimal(100), Decimal(100), None, NOON))
    return found


async def placed(found: SimBroker, *refs: str, **terms: object) -> None:
    for ref in refs:
        await found.place(approved(**terms), ref, found.next_order_id())  # type: ignore[arg-type]


async def come_and_gone(path: Path, times: int) -> str:
    """Connect some times and do nothing; the last session."""
    for _ in range(times):
        found = await connected(path)
        await found.disconnect()
    return found.session


async def long_ago(path: Path) -> tuple[str, str]:
    """Orders of three kinds in an early session, then so many connections that those which ended are set aside.

    Returns:
        The early session, and the last one.
    """
    found = await connected(path)
    await placed(found, "a.1", "a.2")
    await placed(found, "b.1", limit_price=LIMIT)
    await found.disconnect()
    return found.session, await come_and_gone(path, KEPT + 2)


async def asked(path: Path, since: str = "", *, reading: bool = False) -> BrokerSnapshot:
    found = await connected(path, reading=reading)
    try:
        return await found.snapshot(since)
    finally:
        await found.disconnect()


def refs(snapshot: BrokerSnapshot) -> tuple[list[str], list[str], list[str]]:
    """The references of open orders, of completed ones and of fills."""
    rows = (snapshot.open_orders, snapshot.completed_orders, snapshot.fills)
    return tuple(sorted(row.ref for row in part) for part in rows)  # type: ignore[return-value,attr-defined]


@in_loop
async def test_what_ended_before_a_session_is_left_out_for_who_was_there_since(tmp_path: Path) -> None:
    path = tmp_path / "venue.json"
    found = await connected(path)
    await placed(found, "a.1")
    await found.disconnect()
    second = await connected(path)
    await placed(second, "a.2")
    await second.disconnect()
    for since in (found.session, ""):
        assert refs(await asked(path, since)) == ([], ["a.1", "a.2"], ["a.1", "a.2"])
    told = await asked(path, second.session)
    assert (refs(told), told.since) == (([], ["a.2"], ["a.2"]), second.session)
    assert {row.quantity for row in told.positions} == {20}


@pytest.mark.parametrize("since", ["", "old", "sim-21-00000007-99", "sim-21-00000008-2", "sim-22-00000007-2", "7-2"])
@in_loop
async def test_a_session_that_the_venue_does_not_know_hears_everything(tmp_path: Path, since: str) -> None:
    path = tmp_path / "venue.json"
    await long_ago(path)
    told = await asked(path, since)
    assert (refs(told), told.since) == ((["b.1"], ["a.1", "a.2"], ["a.1", "a.2"]), "")


@in_loop
async def test_an_order_that_fills_at_a_moment_of_long_ago_is_told_from_then_on(tmp_path: Path) -> None:
    """A resting order meets a bar of days ago when the venue catches up: it counts when that is written down."""
    path = tmp_path / "venue.json"
    _, last = await long_ago(path)
    found = await connected(path)
    (order,) = found.market.live_orders()
    found.market.execute(order.perm_id, order.remaining, LIMIT, at=NOON - timedelta(days=9))
    await found.disconnect()
    assert refs(await asked(path, last)) == ([], ["b.1"], ["b.1"])


@in_loop
async def test_the_file_holds_what_is_live_and_recent_alone(tmp_path: Path) -> None:
    path = tmp_path / "venue.json"
    _, last = await long_ago(path)
    content = path.read_text()
    assert "a.1" not in content
    assert "b.1" in content
    aside = [json.loads(line) for line in ended_file(path, broker(path).market.state).read_text().splitlines()]
    assert [line["order"]["ref"] for line in aside] == ["a.1", "a.2"]
    assert refs(await asked(path, last)) == (["b.1"], [], [])


@pytest.mark.parametrize("reading", [False, True])
@in_loop
async def test_who_asks_for_everything_hears_what_was_set_aside(tmp_path: Path, reading: bool) -> None:
    path = tmp_path / "venue.json"
    early, _ = await long_ago(path)
    for since in ("", early):
        assert refs(await asked(path, since, reading=reading)) == (["b.1"], ["a.1", "a.2"], ["a.1", "a.2"])


@in_loop
async def test_setting_aside_changes_nothing_of_a_snapshot_of_everything(tmp_path: Path) -> None:
    path = tmp_path / "venue.json"
    found = await connected(path)
    await placed(found, "a.1", "a.2")
    before = await found.snapshot()
    await found.disconnect()
    await come_and_gone(path, KEPT + 5)
    assert await asked(path) == before


@pytest.mark.parametrize("torn", [b"", b'{"order":{"perm', b"\x00\n"])
@in_loop
async def test_a_crash_between_the_two_files_loses_and_doubles_nothing(tmp_path: Path, torn: bytes) -> None:
    """The ended orders were appended, wholly or in part, and the venue's own file still has them."""
    path = tmp_path / "venue.json"
    found = await connected(path)
    await placed(found, "a.1", "a.2")
    await found.disconnect()
    await come_and_gone(path, KEPT)
    before = path.read_bytes()
    await come_and_gone(path, 2)
    place = ended_file(path, found.market.state)
    place.write_bytes(torn or place.read_bytes())
    path.write_bytes(before)
    assert refs(await asked(path)) == ([], ["a.1", "a.2"], ["a.1", "a.2"])
    await come_and_gone(path, 3)
    assert refs(await asked(path)) == ([], ["a.1", "a.2"], ["a.1", "a.2"])
    assert place.read_bytes().count(b"\n") == 2


@in_loop
async def test_a_disk_that_refuses_the_ended_orders_leaves_all_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "venue.json"
    found = await connected(path)
    await placed(found, "a.1")
    await found.disconnect()
    await come_and_gone(path, KEPT + 1)
    before = path.read_bytes()
    with monkeypatch.context() as full:
        full.setattr("os.fsync", lambda _descriptor: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(BrokerError, match="free some space"):
            await broker(path).connect(lambda _event: None)
    assert path.read_bytes() == before
    assert refs(await asked(path)) == ([], ["a.1"], ["a.1"])


@pytest.mark.parametrize("left", [None, 10])
@in_loop
async def test_a_venue_without_its_ended_orders_is_refused(tmp_path: Path, left: int | None) -> None:
    path = tmp_path / "venue.json"
    await long_ago(path)
    place = ended_file(path, broker(path).market.state)
    content, before = place.read_bytes(), path.read_bytes()
    place.unlink() if left is None else place.write_bytes(content[:left])
    with pytest.raises(BrokerError, match="restore both files"):
        await broker(path).connect(lambda _event: None)
    assert path.read_bytes() == before


@in_loop
async def test_a_correction_of_long_ago_is_told_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "venue.json"
    _, last = await long_ago(path)
    found = await connected(path)
    exec_id = (await found.snapshot()).fills[0].exec_id
    corrected = found.market.correct(exec_id, Decimal(99))
    await found.disconnect()
    ids = {exec_id, corrected.exec_id}
    assert corrected.exec_id in {fill.exec_id for fill in (await asked(path, last)).fills}
    await come_and_gone(path, KEPT + 2)
    told = await asked(path)
    assert refs(told) == (["b.1"], ["a.1", "a.2"], ["a.1", "a.1", "a.2"])
    assert ids <= {fill.exec_id for fill in told.fills}


@in_loop
async def test_an_order_of_long_ago_cannot_be_cancelled_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "venue.json"
    await long_ago(path)
    found, events = broker(path), list[BrokerEvent]()
    await found.connect(events.append)
    await found.cancel("a.1", 1)
    with pytest.raises(BrokerError, match=r"no order c\.9 is known"):
        await found.cancel("c.9", 9)
    await asyncio.sleep(0)
    assert [event.code for event in events] == [10148]
    await found.disconnect()


@in_loop
async def test_the_orders_of_a_file_without_connections_are_told_as_new(tmp_path: Path) -> None:
    """A venue of an earlier version does not tell when its orders changed: nobody is held to know them."""
    path = tmp_path / "venue.json"
    found = await connected(path)
    await placed(found, "a.1")
    await found.disconnect()
    last = await come_and_gone(path, 2)
    lines = path.read_text().splitlines()
    state = json.loads(lines[0])
    for order in state["orders"].values():
        del order["connection"]
    path.write_text("\n".join([json.dumps(state), *lines[1:], ""]))
    assert refs(await asked(path, last)) == ([], ["a.1"], ["a.1"])

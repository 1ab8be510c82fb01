"""The journal of the simulated venue: what a change costs, what a crash leaves, what is refused."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from brokers.sim.broker import SimBroker
from brokers.sim.matching import Prices
from brokers.sim.settings import SimSettings, sim_broker
from brokers.sim.state import VenueState
from tests.brokers.desk import ACCOUNT, INSTRUMENTS, NOON, approved, in_loop
from tradewright.fills.costs import IbkrFixed
from tradewright.model.clock import ManualClock
from tradewright.model.errors import BrokerError


def broker(path: Path) -> SimBroker:
    values = SimSettings(account=ACCOUNT, cash=Decimal(10**9), state_file=path, seed=7)
    return sim_broker(values, INSTRUMENTS, ManualClock(NOON), IbkrFixed())


async def traded(path: Path, orders: int) -> SimBroker:
    found = broker(path)
    await found.connect(lambda _event: None)
    found.market.quote("AAPL", Prices(Decimal(100), Decimal(100), None, NOON))
    for number in range(orders):
        await found.place(approved(), f"a.{number}", found.next_order_id())
    return found


@in_loop
async def test_an_order_appends_the_same_bytes_whatever_came_before(tmp_path: Path) -> None:
    path = tmp_path / "venue.json"
    found = await traded(path, 1)
    grown: list[int] = []
    for number in range(200):
        before = path.stat().st_size
        await found.place(approved(), f"b.{number}", found.next_order_id())
        grown.append(path.stat().st_size - before)
    assert max(grown[-20:]) < 1.1 * max(grown[:20])
    await found.disconnect()


@in_loop
async def test_every_order_is_on_disk_before_a_client_hears_of_it(tmp_path: Path) -> None:
    path = tmp_path / "venue.json"
    found = broker(path)
    await found.connect(lambda _event: None)
    seen: list[bool] = []
    found.market.subscribe(lambda order, _execution: seen.append(f'"ref":"{order.ref}"'.encode() in path.read_bytes()))
    await found.place(approved(), "a.1", found.next_order_id())
    assert seen == [True]
    await found.disconnect()


@pytest.mark.parametrize("cut", [1, 10, 200])
@in_loop
async def test_a_line_that_a_crash_cut_off_is_dropped_and_all_others_are_kept(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "venue.json"
    found = await traded(path, 3)
    whole = path.read_bytes()
    await found.disconnect()
    path.write_bytes(whole[:-cut])
    again = broker(path)
    await again.connect(lambda _event: None)
    assert {f"a.{number}" for number in range(2)} <= {order.ref for order in again.market.state.orders.values()}
    await again.disconnect()


@in_loop
async def test_a_damaged_line_before_the_last_refuses_the_file(tmp_path: Path) -> None:
    path = tmp_path / "venue.json"
    found = await traded(path, 3)
    await found.disconnect()
    first, second, *rest = path.read_bytes().split(b"\n")
    damaged = b"\n".join([first, second[:-5], *rest])
    path.write_bytes(damaged)
    with pytest.raises(BrokerError, match="is no state of a simulated venue"):
        await broker(path).connect(lambda _event: None)
    assert path.read_bytes() == damaged


@in_loop
async def test_opening_joins_the_changes_into_one_line_that_means_the_same(tmp_path: Path) -> None:
    path = tmp_path / "venue.json"
    found = await traded(path, 5)
    state = found.market.state.model_copy(deep=True)
    await found.disconnect()
    assert path.read_bytes().count(b"\n") > 5
    again = broker(path)
    await again.connect(lambda _event: None)
    assert VenueState.model_validate_json(path.read_bytes().split(b"\n")[0]) == state
    assert again.market.state.orders == state.orders
    await again.disconnect()


@in_loop
async def test_the_file_of_the_first_version_is_read(tmp_path: Path) -> None:
    path = tmp_path / "venue.json"
    order = (
        '{"perm_id":7,"order_id":1,"client_id":21,"account":"DU1234567","ref":"a.1","status":"WORKING",'
        '"terms":{"instrument":"AAPL","side":"BUY","quantity":"10","order_type":"LMT","limit_price":"90",'
        '"stop_price":null,"tif":"GTC"},"placed_at":"2026-03-04T17:00:00Z","changed_at":"2026-03-04T17:00:00Z",'
        '"filled":"0","average_price":"0","last_price":"0","code":0,"text":"","triggered":false}'
    )
    path.write_text(
        '{"seed":7,"sequence":1,"connections":1,"accounts":{"DU1234567":{"account":"DU1234567","cash":"5",'
        f'"currency":"USD","holdings":{{}}}}}},"orders":{{"7":{order}}},"executions":[],"next_order_id":{{"21":2}}}}'
    )
    found = broker(path)
    await found.connect(lambda _event: None)
    (shown,) = (await found.snapshot()).open_orders
    assert (shown.ref, shown.limit_price, found.next_order_id()) == ("a.1", 90, 2)
    await found.disconnect()


@in_loop
async def test_a_change_that_the_disk_refused_is_written_with_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "venue.json"
    found = await traded(path, 1)
    with monkeypatch.context() as full:
        full.setattr("os.fsync", lambda _descriptor: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(BrokerError, match="free some space"):
            found.next_order_id()
    given = found.next_order_id()
    await found.disconnect()
    again = broker(path)
    await again.connect(lambda _event: None)
    assert again.next_order_id() == given + 1
    await again.disconnect()

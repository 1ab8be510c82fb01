"""What a venue tells again costs nothing: a snapshot is absorbed by what is live and new in it (F1)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from tests.execution.venue import ACCOUNT
from tests.execution.world import World, run
from tests.support.ledgers import new_url
from tradewright.execution.execution_reports import ReportHandler
from tradewright.ledger.freezes import FreezeCode
from tradewright.model.broker import BrokerSnapshot, VenueOrder, VenueStatus
from tradewright.model.order import AttemptState, Fill


def traded(folder: Path, orders: int) -> tuple[World, BrokerSnapshot]:
    """A world in which some orders were filled, and a snapshot that tells them all again."""
    folder.mkdir()
    world = World(new_url("sqlite", folder), folder / "venue.db")
    for _ in range(orders):
        world.proposer.order()
    world.drain()
    world.recover()
    assert world.states() == ["FILLED"] * orders

    async def ask() -> BrokerSnapshot:
        broker = world.sender() and world.broker
        await broker.connect(lambda _event: None)
        try:
            return await broker.snapshot()
        finally:
            await broker.disconnect()

    return world, run(ask())


def statements(world: World, act: Callable[[], object]) -> list[str]:
    """The SQL statements of an act."""
    said: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        said.append(statement)

    engine = world.ledger._database._engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        act()
    finally:
        event.remove(engine, "before_cursor_execute", note)
    return said


def test_the_work_does_not_depend_on_what_is_over(tmp_path: Path) -> None:
    counts = []
    for orders in (2, 7):
        world, snapshot = traded(tmp_path / str(orders), orders)
        assert len(snapshot.completed_orders) == len(snapshot.fills) == orders
        handler = ReportHandler(world.ledger, ACCOUNT)
        said = statements(world, lambda handler=handler, told=snapshot: handler.absorb(told))  # type: ignore[misc]
        assert not [text for text in said if text.startswith(("BEGIN IMMEDIATE", "INSERT", "UPDATE"))]
        counts.append(len(said))
        world.close()
    assert counts[0] == counts[1]


@pytest.fixture
def known(tmp_path: Path) -> tuple[World, BrokerSnapshot]:
    return traded(tmp_path / "known", 2)


def changed(snapshot: BrokerSnapshot, **of_fill: object) -> BrokerSnapshot:
    first, *others = snapshot.fills
    return snapshot.model_copy(update={"fills": (first.model_copy(update=of_fill), *others)})


def test_another_content_under_a_known_id_is_an_alarm(known: tuple[World, BrokerSnapshot]) -> None:
    world, snapshot = known
    ReportHandler(world.ledger, ACCOUNT).absorb(changed(snapshot, quantity=Decimal(11)))
    assert FreezeCode.FILL_DIFFERS.value in world.codes()


def test_a_fee_that_differs_is_a_new_fact(known: tuple[World, BrokerSnapshot]) -> None:
    world, snapshot = known
    ReportHandler(world.ledger, ACCOUNT).absorb(changed(snapshot, fee=Decimal("7.5"), fee_currency="USD"))
    found = world.ledger.executions.find(snapshot.fills[0].exec_id)
    assert found is not None
    assert found.fee == Decimal("7.5")
    assert world.ledger.executions.news(changed(snapshot, fee=Decimal("7.5"), fee_currency="USD").fills) == []


def test_a_second_permanent_id_of_a_finished_order_is_an_alarm(known: tuple[World, BrokerSnapshot]) -> None:
    world, snapshot = known
    again = snapshot.completed_orders[0].model_copy(update={"perm_id": 987_654})
    told = snapshot.model_copy(update={"completed_orders": (*snapshot.completed_orders, again)})
    ReportHandler(world.ledger, ACCOUNT).absorb(told)
    assert FreezeCode.TWO_PERM_IDS.value in world.codes()


def test_an_order_judged_not_sent_is_never_known_to_be_over(known: tuple[World, BrokerSnapshot]) -> None:
    world, _snapshot = known
    attempt = world.ledger.attempts.all()[0]
    assert attempt.state is AttemptState.FILLED
    pairs = [
        (each.ref, number)
        for each in world.ledger.attempts.all()
        for number in world.ledger.attempts.perm_ids(each.ref)
    ]
    assert world.ledger.attempts.ended(pairs) == set(pairs)
    assert world.ledger.attempts.ended([(ref, 0) for ref, _ in pairs]) == set()
    assert world.ledger.attempts.ended([("nobody.1", 5)]) == set()


def test_a_new_fill_among_known_ones_is_recorded(known: tuple[World, BrokerSnapshot]) -> None:
    world, snapshot = known
    fresh: Fill = snapshot.fills[0].model_copy(update={"exec_id": "new.01.01", "ref": "", "perm_id": 4_444})
    assert world.ledger.executions.news([*snapshot.fills, fresh]) == [fresh]


def test_an_order_that_works_again_after_its_end_is_not_passed_over(known: tuple[World, BrokerSnapshot]) -> None:
    world, snapshot = known
    order: VenueOrder = snapshot.completed_orders[0].model_copy(update={"status": VenueStatus.WORKING})
    told = snapshot.model_copy(update={"completed_orders": snapshot.completed_orders[1:], "open_orders": (order,)})
    handler = ReportHandler(world.ledger, ACCOUNT)
    handler.absorb(told)
    assert handler.contradicted

"""A command that cannot be read is refused, and those behind it are carried out: a cancel waits for no typing error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.execution.counter import Counter
from tests.execution.test_actor import approve_one, asked, sent
from tests.execution.venue import ACCOUNT
from tests.execution.world import World
from tradewright.execution.inbox import CommandRefused
from tradewright.model.command import CommandKind, CommandState

FILL = {"exec_id": "1", "quantity": "1", "price": "10"}


@pytest.fixture
def counter(world: World, tmp_path: Path) -> Counter:
    made = Counter(world, tmp_path / "store")
    made.ready()
    return made


UNREADABLE: list[tuple[CommandKind, dict[str, Any]]] = [
    (CommandKind.SETTLE, {"state": "DONE"}),
    (CommandKind.SETTLE, {"state": "filled"}),
    (CommandKind.SETTLE, {}),
    (CommandKind.SETTLE, {"state": "FILLED", "fills": "x"}),
    (CommandKind.SETTLE, {"state": "FILLED", "fills": [{}]}),
    (CommandKind.SETTLE, {"state": "FILLED", "fills": [FILL | {"quantity": "1e999"}]}),
    (CommandKind.SETTLE, {"state": "FILLED", "fills": [FILL | {"quantity": "NaN"}]}),
    (CommandKind.SETTLE, {"state": "FILLED", "fills": [FILL | {"price": "ten"}]}),
    (CommandKind.SETTLE, {"state": "FILLED", "fills": [FILL | {"colour": "red"}]}),
    (CommandKind.SEND, {"decision_ids": "one"}),
    (CommandKind.SEND, {"decision_ids": [{"a": 1}]}),
    (CommandKind.CANCEL, {}),
    (CommandKind.ACKNOWLEDGE, {}),
    (CommandKind.ADOPT_POSITION, {"symbol": "AAPL"}),
    (CommandKind.CONFIRM_NOT_SENT, {}),
]


@pytest.mark.parametrize(("kind", "payload"), UNREADABLE, ids=lambda row: str(row)[:50])
def test_it_is_refused_and_the_next_command_is_carried_out(
    counter: Counter, kind: CommandKind, payload: dict[str, Any]
) -> None:
    counter.world.venue.set(mode="rest")
    approve_one(counter)
    sent(counter)
    ref = counter.ledger.attempts.all()[0].ref
    before = counter.ledger.attempts.get(ref)
    given = {"ref": ref, **payload} if kind is CommandKind.SETTLE else payload
    with pytest.raises(CommandRefused) as refused:
        asked(counter, lambda inbox: inbox.ask(kind, "ann", "a typing error", given))
    assert refused.value.code == "COMMAND_UNREADABLE"
    assert refused.value.remedy
    assert "\n" not in refused.value.what
    assert counter.ledger.attempts.get(ref) == before
    asked(counter, lambda inbox: inbox.cancel(ref, "ann", "changed my mind"))
    assert [cancel[0] for cancel in counter.world.venue.state["cancels"]] == [ref]


def test_one_that_stands_in_the_inbox_already_is_refused_by_the_next_actor(counter: Counter) -> None:
    """As an earlier version left it: running, for ever in front of all others."""
    stuck = counter.ledger.commands.enqueue(
        CommandKind.SETTLE, ACCOUNT, {"ref": "x", "state": "DONE"}, "ann", "typed in a hurry"
    )
    counter.ledger.commands.begin(stuck.command_id, "a program that ended")
    counter.clock.advance(3600)
    asked(counter, lambda inbox: inbox.reconcile("bob", "the next one"))
    assert counter.ledger.commands.get(stuck.command_id).state is CommandState.REFUSED

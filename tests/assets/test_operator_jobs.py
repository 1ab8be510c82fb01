"""The operator's acts as jobs: each does what its command does, once, with a reason, and fails when it is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.execution.definitions import execution_definitions
from assets.execution.operator_jobs import ACTS
from assets.runs import RunFailed, execute
from conf.compose import compose
from runtime.container import Container
from tests.support.desk_store import prepare
from tradewright.ledger.freezes import FreezeCode
from tradewright.ledger.ledger import Ledger
from tradewright.model.command import CommandKind, CommandState

ACCOUNT = "SIM"


@pytest.fixture
def overrides(tmp_path: Path) -> tuple[str, ...]:
    """An account that holds 0.2 ETH."""
    return tuple(prepare(tmp_path / "store"))


@pytest.fixture
def ledger(overrides: tuple[str, ...]) -> Iterator[Ledger]:
    with Container(compose(overrides)) as house:
        yield house.ledger


def launch(overrides: tuple[str, ...], instance: dg.DagsterInstance, job: str, **config: Any) -> None:
    definitions = execution_definitions(overrides)
    (step,) = [node.name for node in definitions.resolve_job_def(job).nodes]
    execute(definitions, job, instance, run_config={"ops": {step: {"config": {"reason": "a test"} | config}}})


def test_every_act_of_the_inbox_has_a_job(overrides: tuple[str, ...]) -> None:
    sent_by_others = {CommandKind.SEND, CommandKind.RECONCILE, CommandKind.END_OF_DAY}
    assert {act.kind for act in ACTS} | sent_by_others == set(CommandKind)
    names = {job.name for job in execution_definitions(overrides).resolve_all_job_defs()}
    assert {act.name for act in ACTS} | {"flatten", "send_orders", "reconcile", "end_of_day"} <= names


def test_a_freeze_is_lifted_with_the_reason_on_record(
    overrides: tuple[str, ...], ledger: Ledger, instance: dg.DagsterInstance
) -> None:
    ledger.freezes.freeze(ACCOUNT, "ETH", FreezeCode.EXTERNAL_ORDER, "somebody traded", "key")
    launch(overrides, instance, "acknowledge", instrument="ETH", reason="it was me")
    assert ledger.freezes.of(ACCOUNT, "ETH") == []
    (command,) = ledger.commands.newest(1)
    assert (command.kind, command.state, command.reason) == (CommandKind.ACKNOWLEDGE, CommandState.DONE, "it was me")


def test_flattening_puts_an_order_into_the_outbox_that_closes_what_is_held(
    overrides: tuple[str, ...], ledger: Ledger, instance: dg.DagsterInstance
) -> None:
    launch(overrides, instance, "flatten")
    (row,) = ledger.outbox.sendable(ACCOUNT)
    terms = ledger.outbox.get(row.decision_id).terms
    assert (terms.instrument, terms.side.value, str(terms.quantity)) == ("ETH", "SELL", "0.2")


@pytest.mark.parametrize(
    ("job", "config", "problem"),
    [
        ("cancel_all_orders", {"reason": "  "}, "the reason is blank"),
        ("cancel_order", {"ref": "nothing.1"}, "no such attempt"),
        ("settle", {"ref": "nothing.1", "state": "CANCELLED"}, "no such attempt"),
    ],
)
def test_a_refusal_fails_the_run(
    overrides: tuple[str, ...], instance: dg.DagsterInstance, job: str, config: dict[str, str], problem: str
) -> None:
    with pytest.raises(RunFailed, match=problem):
        launch(overrides, instance, job, **config)

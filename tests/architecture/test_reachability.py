"""Every act of the operator is reached from a command (H1): a way back that nobody can call is none."""

from __future__ import annotations

import ast

import pytest

from tests.architecture.call_graph import CallGraph, functions, graph_of, sources
from tradewright.model.command import CommandKind

FILES = sources()
ACTS = {
    f"{module}:{name}"
    for module in ("tradewright.execution.operator_actions", "tradewright.execution.inbox")
    for name, _ in functions(ast.parse(FILES[module]))
    if not any(part.startswith("_") for part in name.split("."))
}
ACTS |= {f"tradewright.execution.deciding:Decider.{name}" for name in ("submit_intent", "flatten")}
KINDS = {f"CommandKind.{kind.name}" for kind in CommandKind}

PLANTED = {
    "cancel": {"CommandKind.CANCEL", "tradewright.execution.inbox:Inbox.cancel"},
    "acknowledge": {"CommandKind.ACKNOWLEDGE", "tradewright.execution.operator_actions:acknowledge"},
    "adopt": {"CommandKind.ADOPT_POSITION", "tradewright.execution.operator_actions:adopt_position"},
    "confirm_not_sent": {"CommandKind.CONFIRM_NOT_SENT", "tradewright.execution.operator_actions:confirm_not_sent"},
    "settle": {"CommandKind.SETTLE", "tradewright.execution.operator_actions:settle_by_statement"},
    "end_of_day": {"CommandKind.END_OF_DAY"},
    "flatten": {"tradewright.execution.deciding:Decider.flatten"},
    "intent": {"tradewright.execution.deciding:Decider.submit_intent"},
    "send": {"CommandKind.SEND", "tradewright.execution.inbox:Inbox.send"},
    "reconcile": {"CommandKind.RECONCILE", "tradewright.execution.inbox:Inbox.reconcile"},
    "reject": {"tradewright.execution.operator_actions:reject"},
}
"""A command -> the acts that nobody could call without it."""


@pytest.fixture(scope="module")
def graph() -> CallGraph:
    return graph_of(FILES)


def unreached(graph: CallGraph) -> set[str]:
    return (ACTS | KINDS) - graph.reached()


def test_every_act_and_every_kind_of_command_is_reached_from_a_command(graph: CallGraph) -> None:
    assert len(ACTS) > 10
    assert unreached(graph) == set()


@pytest.mark.parametrize("command", PLANTED)
def test_an_act_that_loses_its_command_is_found(command: str, graph: CallGraph) -> None:
    others = {root for root in graph.roots if not root.endswith(f":{command}")}
    assert len(others) == len(graph.roots) - 1, f"there is no command {command}"
    assert unreached(CallGraph(graph.edges, others)) == PLANTED[command]


def test_an_act_that_no_command_calls_is_found() -> None:
    module = "tradewright.execution.operator_actions"
    planted = FILES | {module: FILES[module] + "\n\ndef forgive(ledger: Ledger) -> None:\n    ledger.close()\n"}
    assert f"{module}:forgive" not in graph_of(planted).reached()

"""Who acts: scopes of tokens bound every act of the monitor, and names are proved or told as claims."""

from __future__ import annotations

import ast
import inspect
from types import SimpleNamespace

import marimo as mo
import pytest

from app.operations import (
    actors,
    data_quality,
    monitor_acts,
    operator,
    quality_acts,
    quarantine,
    trading,
    visitors,
)
from app.operations.visitors import STRANGER, ScopeMissing
from app.tokens import OWNER, VISITOR, Scope, TokenName, Visitor
from conf.compose import compose
from conf.schema.settings import Settings
from runtime.trading import system_user
from tradewright.model.errors import LedgerError

ROW = {"order": "o.1", "ref": "o.1", "instrument": "ETH"}
NO_STATEMENT = monitor_acts.Statement("CANCELLED", "")


def helps(settings: Settings, name: str, remedy: str) -> str:
    rows = [{**ROW, "problem": "P", "what helps": remedy}]
    return monitor_acts.help_with(settings, rows, {name: True}, "why", NO_STATEMENT)


PLACE = {"finding": "BAD_PRINT", "first": "2024-01-02", "last": "2024-01-02"}

# each act of the monitor and of the quality page -> the scope that it takes, and how it is asked for
ACTS = {
    "approve": (Scope.TRADE, lambda s: monitor_acts.answer(s, "d", True, "why")),
    "reject": (Scope.TRADE, lambda s: monitor_acts.answer(s, "d", False, "why")),
    "stop": (Scope.TRADE, lambda s: monitor_acts.stop(s, "everything", "why")),
    "cancel": (Scope.TRADE, lambda s: monitor_acts.cancel(s, [ROW], "why")),
    "cancel_all": (Scope.TRADE, lambda s: monitor_acts.cancel_all(s, "why")),
    "flatten": (Scope.TRADE, lambda s: monitor_acts.flatten(s, "why")),
    "send": (Scope.TRADE, monitor_acts.send_approved),
    "reconcile": (Scope.TRADE, monitor_acts.reconcile),
    "end_of_day": (Scope.TRADE, lambda s: monitor_acts.end_of_day(s, "why")),
    "resume": (Scope.ADMIN, lambda s: monitor_acts.resume(s, "everything", "why")),
    "acknowledge": (Scope.ADMIN, lambda s: helps(s, "acknowledge", "tradewright acknowledge ETH")),
    "adopt": (Scope.ADMIN, lambda s: helps(s, "adopt", "tradewright adopt ETH")),
    "confirm-not-sent": (Scope.ADMIN, lambda s: helps(s, "confirm-not-sent", "tradewright confirm-not-sent o.1")),
    "settle": (Scope.ADMIN, lambda s: helps(s, "settle", "tradewright settle o.1")),
    "set aside": (Scope.TRADE, lambda s: quality_acts.set_aside(s, "BTC 1m", "2024-01-02", "2024-01-02", "why")),
    "bring back": (Scope.TRADE, lambda s: quality_acts.bring_back(s, "BTC 1m", [PLACE], "why")),
    "accept": (Scope.ADMIN, lambda s: quality_acts.accept(s, "BTC 1m", [PLACE], "why")),
}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The operations below answer with a refusal and note the actor that they are given."""
    seen: list[str] = []

    def refusing(function: object) -> object:
        def call(*given: object, **named: object) -> None:
            bound = inspect.signature(function).bind(*given, **named)  # type: ignore[arg-type]
            seen.append(bound.arguments.get("actor", "nobody"))
            raise LedgerError("asked", where="test", remedy="none")

        return call

    for module, names in (
        (trading, "approve reject kill resume send_approved reconcile"),
        (operator, "cancel cancel_all flatten end_of_day acknowledge adopt confirm_not_sent settle"),
        (quarantine, "quarantine release"),
        (data_quality, "accept"),
    ):
        for name in names.split():
            monkeypatch.setattr(module, name, refusing(getattr(module, name)))
    return seen


@pytest.fixture(scope="module")
def settings() -> Settings:
    return compose()


@pytest.mark.parametrize("name", ACTS)
@pytest.mark.parametrize("scope", list(Scope))
def test_an_act_takes_its_scope_and_carries_the_tokens_name(
    settings: Settings, asked: list[str], monkeypatch: pytest.MonkeyPatch, name: str, scope: Scope
) -> None:
    monkeypatch.setattr(visitors, "present", lambda: Visitor("ann", scope))
    needed, act = ACTS[name]
    said = act(settings)
    if scope.includes(needed):
        assert "asked" in said
        assert asked == ["ann"]
        assert isinstance(asked[0], TokenName)
    else:
        assert f"a token of the scope {scope} does not allow it" in said
        assert asked == []


def test_every_act_of_the_pages_is_in_the_table() -> None:
    """A new act without a scope would be found here: each goes through ``carried_out``, which demands one."""
    calls = [
        node
        for module in (monitor_acts, quality_acts)
        for node in ast.walk(ast.parse(inspect.getsource(module)))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "carried_out"
    ]
    assert len(calls) == len(ACTS) - 1, "approve and reject are one call"
    assert all(ast.unparse(call.args[0]) in ("Scope.TRADE", "Scope.ADMIN") for call in calls)


def meta(monkeypatch: pytest.MonkeyPatch, mode: str, request: object) -> None:
    monkeypatch.setattr(mo, "app_meta", lambda: SimpleNamespace(mode=mode, request=request))


def noted(**what: object) -> SimpleNamespace:
    return SimpleNamespace(meta={VISITOR: what})


def test_a_visitor_is_whom_the_gate_has_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    meta(monkeypatch, "run", noted(name="ann", scope="trade"))
    assert visitors.present() == Visitor("ann", Scope.TRADE)


@pytest.mark.parametrize("request_", [None, SimpleNamespace(meta={}), SimpleNamespace(meta=None), noted(name="ann")])
def test_whom_no_gate_has_noted_may_look(monkeypatch: pytest.MonkeyPatch, request_: object) -> None:
    meta(monkeypatch, "run", request_)
    assert visitors.present().scope is Scope.LOOK
    assert STRANGER.scope is Scope.LOOK


def test_without_a_server_it_is_the_user_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    assert visitors.present() == OWNER
    meta(monkeypatch, "script", None)
    assert visitors.present() == OWNER


def test_scopes_include_those_before_them() -> None:
    order = [Scope.LOOK, Scope.TRADE, Scope.ADMIN]
    assert [[a.includes(b) for b in order] for a in order] == [[True, False, False], [True, True, False], [True] * 3]
    with pytest.raises(ScopeMissing, match="scope look"):
        visitors.demand(STRANGER, Scope.TRADE)


@pytest.mark.parametrize("claimed", ["gate", "gate) (token: ann", "x) gate (", "\x1b[31mgate", "program"])
def test_a_claimed_name_stands_beside_the_user_and_never_for_it(claimed: str) -> None:
    said = actors.actor_name(claimed)
    assert said.startswith(f"{system_user()} (claimed: ")
    assert said.count("(") == said.count(")") == 1
    assert said.isprintable()


def test_the_name_of_a_token_is_no_claim() -> None:
    assert actors.actor_name(TokenName("ann")) == f"{system_user()} (token: ann)"
    assert actors.actor_name(OWNER.actor) == system_user()

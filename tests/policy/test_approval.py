"""Who can make an approved order, and whether one can be altered unnoticed."""

from __future__ import annotations

import ast
import copy
import dataclasses
import pickle
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tradewright.model.approved import ApprovedOrder
from tradewright.model.decision import Decision, Verdict
from tradewright.model.errors import NotApproved
from tradewright.model.hashing import content_hash
from tradewright.model.intent import Intent
from tradewright.model.order import OrderTerms, Side
from tradewright.policy.approval import HumanApproval, approve, restore, verify

ROOT = Path(__file__).resolve().parents[2]
HOLDERS = {"tradewright/model/approved.py", "tradewright/policy/approval.py"}
NOW = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)


def intent(**changes: object) -> Intent:
    fields: dict[str, object] = {
        "intent_id": "abcd1234",
        "strategy": "sma_crossover",
        "signal_id": "sig-1",
        "terms": OrderTerms(instrument="AAPL", side=Side.BUY, quantity=Decimal(10)),
        "confidence": 0.71,
        "size_pct": 0.02,
        "reference_price": 200,
        "decided_at": NOW,
    }
    return Intent.model_validate(fields | changes)


def decision(**changes: object) -> Decision:
    fields: dict[str, object] = {
        "decision_id": "dec-1",
        "intent_id": "abcd1234",
        "verdict": Verdict.APPROVE,
        "reasons": (),
        "approved_quantity": 5,
        "approved_size_pct": 0.01,
        "decided_at": NOW,
        "expires_at": NOW + timedelta(seconds=60),
        "rule_set_hash": "r" * 64,
        "snapshot_hash": "s" * 64,
    }
    return Decision.model_validate(fields | changes)


def approval(shown: Decision | None = None, **changes: object) -> HumanApproval:
    """A person's yes to the decision that she was shown."""
    seen = content_hash(shown or decision(verdict=Verdict.REVIEW))
    fields: dict[str, object] = {"decision_id": "dec-1", "actor": "ann", "reason": "seen", "at": NOW}
    return HumanApproval.model_validate(fields | {"decision_hash": seen} | changes)


def row(order: ApprovedOrder) -> dict[str, object]:
    return {field.name: getattr(order, field.name) for field in dataclasses.fields(order)}


def test_approval_carries_the_approved_quantity_and_the_expiry() -> None:
    order = approve(intent(), decision(), "DU1")
    assert order.terms == OrderTerms(instrument="AAPL", side=Side.BUY, quantity=Decimal(5))
    assert (order.account, order.expires_at) == ("DU1", NOW + timedelta(seconds=60))
    assert verify(order) is order
    assert restore(**row(order)) == order


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        (intent(), decision(verdict=Verdict.REJECT, approved_quantity=0)),
        (intent(), decision(verdict=Verdict.REJECT)),
        (intent(), decision(verdict=Verdict.REVIEW)),
        (intent(), decision(intent_id="other123")),
        (intent(), decision(approved_quantity=0)),
        (intent(), decision(approved_quantity=11)),
        (intent(account="DU2"), decision()),
    ],
)
def test_what_was_not_approved_makes_no_order(asked: Intent, given: Decision) -> None:
    with pytest.raises(NotApproved):
        approve(asked, given, "DU1")
    with pytest.raises(NotApproved):
        approve(intent(), decision(), "")


def test_a_review_needs_a_person_and_lives_from_the_persons_yes() -> None:
    waiting = decision(verdict=Verdict.REVIEW, expires_at=NOW + timedelta(minutes=10))
    at = NOW + timedelta(minutes=5)
    order = approve(intent(), waiting, "DU1", approval(waiting, at=at))
    assert order.expires_at == at + timedelta(seconds=60)


@pytest.mark.parametrize(
    "said",
    [
        approval(decision_id="dec-2"),
        approval(at=NOW - timedelta(microseconds=1)),
        approval(at=NOW + timedelta(seconds=60)),
    ],
)
def test_a_yes_to_something_else_or_at_another_time_is_no_approval(said: HumanApproval) -> None:
    with pytest.raises(NotApproved):
        approve(intent(), decision(verdict=Verdict.REVIEW), "DU1", said)


def test_a_person_cannot_overrule_a_rejection_nor_prolong_an_approval() -> None:
    for verdict in (Verdict.REJECT, Verdict.APPROVE):
        with pytest.raises(NotApproved):
            approve(intent(), decision(verdict=verdict), "DU1", approval(decision(verdict=verdict)))


@pytest.mark.parametrize(
    "shown", [{"approved_quantity": 4}, {"reasons": ({"code": "A", "verdict": "REVIEW", "text": "b"},)}]
)
def test_a_yes_is_bound_to_the_decision_that_the_person_was_shown(shown: dict[str, object]) -> None:
    waiting = decision(verdict=Verdict.REVIEW)
    assert approve(intent(), waiting, "DU1", approval(waiting)).terms.quantity == 5
    with pytest.raises(NotApproved, match="was shown"):
        approve(intent(), waiting, "DU1", approval(decision(verdict=Verdict.REVIEW, **shown)))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("intent_id", "abcd9999"),
        ("decision_id", "dec-2"),
        ("strategy", "macd_trend"),
        ("account", "U999"),
        ("terms", OrderTerms(instrument="AAPL", side=Side.BUY, quantity=Decimal(6))),
        ("terms", OrderTerms(instrument="AAPL", side=Side.SELL, quantity=Decimal(5))),
        ("expires_at", NOW + timedelta(seconds=61)),
        ("rule_set_hash", "q" * 64),
        ("payload_hash", "0" * 64),
    ],
)
def test_an_altered_row_is_found_out(field: str, value: object) -> None:
    order = approve(intent(), decision(), "DU1")
    with pytest.raises(NotApproved):
        restore(**(row(order) | {field: value}))
    object.__setattr__(order, field, value)
    with pytest.raises(NotApproved):
        verify(order)


@pytest.mark.parametrize("seal", [None, object(), True, "GATE_SEAL"])
def test_direct_construction_is_refused(seal: object) -> None:
    order = approve(intent(), decision(), "DU1")
    with pytest.raises(NotApproved):
        ApprovedOrder(**row(order), seal=seal)


def test_copies_and_pickles_are_refused() -> None:
    order = approve(intent(), decision(), "DU1")
    for trick in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(NotApproved):
            trick(order)
    blank = object.__new__(ApprovedOrder)
    with pytest.raises(NotApproved):
        blank.__setstate__(list(row(order).values()))
    with pytest.raises((NotApproved, AttributeError)):
        dataclasses.replace(order, terms=order.terms.model_copy(update={"quantity": Decimal(500)}))
    with pytest.raises(dataclasses.FrozenInstanceError):
        order.account = "U999"
    assert order.terms.quantity == 5


@pytest.mark.parametrize("impostor", [None, "AAPL", intent(), decision()])
def test_nothing_else_is_an_approved_order(impostor: object) -> None:
    with pytest.raises(NotApproved):
        verify(impostor)


def names_the_seal(source: str) -> bool:
    """Whether a module mentions the seal in code: by name, attribute, import or as a text for ``getattr``."""
    for node in ast.walk(ast.parse(source)):
        mentioned = (
            getattr(node, "id", None),
            getattr(node, "attr", None),
            node.name if isinstance(node, ast.alias) else None,
            node.value if isinstance(node, ast.Constant) else None,
        )
        if "GATE_SEAL" in mentioned:
            return True
    return False


def test_only_the_gate_names_the_seal() -> None:
    floors = ("tradewright", "conf", "assets", "strategies", "brokers", "app", "notebooks", "benchmarks")
    modules = [path for floor in floors for path in (ROOT / floor).rglob("*.py")]
    holders = {str(path.relative_to(ROOT)) for path in modules if names_the_seal(path.read_text(encoding="utf-8"))}
    assert holders == HOLDERS


@pytest.mark.parametrize(
    "planted",
    [
        "from tradewright.model.approved import GATE_SEAL",
        "import tradewright.model.approved as a\na.GATE_SEAL",
        "getattr(a, 'GATE_SEAL')",
        "def f(): return GATE_SEAL",
    ],
)
def test_the_search_for_the_seal_sees_a_planted_user(planted: str) -> None:
    assert names_the_seal(planted)

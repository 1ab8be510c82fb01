"""Approved orders: a broker accepts nothing else, and only the gate can make one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import InitVar, dataclass
from datetime import datetime
from typing import NoReturn

from tradewright.model.errors import NotApproved
from tradewright.model.hashing import content_hash
from tradewright.model.order import Leg, OrderTerms, ProtectiveLeg

GATE_SEAL = object()
"""Held by ``tradewright.policy`` alone; a test reads every module and refuses any other holder."""


@dataclass(frozen=True, slots=True)
class ApprovedOrder:
    """Terms that the gate allowed, bound to the decision by a hash.

    Built by ``policy.approve`` at decision time and by ``policy.restore`` from a ledger row; any other construction
    raises ``NotApproved``. ``payload_hash`` covers every other field, so that an altered row is found out.

    Args:
        terms: the entry; the only leg where ``protective`` is empty.
        protective: the legs that close what the entry opens, at most one of each kind.
    """

    intent_id: str
    decision_id: str
    strategy: str
    account: str
    terms: OrderTerms
    expires_at: datetime
    rule_set_hash: str
    payload_hash: str
    seal: InitVar[object] = None
    protective: tuple[ProtectiveLeg, ...] = ()

    def __post_init__(self, seal: object) -> None:
        if seal is not GATE_SEAL:
            raise NotApproved("only the policy gate makes approved orders", where=f"intent {self.intent_id}")
        if problem := group_problem(self.terms, self.protective):
            raise NotApproved(problem, where=f"intent {self.intent_id}", remedy="let the gate decide the intent again")
        if self.payload_hash != self.computed_hash():
            raise NotApproved(
                "the order is not what was approved: its payload hash differs",
                where=f"intent {self.intent_id}",
                remedy="let the gate decide the intent again",
            )

    def __getstate__(self) -> NoReturn:
        raise NotApproved(
            "approved orders are neither copied nor pickled",
            where=f"intent {self.intent_id}",
            remedy="keep them in the ledger and restore them",
        )

    def __setstate__(self, state: object) -> NoReturn:
        raise NotApproved("only the policy gate makes approved orders, not a pickle", remedy="restore from the ledger")

    def computed_hash(self) -> str:
        """SHA-256 over all that was approved."""
        return approval_hash(
            self.intent_id,
            self.decision_id,
            self.strategy,
            self.account,
            self.terms,
            self.expires_at,
            self.rule_set_hash,
            self.protective,
        )

    def legs(self) -> dict[Leg, OrderTerms]:
        """The terms of every leg, the entry first."""
        return {Leg.ENTRY: self.terms} | {item.leg: item.terms for item in self.protective}


def group_problem(entry: OrderTerms, protective: Sequence[ProtectiveLeg]) -> str:
    """The reason why these legs are no group around ``entry``; empty when they are one.

    Protective legs trade the entry's instrument on the other side, in the entry's quantity or less, so that they can
    never open a position of their own.
    """
    names = [item.leg for item in protective]
    if len(set(names)) < len(names):
        return "a group has one stop loss and one take profit at most"
    for item in protective:
        terms = item.terms
        if terms.instrument != entry.instrument or terms.side is entry.side or terms.quantity > entry.quantity:
            return f"the {item.leg.name.lower().replace('_', ' ')} does not close what the entry opens"
    return ""


def approval_hash(
    intent_id: str,
    decision_id: str,
    strategy: str,
    account: str,
    terms: OrderTerms,
    expires_at: datetime,
    rule_set_hash: str,
    protective: Sequence[ProtectiveLeg] = (),
) -> str:
    """The hash that binds an approval to the approved terms (control 18).

    Protective legs are covered where there are any; without them the hash is that of the first version.
    """
    legs = [{"leg": item.leg, "terms": item.terms.hashed()} for item in protective]
    return content_hash(
        {
            "intent_id": intent_id,
            "decision_id": decision_id,
            "strategy": strategy,
            "account": account,
            "terms": terms.hashed(),
            "expires_at": expires_at,
            "rule_set_hash": rule_set_hash,
            **({"protective": legs} if legs else {}),
        }
    )

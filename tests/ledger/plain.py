"""The ledger as plain Python: lists and dictionaries in which the same laws are written down a second time."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from tests.ledger.transitions import S, way
from tradewright.model.order import AttemptState, Side

UNSENT = (S.NOT_SENT, S.EXPIRED)
ENDED = (S.FILLED, S.CANCELLED, S.REJECTED, *UNSENT)


@dataclass
class PlainDecision:
    """One decision, and the order that it became, if it did."""

    decision_id: str
    intent_id: str
    verdict: str
    expires_at: datetime
    said: list[bool] = field(default_factory=list)
    order_until: datetime | None = None
    payload_hash: str = ""

    def may_be_approved(self, now: datetime) -> bool:
        """Whether a person may still say yes."""
        return self.verdict != "REJECT" and now < self.expires_at and False not in self.said


@dataclass
class PlainAttempt:
    """One try, with every state it was in."""

    ref: str
    intent_id: str
    decision_id: str
    holder: str
    states: list[AttemptState] = field(default_factory=lambda: [S.CLAIMED])
    spent: bool = False

    @property
    def state(self) -> AttemptState:
        """The newest one."""
        return self.states[-1]


@dataclass
class PlainFill:
    """One execution; a correction counts only by a ruling."""

    base: str
    ref: str | None
    instrument: str
    quantity: Decimal
    side: Side
    rulings: list[bool] = field(default_factory=list)
    corrects: bool = False
    fee: Decimal | None = None

    @property
    def counts(self) -> bool:
        """Whether it is part of the position."""
        return self.rulings[-1] if self.rulings else not self.corrects


@dataclass
class Plain:
    """The whole of it, for one account."""

    decisions: dict[str, PlainDecision] = field(default_factory=dict)
    attempts: dict[str, PlainAttempt] = field(default_factory=dict)
    fills: dict[str, PlainFill] = field(default_factory=dict)
    fees: dict[str, Decimal] = field(default_factory=dict)
    perm_ids: dict[str, set[int]] = field(default_factory=dict)
    adjusted: Counter[str] = field(default_factory=Counter)
    switches: dict[str, bool] = field(default_factory=dict)
    frozen: dict[tuple[str, str, str], None] = field(default_factory=dict)
    keys: dict[str, tuple[str, object]] = field(default_factory=dict)
    audit: list[tuple[str, str, str]] = field(default_factory=list)
    holder: str = ""
    held_until: datetime | None = None

    # who may send ------------------------------------------------------------------------------------------------

    def acquire(self, holder: str, seconds: float, now: datetime) -> bool:
        """The lease is free, or one's own, or over; an end further away than the lease asked for is brought near."""
        until = now + timedelta(seconds=seconds)
        if self.held_until is not None and self.holder != holder and now < self.held_until:
            self.held_until = min(self.held_until, until)
            return False
        self.holder, self.held_until = holder, until
        return True

    def keep(self, holder: str, seconds: float, now: datetime) -> bool:
        """Nobody else has had the lease since."""
        if self.held_until is None or self.holder != holder:
            return False
        self.held_until = now + timedelta(seconds=seconds)
        return True

    def holds(self, holder: str, now: datetime) -> bool:
        """Whether a sender has the account now."""
        return self.held_until is not None and self.holder == holder and now < self.held_until

    def stopping(self, strategy: str, account: str) -> set[str]:
        """The scopes that stop a strategy."""
        mine = {"everything", f"account:{account}", f"strategy:{strategy}"}
        return {scope for scope, stopped in self.switches.items() if stopped and scope in mine}

    # from the outbox to the venue --------------------------------------------------------------------------------

    def claimable(self, decision: PlainDecision, now: datetime, *, listing: bool = False) -> bool:
        """Whether an approved order may become an attempt; when listing, a claim of a lost sender is in nobody's way.

        Nothing that went out, or perhaps did, may be sent once more in any shape.
        """
        if decision.order_until is None or decision.order_until <= now or False in decision.said:
            return False
        for attempt in self.attempts.values():
            if attempt.decision_id == decision.decision_id and attempt.spent:
                return False
            abandoned = listing and attempt.state is S.CLAIMED and not self.holds(attempt.holder, now)
            seen = attempt.ref in self.perm_ids or any(fill.ref == attempt.ref for fill in self.fills.values())
            went_out = attempt.state not in UNSENT or seen
            if attempt.intent_id == decision.intent_id and went_out and not abandoned:
                return False
        return True

    def claim(self, decision: PlainDecision, digest: str, holder: str, now: datetime) -> str | None:
        """The reference of the new attempt, or None."""
        if not self.claimable(decision, now) or digest != decision.payload_hash or not self.holds(holder, now):
            return None
        number = sum(attempt.intent_id == decision.intent_id for attempt in self.attempts.values()) + 1
        ref = f"{decision.intent_id}.{number}"
        self.attempts[ref] = PlainAttempt(ref, decision.intent_id, decision.decision_id, holder)
        return ref

    def release(self, ref: str, spent: bool, now: datetime) -> AttemptState | None:
        """The state after giving a claim back; None where it is refused."""
        attempt = self.attempts[ref]
        if attempt.state is not S.CLAIMED:
            return None
        until = self.decisions[attempt.decision_id].order_until
        assert until is not None
        attempt.states.append(S.EXPIRED if until <= now and not spent else S.NOT_SENT)
        attempt.spent = spent
        return attempt.state

    def begin(self, ref: str, digest: str, holder: str, now: datetime) -> bool:
        """Whether the write-ahead is accepted."""
        attempt = self.attempts[ref]
        right = digest == self.decisions[attempt.decision_id].payload_hash and holder == attempt.holder
        if attempt.state is not S.CLAIMED or not right or not self.holds(holder, now):
            return False
        attempt.states.append(S.SENDING)
        attempt.spent = True
        return True

    def move(self, ref: str, wanted: AttemptState) -> bool:
        """Whether there is a way; if so, it is gone."""
        path = way(self.attempts[ref].state, wanted)
        self.attempts[ref].states += path or ()
        return path is not None

    def must_wait(self, ref: str, wanted: AttemptState) -> bool:
        """Whether the way leads through a state in which another attempt of the same intent is: only one may live."""
        intent = self.attempts[ref].intent_id
        others = [other for name, other in self.attempts.items() if name != ref and other.intent_id == intent]
        lives = any(not state.terminal for state in way(self.attempts[ref].state, wanted) or ())
        return lives and any(not other.state.terminal for other in others)

    # what happened -----------------------------------------------------------------------------------------------

    def fill(self, exec_id: str, fill: PlainFill) -> str:
        """What becomes of a reported execution; the first report under an id is the one that holds."""
        if exec_id in self.fills:
            first = self.fills[exec_id]
            same = (first.instrument, first.side, first.quantity) == (fill.instrument, fill.side, fill.quantity)
            return "SEEN" if same else "DIFFERS"
        fill.corrects = any(other.base == fill.base for other in self.fills.values())
        self.fills[exec_id] = fill
        return "QUARANTINED" if fill.corrects else "NEW"

    def filled(self, ref: str) -> Decimal:
        """How much of an attempt is filled."""
        return sum((fill.quantity for fill in self.fills.values() if fill.ref == ref and fill.counts), Decimal(0))

    def positions(self) -> dict[str, Decimal]:
        """What is held, without the flat ones."""
        held: dict[str, Decimal] = {name: Decimal(units) for name, units in self.adjusted.items()}
        for fill in self.fills.values():
            if fill.counts:
                held[fill.instrument] = held.get(fill.instrument, Decimal(0)) + fill.quantity * fill.side.sign
        return {name: units for name, units in held.items() if units}

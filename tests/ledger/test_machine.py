"""The ledger beside a plain-Python model of it: whatever is done in whatever order, both say the same."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.ledger.plain import ENDED, Plain, PlainDecision, PlainFill
from tests.support import postgres
from tests.support.extent import runs
from tests.support.ledgers import ACCOUNT, START, Proposer, new_url
from tradewright.ledger.attempt import replay
from tradewright.ledger.errors import IdempotencyConflict, IllegalTransition
from tradewright.ledger.freezes import FreezeCode
from tradewright.ledger.ledger import Ledger
from tradewright.model.clock import ManualClock
from tradewright.model.decision import Decision, Verdict
from tradewright.model.errors import LedgerError
from tradewright.model.hashing import content_hash
from tradewright.model.intent import Intent
from tradewright.model.order import AttemptState, Fill, Leg, Side
from tradewright.policy.approval import HumanApproval, approve

NTH = st.integers(0, 3)
"""Of a list, the newest first: what was just done is what matters."""
INSTRUMENTS = st.sampled_from(["AAPL", "MSFT"])
SIDES = st.sampled_from(Side)
HOLDERS = st.sampled_from(["one", "two"])
SCOPES = st.sampled_from(["everything", f"account:{ACCOUNT}", "strategy:trend", "strategy:carry", "account:DU999"])
CODES = st.sampled_from([FreezeCode.OVERFILL, FreezeCode.CORRECTION])


@cache
def template() -> Path:
    """An SQLite ledger with its schema and nothing else."""
    path = Path(tempfile.mkdtemp(prefix="tradewright-machine-")) / "ledger.db"
    Ledger.create(f"sqlite:///{path}", ManualClock(START)).close()
    return path


class Machine(RuleBasedStateMachine):
    """Everything that a ledger can be told, and after each word a comparison of all that it then says."""

    engine = "sqlite"

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="tradewright-machine-"))
        self.url = new_url(self.engine, self.folder)
        if self.engine == "sqlite":
            shutil.copy(template(), self.folder / "ledger.db")
        self.clock, self.plain = ManualClock(START), Plain()
        self.intents: list[Intent] = []
        self.decisions: list[Decision] = []
        self.open()

    def open(self) -> None:
        self.ledger = Ledger.open(self.url, self.clock)
        self.proposer = Proposer(self.ledger, self.clock)

    def teardown(self) -> None:
        self.everything_is_provable()
        self.ledger.close()
        shutil.rmtree(self.folder)

    @property
    def nth_ref(self) -> list[str]:
        return list(self.plain.attempts)[::-1]

    def _claimed(self, nth: int) -> str:
        """An attempt that is only claimed, where there is one; else any."""
        only = [ref for ref in self.nth_ref if self.plain.attempts[ref].state is AttemptState.CLAIMED] or self.nth_ref
        return only[nth % len(only)]

    # proposals ---------------------------------------------------------------------------------------------------

    @initialize()
    def begin(self) -> None:
        self.take_the_account("one", 300)
        self.propose("AAPL", 5, Side.BUY, Verdict.APPROVE, 600)

    @rule(
        instrument=INSTRUMENTS, units=st.integers(1, 20), side=SIDES, verdict=st.sampled_from(Verdict),
        seconds=st.sampled_from([30, 600]),
    )  # fmt: skip
    def propose(self, instrument: str, units: int, side: Side, verdict: Verdict, seconds: int) -> None:
        self.intents.append(self.proposer.intent(instrument, str(units), side))
        self._decide(self.intents[-1], verdict, seconds)

    @precondition(lambda self: self.intents)
    @rule(nth=NTH, verdict=st.sampled_from(Verdict), seconds=st.sampled_from([30, 600]))
    def decide_again(self, nth: int, verdict: Verdict, seconds: int) -> None:
        self._decide(self.intents[::-1][nth % len(self.intents)], verdict, seconds)

    def _decide(self, intent: Intent, verdict: Verdict, seconds: int) -> None:
        decision = self.proposer.decide(intent, verdict, seconds)
        row = PlainDecision(decision.decision_id, intent.intent_id, verdict.value, decision.expires_at)
        self.plain.decisions[decision.decision_id] = row
        self.plain.audit.append(("gate", "DECIDE", decision.decision_id))
        self.decisions.append(decision)
        if verdict is Verdict.APPROVE:
            self._put(intent, decision, None)

    def _put(self, intent: Intent, decision: Decision, approval: HumanApproval | None) -> None:
        order = approve(intent, decision, ACCOUNT, approval)
        row = self.plain.decisions[decision.decision_id]
        if row.order_until is None:
            assert self.ledger.outbox.put(order)
            row.order_until, row.payload_hash = order.expires_at, order.payload_hash
        elif row.payload_hash == order.payload_hash:
            assert not self.ledger.outbox.put(order)
        else:
            with pytest.raises(LedgerError, match="another order"):
                self.ledger.outbox.put(order)

    @precondition(lambda self: self.decisions)
    @rule(nth=NTH, yes=st.booleans())
    def a_person_speaks(self, nth: int, yes: bool) -> None:
        decision = self.decisions[::-1][nth % len(self.decisions)]
        row, now = self.plain.decisions[decision.decision_id], self.clock.now()
        if yes and not row.may_be_approved(now):
            with pytest.raises(LedgerError, match=r"overrule|expired|rejected it"):
                self.ledger.decisions.record_approval(row.decision_id, True, "ann", "yes")
            return
        self.ledger.decisions.record_approval(row.decision_id, yes, "ann", "said")
        row.said.append(yes)
        self.plain.audit.append(("ann", "APPROVE" if yes else "REJECT", row.decision_id))
        if yes and row.verdict == "REVIEW":
            seen = content_hash(decision)
            said = HumanApproval(decision_id=row.decision_id, decision_hash=seen, actor="ann", reason="said", at=now)
            self._put(self.ledger.decisions.intent(row.intent_id), decision, said)

    # sending -----------------------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([1, 29, 61, 400]))
    def time_passes(self, seconds: int) -> None:
        self.clock.advance(seconds)

    @rule(holder=HOLDERS, seconds=st.sampled_from([10, 300]))
    def take_the_account(self, holder: str, seconds: int) -> None:
        taken = self.ledger.leases.acquire(ACCOUNT, holder, seconds)
        assert taken is self.plain.acquire(holder, seconds, self.clock.now())

    @rule(holder=HOLDERS, seconds=st.sampled_from([10, 300]))
    def keep_the_account(self, holder: str, seconds: int) -> None:
        kept = self.ledger.leases.keep(ACCOUNT, holder, seconds)
        assert kept is self.plain.keep(holder, seconds, self.clock.now())

    @rule(holder=HOLDERS)
    def let_the_account_go(self, holder: str) -> None:
        self.ledger.leases.release(ACCOUNT, holder)
        if self.plain.holder == holder:
            self.plain.held_until = self.clock.now()

    @precondition(lambda self: self.decisions)
    @rule(nth=NTH, holder=HOLDERS, honest=st.integers(0, 9))
    def claim(self, nth: int, holder: str, honest: int) -> None:
        rows = [row for row in self.plain.decisions.values() if row.order_until] or list(self.plain.decisions.values())
        row = rows[::-1][nth % len(rows)]
        digest = row.payload_hash if honest else "0" * 64
        attempt = self.ledger.claims.claim(row.decision_id, digest, holder)
        assert (attempt and attempt.ref) == self.plain.claim(row, digest, holder, self.clock.now())

    @rule(
        holder=HOLDERS, nth=NTH, meanwhile=st.sampled_from([0, 61, 601]), lease=st.sampled_from([10, 1000]),
        end=st.sampled_from(["write ahead", "give back", "spend", "leave"]),
    )  # fmt: skip
    def an_attempt(self, holder: str, nth: int, meanwhile: int, lease: int, end: str) -> None:
        """What a sender does in one go, with a pause in which the lease or the approval may run out."""
        self.take_the_account(holder, lease)
        self.claim(nth, holder, 1)
        if meanwhile:
            self.time_passes(meanwhile)
        if end == "write ahead" and self.plain.attempts:
            self.write_ahead(0, holder, 1)
        elif end in ("give back", "spend") and self.plain.attempts:
            self.give_a_claim_back(0, end == "spend")

    @precondition(lambda self: self.plain.attempts)
    @rule(nth=NTH, spent=st.booleans())
    def give_a_claim_back(self, nth: int, spent: bool) -> None:
        ref = self._claimed(nth)
        expected = self.plain.release(ref, spent, self.clock.now())
        if expected is None:
            with pytest.raises(LedgerError, match="not only claimed"):
                self.ledger.claims.release(ref, "test", spent=spent)
        else:
            assert self.ledger.claims.release(ref, "test", spent=spent) is expected

    @precondition(lambda self: self.plain.attempts)
    @rule(nth=NTH, holder=HOLDERS, honest=st.integers(0, 9))
    def write_ahead(self, nth: int, holder: str, honest: int) -> None:
        ref = self._claimed(nth)
        digest = self.plain.decisions[self.plain.attempts[ref].decision_id].payload_hash if honest else "0" * 64
        accepted = self.plain.begin(ref, digest, holder, self.clock.now())
        if accepted:
            self.ledger.claims.begin_sending(ref, "s1", {Leg.ENTRY: 7}, digest, holder)
        else:
            with pytest.raises(LedgerError, match="nothing was sent"):
                self.ledger.claims.begin_sending(ref, "s1", {Leg.ENTRY: 7}, digest, holder)

    @precondition(lambda self: self.plain.attempts)
    @rule(nth=NTH, wanted=st.sampled_from(AttemptState))
    def move(self, nth: int, wanted: AttemptState) -> None:
        ref = self.nth_ref[nth % len(self.plain.attempts)]
        if self.plain.must_wait(ref, wanted):
            with pytest.raises(LedgerError, match=r"UNIQUE|one_live_attempt"):
                self.ledger.attempts.move(ref, wanted, "test")
        elif self.plain.move(ref, wanted):
            assert self.ledger.attempts.move(ref, wanted, "test").state is wanted
        else:
            with pytest.raises(IllegalTransition):
                self.ledger.attempts.move(ref, wanted, "test")

    # what happened -----------------------------------------------------------------------------------------------

    @rule(
        base=st.integers(1, 4), number=st.integers(1, 3), nth=st.none() | NTH, units=st.integers(1, 9), side=SIDES,
        instrument=INSTRUMENTS,
    )  # fmt: skip
    def an_execution(self, base: int, number: int, nth: int | None, units: int, side: Side, instrument: str) -> None:
        """New, again, late, of nobody, or a correction: whatever id comes up."""
        known = self.nth_ref
        ref = known[nth % len(known)] if nth is not None and known else None
        exec_id = f"e{base}.{number:02d}"
        fill = Fill(exec_id=exec_id, ref=ref or "", perm_id=base, instrument=instrument, side=side,
                    quantity=Decimal(units), price=Decimal(100), time=START, account=ACCOUNT)  # fmt: skip
        plain = PlainFill(f"e{base}", ref, instrument, Decimal(units), side)
        assert self.ledger.executions.record(fill, ref).value == self.plain.fill(exec_id, plain)

    @rule(base=st.integers(1, 4), number=st.integers(1, 3), cents=st.integers(0, 300))
    def a_fee(self, base: int, number: int, cents: int) -> None:
        """The newest report counts; the same one again is no new fact."""
        exec_id, fee = f"e{base}.{number:02d}", Decimal(cents) / 100
        assert self.ledger.executions.record_fee(exec_id, fee) is (self.plain.fees.get(exec_id) != fee)
        self.plain.fees[exec_id] = fee

    @precondition(lambda self: self.plain.attempts)
    @rule(nth=NTH, perm_id=st.integers(1, 2))
    def a_permanent_id(self, nth: int, perm_id: int) -> None:
        """The venue names an order, which proves that it went out."""
        ref = self.nth_ref[nth % len(self.plain.attempts)]
        self.plain.perm_ids.setdefault(ref, set()).add(perm_id)
        assert set(self.ledger.attempts.learn_perm_id(ref, perm_id)) == self.plain.perm_ids[ref]

    @precondition(lambda self: self.plain.fills)
    @rule(nth=NTH, counts=st.booleans())
    def a_ruling(self, nth: int, counts: bool) -> None:
        exec_id = list(self.plain.fills)[nth % len(self.plain.fills)]
        self.ledger.executions.rule(exec_id, counts, "test")
        self.plain.fills[exec_id].rulings.append(counts)

    @rule(instrument=INSTRUMENTS, units=st.integers(-5, 5))
    def an_adjustment(self, instrument: str, units: int) -> None:
        self.ledger.executions.adjust(ACCOUNT, instrument, Decimal(units), Decimal(100), "ann", "test")
        self.plain.adjusted[instrument] += units

    # controls ----------------------------------------------------------------------------------------------------

    @rule(scope=SCOPES, stop=st.booleans())
    def a_switch(self, scope: str, stop: bool) -> None:
        act = self.ledger.kill_switches.stop if stop else self.ledger.kill_switches.resume
        act(scope, "ann", "test")
        self.plain.switches[scope] = stop
        self.plain.audit.append(("ann", "KILL" if stop else "RESUME", scope))

    @rule(instrument=INSTRUMENTS, code=CODES, ref=st.sampled_from(["", "x.1"]))
    def freeze(self, instrument: str, code: FreezeCode, ref: str) -> None:
        key = (instrument, code.value, ref)
        assert self.ledger.freezes.freeze(ACCOUNT, instrument, code, "test", ref) is (key not in self.plain.frozen)
        if key not in self.plain.frozen:
            self.plain.frozen[key] = None
            self.plain.audit.append(("program", "FREEZE", instrument))

    @rule(instrument=INSTRUMENTS, code=st.none() | CODES, ref=st.sampled_from([None, "", "x.1"]))
    def lift(self, instrument: str, code: FreezeCode | None, ref: str | None) -> None:
        meant = [
            key for key in self.plain.frozen
            if key[0] == instrument and code in (None, key[1]) and ref in (None, key[2])
        ]  # fmt: skip
        assert self.ledger.freezes.lift(ACCOUNT, instrument, "ann", "test", code, ref) == len(meant)
        for key in meant:
            del self.plain.frozen[key]
            self.plain.audit.append(("ann", "LIFT", instrument))

    @rule(key=st.sampled_from("ab"), payload=st.integers(0, 1), fails=st.booleans())
    def ask_under_a_key(self, key: str, payload: int, fails: bool) -> None:
        """What is done under a key is done once and wholly: an act that fails leaves neither a key nor a trace."""

        def act() -> object:
            self.ledger.audit.append("ann", "ASK", key)
            if fails:
                raise LedgerError("the act failed")
            return {"answer": payload}

        known = self.plain.keys.get(key)
        if known is None and not fails:
            self.plain.keys[key] = known = (str(payload), {"answer": payload})
            self.plain.audit.append(("ann", "ASK", key))
            assert self.ledger.idempotency.once(key, payload, act) == known[1]
        elif known is None:
            with pytest.raises(LedgerError, match="the act failed"):
                self.ledger.idempotency.once(key, payload, act)
        elif known[0] == str(payload):
            assert self.ledger.idempotency.once(key, payload, act) == known[1]
        else:
            with pytest.raises(IdempotencyConflict):
                self.ledger.idempotency.once(key, payload, act)

    @rule()
    def half_a_transaction(self) -> None:
        """What breaks off before its end was never there."""
        with suppress(ZeroDivisionError), self.ledger.transaction():
            self.ledger.kill_switches.stop("everything", "ann", "half")
            self.ledger.executions.adjust(ACCOUNT, "AAPL", Decimal(9), Decimal(1), "ann", "half")
            self.ledger.leases.acquire(ACCOUNT, "nobody", 9999)
            1 / 0  # noqa: B018

    @rule()
    def restart(self) -> None:
        self.ledger.close()
        self.open()

    # the laws ----------------------------------------------------------------------------------------------------

    @invariant()
    def attempts_are_alike(self) -> None:
        stored = {row.ref: (row.state, row.spent, row.decision_id) for row in self.ledger.attempts.all()}
        rows = self.plain.attempts.values()
        assert stored == {row.ref: (row.state, row.spent, row.decision_id) for row in rows}
        live = {row.ref for row in rows if row.state not in ENDED}
        assert {row.ref for row in self.ledger.attempts.live(ACCOUNT)} == live
        intents = [self.plain.attempts[ref].intent_id for ref in live]
        assert len(set(intents)) == len(intents), "an intent has at most one live attempt"

    @invariant()
    def the_outbox_is_alike(self) -> None:
        now = self.clock.now()
        rows = self.plain.decisions.values()
        expected = {row.decision_id for row in rows if self.plain.claimable(row, now, listing=True)}
        assert {row.decision_id for row in self.ledger.outbox.sendable(ACCOUNT)} == expected
        waiting = {row.decision_id for row in rows if row.verdict == "REVIEW" and now < row.expires_at and not row.said}
        assert {row.decision_id for row in self.ledger.decisions.waiting()} == waiting

    @invariant()
    def holdings_are_alike(self) -> None:
        held = {row.instrument: row.quantity for row in self.ledger.executions.positions(ACCOUNT)}
        assert held == self.plain.positions()
        stored = {row.exec_id: (row.quantity, row.counts, row.fee) for row in self.ledger.executions.all(ACCOUNT)}
        fees = self.plain.fees
        assert stored == {key: (row.quantity, row.counts, fees.get(key)) for key, row in self.plain.fills.items()}
        for ref in self.plain.attempts:
            assert self.ledger.executions.filled(ref) == self.plain.filled(ref)

    @invariant()
    def a_part_is_the_whole_sifted(self) -> None:
        """What is asked about the last minutes, or the newest few, is what a look through everything finds."""
        ledger, moment = self.ledger, self.clock.now() - timedelta(seconds=60)
        attempts, executions = ledger.attempts.all(), ledger.executions.all(ACCOUNT)
        sent = sorted((row.sending_at, row.ref) for row in attempts if row.sending_at and row.sending_at > moment)
        assert [(row.sending_at, row.ref) for row in ledger.attempts.sent_after(ACCOUNT, moment)] == sent
        newest = {row.ref for row in attempts[-2:]} | {row.ref for row in ledger.attempts.live(ACCOUNT)}
        assert ledger.attempts.newest(2) == [row for row in attempts if row.ref in newest]
        known = [row for row in executions if row.recorded_at >= moment]
        assert ledger.executions.recorded_since(ACCOUNT, moment) == known
        traded = [row for row in executions if row.time >= moment]
        assert ledger.executions.traded_since(ACCOUNT, moment) == traded
        owners = {*(row.strategy for row in attempts), "", "manual", "flatten"}
        shares: Counter[str] = Counter()
        for owner in owners:
            for name, units in ledger.executions.units_of(ACCOUNT, owner).items():
                shares[name] += units  # type: ignore[assignment]
        held = {row.instrument: row.quantity for row in ledger.executions.positions(ACCOUNT)}
        assert {name: units for name, units in shares.items() if units} == held, "every unit has one owner"

    @invariant()
    def a_part_of_the_proposals_is_the_whole_sifted(self) -> None:
        proposals, moment = self.ledger.decisions, self.clock.now() - timedelta(seconds=60)
        intents, decisions = proposals.intents(), proposals.all()
        alive = {row.intent_id for row in decisions if row.expires_at > moment}
        assert proposals.decisions_alive(moment) == [row for row in decisions if row.intent_id in alive]
        besides = [row.intent_id for row in intents[:1]]
        chosen = {*besides, *(row.intent_id for row in intents[-2:])}
        assert proposals.newest_intents(2, besides) == [row for row in intents if row.intent_id in chosen]
        assert proposals.strategies() == sorted({row.strategy for row in intents})
        accounts = self.ledger.outbox.accounts()
        assert {row.account for row in self.ledger.attempts.all()} <= set(accounts) <= {ACCOUNT}

    @invariant()
    def controls_are_alike(self) -> None:
        for strategy in ("trend", "carry"):
            stopping = {switch.scope for switch in self.ledger.kill_switches.stopping(strategy, ACCOUNT)}
            assert stopping == self.plain.stopping(strategy, ACCOUNT)
        doubt = [row.ref for row in self.plain.attempts.values() if row.state is AttemptState.UNKNOWN]
        found = [(row.instrument, row.code.value, row.ref) for row in self.ledger.freezes.present(ACCOUNT)]
        assert sorted(row for row in found if row[1] != "ORDER_UNKNOWN") == sorted(self.plain.frozen)
        assert sorted(row[2] for row in found if row[1] == "ORDER_UNKNOWN") == sorted(doubt)
        lease = self.ledger.leases.get(ACCOUNT)
        assert (lease and (lease.holder, lease.expires_at)) == (self.plain.holder, self.plain.held_until)

    @invariant()
    def the_log_is_whole(self) -> None:
        assert self.ledger.audit.verify_chain() == self.ledger.events.last_seq()

    def everything_is_provable(self) -> None:
        """At the end: every state follows from its events, and the log says what was done, in that order."""
        for ref, row in self.plain.attempts.items():
            states = [event.state for event in self.ledger.attempts.events(ref)]
            assert states == row.states
            assert replay(states) is row.state
        entries = [(entry.actor, entry.action, entry.subject) for entry in self.ledger.audit.entries()]
        assert entries == self.plain.audit


class PostgresMachine(Machine):
    """The same on a server."""

    engine = "postgres"


COMMON = settings(suppress_health_check=list(HealthCheck), print_blob=False)


@pytest.mark.timeout(900)
def test_the_ledger_does_what_plain_python_does() -> None:
    run_state_machine_as_test(Machine, settings=settings(COMMON, max_examples=runs(10, 120), stateful_step_count=30))


@pytest.mark.postgres
def test_the_ledger_does_what_plain_python_does_on_postgres() -> None:
    if reason := postgres.server().reason:
        pytest.skip(reason)
    run_state_machine_as_test(
        PostgresMachine, settings=settings(COMMON, max_examples=runs(3, 10), stateful_step_count=30)
    )

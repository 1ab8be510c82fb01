"""A person's acts on decisions and switches: unknown ids, wrong states, twice, without a reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from app.operations import actors, trading
from app.operations.kill_scopes import scopes
from conf.schema.settings import Settings
from tests.app.conftest import say
from tests.support.ledgers import Proposer
from tradewright.ledger.ledger import Ledger
from tradewright.model.decision import Verdict
from tradewright.model.errors import ConfigError, LedgerError, TradewrightError

HOLDER = "counter"


def asked(ledger: Ledger, verdict: Verdict = Verdict.REVIEW, seconds: float = 600) -> str:
    """A new decision; an approved one lies in the outbox."""
    proposer = Proposer(ledger, ledger.clock, "SIM")
    if verdict is Verdict.APPROVE:
        return proposer.order("BTC", "0.01", seconds).decision_id
    return proposer.decide(proposer.intent("BTC", "0.01"), verdict, seconds).decision_id


def expired(ledger: Ledger) -> str:
    return asked(ledger, seconds=-1)


def rejected(ledger: Ledger) -> str:
    name = asked(ledger)
    ledger.decisions.record_approval(name, False, "bob", "no")
    return name


def approved(ledger: Ledger) -> str:
    return asked(ledger, Verdict.APPROVE)


def claimed(ledger: Ledger) -> str:
    name = asked(ledger, Verdict.APPROVE)
    assert ledger.leases.acquire("SIM", HOLDER, 60)
    assert ledger.claims.claim(name, ledger.outbox.get(name).payload_hash, HOLDER)
    return name


def lines(ledger: Ledger) -> int:
    return len(ledger.audit.entries())


# decision -> part of what is wrong
NO_YES: dict[str, tuple[Callable[[Ledger], str], str]] = {
    "nobody knows it": (lambda _ledgers: "nothing", "no such decision"),
    "no name": (lambda _ledgers: "", "no such decision"),
    "the gate rejected it": (lambda ledger: asked(ledger, Verdict.REJECT), "cannot overrule the gate"),
    "it is over": (expired, "expired"),
    "a person rejected it": (rejected, "rejected it already"),
}


@pytest.mark.parametrize("name", NO_YES)
def test_what_cannot_be_approved_stays_as_it_was(settings: Settings, ledger: Ledger, name: str) -> None:
    make, word = NO_YES[name]
    decision = make(ledger)
    before = lines(ledger)
    with pytest.raises(TradewrightError) as caught:
        trading.approve(settings, decision, "I want it", "ann")
    assert word in str(caught.value)
    assert caught.value.where
    assert ledger.outbox.sendable() == []
    assert lines(ledger) == before


def test_a_yes_is_given_once(settings: Settings, ledger: Ledger) -> None:
    name = asked(ledger)
    first = trading.approve(settings, name, "I want it", "ann")
    (waiting,) = ledger.outbox.sendable()
    assert waiting.decision_id == name
    assert trading.approve(settings, name, "again", "ann") == first
    assert len(ledger.outbox.sendable()) == 1, "one order, however often it is approved"


@pytest.mark.parametrize("make", [asked, approved, expired])
def test_a_no_is_final_and_may_be_said_twice(settings: Settings, ledger: Ledger, make: Callable[[Ledger], str]) -> None:
    name = make(ledger)
    for _ in range(2):
        trading.reject(settings, name, "no", "ann")
        assert not ledger.decisions.permits(name)
    assert ledger.outbox.sendable() == []
    assert {row.approved for row in ledger.decisions.approvals(name)} == {False}


def test_a_no_to_nothing_is_refused_by_name(settings: Settings, ledger: Ledger) -> None:
    """And not by a constraint of the database."""
    with pytest.raises(LedgerError, match="no such decision") as caught:
        trading.reject(settings, "nothing", "no", "ann")
    assert (caught.value.where, caught.value.remedy) == ("decision nothing", "tradewright intents")
    assert lines(ledger) == 0


def test_a_no_to_what_is_being_sent_does_not_undo_it(settings: Settings, ledger: Ledger) -> None:
    name = claimed(ledger)
    trading.reject(settings, name, "too late", "ann")
    (attempt,) = ledger.attempts.all()
    assert attempt.decision_id == name


@pytest.mark.parametrize("reason", ["", " ", "\t\n"])
@pytest.mark.parametrize("act", ["approve", "reject", "kill", "resume"])
def test_every_act_needs_a_reason(settings: Settings, ledger: Ledger, act: str, reason: str) -> None:
    subject = asked(ledger) if act in ("approve", "reject") else "everything"
    before = lines(ledger)
    with pytest.raises(ConfigError) as caught:
        getattr(trading, act)(settings, subject, reason, "ann")
    assert (caught.value.where, caught.value.remedy) == ("reason", 'write one; on the command line, --reason "..."')
    assert lines(ledger) == before


@pytest.mark.parametrize("act", ["approve", "reject", "kill", "resume"])
def test_who_and_why_are_written_down(settings: Settings, ledger: Ledger, act: str) -> None:
    subject = asked(ledger) if act in ("approve", "reject") else "everything"
    getattr(trading, act)(settings, subject, "because", "ann")
    entry = next(row for row in reversed(ledger.audit.entries()) if row.actor == actors.actor_name("ann"))
    assert entry.actor.endswith(" (claimed: ann)"), "the user of the system acts; the name is a claim"
    assert entry.detail == {"reason": "because"}
    assert subject in entry.subject
    assert ledger.audit.verify_chain() == len(ledger.events.after(0, limit=None))


# scope -> what is said of it, part of the remedy
NO_SCOPE = {
    "planet:earth": ("unknown scope", "everything, strategy:NAME"),
    "strategy:": ("unknown scope", "everything, strategy:NAME"),
    "strategy": ("unknown scope", "everything, strategy:NAME"),
    "Everything": ("unknown scope", "everything, strategy:NAME"),
    "strategy:sma_crosover": ("is neither a strategy nor an account", "did you mean 'strategy:sma_crossover'"),
    "strategy:trnd": ("is neither a strategy nor an account", "did you mean 'strategy:trend'"),
    "account:SIMM": ("is neither a strategy nor an account", "did you mean 'account:SIM'"),
}


@pytest.mark.parametrize("act", ["kill", "resume"])
@pytest.mark.parametrize("scope", NO_SCOPE)
def test_a_misspelt_scope_is_refused_and_nothing_is_written(
    settings: Settings, ledger: Ledger, act: str, scope: str
) -> None:
    """A stop that stops nothing is worse than none."""
    asked(ledger)
    what, remedy = NO_SCOPE[scope]
    with pytest.raises(ConfigError, match=what) as caught:
        getattr(trading, act)(settings, scope, "because", "ann")
    assert remedy in caught.value.remedy
    assert ledger.kill_switches.present() == []


@pytest.mark.parametrize(
    "scope", ["everything", "strategy:sma_crossover", "strategy:manual", "strategy:trend", "account:SIM"]
)
def test_a_stop_holds_until_it_is_lifted_however_often_it_is_said(
    settings: Settings, ledger: Ledger, scope: str
) -> None:
    asked(ledger)
    for reason in ("first", "second"):
        assert trading.kill(settings, scope, reason, "ann")[0].stopped
    (switch,) = ledger.kill_switches.present()
    assert (switch.scope, switch.stopped, switch.reason) == (scope, True, "second")
    assert [row.scope for row in trading.overview(settings).switches] == [scope]
    for reason in ("third", "fourth"):
        assert trading.resume(settings, scope, reason, "ann").stopped is False
    assert trading.overview(settings).switches == ()


def test_stops_are_lifted_one_by_one(settings: Settings, ledger: Ledger) -> None:
    asked(ledger)
    for scope in ("everything", "strategy:trend"):
        trading.kill(settings, scope, "test", "ann")
    trading.resume(settings, "everything", "test", "ann")
    assert [row.scope for row in trading.overview(settings).switches] == ["strategy:trend"]
    assert [row.scope for row in ledger.kill_switches.stopping("trend", "SIM")] == ["strategy:trend"]
    assert ledger.kill_switches.stopping("other", "SIM") == []


def test_an_account_that_no_venue_has_named_yet_can_be_stopped(settings: Settings, ledger: Ledger) -> None:
    """Where none is known, none can be misspelt."""
    unnamed = settings.broker.model_copy(update={"account": ""})
    scope = scopes(settings.model_copy(update={"broker": unnamed}), ledger)
    assert not [name for name in scope if name.startswith("account:")]
    named = settings.model_copy(update={"broker": settings.broker.model_copy(update={"account": "DU9"})})
    assert "account:DU9" in scopes(named, ledger)


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("approve", "nothing", "--reason", "r"), "no such decision"),
        (("reject", "nothing", "--reason", "r"), "no such decision"),
        (("approve", "nothing"), "a reason is needed"),
        (("kill",), "a reason is needed"),
        (("kill", "--scope", "strategy:sma_crosover", "--reason", "r"), "is neither a strategy nor an account"),
        (("resume", "--scope", "nobody", "--reason", "r"), "unknown scope"),
        (("explain", "nothing"), "has this id"),
    ],
)
def test_the_command_line_refuses_with_all_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], what: str
) -> None:
    monkeypatch.delenv("TRADEWRIGHT_OVERRIDES", raising=False)
    said = say(*words, f"storage.root={tmp_path}", "--json")
    assert said.status == 1
    error = said.json["error"]
    assert what in error["what"]
    assert error["where"]
    assert error["remedy"]
    acts = words[0] != "explain"
    said_to_people = said.err.splitlines()
    assert said_to_people[0].startswith("mode ") == acts, "an act says first what it would change"
    assert said_to_people[acts].startswith("error: ")

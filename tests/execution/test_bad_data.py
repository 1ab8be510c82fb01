"""P2: bad data cannot trade. Each check of each input is broken in each way, and the order is refused by its name."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.execution.counter import Counter, ask, table
from tests.execution.venue import ACCOUNT
from tests.execution.world import World, run
from tests.support.ledgers import START
from tradewright.calendars.registry import calendar
from tradewright.execution.inbox import Inbox
from tradewright.execution.input_checks import LONGEST_TEXT, Basis, checks_of, failures, is_about, own_timeframe
from tradewright.execution.types import SendResult
from tradewright.ledger.check_results import CheckResult
from tradewright.model.bars import BarKind, Timeframe
from tradewright.model.decision import Decision, Verdict
from tradewright.model.intent import Intent
from tradewright.model.order import OrderTerms, Side
from tradewright.model.signal import SignalAction, SignalCandidate

SLOW = Timeframe.M15
"""The timeframe of the strategy; the universe's is one minute."""
READ = (Timeframe.M1, SLOW, Timeframe.D1)
INPUTS = checks_of("trend", "AAPL", READ)
OF_DATA = INPUTS[:-1]
"""All but the look-ahead test, which is bound to code: test_actor breaks it."""
CLOSING = OrderTerms(instrument="AAPL", side=Side.SELL, quantity=Decimal(5))


@pytest.fixture
def counter(world: World, tmp_path: Path) -> Counter:
    made = Counter(world, tmp_path / "store")
    made.stock("AAPL")
    quarters = calendar("XNYS").grid(SLOW, START - timedelta(days=9), START - timedelta(minutes=15))
    made.store.upsert("AAPL", SLOW, BarKind.TRADE, table(quarters, [100.0] * len(quarters)))
    made.feature("AAPL", 0.5)
    made.checked(*INPUTS)
    return made


def entry(counter: Counter, timeframe: Timeframe | None = SLOW) -> Intent:
    signal = SignalCandidate(
        signal_id="sig-1", strategy="trend", instrument="AAPL", candidate_action=SignalAction.BUY, target=1.0,
        confidence=0.9, size_pct=0.01, bar_ts=START - timedelta(minutes=15), timeframe=timeframe, price=Decimal(100),
    )  # fmt: skip
    (made,) = ask(counter, lambda decider: decider.propose([(signal, START)])).intents
    assert isinstance(made, Intent)
    return made


def judged(counter: Counter, intent: Intent) -> Decision:
    (decision,) = ask(counter, lambda decider: decider.decide([intent]))
    assert isinstance(decision, Decision)
    return decision


def sent(counter: Counter) -> tuple[SendResult, ...]:
    async def work() -> Any:
        actor = counter.actor()
        try:
            return await Inbox(counter.ledger, actor, ACCOUNT, counter.clock).send("ann", "test")
        finally:
            await actor.close()

    return tuple(run(work()))


def _fails(counter: Counter, name: str) -> None:
    told = counter.ledger.checks.newest([name])[name].detail
    row = {"code": "BAD_PRINT", "severity": "BLOCK", "message": "close 144 between 120 and 120"}
    assert isinstance(told, dict)
    counter.ledger.checks.record(name, False, {**told, "findings": [row]})


def _is_old(counter: Counter, name: str) -> None:
    """Every other check is made anew an hour later."""
    counter.clock.advance(3601)
    counter.checked(*(each for each in INPUTS if each != name))


def _judged_other_bars(counter: Counter, name: str) -> None:
    _tells(counter, name, fingerprint="of other bars")


def _judged_by_other_rules(counter: Counter, name: str) -> None:
    _tells(counter, name, rules="of other rules")


def _tells(counter: Counter, name: str, **other: str) -> None:
    """The newest result of a check once more, with something else in its detail."""
    told = counter.ledger.checks.newest([name])[name].detail
    assert isinstance(told, dict)
    counter.ledger.checks.record(name, True, {**told, **other})


def _names_no_bars(counter: Counter, name: str) -> None:
    counter.ledger.checks.record(name, True)


FAULTS: list[tuple[Callable[[Counter, str], None], str, str]] = [
    (_fails, "CHECK_FAILED", "(BAD_PRINT: close 144 between 120 and 120)"),
    (_is_old, "CHECK_STALE", "older than 60 minutes: "),
    (_judged_other_bars, "CHECK_OTHER_DATA", "the bars have changed since"),
    (_judged_by_other_rules, "CHECK_OTHER_RULES", "the rules of quality have changed since"),
    (_names_no_bars, "CHECK_OTHER_DATA", "the bars have changed since"),
]


def told(reasons: Any, code: str) -> str:
    """The text of the reason with a code that rejects."""
    (text,) = [row.text for row in reasons if row.code == code and row.verdict is Verdict.REJECT]
    return str(text)


def remedied(text: str) -> bool:
    return text.endswith(("; tradewright trade --once checks again", "; tradewright data findings lists them"))


def test_a_sound_order_passes_and_depends_on_every_input(counter: Counter) -> None:
    made = entry(counter)
    assert own_timeframe(made) is SLOW
    assert own_timeframe(entry(counter, None)) is None
    assert counter.gatherer().request(made).checks == INPUTS
    assert INPUTS == ("bars.AAPL.1m", "bars.AAPL.15m", "bars.AAPL.1d", "features.AAPL", "lookahead.trend")
    assert judged(counter, made).verdict is Verdict.APPROVE
    assert [row.status for row in sent(counter)] == ["SENT"]


@pytest.mark.parametrize("name", OF_DATA)
@pytest.mark.parametrize(("fault", "code", "text"), FAULTS)
def test_the_gate_refuses_an_order_on_a_broken_check_by_its_name(
    counter: Counter, fault: Callable[[Counter, str], None], code: str, text: str, name: str
) -> None:
    made = entry(counter)
    fault(counter, name)
    decision = judged(counter, made)
    assert decision.verdict is Verdict.REJECT
    assert name in told(decision.reasons, code)
    assert text in told(decision.reasons, code)
    assert remedied(told(decision.reasons, code))


@pytest.mark.parametrize("name", OF_DATA)
@pytest.mark.parametrize(("fault", "code", "text"), [each for each in FAULTS if each[0] is not _is_old])
def test_the_sender_refuses_it_too_when_the_check_broke_after_the_approval(
    counter: Counter, fault: Callable[[Counter, str], None], code: str, text: str, name: str
) -> None:
    assert judged(counter, entry(counter)).verdict is Verdict.APPROVE
    fault(counter, name)
    (outcome,) = sent(counter)
    assert outcome.status == "REFUSED"
    assert name in told(outcome.reasons, code)
    assert text in told(outcome.reasons, code)
    assert counter.world.venue.state["placed"] == []


@pytest.mark.parametrize("timeframe", READ)
def test_one_changed_bar_after_the_check_refuses_entries_until_it_is_judged(
    counter: Counter, timeframe: Timeframe
) -> None:
    """An import between check and order: the evidence is about bars that are gone."""
    made, stored = entry(counter), counter.store.read("AAPL", timeframe)
    corrected = stored.iloc[[3]].assign(volume=7.0)
    counter.store.upsert("AAPL", timeframe, BarKind.TRADE, corrected)
    decision = judged(counter, made)
    assert f"bars.AAPL.{timeframe}" in told(decision.reasons, "CHECK_OTHER_DATA")
    counter.checked(*INPUTS)
    counter.clock.advance(60)
    assert judged(counter, made).verdict is Verdict.APPROVE


def test_a_check_that_was_never_made_is_named(counter: Counter) -> None:
    made = entry(counter).model_copy(update={"strategy": "new"})
    text = told(judged(counter, made).reasons, "CHECK_MISSING")
    assert "lookahead.new" in text
    assert remedied(text)


@pytest.mark.parametrize("fault", [fault for fault, _code, _text in FAULTS])
def test_a_holding_can_be_closed_on_bad_data(counter: Counter, fault: Callable[[Counter, str], None]) -> None:
    """An order that only reduces risk is not held back; the finding is listed as waived."""
    counter.world.venue.set(opening={"AAPL": "5"})
    fault(counter, "bars.AAPL.1m")
    made = ask(counter, lambda decider: decider.submit_intent("k1", CLOSING, reduce_only=True))
    assert made.verdict is Verdict.APPROVE
    assert any(row.text.startswith("waived") and "bars.AAPL.1m" in row.text for row in made.reasons)
    assert [row.status for row in sent(counter)] == ["SENT"]


def closes(counter: Counter, terms: OrderTerms) -> Decision:
    """The gate on a person's order that only reduces."""
    return ask(counter, lambda decider: decider.submit_intent(terms.instrument, terms, reduce_only=True))


def flip(path: Path) -> None:
    """Turn one bit of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


@pytest.mark.parametrize(
    ("timeframe", "names"), [(Timeframe.M1, "*.parquet"), (Timeframe.D1, "*.parquet"), (SLOW, "_manifest.json")]
)
def test_damaged_bars_refuse_entries_and_let_holdings_be_closed(
    counter: Counter, timeframe: Timeframe, names: str
) -> None:
    """Nothing is known of bars that cannot be read: that keeps nobody in a holding, in this instrument or another."""
    made = entry(counter)
    counter.world.venue.set(opening={"AAPL": "5", "MSFT": "5"})
    counter.stock("MSFT")
    (path,) = (counter.root / "bars" / "kind=trade" / f"timeframe={timeframe}" / "instrument=AAPL").rglob(names)
    flip(path)
    text = told(judged(counter, made).reasons, "CHECK_FAILED")
    assert f"bars.AAPL.{Timeframe.M1} (NOT_READABLE: {path}: " in text
    assert remedied(text)
    for symbol in ("AAPL", "MSFT"):
        terms = CLOSING.model_copy(update={"instrument": symbol, "quantity": Decimal(2)})
        assert closes(counter, terms).verdict is Verdict.APPROVE
        assert [row.status for row in sent(counter)] == ["SENT"]
        counter.clock.advance(5)
    flattened = ask(counter, lambda decider: decider.flatten("ann", "out of here", "k9"))
    assert [row.verdict for row in flattened] == [Verdict.APPROVE] * 2


def test_damaged_features_refuse_a_strategys_entry_by_name(counter: Counter) -> None:
    made = entry(counter)
    (path,) = (path for path in (counter.root / "artefacts").rglob("*.json") if path.name != "manifest.json")
    flip(path)
    text = told(judged(counter, made).reasons, "CHECK_FAILED")
    assert "features.AAPL (NOT_READABLE: " in text
    assert path.name in text
    counter.world.venue.set(opening={"AAPL": "5"})
    assert closes(counter, CLOSING).verdict is Verdict.APPROVE


def test_a_persons_own_entry_stands_under_the_checks_of_the_bars(counter: Counter) -> None:
    counter.checked("bars.AAPL.1d", passed=False)
    buying = CLOSING.model_copy(update={"side": Side.BUY})
    made = ask(counter, lambda decider: decider.submit_intent("k1", buying))
    assert "bars.AAPL.1d" in told(made.reasons, "CHECK_FAILED")


def test_the_text_of_a_failure_is_short_and_names_what_blocks() -> None:
    rows: list[dict[str, object]] = [
        {"code": "CONTRACT", "severity": "BLOCK", "message": "high below low"},
        {"code": "GAPS", "severity": "WARN", "message": "3 bars are missing"},
    ]
    assert failures(CheckResult("bars.A.1m", False, {"findings": rows}, START)) == "CONTRACT: high below low"
    rows[0] |= {"examples": ["row 3, 2026-11-20", "row 4, 2026-11-20"]}
    text = "CONTRACT: high below low, such as row 3, 2026-11-20"
    assert failures(CheckResult("bars.A.1m", False, {"findings": rows}, START)) == text
    assert failures(CheckResult("features.A", False, {"unknown": ["atr_14"]}, START)) == "without a value: atr_14"
    assert failures(CheckResult("lookahead.a", False, {"findings": ["A, bar 3"]}, START)) == "A, bar 3"
    assert failures(CheckResult("bars.A.1m", False, None, START)) == ""
    assert len(failures(CheckResult("lookahead.a", False, {"findings": ["x" * 999]}, START))) == LONGEST_TEXT


def test_a_pass_without_a_fingerprint_is_about_nothing() -> None:
    assert not is_about(CheckResult("bars.A.1m", True, None, START), Basis())
    assert is_about(CheckResult("bars.A.1m", False, None, START), Basis()), "nothing is stored, and that is what failed"

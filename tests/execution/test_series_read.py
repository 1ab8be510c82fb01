"""An entry depends on every series that its strategy reads; the way out depends on none of them."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests.execution.counter import START, Counter, ask
from tests.execution.test_bad_data import CLOSING, judged, sent, told
from tests.execution.world import World
from tradewright.execution.input_checks import series_read
from tradewright.model.bars import BarKind, Timeframe
from tradewright.model.decision import Verdict
from tradewright.model.intent import Intent
from tradewright.model.signal import SignalAction, SignalCandidate

FURTHER = ("bars.AAPL.1d", "bars.MSFT.1m", "bars.MSFT.1d")
INPUTS = ("bars.AAPL.1m", *FURTHER, "features.AAPL", "lookahead.trend")


@pytest.fixture
def counter(world: World, tmp_path: Path) -> Counter:
    made = Counter(world, tmp_path / "store")
    made.stock("AAPL")
    made.stock("MSFT")
    made.feature("AAPL", 0.5)
    made.checked(*INPUTS)
    return made


def proposed(counter: Counter, series: tuple[str, ...]) -> Intent:
    signal = SignalCandidate(
        signal_id="sig-1", strategy="trend", instrument="AAPL", candidate_action=SignalAction.BUY, target=1.0,
        confidence=0.9, size_pct=0.01, bar_ts=START - timedelta(minutes=1), price=Decimal(100), series=series,
    )  # fmt: skip
    (made,) = ask(counter, lambda decider: decider.propose([(signal, START)])).intents
    assert isinstance(made, Intent)
    return made


def entry(counter: Counter) -> Intent:
    return proposed(counter, ("AAPL 1d", "MSFT 1d", "MSFT 1m"))


def test_an_entry_needs_the_check_of_each_series(counter: Counter) -> None:
    plain = proposed(counter, ())
    assert not {"bars.MSFT.1m", "bars.MSFT.1d"} & set(counter.gatherer().request(plain).checks)
    made = entry(counter)
    assert series_read(made) == (("AAPL", Timeframe.D1), ("MSFT", Timeframe.D1), ("MSFT", Timeframe.M1))
    assert set(counter.gatherer().request(made).checks) == set(INPUTS)
    assert judged(counter, made).verdict is Verdict.APPROVE
    assert [row.status for row in sent(counter)] == ["SENT"]


@pytest.mark.parametrize("name", FURTHER[1:])
def test_an_entry_on_a_series_that_failed_its_check_is_refused_by_gate_and_sender(counter: Counter, name: str) -> None:
    approved = judged(counter, entry(counter))
    assert approved.verdict is Verdict.APPROVE
    row = {"code": "BAD_PRINT", "severity": "BLOCK", "message": "close 144 between 120 and 120"}
    detail = counter.ledger.checks.newest([name])[name].detail
    assert isinstance(detail, dict)
    counter.ledger.checks.record(name, False, {**detail, "findings": [row]})
    (result,) = sent(counter)
    assert name in told(result.reasons, "CHECK_FAILED")


@pytest.mark.parametrize("is_judged", [False, True])
@pytest.mark.parametrize("name", FURTHER[1:])
def test_a_correction_of_the_other_instrument_needs_another_check(counter: Counter, name: str, is_judged: bool) -> None:
    _bars, symbol, timeframe = name.split(".")
    frame = counter.store.read(symbol, Timeframe(timeframe))
    frame.loc[3, "high"] += 1.0
    counter.store.upsert(symbol, Timeframe(timeframe), BarKind.TRADE, frame)
    if is_judged:
        counter.checked(name)
    decision = judged(counter, entry(counter))
    assert decision.verdict is (Verdict.APPROVE if is_judged else Verdict.REJECT)
    assert is_judged or name in told(decision.reasons, "CHECK_OTHER_DATA")


def test_an_instrument_that_is_not_defined_or_not_judged_is_refused(counter: Counter) -> None:
    decision = judged(counter, proposed(counter, ("NONE 1d",)))
    assert decision.verdict is Verdict.REJECT
    assert "bars.NONE.1d" in told(decision.reasons, "CHECK_MISSING")


def test_the_way_out_passes_whatever_the_other_series_is(counter: Counter) -> None:
    """An order of a strategy that only reduces is not held back; the finding is listed as waived."""
    counter.world.venue.set(opening={"AAPL": "5"})
    closing = entry(counter).model_copy(update={"terms": CLOSING, "reduce_only": True, "stop": None})
    counter.ledger.checks.record("bars.MSFT.1m", False, {"findings": []})
    decision = judged(counter, closing)
    assert decision.verdict is Verdict.APPROVE
    assert any(row.text.startswith("waived") and "bars.MSFT.1m" in row.text for row in decision.reasons)

"""Gate and sender on bars of two kinds: only the kind that was judged may be traded on, and exits always pass."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest

from tests.execution.counter import INSTRUMENTS, Counter
from tests.execution.test_bad_data import CLOSING, INPUTS, READ, closes, counter, entry, judged, sent, told
from tradewright.execution.market_state import MarketStateReader
from tradewright.model.bars import BarKind, Timeframe
from tradewright.model.decision import Verdict
from tradewright.store.bars import BarStore

__all__ = ["counter"]
"""The fixture."""


def with_quotes(counter: Counter, spread: float = 2.0) -> None:
    """Store the very bars of the trades as quotes too."""
    for timeframe in READ:
        frame = counter.store.read("AAPL", timeframe, BarKind.TRADE).assign(spread=spread, volume=math.nan)
        counter.store.upsert("AAPL", timeframe, BarKind.QUOTE, frame)


def declaring(counter: Counter, kind: BarKind) -> None:
    """Let every instrument declare a kind from now on."""
    counter.store = BarStore(counter.root, counter.world.clock, kinds=lambda _symbol: kind)


def reader(counter: Counter) -> MarketStateReader:
    return MarketStateReader(counter.store, counter.artefacts, Timeframe.M1, counter.clock)


def test_bars_of_the_other_kind_that_were_not_judged_refuse_entries(counter: Counter) -> None:
    made = entry(counter)
    with_quotes(counter)
    declaring(counter, BarKind.TRADE)
    assert judged(counter, made).verdict is Verdict.APPROVE
    declaring(counter, BarKind.QUOTE)
    counter.clock.advance(60)
    decision = judged(counter, made)
    assert decision.verdict is Verdict.REJECT
    assert "bars.AAPL.1m" in told(decision.reasons, "CHECK_OTHER_DATA")
    counter.checked(*INPUTS)
    counter.clock.advance(60)
    assert judged(counter, made).verdict is Verdict.APPROVE


def test_the_sender_refuses_the_other_kind_after_the_approval(counter: Counter) -> None:
    made = entry(counter)
    assert judged(counter, made).verdict is Verdict.APPROVE
    with_quotes(counter)
    declaring(counter, BarKind.QUOTE)
    (outcome,) = sent(counter)
    assert "bars.AAPL.1m" in told(outcome.reasons, "CHECK_OTHER_DATA")
    assert counter.world.venue.state["placed"] == []


def test_two_kinds_and_no_declaration_refuse_entries_and_let_holdings_be_closed(counter: Counter) -> None:
    made = entry(counter)
    counter.world.venue.set(opening={"AAPL": "5"})
    with_quotes(counter)
    decision = judged(counter, made)
    assert decision.verdict is Verdict.REJECT
    assert "which are read" in told(decision.reasons, "CHECK_FAILED")
    assert "bar_kind: quote" in told(decision.reasons, "CHECK_FAILED")
    assert closes(counter, CLOSING).verdict is Verdict.APPROVE


SPREADS = [(0.0, 1.0), (10.0, 0.9), (60.0, 0.5), (math.nan, None), (-1.0, None)]


@pytest.mark.parametrize(("spread", "liquidity"), SPREADS)
def test_no_spread_is_assumed_for_the_liquidity_of_quotes(
    counter: Counter, spread: float, liquidity: float | None
) -> None:
    """Half of it is that all their closes moved; an assumed spread would say nothing about the market."""
    with_quotes(counter, spread)
    declaring(counter, BarKind.QUOTE)
    found = reader(counter).of(INSTRUMENTS["AAPL"]).liquidity
    assert found == (None if liquidity is None else pytest.approx(Decimal(str(liquidity))))


def test_a_crossed_spread_of_trades_counts_as_unknown(counter: Counter) -> None:
    usual = reader(counter).of(INSTRUMENTS["AAPL"])
    crossed = counter.store.read("AAPL", Timeframe.M1).iloc[[-1]].assign(spread=-30.0)
    counter.store.upsert("AAPL", Timeframe.M1, BarKind.TRADE, crossed)
    assert reader(counter).of(INSTRUMENTS["AAPL"]).liquidity == usual.liquidity, (
        "the instrument's own spread is 1 basis point, as the bars' was"
    )


@pytest.mark.parametrize(("spread", "refused"), [(29.0, False), (31.0, True)])
def test_a_wide_spread_keeps_entries_back_and_lets_holdings_be_closed(
    counter: Counter, spread: float, refused: bool
) -> None:
    """At usual volumes the least liquidity of 0.7 is a spread of 30 basis points."""
    made = entry(counter)
    counter.world.venue.set(opening={"AAPL": "5"})
    newest = counter.store.read("AAPL", Timeframe.M1).iloc[[-1]].assign(spread=spread)
    counter.store.upsert("AAPL", Timeframe.M1, BarKind.TRADE, newest)
    found = {reason.code for reason in judged(counter, made).reasons}
    assert ("ILLIQUID" in found) is refused
    assert closes(counter, CLOSING).verdict is Verdict.APPROVE

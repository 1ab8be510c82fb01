"""R-RISK-30: a wide spread keeps entries back, at the gate and again at the sender; exits always pass."""

from __future__ import annotations

import math
from datetime import timedelta
from decimal import Decimal

import pytest

from tests.execution.counter import INSTRUMENTS, Counter, PricedBroker
from tests.execution.test_bad_data import counter, entry, judged, sent, told
from tests.support.ledgers import START
from tradewright.execution.market_context import newest_spread
from tradewright.execution.market_state import MarketStateReader
from tradewright.model.bars import BarKind, Timeframe
from tradewright.model.broker import Quote
from tradewright.model.decision import Verdict
from tradewright.model.mode import Stage
from tradewright.model.order import Side
from tradewright.policy.gate import decide

__all__ = ["counter"]
"""The fixture."""


def sides(bid: str | None, ask: str | None, after: int = 0) -> Quote:
    """A quote of AAPL, so many seconds after the newest bar closed."""
    given = {side: None if price is None else Decimal(price) for side, price in (("bid", bid), ("ask", ask))}
    return Quote.at(START + timedelta(seconds=after), "AAPL", last=Decimal(100), **given)


@pytest.mark.parametrize(
    ("quote", "of_bar", "spread"),
    [
        (None, 7.0, 7),
        (None, math.nan, None),
        (None, -1.0, None),
        (sides("99.5", "100.5", 5), 7.0, 100),
        (sides("99.995", "100.005", 5), 700.0, 1),
        (sides("99.5", None, 5), 7.0, None),
        (sides("100.5", "99.5", 5), 7.0, None),
        (sides(None, None, 5), 7.0, None),
        (sides("0", "0", 5), 7.0, None),
        (sides("99.5", "100.5", -5), 7.0, 7),
        (sides("99.5", "100.5", -5), math.nan, None),
        (sides("99.995", "100.005"), 7.0, 7),
        (sides("99.95", "100.05"), 7.0, 10),
        (sides("99.95", "100.05"), math.nan, 10),
        (Quote(instrument="AAPL", bid=Decimal(99), ask=Decimal(101), bid_time=START), 7.0, 7),
    ],
    ids=repr,
)
def test_the_spread_is_of_whatever_is_newest(
    counter: Counter, quote: Quote | None, of_bar: float, spread: float | None
) -> None:
    newest = counter.store.read("AAPL", Timeframe.M1).iloc[[-1]].assign(spread=of_bar)
    counter.store.upsert("AAPL", Timeframe.M1, BarKind.TRADE, newest)
    facts = MarketStateReader(counter.store, counter.artefacts, Timeframe.M1, counter.clock).of(INSTRUMENTS["AAPL"])
    assert newest_spread(quote, facts) == spread


@pytest.mark.parametrize("stage", [Stage.PAPER, Stage.SANDBOX])
def test_spread_stress_keeps_entries_back_and_lets_holdings_be_closed(counter: Counter, stage: Stage) -> None:
    """R-RISK-30: above 50 basis points, or at a stage with real consequences one that is not known."""
    counter.clock.advance(10)
    calm, wide, one_sided = sides("99.75", "100.25", 10), sides("99.7", "100.3", 10), sides(None, "100", 10)
    expected = {Stage.PAPER: "SPREAD_NOT_WATCHED", Stage.SANDBOX: "SPREAD_UNKNOWN"}[stage]
    for quote, code in ((calm, ""), (wide, "SPREAD_STRESS"), (one_sided, expected)):
        view = counter.view({"AAPL": 5}, [quote])
        bought = counter.world.proposer.intent(instrument="AAPL", stop=Decimal(99))
        entered = decide(bought, counter.snapshot(view, stage=stage), counter.limits)
        assert {reason.code for reason in entered.reasons if "SPREAD" in reason.code} == ({code} if code else set())
        assert entered.market is not None
        assert ("60.0 bps" in entered.market.text) is (quote is wide)
        sold = counter.world.proposer.intent(instrument="AAPL", side=Side.SELL, quantity=5, reduce_only=True)
        snapshot = counter.snapshot(view, side=Side.SELL, stage=stage)
        left = decide(sold, snapshot, counter.limits)
        assert left.verdict is Verdict.APPROVE
        stopped = {reason.code for reason in entered.reasons if reason.verdict is Verdict.REJECT}
        assert (code in stopped) is (code in ("SPREAD_STRESS", "SPREAD_UNKNOWN"))


def test_the_sender_looks_at_the_spread_again(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    assert judged(counter, entry(counter)).verdict is Verdict.APPROVE
    counter.clock.advance(5)

    async def wide(_venue: PricedBroker, instrument: str) -> Quote:
        return Quote.at(counter.clock.now(), instrument, bid=Decimal("99.7"), ask=Decimal("100.3"))

    monkeypatch.setattr(PricedBroker, "quote", wide)
    (outcome,) = sent(counter)
    assert told(outcome.reasons, "SPREAD_STRESS") == "the newest spread of 60 basis points is above 50"
    assert counter.world.venue.state["placed"] == []

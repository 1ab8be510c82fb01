"""What a correction touched: research by the revision that it read, and every intent that may have been made on it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.support.ledgers import START, Proposer, new_url
from tradewright.ledger.ledger import Ledger
from tradewright.model.bars import BarKind, Timeframe
from tradewright.model.clock import ManualClock
from tradewright.oversight.impact import impact_of
from tradewright.store.arrivals import nanoseconds
from tradewright.store.dataset import Part, Revision
from tradewright.store.series import Series
from tradewright.store.uses import Use, UsedSeries, UseKind

AAPL = Series("AAPL", Timeframe.D1, BarKind.TRADE)
HOLDER = "counter"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def ledger(tmp_path: Path, clock: ManualClock) -> Iterator[Ledger]:
    with Ledger.create(new_url("sqlite", tmp_path), clock) as opened:
        yield opened


def revision(recorded: datetime, first: datetime = START, last: datetime | None = None, number: int = 2) -> Revision:
    ends = {"first": nanoseconds(first), "last": nanoseconds(last or first)}
    part = Part(file="x", rows=2, sha256="0" * 64, **ends)
    return Revision(number=number, recorded_at=recorded, source="b.csv", replaced=part)


def use(revision: int, first: datetime, last: datetime, series: Series = AAPL) -> Use:
    read = UsedSeries(
        instrument=series.instrument, timeframe=series.timeframe, kind=series.kind, revision=revision,
        first=nanoseconds(first), last=nanoseconds(last),
    )  # fmt: skip
    detail = {"parameters": "fast=5", "config_hash": "c" * 64}
    return Use(kind=UseKind.BACKTEST, name="macd", detail=detail, series=(read,), begun=START, at=START)


DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("used", "touches"),
    [
        (use(1, START - DAY, START + DAY), True),
        (use(0, START - DAY, START), True),
        (use(1, START + DAY, START + 3 * DAY), True),
        (use(2, START - DAY, START + DAY), False),
        (use(1, START - DAY, START - timedelta(microseconds=1)), False),
        (use(1, START + 2 * DAY, START + 3 * DAY), False),
        (use(1, START, START, AAPL._replace(instrument="MSFT")), False),
        (use(1, START, START, AAPL._replace(timeframe=Timeframe.H1)), False),
        (use(1, START, START, AAPL._replace(kind=BarKind.QUOTE)), False),
    ],
)
def test_research_counts_by_revision_series_and_time(ledger: Ledger, used: Use, touches: bool) -> None:
    found = impact_of(AAPL, revision(START + 9 * DAY, START, START + DAY), [used], ledger)
    told = [("backtest", "macd", START, "parameters fast=5, config_hash cccccccccccc")] if touches else []
    assert [(row.kind, row.name, row.at, row.detail) for row in found.touched] == told


def test_an_intent_counts_from_the_first_changed_bar_up_to_the_revision(ledger: Ledger, clock: ManualClock) -> None:
    """With its decisions of before, and its orders, whenever they went out; the bounds are met to the microsecond."""
    order = Proposer(ledger, clock, "SIM").order()
    decided = clock.now()
    clock.advance(60)
    assert ledger.leases.acquire("SIM", HOLDER, 60)
    claimed = ledger.claims.claim(order.decision_id, order.payload_hash, HOLDER)
    assert claimed is not None

    def kinds(recorded: datetime, first: datetime = START, series: Series = AAPL) -> list[str]:
        return [row.kind for row in impact_of(series, revision(recorded, first), [], ledger).touched]

    moment = timedelta(microseconds=1)
    assert kinds(decided + moment) == ["intent", "decision", "order"]
    assert kinds(decided) == [], "it was made on the corrected bars"
    assert kinds(clock.now(), first=decided) == ["intent", "decision", "order"]
    assert kinds(clock.now(), first=decided + moment) == [], "it knew none of these bars"
    assert kinds(clock.now(), series=AAPL._replace(instrument="MSFT")) == []
    (intent, decision, sent) = impact_of(AAPL, revision(clock.now()), [], ledger).touched
    assert (intent.name, decision.name, sent.name) == (claimed.intent_id, order.decision_id, claimed.ref)
    assert "BUY 10 AAPL" in intent.detail
    assert (decision.detail, sent.detail, sent.at) == ("APPROVE", "CLAIMED", None)


def test_a_decision_after_the_revision_is_not_of_the_old_values(ledger: Ledger, clock: ManualClock) -> None:
    proposer = Proposer(ledger, clock, "SIM")
    intent = proposer.intent()
    clock.advance(60)
    recorded = clock.now()
    clock.advance(60)
    proposer.decide(intent)
    assert [row.kind for row in impact_of(AAPL, revision(recorded), [], ledger).touched] == ["intent"]


def test_a_revision_is_told_in_a_line_with_the_moment_before_it(ledger: Ledger) -> None:
    found = impact_of(AAPL, revision(START + DAY), [], ledger)
    assert found.text == (
        "AAPL 1d trade revision 2: 2 corrected, 2026-11-20 15:00 to 2026-11-20 15:00, "
        "recorded 2026-11-21 15:00:00 UTC, by b.csv"
    )
    assert found.known_before == START + DAY - timedelta(microseconds=1)
    assert found.touched == ()

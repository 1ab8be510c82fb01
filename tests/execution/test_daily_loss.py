"""The daily circuit breaker: a loss that reached a limit stops entries until the next session, come what may (C-13)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.execution.counter import Counter, money
from tests.execution.test_actor import asked, codes, decided, intent, sent
from tests.execution.venue import ACCOUNT
from tests.execution.world import World
from tests.policy.make import a_snapshot, an_intent, holding, limits
from tests.support.extent import runs
from tests.support.forger import forge
from tests.support.ledgers import START
from tradewright.execution.daily_loss import daily_loss, day_start, next_day_start, watch_losses
from tradewright.execution.health import AccountCode, problems
from tradewright.ledger.errors import LedgerTampered
from tradewright.ledger.ledger import Ledger
from tradewright.model.clock import ManualClock
from tradewright.model.decision import Verdict
from tradewright.model.mode import Mode
from tradewright.model.topic import Topic
from tradewright.policy.gate import decide

CAPPED = limits({"max_daily_loss": 2_000})


@pytest.fixture
def trader(world: World, tmp_path: Path) -> Counter:
    made = Counter(world, tmp_path / "store")
    made.ready()
    return made


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    """A ledger in which each example has days of its own."""
    url = f"sqlite:///{tmp_path_factory.mktemp('breaker') / 'ledger.sqlite3'}"
    with Ledger.create(url, ManualClock(START)) as ledger:
        yield ledger


def stands_at(trader: Counter, equity: int) -> None:
    """The venue tells an equity, and the account is compared with it."""
    trader.money = money(equity)
    asked(trader, lambda inbox: inbox.reconcile("ann", "test"))


def test_a_loss_that_recovers_stops_entries_until_the_next_session(trader: Counter) -> None:
    for equity in (100_000, 97_000, 100_000):
        stands_at(trader, equity)
    (refused,) = decided(trader, intent(trader))
    assert refused.verdict is Verdict.REJECT
    (reason,) = (reason for reason in refused.reasons if reason.code == "BREAKER_TRIPPED")
    assert "max_daily_drawdown: a loss of 0.03 reached 0.03 at 2026-" in reason.text
    assert "DAILY_DRAWDOWN" not in codes(refused.reasons), "the loss itself is gone"
    trader.clock._now = next_day_start(trader.clock.now(), "UTC")
    (judged,) = decided(trader, intent(trader, signal_id="sig-2"))
    assert "BREAKER_TRIPPED" not in codes(judged.reasons)


def test_an_order_that_was_approved_before_the_trip_is_not_sent(trader: Counter) -> None:
    stands_at(trader, 100_000)
    (made,) = decided(trader, intent(trader))
    assert made.verdict is Verdict.APPROVE
    trader.money = money(96_000)  # seen first by the check before the send
    (result,) = sent(trader)
    assert {"DAILY_DRAWDOWN", "BREAKER_TRIPPED"} <= codes(result.reasons)
    assert [trip.limit for trip in trader.ledger.breaker.present(ACCOUNT, trader.clock.now())] == ["max_daily_drawdown"]


def test_the_list_of_what_is_not_well_tells_it(trader: Counter) -> None:
    trader.limits = trader.limits.model_copy(update={"max_daily_loss": Decimal(50)})
    stands_at(trader, 100_000)
    stands_at(trader, 99_950)
    stands_at(trader, 100_000)
    (problem,) = problems(trader.ledger, ACCOUNT)
    assert (problem.code, problem.needs_person) == (AccountCode.BREAKER_TRIPPED, False)
    assert problem.text.startswith("max_daily_loss: a loss of 50 reached 50 at ")
    assert "flatten" in problem.remedy
    trader.clock._now = next_day_start(trader.clock.now(), "UTC")
    assert AccountCode.BREAKER_TRIPPED not in {row.code for row in problems(trader.ledger, ACCOUNT)}


def test_a_trip_belongs_to_its_mode_and_account_and_cannot_be_edited(trader: Counter) -> None:
    stands_at(trader, 100_000)
    stands_at(trader, 90_000)
    now = trader.clock.now()
    assert trader.ledger.breaker.present("other", now) == ()
    other = Mode.LIVE if trader.mode is not Mode.LIVE else Mode.PAPER
    with Ledger.open(trader.world.url, trader.clock, mode=other) as ledger:
        assert ledger.breaker.present(ACCOUNT, now) == ()
    forge(trader.world.url, f"UPDATE events SET payload = REPLACE(payload, '2026', '2025') "
                            f"WHERE topic = '{Topic.BREAKER_TRIPPED}'")  # fmt: skip
    with pytest.raises(LedgerTampered):
        trader.ledger.breaker.present(ACCOUNT, now)


def test_each_limit_trips_once_a_day(trader: Counter) -> None:
    for equity in (100_000, 96_000, 95_000, 100_000, 90_000):
        stands_at(trader, equity)
    trips = trader.ledger.events.after(0, (Topic.BREAKER_TRIPPED,))
    assert [event.payload["limit"] for event in trips] == ["max_daily_drawdown"]
    assert trips[0].actor == "program"


@settings(max_examples=runs(20, 60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(90_000, 101_000), min_size=1, max_size=6), st.integers(0, 23))
@example([97_000, 100_000], 0)
@example([98_000, 101_000], 23)
@example([97_001, 98_001], 1)
def test_once_reached_no_entry_passes_before_midnight_and_every_exit_does(
    kept: Ledger, equities: list[int], hour: int
) -> None:
    """The law, over any path of the equity: 3 % from the day's top, or 2,000 USD since last night."""
    clock = kept.clock
    assert isinstance(clock, ManualClock)
    clock._now = day_start(clock.now(), "UTC") + timedelta(days=6, hours=hour)
    start = top = 100_000
    kept.equity.mark(ACCOUNT, Decimal(start), Decimal(0))
    reached = False
    for equity in equities:
        clock.advance(60)
        kept.equity.mark(ACCOUNT, Decimal(equity), Decimal(0))
        watch_losses(kept, money(equity), CAPPED, "UTC", Decimal(1))
        top = max(top, equity)
        reached = reached or start - equity >= 2_000 or Decimal(top - equity) / top >= Decimal("0.03")
        seen = {"broker.breaker": "; ".join(trip.text for trip in kept.breaker.present(ACCOUNT, clock.now()))}
        entry = decide(an_intent(), a_snapshot(seen), CAPPED)
        assert (entry.verdict is Verdict.REJECT) is reached
        exit_ = an_intent({"terms.side": "SELL", "reduce_only": True})
        assert decide(exit_, holding(50, seen), CAPPED).verdict is Verdict.APPROVE
    assert bool(kept.breaker.present(ACCOUNT, next_day_start(clock.now(), "UTC") - timedelta(seconds=1))) is reached
    assert not kept.breaker.present(ACCOUNT, next_day_start(clock.now(), "UTC"))


@pytest.mark.parametrize("tz", ["UTC", "America/New_York", "Asia/Jerusalem", "Pacific/Kiritimati"])
def test_the_next_session_begins_where_the_next_day_does(tz: str) -> None:
    for hours in range(0, 24 * 366, 7):
        now = START + timedelta(hours=hours)
        ends = next_day_start(now, tz)
        assert day_start(now, tz) <= now < ends
        assert day_start(ends, tz) == ends
        assert timedelta(hours=22) < ends - day_start(now, tz) < timedelta(hours=26)


def test_a_day_to_come_is_none_of_the_present_one(kept: Ledger) -> None:
    """A clock that was a year ahead for a moment must not stop an account for a year, nor set the peak of its days."""
    clock, account = kept.clock, "ahead"
    assert isinstance(clock, ManualClock)
    now = day_start(clock.now(), "UTC") + timedelta(days=30, hours=12)
    try:
        clock._now = now + timedelta(days=365)
        for equity in (200_000, 90_000):
            kept.equity.mark(account, Decimal(equity), Decimal(0))
            watch_losses(kept, money(equity).model_copy(update={"account": account}), CAPPED, "UTC", Decimal(1))
        assert kept.breaker.present(account, clock.now())
        clock._now = now
        assert daily_loss(kept, account, Decimal(90_000), "UTC") == (0, 0)
        assert kept.breaker.present(account, now) == ()
        clock._now = now + timedelta(days=365) - timedelta(hours=1)
        assert kept.breaker.present(account, clock.now()), "set back within its day, the trip holds"
    finally:
        clock._now = now

"""The simulated account trades for days without a hand: a holiday, a half day, a weekend, and a day of missed ticks."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from runtime import bar_suite
from runtime.container import Container
from tests.assets.days import Days, without_quality_extra
from tests.support.houses import conf_copy
from tradewright.calendars.registry import calendar
from tradewright.ledger.backup import audited
from tradewright.model.bars import Timeframe
from tradewright.model.clock import ManualClock
from tradewright.model.order import AttemptState

TIMES = ("00:01", "04:31", "14:31", "21:02")
"""After midnight UTC (BTC's close), after 23:30 in New York, after the open, after the close there."""
END = datetime(2026, 12, 1, 4, 40, tzinfo=UTC)
OVERRIDES = (
    "universe.instruments=[BTC,AAPL]", "universe.timeframe=1d", "universe.base_timeframe=1d",
    "feed.end=null", "feed.days_1d=300", "schedules=on", "schedules.doctor.enabled=false", "schedules.backup.keep=3",
    "execution.settle=0.05", "execution.absence=0.3", "execution.poll=0.2",
)  # fmt: skip


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Days, Counter[str]]]:
    """From the Wednesday before Thanksgiving to the Tuesday after; then nobody looks for a day and a half.

    Yields:
        The days, and how often each job ran before the pause.
    """
    folder = tmp_path_factory.mktemp("days")
    conf = conf_copy(folder, ["sma_crossover"])
    path = conf / "strategy" / "sma_crossover.yaml"
    path.write_text(path.read_text().replace("fast: 10", "fast: 1").replace("slow: 30", "slow: 3"))
    clock = ManualClock(datetime(2026, 11, 25, 13, 0, tzinfo=UTC))
    (folder / "home").mkdir()
    (folder / "home" / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    with pytest.MonkeyPatch.context() as patch, dg.DagsterInstance.ephemeral() as instance:
        patch.setenv("TRADEWRIGHT_CONF", str(conf))
        patch.setattr("runtime.container.SystemClock", lambda: clock)
        patch.setattr(bar_suite, "run_suite", without_quality_extra)
        with dg.DagsterInstance.local_temp(str(folder / "home")) as home:
            days = Days((f"storage.root={folder / 'data'}", *OVERRIDES), clock, home, instance)
            days.round()
            days.until(END, TIMES)
            before = Counter(days.runs)
            clock.advance((datetime(2026, 12, 2, 14, 31, tzinfo=UTC) - clock.now()).total_seconds())
            days.round()
            days.round()
            yield days, before


@pytest.mark.slow
def test_no_run_is_red_and_none_is_in_vain(lived: tuple[Days, Counter[str]]) -> None:
    days, before = lived
    assert days.failed == []
    assert days.tick("refresh_bars") == []
    assert days.skipped["refresh_bars"] == "no bar has closed since the last refresh"
    assert days.skipped["new_bars"] == "no strategy has bars that its signals have not seen"
    assert "AAPL: the bar of 2026-12-01 14:30 UTC was decided on" in days.skipped["new_signals"]
    assert before["end_of_day"] == before["prune"] == before["backup"] == 7, "at once, then on each of six days"
    assert before["reconcile"] >= 6


@pytest.mark.slow
def test_bars_are_refreshed_to_the_newest_that_has_closed(lived: tuple[Days, Counter[str]]) -> None:
    days, _before = lived
    with Container(days.settings) as house:
        for symbol in ("BTC", "AAPL"):
            covered = house.bar_store.coverage(symbol, Timeframe.D1)
            market = calendar(house.instrument(symbol).calendar)
            assert covered is not None
            assert covered.last.value == market.newest_closed(Timeframe.D1, days.clock.now())
            expected = market.grid(Timeframe.D1, covered.first, covered.last)
            assert covered.rows == len(expected), "no gap, and none twice"


@pytest.mark.slow
def test_each_bar_is_decided_on_once_and_stale_ones_never(lived: tuple[Days, Counter[str]]) -> None:
    days, _before = lived
    assert len(set(days.decided)) == len(days.decided)
    found: dict[str, list[str]] = {"BTC": [], "AAPL": []}
    for _name, symbol, bar in days.decided:
        found[symbol].append(f"{pd.Timestamp(bar, tz='UTC'):%m-%d}")
    assert found == {
        "BTC": ["11-24", "11-25", "11-26", "11-27", "11-28", "11-29", "11-30", "12-01"],
        "AAPL": ["11-24", "11-25", "11-27", "12-01"],  # no session on the 26th; nobody looked while the 30th's was new
    }


@pytest.mark.slow
def test_orders_are_sent_and_filled_once_and_the_chain_holds(lived: tuple[Days, Counter[str]]) -> None:
    days, _before = lived
    with Container(days.settings) as house:
        ledger = house.ledger
        attempts = ledger.attempts.all()
        assert {row.state for row in attempts} == {AttemptState.FILLED}
        assert len({row.intent_id for row in attempts}) == len(attempts) >= 3
        assert {row.instrument for row in attempts} == {"BTC", "AAPL"}
        assert sum(row.quantity for row in ledger.executions.all()) == sum(row.quantity for row in attempts)
        last = ledger.broker_journal.last_reconciliation("SIM")
        assert last is not None
        assert last.clean
        assert all(row.quantity >= Decimal(0) for row in ledger.executions.positions("SIM"))
        assert ledger.audit.verify_chain() > 0
        kept = sorted(house.backups.glob("ledger-*.sqlite3"))
        assert len(kept) == 3
        assert kept[-1].name.startswith("ledger-20261202T143")
        assert [audited(path, days.clock) > 0 for path in kept] == [True] * 3


@pytest.mark.slow
def test_missed_ticks_are_made_up_once(lived: tuple[Days, Counter[str]]) -> None:
    """Two closes of BTC, one session of AAPL and one night were missed: each job runs once, for the newest."""
    days, before = lived
    assert days.runs - before == Counter(
        dict.fromkeys(("refresh_bars", "signals", "desk", "end_of_day", "prune", "backup"), 1)
        | {"send_orders": (days.runs - before)["send_orders"]}
    )


@pytest.mark.slow
def test_a_job_that_is_off_can_be_started_by_hand_and_one_that_was_switched_off_stops(
    lived: tuple[Days, Counter[str]],
) -> None:
    days, before = lived
    assert before["doctor"] == 0
    assert len(days.tick("doctor")) == 1
    assert days.failed == []
    path = Path(os.environ["TRADEWRIGHT_CONF"]) / "schedules" / "on.yaml"
    path.write_text(path.read_text().replace("prune: {enabled: true", "prune: {enabled: false"))
    days.clock.advance(86_400)
    assert days.tick("prune") == []
    assert days.skipped["prune"] == "it was switched off in conf/schedules"

"""The report of a day: what counts in it, and what of the days around it does not."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from assets.execution.daily_report import make_daily_report
from conf.compose import compose
from conf.schema.settings import Settings
from runtime.container import Container
from runtime.daily_report import daily_report, write_daily_report
from tests.support.ledgers import Proposer
from tradewright.model.broker import Fill
from tradewright.model.clock import ManualClock
from tradewright.model.decision import Verdict
from tradewright.model.errors import ConfigError
from tradewright.model.order import Side

BEFORE = datetime(2026, 11, 19, 20, 0, tzinfo=UTC)
DAY = date(2026, 11, 20)


def fill(number: int, moment: datetime, account: str, side: Side = Side.BUY) -> Fill:
    return Fill(
        exec_id=f"e{number}.01", ref="", perm_id=9, instrument="AAPL", side=side, quantity=Decimal(10),
        price=Decimal("100.5"), time=moment, account=account,
    )  # fmt: skip


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> ManualClock:
    made = ManualClock(BEFORE)
    monkeypatch.setattr(Container, "clock", made)
    return made


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return compose([f"storage.root={tmp_path}", "broker.account=SIM", "base.tz=UTC"])


def a_day(settings: Settings, clock: ManualClock) -> None:
    """Marks, fills and decisions of the evening before, of the day, and of the day after it."""
    with Container(settings) as house:
        ledger = house.ledger
        own, other = Proposer(ledger, clock, "SIM"), Proposer(ledger, clock, "OTHER")
        for number, (hours, equity) in enumerate(((0, 100_000), (18, 100_400), (20, 100_100), (30, 90_000))):
            clock.advance((BEFORE + timedelta(hours=hours) - clock.now()).total_seconds())
            ledger.equity.mark("SIM", Decimal(equity), Decimal(50_000))
            ledger.executions.record(fill(number, clock.now(), "SIM"), None)
            own.decide(own.intent())
            own.decide(own.intent(), Verdict.REJECT)
            other.decide(other.intent())
        ledger.executions.record_fee("e1.01", Decimal("1.25"), "USD")
        ledger.executions.record_fee("e2.01", Decimal("0.75"), "USD")


def test_a_day_is_told_from_its_own_rows_alone(settings: Settings, clock: ManualClock) -> None:
    a_day(settings, clock)
    with Container(settings) as house:
        house.artefacts.write_json(
            ("evaluation", "buy_and_hold"), {"total_return": 0.1, "sharpe": 1.5, "max_drawdown": -0.2, "trades": 3}
        )
        told = daily_report(house, DAY)
        path = write_daily_report(house, told)
    assert (told.equity_before, told.equity, told.change) == ("100000", "100100", "100")
    assert told.drawdown == pytest.approx(100_100 / 100_400 - 1)
    assert [each.time for each in told.fills] == ["2026-11-20T14:00:00+00:00", "2026-11-20T16:00:00+00:00"]
    assert (told.decisions, told.reasons) == ({"APPROVE": 2, "REJECT": 2}, {"LOW_CONFIDENCE": 2})
    assert told.fees == {"USD": "2"}
    assert told.until == "2026-11-21T00:00:00+00:00"
    assert told.not_well == [], "the day is over: what is wrong now is not of it"
    assert told.backtests == {"buy_and_hold": {"total_return": 0.1, "sharpe": 1.5, "max_drawdown": -0.2, "trades": 3}}
    assert path == house.root / "reports" / "daily" / "2026-11-20-sim-SIM.md"
    assert json.loads(path.with_suffix(".json").read_text())["change"] == "100"
    assert path.read_text() == GOLDEN


GOLDEN = """# 2026-11-20: account SIM, mode sim

Until 2026-11-21T00:00:00+00:00.

Equity 100100, before the day 100000
Change 100; -0.30% from the day's highest.

## Decisions

- APPROVE: 2
- REJECT: 2
- LOW_CONFIDENCE, 2 times

## Fills

- 2026-11-20T14:00:00+00:00 BUY 10 AAPL at 100.5, fee 1.25 USD
- 2026-11-20T16:00:00+00:00 BUY 10 AAPL at 100.5, fee 0.75 USD
- fees in USD: 2

## Not well


## Newest backtests

- buy_and_hold: total_return 0.1, sharpe 1.5, max_drawdown -0.2, trades 3
"""


def test_the_day_is_that_of_the_time_zone(settings: Settings, clock: ManualClock) -> None:
    a_day(settings, clock)
    east = settings.model_copy(update={"base": settings.base.model_copy(update={"tz": "Asia/Tokyo"})})
    with Container(east) as house:
        told = daily_report(house, DAY)
    assert (told.equity_before, told.equity) == ("", "100400"), "from 15:00 to 15:00 UTC"
    assert len(told.fills) == 2


@pytest.mark.usefixtures("clock")
def test_today_tells_what_is_not_well_and_a_day_without_rows_is_empty(settings: Settings) -> None:
    made = make_daily_report(settings)
    (check,) = made.check_results or ()
    assert not check.passed, "never compared with the venue"
    with Container(settings) as house:
        told = daily_report(house, DAY - timedelta(days=300))
    assert (told.equity, told.change, told.fills, told.decisions, told.not_well) == ("", "", [], {}, [])


def test_a_day_that_is_none_is_refused(settings: Settings) -> None:
    with pytest.raises(ConfigError, match="'yesterday' is no day"):
        make_daily_report(settings, "yesterday")

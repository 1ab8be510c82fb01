"""The intake of live bars: holes are asked of history, once where it answers and again where it does not."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from tests.support.feeds_under_test import same
from tests.support.histories import COIN, NOON, market
from tradewright.live.intake import Intake
from tradewright.model.bars import BarKind, Timeframe
from tradewright.model.clock import ManualClock
from tradewright.model.errors import DataError
from tradewright.model.instrument import Instrument
from tradewright.model.live import LinkLost, LiveBar
from tradewright.store.bars import BarStore

M1 = Timeframe.M1
KNOWN = market(COIN, M1).tables[M1].tail(20).reset_index(drop=True)


class History:
    """A feed that tells a table, or why it cannot."""

    name = "vendor"

    def __init__(self) -> None:
        self.table, self.problem = KNOWN, None
        self.asked: list[tuple[pd.Timestamp | None, pd.Timestamp | None]] = []

    def kind_of(self, _instrument: Instrument) -> BarKind:
        return BarKind.TRADE

    def span(self, _instrument: Instrument, _timeframe: Timeframe) -> timedelta:
        return timedelta(days=1)

    def fetch(
        self, _of: Instrument, _tf: Timeframe, after: pd.Timestamp | None, until: pd.Timestamp | None = None
    ) -> pd.DataFrame:
        self.asked.append((after, until))
        if self.problem is not None:
            raise self.problem
        first = self.table["ts"] > after if after is not None else self.table["ts"] == self.table["ts"]
        return self.table[first & (self.table["ts"] <= until) if until is not None else first]


class Desk:
    def __init__(self, folder: Path, stored: int) -> None:
        self.clock, self.history, self.lines = ManualClock(NOON), History(), list[str]()
        self.store = BarStore(folder)
        if stored:
            self.store.upsert("BTC", M1, BarKind.TRADE, KNOWN.head(stored), source="vendor")
        self.intake = Intake(self.store, self.history, {"BTC": COIN}, M1, self.clock, self.lines.append)
        self.history.table = KNOWN.head(stored)
        self.intake.catch_up("BTC")
        self.history.table = KNOWN
        self.history.asked.clear()

    def bar(self, at: int) -> bool:
        row = KNOWN.iloc[at]
        values = (row.open, row.high, row.low, row.close, row.volume)
        return self.intake.bar(LiveBar("BTC", row.ts.value, *values, float("nan")))

    @property
    def found(self) -> pd.DataFrame:
        return self.store.read("BTC", M1)


def test_a_bar_that_follows_the_newest_one_asks_nobody(tmp_path: Path) -> None:
    desk = Desk(tmp_path, 10)
    assert desk.bar(10)
    assert desk.bar(11)
    assert not desk.bar(11), "a double changes nothing"
    assert not desk.bar(5), "nor does an old one"
    assert desk.history.asked == []
    same(desk.found, KNOWN.head(12))


def test_bars_between_are_asked_of_history_and_no_others(tmp_path: Path) -> None:
    desk = Desk(tmp_path, 10)
    desk.bar(14)
    ((after, until),) = desk.history.asked
    assert (after, until) == (KNOWN["ts"][9], KNOWN["ts"][14] - pd.Timedelta(1))
    same(desk.found, KNOWN.head(15))
    desk.bar(15)
    assert len(desk.history.asked) == 1


def test_a_minute_that_history_does_not_have_either_is_asked_for_once(tmp_path: Path) -> None:
    desk = Desk(tmp_path, 10)
    desk.history.table = KNOWN.drop(index=[10, 11])
    desk.bar(12)
    desk.bar(13)
    assert len(desk.history.asked) == 1
    same(desk.found, KNOWN.head(14).drop(index=[10, 11]))


def test_while_history_does_not_answer_bars_are_stored_and_it_is_asked_later(tmp_path: Path) -> None:
    desk = Desk(tmp_path, 10)
    desk.history.problem = LinkLost("it is away")
    desk.bar(12)
    desk.bar(13)
    assert len(desk.history.asked) == 1, "not again at once"
    desk.clock.advance(7)
    desk.history.problem = None
    desk.bar(14)
    assert len(desk.history.asked) == 2
    same(desk.found, KNOWN.head(15))
    assert sum("does not answer" in line for line in desk.lines) == 1


def test_a_hole_of_the_last_day_is_asked_for_when_a_link_is_made(tmp_path: Path) -> None:
    desk = Desk(tmp_path, 10)
    desk.history.problem = LinkLost("it is away")
    desk.bar(12)
    again = Intake(desk.store, desk.history, {"BTC": COIN}, M1, desk.clock, desk.lines.append)
    desk.history.problem = None
    assert again.catch_up("BTC")
    assert desk.history.asked[-1] == (KNOWN["ts"][9], None)
    same(desk.found, KNOWN)


def test_a_refusal_for_good_ends_it_at_the_first_question_alone(tmp_path: Path) -> None:
    desk = Desk(tmp_path, 10)
    desk.history.problem = DataError("knows no BTC")
    assert not desk.intake.catch_up("BTC"), "told, and asked again later"
    with pytest.raises(DataError, match="knows no BTC"):
        Intake(desk.store, desk.history, {"BTC": COIN}, M1, desk.clock, desk.lines.append).catch_up("BTC")


def test_a_correction_of_the_link_is_a_revision(tmp_path: Path) -> None:
    desk = Desk(tmp_path, 10)
    row = KNOWN.iloc[9]
    desk.intake.bar(LiveBar("BTC", row.ts.value, row.open, row.high + 5, row.low, row.close, row.volume, float("nan")))
    assert desk.intake.counts["BTC"].revised == 1
    assert desk.found["high"].iloc[-1] == row.high + 5

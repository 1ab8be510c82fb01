"""The signals of an allocation over instruments of different calendars: made on whole rows, as soon as they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.backtest.conftest import random_bars
from tests.backtest.test_panel import Random
from tests.backtest.test_panel_rows import sessions_of
from tradewright.backtest.panel.rows import rows_of
from tradewright.backtest.panel.shared_account import SharedAccount
from tradewright.backtest.panel.target_weights import Rebalanced
from tradewright.backtest.spec import BacktestSpec
from tradewright.calendars.bar_closes import bar_closes
from tradewright.calendars.registry import calendar
from tradewright.model.allocation import Rebalance
from tradewright.model.bars import Bars, Timeframe, Times
from tradewright.model.instrument import AssetClass, Instrument
from tradewright.model.signal import SignalCandidate
from tradewright.research.bars import InstrumentBars
from tradewright.research.look_ahead import allocation_evidence
from tradewright.research.signals import Declared
from tradewright.research.weight_signals import WeightSignals, complete, next_start, replayed, weight_signals
from tradewright.store.artefacts import Artefacts

DECLARED = Declared("random", {}, 0.5, 1.0, "settings")
MIXED = {"coin": "24/7", "share": "XNYS", "other": "XLON"}
GROUPS = [
    (Timeframe.D1, MIXED),
    (Timeframe.D1, {"yen": "24/5", "share": "XNYS", "tokyo": "XTKS"}),
    (Timeframe.M30, {"coin": "24/7", "share": "XNYS"}),
    (Timeframe.W1, {"coin": "24/7", "share": "XNYS"}),
]


def moment(text: str) -> int:
    return int(pd.Timestamp(text, tz="UTC").value)


def grids(timeframe: Timeframe, markets: Mapping[str, str]) -> dict[str, Times]:
    """Every bar of a span: one with the changes of the clock, Good Friday and a half day of New York."""
    ends = {Timeframe.M30: ("2024-03-22", "2024-04-02")}.get(timeframe, ("2024-02-26", "2024-07-08"))
    span = [pd.Timestamp(end, tz="UTC") for end in ends]
    return {name: calendar(market).grid(timeframe, *span) for name, market in markets.items()}


def item(name: str, market: str, ts: Times) -> InstrumentBars:
    plain = {"symbol": name.upper(), "asset_class": AssetClass.CRYPTO, "calendar": market}
    bars = random_bars(len(name), len(ts))._replace(ts=ts) if len(ts) else Bars.none()
    return InstrumentBars(Instrument.model_validate(plain), bars)


@settings(max_examples=60)
@given(
    group=st.sampled_from(GROUPS),
    share=st.floats(0.2, 0.95),
    late=st.lists(st.sampled_from([0, 0, 0, 1, 2]), min_size=3, max_size=3),
)
def test_signals_are_made_on_every_row_that_is_whole_and_on_no_part_of_one(
    group: tuple[Timeframe, dict[str, str]], share: float, late: list[int]
) -> None:
    """Bars come once they have closed, those of some instruments later. Whole rows are those of all bars of the span,
    the future included: what is decided on now is what a backtest of later decides."""
    timeframe, markets = group
    every = grids(timeframe, markets)
    sessions = {name: sessions_of(market, timeframe) for name, market in markets.items()}
    whole = rows_of(every, sessions)
    now = int(whole.ts[0] + share * (whole.ts[-1] - whole.ts[0]))
    have = dict[str, int]()
    for name, delay in zip(markets, late, strict=False):
        closes = bar_closes(calendar(markets[name]), timeframe, every[name])
        missed = min(delay, 1) if timeframe is Timeframe.W1 else delay  # one that lacks three weeks has ended
        have[name] = int(np.searchsorted(closes, now, side="right")) - missed
    tables = {name: item(name, markets[name], every[name][: have[name]]) for name in markets}
    known = complete(tables, sessions, timeframe)
    missing = min(
        (int(place[count]) for place, count in zip(whole.places, have.values(), strict=True) if count < len(place)),
        default=len(whole.ts),
    )
    for name, place in zip(markets, whole.places, strict=True):
        assert len(known[name].bars.ts) == np.searchsorted(place, missing), f"{name} at {pd.Timestamp(now)}"
    closed = int(np.searchsorted(whole.closes, now, side="right"))
    assert missing >= closed or any(late), "a row that has closed is decided on at once"


@pytest.mark.parametrize(
    ("now", "coin", "share"),
    [
        ("2024-03-29 00:00", "2024-03-28", "2024-03-28 13:30"),  # Thursday is whole at midnight
        ("2024-03-28 20:00", "2024-03-27", "2024-03-27 13:30"),  # the share's Thursday alone is no day
        ("2024-03-30 00:00", "2024-03-29", "2024-03-28 13:30"),  # Good Friday: the coin alone
        ("2024-04-01 21:00", "2024-03-31", "2024-03-28 13:30"),  # Easter Monday: the share's day goes on in the coin
        ("2024-04-02 00:00", "2024-04-01", "2024-04-01 13:30"),
    ],
)
def test_holidays_hold_nobody_up(now: str, coin: str, share: str) -> None:
    markets = {"coin": "24/7", "share": "XNYS"}
    sessions = {name: sessions_of(market) for name, market in markets.items()}
    tables = {}
    for name, ts in grids(Timeframe.D1, markets).items():
        tables[name] = item(
            name, markets[name], ts[bar_closes(calendar(markets[name]), Timeframe.D1, ts) <= moment(now)]
        )
    known = complete(tables, sessions, Timeframe.D1)
    assert (int(known["coin"].bars.ts[-1]), int(known["share"].bars.ts[-1])) == (moment(coin), moment(share))


def test_one_that_is_late_holds_all_up_until_it_has_ended() -> None:
    markets = {"coin": "24/7", "share": "XNYS"}
    every, sessions = grids(Timeframe.D1, markets), {name: sessions_of(market) for name, market in markets.items()}
    stopped = every["share"][every["share"] < moment("2024-05-10")]
    for until, newest in (("2024-05-15", "2024-05-09"), ("2024-05-18", "2024-05-17")):
        tables = {
            "coin": item("coin", "24/7", every["coin"][every["coin"] < moment(until)]),
            "share": item("share", "XNYS", stopped),
        }
        assert complete(tables, sessions, Timeframe.D1)["coin"].bars.ts[-1] == moment(newest)


def test_beyond_the_calendar_the_next_bar_begins_where_the_newest_closes() -> None:
    last = calendar("XNYS").opens[-1:]
    assert next_start(item("share", "XNYS", last), Timeframe.D1) == calendar("XNYS").closes[-1]


def test_a_bar_that_was_stamped_at_midnight_is_not_awaited_again_at_the_opening() -> None:
    at_midnight = np.array([moment("2024-03-07 05:00"), moment("2024-03-08 05:00")], np.int64)
    assert next_start(item("share", "XNYS", at_midnight), Timeframe.D1) == moment("2024-03-11 13:30")


@dataclass(frozen=True)
class Store:
    """The same bars, at ten times the price."""

    tables: Mapping[str, InstrumentBars]

    def read_bars(self, symbol: str, _timeframe: Timeframe) -> Bars:
        bars = self.tables[symbol].bars
        return bars._replace(close=bars.close * 10.0)


def test_a_signal_has_the_time_of_its_row_and_the_newest_close_in_it() -> None:
    markets = {"coin": "24/7", "share": "XNYS"}
    specs = {name: BacktestSpec(sessions=sessions_of(market)) for name, market in markets.items()}
    begins, end = {"coin": moment("2024-02-26"), "share": moment("2024-03-01")}, moment("2024-03-31")
    tables = {
        name: item(name, markets[name], ts[(ts >= begins[name]) & (ts < end)])
        for name, ts in grids(Timeframe.D1, markets).items()
    }
    shared, strategy = SharedAccount(rebalance=Rebalance.BAR), Random(1)
    ground = replayed(tables, lambda each: specs[each.instrument.symbol.lower()], shared)
    store = Store(tables)
    raw = {name: store.read_bars(name, Timeframe.D1) for name in tables}
    made = WeightSignals(strategy, DECLARED, tables, Timeframe.D1, ground, raw)

    def at(day: str) -> dict[str, SignalCandidate]:
        row = int(np.searchsorted(ground.panel.ts, moment(day)))
        nothing = (np.zeros(2), np.zeros(2))
        return {each.instrument: each for each in made.at(Rebalanced(row, np.array([0.5, 0.2]), nothing))}

    def close(name: str, start: str) -> float:
        bars = tables[name].bars
        return float(bars.close[int(np.searchsorted(bars.ts, moment(start)))] * 10.0)

    assert set(at("2024-02-27")) == {"coin"}, "the share has no bar yet"
    for day, coin, share in (
        ("2024-03-28", "2024-03-28", "2024-03-28 13:30"),
        ("2024-03-30", "2024-03-30", "2024-03-28 13:30"),
    ):
        found = at(day)
        assert float(found["coin"].price) == close("coin", coin)
        assert float(found["share"].price) == close("share", share)
        assert {pd.Timestamp(each.bar_ts).value for each in found.values()} == {moment(day)}
    told = weight_signals(
        strategy, DECLARED, tables, Timeframe.D1, lambda each: specs[each.instrument.symbol.lower()], shared, store
    )
    assert {each.bar_ts for each in told} == {told[0].bar_ts}
    assert [each.instrument for each in told] == ["coin", "share"]


def test_look_ahead_evidence_of_other_rows_is_not_taken_for_theirs(tmp_path: Path) -> None:
    markets, kept = {"coin": "24/7", "share": "XNYS"}, Artefacts(tmp_path)
    tables = {name: item(name, markets[name], ts) for name, ts in grids(Timeframe.D1, markets).items()}
    told = {name: BacktestSpec(sessions=sessions_of(market)) for name, market in markets.items()}
    for count, specs in ((1, dict.fromkeys(tables, BacktestSpec())), (2, told), (2, told)):
        found = allocation_evidence(Random(1), tables, specs, kept)
        assert [each.findings for each in found.values()] == [(), ()]
        assert len(list(tmp_path.iterdir())) == count

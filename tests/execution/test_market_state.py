"""What stored bars say: closes, gaps, shocks, and when a bar was over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from tests.execution.counter import INSTRUMENTS, Counter, table, walk
from tests.execution.world import World
from tests.support.ledgers import START
from tradewright.calendars.registry import calendar
from tradewright.execution.market_state import MarketState, MarketStateReader, VolumeWindows, closed_at
from tradewright.model.bars import BarKind, Timeframe
from tradewright.model.instrument import AssetClass, Instrument

AAPL = INSTRUMENTS["AAPL"]
DAY = 24 * 3600


@pytest.fixture
def counter(world: World, tmp_path: Path) -> Counter:
    return Counter(world, tmp_path / "store")


def facts(counter: Counter, symbol: str = "AAPL", timeframe: Timeframe = Timeframe.M1) -> MarketState:
    return MarketStateReader(counter.store, counter.artefacts, timeframe, counter.clock).of(INSTRUMENTS[symbol])


def nanoseconds(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 10**9


@pytest.mark.parametrize(
    ("market", "timeframe", "opened", "closed"),
    [
        ("XNYS", Timeframe.D1, "2026-11-20T14:30", "2026-11-20T21:00"),
        ("XNYS", Timeframe.D1, "2026-11-27T14:30", "2026-11-27T18:00"),
        ("XNYS", Timeframe.D1, "2026-11-20T00:00", "2026-11-21T00:00"),
        ("XHKG", Timeframe.D1, "2026-11-20T01:30", "2026-11-20T08:00"),
        ("24/7", Timeframe.D1, "2026-11-20T00:00", "2026-11-21T00:00"),
        ("24/5", Timeframe.D1, "2026-11-15T22:00", "2026-11-16T22:00"),
        ("24/5", Timeframe.D1, "2026-11-19T22:00", "2026-11-20T22:00"),
        ("XNYS", Timeframe.H1, "2026-11-20T14:00", "2026-11-20T15:00"),
        ("XNYS", Timeframe.H1, "2026-11-20T20:30", "2026-11-20T21:00"),
        ("XNYS", Timeframe.M1, "2026-11-20T14:59", "2026-11-20T15:00"),
    ],
)
def test_when_a_bar_is_over(market: str, timeframe: Timeframe, opened: str, closed: str) -> None:
    """A daily bar at its session's close: early on a half day, after lunch in Hong Kong, at the end of the week."""
    traded = Instrument(symbol="X", asset_class=AssetClass.STOCK, calendar=market)
    assert closed_at(traded, timeframe, nanoseconds(opened)) == datetime.fromisoformat(closed).replace(tzinfo=UTC)


def test_an_instrument_without_bars_is_not_known(counter: Counter) -> None:
    found = facts(counter)
    assert found == MarketState(found.bars)
    assert len(found.bars.ts) == 0


def test_plain_minutes(counter: Counter) -> None:
    minutes = counter.stock("AAPL")
    counter.feature("AAPL", 0.5)
    found = facts(counter)
    assert found.closed_at == START
    assert found.bars.ts.tolist() == minutes.tolist()
    assert found.last_close == Decimal(repr(float(walk(sum(map(ord, "AAPL")), len(minutes))[-1])))
    assert (found.gap, found.shock, found.atr) == (False, False, Decimal("0.5"))
    assert found.liquidity == Decimal("0.99"), "half of 1 for the volume, half of 1 - 1/50 for the spread"


def test_the_previous_close_is_of_the_session_before_the_present_one(counter: Counter) -> None:
    counter.stock("AAPL")
    daily = counter.store.read_bars("AAPL", Timeframe.D1)
    assert daily.ts[-1] == nanoseconds("2026-11-19T14:30")
    assert facts(counter).previous_close == Decimal(repr(float(daily.close[-1])))
    counter.clock.advance(3 * DAY)
    monday = facts(counter).previous_close
    assert monday == facts(counter).last_close, "Friday has no daily bar; its last minute stands for it"
    counter.clock.advance(DAY)
    assert facts(counter).previous_close is None, "no bar of Monday, so Tuesday has no previous close"


def test_the_previous_close_comes_from_the_bars_where_no_days_are_stored(counter: Counter) -> None:
    minutes = calendar("24/7").grid(Timeframe.M1, START - timedelta(days=2), START - timedelta(seconds=60))
    closes = walk(5, len(minutes))
    counter.store.upsert("ES", Timeframe.M1, BarKind.TRADE, table(minutes, closes))
    midnight = nanoseconds("2026-11-20T00:00")
    assert facts(counter, "ES").previous_close == Decimal(repr(float(closes[minutes < midnight][-1])))


def test_daily_bars_decide_on_the_next_day(counter: Counter) -> None:
    counter.stock("AAPL")
    found = facts(counter, timeframe=Timeframe.D1)
    assert found.closed_at == datetime(2026, 11, 19, 21, tzinfo=UTC)
    assert found.previous_close == found.last_close


def test_the_range_of_an_older_bar_is_not_the_newest_ones(counter: Counter) -> None:
    counter.stock("AAPL")
    assert facts(counter).atr is None
    counter.feature("AAPL", 0.5, START - timedelta(seconds=120))
    assert facts(counter).atr is None
    counter.feature("AAPL", None)
    assert facts(counter).atr is None


@pytest.mark.parametrize(("missing", "gap"), [(-2, True), (-60, True), (-61, False)])
def test_a_missing_bar_counts_among_the_newest_sixty(counter: Counter, missing: int, gap: bool) -> None:
    market = calendar("24/7")
    minutes = market.grid(Timeframe.M1, START - timedelta(hours=3), START - timedelta(seconds=60))
    kept = np.delete(minutes, missing)
    counter.store.upsert("ES", Timeframe.M1, BarKind.TRADE, table(kept, walk(1, len(kept))))
    assert facts(counter, "ES").gap is gap


def test_a_night_is_no_gap(counter: Counter) -> None:
    counter.stock("AAPL")
    spans_a_night = counter.store.read_bars("AAPL", Timeframe.M1).ts[-60:]
    assert spans_a_night[0] < nanoseconds("2026-11-20T00:00") < spans_a_night[-1]
    assert facts(counter).gap is False


@pytest.mark.parametrize(
    ("tail", "shock"),
    [([1.0] * 102, False), ([1.0] * 101 + [1.01], True), ([1.0] * 101, None), ([1.0] * 50 + [0.0] + [1.0] * 51, None)],
)
def test_a_shock_is_a_move_out_of_all_proportion(counter: Counter, tail: list[float], shock: bool | None) -> None:
    minutes = calendar("24/7").grid(Timeframe.M1, START - timedelta(hours=3), START)[: len(tail)]
    made = table(minutes, tail)
    counter.store.upsert("ES", Timeframe.M1, BarKind.TRADE, made, negative_prices=True)
    assert facts(counter, "ES").shock is shock


def test_ten_deviations_are_the_border(counter: Counter) -> None:
    moves = np.tile([0.001, -0.001], 50)
    usual = moves.std(ddof=1)
    for last, shock in ((9.9, False), (10.1, True)):
        closes = 100 * np.exp(np.concatenate(([0.0], np.cumsum(np.append(moves, last * usual)))))
        minutes = calendar("24/7").grid(Timeframe.M1, START - timedelta(hours=3), START)[: len(closes)]
        counter.store.upsert("ES", Timeframe.M1, BarKind.TRADE, table(minutes, closes))
        assert facts(counter, "ES").shock is shock


def test_one_bar_says_little(counter: Counter) -> None:
    counter.stock("AAPL", [100.0])
    found = facts(counter)
    assert (found.gap, found.shock, found.liquidity) == (None, None, None)
    assert found.last_close == 100


def test_each_instrument_is_read_once(counter: Counter) -> None:
    counter.stock("AAPL")
    book = MarketStateReader(counter.store, counter.artefacts, Timeframe.M1, counter.clock)
    assert book.of(AAPL) is book.of(AAPL)


@pytest.mark.parametrize(
    ("symbol", "timeframe"), [("AAPL", Timeframe.M15), ("AAPL", Timeframe.H1), ("ES", Timeframe.H4)]
)
def test_a_slow_timeframe_has_the_bars_that_its_figures_need(
    counter: Counter, symbol: str, timeframe: Timeframe
) -> None:
    """Ten days of hours are too few for a liquidity over 250 bars: the reader goes by the number of bars (H3)."""
    market = calendar(INSTRUMENTS[symbol].calendar)
    stamps = market.grid(timeframe, START - timedelta(days=200), START - timedelta(hours=4))[-600:]
    counter.store.upsert(symbol, timeframe, BarKind.TRADE, table(stamps, walk(7, len(stamps))))
    found = facts(counter, symbol, timeframe=timeframe)
    assert len(found.bars.ts) >= 250
    assert found.liquidity is not None
    assert found.shock is not None


def test_the_liquidity_is_taken_over_the_windows_of_the_features(counter: Counter) -> None:
    """``features.recent_volume`` and ``usual_volume`` mean the same in the table and at the gate."""
    minutes = counter.stock("AAPL")
    rows = table(minutes, walk(1, len(minutes)))
    rows["volume"] = np.where(np.arange(len(rows)) < len(rows) - 10, 1000.0, 100.0)
    counter.store.upsert("AAPL", Timeframe.M1, BarKind.TRADE, rows)
    found = {}
    for windows in (VolumeWindows(20, 250), VolumeWindows(5, 250), VolumeWindows(5, 15), VolumeWindows(5, 401)):
        reader = MarketStateReader(counter.store, counter.artefacts, Timeframe.M1, counter.clock, windows)
        found[windows] = reader.of(AAPL).liquidity
    wide, narrow, short, long = found.values()
    assert wide is not None
    assert narrow is not None
    assert narrow < wide
    assert short is not None
    assert short != narrow
    assert long is None, "the store has 400 bars"

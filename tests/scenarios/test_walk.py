"""The random walk by its definitions: bridges that arrive, bars around them, days that keep a common market."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scenarios.test_scenario import INSTRUMENTS, grid
from tradewright.calendars.registry import calendar
from tradewright.formats.resample import resample
from tradewright.model.bar_rules import bars_of, intact
from tradewright.model.bars import OHLCV, Timeframe
from tradewright.scenarios.scenario import EPOCH, Scenario
from tradewright.scenarios.walk import bars_around, bridge, daily_path

M1, D1 = Timeframe.M1, Timeframe.D1
END = datetime(2026, 6, 12, 17, 30, tzinfo=UTC)
bounded = settings(max_examples=80)
prices = st.floats(0.5, 1e5)


def generator(seed: int = 1) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


@bounded
@given(prices, st.floats(-0.3, 0.3), st.floats(0, 1), st.integers(1, 700), st.floats(1e-6, 0.01), st.integers(0, 99))
def test_a_bridge_starts_after_its_gap_and_ends_where_it_should(
    start: float, way: float, gap: float, count: int, sigma: float, seed: int
) -> None:
    end = start * np.exp(way)
    rng = generator(seed)
    walk = bridge(start, end, gap, rng.standard_normal(count), sigma, rng)
    assert len(walk.opens) == len(walk.closes) == len(walk.sigma) == count
    assert walk.opens[0] == pytest.approx(start * (end / start) ** gap, rel=1e-9)
    assert walk.closes[-1] == pytest.approx(end, rel=1e-9)
    assert walk.opens[1:].tolist() == walk.closes[:-1].tolist()
    assert (walk.closes > 0).all()


@bounded
@given(st.sampled_from(sorted(INSTRUMENTS)), st.integers(1, 200), st.integers(0, 99), st.floats(0.0001, 0.05))
def test_bars_lie_on_ticks_and_lots_and_keep_the_contract(symbol: str, count: int, seed: int, sigma: float) -> None:
    instrument, rng = INSTRUMENTS[symbol], generator(seed)
    walk = bridge(100.0, 105.0, 0.0, rng.standard_normal(count), sigma, rng)
    bars = bars_around(np.arange(count, dtype=np.int64) * 60_000_000_000, walk, 50.0, instrument, rng)
    assert intact(bars, M1)
    for column, step in ((bars.close, instrument.tick_size), (bars.volume, instrument.lot_size)):
        steps = column / float(step)
        np.testing.assert_allclose(steps, np.rint(steps), atol=1e-4)
        assert (column >= float(step) * 0.999).all()
    assert (bars.open[1:] == bars.close[:-1]).all()
    assert (bars.spread > 0).all()


@bounded
@given(st.integers(1, 300), st.integers(1, 300), st.integers(0, 99))
def test_more_days_with_the_same_beginning_have_the_same_path(short: int, more: int, seed: int) -> None:
    rng = generator(seed)
    moves, uniform = rng.standard_normal(short + more), rng.random((short + more, 4))
    whole, part = daily_path(moves, uniform, 0.02), daily_path(moves[:short], uniform[:short], 0.02)
    assert part.level.tolist() == whole.level[:short].tolist()
    assert part.loudness.tolist() == whole.loudness[:short].tolist()
    assert set(whole.loudness.tolist()) <= {0.75, 1.0, 1.5}


def test_a_path_without_moves_and_trend_stays_at_its_level() -> None:
    uniform = np.tile([0.5, 0.4, 0.5, 0.4], (50, 1))
    path = daily_path(np.zeros(50), uniform, 0.02)
    assert path.level.tolist() == [0.0] * 50
    assert path.loudness.tolist() == [1.0] * 50


@pytest.mark.parametrize("symbol", sorted(INSTRUMENTS))
def test_longer_bars_are_those_that_resampling_makes(symbol: str) -> None:
    made = Scenario(7, END, grid, days=3, years=0.1)
    minutes = made.fetch(INSTRUMENTS[symbol], M1, None)
    for timeframe in (Timeframe.M5, Timeframe.M15, Timeframe.H1, Timeframe.H4):
        market = calendar(INSTRUMENTS[symbol].calendar)
        starts = market.grid(timeframe, minutes["ts"].iloc[0], pd.Timestamp(END))
        wanted = resample(minutes, M1, timeframe, starts=starts)
        closes = [market.bar_close(timeframe, int(start)) for start in wanted["ts"].astype("int64")]
        wanted = wanted[np.array(closes) <= pd.Timestamp(END).value].reset_index(drop=True)
        pd.testing.assert_frame_equal(made.fetch(INSTRUMENTS[symbol], timeframe, None), wanted)


@pytest.mark.parametrize("seconds", [0, 1, 59, 60, 61])
def test_only_bars_that_have_closed_by_the_end_are_given(seconds: int) -> None:
    end = END + timedelta(seconds=seconds)
    found = Scenario(7, end, grid, days=1).fetch(INSTRUMENTS["BTC"], M1, None)
    last = found["ts"].iloc[-1].to_pydatetime()
    assert last + timedelta(minutes=1) <= end < last + timedelta(minutes=2)


def test_the_span_begins_at_midnight_and_never_before_the_epoch() -> None:
    found = Scenario(7, END, grid, days=2).fetch(INSTRUMENTS["BTC"], M1, None)
    assert found["ts"].iloc[0] == pd.Timestamp("2026-06-10", tz="UTC")
    old = Scenario(7, datetime(2015, 3, 1, tzinfo=UTC), grid, years=5).fetch(INSTRUMENTS["BTC"], D1, None)
    assert old["ts"].iloc[0] == EPOCH + pd.Timedelta(days=15)


@pytest.mark.parametrize(
    "after", ["2020-01-01", "2026-06-11 23:59", "2026-06-12 17:29", "2026-06-12 17:30", "2027-01-01"]
)
def test_asking_for_what_is_new_gives_the_tail_of_the_whole(after: str) -> None:
    made, moment = Scenario(7, END, grid, days=2), pd.Timestamp(after, tz="UTC")
    whole = made.fetch(INSTRUMENTS["ETH"], M1, None)
    found = made.fetch(INSTRUMENTS["ETH"], M1, moment)
    pd.testing.assert_frame_equal(found, whole[whole["ts"] > moment].reset_index(drop=True))


def test_two_seeds_share_no_bar_and_two_instruments_no_path() -> None:
    one, two = (Scenario(seed, END, grid, days=1).fetch(INSTRUMENTS["BTC"], M1, None) for seed in (1, 2))
    assert (one["volume"] == two["volume"]).mean() < 0.05
    other = Scenario(1, END, grid, days=1).fetch(INSTRUMENTS["ETH"], M1, None)
    returns = [np.diff(np.log(frame["close"])) for frame in (one, other)]
    assert not np.allclose(*returns)
    assert bars_of(one[["ts", *OHLCV]]).ts.tolist() == bars_of(other).ts.tolist()

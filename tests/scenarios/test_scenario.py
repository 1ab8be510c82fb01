"""The embedded default data: same seed, same bytes; bars that keep the contract, on each instrument's own calendar."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tradewright.calendars.registry import calendar
from tradewright.calendars.resampling import resampled
from tradewright.model.bar_rules import bars_of, frame_of, intact
from tradewright.model.bars import Timeframe, Times
from tradewright.model.errors import DataError
from tradewright.model.instrument import AssetClass, Instrument
from tradewright.model.ports import Feed
from tradewright.scenarios.scenario import Scenario
from tradewright.scenarios.walk import bars_around, bridge
from tradewright.store.dataset import bars_hash

END = datetime(2026, 6, 12, 20, 30, tzinfo=UTC)  # half an hour after New York's Friday close
M1, H1, D1 = Timeframe.M1, Timeframe.H1, Timeframe.D1


def instrument(symbol: str, asset_class: str, calendar_name: str, tick: str, lot: str) -> Instrument:
    return Instrument.model_validate(
        {"symbol": symbol, "asset_class": asset_class, "calendar": calendar_name, "tick_size": tick, "lot_size": lot}
    )


INSTRUMENTS = {
    found.symbol: found
    for found in (
        instrument("BTC", "crypto", "24/7", "0.01", "0.0001"),
        instrument("ETH", "crypto", "24/7", "0.01", "0.001"),
        instrument("AAPL", "stock", "XNYS", "0.01", "1"),
        instrument("NAS100", "cfd", "XNYS", "0.1", "0.1"),
        instrument("XAUUSD", "metal", "24/5", "0.01", "0.01"),
    )
}


def grid(of: Instrument, timeframe: Timeframe, start: pd.Timestamp, end: pd.Timestamp) -> Times:
    return calendar(of.calendar).grid(timeframe, start, end)


def scenario(seed: int = 7, end: datetime = END) -> Scenario:
    return Scenario(seed, end, grid, years=0.25)


@pytest.mark.parametrize("symbol", INSTRUMENTS)
@pytest.mark.parametrize("timeframe", Timeframe)
def test_bars_keep_the_contract_the_calendar_and_the_present(symbol: str, timeframe: Timeframe) -> None:
    frame, of = scenario().fetch(INSTRUMENTS[symbol], timeframe, None), INSTRUMENTS[symbol]
    bars = bars_of(frame)
    assert len(frame) >= {"1w": 12, "1mo": 2}.get(timeframe, 16), "of a quarter"
    assert intact(bars, timeframe)
    expected = grid(of, timeframe, frame["ts"].iloc[0], frame["ts"].iloc[-1])
    assert bars.ts.tolist() == expected.tolist()
    if timeframe is not D1:
        assert calendar(of.calendar).bar_close(timeframe, int(bars.ts[-1])) <= pd.Timestamp(END).value
    tick = float(of.tick_size)
    for prices in (bars.open, bars.high, bars.low, bars.close):
        np.testing.assert_allclose(prices / tick, np.rint(prices / tick), atol=1e-6)
    assert (bars.volume > 0).all()
    assert (bars.spread > 0).all()


def test_same_seed_same_bytes_in_another_process_whatever_was_asked_before() -> None:
    here = scenario()
    hashes = {symbol: bars_hash(bars_of(here.fetch(of, M1, None))) for symbol, of in reversed(INSTRUMENTS.items())}
    code = (
        "from tests.scenarios.test_scenario import *\n"
        "print(bars_hash(bars_of(scenario().fetch(INSTRUMENTS['ETH'], M1, None))))"
    )
    command = [sys.executable, "-c", code]
    there = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    assert there.stdout.strip() == hashes["ETH"]
    assert len(set(hashes.values())) == len(hashes)
    assert bars_hash(bars_of(scenario(8).fetch(INSTRUMENTS["ETH"], M1, None))) != hashes["ETH"]


def test_no_draw_comes_from_the_global_generator() -> None:
    np.random.seed(1)  # noqa: NPY002 - shows that it is neither read nor moved
    before = np.random.get_state()[2]  # noqa: NPY002
    first = scenario().fetch(INSTRUMENTS["BTC"], M1, None)
    assert np.random.get_state()[2] == before  # noqa: NPY002
    np.random.seed(2)  # noqa: NPY002
    pd.testing.assert_frame_equal(scenario().fetch(INSTRUMENTS["BTC"], M1, None), first)


def test_only_what_is_new_is_fetched() -> None:
    feed: Feed = scenario()
    whole = feed.fetch(INSTRUMENTS["AAPL"], M1, None)
    after = whole["ts"].iloc[-4]
    pd.testing.assert_frame_equal(feed.fetch(INSTRUMENTS["AAPL"], M1, after), whole[-3:].reset_index(drop=True))
    assert feed.fetch(INSTRUMENTS["AAPL"], M1, whole["ts"].iloc[-1]).empty


@pytest.mark.parametrize("symbol", ["BTC", "AAPL", "XAUUSD"])
def test_weeks_and_months_are_made_of_their_days_once_they_are_over(symbol: str) -> None:
    of, market = INSTRUMENTS[symbol], calendar(INSTRUMENTS[symbol].calendar)
    days = bars_of(scenario().fetch(of, D1, None))
    for timeframe in (Timeframe.W1, Timeframe.MO1):
        made = scenario()
        found = made.fetch(of, timeframe, None)
        assert market.bar_close(timeframe, int(bars_of(found).ts[-1])) <= pd.Timestamp(END).value
        pd.testing.assert_frame_equal(found, frame_of(resampled(market, days, D1, timeframe)))
        newer = made.fetch(of, timeframe, found["ts"].iloc[-2])
        pd.testing.assert_frame_equal(newer, found.iloc[-1:].reset_index(drop=True))


def test_recent_days_are_made_of_their_minutes() -> None:
    for of in INSTRUMENTS.values():
        minutes, days = scenario().fetch(of, M1, None), scenario().fetch(of, D1, None)
        recent = days[days["ts"] >= minutes["ts"].iloc[0].floor("D")]
        part = minutes[(minutes["ts"] >= recent["ts"].iloc[2]) & (minutes["ts"] < recent["ts"].iloc[3])]
        day = recent.iloc[2]
        assert (day["open"], day["close"]) == (part["open"].iloc[0], part["close"].iloc[-1])
        assert (day["high"], day["low"]) == (part["high"].max(), part["low"].min())
        assert day["volume"] == pytest.approx(part["volume"].sum())


@pytest.mark.parametrize(
    ("end", "last"),
    [
        ("2026-06-12T19:59+00:00", "2026-06-11"),
        ("2026-06-12T20:00+00:00", "2026-06-12"),
        ("2026-06-13T12:00+00:00", "2026-06-12"),
    ],
)
def test_a_day_is_given_once_it_is_over(end: str, last: str) -> None:
    days = scenario(end=datetime.fromisoformat(end)).fetch(INSTRUMENTS["AAPL"], D1, None)
    assert str(days["ts"].iloc[-1].date()) == last


def test_instruments_move_together_a_little_and_by_their_own_measure() -> None:
    closes = {s: scenario().fetch(of, M1, None).set_index("ts")["close"] for s, of in INSTRUMENTS.items()}
    returns = pd.DataFrame({s: np.log(series).diff() for s, series in closes.items()}).dropna()
    correlation = returns.corr()
    assert 0.2 < correlation.loc["BTC", "ETH"] < 0.6
    assert 0.2 < correlation.loc["AAPL", "NAS100"] < 0.7
    assert correlation.loc["BTC", "XAUUSD"] < correlation.loc["BTC", "ETH"]
    assert returns["ETH"].std() > returns["XAUUSD"].std() * 2


@pytest.mark.parametrize("seed", range(4))
def test_levels_stay_plausible(seed: int) -> None:
    for of in INSTRUMENTS.values():
        made = Scenario(seed, END, grid, years=0.5)
        days, price = made.fetch(of, D1, None), made.profile(of).price
        assert days["low"].min() > price * 0.15
        assert days["high"].max() < price * 6
        assert np.abs(np.diff(np.log(days["close"]))).max() < 0.5


@pytest.mark.parametrize("symbol", INSTRUMENTS)
def test_no_bar_changes_as_the_present_moves_on(symbol: str) -> None:
    of, yesterday = INSTRUMENTS[symbol], Scenario(7, END - timedelta(days=1, hours=3), grid, years=0.1)
    today = Scenario(7, END, grid, years=0.1)
    for timeframe in (M1, H1, D1):
        old = yesterday.fetch(of, timeframe, None)
        whole = today.fetch(of, timeframe, None)
        both = old.merge(whole, on="ts")
        assert len(both) > len(old) / 2
        for name in ("open", "high", "low", "close", "volume", "spread"):
            assert both[f"{name}_x"].tolist() == both[f"{name}_y"].tolist()
        new = today.fetch(of, timeframe, old["ts"].iloc[-1])
        pd.testing.assert_frame_equal(new, whole[whole["ts"] > old["ts"].iloc[-1]].reset_index(drop=True))


def test_an_instrument_that_it_does_not_make_is_refused() -> None:
    spy = Instrument(symbol="SPY", asset_class=AssetClass.ETF)
    with pytest.raises(DataError, match="makes no SPY, only BTC, ETH, AAPL, NAS100, XAUUSD"):
        scenario().fetch(spy, M1, None)


def test_before_the_epoch_there_is_nothing() -> None:
    early = Scenario(7, datetime(2015, 1, 10, tzinfo=UTC), grid)
    assert early.fetch(INSTRUMENTS["BTC"], M1, None).empty
    assert early.fetch(INSTRUMENTS["BTC"], D1, None).empty


def test_a_price_never_falls_below_one_tick() -> None:
    rng = np.random.Generator(np.random.PCG64(1))
    path = bridge(0.05, 0.0001, 0.0, np.full(50, -6.0), 1.0, rng)
    bars = bars_around(np.arange(50) * 60_000_000_000, path, 10.0, INSTRUMENTS["BTC"], rng)
    assert intact(bars, M1)
    assert bars.low.min() == 0.01


def test_a_bridge_leads_where_it_should() -> None:
    rng = np.random.Generator(np.random.PCG64(1))
    path = bridge(100.0, 110.0, 0.4, rng.standard_normal(400), 0.001, rng)
    assert path.opens[0] == pytest.approx(100 * 1.1**0.4)
    assert path.closes[-1] == pytest.approx(110.0)
    assert path.opens[1:].tolist() == path.closes[:-1].tolist()

"""VWAP, opening range and pivot points by the hours of the instrument itself, on every road."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, time

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from strategies.documents import strategy_class
from tests.backtest.conftest import random_bars
from tradewright.backtest.decisions import decide, replay
from tradewright.backtest.engine import run
from tradewright.backtest.lookahead import look_ahead
from tradewright.backtest.panel.engine import run_panel
from tradewright.backtest.panel.panel import panel_of, session_days
from tradewright.backtest.panel.shared_account import SharedAccount
from tradewright.backtest.spec import BacktestSpec
from tradewright.calendars.bar_closes import bar_closes
from tradewright.calendars.registry import calendar_of
from tradewright.calendars.session_hours import session_hours
from tradewright.dsl.check import compiled
from tradewright.indicators.feature_set import FeatureSet
from tradewright.indicators.features import FeatureSettings, feature_table
from tradewright.indicators.registry import column, columns
from tradewright.model.bars import Bars, Timeframe
from tradewright.model.errors import DataError
from tradewright.model.instrument import AssetClass, Instrument
from tradewright.model.market_hours import HoursRule, MarketHours
from tradewright.model.secondary import SecondarySeries
from tradewright.model.secondary_needs import needs_among
from tradewright.model.strategy import HOLD, NAN, Feature
from tradewright.research.bars import InstrumentBars, Selection
from tradewright.research.secondary import needs_of, with_secondary

M30, D1 = Timeframe.M30, Timeframe.D1
STOCK = Instrument(symbol="SPY", asset_class=AssetClass.ETF, calendar="XNYS")
FUTURE = Instrument(symbol="ES", asset_class=AssetClass.FUTURE, calendar="CMES", currency="USD")
NAMES = [
    *(
        Feature(name)
        for name in ("vwap", "pivot", "pivot_r1", "pivot_s1", "pivot_r2", "pivot_s2", "pivot_r3", "pivot_s3")
    ),
    Feature("opening_high", (60,)),
    Feature("opening_low", (60,)),
]


def named(session: str) -> list[Feature]:
    return [each._replace(indicator=f"{each.indicator}_{session}") for each in NAMES]


def stamped(first: str, last: str, seed: int = 1) -> Bars:
    """Half hours around the clock."""
    ts = pd.date_range(first, last, freq="30min", tz="UTC").as_unit("ns").asi8
    return random_bars(seed, len(ts))._replace(ts=ts)


def own(instrument: Instrument, bars: Bars, features: list[Feature], timeframe: Timeframe = M30) -> list[np.ndarray]:
    return list(columns(features, bars, hours=session_hours(instrument, timeframe)))


def test_they_are_those_of_regular_trading_hours_where_the_calendar_says_no_other() -> None:
    """Over a change to summer time, with bars before the opening and after the close."""
    bars = stamped("2024-03-04", "2024-03-22")
    for mine, theirs in zip(own(STOCK, bars, named("session")), columns(named("rth"), bars), strict=True):
        assert_array_equal(mine, theirs)


def test_a_holiday_is_no_session_and_a_half_day_ends_early() -> None:
    """Good Friday of 2024 and the day after Thanksgiving: named hours know neither."""
    bars = stamped("2024-11-25", "2024-12-03")
    hours = session_hours(STOCK, M30)
    inside = pd.DatetimeIndex(bars.ts[hours.days(bars.ts) != np.iinfo(np.int64).min], tz="America/New_York")
    assert date(2024, 11, 28) not in set(inside.date)
    assert inside[inside.date == date(2024, 11, 29)][-1].time() == time(12, 30)
    (vwap,) = own(STOCK, bars, [Feature("vwap_session")])
    after = pd.DatetimeIndex(bars.ts, tz="America/New_York").indexer_between_time("13:00", "23:30")
    friday = [i for i in after if pd.Timestamp(bars.ts[i], tz="America/New_York").date() == date(2024, 11, 29)]
    assert len(set(vwap[friday])) == 1, "what trades after the close is not part of it"
    assert vwap[friday[0]] != column(Feature("vwap_rth"), bars)[friday[-1]]


def test_an_evening_session_is_one_session_and_counts_to_the_next_day() -> None:
    """Futures in Chicago open on Sunday 17:00: midnight in UTC begins nothing anew."""
    bars = stamped("2024-06-02 21:00", "2024-06-05 12:00")
    (vwap,) = own(FUTURE, bars, [Feature("vwap_session")])
    opening = np.flatnonzero(bars.ts == pd.Timestamp("2024-06-02 22:00", tz="UTC").value)[0]
    close = np.flatnonzero(bars.ts == pd.Timestamp("2024-06-03 21:30", tz="UTC").value)[0]
    rows = slice(opening, close + 1)
    typical = (bars.high + bars.low + bars.close)[rows] / 3.0
    assert vwap[close] == pytest.approx((typical * bars.volume[rows]).sum() / bars.volume[rows].sum())
    assert np.isnan(vwap[:opening]).all()
    (pivot,) = own(FUTURE, bars, [Feature("pivot_session")])
    first = np.flatnonzero(~np.isnan(pivot))[0]
    assert bars.ts[first] == pd.Timestamp("2024-06-03 22:00", tz="UTC").value
    high, low = bars.high[rows].max(), bars.low[rows].min()
    assert pivot[first] == pytest.approx((high + low + bars.close[close]) / 3.0)


def test_corrected_hours_are_followed_and_are_another_version() -> None:
    early = STOCK.model_copy(update={"hours": MarketHours(hours=(HoursRule(open="10:00", close="15:00"),))})
    bars = stamped("2024-03-04", "2024-03-09")
    features = [Feature("opening_high_session", (30,))]
    assert not np.array_equal(own(early, bars, features)[0], own(STOCK, bars, features)[0], equal_nan=True)
    one, other = session_hours(early, M30), session_hours(STOCK, M30)
    versions = {FeatureSettings(extra=(*features,), hours=each).version for each in (one, other)}
    assert len(versions) == 2
    plain = [FeatureSettings(hours=each).version for each in (None, one, other)]
    assert plain == [FeatureSettings().version] * 3, "tables without such a column are what they were"
    sets = [FeatureSet("s", "1", M30, (*features,), hours=each).identity for each in (one, other)]
    assert len(set(sets)) == 2


def test_a_bar_of_a_day_is_a_session() -> None:
    market = calendar_of(STOCK)
    ts = market.opens[(market.opens >= pd.Timestamp("2024-01-01", tz="UTC").value)][:30]
    bars = random_bars(3, 30)._replace(ts=ts)
    (pivot,) = own(STOCK, bars, [Feature("pivot_session")], D1)
    expected = (bars.high + bars.low + bars.close) / 3.0
    assert np.isnan(pivot[0])
    np.testing.assert_allclose(pivot[1:], expected[:-1])


def test_before_the_first_session_that_a_calendar_knows_the_date_decides() -> None:
    ts = pd.date_range("1901-03-04 14:30", periods=96, freq="30min", tz="UTC").as_unit("ns").asi8
    bars = random_bars(3, 96)._replace(ts=ts)
    vwap, high = own(STOCK, bars, [Feature("vwap_session"), Feature("opening_high_session", (30,))])
    assert not np.isnan(vwap).any()
    assert np.isnan(high).all()


def test_without_hours_nothing_stands_in_for_them() -> None:
    with pytest.raises(DataError, match=r"the sessions of the instrument of pivot_session were not given"):
        column(Feature("pivot_session"), random_bars(1, 5))


def decision(i: int, features: tuple[np.ndarray, ...], _params: tuple[float, ...], position: float):
    vwap, pivot, close = features
    if not (vwap[i] == vwap[i] and pivot[i] == pivot[i]):
        return HOLD
    if close[i] > vwap[i] and position == 0.0:
        return 1.0, NAN, NAN, NAN
    return (0.0, NAN, NAN, NAN) if close[i] < pivot[i] and position != 0.0 else HOLD


@dataclass(frozen=True)
class Anchored:
    name = "anchored"
    generate_signal = staticmethod(decision)

    def prepare_state(self) -> tuple[Feature, ...]:
        return Feature("VWAP_session"), Feature("pivot_session"), Feature("close")

    def parameters(self) -> tuple[float, ...]:
        return ()


DOCUMENT = """id: anchored
name: Anchored
timeframe: 30m
params: {size_pct: 0.5}
metadata: {}
rules:
  - {if: close > vwap_session() and close > opening_high_session(60), then: buy}
  - {if: close < pivot_s1_session(), then: close}
"""


def test_kernel_panel_agent_and_features_table_read_the_same_values() -> None:
    bars = stamped("2024-06-02 21:00", "2024-06-14")
    strategy, hours = Anchored(), session_hours(FUTURE, M30)
    needs = needs_among("anchored", strategy.prepare_state())
    assert (needs.sessions, needs.any, dict(needs.features)) == (True, True, {})
    closes = np.maximum.accumulate(bar_closes(calendar_of(FUTURE), M30, bars.ts))
    beside = SecondarySeries(closes, {}, hours)
    spec = BacktestSpec(cash=1e6, secondary=beside)
    one = run(strategy, bars, spec)
    assert len(one.fills) > 4
    panel = panel_of({"ES": bars}, {"ES": spec})
    many = run_panel(strategy, panel, SharedAccount(margin=0.0), session_days(panel, None))
    assert many.fills["price"].tolist() == one.fills["price"].tolist()
    assert look_ahead(strategy, bars, beside) == ()
    actions = replay(strategy, bars, one.position, beside)
    for count in (60, 300, len(bars.ts)):
        asked = decide(strategy, bars.head(count), float(one.position[count - 1]), beside.head(count))
        assert_array_equal(np.array(asked), actions[count - 1])
    with pytest.raises(DataError, match="were not given"):
        run(strategy, bars, replace(spec, secondary=None))
    features = Feature("vwap_session"), Feature("pivot_session")
    whole = feature_table(bars, FeatureSettings(extra=features, hours=hours))
    for feature in features:
        assert_array_equal(whole[feature.indicator], column(feature, bars, hours=hours))
    last = feature_table(bars, FeatureSettings(extra=features, hours=hours), len(bars.ts) - 1)
    assert last["vwap_session"].iloc[0] == whole["vwap_session"].iloc[-1], "a stream of single bars"
    assert SecondarySeries(closes, {}, hours).digest != SecondarySeries(closes, {}).digest


def test_a_document_reads_them_too_and_every_read_of_bars_brings_them() -> None:
    strategy = strategy_class(*compiled(DOCUMENT))()
    assert needs_of([strategy]).sessions
    item = InstrumentBars(FUTURE, stamped("2024-06-02 21:00", "2024-06-14"))
    chosen = Selection((FUTURE,), M30)
    read = with_secondary(None, chosen, {"ES": item}, needs_of([strategy]), lambda _symbol: FUTURE)["ES"]  # type: ignore[arg-type]
    assert read.secondary is not None
    assert read.secondary.hours == session_hours(FUTURE, M30)
    assert read.data_hash != item.data_hash, "other hours are other data"
    spec = BacktestSpec(cash=1e6, secondary=read.secondary)
    result = run(strategy, item.bars, spec)
    assert len(result.fills) > 1
    vwap, high = columns([Feature("vwap_session"), Feature("opening_high_session", (60,))], item.bars, read.secondary)
    for row in result.fills[result.fills["side"] > 0]:
        before = row["bar"] - 1
        assert item.bars.close[before] > max(vwap[before], high[before])
    assert look_ahead(strategy, item.bars, read.secondary) == ()

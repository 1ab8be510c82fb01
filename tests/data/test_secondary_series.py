"""Bars of longer timeframes and of other instruments, as a strategy sees them: against plain Python, and by hand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.calendars.test_resampling import complete, random_bars
from tradewright.backtest import decisions, engine
from tradewright.backtest.lookahead import look_ahead
from tradewright.backtest.span import run_span
from tradewright.backtest.spec import BacktestSpec
from tradewright.backtest.sweep import sweep
from tradewright.calendars.registry import calendar_of
from tradewright.calendars.resampled_bars import ResampledBars
from tradewright.calendars.resampling import resampled
from tradewright.indicators.registry import column
from tradewright.model import secondary as module
from tradewright.model.bar_rules import frame_of, select
from tradewright.model.bars import BarKind, Bars, Floats, PriceView, Timeframe
from tradewright.model.errors import ConfigError, DataError, StoreError, StrategyError
from tradewright.model.instrument import AssetClass, Instrument
from tradewright.model.order import Fill
from tradewright.model.secondary import STALE_BARS, SecondarySeries, SeriesName
from tradewright.model.strategy import HOLD, NAN, Action, Feature
from tradewright.research.bars import BaseBars, InstrumentBars, Selection, read_instrument_bars
from tradewright.research.secondary import needs_of, series_until, with_secondary
from tradewright.store.bars import BarStore

M5, M30, H1, D1, W1 = (Timeframe(name) for name in ("5m", "30m", "1h", "1d", "1w"))
SPY = Instrument(symbol="SPY", asset_class=AssetClass.ETF)
AAPL = Instrument(symbol="AAPL", asset_class=AssetClass.STOCK)
BTC = Instrument(symbol="BTC", asset_class=AssetClass.CRYPTO, calendar="24/7", currency="EUR")
KNOWN = {each.symbol: each for each in (SPY, AAPL, BTC)}
NEW_YORK = ZoneInfo("America/New_York")
HALF_DAYS = {"2024-07-03", "2024-11-29", "2024-12-24"}


def follows(i: int, features: tuple[Floats, ...], _params: tuple[float, ...], position: float) -> Action:
    """Long while the first feature is above the last one."""
    if features[0][i] > features[-1][i]:
        return (1.0, NAN, NAN, NAN) if position == 0.0 else HOLD
    return (0.0, NAN, NAN, NAN) if position != 0.0 else HOLD


@dataclass(frozen=True)
class Reads:
    """A decision over some features."""

    features: tuple[Feature, ...]
    name: str = "reads"
    generate_signal = staticmethod(follows)

    def prepare_state(self) -> tuple[Feature, ...]:
        return self.features

    def parameters(self) -> tuple[float, ...]:
        return ()

    def post_trade_update(self, fill: Fill) -> None:
        """Not interested."""


def store_of(root: Path, *series: tuple[Instrument, Timeframe, Bars]) -> ResampledBars:
    for instrument, timeframe, bars in series:
        BarStore(root).upsert(instrument.symbol, timeframe, BarKind.TRADE, frame_of(bars))
    return ResampledBars(root, lambda symbol: calendar_of(KNOWN[symbol]))


def read(
    store: BarStore, features: Iterable[Feature], timeframe: Timeframe, instrument: Instrument = SPY, **span: object
) -> InstrumentBars:
    chosen = Selection((instrument,), timeframe, PriceView.RAW, **span)  # type: ignore[arg-type]
    tables = read_instrument_bars(store, chosen)
    needs = needs_of([Reads(tuple(features))])
    return with_secondary(store, chosen, tables, needs, lambda symbol: KNOWN[symbol])[instrument.symbol]


def values(item: InstrumentBars, feature: Feature) -> Floats:
    return column(feature, item.bars, item.secondary)


def closes_of_days(bars: Bars, minutes: int) -> list[tuple[pd.Timestamp, str, float]]:
    """Of each day with all of its bars, by the clock of New York alone: when it ends, its date, its last close."""
    days: dict[str, list[tuple[pd.Timestamp, float]]] = {}
    for ts, close in zip(bars.ts.tolist(), bars.close.tolist(), strict=True):
        local = pd.Timestamp(ts, tz="UTC").tz_convert(NEW_YORK)
        days.setdefault(f"{local:%Y-%m-%d}", []).append((local + pd.Timedelta(minutes=minutes), close))
    ends = {day: "13:00" if day in HALF_DAYS else "16:00" for day in days}
    return [
        (pd.Timestamp(f"{day} {ends[day]}", tz=NEW_YORK), day, rows[-1][1])
        for day, rows in days.items()
        if f"{rows[-1][0]:%H:%M}" == ends[day]
    ]


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2024-03-05", "2024-03-15"),
        ("2024-10-31", "2024-11-08"),
        ("2024-06-28", "2024-07-10"),
        ("2024-11-25", "2024-12-05"),
    ],
    ids=["summer time", "winter time", "third of July", "Thanksgiving"],
)
def test_a_day_is_seen_once_its_session_has_closed(tmp_path: Path, start: str, end: str) -> None:
    """Days that pandas and the wall clock of New York make, over changes of clocks and half days."""
    bars = complete(calendar_of(SPY), M30, start, end)
    item = read(store_of(tmp_path, (SPY, M30, bars)), [Feature("close", timeframe="1d")], M30)
    found, days = values(item, Feature("close", timeframe="1d")), closes_of_days(bars, 30)
    for ts, value in zip(bars.ts.tolist(), found.tolist(), strict=True):
        ended = pd.Timestamp(ts, tz="UTC") + pd.Timedelta(minutes=30)
        known = [close for closed, _day, close in days if closed <= ended]
        assert value == known[-1] if known else np.isnan(value), pd.Timestamp(ts, tz="UTC")
    assert np.isnan(found).sum() == 12, "the first day but for its last bar"
    assert len(set(found[~np.isnan(found)])) == len(days)


@st.composite
def histories(draw: st.DrawFn) -> tuple[Bars, Bars, Timeframe, str, int]:
    """Bars of SPY and of another instrument, both with holes; the feature's timeframe and window."""
    own = complete(calendar_of(SPY), M30, "2024-03-04", draw(st.sampled_from(["2024-03-08", "2024-03-20"])))
    other = draw(st.sampled_from(["SPY", "AAPL", "BTC"]))
    theirs = complete(calendar_of(KNOWN[other]), M30, "2024-03-01", "2024-03-14 12:00")
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    kept = [
        select(bars, (rng.random(len(bars.ts)) > share) & ~hole(rng, len(bars.ts)))
        for bars, share in ((own, 0.1), (theirs, draw(st.sampled_from([0.0, 0.3]))))
    ]
    return kept[0], kept[1], draw(st.sampled_from([M30, H1, D1])), other, draw(st.integers(1, 4))


def hole(rng: np.random.Generator, count: int) -> np.ndarray:
    start = rng.integers(0, count)
    return (np.arange(count) >= start) & (np.arange(count) < start + rng.integers(0, 120))


def slow_value(moment: int, theirs: Bars, timeframe: Timeframe, instrument: Instrument, window: int) -> float:
    """A mean of closes at a moment, from the bars that had ended by then and from nothing else."""
    market = calendar_of(instrument)
    ended = [row for row, ts in enumerate(theirs.ts.tolist()) if market.bar_close(M30, ts) <= moment]
    known = select(theirs, np.array(ended, np.int64))
    longer = known if timeframe is M30 else resampled(market, known, M30, timeframe)
    if len(longer.ts) < window:
        return float("nan")
    newest, late, start = market.bar_close(timeframe, int(longer.ts[-1])), 0, int(longer.ts[-1])
    for due in market.grid(timeframe, pd.Timestamp(start, tz="UTC"), pd.Timestamp(moment, tz="UTC")).tolist():
        late += newest < market.bar_close(timeframe, due) <= moment
    return float("nan") if late > STALE_BARS else float(np.mean(longer.close[-window:]))


@settings(max_examples=25)
@given(histories())
def test_every_value_is_that_of_the_bars_which_had_ended(drawn: tuple[Bars, Bars, Timeframe, str, int]) -> None:
    own, theirs, timeframe, symbol, window = drawn
    instrument, market = KNOWN[symbol], calendar_of(SPY)
    longer = theirs if timeframe is M30 else resampled(calendar_of(instrument), theirs, M30, timeframe)
    closes = np.array([market.bar_close(M30, ts) for ts in own.ts.tolist()])
    assume(len(closes) and len(longer.ts))
    name, base = SeriesName(symbol, str(timeframe)), None if timeframe is M30 else BaseBars(M30, theirs)
    made = SecondarySeries(closes, {name: series_until(instrument, longer, timeframe, int(closes[-1]), base)})
    found = column(Feature("sma", (window,), symbol, timeframe), own, made)
    places = sorted({*range(0, len(closes), 7), len(closes) - 1})
    wanted = [slow_value(int(closes[place]), theirs, timeframe, instrument, window) for place in places]
    np.testing.assert_allclose(found[places], wanted, rtol=1e-12)
    cut = len(closes) // 2
    known = column(Feature("sma", (window,), symbol, timeframe), own.head(cut), made.head(cut))
    np.testing.assert_array_equal(known, found[:cut], "values do not change by bars that come later")


@pytest.mark.parametrize(
    ("other", "timeframe"), [("AAPL", "30m"), ("AAPL", "1d"), ("BTC", "1h"), ("", "1w"), ("", "1h")]
)
def test_a_strategy_runs_alike_on_every_road(tmp_path: Path, other: str, timeframe: str) -> None:
    """The kernel, the sweep, a span, the decision bar by bar; and nothing of it looks ahead."""
    rows = [(each, M30, complete(calendar_of(each), M30, "2024-01-02", "2024-04-19")) for each in (SPY, AAPL, BTC)]
    means = [Feature("sma", (window,), other, timeframe) for window in (2, 3)]
    strategy = Reads((means[0], Feature("close"), means[1]))
    item = read(store_of(tmp_path, *rows), strategy.features, M30)
    spec = BacktestSpec(secondary=item.secondary)
    whole = engine.run(strategy, item.bars, spec)
    assert len(whole.fills) > 1
    assert look_ahead(strategy, item.bars, item.secondary) == ()
    assert sweep([strategy], item.bars, spec)["final_equity"][0] == whole.equity[-1]
    actions = decisions.replay(strategy, item.bars, whole.position, item.secondary)
    for place in (0, 57, len(actions) - 1):
        known = item.head(place + 1)
        action = decisions.decide(strategy, known.bars, float(whole.position[place]), known.secondary)
        np.testing.assert_array_equal(action, actions[place])
    half = len(item.bars.ts) // 2
    tail, plain = (
        run_span(strategy, item.bars, spec, 0, half),
        engine.run(strategy, item.bars.head(half), replace(spec, secondary=item.head(half).secondary)),
    )
    np.testing.assert_array_equal(tail.position[:-1], plain.position[:-1])


def unfinished(self: module.SecondaryBars, moments: np.ndarray) -> np.ndarray:
    """The bar that has begun, finished or not."""
    return np.searchsorted(self.bars.ts, moments, side="left") - 1


@pytest.mark.parametrize("feature", [Feature("close", timeframe="1d"), Feature("close", of="AAPL", timeframe="1h")])
def test_a_planted_look_into_the_unfinished_bar_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, feature: Feature
) -> None:
    rows = [(each, M30, complete(calendar_of(SPY), M30, "2024-02-01", "2024-03-20")) for each in (SPY, AAPL)]
    strategy = Reads((Feature("close"), feature))
    item = read(store_of(tmp_path, *rows), strategy.features, M30)
    assert look_ahead(strategy, item.bars, item.secondary) == ()
    monkeypatch.setattr(module.SecondaryBars, "newest", unfinished)
    (found,) = look_ahead(strategy, item.bars, item.secondary)
    assert found.what == feature.label


def test_a_value_is_carried_while_the_market_is_closed_and_not_over_missing_bars(tmp_path: Path) -> None:
    """Hours of SPY in a strategy on BTC, which trades on Saturdays; then SPY brings no bars any more."""
    theirs = complete(calendar_of(SPY), M30, "2024-03-04", "2024-03-11 15:00")
    store = store_of(
        tmp_path, (SPY, M30, theirs), (BTC, M30, complete(calendar_of(BTC), M30, "2024-03-04", "2024-03-13"))
    )
    feature = Feature("close", of="SPY")
    item = read(store, [feature], M30, BTC)
    found = pd.Series(values(item, feature), pd.DatetimeIndex(item.bars.ts, tz="UTC") + pd.Timedelta(minutes=30))
    friday = theirs.close[13 * 5 - 1]
    assert (found["2024-03-08 21:00":"2024-03-11 13:30"] == friday).all(), "a weekend is no hole"  # type: ignore[misc]
    last = pd.Timestamp(int(theirs.ts[-1]), tz="UTC") + pd.Timedelta(minutes=30)
    late = found[last:]
    assert (late[: STALE_BARS + 1] == theirs.close[-1]).all()
    assert late[STALE_BARS + 1 :].isna().all()


def test_history_before_the_span_warms_up_and_no_bar_after_it_is_read(tmp_path: Path) -> None:
    bars = complete(calendar_of(SPY), M30, "2024-01-02", "2024-03-20")
    feature = Feature("sma", (20,), timeframe="1d")
    store = store_of(tmp_path, (SPY, M30, bars))
    whole = read(store, [feature], M30)
    part = read(store, [feature], M30, start=date(2024, 2, 15), end=pd.Timestamp("2024-02-20 21:00", tz="UTC"))
    first = int(np.searchsorted(whole.bars.ts, part.bars.ts[0]))
    np.testing.assert_array_equal(values(part, feature), values(whole, feature)[first : first + len(part.bars.ts)])
    assert not np.isnan(values(part, feature)).any()
    assert part.secondary is not None
    (series,) = part.secondary.series.values()
    assert series.closes[-1] <= part.secondary.closes[-1]


def test_a_correction_of_the_other_instrument_is_other_data(tmp_path: Path) -> None:
    days = complete(calendar_of(SPY), D1, "2024-01-02", "2024-03-20")
    store = store_of(tmp_path, (SPY, D1, days), (AAPL, D1, days))
    feature = Feature("close", of="AAPL")
    before, plain = read(store, [feature], D1), read(store, [], D1)
    changed = select(days._replace(close=days.close + 0.001), slice(10, 11))
    BarStore(tmp_path).upsert("AAPL", D1, BarKind.TRADE, frame_of(changed))
    after = read(store, [feature], D1)
    assert before.data_hash != after.data_hash
    assert read(store, [], D1).data_hash == plain.data_hash != before.data_hash
    assert before.head(9).data_hash == after.head(9).data_hash, "the bars before the correction are the same data"


@pytest.mark.parametrize(
    ("feature", "error", "words"),
    [
        (Feature("close", timeframe="5m"), ConfigError, "on 5m is on bars shorter than the 30m bars"),
        (Feature("close", of="AAPL"), StoreError, "AAPL"),
        (Feature("close", of="SPX"), ConfigError, "no instrument"),
    ],
)
def test_what_cannot_be_read_is_refused_with_strategy_and_feature(
    tmp_path: Path, feature: Feature, error: type[Exception], words: str
) -> None:
    store = store_of(tmp_path, (SPY, M30, complete(calendar_of(SPY), M30, "2024-03-04", "2024-03-06")))

    def known(symbol: str) -> Instrument:
        if symbol not in KNOWN:
            raise ConfigError(f"there is no instrument {symbol!r}", remedy="declare it")
        return KNOWN[symbol]

    chosen = Selection((SPY,), M30)
    with pytest.raises(error, match=words) as told:
        with_secondary(store, chosen, read_instrument_bars(store, chosen), needs_of([Reads((feature,))]), known)
    assert "strategy reads" in str(told.value)
    assert feature.label in str(told.value)


@pytest.mark.parametrize("feature", [Feature("close", timeframe="3h"), Feature("close", of=7)])  # type: ignore[arg-type]
def test_a_feature_on_bars_that_are_none_is_refused(feature: Feature) -> None:
    with pytest.raises(StrategyError, match="timeframe one of 1m, 5m"):
        needs_of([Reads((feature,))])


def test_a_series_that_was_not_read_is_refused() -> None:
    bars = random_bars(np.arange(5, dtype=np.int64))
    with pytest.raises(DataError, match="the bars of close of AAPL were not read"):
        column(Feature("close", of="AAPL"), bars)
    with pytest.raises(DataError, match="the moments of 4 decisions for 5 bars"):
        column(Feature("close", of="AAPL"), bars, SecondarySeries(bars.ts[:4], {}))


def test_the_identity_of_features_of_own_bars_is_as_it_was() -> None:
    """Trials, caches and signals of before are told by these."""
    plain = Feature("sma", (10,))
    assert repr(plain) == "Feature(indicator='sma', arguments=(10,))"
    assert plain.terms == ["sma", 10]
    assert plain.label == "sma(10)"
    other = Feature("sma", (10,), "SPY", Timeframe.D1)
    assert other == Feature("sma", (10,), "SPY", "1d")
    assert repr(other) == "Feature(indicator='sma', arguments=(10,), of='SPY', timeframe='1d')"
    assert (other.terms, other.label) == (["sma", 10, "SPY", "1d"], "sma(10) of SPY on 1d")

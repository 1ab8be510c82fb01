"""A store whose readers get every timeframe that stored bars add up to: against pandas' own grouping, holes and all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.calendars.test_resampling import complete, random_bars
from tradewright.calendars.calendar import Calendar
from tradewright.calendars.registry import calendar
from tradewright.calendars.resampled_bars import ResampledBars, base_among
from tradewright.model.bar_rules import bars_of, frame_of, select
from tradewright.model.bars import BarKind, Bars, PriceView, Timeframe
from tradewright.store.bars import BarStore, NoBars

M1, M5, M30, H1, H2, D1, W1, MO1 = (Timeframe(name) for name in ("1m", "5m", "30m", "1h", "2h", "1d", "1w", "1mo"))
TRADE, QUOTE = BarKind.TRADE, BarKind.QUOTE
NEW_YORK = calendar("XNYS")


def put(root: Path, timeframe: Timeframe, bars: Bars, kind: BarKind = TRADE) -> None:
    BarStore(root).upsert("SPY", timeframe, kind, frame_of(bars))


def reader(root: Path, market: Calendar = NEW_YORK) -> ResampledBars:
    def days(_symbol: str, day: object) -> tuple[int, int]:
        return market.day_bounds(str(day))

    return ResampledBars(root, lambda _symbol: market, trading_days=days)


def minutes(start: str = "2024-03-07", end: str = "2024-03-12 20:00") -> Bars:
    """Minutes over the change to summer time on 10 March."""
    return complete(NEW_YORK, M1, start, end)


def hours_by_pandas(bars: Bars) -> pd.DataFrame:
    """Hours of New York counted from 09:30, the last of a day half as long."""
    frame = frame_of(bars)
    local = frame["ts"].dt.tz_convert("America/New_York").dt.tz_localize(None)
    groups = frame.groupby((local - pd.Timedelta(minutes=30)).dt.floor("h"))
    found = groups.agg({"ts": "first", "open": "first", "high": "max", "low": "min", "close": "last", "spread": "mean"})
    found.insert(5, "volume", groups["volume"].sum(min_count=1))
    return found.reset_index(drop=True)


def test_what_is_stored_comes_first_and_is_not_made(tmp_path: Path) -> None:
    own = complete(NEW_YORK, H1, "2024-03-07", "2024-03-08")
    put(tmp_path, M1, minutes())
    put(tmp_path, H1, own)
    found = reader(tmp_path)
    assert found.base_of("SPY", H1) is H1
    np.testing.assert_array_equal(found.read_bars("SPY", H1).close, own.close)
    assert found.fingerprint("SPY", H1) == BarStore(tmp_path).fingerprint("SPY", H1)
    assert found.coverage("SPY", H1) == BarStore(tmp_path).coverage("SPY", H1)


def test_hours_of_minutes_are_those_of_pandas_over_a_change_of_clocks(tmp_path: Path) -> None:
    bars = minutes()
    put(tmp_path, M1, bars)
    found, wanted = reader(tmp_path), hours_by_pandas(bars)
    pd.testing.assert_frame_equal(found.read("SPY", H1), wanted, check_freq=False, rtol=1e-12)
    covered = found.coverage("SPY", H1)
    assert covered is not None
    assert (covered.rows, covered.first, covered.last) == (len(wanted), wanted["ts"].iloc[0], wanted["ts"].iloc[-1])
    assert list(found.series()) == list(BarStore(tmp_path).series()), "nothing that is made is stored"


def test_a_span_is_cut_from_the_whole_series(tmp_path: Path) -> None:
    """Not made of a part of the base: its first hour would be half, and on another grid."""
    put(tmp_path, M1, minutes())
    whole, part = (
        reader(tmp_path).read("SPY", H1),
        reader(tmp_path).read("SPY", H1, start="2024-03-08", end="2024-03-11"),
    )
    pd.testing.assert_frame_equal(part, whole.iloc[7:21].reset_index(drop=True))
    at = whole["ts"].iloc[9]
    late = reader(tmp_path).read("SPY", H1, start=(at + pd.Timedelta(minutes=7)).to_pydatetime())
    assert late["ts"].iloc[0] == whole["ts"].iloc[10]


@pytest.mark.parametrize("lacking", [1, 29])
def test_the_last_bar_is_there_once_minutes_reach_over_all_of_it(tmp_path: Path, lacking: int) -> None:
    bars = minutes()
    put(tmp_path, M1, bars.head(len(bars.ts) - lacking))
    found = reader(tmp_path)
    before = found.read("SPY", H1)
    assert len(before) == 7 * 4 - 1, "the hour of 15:30 is not whole"
    known = found.fingerprint("SPY", H1)
    put(tmp_path, M1, select(bars, slice(-lacking, None)))
    after = found.read("SPY", H1)
    assert len(after) == 7 * 4
    pd.testing.assert_frame_equal(after.iloc[:-1], before)
    assert found.fingerprint("SPY", H1) != known


def test_a_hole_inside_leaves_a_bar_of_what_there_is_and_no_bar_where_nothing_is(tmp_path: Path) -> None:
    bars, hole = minutes(), np.ones(4 * 390, np.bool_)
    hole[70:130] = False  # 10:40 .. 11:39: the second hour lacks its end, the third its beginning
    hole[390:450] = False  # the whole first hour of the second day
    put(tmp_path, M1, select(bars, hole))
    found, wanted = reader(tmp_path).read("SPY", H1), hours_by_pandas(select(bars, hole))
    wanted.loc[2, "ts"] -= pd.Timedelta(minutes=10)
    pd.testing.assert_frame_equal(found, wanted, check_freq=False, rtol=1e-12)
    assert len(found) == 7 * 4 - 1


def test_a_changed_minute_changes_the_hour_and_every_fingerprint(tmp_path: Path) -> None:
    bars = minutes()
    put(tmp_path, M1, bars)
    found = reader(tmp_path)
    before, prints, data = found.read_bars("SPY", H1), found.fingerprints("SPY"), found.data_hash("SPY", H1)
    high = bars.high.copy()
    high[75] = 10 * high[75]
    put(tmp_path, M1, select(bars._replace(high=high), slice(75, 76)))
    after = found.read_bars("SPY", H1)
    assert (after.high[1], after.high[0]) == (high[75], before.high[0])
    assert found.data_hash("SPY", H1) != data
    changed = found.fingerprints("SPY")
    assert set(changed) == set(prints) == set(Timeframe)
    assert all(changed[each] != prints[each] for each in Timeframe)


def test_other_hours_of_the_market_are_other_evidence(tmp_path: Path) -> None:
    """The bars are the same, and the hours are not; a session far away changes nothing."""
    put(tmp_path, M1, minutes())
    table = NEW_YORK.table
    day = int(np.searchsorted(table.days, np.datetime64("2024-03-08")))
    prints = []
    for row in (day, day + 500):
        closes, segments = table.closes.copy(), table.segments.copy()
        closes[row] -= 3_600_000_000_000
        segments[row, 1] = closes[row]
        other = Calendar("other", replace(table, closes=closes, segments=segments))
        prints.append({each: reader(tmp_path, other).fingerprint("SPY", each) for each in (M1, H1, D1)})
    early, far = prints
    known = {each: reader(tmp_path).fingerprint("SPY", each) for each in (M1, H1, D1)}
    assert far == known
    assert early[M1] == known[M1]
    assert early[H1] != known[H1]
    assert early[D1] != known[D1]


def test_prices_are_adjusted_before_they_are_aggregated(tmp_path: Path) -> None:
    """A split of 1:4 on a Wednesday and a dividend on the Thursday: the week is of one measure."""
    days = complete(NEW_YORK, D1, "2024-03-04", "2024-03-15 21:00")
    put(tmp_path, D1, days)
    factors = pd.DataFrame(
        {
            "date": pd.to_datetime(["2024-03-05", "2024-03-13"]),
            "price_factor": [0.98, 0.98],
            "split_factor": [0.25, 1.0],
            "reference_price": [100.0, 100.0],
        }
    )
    BarStore(tmp_path).actions.write_factors("SPY", factors)
    for view in (PriceView.SPLIT_ADJUSTED, PriceView.TOTAL_RETURN):
        daily, weekly = reader(tmp_path).read("SPY", D1, view=view), reader(tmp_path).read("SPY", W1, view=view)
        for week in (0, 1):
            own = daily.iloc[5 * week : 5 * week + 5]
            row = weekly.iloc[week]
            assert row["open"] == own["open"].iloc[0]
            assert row["high"] == own["high"].max()
            assert row["low"] == own["low"].min()
            assert row["volume"] == pytest.approx(own["volume"].sum(), rel=1e-12)
    raw = reader(tmp_path).read("SPY", W1)
    adjusted = reader(tmp_path).read("SPY", W1, view=PriceView.SPLIT_ADJUSTED)
    assert adjusted["volume"].iloc[0] > raw["volume"].iloc[0]


def test_an_unknown_volume_and_quotes(tmp_path: Path) -> None:
    bars = minutes()
    volume = bars.volume.copy()
    volume[5] = np.nan
    put(tmp_path, M1, bars._replace(volume=volume))
    put(tmp_path, M1, bars._replace(close=bars.close - 0.001), QUOTE)
    found = reader(tmp_path)
    trades, quotes = found.read_bars("SPY", H1, TRADE), found.read_bars("SPY", H1, QUOTE)
    assert np.isnan(trades.volume).tolist() == [True] + [False] * 27
    np.testing.assert_allclose(quotes.close, trades.close - 0.001)


def test_the_base_is_the_longest_that_adds_up() -> None:
    assert base_among([M1, M30, D1], H1) is M30
    assert base_among([M1, M30, D1], M5) is M1
    assert base_among([M1, D1], W1) is D1
    assert base_among([M1, W1], MO1) is M1, "weeks make no months"
    assert base_among([H2, D1], H1) is None
    assert base_among([], H1) is None


def test_what_cannot_be_made_is_refused_with_what_is_stored(tmp_path: Path) -> None:
    put(tmp_path, D1, complete(NEW_YORK, D1, "2024-03-04", "2024-03-15 21:00"))
    found = reader(tmp_path)
    with pytest.raises(NoBars, match="no trade bars of SPY at 1h; stored: SPY 1d trade") as refused:
        found.read_bars("SPY", H1)
    assert "import bars of 1h or of a shorter timeframe" in str(refused.value)
    assert (found.coverage("SPY", H1), found.fingerprint("SPY", H1), found.base_of("SPY", H1)) == (None, "", None)


def test_too_few_bars_for_one_whole_period_are_told(tmp_path: Path) -> None:
    put(tmp_path, M1, minutes().head(45))
    found = reader(tmp_path)
    assert found.coverage("SPY", H1) is None
    with pytest.raises(NoBars, match="the stored 1m trade bars of SPY reach over no whole bar of 1h"):
        found.read_bars("SPY", H1)
    assert len(found.read_bars("SPY", M30).ts) == 1


def test_round_the_clock_against_pandas(tmp_path: Path) -> None:
    market = calendar("24/7")
    ts = market.grid(M1, pd.Timestamp("2024-03-01", tz="UTC"), pd.Timestamp("2024-03-04 11:59", tz="UTC"))
    bars = random_bars(ts)
    put(tmp_path, M1, bars)
    for target, rule in ((H2, "2h"), (D1, "1D")):
        groups = frame_of(bars).set_index("ts").resample(rule)
        wanted = groups.agg({"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"})
        whole = wanted if target is H2 else wanted.iloc[:-1]
        found = reader(tmp_path, market).read("SPY", target).set_index("ts").drop(columns="spread")
        pd.testing.assert_frame_equal(found, whole, check_freq=False, rtol=1e-12)
    assert len(bars_of(reader(tmp_path, market).read("SPY", D1)).ts) == 3

"""What each event does to a market, and that nothing else happens with it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.scenarios.support import document
from tradewright.scenarios.market import Series, generate, problems

DAY, HOUR = 86_400_000_000_000, 3_600_000_000_000
QUIET = {"drift": 0.0, "sigma": 0.001}


def series(*events: dict[str, Any], **changed: Any) -> list[Series]:
    """A market that hardly moves by itself, so that only its events are seen."""
    given = document(events=list(events), **{"params": QUIET, "volume_model": "const", **changed})
    made = generate(given)
    assert [list(problems(given, each)) for each in made] == [[]] * len(made)
    return made


def test_a_crash_has_its_depth_and_what_comes_back() -> None:
    (made,) = series({"kind": "crash", "at": 100, "bars": 6, "depth": 0.35, "back": 0.8, "back_bars": 24})
    close = made.bars.close
    assert close[[99, 105, 129]] == pytest.approx([100.0, 65.0, 100.0 * 0.65**0.2], rel=1e-3)
    assert (np.diff(close[99:106]) < 0).all()
    assert close[-1] == pytest.approx(close[129], rel=1e-3)


def test_a_gap_is_seen_at_the_open_alone() -> None:
    (made,) = series({"kind": "gap", "at": 100, "size": -0.12})
    bars = made.bars
    assert (bars.close[99], bars.open[100], bars.close[100]) == pytest.approx((100.0, 88.0, 88.0), rel=1e-3)
    assert np.flatnonzero(bars.open[1:] != bars.close[:-1]).tolist() == [99]


def test_a_halt_leaves_time_out_and_no_bar() -> None:
    (made,) = series({"kind": "halt", "at": 100, "bars": 48, "gap": -0.25})
    steps = np.diff(made.bars.ts) // HOUR
    assert (len(made.bars.ts), steps[99], set(np.delete(steps, 99))) == (500, 49, {1})
    assert made.bars.open[100] == pytest.approx(75.0, rel=1e-3)


def test_days_at_the_limit_are_locked_and_hardly_traded() -> None:
    (made,) = series({"kind": "limit_down", "at": 90, "days": 2, "limit": 0.1}, params={"drift": 0.0, "sigma": 50.0})
    bars, day = made.bars, slice(96, 120)  # the first day that begins at or after bar 90
    assert (bars.high[96:144] == bars.low[96:144]).all()
    assert bars.close[day] == pytest.approx(0.9 * bars.close[95])
    assert bars.close[120:144] == pytest.approx(0.81 * bars.close[95])
    assert bars.volume[[95, 96, 143, 144]].tolist() == [100_000, 1_000, 1_000, 100_000]
    assert (bars.high[144:] > bars.low[144:]).all()


def test_a_split_changes_prices_and_volumes_and_is_told() -> None:
    (made,) = series({"kind": "split", "at": 100, "ratio": 4.0})
    assert made.splits == ((100, 4.0),)
    assert made.bars.close[[99, 100]] == pytest.approx([100.0, 25.0], rel=1e-3)
    assert made.bars.volume[[99, 100]].tolist() == [100_000, 400_000]


def test_missing_bars_are_as_many_as_told_and_the_dataset_is_no_shorter() -> None:
    (made,) = series({"kind": "missing", "share": 0.1})
    places = np.diff(made.bars.ts) // HOUR
    assert (len(made.bars.ts), int((places - 1).sum())) == (500, 50)


def test_weekends_have_no_bars_and_gaps_after_them_alone() -> None:
    (made,) = series({"kind": "weekend_gap", "sigma": 200.0}, hours={"weekdays_only": True}, duration_bars=2000)
    bars = made.bars
    assert set(((bars.ts // DAY + 3) % 7).tolist()) == {0, 1, 2, 3, 4}
    gaps = np.flatnonzero(bars.open[1:] != bars.close[:-1]) + 1
    assert set(((bars.ts[gaps] // DAY + 3) % 7).tolist()) == {0}
    assert len(gaps) == 2000 // 120
    assert 50.0 < np.std(np.log(bars.open[gaps] / bars.close[gaps - 1])) * 1e4 < 400.0


def test_a_squeeze_is_quiet_and_then_loud() -> None:
    (made,) = series(
        {"kind": "squeeze", "at": 1000, "bars": 1000, "loud_bars": 1000, "calm": 0.2, "loud": 3.0},
        params={"drift": 0.0, "sigma": 50.0}, duration_bars=4000,
    )  # fmt: skip
    moves = np.diff(np.log(made.bars.close))
    found = [moves[start : start + 998].std() * 1e4 for start in (0, 1000, 2000, 3000)]
    assert found == pytest.approx([50.0, 10.0, 150.0, 50.0], rel=0.1)


def test_a_bleed_loses_its_depth_in_small_steps() -> None:
    (made,) = series({"kind": "bleed", "at": 50, "bars": 400, "depth": 0.5})
    close = made.bars.close
    assert close[[49, 449]] == pytest.approx([100.0, 50.0], rel=1e-3)
    assert np.abs(np.diff(np.log(close))).max() < 0.002


@pytest.mark.parametrize("timeframe", ["1h", "1d"])
def test_half_days(timeframe: str) -> None:
    hours = {"weekdays_only": True, "start": "14:00", "end": "21:00"}
    (made,) = series({"kind": "half_days", "every": 5}, hours=hours, timeframe=timeframe)
    bars = made.bars
    if timeframe == "1d":
        assert (bars.volume[:6].tolist(), bars.ts[0] % DAY) == ([100_000] * 4 + [50_000, 100_000], 0)
        return
    _days, count = np.unique(bars.ts // DAY, return_counts=True)
    assert count[:6].tolist() == [7, 7, 7, 7, 4, 7]
    assert {int(each) for each in bars.ts % DAY // HOUR} == set(range(14, 21))


def test_nobody_trades_what_was_delisted() -> None:
    (made,) = series({"kind": "delisting", "at": 100, "left": 0.05}, params={"drift": 0.0, "sigma": 50.0})
    bars = made.bars
    assert bars.close[100] == pytest.approx(0.05 * bars.close[99], rel=1e-6)
    assert set(bars.close[100:].tolist()) == {bars.close[100]}
    assert (bars.volume[100] > 0, bars.volume[101:].any()) == (True, False)


def test_a_correlation_goes_to_one_for_a_while() -> None:
    made = series(
        {"kind": "correlation", "at": 1000, "bars": 1000, "to": 0.98},
        params={"drift": 0.0, "sigma": 50.0}, instruments=2, correlation=0.2, duration_bars=3000,
    )  # fmt: skip
    first, second = (np.diff(np.log(each.bars.close)) for each in made)
    found = [np.corrcoef(first[a : a + 998], second[a : a + 998])[0, 1] for a in (0, 1000, 2000)]
    assert found == pytest.approx([0.2, 0.98, 0.2], abs=0.1)


def test_an_event_of_one_series_strikes_no_other() -> None:
    first, second = series({"kind": "gap", "at": 100, "size": -0.5, "only": 1}, instruments=2)
    assert (first.bars.close[-1], second.bars.close[-1]) == pytest.approx((100.0, 50.0), rel=1e-3)

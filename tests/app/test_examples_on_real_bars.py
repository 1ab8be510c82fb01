"""The examples that read other series, from import to backtest, against pandas on the same real bars."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from conf.compose import compose
from runtime.container import Container
from runtime.study import run_study
from tests.app.conftest import say
from tradewright.model.bars import PriceView, Timeframe

pytestmark = pytest.mark.real_data
H1, D1 = Timeframe.H1, Timeframe.D1


def bring(real_data: Path, root: Path, symbols: str, timeframe: str) -> None:
    words = "--instruments", symbols, "--timeframe", timeframe, f"storage.root={root}", "feed=files"
    assert say("import", "lean", str(real_data / "lean" / "Data"), *words).status == 0


def signs(house: Container, symbol: str) -> np.ndarray:
    """The side that a backtest holds at each close."""
    return np.sign(run_study(house).results[symbol].position)


def held(wanted: list[float]) -> np.ndarray:
    """The side at each close, where a decision is filled at the open of the next bar."""
    return np.concatenate(([0.0], wanted[:-1]))


def test_pairs_of_apple_and_the_index_fund(real_data: Path, tmp_path: Path) -> None:
    bring(real_data, tmp_path, "AAPL,SPY", "1d")
    words = (
        "strategy=pairs", "strategy.benchmark=SPY", "backtest.instruments=[AAPL]", "backtest.timeframe=1d",
        "backtest.prices=total_return", "backtest.allow_short=true", "backtest.start=2009-01-02",
        "backtest.end=2014-12-31", "feed=files", f"storage.root={tmp_path}",
    )  # fmt: skip
    with Container(compose(words)) as house:
        own, other = (house.bars.read(symbol, D1, view=PriceView.TOTAL_RETURN) for symbol in ("AAPL", "SPY"))
        own = own[own["ts"].between(pd.Timestamp("2009-01-02", tz="UTC"), pd.Timestamp("2015-01-01", tz="UTC"))]
        both = own.merge(other, on="ts", suffixes=("", "_other"), validate="1:1")
        assert len(both) == len(own) > 1_500
        ratio = np.log(both["close"] / both["close_other"])
        z = (ratio - ratio.rolling(60).mean()) / ratio.rolling(60).std()
        side, wanted = 0.0, []
        for score in z:
            if score <= -2.0 and side <= 0.0:
                side = 1.0
            elif score >= 2.0 and side >= 0.0:
                side = -1.0
            elif (side > 0.0 and score >= -0.5) or (side < 0.0 and score <= 0.5):
                side = 0.0
            wanted.append(side)
        assert {-1.0, 0.0, 1.0} == set(wanted)
        np.testing.assert_array_equal(signs(house, "AAPL"), held(wanted))


def test_breakouts_of_hours_with_the_trend_of_days_that_are_over(real_data: Path, tmp_path: Path) -> None:
    """Days of hours, over half days and changes of clocks: none counts before its last hour has ended."""
    bring(real_data, tmp_path, "SPY", "1h")
    words = (
        "strategy=intraday_trend", "strategy.stop_atr=0", "backtest.instruments=[SPY]", "backtest.timeframe=1h",
        "backtest.prices=raw", "backtest.start=2012-10-01", "backtest.end=2014-01-31", "feed=files",
        f"storage.root={tmp_path}",
    )  # fmt: skip
    with Container(compose(words)) as house:
        hours = house.bars.read("SPY", H1)
        hours["day"] = hours["ts"].dt.tz_convert("America/New_York").dt.date
        days = hours.groupby("day")["close"].last()
        rising = (days - days.rolling(20).mean()).rename("trend")
        today, before = (hours["day"].map(each) for each in (rising, rising.shift(1)))
        is_last = hours["day"] != hours["day"].shift(-1)
        hours["trend"] = today.where(is_last, before)
        known = hours[hours["ts"].between(pd.Timestamp("2012-10-01", tz="UTC"), pd.Timestamp("2014-02-01", tz="UTC"))]
        top, has_range = known["high"].rolling(24).max().shift(1), np.arange(len(known)) >= 14
        side, wanted = 0.0, []
        for close, trend, level, ready in zip(known["close"], known["trend"], top, has_range, strict=True):
            if side * trend < 0.0:
                side = 0.0
            elif side == 0.0 and ready and trend > 0.0 and close > level:
                side = 1.0
            wanted.append(side)
        assert 5 < np.count_nonzero(np.diff(wanted)) < 200
        np.testing.assert_array_equal(signs(house, "SPY"), held(wanted))

"""Instruments of different calendars in one account: a decision never meets a bar that had begun before it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tradewright.backtest.panel.engine import run_panel
from tradewright.backtest.panel.panel import panel_of, session_days
from tradewright.backtest.panel.shared_account import SharedAccount
from tradewright.backtest.spec import BacktestSpec, Sessions
from tradewright.calendars.bar_closes import bar_closes
from tradewright.calendars.registry import calendar
from tradewright.model.allocation import Rebalance, Tables
from tradewright.model.bars import Bars, Floats, Timeframe, Times
from tradewright.model.strategy import Feature

DAY = 86_400 * 10**9


def sessions_of(name: str, timeframe: Timeframe = Timeframe.D1) -> Sessions:
    market = calendar(name)
    return Sessions(name, market.session_dates, lambda ts: bar_closes(market, timeframe, ts))


def flat_bars(ts: Times, open_: Floats, close: Floats) -> Bars:
    nothing = np.full(len(ts), np.nan)
    return Bars(ts, open_, np.maximum(open_, close), np.minimum(open_, close), close, nothing, nothing)


def days(name: str, first: str, count: int) -> Times:
    market = calendar(name)
    opens = market.opens[market.opens >= np.datetime64(first, "ns").astype(np.int64)]
    return opens[:count]


def after_the_coin(i: int, features: Tables, _params: tuple[float, ...], _weights: Floats, out: Floats) -> bool:
    """All into the share after a day on which the coin rose, out of it after one on which it fell."""
    if i == 0:
        return False
    out[1] = 1.0 if features[0][i, 0] > features[0][i - 1, 0] else 0.0
    return True


@dataclass(frozen=True)
class AfterTheCoin:
    """Reads the closes of the coin, trades the share."""

    name = "after the coin"
    allocate = staticmethod(after_the_coin)
    rebalance = Rebalance.BAR

    def prepare_state(self) -> tuple[Feature, ...]:
        return (Feature("close"),)

    def parameters(self) -> tuple[float, ...]:
        return ()


def coin_and_share(count: int = 60, seed: int = 1) -> dict[str, Bars]:
    """The share moves from its open to its close exactly as the coin does from 00:00 to 24:00 of the same day."""
    coin, share = days("24/7", "2024-03-04", count), days("XNYS", "2024-03-04", count)
    share = share[share < coin[-1]]
    rose = np.where(np.random.default_rng(seed).random(count) < 0.5, 1.05, 1.0 / 1.05)
    path = 100.0 * np.cumprod(rose)
    same_day = np.searchsorted(coin, share, side="right") - 1
    even = np.full(len(share), 50.0)
    return {
        "coin": flat_bars(coin, np.append(100.0, path[:-1]), path),
        "share": flat_bars(share, even, even * rose[same_day]),
    }


def test_the_close_of_a_day_is_not_known_while_the_day_goes_on() -> None:
    """Who knows the coin's close at 24:00 when the share opens at 14:30 gains in every bar; nobody knows it."""
    bars = coin_and_share()
    specs = {
        "coin": BacktestSpec(sessions=sessions_of("24/7"), lot_size=0.001),
        "share": BacktestSpec(sessions=sessions_of("XNYS"), lot_size=0.001),
    }
    panel = panel_of(bars, specs)
    made = run_panel(AfterTheCoin(), panel, SharedAccount(), session_days(panel, None))
    assert len(made.fills) > 10
    market = calendar("24/7")
    for fill in made.fills:
        opened = bars["share"].ts[np.searchsorted(panel.rows[1], fill["bar"])]
        deciding = bars["coin"].ts[bars["coin"].ts < opened][-2]
        assert market.bar_close(Timeframe.D1, int(deciding)) <= opened
        known = bars["coin"].close[bars["coin"].ts <= deciding][-2:]
        assert (known[1] > known[0]) == (fill["side"] > 0), "decided on a close that lies in the future"

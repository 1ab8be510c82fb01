"""Instruments of different calendars in one account: a decision never meets a bar that had begun before it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.backtest.conftest import Noisy, random_bars
from tests.backtest.test_panel import Random
from tradewright.backtest.panel.cache import panel_key
from tradewright.backtest.panel.engine import run_panel
from tradewright.backtest.panel.panel import panel_of, session_days, tables_of
from tradewright.backtest.panel.rows import rows_of
from tradewright.backtest.panel.shared_account import SharedAccount
from tradewright.backtest.spec import UTC_DAYS, BacktestSpec, Sessions
from tradewright.calendars.bar_closes import bar_closes
from tradewright.calendars.registry import calendar
from tradewright.model.allocation import Rebalance, Tables
from tradewright.model.bars import Bars, Floats, Timeframe, Times
from tradewright.model.errors import ConfigError, DataError
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


def mixed_specs() -> dict[str, BacktestSpec]:
    return {
        name: BacktestSpec(sessions=sessions_of(market), lot_size=0.001)
        for name, market in (("coin", "24/7"), ("share", "XNYS"))
    }


def test_the_close_of_a_day_is_not_known_while_the_day_goes_on() -> None:
    """Who knows the coin's close at 24:00 when the share opens at 14:30 gains in every bar; nobody knows it."""
    bars = coin_and_share()
    panel = panel_of(bars, mixed_specs())
    made = run_panel(AfterTheCoin(), panel, SharedAccount(), session_days(panel, None))
    assert len(made.fills) > 10
    market = calendar("24/7")
    for fill in made.fills:
        opened = bars["share"].ts[np.searchsorted(panel.rows[1], fill["bar"])]
        deciding = bars["coin"].ts[bars["coin"].ts < opened][-2]
        assert market.bar_close(Timeframe.D1, int(deciding)) <= opened
        known = bars["coin"].close[bars["coin"].ts <= deciding][-2:]
        assert (known[1] > known[0]) == (fill["side"] > 0), "decided on a close that lies in the future"


def test_who_decides_on_the_day_before_gains_nothing_by_it() -> None:
    """With the close of the same day every purchase would gain; with that of the day before some do, some do not."""
    bars = coin_and_share(120)
    panel = panel_of(bars, mixed_specs())
    made = run_panel(AfterTheCoin(), panel, SharedAccount(), session_days(panel, None))
    bought = np.searchsorted(panel.rows[1], made.fills["bar"][made.fills["side"] > 0])
    gained = bars["share"].close[bought] > bars["share"].open[bought]
    assert 0.2 < gained.mean() < 0.8


Spans = list[tuple[int, int]]


@st.composite
def spans(draw: st.DrawFn) -> dict[str, Spans]:
    """Bars of two to four instruments, (start, close); mostly one a day at hours of its own, which may change."""
    found = {}
    for name in "ABCD"[: draw(st.integers(2, 4))]:
        wild = draw(st.integers(0, 9)) == 0
        start, length, own = draw(st.integers(0, 20)), draw(st.integers(1, 24)), Spans()
        for day in range(draw(st.integers(0, 2)), 14):
            if draw(st.integers(0, 4)) == 0:
                start, length = draw(st.integers(0, 20)), draw(st.integers(1, 24))
                continue
            begun = 24 * day + start
            own.append((begun, begun + length if wild else min(begun + length, 24 * (day + 1))))
        own = own or [(start, start + 1)]
        ends = [*(after[0] for after in own[1:]), own[-1][1]]
        found[name] = [(begun, min(close, end)) for (begun, close), end in zip(own, ends, strict=True)]
    return found


def told(own: Spans) -> Sessions:
    """The closes; of a bar that lasts until the next one a later close, which that one cuts."""
    begun = {start for start, _close in own}
    ends = {start: close + 5 * (close in begun) for start, close in own}
    return Sessions(str(own), UTC_DAYS.dates, lambda ts: np.array([ends[start] for start in ts.tolist()], np.int64))


def rows_by_hand(found: dict[str, Spans]) -> list[list[tuple[str, int, int]]]:
    """Groups of overlapping bars, one bar after the other."""
    groups: list[list[tuple[str, int, int]]] = []
    for start, close, name in sorted((start, close, name) for name, own in found.items() for start, close in own):
        joins = bool(groups) and (
            start < max(bar[2] for group in groups for bar in group) or start == groups[-1][-1][1]
        )
        groups[-1].append((name, start, close)) if joins else groups.append([(name, start, close)])
    return groups


@settings(max_examples=150)
@given(found=spans())
def test_rows_are_the_groups_of_bars_that_overlap(found: dict[str, Spans]) -> None:
    starts = {name: np.array([start for start, _close in own], np.int64) for name, own in found.items()}
    sessions, groups = {name: told(own) for name, own in found.items()}, rows_by_hand(found)
    if any(len({bar[0] for bar in group}) < len(group) for group in groups):
        with pytest.raises(ConfigError) as refused:
            rows_of(starts, sessions)
        assert refused.value.code == "BARS_OVERLAP"
        return
    ts, closes, places = rows_of(starts, sessions)
    assert ts.tolist() == [min(bar[1] for bar in group) for group in groups]
    assert closes.tolist() == [max(bar[2] for bar in group) for group in groups]
    for name, place in zip(found, places, strict=True):
        assert [(row, start) for row, start in zip(place.tolist(), starts[name].tolist(), strict=True)] == [
            (row, bar[1]) for row, group in enumerate(groups) for bar in group if bar[0] == name
        ]


@settings(max_examples=30, deadline=None)
@given(found=spans(), seed=st.integers(0, 1_000), delay=st.sampled_from([1, 2]), kind=st.sampled_from(["", "single"]))
def test_no_fill_meets_a_bar_that_had_begun_and_nothing_is_known_early(
    found: dict[str, Spans], seed: int, delay: int, kind: str
) -> None:
    bars = {
        name: random_bars(seed + n, len(own))._replace(ts=np.array([start for start, _close in own], np.int64))
        for n, (name, own) in enumerate(found.items())
    }
    try:
        specs = {name: BacktestSpec(bar_delay=delay, sessions=told(own)) for name, own in found.items()}
        panel = panel_of(bars, specs)
    except (ConfigError, DataError):
        return
    strategy = Noisy(seed) if kind else Random(seed)
    made = run_panel(strategy, panel, SharedAccount(), session_days(panel, None))
    closes = rows_of({name: table.ts for name, table in bars.items()}, {n: s.sessions for n, s in specs.items()}).closes
    for fill, n in zip(made.fills, made.fill_of, strict=True):
        bar = int(np.searchsorted(panel.rows[n], fill["bar"]))
        assert panel.bars[n].ts[bar] >= closes[fill["bar"] - delay]
    (table,) = tables_of((Feature("close"),), panel)
    for row, close in enumerate(closes.tolist()):
        for n, (name, own) in enumerate(found.items()):
            known = [bars[name].close[k] for k, span in enumerate(own) if span[1] <= close]
            assert panel.market.marks[row, n] == (known[-1] if known else 0.0)
            if panel.life.closing[n] == len(panel.ts):
                np.testing.assert_equal(table[row, n], known[-1] if known else np.nan)
    at_rows = {name: table._replace(ts=panel.times_of(n)) for n, (name, table) in enumerate(bars.items())}
    plain = panel_of(at_rows, dict.fromkeys(bars, BacktestSpec(bar_delay=delay)))
    same = run_panel(strategy, plain, SharedAccount(), session_days(plain, None))
    for name, value in asdict(made).items():
        np.testing.assert_array_equal(value, getattr(same, name))


@pytest.mark.parametrize("name", ["XNYS", "24/7", "24/5", "XTKS", "CMES"])
@pytest.mark.parametrize("timeframe", [Timeframe.M30, Timeframe.H1, Timeframe.D1, Timeframe.W1, Timeframe.MO1])
def test_bars_of_one_calendar_have_a_row_for_each_start(name: str, timeframe: Timeframe) -> None:
    market, rng = calendar(name), np.random.default_rng(3)
    span = ("2024-03-01", "2024-04-05") if not timeframe.of_sessions else ("2022-11-01", "2024-12-31")
    grid = market.grid(timeframe, *(pd.Timestamp(day, tz="UTC") for day in span))
    starts = {symbol: grid[np.flatnonzero(rng.random(len(grid)) < 0.9)] for symbol in "ABC"}
    ts, _closes, places = rows_of(starts, dict.fromkeys(starts, sessions_of(name, timeframe)))
    np.testing.assert_array_equal(ts, np.unique(np.concatenate(list(starts.values()))))
    for own, place in zip(starts.values(), places, strict=True):
        np.testing.assert_array_equal(ts[place], own)


@pytest.mark.parametrize(
    ("timeframe", "names", "refused"),
    [
        (Timeframe.D1, ("24/7", "XNYS"), ""),
        (Timeframe.D1, ("24/5", "XNYS"), ""),
        (Timeframe.D1, ("XLON", "XNYS"), ""),
        (Timeframe.M30, ("24/7", "XNYS"), ""),
        (Timeframe.W1, ("24/7", "XNYS"), ""),
        (Timeframe.MO1, ("24/7", "XNYS"), ""),
        (
            Timeframe.H1,
            ("24/7", "XNYS"),
            "a bar of A begins at 2024-03-04 15:00 UTC, while that of B from 2024-03-04 14:30 UTC to",
        ),
        (Timeframe.D1, ("24/7", "24/5"), "a bar of A begins at 2024-03-05 00:00 UTC, while that of B from"),
    ],
)
def test_bars_that_cannot_be_put_side_by_side_are_refused_with_what_to_do(
    timeframe: Timeframe, names: tuple[str, str], refused: str
) -> None:
    span = [pd.Timestamp(day, tz="UTC") for day in ("2024-03-04", "2024-06-28")]
    starts = {symbol: calendar(name).grid(timeframe, *span) for symbol, name in zip("AB", names, strict=True)}
    sessions = {symbol: sessions_of(name, timeframe) for symbol, name in zip("AB", names, strict=True)}
    if not refused:
        assert len(rows_of(starts, sessions).ts) < sum(map(len, starts.values()))
        return
    with pytest.raises(ConfigError) as told_why:
        rows_of(starts, sessions)
    error = told_why.value
    assert (error.code, error.where) == ("BARS_OVERLAP", "backtest.account=shared")
    assert refused in error.what
    assert "backtest.account=split, or leave A or B out" in error.remedy


def test_rows_that_the_starts_do_not_tell_are_part_of_the_signature() -> None:
    bars, shared, hashes = coin_and_share(), SharedAccount(), {"coin": "c", "share": "s"}
    untold = {name: replace(spec, sessions=Sessions(spec.sessions.name, UTC_DAYS.dates)) for name, spec in
              mixed_specs().items()}  # fmt: skip
    keys = set()
    for specs in (mixed_specs(), untold):
        panel = panel_of(bars, specs)
        keys.add(panel_key(AfterTheCoin(), panel, shared, np.zeros(1, np.int64), hashes))
    assert len(keys) == 2

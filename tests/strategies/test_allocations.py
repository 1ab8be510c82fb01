"""The allocations that ship: their port, their weights by hand, and the rotation on real prices."""

from __future__ import annotations

import inspect
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from conf.compose import compose
from conf.strategy_kinds import build, kinds, no_signals, parameters_of
from runtime.container import Container
from strategies.base import BaseAllocation
from strategies.equal_weight import EqualWeight
from strategies.inverse_volatility import InverseVolatility
from strategies.momentum_rotation import MomentumRotation
from tests.support.houses import conf_copy
from tradewright.backtest.panel.allocation_lookahead import allocation_look_ahead
from tradewright.backtest.panel.engine import run_panel
from tradewright.backtest.panel.panel import panel_of, session_days
from tradewright.backtest.panel.shared_account import SharedAccount
from tradewright.backtest.spec import BacktestSpec
from tradewright.backtest.strategy_errors import check_allocation_compiles
from tradewright.fills.costs import BpsCosts
from tradewright.model.bars import Bars, Floats
from tradewright.model.errors import ConfigError, StrategyError

ALLOCATIONS = {name: kind for name, kind in kinds().usable.items() if issubclass(kind, BaseAllocation)}
NAN = float("nan")


def weights(strategy: BaseAllocation, *rows: list[float]) -> tuple[bool, list[float]]:
    """What it wants with these values of its features, one row each."""
    out = np.zeros(len(rows[0]))
    tables = tuple(np.array([row]) for row in rows)
    wished = strategy.allocate(0, tables, strategy.parameters(), np.zeros(len(out)), out)
    return bool(wished), out.round(12).tolist()


@pytest.mark.parametrize("name", ALLOCATIONS)
def test_each_allocation_keeps_the_port(name: str) -> None:
    strategy = ALLOCATIONS[name]()
    assert next(iter(inspect.signature(strategy.allocate).parameters)) == "i"
    assert strategy.parameters() == tuple(float(rule.default) for rule in parameters_of(name).values())
    assert build(name, {}) == strategy
    assert kinds().is_allocation(name)
    assert name not in kinds().signalling


def test_the_strongest_are_held_in_equal_parts() -> None:
    rotation = MomentumRotation(5, 2, 0.0)
    assert weights(rotation, [3.0, 9.0, -1.0, 4.0]) == (True, [0.0, 0.5, 0.0, 0.5])
    assert weights(rotation, [3.0, NAN, -1.0, NAN]) == (True, [0.5, 0.0, 0.0, 0.0]), "a place that nobody takes is cash"
    assert weights(rotation, [2.0, 2.0, 2.0, 2.0]) == (True, [0.5, 0.5, 0.0, 0.0]), "the first of equals"
    assert weights(rotation, [-3.0, -9.0, -1.0, -4.0]) == (True, [0.0] * 4), "nothing rises"
    assert weights(rotation, [NAN] * 4) == (False, [0.0] * 4)
    assert weights(MomentumRotation(5, 9, -100.0), [1.0, 2.0, 3.0])[1] == pytest.approx([1 / 9] * 3)


def test_parts_fall_with_volatility() -> None:
    assert weights(InverseVolatility(), [0.01, 0.03, NAN, 0.0]) == (True, [0.75, 0.25, 0.0, 0.0])
    assert weights(InverseVolatility(), [NAN, 0.0]) == (False, [0.0, 0.0])


def test_equal_parts_of_those_that_are_there() -> None:
    assert weights(EqualWeight(), [1.0, NAN, 7.0]) == (True, [0.5, 0.0, 0.5])
    assert weights(EqualWeight(), [NAN])[0] is False


def test_signals_of_an_allocation_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEWRIGHT_CONF", str(conf_copy(tmp_path, ("equal_weight", "buy_and_hold"))))
    house = Container(compose((f"storage.root={tmp_path}", "strategy=equal_weight")))
    assert isinstance(house.tested, EqualWeight)
    with pytest.raises(ConfigError) as refused:
        _ = house.strategy
    assert refused.value.code == no_signals("equal_weight").code == "ALLOCATION_WITHOUT_SIGNALS"


class _Peeking(EqualWeight):
    """Looks one bar ahead."""

    @staticmethod
    def _allocate(i: int, features: tuple[Floats, ...], _p: tuple[float, ...], _w: Floats, out: Floats) -> bool:
        close = features[0]
        for n in range(len(out)):
            out[n] = 0.1 if i + 1 < len(close) and close[i + 1, n] > close[i, n] else 0.0
        return True

    allocate = _allocate


class _Silent(EqualWeight):
    """Returns nothing where there are no instruments."""

    @staticmethod
    def _allocate(i: int, _features: tuple[Floats, ...], _p: tuple[float, ...], _w: Floats, _out: Floats):
        return True if i > 3 else None

    allocate = _allocate


def walk(seed: int, count: int = 120) -> Bars:
    close = 100 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.01, count)))
    ts = np.arange(count, dtype=np.int64) * 86_400 * 10**9
    return Bars(ts, close, close * 1.01, close * 0.99, close, np.ones(count), np.full(count, NAN))


@pytest.mark.parametrize("name", ALLOCATIONS)
def test_no_allocation_that_ships_looks_ahead_or_does_not_compile(name: str) -> None:
    bars = {"A": walk(1), "B": walk(2), "C": walk(3)}
    panel = panel_of(bars, dict.fromkeys(bars, BacktestSpec()))
    assert allocation_look_ahead(ALLOCATIONS[name](), panel) == ()
    check_allocation_compiles(ALLOCATIONS[name]())


def test_a_planted_look_ahead_is_found_and_a_missing_return_told() -> None:
    bars = {"A": walk(1), "B": walk(2)}
    (found,) = allocation_look_ahead(_Peeking(), panel_of(bars, dict.fromkeys(bars, BacktestSpec())))
    assert "bar 0" in found or "bar " in found
    assert "without the bars after it" in found
    with pytest.raises(StrategyError, match="nothing on some way through it"):
        check_allocation_compiles(_Silent())


def real(folder: Path) -> dict[str, pd.DataFrame]:
    place = folder / "zipline/tests/resources/csvdir_samples/csvdir/daily"
    files = sorted(place.glob("*.csv.gz"))
    if len(files) < 3:
        pytest.skip("TRADEWRIGHT_REAL_DATA does not name a folder with daily bars of several stocks")
    return {file.name.partition(".")[0]: pd.read_csv(file, parse_dates=["date"], index_col="date") for file in files}


def test_the_rotation_on_real_prices_holds_what_rose_most() -> None:
    tables = real(Path(os.environ.get("TRADEWRIGHT_REAL_DATA", "nowhere")))
    bars = {
        name: Bars(
            table.index.as_unit("ns").asi8,
            *(table[each].to_numpy(np.float64) for each in ("open", "high", "low", "close", "volume")),
            np.full(len(table), NAN),
        )
        for name, table in tables.items()
    }
    panel = panel_of(bars, dict.fromkeys(bars, BacktestSpec(costs=BpsCosts(5.0))))
    run = run_panel(MomentumRotation(252, 2, 0.0), panel, SharedAccount(cash_buffer=0.01), session_days(panel, None))
    closes = pd.DataFrame({name: table["close"] for name, table in tables.items()})
    rose = closes / closes.shift(252) - 1.0
    months = closes.index.to_period("M")
    held = np.zeros((len(panel.ts), len(panel.names)))
    for row, n in zip(run.fills, run.fill_of, strict=True):
        held[row["bar"] :, n] += row["side"] * row["quantity"]
    asked = [k for k in range(1, len(closes) - 1) if months[k] != months[k - 1] and rose.iloc[k].notna().any()]
    assert len(asked) > 20
    for k in asked:
        best = rose.iloc[k][rose.iloc[k] > 0.0].nlargest(2).index
        assert {panel.names[n] for n in np.flatnonzero(held[k + 1])} == set(best), closes.index[k]
        parts = held[k + 1] * closes.iloc[k].to_numpy() / run.equity[k]
        assert parts[parts > 0.0] == pytest.approx(np.full(len(best), 0.495), abs=0.01)
    assert not held[: asked[0] + 1].any()

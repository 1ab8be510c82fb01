"""The allocations that ship: their port, their weights by hand, and the rotation on real prices."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from conf.compose import compose
from conf.strategy_kinds import build, kinds, parameters_of, tradable
from runtime.container import Container
from runtime.signals import identity_in_force, newest_signals
from strategies.base import BaseAllocation
from strategies.documents import document_class
from strategies.equal_weight import EqualWeight
from tests.dsl.support import text_of
from tests.strategies.allocation_twins import QuietInPython, StrongestInPython
from tests.support.houses import conf_copy
from tradewright.backtest.panel.allocation_lookahead import allocation_look_ahead
from tradewright.backtest.panel.engine import run_panel
from tradewright.backtest.panel.panel import Panel, feature_tables, panel_of, session_days
from tradewright.backtest.panel.shared_account import SharedAccount
from tradewright.backtest.spec import BacktestSpec
from tradewright.backtest.strategy_errors import check_allocation_compiles
from tradewright.fills.costs import BpsCosts
from tradewright.model.bar_rules import select
from tradewright.model.bars import Bars, Floats
from tradewright.model.errors import ConfigError, StrategyError
from tradewright.research.strategy_check import trial_bars, tried

ALLOCATIONS = {name: kind for name, kind in kinds().usable.items() if issubclass(kind, BaseAllocation)}
NAN = float("nan")


ROTATIONS = {"python": StrongestInPython, "document": ALLOCATIONS["momentum_rotation"]}
QUIET = {"python": QuietInPython, "document": ALLOCATIONS["inverse_volatility"]}


def weights(strategy: BaseAllocation, row: list[float]) -> tuple[bool, list[float]]:
    """What it wants with these values of its feature; where one is known, so is the close."""
    out, values = np.zeros(len(row)), np.array([row])
    names = [feature.indicator for feature in strategy.prepare_state()]
    tables = tuple(np.where(np.isnan(values), NAN, 1.0) if name == "close" else values for name in names)
    wished = strategy.allocate(0, tables, strategy.parameters(), np.zeros(len(out)), out)
    return bool(wished), out.round(12).tolist()


@pytest.mark.parametrize("name", ALLOCATIONS)
def test_each_allocation_keeps_the_port(name: str) -> None:
    strategy = ALLOCATIONS[name]()
    assert next(iter(inspect.signature(strategy.allocate).parameters)) == "i"
    assert strategy.parameters() == tuple(float(rule.default) for rule in parameters_of(name).values())
    assert build(name, {}) == strategy
    assert kinds().is_allocation(name)
    assert name not in kinds().per_instrument


@pytest.mark.parametrize("kind", ROTATIONS.values(), ids=list(ROTATIONS))
def test_the_strongest_are_held_in_equal_parts(kind: type[BaseAllocation]) -> None:
    rotation = kind(bars=5, top=2, least=0.0)
    assert weights(rotation, [3.0, 9.0, -1.0, 4.0]) == (True, [0.0, 0.5, 0.0, 0.5])
    assert weights(rotation, [3.0, NAN, -1.0, NAN]) == (True, [0.5, 0.0, 0.0, 0.0]), "a place that nobody takes is cash"
    assert weights(rotation, [2.0, 2.0, 2.0, 2.0]) == (True, [0.5, 0.5, 0.0, 0.0]), "the first of equals"
    assert weights(rotation, [-3.0, -9.0, -1.0, -4.0]) == (True, [0.0] * 4), "nothing rises"
    assert weights(rotation, [NAN] * 4) == (False, [0.0] * 4)
    assert weights(kind(bars=5, top=9, least=-100.0), [1.0, 2.0, 3.0])[1] == pytest.approx([1 / 9] * 3)


@pytest.mark.parametrize("kind", QUIET.values(), ids=list(QUIET))
def test_parts_fall_with_volatility(kind: type[BaseAllocation]) -> None:
    assert weights(kind(), [0.01, 0.03, NAN, 0.0]) == (True, [0.75, 0.25, 0.0, 0.0])
    assert weights(kind(), [NAN, 0.0]) == (False, [0.0, 0.0])


def test_equal_parts_of_those_that_are_there() -> None:
    assert weights(EqualWeight(), [1.0, NAN, 7.0]) == (True, [0.5, 0.0, 0.5])
    assert weights(EqualWeight(), [NAN])[0] is False


def asked(strategy: BaseAllocation, panel: Panel) -> list[list[float]]:
    """The weights of every bar, and at last whether to trade; no weights where not."""
    tables, rows = feature_tables(strategy, panel), []
    for i in range(len(panel.ts)):
        out = np.zeros(len(panel.names))
        wished = strategy.allocate(i, tables, strategy.parameters(), np.zeros(len(out)), out)
        rows.append([*(out if wished else out * 0), float(wished)])
    return rows


def assert_twins(panel: Panel, lengths: tuple[int, ...]) -> None:
    for length in lengths:
        for top, least in ((1, 0.0), (2, 2.5), (3, -100.0)):
            one, other = (kind(bars=length, top=top, least=least) for kind in ROTATIONS.values())
            expected = asked(one, panel)
            assert np.any(np.array(expected)[:, :-1])
            np.testing.assert_array_equal(asked(other, panel), expected)
        one, other = (kind(window=length) for kind in QUIET.values())
        np.testing.assert_array_equal(asked(other, panel), asked(one, panel))


def test_documents_ask_for_the_same_bits_as_their_twins_in_python() -> None:
    """With one instrument that begins late and one that ends early, and a stretch in which nothing moves."""
    late, early = select(trial_bars(8), slice(60, None)), select(trial_bars(9), slice(0, 220))
    bars = {"whole": trial_bars(7), "late": late, "early": early, "again": trial_bars(7)}
    assert_twins(panel_of(bars, dict.fromkeys(bars, BacktestSpec())), (5, 30))


@pytest.mark.parametrize("act", [newest_signals, identity_in_force])
def test_signals_of_an_allocation_need_one_account(
    act: Callable[[Container], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRADEWRIGHT_CONF", str(conf_copy(tmp_path, ("equal_weight", "buy_and_hold"))))
    house = Container(compose((f"storage.root={tmp_path}", "strategy=equal_weight")))
    assert isinstance(house.strategy, EqualWeight)
    assert (tradable("split"), tradable("shared")) == (["buy_and_hold"], ["buy_and_hold", "equal_weight"])
    with pytest.raises(ConfigError) as refused:
        act(house)
    assert refused.value.code == "NEEDS_SHARED_ACCOUNT"


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


def test_a_document_may_read_another_instrument_and_a_longer_timeframe(tmp_path: Path) -> None:
    """Its condition is the same for all; the look-ahead test cuts those series as well, and the code compiles."""
    filtered = {"hold_if": "close of SPY > sma(close of SPY, 20) and close on 1w > 0", "every": "bar", "total": 0.5}
    file = tmp_path / "planted.yaml"
    file.write_text(text_of(params={}, rules=..., allocate=filtered))
    kind = document_class(file)
    labels = {feature.label for feature in kind().prepare_state()}
    assert labels == {"close", "close of SPY", "sma(20) of SPY", "close on 1w"}
    assert tried(kind(), tmp_path) == ()
    assert len(list(tmp_path.iterdir())) == 2, "that it was found good is remembered"


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


def real_panel(tables: dict[str, pd.DataFrame]) -> Panel:
    bars = {
        name: Bars(
            table.index.as_unit("ns").asi8,
            *(table[each].to_numpy(np.float64) for each in ("open", "high", "low", "close", "volume")),
            np.full(len(table), NAN),
        )
        for name, table in tables.items()
    }
    return panel_of(bars, dict.fromkeys(bars, BacktestSpec(costs=BpsCosts(5.0))))


def test_documents_ask_for_the_same_bits_on_real_prices() -> None:
    assert_twins(real_panel(real(Path(os.environ.get("TRADEWRIGHT_REAL_DATA", "nowhere")))), (60, 252))


def test_the_rotation_on_real_prices_holds_what_rose_most() -> None:
    tables = real(Path(os.environ.get("TRADEWRIGHT_REAL_DATA", "nowhere")))
    panel, rotation = real_panel(tables), ROTATIONS["document"](bars=252, top=2, least=0.0)
    run = run_panel(rotation, panel, SharedAccount(cash_buffer=0.01), session_days(panel, None))
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

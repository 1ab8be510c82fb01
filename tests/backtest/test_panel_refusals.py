"""What a shared account refuses, with code, place and remedy."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from tests.backtest.conftest import random_bars
from tradewright.backtest.panel.engine import run_panel
from tradewright.backtest.panel.panel import panel_of, session_days
from tradewright.backtest.panel.shared_account import SharedAccount
from tradewright.backtest.rates import Conversion
from tradewright.backtest.spec import BacktestSpec
from tradewright.model.allocation import Rebalance, Tables
from tradewright.model.bar_rules import select
from tradewright.model.bars import Floats
from tradewright.model.errors import ConfigError, DataError, StrategyError, TradewrightError
from tradewright.model.strategy import Feature

BARS = {"A": random_bars(1, 30), "B": random_bars(2, 30)}
SPECS = {name: BacktestSpec() for name in BARS}


def fixed(_i: int, _features: Tables, params: tuple[float, ...], _weights: Floats, out: Floats) -> bool:
    out[0] = params[0]
    out[1] = params[1]
    return True


@dataclass(frozen=True)
class Fixed:
    """The same two weights at every bar."""

    first: float
    second: float

    name = "fixed"
    allocate = staticmethod(fixed)
    rebalance = Rebalance.BAR

    def prepare_state(self) -> tuple[Feature, ...]:
        return ()

    def parameters(self) -> tuple[float, ...]:
        return self.first, self.second


def weighed(first: float, second: float, shared: SharedAccount, bars=BARS) -> TradewrightError:
    panel = panel_of(bars, SPECS)
    with pytest.raises(StrategyError) as refused:
        run_panel(Fixed(first, second), panel, shared, session_days(panel, None))
    return refused.value


@pytest.mark.parametrize(
    ("weights", "shared", "code", "told"),
    [
        ((0.5, np.nan), SharedAccount(), "WEIGHT_NOT_A_NUMBER", "the target weight of B, nan"),
        ((np.inf, 0.0), SharedAccount(), "WEIGHT_NOT_A_NUMBER", "the target weight of A, inf"),
        ((-0.1, 0.2), SharedAccount(), "WEIGHT_SHORT", "the target weight of A, -0.1"),
        ((0.2, 0.31), SharedAccount(max_weight=0.3), "WEIGHT_ABOVE_CAP", "the target weight of B, 0.31"),
        ((0.6, 0.5), SharedAccount(), "WEIGHTS_ABOVE_GROSS", "the target weight of all, 1.1"),
        ((0.4, 0.4), SharedAccount(max_gross=0.7), "WEIGHTS_ABOVE_GROSS", "the target weight of all, 0.8"),
    ],
)
def test_weights_that_are_not_admitted_end_the_run(weights, shared, code, told):
    error = weighed(*weights, shared)
    assert error.code == code
    assert told in error.what
    assert "1970-01-01" in error.what
    assert "test_panel_refusals.py" in error.where
    assert error.remedy


def test_weights_at_their_caps_are_admitted():
    panel = panel_of(BARS, SPECS)
    made = run_panel(Fixed(0.3, 0.4), panel, SharedAccount(0.4, 0.7), session_days(panel, None))
    assert len(made.fills) > 2


def test_a_weight_for_an_instrument_that_has_not_begun_is_refused():
    late = {"A": BARS["A"], "B": select(BARS["B"], np.arange(10, 30))}
    assert weighed(0.2, 0.2, SharedAccount(), late).code == "WEIGHT_UNAVAILABLE"


@pytest.mark.parametrize(
    ("bars", "specs", "kind", "code"),
    [
        ({}, SPECS, ConfigError, "NO_INSTRUMENTS"),
        ({"A": BARS["A"], "B": BARS["B"].head(0)}, SPECS, DataError, "NO_BARS"),
        (
            {"A": BARS["A"].head(10), "B": select(BARS["B"], np.arange(10, 30))},
            SPECS,
            DataError,
            "NO_OVERLAP",
        ),
        (
            {"A": BARS["A"], "B": BARS["B"]._replace(close=np.full(30, np.nan))},
            SPECS,
            DataError,
            "DATA_ERROR",
        ),
        (BARS, {**SPECS, "B": BacktestSpec(allow_overdraft=True)}, ConfigError, "NO_OVERDRAFT"),
        (
            BARS,
            {**SPECS, "B": BacktestSpec(conversion=Conversion(np.ones(30), np.ones(30)))},
            ConfigError,
            "ONE_CURRENCY",
        ),
        (
            BARS,
            {**SPECS, "B": BacktestSpec(fill_market="quote_close", quoted_spread=1.0)},
            ConfigError,
            "NO_QUOTE_CLOSE",
        ),
        (BARS, {**SPECS, "B": BacktestSpec(first_bar=3)}, ConfigError, "CONFIG_ERROR"),
        (BARS, {**SPECS, "B": BacktestSpec(bar_delay=0, fill_market="next_close")}, ConfigError, "CONFIG_ERROR"),
    ],
)
def test_a_panel_that_cannot_be_is_refused(bars, specs, kind, code):
    with pytest.raises(kind) as refused:
        panel_of(bars, specs)
    assert refused.value.code == code


def allocating(_i: int, _features: Tables, _params: tuple[float, ...], _weights: Floats, out: Floats) -> bool:
    order = np.argsort(out)
    return bool(order[0] >= 0)


@dataclass(frozen=True)
class Allocating(Fixed):
    """Makes an array, which machine code here cannot."""

    allocate = staticmethod(allocating)


def test_an_allocation_that_cannot_be_compiled_is_told_with_its_line():
    panel = panel_of(BARS, SPECS)
    with pytest.raises(StrategyError) as refused:
        run_panel(Allocating(0.1, 0.1), panel, SharedAccount(), session_days(panel, None))
    assert "allocate: it cannot be compiled" in str(refused.value)
    assert "test_panel_refusals.py" in refused.value.where


def test_shares_out_of_their_range_are_refused():
    for wrong in (
        {"max_weight": 0.0},
        {"max_gross": 1.5},
        {"cash_buffer": 1.0},
        {"borrow_rate": -0.1},
        {"margin": 1.0},
    ):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            SharedAccount(**wrong)
    assert replace(SharedAccount(), rebalance=Rebalance.WEEK).rebalance is Rebalance.WEEK

"""Random accounts: every figure against the plain-Python witness, within 1e-9."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.evaluation.accounts import DAY, MINUTE, START, Fill, account
from tests.evaluation.plain_metrics import plain_metrics
from tests.evaluation.reference import hold_spy, macd_spy, sma_goog
from tradewright.evaluation.equity_curve import Sampling
from tradewright.evaluation.metrics import evaluate

STEPS = (MINUTE, 60 * MINUTE, 6 * 60 * MINUTE, DAY, 3 * DAY)


def random_account(seed: int, bars: int, step: int, trades: int, multiplier: float):
    """A random walk with holes in time, and trades of either side with fees; some of them ruinous."""
    random = np.random.default_rng(seed)
    closes = (100 * np.exp(np.cumsum(random.normal(0, 0.02, bars)))).tolist()
    ts = START + step * np.cumsum(random.choice([1, 1, 1, 1, 4], bars))
    cuts = sorted(random.choice(bars, min(2 * trades, bars), replace=False).tolist())
    fills, held = [], 0.0
    for bar in cuts:
        quantity = -held if held else float(random.choice([-3, -1, 1, 2, 5]))
        fills.append(Fill(bar, quantity, closes[bar] * 1.001, round(random.uniform(0, 2), 2)))
        held += quantity
    return account(closes, fills, ts=ts.tolist(), multiplier=multiplier)


def assert_agreement(result, sampling, days_per_year, risk_free):
    ours = evaluate(result, sampling, days_per_year, risk_free)
    for name, expected in plain_metrics(result, sampling.value, days_per_year, risk_free).items():
        found = getattr(ours, name)
        assert math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-9), f"{name}: {found} is not {expected}"


@settings(max_examples=250)
@given(
    st.integers(min_value=0, max_value=10**6),
    st.integers(min_value=1, max_value=150),
    st.sampled_from(STEPS),
    st.integers(min_value=0, max_value=12),
    st.sampled_from([1.0, 20.0]),
    st.sampled_from(Sampling),
    st.sampled_from([(252, 0.0), (365, 0.03), (365, -0.01)]),
)
def test_random_accounts(seed, bars, step, trades, multiplier, sampling, setting):
    assert_agreement(random_account(seed, bars, step, trades, multiplier), sampling, *setting)


@pytest.mark.parametrize("sampling", Sampling)
def test_no_bars(sampling):
    assert_agreement(account([]), sampling, 252, 0.01)


@pytest.mark.real_data
@pytest.mark.parametrize("sampling", Sampling)
@pytest.mark.parametrize("reference", [hold_spy, macd_spy, sma_goog])
def test_real_prices(real_data, reference, sampling):
    result = reference(real_data)
    assert_agreement(result, sampling, 252, 0.02)

"""MAE and MFE: by hand, and against a plain loop over the bars."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.evaluation.accounts import DAY, Fill, account
from tests.evaluation.test_against_plain_metrics import random_account
from tradewright.evaluation.excursions import excursions


def with_ranges(result, low, high):
    return replace(result, bars=result.bars._replace(low=np.array(low, float), high=np.array(high, float)))


def test_by_hand() -> None:
    """Bought at 50 on bar 1, sold at 60 on bar 3: the low of 2 on the exit's bar came after it was left."""
    long = account([50, 55, 52, 61], [Fill(1, 10, 50), Fill(3, -10, 60)])
    known = excursions(with_ranges(long, [1, 45, 48, 2], [99, 56, 58, 99]))
    assert (known.adverse.tolist(), known.favourable.tolist()) == ([-50.0], [100.0])
    assert (known.adverse_share.tolist(), known.favourable_share.tolist()) == (
        pytest.approx([-0.1]),
        pytest.approx([0.2]),
    )
    short = account([50, 55, 52, 61], [Fill(1, -10, 50), Fill(3, 10, 60)], multiplier=2.0)
    known = excursions(with_ranges(short, [1, 45, 48, 2], [99, 56, 58, 99]))
    assert (known.adverse.tolist(), known.favourable.tolist()) == ([-200.0], [100.0])


def test_a_trade_within_one_bar_and_no_trade_at_all() -> None:
    day = account([50, 55], [Fill(1, 1, 52), Fill(1, -1, 54)])
    known = excursions(with_ranges(day, [40, 51], [60, 57]))
    assert (known.adverse.tolist(), known.favourable.tolist()) == ([-1.0], [5.0])
    assert len(excursions(account([50, 55])).adverse) == 0


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.integers(2, 80))
def test_against_a_plain_loop(seed, bars):
    made = random_account(seed, bars, DAY, 8, 20.0)
    close = made.bars.close
    random = np.random.default_rng(seed)
    low, high = close * (1 - random.uniform(0, 0.05, bars)), close * (1 + random.uniform(0, 0.05, bars))
    result = with_ranges(made, low, high)
    known = excursions(result)
    assert len(known.adverse) == len(result.trades)
    for place, trade in enumerate(result.trades):
        first, last = int(trade["entry_bar"]), int(trade["exit_bar"])
        inside = range(first, max(last, first + 1))
        prices = [trade["entry_price"], trade["exit_price"], *(low[i] for i in inside), *(high[i] for i in inside)]
        moves = [trade["direction"] * (price - trade["entry_price"]) for price in prices]
        worth = trade["quantity"] * 20.0
        assert known.adverse[place] == pytest.approx(min(moves) * worth)
        assert known.favourable[place] == pytest.approx(max(moves) * worth)
        assert known.adverse_share[place] == pytest.approx(min(moves) / trade["entry_price"])
        assert known.adverse[place] <= 0 <= known.favourable[place]

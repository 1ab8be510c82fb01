"""``docs/indicators.md`` is current, and what it says is so."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from tests.backtest.conftest import random_bars
from tests.indicators.conftest import HOUR
from tests.indicators.write_page import PAGE
from tradewright.indicators.catalogue import INDICATORS
from tradewright.indicators.page import DESCRIPTIONS, RECURSIVE, indicators_page
from tradewright.indicators.registry import columns
from tradewright.model.session_hours import UTC_HOURS
from tradewright.model.strategy import Feature

BARS = random_bars(3, 500)
BARS = BARS._replace(ts=BARS.ts // 24 + 22 * HOUR, spread=np.full(500, 5.0), volume=BARS.volume + 1.0)
"""Hours from 22:00 UTC of a Thursday on, when no session is open but the day in UTC."""


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == indicators_page(), "run python -m tests.indicators.write_page"


def test_every_indicator_is_described_and_no_other() -> None:
    assert list(DESCRIPTIONS) == list(INDICATORS)
    assert set(RECURSIVE) < set(INDICATORS)


@pytest.mark.parametrize("name", INDICATORS)
def test_the_first_value_stands_where_the_page_says(name: str) -> None:
    told = DESCRIPTIONS[name]
    (column,) = columns((Feature(name, told.usual),), BARS, hours=UTC_HOURS)
    known = {rule.name: value for rule, value in zip(INDICATORS[name], told.usual, strict=True)}
    first = _opening(name) if "session" in told.first else int(eval(told.first, {**vars(math), "max": max}, known))
    assert int(np.argmax(~np.isnan(column))) == first
    assert not np.isnan(column[first])


def _opening(name: str) -> int:
    """The first bar of the first session, or of the second one for pivot points."""
    session = re.sub("^(vwap|opening_(high|low)|pivot(_[rs][123])?)_", "", name)
    if session in ("utc", "session"):
        openings = np.flatnonzero(BARS.ts % (24 * HOUR) == 0).tolist()
        if not name.startswith("opening"):  # of a day that began before the first bar
            openings.insert(0, 0)
    else:
        (inside,) = columns((Feature(f"session_{session}"),), BARS)
        openings = np.flatnonzero(np.diff(inside, prepend=0.0) == 1.0).tolist()
    return int(openings[name.startswith("pivot")])

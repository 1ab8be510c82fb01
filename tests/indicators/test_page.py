"""``docs/indicators.md`` is current, and what it says is so."""

from __future__ import annotations

import numpy as np
import pytest

from tests.backtest.conftest import random_bars
from tests.indicators.write_page import PAGE
from tradewright.indicators.catalogue import INDICATORS
from tradewright.indicators.page import DESCRIPTIONS, indicators_page
from tradewright.indicators.registry import columns
from tradewright.model.strategy import Feature

BARS = random_bars(3, 500)._replace(spread=np.full(500, 5.0))


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == indicators_page(), "run python -m tests.indicators.write_page"


def test_every_indicator_is_described_and_no_other() -> None:
    assert list(DESCRIPTIONS) == list(INDICATORS)


@pytest.mark.parametrize("name", INDICATORS)
def test_the_first_value_stands_where_the_page_says(name: str) -> None:
    told = DESCRIPTIONS[name]
    (column,) = columns((Feature(name, told.usual),), BARS)
    known = {rule.name: value for rule, value in zip(INDICATORS[name], told.usual, strict=True)}
    first = int(eval(told.first, {"max": max}, known))
    assert int(np.argmax(~np.isnan(column))) == first
    assert not np.isnan(column[first])

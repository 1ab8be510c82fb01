"""Ages in words (E3): days or minutes instead of microseconds, and never within a limit that they are beyond."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewright.model.duration import age_text, limit_text

SPANS = st.decimals(min_value=0, max_value=10**9, places=6, allow_nan=False)


@pytest.mark.parametrize(
    ("seconds", "age", "limit"),
    [
        ("0", "0 s", "0 s"), ("31.5", "31.5 s", "31.5 s"), ("30.000001", "30.1 s", "30 s"),
        ("119.9", "119.9 s", "119.9 s"), ("120", "2 minutes", "2 minutes"),
        ("3661", "61.1 minutes", "61 minutes"), ("7200", "2 hours", "2 hours"),
        ("82800", "23 hours", "23 hours"), ("713301.677151", "8.3 days", "8.2 days"),
    ],
)  # fmt: skip
def test_by_hand(seconds: str, age: str, limit: str) -> None:
    assert (age_text(Decimal(seconds)), limit_text(Decimal(seconds))) == (age, limit)


@given(SPANS, SPANS)
def test_an_age_beyond_a_limit_never_reads_as_that_limit(one: Decimal, other: Decimal) -> None:
    least, most = sorted((one, other))
    if least < most:
        assert age_text(most) != limit_text(least)

"""The score of a series: what it counts, what it does not, and that it never says more than was measured."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.tables import bars_table
from tradewright.model.bars import Timeframe
from tradewright.model.instrument import AssetClass, Instrument
from tradewright.quality.check import check_bars
from tradewright.quality.report import Code, Figure, Finding, Severity
from tradewright.quality.score import recorded_score, score, score_text

ABC = Instrument(symbol="ABC", asset_class=AssetClass.CRYPTO, calendar="24/7")
GRADES = st.sampled_from(Severity)
SHARES = st.one_of(st.none(), st.floats(0, 1))


def finding(severity: Severity, share: float | None) -> Finding:
    figures: dict[str, Figure] = {} if share is None else {"share": share}
    return Finding(code=Code.JUMPS, severity=severity, message="", figures=figures)


findings = st.lists(st.builds(finding, GRADES, SHARES), max_size=4)


def test_it_is_the_share_of_the_bars_that_nothing_speaks_against() -> None:
    """Counted by hand: 57 of 60 minutes are there, one has crossed quotes, one no volume."""
    frame = bars_table(60)
    frame.loc[10, "spread"], frame.loc[20, "volume"] = -1.0, 0.0
    left = frame.drop(index=[40, 41, 42]).reset_index(drop=True)
    grid = frame["ts"].astype(np.int64).to_numpy()
    report = check_bars(left, ABC, Timeframe.M1, now=datetime(2030, 1, 1, tzinfo=UTC), grid=grid)
    assert score(report.findings) == np.floor(10_000 * (1 - 3 / 60 - 1 / 57)) / 100
    assert {row.code for row in report.findings if row.severity is Severity.INFO} >= {Code.ZERO_VOLUME}


@given(findings)
def test_it_lies_within_its_bounds_and_is_best_where_nothing_is_told(found: list[Finding]) -> None:
    told = [row for row in found if row.severity is not Severity.INFO]
    blind = any(row.severity is Severity.BLOCK and "share" not in row.figures for row in told)
    assert 0 <= score(found) <= 100
    assert (score(found) == 100) == (not blind and all(row.figures.get("share", 0) == 0 for row in told))
    assert not blind or score(found) == 0


@given(findings, GRADES, SHARES)
def test_a_further_finding_never_raises_it(found: list[Finding], grade: Severity, share: float | None) -> None:
    more = finding(grade, share)
    assert score([*found, more]) <= score(found)
    if grade is Severity.INFO:
        assert score([*found, more]) == score(found)


def test_one_bad_bar_of_a_million_is_seen() -> None:
    assert score([finding(Severity.WARN, 1e-6)]) == 99.99


@pytest.mark.parametrize(
    ("detail", "told", "text"),
    [({"score": 97.5}, 97.5, "97.50"), ({"score": 0}, 0.0, "0.00"), ({}, None, "not kept"), (None, None, "not kept")],
)
def test_a_record_from_before_scores_tells_none(detail: object, told: float | None, text: str) -> None:
    assert recorded_score(detail) == told
    assert score_text(recorded_score(detail)) == text

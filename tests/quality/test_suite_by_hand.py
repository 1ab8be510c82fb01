"""The shipped suite against a plain reading of what it declares, and against the contract, on tables with holes."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from conf.environment import SOURCE
from conf.suites import read_suite
from tests.data.tables import bars_table
from tests.support.extent import runs
from tradewright.model.bars import Timeframe, Times
from tradewright.model.instrument import AssetClass, Instrument
from tradewright.quality.anomalies import gap_findings
from tradewright.quality.check import check_bars
from tradewright.quality.expectations import run_suite

SUITE = read_suite(SOURCE / "conf" / "expectations" / "bars.yaml")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
ABC = Instrument(symbol="ABC", asset_class=AssetClass.STOCK)
ROWS = 40


def damaged(seed: int) -> pd.DataFrame:
    """Forty bars of which a few cells are wrong; of seed 0 none is."""
    random = np.random.default_rng(seed)
    frame = bars_table(ROWS)
    for _ in range(seed):
        row = int(random.integers(1, ROWS))
        column = str(random.choice(["open", "high", "low", "close", "volume", "spread", "ts"]))
        if column == "ts":
            frame.loc[row, "ts"] = frame.loc[row - 1, "ts"]
        else:
            frame.loc[row, column] = random.choice([math.nan, -3.0, 0.5, 2_000.0])
    return frame


PAIRS = [("high", "low"), ("high", "open"), ("high", "close"), ("open", "low"), ("close", "low")]


def not_above(frame: pd.DataFrame, upper: str, lower: str) -> int:
    """Rows in which the upper column is not at or above the lower one; a value that is unknown is not above anything.

    Where both are unknown there is nothing to compare.
    """
    rows = zip(frame[upper], frame[lower], strict=True)
    return sum(not up >= low and not (math.isnan(up) and math.isnan(low)) for up, low in rows)


def by_hand(frame: pd.DataFrame) -> dict[tuple[str, str], int]:
    """What is wrong with a table, per expectation on columns: how many values."""
    return {
        ("expect_column_values_to_not_be_null", "ts"): 0,
        **{
            ("expect_column_values_to_not_be_null", name): sum(map(math.isnan, frame[name]))
            for name in ("open", "close", "volume")
        },
        ("expect_column_values_to_be_increasing", "ts"): sum(b <= a for a, b in pairwise(frame["ts"])),
        **{
            ("expect_column_pair_values_a_to_be_greater_than_b", f"{upper}, {lower}"): not_above(frame, upper, lower)
            for upper, lower in PAIRS
        },
        ("expect_column_values_to_be_between", "volume"): sum(value < 0 for value in frame["volume"].dropna()),
        SPREADS: sum(not 0 <= value <= 500 for value in frame["spread"].dropna()),
    }


SPREADS = ("expect_column_values_to_be_between", "spread")
"""The one of these that only warns."""


@pytest.mark.parametrize("seed", range(runs(4, 8)))
def test_every_count_is_the_one_of_a_plain_reading(seed: int) -> None:
    frame = damaged(seed)
    result = run_suite(frame, SUITE)
    counted = {(row.type, row.about): row for row in result.outcomes}
    for key, wrong in by_hand(frame).items():
        outcome = counted[key]
        assert (outcome.unexpected, outcome.passed, outcome.error) == (wrong, wrong == 0, ""), key
    assert len(counted) == len(SUITE.expectations) == len(by_hand(frame)) + 3
    assert result.rows == ROWS
    assert result.blocking == any(wrong for key, wrong in by_hand(frame).items() if key != SPREADS)


@pytest.mark.parametrize("seed", range(runs(4, 8)))
def test_what_the_suite_refuses_the_contract_refuses_too(seed: int) -> None:
    """Two libraries and two authors: the suite is the weaker one, and never the only one to object."""
    frame = damaged(seed)
    suite, contract = run_suite(frame, SUITE), check_bars(frame, ABC, Timeframe.M1, now=NOW)
    assert contract.blocking >= suite.blocking
    assert contract.blocking is (seed > 0)


def slots(*numbers: int) -> Times:
    return np.array(numbers, dtype=np.int64) * 60_000_000_000


@pytest.mark.parametrize("hours", [1, 24, 24 * 365])
def test_gaps_do_not_depend_on_the_date(hours: int) -> None:
    bars, grid = slots(0, 1, 4, 5, 6, 9, 11), slots(*range(12))
    shift = np.int64(hours * 3_600_000_000_000)
    (here,), (there,) = gap_findings(bars, grid), gap_findings(bars + shift, grid + shift)
    assert here.message == there.message
    assert {**here.figures, "longest_from": ""} == {**there.figures, "longest_from": ""}
    assert (here.figures["missing"], here.figures["gaps"], here.figures["longest"]) == (5, 3, 2)
    moved = pd.Timestamp(str(there.figures["longest_from"])) - pd.Timestamp(str(here.figures["longest_from"]))
    assert moved == pd.Timedelta(hours=hours)


def test_gaps_of_two_spans_are_those_of_each_and_the_one_between() -> None:
    grid = slots(*range(20))
    first, second = slots(0, 2, 3), slots(10, 11, 15)
    counts = [gap_findings(each, grid)[0].figures["missing"] for each in (first, second, np.append(first, second))]
    assert counts == [1, 3, 1 + 3 + 6]


@pytest.mark.parametrize("timeframe", [Timeframe.M1, Timeframe.H1])
def test_the_order_of_columns_is_no_matter_and_that_of_rows_is(timeframe: Timeframe) -> None:
    frame = bars_table(ROWS) if timeframe is Timeframe.M1 else bars_table(ROWS).assign(
        ts=lambda table: table["ts"].iloc[0].floor("1h") + pd.to_timedelta(np.arange(ROWS), unit="h")
    )  # fmt: skip
    plain = check_bars(frame, ABC, timeframe, now=NOW)
    assert not plain.blocking
    assert check_bars(frame[list(reversed(frame.columns))], ABC, timeframe, now=NOW) == plain
    assert check_bars(frame.iloc[::-1].reset_index(drop=True), ABC, timeframe, now=NOW).blocking

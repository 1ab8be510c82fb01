"""``conf/quality``: each threshold moves a finding, each severity is told, and no bound lets a check be off."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from conf.compose import compose
from tests.data.tables import bars_table
from tradewright.model.bar_rules import bars_of
from tradewright.model.bars import Timeframe
from tradewright.model.errors import ConfigError
from tradewright.model.instrument import AssetClass, Instrument, TickerSpan
from tradewright.quality.agreement import OtherBars
from tradewright.quality.check import check_bars
from tradewright.quality.evidence import GRAVE
from tradewright.quality.report import Code, QualityReport, Severity
from tradewright.quality.thresholds import SHIPPED, SPLIT_RATIOS, QualityRules, Severities
from tradewright.store.dataset import Part, Quarantine

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ABC = Instrument(symbol="ABC", asset_class=AssetClass.STOCK)
ONE = slice(30, 30)
PRICES = ["open", "high", "low", "close"]


ASIDE = Quarantine(
    number=1, bars=Part(file="", rows=3, first=0, last=2, sha256=""), actor="ann", reason="a test", at=NOW
)


OTHER = bars_of(bars_table(60).assign(close=lambda frame: frame["high"] * 1.02, high=lambda frame: frame["close"]))
OTHERS = tuple(OtherBars(code, "others", OTHER) for code in (Code.TIMEFRAMES_DISAGREE, Code.SOURCES_DISAGREE))


def judged(frame: pd.DataFrame, rules: QualityRules, grid: np.ndarray | None = None) -> QualityReport:
    spans = [TickerSpan(frame["ts"].iloc[0].date(), "OLD", "N")]
    return check_bars(
        frame, ABC, Timeframe.M1, now=NOW, grid=grid, symbol_map=spans, rules=rules, aside=[ASIDE], others=OTHERS
    )


def changed(group: str, **values: object) -> QualityRules:
    return QualityRules.model_validate(SHIPPED.model_dump() | {group: SHIPPED.model_dump()[group] | values})


def moved(times: float, rows: slice = slice(30, None), columns: list[str] = PRICES, missing: int = 0) -> pd.DataFrame:
    """Sixty quiet minutes, some of their prices multiplied, and bars left out before the thirtieth."""
    frame = bars_table(60)
    frame.loc[rows, columns] *= times
    return frame.drop(index=range(30 - missing, 30)).reset_index(drop=True)


def wild(times: float, columns: list[str], rows: slice = ONE) -> pd.DataFrame:
    """Every other minute one percent higher, so that ranges are wide."""
    frame = moved(times, rows, columns)
    frame[PRICES] = frame[PRICES].mul(1 + 0.01 * (frame.index % 2), axis=0)
    return frame


def noisy(times: float) -> pd.DataFrame:
    """Minutes that move by a percent."""
    frame = moved(times)
    frame[PRICES] = frame[PRICES].mul(1 + 0.01 * np.random.default_rng(1).standard_normal(len(frame)), axis=0)
    return frame


def near_wild() -> pd.DataFrame:
    """A high between six other high ones."""
    frame = moved(1.1, ONE, ["high"])
    frame.loc[[27, 28, 29, 31, 32, 33], "high"] *= 1.03
    return frame


def late_volumes() -> pd.DataFrame:
    """Prices a hundred times as high, and from the fourth bar on volumes a hundredth."""
    volume = np.where(np.arange(60) < 33, 1.0, 0.01)
    return moved(100.0).assign(volume=volume)


def runs(*lengths: int) -> pd.DataFrame:
    """Bars of one price each, of which some repeat the one before; a moving one before each run."""
    close = 100 + 0.01 * np.cumsum([step for length in lengths for step in (1, 1, *([0] * length))])
    return bars_table(len(close)).assign(**dict.fromkeys(PRICES, close))


CASES: list[tuple[Code, str, dict[str, object], pd.DataFrame]] = [
    (Code.JUMPS, "jump", {"least_jump": 0.3}, moved(1.1)),
    (Code.JUMPS, "jump", {"jump_deviations": 50}, noisy(1.3)),
    (Code.POSSIBLE_SPLIT, "split", {"split_tolerance": 0.01}, moved(2.06)),
    (Code.POSSIBLE_SPLIT, "split", {"sure_split": 20}, moved(9.0)),
    (Code.POSSIBLE_SPLIT, "split", {"longest_hole": 5}, moved(2.0, missing=8)),
    (Code.POSSIBLE_SPLIT, "split", {"split_ratios": (*SPLIT_RATIOS, 1.3)}, moved(1.3)),
    (Code.UNIT_CHANGE, "split", {"unit_ratios": (7.0, 100.0, 1000.0)}, moved(7.0)),
    (Code.UNIT_CHANGE, "split", {"volume_window": 3}, late_volumes()),
    (Code.BAD_PRINT, "bad_print", {"least_print": 0.2}, moved(1.1, ONE, ["high"])),
    (Code.BAD_PRINT, "bad_print", {"ranges_of_open": 15}, wild(1.1, ["open", "high"])),
    (Code.BAD_PRINT, "bad_print", {"ranges_of_high": 15}, wild(1.1, ["high"])),
    (Code.BAD_PRINT, "bad_print", {"ranges_of_low": 15}, wild(0.9, ["low"])),
    (Code.BAD_PRINT, "bad_print", {"ranges_of_close": 15}, wild(1.1, ["close", "high"])),
    (Code.BAD_PRINT, "bad_print", {"range_window": 3}, near_wild()),
    (Code.TIMEFRAMES_DISAGREE, "agreement", {"least_difference": 0.1}, bars_table(60)),
    (Code.STALE_RUN, "stale", {"least_repeats": 9}, runs(0, 0, 8, 0)),
    (Code.STALE_RUN, "stale", {"usual_runs": 10}, runs(*[2] * 20, 30)),
    (Code.STALE_RUN, "stale", {"run_window": 20}, runs(*[2] * 40, 6, 6, 6, 60, 6, 6, 6, *[2] * 40)),
]
"""A finding, another threshold, and bars on which one of the two has it."""


@pytest.mark.parametrize("code", [*(Code(name.upper()) for name in Severities.model_fields)])
def test_each_fact_has_the_severity_that_is_declared(code: Code) -> None:
    frame = bars_table(60)
    frame.loc[10:20, PRICES] = frame.loc[9, PRICES].to_numpy()
    frame.loc[30:, PRICES] *= 1.3
    frame.loc[40, PRICES] = frame.loc[40, "close"]
    frame = frame.assign(volume=[0.0, np.nan, *[5.0] * 58], spread=[-1.0, np.nan, *[1.0] * 58])
    grid = frame["ts"].astype(np.int64).to_numpy()
    grid = np.concatenate([grid[:50], grid[51:55] + 1, grid[55:]])
    usual = judged(frame, SHIPPED, grid).of(code)
    assert usual is not None
    assert usual.severity is getattr(SHIPPED.severities, code.lower())
    for severity in Severity:
        rules = changed("severities", **{code.lower(): severity})
        found = judged(frame, rules, grid)
        assert found.of(code) == usual.model_copy(update={"severity": severity})
        assert found.blocking == (severity is Severity.BLOCK)


def test_what_keeps_orders_back_has_no_severity() -> None:
    facts = {Code(name.upper()) for name in Severities.model_fields}
    assert not facts & {*GRAVE, Code.CONTRACT, Code.FUTURE, Code.NO_BARS, Code.NOT_READABLE, Code.CONFIGURATION}


BEYOND: list[tuple[str, Any]] = [
    ("watched_bars", 249),
    ("split", {"split_ratios": SPLIT_RATIOS[1:]}),
    ("split", {"split_ratios": (*SPLIT_RATIOS, 1.0)}),
    ("split", {"unit_ratios": (100.0,)}),
    ("split", {"split_tolerance": 0.009}),
    ("split", {"sure_split": 20.1}),
    ("split", {"longest_hole": 4}),
    ("bad_print", {"least_print": 0.21}),
    ("agreement", {"least_difference": 0.11}),
    *(("bad_print", {f"ranges_of_{name}": 15.1}) for name in PRICES),
    ("bad_print", {"least_print": float("nan")}),
    ("severities", {"bad_print": "INFO"}),
    ("severities", {"gaps": "LOUD"}),
]


@pytest.mark.parametrize(("key", "value"), BEYOND)
def test_a_grave_check_cannot_be_switched_off(key: str, value: Any) -> None:
    with pytest.raises(ValidationError):
        QualityRules.model_validate({key: value})


def test_a_wrong_value_is_named_with_its_key_and_rule() -> None:
    with pytest.raises(ConfigError, match=r"quality\.split\.split_ratios.*lacks 1\.5.*none taken away"):
        compose(["quality.split.split_ratios=[2,3,4,5,6,7,8,10,15,20,25,50,100]"])


def test_the_shipped_files_hold_the_shipped_numbers() -> None:
    assert compose().quality == SHIPPED


def test_the_digest_changes_with_every_value_and_with_nothing_else() -> None:
    assert QualityRules().digest == SHIPPED.digest == compose(["risk.max_position=0.05"]).quality.digest
    others = [changed(group, **values).digest for _, group, values, _ in CASES]
    assert len({SHIPPED.digest, *others}) == len(CASES) + 1
    assert QualityRules(watched_bars=300).digest != SHIPPED.digest


@pytest.mark.parametrize(("code", "group", "values", "frame"), CASES)
def test_each_threshold_decides_on_a_finding(
    code: Code, group: str, values: dict[str, object], frame: pd.DataFrame
) -> None:
    grid = bars_table(60)["ts"].astype(np.int64).to_numpy() if len(frame) < 60 else None
    usual, other = (judged(frame, rules, grid).of(code) for rules in (SHIPPED, changed(group, **values)))
    assert (usual is None) != (other is None)


def test_every_threshold_has_a_case() -> None:
    known = {(group, key) for _, group, values, _ in CASES for key in values}
    groups = ("jump", "split", "bad_print", "stale", "agreement")
    assert known == {(group, key) for group in groups for key in type(getattr(SHIPPED, group)).model_fields}

"""Tables of the configuration: rules between rows."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from conf.compose import check, compose
from conf.problems import RuleViolation
from conf.rules import TABLE_GROUPS
from conf.schema.settings import Settings
from conf.table_rules import broken_sets, broken_tables
from tradewright.model.event_calendar import EventWindow

WINDOW = "{instrument: AAPL, start: '2026-01-29T21:00:00Z', end: '2026-01-30T14:30:00Z', reason: earnings}"


def test_the_shipped_tables_hold() -> None:
    settings = compose()
    assert list(broken_tables(settings, TABLE_GROUPS)) == []
    assert len(settings.instruments) >= 20


@pytest.mark.parametrize(
    ("override", "key", "rule"),
    [
        (
            "+instruments.BTC2={asset_class: crypto, venue_symbols: {ibkr: BTC}}",
            "instruments.BTC2",
            "shares its venue symbol with another instrument",
        ),
        ("instruments.AAPL.second_source=AAPL", "instruments.AAPL.second_source", "must be another instrument"),
        ("instruments.AAPL.second_source=GOGO", "instruments.AAPL.second_source", "must be another instrument"),
        ("instruments.AAPL.second_source=USDJPY", "instruments.AAPL.second_source", "quoted in USD, it is in JPY"),
        (f"events.windows=[{WINDOW},{WINDOW}]", "events.windows.1", "is given twice; keep one"),
        ("risk.max_gross=0.01", "risk", "must not fall in this order"),
        ("strategy.grid.fast=[5,0]", "strategy.grid.fast", "must be a whole number from 1 to 10000"),
        ("strategy.grid.fast=[5,2.5]", "strategy.grid.fast", "must be a whole number from 1 to 10000"),
        ("strategy.grid.fast=[5,5]", "strategy.grid", "holds the same set twice"),
        ("strategy.grid={fast: [40, 50], slow: [30]}", "strategy.grid", "fast = 40, slow = 30; fast < slow is needed"),
        ("+strategy.grid.fats=[5]", "strategy.grid.fats", "is not a parameter of sma_crossover"),
        ("strategy.grid.fast=[]", "strategy.grid.fast", "must not be empty"),
        ("strategy.grid.fast=[nan]", "strategy.grid.fast.0", "must be a finite number"),
        ("strategy.grid.fast=['5']", "strategy.grid.fast.0", "must be a number"),
    ],
)
def test_what_no_row_shows_alone_is_found_by_the_check(override: str, key: str, rule: str) -> None:
    found = [problem for problem in check([override]) if problem.key == key]
    assert found
    assert rule in found[0].rule
    assert found[0].file == "command line" or not override.startswith(f"{key}=")


def test_both_instruments_of_one_venue_name_are_shown() -> None:
    problems = check(["+instruments.BTC2={asset_class: crypto, venue_symbols: {ibkr: BTC}}"])
    assert {problem.key for problem in problems} == {"instruments.BTC", "instruments.BTC2"}


def test_a_grid_is_found_by_file_and_line_also_in_a_strategy_that_is_not_in_force(conf_copy: Path) -> None:
    path = conf_copy / "strategy" / "macd_trend.yaml"
    lines = path.read_text().splitlines()
    row = next(index for index, line in enumerate(lines) if line.startswith("  signal:"))
    lines[row] = "  signal: [6, 0.5]"
    path.write_text("\n".join(lines) + "\n")
    (problem,) = check((), conf_copy)
    assert (problem.file, problem.line) == ("conf/strategy/macd_trend.yaml", row + 1)
    assert problem.key == "strategy.grid.signal"
    assert (problem.value, problem.rule) == ("0.5", "must be a whole number from 1 to 10000")


def test_a_grid_too_large_for_any_memory_is_refused_before_it_is_made() -> None:
    names = ("fast", "slow", "signal", "threshold")
    values = ",".join(str(value) for value in range(1, 61))
    problems = check(["strategy=macd_trend", *(f"++strategy.grid.{name}=[{values}]" for name in names)])
    assert [problem.rule for problem in problems] == ["makes 12,960,000 parameter sets, more than 1,000,000"]


def test_every_value_that_no_set_may_hold_is_named_once() -> None:
    sets = [{"fast": fast, "slow": slow, "fats": 1} for fast in (0, 5) for slow in (2.5, 30)]
    assert [(broken.key, broken.value) for broken in broken_sets("sma_crossover", sets)] == [
        (("fats",), None), (("fast",), "0"), (("slow",), "2.5"),
    ]  # fmt: skip


def changed(group: str, **values: object) -> Settings:
    """The shipped settings with values that their schema would refuse, or that no override can write."""
    plain = compose()
    return plain.model_copy(update={group: getattr(plain, group).model_copy(update=values)})


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("max_gross", Decimal("-0.1"), "must be above 0"),
        ("warn_ratio", Decimal(0), "must be above 0"),
        ("max_order_value", Decimal(10_000_000), "must be below 1,000,000"),
    ],
)
def test_limits_hold_without_the_schema_of_the_settings(name: str, value: Decimal, rule: str) -> None:
    found = {broken.key: broken.rule for broken in broken_tables(changed("risk", **{name: value}), ["risk"])}
    assert found[("risk", name)] == rule


@pytest.mark.parametrize("name", ["", "x" * 33])
def test_a_name_at_the_venue_has_1_to_32_characters(name: str) -> None:
    plain = compose()
    rows = {**plain.instruments, "AAPL": plain.instruments["AAPL"].model_copy(update={"venue_symbols": {"ibkr": name}})}
    (broken,) = broken_tables(plain.model_copy(update={"instruments": rows}), ["instruments"])
    assert broken == RuleViolation(
        ("instruments", "AAPL", "venue_symbols", "ibkr"), name, "must have 1 to 32 characters"
    )


def test_a_window_must_start_before_it_ends() -> None:
    start, end = datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
    window = EventWindow(instrument="AAPL", start=start, end=end, reason="x")
    (broken,) = broken_tables(changed("events", windows=(window,)), ["events"])
    assert (broken.key, broken.rule) == (("events", "windows", "0"), "must start before it ends")

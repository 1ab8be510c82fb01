"""Rules between keys and between groups: each is broken and kept, in force and in a file that nobody chose."""

from __future__ import annotations

from pathlib import Path

import pytest

from conf.compose import check, compose, examine
from conf.problems import Problem

LIVE = ("mode=live", "stage=live_small", "broker=ibkr", "broker.account=U1", "broker.port=4001")
PAPER = ("mode=paper", "broker=ibkr")
WINDOW = "events.windows=[{instrument: AAPL, start: '%s', end: '%s', reason: earnings}]"
A_DAY = WINDOW % ("2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z")
SMA = "{indicator: sma, arguments: [2]}"

# broken overrides, the key that is named, part of the rule, overrides that keep the rule
RULES = {
    "sim has its own venue": (("broker=ibkr",), "broker.kind", "say mode=live or mode=paper", PAPER),
    "paper needs a venue": (("mode=paper",), "broker.kind", "is not for mode=paper; say mode=sim", PAPER),
    "paper on a live port": ((*PAPER, "broker.port=7496"), "broker.port", "live acc", (*PAPER, "broker.port=7497")),
    "live needs its stage": ((*LIVE, "stage=paper"), "stage.name", "stage=live_small", LIVE),
    "live needs the account": ((*LIVE, "broker.account=null"), "broker.account", "spelled out", LIVE),
    "live on a paper port": ((*LIVE, "broker.port=4002"), "broker.port", "paper accounts", (*LIVE, "broker.port=7496")),
    "live waits for a word": ((*LIVE, "execution.acknowledge=29"), "execution.acknowledge", "30 s in live mode", LIVE),
    "live looks twice": ((*LIVE, "execution.settle=0.5"), "execution.settle", "5 s in live mode", LIVE),
    "live proves absence": ((*LIVE, "execution.absence=59"), "execution.absence", "60 s in live mode", LIVE),
    "live keeps the account": ((*LIVE, "execution.lease=60"), "execution.lease", "120 s in live mode", LIVE),
    "live needs a venue": (("mode=live", "stage=live_small"), "broker.kind", "is not for mode=live", LIVE),
    "postgres needs its address": (
        ("storage=postgres",), "storage.ledger_url", "POSTGRES_URL", ("storage.ledger_url=sqlite:///x",),
    ),
    "start before end": (
        ("backtest.start=2020-01-02", "backtest.end=2020-01-01"), "backtest.start", "after backtest.end",
        ("backtest.start=2020-01-01", "backtest.end=2020-01-01"),
    ),
    "a window has a length": (
        (WINDOW % ("2026-01-02T00:00:00Z", "2026-01-02T00:00:00Z"),), "events.windows.0.start", "before its end",
        (WINDOW % ("2026-01-02T00:00:00Z", "2026-01-02T00:00:01Z"),),
    ),
    "a window knows its instrument": (
        (A_DAY.replace("AAPL", "APPL"),), "events.windows.0.instrument", "not in conf/instruments", (A_DAY,),
    ),
    "a window's times have a zone": (
        (WINDOW % ("2026-01-02T00:00:00", "2026-01-03T00:00:00Z"),), "events.windows.0.start", "a time needs a zone",
        (WINDOW % ("2026-01-02T02:00:00+02:00", "2026-01-03T00:00:00Z"),),
    ),
    "a window knows its currency": (
        (A_DAY.replace("instrument: AAPL", "currency: USX"),), "events.windows.0.currency",
        "is the currency of no instrument", (A_DAY.replace("instrument: AAPL", "currency: USD"),),
    ),
    "a window is about one thing": (
        (A_DAY.replace("AAPL", "AAPL, every_instrument: true"),), "events.windows.0",
        "must name one of instrument, currency, or", (A_DAY.replace("instrument: AAPL", "every_instrument: true"),),
    ),
    "a scenario's end has a zone": (
        ("feed.end='2026-11-20T15:00:00'",), "feed.end", "a time needs a zone",
        ("feed.end='2026-11-20T17:00:00+02:00'",),
    ),
    "the universe is defined": (
        ("universe.instruments=[SPYY]",), "universe.instruments", "not in conf/instruments",
        ("universe.instruments=[SPY]",),
    ),
    "a strategy's instruments are defined": (
        ("strategy.instruments=[SPYY]",), "strategy.instruments", "not in conf/instruments",
        ("strategy.instruments=[SPY]",),
    ),
    "a backtest's instruments are defined": (
        ("backtest.instruments=[SPYY]",), "backtest.instruments", "not in conf/instruments",
        ("backtest.instruments=[SPY]",),
    ),
    "fast before slow": (("strategy.fast=30",), "strategy.fast", "fast < slow", ("strategy.fast=29",)),
    "a known indicator": (
        ("features.extra=[{indicator: smaa, arguments: [2]}]",), "features.extra.0.indicator", "did you mean sma",
        ("features.extra=[{indicator: SMA, arguments: [2]}]",),
    ),
    "as many arguments as it takes": (
        ("features.extra=[{indicator: sma, arguments: []}]",), "features.extra.0.indicator", "it takes: n",
        ("features.extra=[{indicator: returns, arguments: []}]",),
    ),
    "a set's indicator is known": (
        ("features.sets={mine: {version: '1', timeframe: 1h, columns: [{indicator: smaa, arguments: [2]}]}}",),
        "features.sets.mine.columns.0.indicator", "did you mean sma",
        ("features.sets={mine: {version: '1', timeframe: null, columns: [{indicator: sma, arguments: [2]}]}}",),
    ),
    "a set's columns differ": (
        (f"features.sets={{mine: {{version: '1', timeframe: 1h, columns: [{SMA}, {SMA}]}}}}",),
        "features.sets.mine.columns.1", "a column that the list has already",
        (f"features.sets={{mine: {{version: '1', timeframe: 1h, columns: [{SMA}]}}}}",),
    ),
    "a look-back holds two turning points": (
        ("features.divergence_reach=5", "features.divergence_lookback=11"), "features.divergence_lookback",
        "must be at least 2 x divergence_reach + 2 = 12, to hold two turning points",
        ("features.divergence_reach=5", "features.divergence_lookback=12"),
    ),
    "the least look-back of the least reach": (
        ("features.divergence_reach=1", "features.divergence_lookback=3"), "features.divergence_lookback", "= 4,",
        ("features.divergence_reach=1", "features.divergence_lookback=4"),
    ),
    "a reach that outgrew its look-back": (
        ("features.divergence_reach=30",), "features.divergence_lookback", "= 62,", ("features.divergence_reach=29",),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RULES)
def test_a_rule_is_refused_when_broken_and_silent_when_kept(name: str) -> None:
    broken, key, rule, kept = RULES[name]
    settings, problems = examine(broken)
    assert settings is None
    assert any(problem.key == key and rule in problem.rule for problem in problems), problems
    assert compose(kept)


BACKWARDS = "windows: [{instrument: AAPL, start: '2026-01-02T00:00:00Z', end: '2026-01-01T00:00:00Z', reason: x}]"
# file, old, new, key, line: none of these files is in force
ASIDE = [
    ("strategy/macd_trend.yaml", "slow: 26", "slow: 12", "strategy.fast", 3),
    ("strategy/ema_crossover.yaml", "instruments: null", "instruments: [SPYY]", "strategy.instruments", 10),
    ("universe/us_equities.yaml", "IBM", "IMB", "universe.instruments", 1),
    ("features/wide.yaml", "divergence_lookback: 60", "divergence_lookback: 9", "features.divergence_lookback", 9),
    ("features/wide.yaml", "indicator: sma", "indicator: smaa", "features.extra.0.indicator", 19),
    ("policy/mine.yaml", "min_confidence: 0.6", "min_confidence: 6", "policy.min_confidence", 17),
    ("risk/mine.yaml", "max_gross: 0.50 ", "# ", "risk.max_gross", 0),
    ("events/mine.yaml", "windows: []", BACKWARDS, "events.windows.0.start", 3),
]  # fmt: skip


@pytest.mark.parametrize(("file", "old", "new", "key", "line"), ASIDE)
def test_check_finds_it_in_a_file_that_is_not_in_force(
    conf_copy: Path, file: str, old: str, new: str, key: str, line: int
) -> None:
    path = conf_copy / file
    source = next(each for each in (path, path.with_stem("default"), path.with_stem("none")) if each.exists())
    text = source.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    found = [problem for problem in check((), conf_copy) if problem.key == key]
    assert [problem.file for problem in found[:1]] == [f"conf/{file}"], check((), conf_copy)
    assert not line or found[0].line == line
    assert compose((), conf_copy), "what is in force still composes"


def test_a_wrong_or_missing_event_calendar_is_never_an_empty_one(conf_copy: Path) -> None:
    path = conf_copy / "events" / "mine.yaml"
    path.write_text(A_DAY.replace("events.windows=", "windows: ").replace("00:00Z", "00:00"))
    settings, problems = examine(["events=mine"], conf_copy)
    assert (settings, {problem.file for problem in problems}) == (None, {"conf/events/mine.yaml"})
    assert compose(["events=none"], conf_copy), "the way to close what is held"
    path.unlink()
    _, problems = examine(["events=mine"], conf_copy)
    assert [(problem.key, problem.value) for problem in problems] == [("events", "mine")]
    path.write_text("windows: [{instrument: AAPL")
    for option in ("mine", "none"):
        settings, problems = examine([f"events={option}"], conf_copy)
        assert (settings, problems[0].file) == (None, "conf/events/mine.yaml"), "no YAML: as everywhere in conf"


def test_a_part_of_the_instruments_is_no_problem_by_itself(conf_copy: Path) -> None:
    """The universe in force need not be in every list that could be chosen."""
    (conf_copy / "instruments" / "mine.yaml").write_text("ZZZ: {asset_class: stock}\n")
    assert check((), conf_copy) == []
    unknown = examine(["instruments=mine"], conf_copy)[1]
    assert {problem.value for problem in unknown} == {"BTC", "ETH", "AAPL", "NAS100", "XAUUSD"}


def test_a_problem_says_everything_in_one_line() -> None:
    (problem,) = examine(["features.divergence_lookback=3"])[1]
    assert str(problem) == (
        "command line: features.divergence_lookback: must be at least 2 x divergence_reach + 2 = 12, "
        "to hold two turning points (got 3)"
    )
    assert problem == Problem("command line", 0, problem.key, "3", problem.rule)

"""Overrides from the command line: good, unknown, of a wrong type, given twice, and of shapes nobody expects."""

from __future__ import annotations

import shlex
import warnings
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from conf.compose import compose, compose_without_strategy, examine
from conf.environment import OVERRIDES, SOURCE, groups
from conf.overrides import grid, named_options
from conf.problems import ConfigProblems, Problem
from tradewright.model.errors import ConfigError


def problems(*overrides: str) -> list[Problem]:
    return examine(overrides)[1]


# override -> key, value, part of the rule, nearest
WRONG = {
    "strategy.fast=5,10": ("strategy.fast", "5,10", "tradewright sweep", ""),
    "strategy=sma_crossover,macd_trend": ("strategy", "sma_crossover,macd_trend", "tradewright sweep", ""),
    "strategy.fast=range(1,5)": ("strategy.fast", "range(1,5)", "tradewright sweep", ""),
    "strategy.fast=glob(*)": ("strategy.fast", "glob(*)", "tradewright sweep", ""),
    "mode=range(1,3,0)": ("mode", "range(1,3,0)", "tradewright sweep", ""),
    "hydra.run.dir=/tmp/x": ("hydra.run.dir", "", "is not a key of the settings", ""),
    "hydra/launcher=basic": ("hydra/launcher", "", "is not a key of the settings", ""),
    "hydra.searchpath=[/tmp]": ("hydra.searchpath", "", "is not a key of the settings", ""),
    "mode=[sim,paper]": ("mode", "[sim,paper]", "must be one of live, paper, sim", ""),
    "mode=null": ("mode", "None", "must be one of live, paper, sim", ""),
    "mode=3": ("mode", "3", "must be one of live, paper, sim", ""),
    "broker=ibrk": ("broker", "ibrk", "must be one of ibkr, sim", "ibkr"),
    "backtest/sizing=maxx": ("backtest/sizing", "maxx", "must be one of", "max"),
    "=3": ("", "3", "", ""),
    "strategy.fast=1=2": ("", "strategy.fast=1=2", "KEY=VALUE", ""),
    "": ("", "", "KEY=VALUE", ""),
    "a b=3": ("", "a b=3", "KEY=VALUE", ""),
    "bactest.cash=1": ("bactest.cash", "", "not a key", "backtest.cash"),
    "backtest.costt.rate=1": ("backtest.costt.rate", "", "not a key", "backtest.costs.rate"),
    "instruments.SPYY.tick_size=1": ("instruments.SPYY.tick_size", "", "not a key", "instruments.SPY.tick_size"),
    "instruments.SPY.tik_size=1": ("instruments.SPY.tik_size", "", "not a key", "instruments.SPY.tick_size"),
    "instruments.SPY.tick_size=0": ("instruments.SPY.tick_size", "0", "above 0", ""),
    "instruments.tick_size=1": ("instruments.tick_size", "", "not a key", ""),
    "instruments.SPYY={tick_size: 1}": ("instruments.SPYY.asset_class", "", "is missing", ""),
    "backtest.rate.JPY=jpy.csv": ("backtest.rate.JPY", "", "not a key", "backtest.rates.JPY"),
    "backtest.rates.JPY.file=jpy.csv": ("backtest.rates.JPY.file", "", "not a key", ""),
    "strategy.grid.fats=[5]": ("strategy.grid.fats", "", "not a parameter", "fast"),
    "+instruments.SPY.tik_size=1": ("instruments.SPY.tik_size", "", "not a key", "tick_size"),
    "+instruments.SPY.tick_size=0": ("instruments.SPY.tick_size", "0", "above 0", ""),
    "backtest.costs={rat: 1}": ("backtest.costs.rat", "", "is not a key here", "rate"),
    "backtest.costs={kind: none}": ("backtest.costs.rate", "", "is not a key of this kind", ""),
    "+backtest.cash=5": ("backtest.cash", "5", "", ""),
    "+strategy=macd_trend": ("strategy", "macd_trend", "", ""),
    "++nothing.here=1": ("nothing", "", "not a key", ""),
    "~backtest.cash": ("backtest.cash", "", "is missing", ""),
    "~strategy": ("strategy", "", "is missing", ""),
    "storage.root=": ("storage.root", "", "must not be empty", ""),
    "storage.root=null": ("storage.root", "", "must be text", ""),
    "storage.root={a: 1}": ("storage.root", "a mapping", "must be text", ""),
    "backtest.costs.kind=percnt": ("backtest.costs.kind", "percnt", "must be one of none, bps", "percent"),
    "broker.kind=ibrk": ("broker.kind", "ibrk", "must be one of ibkr, sim", "ibkr"),
    "policy.currency=euro": ("policy.currency", "euro", "must be three capital letters, as USD (ISO 4217)", ""),
    "~feed.kind": ("feed.kind", "", "is missing", ""),
    "base.tz=Mars": ("base.tz", "Mars", "IANA", ""),
    "backtest.cash=${nope}": ("backtest.cash", "${nope}", "a key that is not there", ""),
    "backtest.cash=${.}": ("backtest.cash", "${.}", "", ""),
    "+strategy.fast=5": ("strategy.fast", "5", "is there already", ""),
    "+mode=paper": ("mode", "paper", "without a plus sign", ""),
    "++policy=default": ("policy", "default", "without a plus sign", ""),
    "+backtest/costs=bps": ("backtest/costs", "bps", "without a plus sign", ""),
    "~strategy.fast=11": ("strategy.fast", "11", "is not removed", ""),
    "~backtest/costs": ("backtest.costs", "", "is missing", ""),
    "backtest={}": ("backtest", "{}", "has no effect", ""),
    "strategy.grid={}": ("strategy.grid", "{}", "has no effect", ""),
    "backtest={costs: {}}": ("backtest", "{costs: {}}", "has no effect", ""),
    "strategy.fast=${..x}": ("strategy.fast", "${..x}", "refers to nothing", ""),
    "strategy.fast=${hydra:job.name}": ("strategy.fast", "${hydra:job.name}", "a resolver that is not allowed", ""),
    "strategy.fast=${now:%Y}": ("strategy.fast", "${now:%Y}", "a resolver that is not allowed", ""),
    "strategy.fast=${oc.env:NOPE}": ("strategy.fast", "${oc.env:NOPE}", "NOPE is not set", ""),
    "strategy.fast=${strategy.fast}": ("strategy.fast", "${strategy.fast}", "refers to itself", ""),
    "strategy.fast=${oc.decode:5}": ("strategy.fast", "${oc.decode:5}", "refers to what is no value", ""),
    "strategy.fast='5'": ("strategy.fast", "5", "without quotes", ""),
    "universe.instruments={BTC: 1}": ("universe.instruments", "BTC", "takes no value of this form", ""),
    "universe.instruments=extend_list(ETH)": ("", "extend_list", "must be the whole list", ""),
    "universe.instruments.0=ETH": ("universe.instruments", "ETH", "given twice", ""),
    "universe.instruments[0]=ETH": ("universe.instruments[0]", "", "is not a key", "universe.instruments.0"),
    "strategy[fast]=5": ("strategy[fast]", "", "is not a key", "strategy.fast"),
    "strategy=./macd_trend": ("strategy", "./macd_trend", "must be one of", "macd_trend"),
    "strategy=strategies/pairs.py": ("strategy", "strategies/pairs.py", "must be one of", "pairs"),
    "strategy.fаst=5": ("", "=5", "holds 'а' (U+0430)", ""),
    "strategy=“macd_trend”": ("", "macd_trend", "holds '“' (U+201C)", ""),
    "'strategy.fast'=5": ("", "=5", "a key has letters, digits", ""),
    "storage.ledger_url=db://u:w0@h/#x": ("", "storage.ledger_url=...", "KEY=VALUE", ""),  # pragma: allowlist secret
    "features.divergence_lookback=11": ("features.divergence_lookback", "11", "2 x divergence_reach + 2 = 12", ""),
}  # fmt: skip


@pytest.mark.parametrize("override", WRONG)
def test_a_wrong_override_names_key_value_rule_and_nearest_name(override: str) -> None:
    key, value, rule, near = WRONG[override]
    matching = [row for row in problems(override) if row.key == key]
    assert matching, problems(override)
    assert value in matching[0].value
    assert rule in matching[0].rule
    assert matching[0].rule
    assert matching[0].nearest == near
    assert {row.file for row in matching} == {"command line"}


@pytest.mark.parametrize("key", ["strategy.fast", "backtest.start", "universe.timeframe", "universe.instruments"])
def test_a_secret_of_the_environment_is_in_no_message(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VENDOR_TOKEN", "hunter2hunter2")
    value = "${oc.env:VENDOR_TOKEN}"
    found = problems(f"{key}=[{value}]" if key.endswith("instruments") else f"{key}={value}")
    assert found
    assert "hunter2" not in "\n".join(map(str, found))


def test_the_file_that_is_named_last_counts_however_it_is_written() -> None:
    assert named_options("strategy", ["strategy.fast=5", "strategy='a'", "~strategy.slow", "++strategy=b"]) == [
        "a",
        "b",
    ]
    assert named_options("strategy", ["mode=sim", "strategy.fast=1=2"]) == []


@pytest.mark.parametrize("place", ["command line", f"{OVERRIDES} in the environment"])
def test_a_misspelt_key_is_blamed_on_who_wrote_it_in_every_group(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    keys = ["polcy", *(f"{group.replace('/', '.')}.polcy" for group in groups(SOURCE / "conf"))]
    given = [f"+{key}={{a: 1}}" if key.startswith("calendars") else f"+{key}.a=1" for key in keys]
    if place != "command line":
        monkeypatch.setenv(OVERRIDES, shlex.join(given))
    found = problems(*given)
    assert {row.file for row in found} == {place}, found
    assert {row.key for row in found} >= {key for key in keys if not key.startswith(("calendars", "instruments"))}


def test_the_last_word_counts() -> None:
    """As in Hydra; the lab and the desk add their own words after a person's."""
    twice = compose(["strategy.fast=5", "backtest.cash=1000", "strategy.fast=7"])
    assert (twice.strategy.parameters["fast"], twice.backtest.cash) == (7, 1000)
    assert compose(["strategy=macd_trend", "strategy=ema_crossover"]).strategy.name == "ema_crossover"
    assert compose(["strategy.fast=5", "strategy=macd_trend"]).strategy.parameters["fast"] == 5
    (problem,) = problems("strategy.fast=5", "strategy.fast=x")
    assert (problem.key, problem.value) == ("strategy.fast", "x")


@pytest.mark.parametrize("quote", ["strategy=mine", "strategy='mine'", 'strategy="mine"', "++strategy=mine"])
def test_the_file_of_a_chosen_strategy_is_looked_through_however_it_is_named(conf_copy: Path, quote: str) -> None:
    text = (conf_copy / "strategy" / "macd_trend.yaml").read_text()
    (conf_copy / "strategy" / "mine.yaml").write_text(text + "instruments: [00700]\n")
    found = examine([quote], conf_copy)[1]
    assert [(row.file, row.key) for row in found] == [
        ("conf/strategy/mine.yaml", "instruments"),
        ("conf/strategy/mine.yaml", "instruments.0"),
    ]


@pytest.mark.parametrize("sign", ["", "+", "++"])
def test_what_the_files_leave_out_can_be_given(sign: str) -> None:
    """A key of the schema, and a row whose name is the user's own: with or without the plus sign of Hydra."""
    given = (
        "instruments.SPY.tick_size=0.25", "instruments.SPY.venue_symbols.ibkr=SPY_", "calendars.OWN={base: 24/5}",
        "instruments.NEW={asset_class: crypto}", "backtest.rates={JPY: jpy.csv}", "backtest.rates.BTC=btc.csv",
        "strategy.grid.fast=[5,7]",
    )  # fmt: skip
    settings = compose([*(sign + text for text in given), "instruments.NEW.tick_size=0.5"])
    row = settings.instruments["SPY"]
    assert (float(row.tick_size), row.venue_symbols["ibkr"]) == (0.25, "SPY_")
    assert (settings.calendars["OWN"].base, float(settings.instruments["NEW"].tick_size)) == ("24/5", 0.5)
    assert settings.backtest.rates == {"JPY": "jpy.csv", "BTC": "btc.csv"}
    assert settings.strategy.grid["fast"] == (5, 7)


def test_good_and_bad_together_name_the_bad_alone() -> None:
    found = problems("strategy.fast=5", "mode=papre", "backtest.cash=10", "hydra.job.name=x", "strategy.slow=5,6")
    assert sorted(row.key for row in found) == ["hydra.job.name", "mode", "strategy.slow"]
    assert {row.file for row in found} == {"command line"}


@pytest.mark.parametrize(
    ("override", "word"),
    [
        ("strategy.fast=glob(*)", "cannot be split into values"),
        ("strategy.fast=interval(0,1)", "cannot be split into values"),
        ("strategy.fast=range(1,9,0)", "cannot be split into values"),
        ("strategy.fast=range(9,1)", "has no values or no end"),
        ("strategy.fast=range(1,inf)", "has no values or no end"),
        ("strategy.fast=range(1,9,nan)", "has no values or no end"),
        ("strategy.fast=1=2", "KEY=VALUE"),
    ],
)
def test_a_grid_that_cannot_be_split_is_refused(override: str, word: str) -> None:
    with pytest.raises(ConfigProblems, match=word) as caught:
        grid(["strategy=sma_crossover", override])
    assert override in str(caught.value)


@pytest.mark.parametrize("where", ["nowhere", "empty", "file"])
def test_a_folder_without_configuration_is_named(tmp_path: Path, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TRADEWRIGHT_CONF", str(tmp_path / where))
    for act in (compose, examine, compose_without_strategy):
        with pytest.raises(ConfigError, match=r"there is no config\.yaml") as caught:
            act()
        assert where in caught.value.where
        assert "TRADEWRIGHT_CONF" in caught.value.remedy


KEYS = st.sampled_from(
    ["strategy", "strategy.fast", "backtest.cash", "backtest/costs", "mode", "", "@", "strategy@x", "1", "é", "~mode"]
)
VALUES = st.sampled_from(
    ["", "1", "x", "null", "[1,2", "[1,2]", "{a: 1}", "${x}", "${.}", "${now:%Y}", "choice(1,2)", "sort(3,1)", "int(x)",
     "1e999", "'q", "a=b", "???", "\\", "%", "[]", "{}", "float(nan)", "tag(a,b)", "${oc.env:NOPE}"]
) | st.text(max_size=5)  # fmt: skip


@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(KEYS, VALUES)
@example("", "3")
@example("broker", "[1,2]")
def test_no_override_whatever_ends_in_a_traceback(key: str, value: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # Hydra on functions that it will drop
        found, wrong = examine([f"{key}={value}"])
    assert found is not None or wrong
    assert all(row.rule for row in wrong)

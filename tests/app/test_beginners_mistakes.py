"""A beginner's mistakes on every road: the place that was written, the user's word, the right form, the exit code.

A mistake of a setting is made on the command line, in ``TRADEWRIGHT_OVERRIDES``, in ``.env``, in the lab and in an
asset's configuration; mistakes of an author's strategy are those of ``test_authors_mistakes.py``. ``make test`` makes
each mistake on two of the five roads, and so each road has its share; ``make verify`` makes every one on every road.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import NamedTuple

import pytest

from app.operations import lab, monitor_acts
from assets.pinned_config import PinnedConfig
from conf.compose import compose, examine
from conf.environment import environment_overrides
from conf.problems import ConfigProblems
from conf.schema.settings import Settings
from tests.app.conftest import daily, say
from tests.support.extent import cases
from tests.support.houses import conf_copy

LIBRARIES = re.compile(
    r"pydantic|Hydra|OmegaConf|omegaconf|SQLAlchemy|sqlalchemy|numba|click|Input should|[Vv]alid (array|integer|number|"
    r"datetime|decimal|boolean)|mapping values|<block|block end|cannot start any|No such (option|command)|"
    r"Missing (argument|option)|scalar of type|CSV parse|after validation|Traceback|Error when parsing|instance of"
)


class Mistake(NamedTuple):
    """What is written, the word of the user that is repeated, and the right form that is told."""

    written: str
    word: str
    right: str


def told(text: str, *wanted: str) -> None:
    """What was wanted is in the text, and no phrase of a library is."""
    plain = " ".join(text.split())
    for each in wanted:
        assert re.search(each, plain), (each, plain)
    assert not LIBRARIES.search(plain), plain


# settings --------------------------------------------------------------------------------------------------------

SETTINGS = {
    "a misspelt strategy": Mistake("strategy=sma_crosover", "sma_crosover", "did you mean 'sma_crossover'"),
    "the file's ending": Mistake("strategy=sma_crossover.yaml", r"sma_crossover\.yaml", "did you mean 'sma_crossover'"),
    "a misspelt parameter": Mistake("strategy.fsat=5", r"strategy\.fsat", r"did you mean 'strategy\.fast'"),
    "a key without its group": Mistake("fast=5", "fast", r"did you mean 'strategy\.fast'"),
    "a group without its folder": Mistake("costs=bps", "costs", "did you mean 'backtest/costs'"),
    "a dot in place of a slash": Mistake("backtest.costs=none", r"backtest\.costs", "'backtest/costs=none'"),
    "a word for a number": Mistake("strategy.fast=fifty", "got fifty", "a whole number from 1 to 10000"),
    "a part of a bar": Mistake("strategy.fast=2.5", r"got 2\.5", "a whole number"),
    "parameters that do not fit": Mistake("strategy.fast=50", "fast = 50, slow = 30", "fast < slow is needed"),
    "several values": Mistake("strategy.fast=5,10", "got 5,10", "one value; several are for tradewright sweep"),
    "one instrument, no list": Mistake("backtest.instruments=BTC", "got BTC", r"must be a list: \[BTC\]"),
    "instruments, no list": Mistake("backtest.instruments=BTC,ETH", "BTC,ETH", r"must be a list: \[BTC,ETH\]"),
    "an unknown instrument": Mistake("backtest.instruments=[BTX]", "got BTX", "did you mean 'BTC'"),
    "a symbol in small letters": Mistake("backtest.instruments=[btc]", "got btc", "did you mean 'BTC'"),
    "a timeframe in words": Mistake("backtest.timeframe=1day", "got 1day", "did you mean '1d'"),
    "an impossible day": Mistake("backtest.start=2026-13-01", "2026-13-01", "written 2026-11-20"),
    "a day with slashes": Mistake("backtest.start=20/11/2026", "20/11/2026", "written 2026-11-20"),
    "thousands with a comma": Mistake("backtest.cash=1,000", "got 1,000", "without commas: 1000"),
    "a currency sign": Mistake("backtest.cash=$5000", r"\$5000", "other signs: 5000"),
    "a per cent": Mistake("strategy.size_pct=5%", "got 5%", r"plain digits: 0\.05"),
    "less than nothing": Mistake("backtest.cash=-5", "got -5", "must be above 0"),
    "a size that is no fraction": Mistake("strategy.confidence=65", "got 65", "at most 1"),
    "yes for true": Mistake("backtest.allow_short=yes", "got yes", "true or false"),
    "an unknown mode": Mistake("mode=papre", "papre", "did you mean 'paper'"),
    "an unknown broker": Mistake("broker=ibrk", "ibrk", "did you mean 'ibkr'"),
    "an empty folder": Mistake("storage.root=", r"storage\.root", "must not be empty"),
    "no sign at all": Mistake("strategy.fast", r"strategy\.fast", "written KEY=VALUE"),
    "live without its stage": Mistake("mode=live", "got local", "mode=live needs stage=live_small"),
}
VARIABLE = "TRADEWRIGHT_OVERRIDES"
Road = Callable[[str, Path, pytest.MonkeyPatch], tuple[str, str]]


def _on_the_command_line(written: str, _folder: Path, _patch: pytest.MonkeyPatch) -> tuple[str, str]:
    said = say("backtest", written)
    assert (said.status, said.out) == (1, "")
    return said.err, "command line"


def _in_the_environment(written: str, _folder: Path, patch: pytest.MonkeyPatch) -> tuple[str, str]:
    patch.setenv(VARIABLE, shlex.quote(written))
    said = say("backtest")
    assert (said.status, said.out) == (1, "")
    return said.err, f"{VARIABLE} in the environment"


def _in_the_env_file(written: str, folder: Path, patch: pytest.MonkeyPatch) -> tuple[str, str]:
    (folder / ".env").write_text(f"# mine\n{VARIABLE}={shlex.quote(written)}\n")
    patch.setenv("TRADEWRIGHT_ENV_FILE", str(folder / ".env"))
    patch.setenv(VARIABLE, "")
    patch.delenv(VARIABLE)
    said = say("backtest")
    assert (said.status, said.out) == (1, "")
    return said.err, rf"{VARIABLE} in \.env:2"


def _in_the_lab(written: str, _folder: Path, patch: pytest.MonkeyPatch) -> tuple[str, str]:
    patch.setenv(VARIABLE, shlex.quote(written))
    return lab.lab_options(environment_overrides()).problem, f"{VARIABLE} in the environment"


def _in_an_asset(written: str, _folder: Path, patch: pytest.MonkeyPatch) -> tuple[str, str]:
    patch.setenv(VARIABLE, shlex.quote(written))
    with pytest.raises(ConfigProblems) as refused:
        PinnedConfig.of(environment_overrides())
    return str(refused.value), f"{VARIABLE} in the environment"


ROADS: dict[str, Road] = {
    "command line": _on_the_command_line,
    "environment": _in_the_environment,
    ".env": _in_the_env_file,
    "lab": _in_the_lab,
    "asset": _in_an_asset,
}
BY_RULE = {"live without its stage": r"conf/stage/local\.yaml:1"}
"""Mistakes whose contradiction stands in a file that another choice would leave out: the rule names both."""


EVERY_ROAD = list(product(SETTINGS, ROADS))
TWO_ROADS = [(name, [*ROADS][(row + step) % len(ROADS)]) for row, name in enumerate(SETTINGS) for step in (0, 2)]


@pytest.mark.parametrize(("name", "road"), cases(TWO_ROADS, EVERY_ROAD))
def test_a_wrong_setting(name: str, road: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mistake = SETTINGS[name]
    text, place = ROADS[road](mistake.written, tmp_path, monkeypatch)
    told(text, BY_RULE.get(name, place), mistake.word, mistake.right)


VARIABLES = {
    "a mode that is none": ("MODE", "papre", "MODE in the environment", "did you mean 'paper'"),
    "a zone that is none": ("TZ", "Europe/Berlinn", r"TZ in the environment \(read by conf/config\.yaml:\d+\)", "IANA"),
    "an open quote": (
        VARIABLE,
        "strategy.fast='5",
        f"{VARIABLE} in the environment",
        "a quote is opened and not closed",
    ),
    "a folder that is not there": ("TRADEWRIGHT_CONF", "/no/such", "/no/such", r"there is no config\.yaml"),
}


@pytest.mark.parametrize("name", VARIABLES)
def test_a_wrong_variable(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    variable, value, place, right = VARIABLES[name]
    monkeypatch.setenv(variable, value)
    said = say("backtest")
    assert said.status == 1
    told(said.err, place, right)


# YAML files ------------------------------------------------------------------------------------------------------

STRATEGY = (
    "kind: sma_crossover\nfast: 10\nslow: 30\nconfidence: 0.5\nsize_pct: 0.1\ninstruments: null\ntimeframe: null\n"
)
OF_STRATEGY = "strategy/sma_crossover.yaml"
FILES = {
    "no colon": (OF_STRATEGY, "fast: 10", "fast 10", 2, "fast 10", "write KEY: VALUE"),
    "two colons": (OF_STRATEGY, "fast: 10", "fast: 10: 20", 2, "fast", "a second colon"),
    "indented": (OF_STRATEGY, "slow: 30", " slow: 30", 3, "slow", "indented deeper"),
    "a tab": (OF_STRATEGY, "slow: 30", "\tslow: 30", 3, "tab", "indent with spaces"),
    "an open bracket": (OF_STRATEGY, "instruments: null", "instruments: [BTC", 6, "instruments", "a bracket is opened"),
    "an open quote": (OF_STRATEGY, "fast: 10", "fast: '10", 2, "fast", "a quote is opened"),
    "a key twice": (OF_STRATEGY, "slow: 30", "fast: 30", 3, "fast", "first on line 2"),
    "a number in words": (OF_STRATEGY, "fast: 10", "fast: ten", 2, "got ten", "a whole number from 1 to 10000"),
    "a per cent": (OF_STRATEGY, "size_pct: 0.1", "size_pct: 10%", 5, "got 10%", r"plain digits: 0\.1"),
    "swapped": (OF_STRATEGY, "fast: 10", "fast: 40", 2, "fast = 40, slow = 30", "fast < slow is needed"),
    "a kind that is none": (OF_STRATEGY, "sma_crossover", "sma_crosover", 1, "sma_crosover", "mean 'sma_crossover'"),
    "a reference to nothing": (OF_STRATEGY, "fast: 10", "fast: ${strategy.slwo}", 2, "slwo", "a key that is not there"),
    "no list": (OF_STRATEGY, "instruments: null", "instruments: BTC", 6, "got BTC", r"must be a list: \[BTC\]"),
    "a file that is none": ("config.yaml", "feed: scenario", "feed: file", 8, "got file", "did you mean 'files'"),
    "a group that is none": ("config.yaml", "feed: scenario", "fed: files", 8, "fed", "did you mean 'feed'"),
    "a class that is none": ("instruments/demo.yaml", "class: cfd", "class: cdf", 6, "got cdf", "did you mean 'cfd'"),
    "a quoted number": ("instruments/demo.yaml", "0.1,", '"0.1",', 6, r"got 0\.1", r"other signs: 0\.1"),
    "an empty universe": ("universe/demo.yaml", "instruments: ", "instruments: [] # ", 0, "instruments", "be empty"),
}  # fmt: skip


@pytest.fixture(scope="module")
def shipped_conf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = conf_copy(tmp_path_factory.mktemp("house"))
    (made / OF_STRATEGY).write_text(STRATEGY)
    return made


@pytest.mark.parametrize("name", FILES)
def test_a_wrong_file(name: str, shipped_conf: Path) -> None:
    file, old, new, line, word, right = FILES[name]
    path = shipped_conf / file
    before = path.read_text()
    assert old in before
    path.write_text(before.replace(old, new, 1))
    try:
        _, problems = examine((), shipped_conf)
    finally:
        path.write_text(before)
    told("\n".join(map(str, problems)), rf"conf/{file}:{line or ''}", word, right)


# the command itself ----------------------------------------------------------------------------------------------

USAGE = {
    "a misspelt command": Mistake("backtst", "no command 'backtst'", "did you mean 'backtest'"),
    "no such command": Mistake("frobnicate", "no command 'frobnicate'", "there are .*backtest"),
    "a misspelt part": Mistake("ledger verfy", "no command 'verfy'", "did you mean 'verify'"),
    "a setting as an option": Mistake(
        "backtest --strategy sma_crossover", "--strategy", "without dashes: strategy=VALUE"
    ),
    "a key as an option": Mistake(
        "orders --storage.root=x", r"--storage\.root", r"without dashes: storage\.root=VALUE"
    ),
    "a misspelt option": Mistake("backtest --reprot x.html", "--reprot", "did you mean '--report'"),
    "an option of no command": Mistake("intent --symbol BTC", "--symbol", "it takes .*--instrument"),
    "an option without value": Mistake("backtest --report", "--report", "needs a value"),
    "a word for a port": Mistake("gateway --port abc", "--port", "must be a whole number"),
    "too often": Mistake("watch --every 0.1", "--every", "must be at least 1"),
    "no file": Mistake("import csv", "PATH", "is missing"),
    "a setting for a name": Mistake("approve storage.root=x", r"'storage\.root=x'", "the name that belongs before it"),
}


@pytest.mark.parametrize("name", USAGE)
def test_wrong_usage(name: str) -> None:
    mistake = USAGE[name]
    said = say(*shlex.split(mistake.written))
    assert (said.status, said.out) == (2, "")
    told(said.err, mistake.word, mistake.right)


ARGUMENTS = {
    "words for options": Mistake("intent BTC BUY 1", "BTC", "an option begins with --"),
    "spaces around the sign": Mistake("limits strategy.fast = 5", "without spaces", "KEY=VALUE"),
    "a side that is none": Mistake("intent --instrument BTC --side LONG --qty 1", "LONG", "BUY, SELL"),
    "no side": Mistake("intent --instrument BTC --qty 1", "--side", "say --side BUY"),
    "a quantity in words": Mistake("intent --instrument BTC --side BUY --qty one", "one", "--qty 10"),
    "no quantity": Mistake("intent --instrument BTC --side BUY", "--qty", "say --qty 10"),
    "nothing of it": Mistake("intent --instrument BTC --side BUY --qty 0", "--qty: 0", "above 0"),
    "no price": Mistake("intent --instrument BTC --side BUY --qty 1 --type LMT", "LIMIT order", "--limit"),
    "a misspelt kind": Mistake("intent --instrument BTC --side BUY --qty 1 --type LMIT", "LMIT", "LMT"),
    "a date without its kind": Mistake("intent --instrument BTC --side BUY --qty 1 --tif GTD", "GTD", "--good-till"),
    "an unknown instrument": Mistake("intent --instrument BTX --side BUY --qty 1", "BTX", "did you mean 'BTC'"),
    "no reason": Mistake("kill", "reason", '--reason "..."'),
    "a scope that is none": Mistake("kill --scope BTC --reason x", "BTC", "strategy:NAME or account:ID"),
    "a limit that is none": Mistake("tighten max_gros 0.2 --reason x", "max_gros", "max_gross"),
    "a limit beyond its range": Mistake("tighten max_gross 5 --reason x", "max_gross: 5", "at most 4"),
    "a limit in words": Mistake("tighten max_gross ten --reason x", "ten", "must be a number"),
    "a state that is none": Mistake("settle REF --state DONE --reason x", "DONE", "FILLED, CANCELLED"),
    "a name of nothing": Mistake("explain nope", "nope", "tradewright orders"),
    "a strategy to trade": Mistake("trade strategy=nope --once", "nope", "sma_crossover"),
    "yesterday": Mistake("rehearse strategy=sma_crossover --from yesterday", "yesterday", "written 2026-11-20"),
    "a figure that is none": Mistake(
        "sweep strategy.fast=5,10 backtest.instruments=[BTC] --rank sharp", "sharp", "did you mean 'sharpe'"
    ),
    "too many folds": Mistake(
        "walkforward strategy.fast=5,10 backtest.instruments=[BTC] walkforward.folds=1000", "1000 folds of", "fewer"
    ),
    "letters in a grid": Mistake("sweep strategy.fast=a,b", "got a", "a whole number"),
    "a grid of no parameter": Mistake(
        "sweep policy.max_check_age_seconds=5,10", r"policy\.max_check", "backtest, strategy, universe"
    ),
    "an unknown source": Mistake("import xls f.csv", "xls", "csv, parquet, feather, lean"),
}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_a_wrong_argument(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    mistake = ARGUMENTS[name]
    root = tmp_path_factory.getbasetemp() / "beginner"
    said = say(*shlex.split(mistake.written), f"storage.root={root}", "feed.days_1m=1")
    assert said.status == 1
    told(said.err, mistake.word, mistake.right)


# data and mapping files ------------------------------------------------------------------------------------------

GOOD = daily().to_csv(index=False)
HEAD, *ROWS = GOOD.splitlines()
DATA = {
    "semicolons": (GOOD.replace(",", ";").replace("Open", "First"), "no column for open", "--columns"),
    "no header": ("\n".join(ROWS), "2024-01-02", "header: false"),
    "closes alone": ("Date,Close\n2024-01-02,5\n", "'Date', 'Close'", "no column for open, high, low"),
    "a currency sign": (f"{HEAD}\n2024-01-02,$5,6,4,5,1\n", r"'\$5' is not a number", "with a decimal point"),
    "thousands": (f'{HEAD}\n2024-01-02,5,6,4,5,"1,000"\n', "'1,000' may be 1000 or 1.000", "--thousands ,"),
    "two readings of a day": (f"{HEAD}\n01/02/2024,5,6,4,5,1\n", "01/02/2024", "time_format"),
    "an earlier day again": (f"{GOOD}{ROWS[-2]}\n", "row 31", "on_violation: drop"),
    "high below low": (f"{GOOD}2024-06-03,10,9,11,10,5\n", "row 31: high = 9", "correct the rows"),
    "cut off": (GOOD[:-12], "line 31 .*has 5 values", "where the first line has 6"),
    "nothing": ("", "the file is empty", "fetch the file again"),
    "a page": ("<html>404</html>", "not a readable table: a web page", "fetch the data again"),
    "minutes as days": (
        "\n".join([HEAD, *(f"2024-01-02T15:0{row}:00Z,5,6,4,5,1" for row in range(5))]), "occurs once", "--timeframe"),
}  # fmt: skip
MAPPINGS = {
    "a column that is not there": ("columns: {ts: Datum}", "'Datum'", r"correct columns\.ts"),
    "a column of no meaning": ("columns: {price: Close}", "got price", "ts, open, high, low, close"),
    "a misspelt key": ("zoen: UTC", ":1: zoen", "did you mean 'zone'"),
    "a zone of no land": ("zone: New York", "'New York'", "America/New_York"),
    "a pattern of another program": ("time_format: DD/MM/YYYY", "DD/MM/YYYY", "%d.%m.%Y"),
    "a sign of two": ("delimiter: ';;'", "got ;;", "at most 1"),
    "a scale of nothing": ("price_scale: 0", "got 0", "above 0"),
    "no for false": ("header: no", "got no", "true or false"),
    "an open bracket": ("columns: {ts: Date", ":1:", "a bracket is opened"),
}


def imported(tmp_path: Path, content: str, *more: str) -> tuple[int, str]:
    path = tmp_path / "mine.csv"
    path.write_text(content)
    said = say("import", "csv", str(path), "--instrument", "GOOG", *more, f"storage.root={tmp_path / 'data'}")
    assert not (tmp_path / "data" / "bars").exists() or said.status == 0
    return said.status, said.err


@pytest.mark.parametrize("name", DATA)
def test_a_wrong_data_file(name: str, tmp_path: Path) -> None:
    content, word, right = DATA[name]
    status, text = imported(tmp_path, content)
    assert status == 1
    told(text, r"mine\.csv", word, right)


def test_days_as_minutes_are_refused(tmp_path: Path) -> None:
    status, text = imported(tmp_path, GOOD, "--timeframe", "1m")
    assert status == 1
    told(text, r"mine\.csv", "a day or more apart", "--timeframe 1d")


@pytest.mark.parametrize("name", MAPPINGS)
def test_a_wrong_mapping(name: str, tmp_path: Path) -> None:
    content, word, right = MAPPINGS[name]
    (tmp_path / "map.yaml").write_text(content + "\n")
    status, text = imported(tmp_path, GOOD, "--mapping", str(tmp_path / "map.yaml"))
    assert status == 1
    told(text, r"map\.yaml|mine\.csv", word, right)


def test_an_import_says_what_it_used_left_out_and_what_comes_next(tmp_path: Path) -> None:
    path = tmp_path / "vendor.csv"
    rows = [f"{row},99" for row in ROWS]
    path.write_text("\n".join([f"{HEAD},Adj Close", *rows]))
    root = f"storage.root={tmp_path / 'data'}"
    said = say("import", "csv", str(path), "--instrument", "GOOG", root)
    assert said.status == 0
    told(
        said.out, "used: ts from 'Date'", "left out: 'Adj Close'", r"next: tradewright backtest .*backtest\.prices=raw"
    )
    default = say("backtest", "backtest.instruments=[GOOG]", root)
    assert default.status == 1
    told(default.err, "GOOG at 1m", r"say backtest\.timeframe=1d")
    adjusted = say("backtest", "backtest.instruments=[GOOG]", "backtest.timeframe=1d", root)
    assert adjusted.status == 1
    told(adjusted.err, "no corporate actions of GOOG", r"backtest\.prices=raw")
    other = say("backtest", "backtest.instruments=[GOOG]", "backtest.timeframe=1d", "backtest.prices=raw",
                "backtest.start=2020-01-01", "backtest.end=2020-02-01", root)  # fmt: skip
    assert other.status == 1
    told(other.err, "no bar of GOOG", "GOOG 2024-01-02 to 2024-02-13")
    line = said.out.partition("next: tradewright ")[2].strip()
    assert say(*shlex.split(line)).status == 0, "what it tells to type works"


# the monitor -----------------------------------------------------------------------------------------------------

ACTS: dict[str, tuple[Callable[[Settings], str], str]] = {
    "a stop without a reason": (lambda at: monitor_acts.stop(at, "everything", ""), "a reason is needed"),
    "a scope that is none": (lambda at: monitor_acts.stop(at, "BTC", "why"), "strategy:NAME or account:ID"),
    "a resume without a reason": (lambda at: monitor_acts.resume(at, "everything", " "), "a reason is needed"),
    "a yes to nothing": (lambda at: monitor_acts.answer(at, None, True, "why"), "choose a row"),
    "a decision that is not there": (lambda at: monitor_acts.answer(at, "nope", True, "why"), "no such decision"),
    "a cancel of nothing": (lambda at: monitor_acts.cancel(at, [], "why"), "choose a row"),
}


@pytest.mark.parametrize("name", ACTS)
def test_a_wrong_act_of_the_monitor(name: str, tmp_path: Path) -> None:
    act, word = ACTS[name]
    told(act(compose((f"storage.root={tmp_path}",))), word)

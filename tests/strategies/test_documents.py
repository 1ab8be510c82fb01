"""Documents are strategies like any other: found, refused with their place, equal to their Python twins."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import conf.compose as compose_module
from conf.compose import compose, compose_strategies
from conf.problems import ConfigProblems
from conf.strategy_kinds import is_allocation_file, tradable
from strategies.base import BaseStrategy
from strategies.discovery import found_in, with_documents
from strategies.documents import LIBRARY, document_class, is_document
from strategies.ema_crossover import EmaCrossover
from strategies.macd_trend import MacdTrend
from strategies.sma_crossover import SmaCrossover
from tests.backtest.reference import run_reference
from tests.backtest.test_engine_equals_reference import assert_equal
from tests.dsl.support import text_of
from tests.support.extent import cases
from tests.support.houses import conf_copy
from tradewright.backtest.code import code_identity
from tradewright.backtest.decisions import current_target
from tradewright.backtest.engine import run
from tradewright.backtest.spec import BacktestSpec
from tradewright.backtest.sweep import sweep
from tradewright.indicators.registry import columns
from tradewright.model.bars import Bars
from tradewright.model.errors import ConfigError, StrategyError
from tradewright.research.strategy_check import trial_bars, tried

SHIPPED = sorted(LIBRARY.glob("*.yaml"))


@pytest.fixture
def conf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of settings with one document, in force."""
    folder = conf_copy(tmp_path)
    shutil.copy(LIBRARY / "ma_crossover.yaml", folder / "strategy")
    monkeypatch.setenv("TRADEWRIGHT_CONF", str(folder))
    return folder


def decided(strategy: BaseStrategy, bars: Bars, position: float) -> list[tuple[float, ...]]:
    features = columns(strategy.prepare_state(), bars)
    return [tuple(strategy.generate_signal(i, features, strategy.parameters(), position)) for i in range(len(bars.ts))]


@pytest.mark.parametrize(
    ("name", "twin"), [("ma_crossover", SmaCrossover), ("ema_crossover_document", EmaCrossover)], ids=["sma", "ema"]
)
@pytest.mark.parametrize("lengths", [(10, 30), (3, 7)])
def test_a_document_decides_as_its_python_twin(name: str, twin: type, lengths: tuple[int, int]) -> None:
    fast, slow = lengths
    kind, bars = document_class(LIBRARY / f"{name}.yaml"), trial_bars(3)
    mine, other = kind(fast=fast, slow=slow), twin(fast=fast, slow=slow)
    expected = decided(other, bars, 0.0)
    assert {row[0] for row in expected} >= {1.0, -1.0}
    np.testing.assert_array_equal(decided(mine, bars, 0.0), expected)


def test_the_engine_runs_a_document_as_it_runs_any_strategy() -> None:
    """Against the independent engine, which calls the plain function; a sweep's sets are single runs."""
    kind, bars, terms = document_class(LIBRARY / "ma_crossover.yaml"), trial_bars(4), BacktestSpec(allow_short=True)
    found = run(kind(fast=3, slow=8), bars, terms)
    assert len(found.fills) > 20
    assert_equal(found, run_reference(kind(fast=3, slow=8), bars, terms))
    sets = [kind(fast=fast, slow=8) for fast in (2, 3, 5)]
    assert sweep(sets, bars, terms)["final_equity"][1] == found.equity[-1]


@pytest.mark.parametrize("path", cases(SHIPPED[1:2], SHIPPED), ids=lambda path: path.stem)
def test_what_ships_compiles_and_does_not_look_ahead(path: Path, tmp_path: Path) -> None:
    """The proof and the test by truncation agree."""
    assert tried(document_class(path)(), tmp_path) == ()


def test_a_document_is_composed_like_any_strategy(conf: Path) -> None:
    settings = compose(["strategy=ma_crossover", "strategy.fast=12"])
    chosen = settings.strategy
    assert (chosen.name, chosen.kind, chosen.parameters) == ("ma_crossover", "ma_crossover", {"fast": 12, "slow": 30})
    assert (chosen.confidence, chosen.size_pct, chosen.timeframe, chosen.instruments) == (0.65, 0.01, None, None)
    assert len(chosen.grid_sets()) == 30
    others = compose_strategies()
    assert isinstance(others["ma_crossover"], type(settings))
    assert not is_allocation_file("ma_crossover")
    assert conf.is_dir()


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("strategy.fast=0", "command line: strategy.fast: must be a whole number from 1 to 10000 (got 0)"),
        ("strategy.fast=2.5", "must be a whole number from 1 to 10000 (got 2.5)"),
        ("strategy.fats=5", "strategy.fats"),
    ],
)
def test_a_wrong_override_is_refused_as_for_any_strategy(conf: Path, override: str, told: str) -> None:
    with pytest.raises(ConfigProblems) as caught:
        compose(["strategy=ma_crossover", override], conf)
    assert told in str(caught.value)


def test_a_wrong_document_names_line_and_column_and_stops_nothing_else(conf: Path) -> None:
    path = conf / "strategy" / "ma_crossover.yaml"
    path.write_text(path.read_text().replace("crossunder(ma(close, fast)", "crossunder(ma(clse, fast)"))
    with pytest.raises(ConfigProblems) as caught:
        compose(["strategy=ma_crossover"], conf)
    assert str(caught.value) == (
        "conf/strategy/ma_crossover.yaml:13:23: DSL_STATIC_FAIL: rules[1].if: "
        "there is no series or parameter 'clse' (did you mean close?)"
    )
    assert compose(["strategy=sma_crossover"], conf).strategy.name == "sma_crossover"
    found = with_documents(found_in(None), conf / "strategy")
    assert list(found.broken) == ["ma_crossover"]
    assert "sma_crossover" in found.usable


@pytest.mark.parametrize(
    "written", ["? rules\n: ROWS", '"rul\\x65s": ROWS', "&x rules: ROWS", "'rules' : ROWS", "? rules\n: ROWS\n# kind:"]
)
def test_no_spelling_of_rules_runs_a_namesake_in_python(conf: Path, written: str) -> None:
    """The rules would be passed over, and the strategy in Python of that name be run with the same parameters."""
    rows = '[{if: "close > 1e9", then: buy}, {if: "close < 1", then: close}]'
    params = "params: {fast: 10, slow: 30, size_pct: 0.05}"
    head = f'dsl: "0.1"\nid: sma_crossover\nname: sma_crossover\ntimeframe: null\n{params}\nmetadata: {{}}\n'
    (conf / "strategy" / "sma_crossover.yaml").write_text(head + written.replace("ROWS", rows) + "\n")
    with pytest.raises(ConfigProblems, match=r"conf/strategy/sma_crossover\.yaml"):
        compose(["strategy=sma_crossover"], conf)
    assert isinstance(compose_strategies()["sma_crossover"], ConfigProblems)


@pytest.mark.parametrize(
    "content", [b"kind: [", b"dsl: \xff", b"- 1\n", b"7\n", b"a: &a [1]\nb: *a\n", b"kind: a\nkind: b\n"]
)
def test_a_file_that_is_no_yaml_keeps_no_other_strategy_from_signals(conf: Path, content: bytes) -> None:
    """The daily loop and the desk ask which strategies make signals, while somebody edits one of them."""
    (conf / "strategy" / "half.yaml").write_bytes(content)
    assert {"half", "ma_crossover", "sma_crossover"} <= set(tradable("split"))
    assert "equal_weight" not in tradable("split")
    assert not is_allocation_file("nowhere")
    assert isinstance(compose_strategies()["half"], ConfigProblems)


@pytest.mark.usefixtures("conf")
def test_a_file_that_goes_meanwhile_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    there = compose_module.options
    monkeypatch.setattr(compose_module, "options", lambda *where: [*there(*where), "gone"])
    found = compose_strategies()
    assert "conf/strategy/gone.yaml: cannot be read: No such file" in str(found["gone"])
    assert not isinstance(found["ma_crossover"], ConfigProblems)


def test_a_document_in_the_wrong_file_is_told_at_its_id(conf: Path) -> None:
    (conf / "strategy" / "ma_crossover.yaml").rename(conf / "strategy" / "mine.yaml")
    with pytest.raises(ConfigProblems) as caught:
        compose(["strategy=mine"], conf)
    assert str(caught.value) == "conf/strategy/mine.yaml:3: id: must be the name of the file, mine (got ma_crossover)"


def test_an_instrument_that_is_not_declared_is_refused(conf: Path) -> None:
    path = conf / "strategy" / "ma_crossover.yaml"
    path.write_text(path.read_text().replace("crossover(ma(close, fast)", "crossover(ma(close of BTX, fast)"))
    with pytest.raises(ConfigProblems) as caught:
        compose(["strategy=ma_crossover"], conf)
    assert str(caught.value) == (
        "conf/strategy/ma_crossover.yaml:10: strategy.rules: is not in conf/instruments; declare it there "
        "(got BTX); did you mean 'BTC'?"
    )


def test_a_value_of_the_grid_out_of_bounds_is_told_at_its_place(conf: Path) -> None:
    path = conf / "strategy" / "ma_crossover.yaml"
    path.write_text(path.read_text().replace("fast: [5, 10", "fast: [0, 10"))
    from conf.compose import check

    place = "conf/strategy/ma_crossover.yaml:20:10: DSL_PARAM_OUT_OF_RANGE: grid.fast[0]"
    told = "0 is not a whole number from 1 to 10000, as fast is (remove it, or change the bounds under params)"
    assert [str(problem) for problem in check([], conf)] == [f"{place}: {told}"]


def test_the_id_is_the_name_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "other.yaml"
    path.write_text(text_of())
    with pytest.raises(ConfigError, match="write id: other"):
        document_class(path)


@pytest.mark.parametrize(("name", "told"), [("sma_crossover", "several strategies"), ("manual", "reserved")])
def test_a_name_that_is_taken_is_refused(tmp_path: Path, name: str, told: str) -> None:
    (tmp_path / f"{name}.yaml").write_text(text_of(id=name))
    assert told in with_documents(found_in(None), tmp_path).broken[name].what


def test_a_change_of_meaning_alone_changes_the_identity_of_the_code(tmp_path: Path) -> None:
    """Books, caches and evidence are bound to it."""

    def identity(**changes: object) -> str:
        path = tmp_path / "planted.yaml"
        path.write_text(text_of(**changes))
        return code_identity(document_class(path).generate_signal)

    rules = json.loads(text_of())["rules"]
    assert identity() == identity(name="Otherwise", metadata={"notes": "more"}, rules=rules[::-1])
    other = [{**rules[0], "if": "crossover(ma(close, 5), lag(ma(close, 20), 1))"}, rules[1]]
    assert identity() != identity(rules=other)


def test_orders_beyond_four_numbers_are_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "planted.yaml"
    rules = [
        {"if": "close > open", "then": "buy", "stop_entry": "highest(high, 5)"},
        {"if": "close < 90", "then": "close"},
    ]
    exits = {"trail": "2 * atr(3)", "take_profit": "5 * atr(3)"}
    path.write_text(text_of(rules=rules, exits=exits, params={"size_pct": 0.01, "max_hold_bars": 7}))
    strategy, bars = document_class(path)(), trial_bars()
    features = columns(strategy.prepare_state(), bars)
    named = {feature.label: column for feature, column in zip(strategy.prepare_state(), features, strict=True)}
    asked = [strategy.generate_signal(i, features, strategy.parameters(), 0.0) for i in range(20)]
    entries = [(i, request) for i, request in enumerate(asked) if request[0] == 1.0]
    assert entries
    for i, request in entries:
        assert request.stop_entry == named["donchian_upper(5)"][i]
        assert request.trail == 2 * named["atr(3)"][i]
        assert request.take_profit == bars.close[i] + 5 * named["atr(3)"][i]
        assert (request.time_stop, request.stop == request.stop) == (7.0, False)


def test_what_signals_do_not_carry_is_refused_with_the_file_of_the_document(tmp_path: Path) -> None:
    """Its decision is made, and stands in no file that its author could open."""
    path = tmp_path / "conf" / "strategy" / "planted.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(text_of(params={"max_hold_bars": 7, "size_pct": 0.01}))
    with pytest.raises(StrategyError) as caught:
        current_target(document_class(path)(), trial_bars(), BacktestSpec())
    assert caught.value.where == "strategy planted, conf/strategy/planted.yaml"
    assert caught.value.what.startswith("it asks for a time stop (time_stop) in bar ")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rules:\n- x", True),
        ('{"id": 1, "rules": []}', True),
        ("kind: x\nrules: 3", False),
        ("name: a\nkind: b", False),
        ("allocate: {every: month}", True),
        ("kind: x\nallocate: 3", False),
        ("rules: []\nmetadata: {notes: 'no \"kind\": at all'}", True),
        ('{"rules": [], "metadata": {"kind": 1}}', True),
        ('{"rules": [], "kind": 1}', False),
        ('rules: [\nkind: "', False),
    ],
)
def test_a_document_has_rules_or_an_allocation_and_no_kind(text: str, expected: bool) -> None:
    assert is_document(text) is expected


@pytest.mark.parametrize("threshold", [0.0, 0.004])
def test_the_macd_as_a_document_fills_as_the_strategy_in_python_where_orders_fill_at_once(threshold: float) -> None:
    """It says close also while nothing is held, so that decisions alone differ; late fills would too."""
    values = {"fast": 4, "slow": 9, "signal": 3, "threshold": threshold}
    bars, terms = trial_bars(3), BacktestSpec(cash=20_000.0)
    kinds = (MacdTrend, document_class(LIBRARY / "macd_trend_document.yaml"))
    mine, other = (run(kind(**values), bars, terms) for kind in kinds)  # type: ignore[arg-type]
    assert len(mine.fills) > 4
    assert mine.fills.tobytes() == other.fills.tobytes()
    assert mine.equity.tobytes() == other.equity.tobytes()

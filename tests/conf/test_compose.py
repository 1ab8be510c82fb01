"""From YAML and overrides to frozen settings, and every way of getting it wrong."""

from __future__ import annotations

import copy
import dataclasses
import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from conf.compose import check, compose, examine
from conf.composition import Composed
from conf.environment import SOURCE, groups, options
from conf.overrides import grid
from conf.problems import ConfigProblems, Problem
from conf.schema.settings import Settings
from conf.validate import validate
from tradewright.model.mode import Mode


def test_the_shipped_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    """R-CFG-01, 12, 16: SIM, 14 days of logs, alerts off but there, 100,000 USD."""
    for name in ("MODE", "TZ"):
        monkeypatch.delenv(name, raising=False)
    settings = compose()
    assert settings.mode.name is Mode.SIM
    assert settings.base.tz == "UTC"
    assert settings.universe.instruments == ("BTC", "ETH", "AAPL", "NAS100", "XAUUSD")
    assert settings.universe.timeframe == "1m"
    assert settings.observability.log_retention_days == 14
    assert settings.observability.alerts.enabled is False
    assert set(settings.feed.model_dump()) == {"kind", "end", "days_1m", "days_1d"}, "a scenario reaches nothing"
    assert compose(["feed=ibkr"]).feed.remote_providers == "disabled"
    assert settings.backtest.cash == 100_000
    assert settings.policy.currency == "USD"


def test_nothing_is_wrong_with_what_ships() -> None:
    assert check() == []


@pytest.mark.parametrize(("group", "option"), [(group, option) for group in groups() for option in options(group)])
def test_every_option_of_every_group_composes(group: str, option: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTGRES_URL", "postgresql+psycopg2://localhost/nowhere")
    companions = {
        "mode=paper": ["broker=ibkr"],
        "mode=live": ["broker=ibkr", "broker.account=U1", "broker.port=4001", "stage=live_small"],
        "broker=ibkr": ["mode=paper"],
    }
    chosen = f"{group}={option}"
    overrides = [f"{group}='{option}'", *companions.get(chosen, [])]
    if group == "instruments" and option != "all":
        overrides += [f"universe.instruments=[{_first_symbol(option)}]"]
    settings = compose(overrides)
    assert isinstance(settings, Settings)
    with pytest.raises(ValidationError, match="frozen"):
        settings.base = settings.base  # type: ignore[misc]


def _first_symbol(option: str) -> str:
    text = (SOURCE / "conf" / "instruments" / f"{option}.yaml").read_text()
    return re.findall(r"^([A-Z0-9]+):", text, re.MULTILINE)[0]


def test_modes_differ_by_the_adapter_only() -> None:
    """R-CFG-02: what differs between SIM and PAPER is the mode's name and the broker."""
    sim, paper = compose(), compose(["mode=paper", "broker=ibkr"])
    different = {name for name in Settings.model_fields if getattr(sim, name) != getattr(paper, name)}
    assert different == {"mode", "broker"}


SPY = "instruments.SPY.asset_class"
WRONG_OVERRIDES = {
    "strategy=nope": ("strategy", "nope", "must be one of", ""),
    "strategy=macd_tredn": ("strategy", "macd_tredn", "must be one of", "macd_trend"),
    "strategi=macd_trend": ("strategi", "", "not a key", "strategy"),
    "strategy.fasst=3": ("strategy.fasst", "", "not a key", "strategy.fast"),
    "strategy.fast=x": ("strategy.fast", "x", "", ""),
    "strategy.fast=-1": ("strategy.fast", "-1", "", ""),
    "strategy.fast=1.5": ("strategy.fast", "1.5", "", ""),
    "strategy.fast=true": ("strategy.fast", "True", "", ""),
    "strategy.fast=400": ("strategy.fast", "", "fast = 400, slow = 30; fast < slow", ""),
    "backtest/costs=foo": ("backtest/costs", "foo", "must be one of", ""),
    "backtest.cash=-5": ("backtest.cash", "-5", "above 0", ""),
    "backtest.cash=lots": ("backtest.cash", "lots", "must be a number", ""),
    "backtest.cash=inf": ("backtest.cash", "inf", "finite", ""),
    "backtest.cash=nan": ("backtest.cash", "nan", "finite", ""),
    "backtest.allow_short=1": ("backtest.allow_short", "1", "boolean", ""),
    "backtest.timeframe=2m": ("backtest.timeframe", "2m", "1m", ""),
    "feed.end=2026-11-20": (
        "feed.end",
        "2026-11-20",
        "must be a moment with its zone, such as 2026-11-20T15:00:00Z",
        "",
    ),
    "feed.end=soon": ("feed.end", "soon", "must be a moment with its zone, written 2026-11-20T15:00:00Z", ""),
    "backtest.known_at=soon": ("backtest.known_at", "soon", "a day or a moment", ""),
    "backtest.start=yesterday": ("backtest.start", "yesterday", "a day or a moment", ""),
    "backtest.prices=total_retrun": ("backtest.prices", "total_retrun", "raw", "total_return"),
    "universe.instruments=[BTCC]": ("universe.instruments", "BTCC", "not in conf/instruments", "BTC"),
    "universe.instruments=[]": ("universe.instruments", "[]", "must not be empty", ""),
    "universe.instruments=[1]": ("universe.instruments.0", "1", "must be text", ""),
    "base.tz=Mars/Base": ("base.tz", "Mars/Base", "IANA", ""),
    "observability.serve.host=0.0.0.0": ("observability.serve.host", "0.0.0.0", "127.0.0.1", ""),
    "policy.min_confidence=2": ("policy.min_confidence", "2", "at most 1", ""),
    "risk.max_gross=0": ("risk.max_gross", "0", "above 0", ""),
    "strategy.fast=[1": ("", "strategy.fast=[1", "KEY=VALUE", ""),
    "nothing": ("", "nothing", "KEY=VALUE", ""),
    "features.extra=[{indicator: smaa, arguments: [20]}]": ("features.extra.0.indicator", "smaa", "sma", ""),
    "features.extra=[{indicator: sma, arguments: [0]}]": ("features.extra.0.indicator", "sma", "", ""),
    "features.rank=1": ("features.rank", "1", "at least 2", ""),
    "mode=live": ("stage.name", "local", "live_small", ""),
    "broker=ibkr": ("broker.kind", "ibkr", "mode=sim", ""),
}


@pytest.mark.parametrize("override", WRONG_OVERRIDES)
def test_a_wrong_override_names_key_value_rule_and_nearest_name(override: str) -> None:
    key, value, rule, near = WRONG_OVERRIDES[override]
    settings, problems = examine([override])
    assert settings is None or problems
    matching = [problem for problem in problems if problem.key == key]
    assert matching, problems
    assert any(value in problem.value and rule in problem.rule for problem in matching), matching
    if near:
        assert matching[0].nearest == near


def test_all_problems_are_reported_at_once() -> None:
    with pytest.raises(ConfigProblems) as caught:
        compose(["backtest/costs=foo", "backtest.cashh=3", "strategy.fast=-4", "evaluation.sampling=x", "base.seed=-1"])
    keys = {problem.key for problem in caught.value.problems}
    assert keys == {"backtest/costs", "backtest.cashh", "strategy.fast", "evaluation.sampling", "base.seed"}


@pytest.mark.parametrize(
    ("file", "old", "new", "line", "key"),
    [
        ("strategy/macd_trend.yaml", "fast: 12", "fastt: 12", 3, "strategy.fastt"),
        ("backtest/default.yaml", "bar_delay: 1 ", "bar_delay: 0 ", 24, "backtest.bar_delay"),
        ("backtest/costs/percent.yaml", "rate: 0.001", "rate: 1.5", 2, "backtest.costs.rate"),
        (
            "instruments/us_equities.yaml",
            "SPY: {asset_class: etf",
            "SPY: {asset_class: x",
            2,
            "instruments.SPY.asset_class",
        ),
        ("instruments/demo.yaml", "tick_size: 0.1,", "tik_size: 0.1,", 6, "instruments.NAS100.tik_size"),
        ("risk/default.yaml", "max_gross: 0.50", "max_gros: 0.50", 8, "risk.max_gros"),
        ("features/default.yaml", "rsi: 14", "rsi: 0", 3, "features.rsi"),
        ("strategy/sma_crossover.yaml", "confidence: 0.65", "confidence: 65", 5, "strategy.confidence"),
    ],
)
def test_a_wrong_file_is_named_with_its_line(
    conf_copy: Path, file: str, old: str, new: str, line: int, key: str
) -> None:
    path = conf_copy / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    found = [problem for problem in check(folder=conf_copy) if problem.key == key]
    assert [(problem.file, problem.line) for problem in found[:1]] == [(f"conf/{file}", line)], check(folder=conf_copy)


def test_a_limit_that_is_left_out_is_missing_and_not_a_default(conf_copy: Path) -> None:
    path = conf_copy / "risk" / "default.yaml"
    path.write_text("".join(line for line in path.read_text().splitlines(True) if not line.startswith("max_gross")))
    found = [(problem.key, problem.rule) for problem in check(folder=conf_copy)]
    assert set(found) == {("risk.max_gross", "is missing")}


def test_one_trap_in_one_file_is_reported_with_the_file(conf_copy: Path) -> None:
    (conf_copy / "universe" / "mine.yaml").write_text("name: mine\ninstruments: [00700, null]\n")
    problems = check(folder=conf_copy)
    assert [(problem.file, problem.line, problem.value) for problem in problems] == [
        ("conf/universe/mine.yaml", 2, "00700"),
        ("conf/universe/mine.yaml", 2, "null"),
    ]


def test_a_root_that_does_not_compose(conf_copy: Path) -> None:
    (conf_copy / "config.yaml").write_text("defaults:\n  - mode: nowhere\n")
    settings, problems = examine(["strategy.fast=3"], conf_copy)
    assert settings is None
    assert ("conf/config.yaml", 2, "mode", "nowhere") in {row[:4] for row in map(dataclasses.astuple, problems)}


def _as_written(value: object) -> object:
    """Decimals leave pydantic as texts; in YAML they are numbers."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _leaves(node: object, key: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(node, dict):
        for name, value in node.items():
            yield from _leaves(value, (*key, name))
    else:
        yield key


def _mutants(value: object) -> list[object]:
    wrong: list[object] = [float("nan"), float("inf"), {"x": 1}]
    if not isinstance(value, bool):
        wrong.append(True)
    if isinstance(value, int | float):
        wrong += ["text", [1]]
    return wrong


def test_every_key_refuses_a_typo_a_wrong_type_and_nan() -> None:
    """The mutation corpus over the whole shipped configuration: nothing wrong passes."""
    tree = json.loads(compose().model_dump_json(), parse_float=float)
    tree["strategy"] |= tree["strategy"].pop("parameters") | tree["strategy"].pop("others")
    for group in ("policy", "risk", "stage"):
        tree[group] = {name: _as_written(value) for name, value in tree[group].items()}
    for row in tree["instruments"].values():
        del row["symbol"], row["hours"]
        row |= {name: _as_written(row[name]) for name in ("tick_size", "lot_size", "multiplier")}
    composed = Composed(tree, {}, {}, SOURCE / "conf")
    assert validate(composed)[1] == []
    passed = []
    for key in _leaves(tree):
        wrong = [(mutant, _put(tree, key, mutant)) for mutant in _mutants(_get(tree, key))]
        passed += [(key, mutant) for mutant, bad in wrong if validate(composed._replace(tree=bad))[0] is not None]
        if key[:1] != ("instruments",) and validate(composed._replace(tree=_rename(tree, key)))[0] is not None:
            passed.append((key, "typo"))
    assert passed == []


def _get(tree: dict[str, object], key: tuple[str, ...]) -> object:
    node: object = tree
    for part in key:
        node = node[part]  # type: ignore[index]
    return node


def _put(tree: dict[str, object], key: tuple[str, ...], value: object) -> dict[str, object]:
    changed = copy.deepcopy(tree)
    _get(changed, key[:-1])[key[-1]] = value  # type: ignore[index]
    return changed


def _rename(tree: dict[str, object], key: tuple[str, ...]) -> dict[str, object]:
    changed = copy.deepcopy(tree)
    parent = _get(changed, key[:-1])
    parent[f"{key[-1]}x"] = parent.pop(key[-1])  # type: ignore[attr-defined,index]
    return changed


def test_the_hash_follows_what_changes_results_and_nothing_else() -> None:
    base = compose().config_hash
    assert compose(["storage.root=elsewhere", "observability.log_level=DEBUG"]).config_hash == base
    assert compose(["strategy.fast=11"]).config_hash != base
    assert compose(["base.seed=1"]).config_hash != base
    assert re.fullmatch(r"[0-9a-f]{64}", base)


def test_engine_and_schema_versions_are_in_the_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    """R-CFG-20: changing either invalidates what was cached under the hash."""
    base = compose().config_hash
    for name, other in {"engine_digest": lambda: "other", "SCHEMA_VERSION": "other"}.items():
        with monkeypatch.context() as patch:
            patch.setattr(f"conf.schema.settings.{name}", other)
            assert compose().config_hash != base


def test_composing_from_many_threads() -> None:
    """Hydra's state is global; the lock makes 24 composes from 4 threads right."""
    results: list[int | float | bool] = []

    def work(fast: int) -> None:
        composed = [compose([f"strategy.fast={fast}"]) for _ in range(6)]
        results.extend(settings.strategy.parameters["fast"] - fast for settings in composed)

    threads = [threading.Thread(target=work, args=(5 + n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [0] * 24


def test_the_sweep_syntax_is_hydras_own() -> None:
    found = grid(["strategy=sma_crossover", "strategy.fast=5,10", "strategy.slow=range(20,60,20)"])
    assert found.fixed == ["strategy=sma_crossover"]
    assert found.combinations == [
        ["strategy.fast=5", "strategy.slow=20"],
        ["strategy.fast=5", "strategy.slow=40"],
        ["strategy.fast=10", "strategy.slow=20"],
        ["strategy.fast=10", "strategy.slow=40"],
    ]
    assert grid(["strategy.fast=5"]).combinations == [[]]
    with pytest.raises(ConfigProblems, match="KEY=VALUE"):
        grid(["strategy.fast=[1"])


def test_a_problem_reads_like_a_sentence() -> None:
    problem = Problem("conf/strategy/bad.yaml", 5, "strategy.fastt", "3", "is not a key of the settings", "fast")
    assert str(problem) == (
        "conf/strategy/bad.yaml:5: strategy.fastt: is not a key of the settings (got 3); did you mean 'fast'?"
    )

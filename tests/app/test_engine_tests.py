"""T0 and T1: a strategy document on a scenario as a request and a reply, with the cache (R-BT-16 to 18)."""

from __future__ import annotations

import json
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from app.operations.engine_tests import EngineReply, EngineRequest, backtest_t0, backtest_t1
from conf.compose import compose
from conf.environment import SOURCE
from conf.schema.settings import Settings
from strategies.documents import LIBRARY
from tests.app.conftest import say
from tests.scenarios.support import values
from tests.support.houses import conf_copy
from tradewright.dsl.source import read
from tradewright.model.errors import ConfigError, StoreError

DOCUMENT = read((LIBRARY / "ma_crossover.yaml").read_text()).values
QUICK = values("vol_cluster", duration_bars=1_000)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return compose((f"storage.root={tmp_path}",))


def asked(settings: Settings, **changed: Any) -> EngineReply:
    given = {"strategy": DOCUMENT, "scenario": QUICK, **changed}
    return backtest_t0(settings, EngineRequest.model_validate(given))


def test_a_reply_has_its_figures_and_comes_from_the_cache_the_second_time(settings: Settings) -> None:
    first, second = asked(settings), asked(settings)
    assert (first.used_cache, second.used_cache) == (False, True)
    assert second == first.model_copy(update={"used_cache": True})
    assert len(first.equity) == 1_000
    assert first.trades
    assert first.equity[-1] == pytest.approx(100_000 + sum(trade.profit for trade in first.trades))
    assert first.metrics["total_return"] == pytest.approx(first.equity[-1] / 100_000 - 1)
    assert all(trade.entered < trade.left for trade in first.trades)


def test_each_part_of_the_signature_changes_it(settings: Settings) -> None:
    """R-BT-18; a new name for people changes nothing."""
    changes: list[dict[str, Any]] = [
        {}, {"fees_bps": 2.0}, {"slippage_bps": 1.0}, {"bar_delay": 2}, {"initial_cash": 5e4},
        {"scenario": {**QUICK, "seed": 8}}, {"strategy": {**DOCUMENT, "params": {**DOCUMENT["params"], "fast": 11}}},
    ]  # fmt: skip
    assert len({asked(settings, **each).cache_key for each in changes}) == len(changes)
    assert asked(settings, strategy={**DOCUMENT, "name": "Another title"}).used_cache


def test_costs_delay_and_slippage_have_their_effect(settings: Settings) -> None:
    plain = asked(settings, fees_bps=0.0).equity[-1]
    assert asked(settings, fees_bps=20.0).equity[-1] < plain
    assert asked(settings, fees_bps=0.0, slippage_bps=20.0).equity[-1] < plain
    assert (
        asked(settings, fees_bps=0.0, bar_delay=3).trades[0].entered > asked(settings, fees_bps=0.0).trades[0].entered
    )


def test_by_reference_and_inline_are_equal(settings: Settings) -> None:
    """R-BT-01; what is not stored is refused."""
    with pytest.raises(StoreError, match="is not stored"):
        backtest_t1(settings, EngineRequest(strategy=DOCUMENT, scenario={"ref": "scenario_split"}))
    assert say("scenarios", "generate", f"storage.root={settings.storage.root}").status == 0
    said = say("scenarios", "show", "scenario_split", "--json").json["document"]
    stored, inline = (
        backtest_t1(settings, EngineRequest.model_validate({"strategy": DOCUMENT, "scenario": each}))
        for each in ({"ref": "scenario_split"}, said)
    )
    assert stored.model_dump(exclude={"used_cache"}) == inline.model_dump(exclude={"used_cache"})


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"scenario": {**QUICK, "duration_bars": 1_001}}, "TOO_MANY_BARS"),
        ({"scenario": {**QUICK, "instruments": 2}}, "CONFIG_ERROR"),
        ({"scenario": {**QUICK, "events": [{"kind": "gap", "at": 1000, "size": 0.1}]}}, "SCENARIO_INVALID"),
        ({"scenario": {"ref": "no_such"}}, "CONFIG_ERROR"),
        ({"strategy": {**DOCUMENT, "rules": []}}, "DSL_SCHEMA_INVALID"),
    ],
)
def test_what_is_wrong_is_refused(settings: Settings, changed: dict[str, Any], code: str) -> None:
    with pytest.raises(ConfigError) as refused:
        asked(settings, **changed)
    assert refused.value.code == code
    assert not list(Path(settings.storage.root).rglob("*.npz"))


@pytest.mark.parametrize(
    "changed", [{"fees_bps": -1}, {"bar_delay": 0}, {"initial_cash": 0}, {"scenario": {}}, {"colour": 1}]
)
def test_a_request_of_another_shape_is_none(settings: Settings, changed: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        asked(settings, **changed)


@pytest.mark.parametrize(("tier", "bars", "goal"), [(backtest_t0, 1_000, 5.0), (backtest_t1, 50_000, 30.0)])
def test_the_budgets_of_time_and_memory(settings: Settings, tier: Any, bars: int, goal: float) -> None:
    """R-BT-13 to R-BT-15 and R-API-19, in CPU seconds, with the machine code loaded."""
    request = EngineRequest.model_validate({"strategy": DOCUMENT, "scenario": {**QUICK, "duration_bars": bars}})
    asked(settings)
    tracemalloc.start()
    begun = time.process_time()
    reply = tier(settings, request.model_copy(update={"fees_bps": 1.5}))
    spent, (_, peak) = time.process_time() - begun, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (len(reply.equity), reply.used_cache) == (bars, False)
    assert spent < goal
    assert peak < 200e6


def test_a_scenario_shorter_than_a_window_is_refused_by_check_and_test_alike(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R-STRAT-34, Q-08."""
    conf = conf_copy(tmp_path)
    monkeypatch.setenv("TRADEWRIGHT_CONF", str(conf))
    values_of_it = {**QUICK, "id": "scenario_short", "duration_bars": 100}
    (conf / "scenario" / "scenario_short.yaml").write_text(json.dumps(values_of_it))
    for length, told in ((100, ""), (101, "it needs 101 bars")):
        rules = [{"if": f"close > ma(close, {length})", "then": "buy"}, {"if": "close < open", "then": "close"}]
        document = {**DOCUMENT, "rules": rules, "params": {"size_pct": 0.01}, "grid": {}}
        file = tmp_path / "short.yaml"
        file.write_text(json.dumps(document))
        said = say("dsl", "check", str(file), "--scenario", "scenario_short")
        assert (said.status, told in said.out) == (int(bool(told)), True)
        if told:
            with pytest.raises(ConfigError, match=told) as refused:
                asked(settings, strategy=document, scenario=values_of_it)
            assert refused.value.code == "DSL_STATIC_FAIL"


def test_equal_requests_give_equal_bytes(settings: Settings, tmp_path: Path) -> None:
    other = settings.model_copy(
        update={"storage": settings.storage.model_copy(update={"root": str(tmp_path / "other")})}
    )
    one, two = asked(settings), asked(other)
    assert not two.used_cache
    assert np.array(one.equity).tobytes() == np.array(two.equity).tobytes()


def test_the_command(settings: Settings, tmp_path: Path) -> None:
    root, file = f"storage.root={settings.storage.root}", tmp_path / "market.yaml"
    file.write_text(json.dumps(QUICK))
    strategy = str(LIBRARY / "ma_crossover.yaml")
    said = say("scenarios", "test", strategy, str(file), root, "--fees-bps", "2", "--json")
    assert said.status == 0
    assert said.json["cache_key"] == asked(settings, fees_bps=2.0).cache_key
    assert "from the cache" in say("scenarios", "test", strategy, str(file), root, "--fees-bps", "2").out
    refused = say("scenarios", "test", strategy, "scenario_halt", root, "--json")
    assert (refused.status, refused.json["error"]["code"]) == (1, "TOO_MANY_BARS")
    assert "the quick test takes at most 1,000" in refused.json["error"]["what"]
    assert refused.json["error"]["remedy"].endswith("--full")
    shared = say("scenarios", "test", str(SOURCE / "conf/strategy/inverse_volatility.yaml"), str(file), root, "--json")
    assert shared.status == 1
    assert "inverse_volatility is an allocation" in shared.json["error"]["what"]
    file.write_text(json.dumps({**QUICK, "seed": "x"}))
    wrong = say("scenarios", "test", strategy, str(file), root, "--json").json["error"]
    assert wrong["code"] == "SCENARIO_INVALID"
    assert "market.yaml:1: seed" in wrong["what"]

"""E9: a job that fails in this process says which strategy and what, in no library's and no module's words."""

from __future__ import annotations

import dagster as dg
import pytest

from assets.runs import RunFailed, execute
from tradewright.model.errors import DataError, StrategyError, TradewrightError


def failed(error: Exception, key: list[str]) -> str:
    """What is told of a job with one asset that raises an error."""

    @dg.asset(key=key)
    def made() -> None:
        raise error

    definitions = dg.Definitions([made], jobs=[dg.define_asset_job("signals_job", [made])])
    with dg.instance_for_test() as instance, pytest.raises(RunFailed) as caught:
        execute(definitions, "signals_job", instance)
    return caught.value.what


@pytest.mark.parametrize("kind", [DataError, TradewrightError])
def test_an_error_of_ours_is_told_with_the_name_of_its_strategy(kind: type[TradewrightError]) -> None:
    told = failed(kind("there are no bars", where="BTC 1d", remedy="import them"), ["strategy", "my_own", "signals"])
    assert told == "strategy my_own, signals: BTC 1d: there are no bars (import them)"


def test_an_error_that_names_its_strategy_is_not_named_twice() -> None:
    told = failed(StrategyError("no name", where="strategy my_own, own.py, line 3"), ["strategy", "my_own", "signals"])
    assert told == "strategy my_own, own.py, line 3: no name"


def test_a_step_of_one_word_is_told_as_it_is() -> None:
    assert failed(DataError("no bars"), ["bars"]) == "bars: no bars"


def test_another_error_keeps_its_class() -> None:
    assert failed(KeyError("close"), ["market", "bars"]).startswith("market__bars: KeyError: 'close'")


def test_a_failed_check_tells_what_it_found() -> None:
    """Not the words of Dagster, which name the check alone."""
    spec = dg.AssetCheckSpec("look_ahead", asset=dg.AssetKey(["strategy", "own", "signals"]), blocking=True)

    @dg.asset(key=spec.asset_key, check_specs=[spec])
    def signals() -> dg.MaterializeResult:
        told = {"findings": "BTC, bar 0: level\nETH, bar 1: level"}
        check = dg.AssetCheckResult(check_name="look_ahead", passed=False, metadata=told)
        return dg.MaterializeResult(check_results=[check])

    definitions = dg.Definitions([signals], jobs=[dg.define_asset_job("signals_job", [signals])])
    with dg.DagsterInstance.ephemeral() as instance, pytest.raises(RunFailed) as failed:
        execute(definitions, "signals_job", instance)
    assert failed.value.what == "strategy own, signals: look_ahead: BTC, bar 0: level; ETH, bar 1: level"

"""The graph: what is in it, what a new or a wrong file does to it, and that a run uses what was loaded."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import dagster as dg
import pytest

from assets.metadata import refusal_facts
from assets.pinned_config import HASH_TAG, MODE_TAG, SEED_TAG, PinnedConfig
from assets.research.definitions import RESEARCH_JOB, research_definitions
from assets.runs import RunFailed, execute
from conf.compose import compose
from conf.problems import ConfigProblems
from strategies.documents import LIBRARY
from tests.support.houses import House
from tradewright.model.errors import ConfigError

GRAPH = Path(__file__).with_name("graph.txt")
"""The committed graph. When it changes on purpose, write the new one here."""
ROBUSTNESS = ("sweep", "walk_forward", "monte_carlo", "certificate")


def lines(definitions: dg.Definitions) -> list[str]:
    """One line per asset: its key, what it depends on, its checks."""
    graph = definitions.resolve_asset_graph()
    found = []
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        above = ", ".join(sorted(parent.to_user_string() for parent in node.parent_keys)) or "nothing"
        checks = "".join(f" [{check.name}]" for check in sorted(node.check_keys, key=lambda check: check.name))
        found.append(f"{key.to_user_string()} <- {above}{checks}")
    return sorted(found)


def keys(definitions: dg.Definitions) -> set[str]:
    return {line.partition(" ")[0] for line in lines(definitions)}


def test_the_graph_is_the_committed_one() -> None:
    from assets.execution.definitions import execution_definitions

    research, execution = research_definitions(()), execution_definitions(())
    text = "\n".join(["research:", *lines(research), "", "execution:", *lines(execution), ""])
    assert text == GRAPH.read_text()
    for graph in (research.resolve_asset_graph(), execution.resolve_asset_graph()):
        nodes = [graph.get(key) for key in graph.get_all_asset_keys()]
        assert [node.key for node in nodes if node.is_materializable and not node.check_keys] == [], (
            "the README says so"
        )
    assert {job.name for job in research.resolve_all_job_defs()} >= {
        "market",
        RESEARCH_JOB,
        "refresh_bars",
        "signals",
        "generate_scenarios",
        "verify_package",
        "strategy_mix",
    }
    jobs = {"desk", "send_orders", "reconcile", "end_of_day", "prune", "backup", "doctor"}
    assert {job.name for job in execution.resolve_all_job_defs()} >= jobs


def root_policies(definitions: dg.Definitions) -> set[dg.BackfillPolicy | None]:
    """Those of the assets that have no partitions and need no other."""
    graph = definitions.resolve_asset_graph()
    nodes = [graph.get(key) for key in graph.get_all_asset_keys()]
    roots = [node for node in nodes if node.is_materializable and not node.parent_keys and node.partitions_def is None]
    return {node.backfill_policy for node in roots}


def test_everything_can_be_launched_at_once() -> None:
    """Roots of one policy are put into one run, and no run can have assets of two code locations."""
    from assets.execution.definitions import execution_definitions

    research, execution = root_policies(research_definitions(())), root_policies(execution_definitions(()))
    assert research
    assert execution
    assert not research & execution


def statuses(overrides: tuple[str, ...]) -> dict[str, bool]:
    """Every schedule and sensor of both locations, and whether it runs unless somebody stops it."""
    from assets.execution.definitions import execution_definitions

    found = {}
    for made in (research_definitions(overrides), execution_definitions(overrides)):
        repository = made.get_repository_def()
        for definition in (*repository.schedule_defs, *repository.sensor_defs):
            found[definition.name] = definition.default_status.value == "RUNNING"
    return found


FOLLOW = {"refresh_bars": "refresh_bars", "signals": "new_bars", "decide": "new_signals"} | {
    name: name for name in ("reconcile", "end_of_day", "prune", "backup", "doctor")
}
"""The schedule or sensor of each key of ``conf/schedules``."""


def test_the_loop_is_off_until_it_is_switched_on() -> None:
    watched = {"approved_orders": True, "open_orders": True, "end_of_day": True, "alerts": False}
    assert statuses(()) == {**dict.fromkeys(FOLLOW.values(), False), **watched}
    assert statuses(("schedules=on",)) == {**dict.fromkeys(FOLLOW.values(), True), **watched}


def test_each_job_is_switched_off_by_itself() -> None:
    assert set(FOLLOW) == set(compose(("schedules=on",)).schedules.model_dump()) - {"retry_minutes"}
    for half in (list(FOLLOW)[::2], list(FOLLOW)[1::2]):
        found = statuses(("schedules=on", *(f"schedules.{key}.enabled=false" for key in half)))
        assert {name for name, runs in found.items() if not runs} == {FOLLOW[key] for key in half} | {"alerts"}


def test_the_sensor_of_alerts_runs_where_alerts_are_on() -> None:
    assert statuses(("observability.alerts.enabled=true",))["alerts"] is True


def test_a_selection_may_be_a_string(house: House) -> None:
    """Why hydra-core is pinned where it is: the antlr of its last stable release breaks this parser."""
    definitions = research_definitions(house.overrides)
    chosen = dg.AssetSelection.from_string('+key:"strategy/sma_crossover/backtest"')
    found = chosen.resolve(definitions.resolve_asset_graph())
    assert {key.to_user_string() for key in found} == {
        "bars", "features", "strategy/sma_crossover/signals", "strategy/sma_crossover/backtest",
    }  # fmt: skip

    @dg.asset
    def above() -> None: ...

    @dg.asset(deps=[above])
    def below() -> None: ...

    with dg.DagsterInstance.ephemeral() as instance:
        run = dg.materialize([above, below], selection="above+", instance=instance)
    assert len(run.get_asset_materialization_events()) == 2
    job = dg.define_asset_job("all_of_it", selection="*")
    assert dg.Definitions(assets=[above], jobs=[job]).resolve_job_def("all_of_it")


def test_a_changed_feature_set_is_another_code_version_of_the_features(house: House) -> None:
    def version(*overrides: str) -> str | None:
        graph = research_definitions((*house.overrides, *overrides)).resolve_asset_graph()
        return graph.get(dg.AssetKey("features")).code_version

    mine = "features.sets={{mine: {{version: '{}', timeframe: 1h, columns: [{{indicator: sma, arguments: [{}]}}]}}}}"
    found = [version(), *(version(mine.format(*each)) for each in ((1, 2), (2, 2), (1, 3)))]
    assert len(set(found)) == 4
    assert version(mine.format(1, 2)) == found[1]


def test_a_new_file_is_a_new_strategy_after_a_reload(house: House) -> None:
    before = keys(research_definitions(house.overrides))
    text = (house.conf / "strategy" / "sma_crossover.yaml").read_text()
    (house.conf / "strategy" / "mine.yaml").write_text(text.replace("name: sma_crossover", "name: mine"))
    added = keys(research_definitions(house.overrides)) - before
    parts = ("signals", "backtest", "evaluation", "metrics_window", "risk_report", *ROBUSTNESS)
    assert added == {f"strategy/mine/{part}" for part in parts}


def test_a_document_is_a_new_strategy_after_a_reload(house: House) -> None:
    before = keys(research_definitions(house.overrides))
    shutil.copy(LIBRARY / "rsi_pullback.yaml", house.conf / "strategy")
    added = keys(research_definitions(house.overrides)) - before
    parts = ("signals", "backtest", "evaluation", "metrics_window", "risk_report", *ROBUSTNESS)
    assert added == {f"strategy/rsi_pullback/{part}" for part in parts}


@pytest.mark.parametrize(
    ("wrong", "line"),
    [("fast: ten", 3), ("fast: 10\nfast: 11", 4), ("fats: 10", 3), ("fast: [", 3)],
    ids=["value", "twice", "key", "yaml"],
)
def test_a_wrong_file_fails_its_own_assets_alone(
    house: House, instance: dg.DagsterInstance, wrong: str, line: int
) -> None:
    path = house.conf / "strategy" / "sma_crossover.yaml"
    path.write_text("\n".join(wrong if row.startswith("fast:") else row for row in path.read_text().splitlines()))
    definitions = research_definitions(house.overrides)
    assert {key for key in keys(definitions) if "sma" in key} == {"strategy/sma_crossover/backtest"}
    assert "strategy/buy_and_hold/risk_report" in keys(definitions)
    broken = dg.AssetKey(["strategy", "sma_crossover", "backtest"])
    described = definitions.resolve_asset_graph().get(broken).description or ""
    assert f"conf/strategy/sma_crossover.yaml:{line}" in described
    checks = dg.AssetSelection.checks_for_assets(broken)
    job = dg.define_asset_job("checks", selection=checks)
    merged = dg.Definitions.merge(definitions, dg.Definitions(jobs=[job]))
    result = merged.resolve_job_def("checks").execute_in_process(instance=instance)
    (check,) = result.get_asset_check_evaluations()
    assert not check.passed
    assert f"sma_crossover.yaml:{line}" in str(check.metadata["problems"].value)


def test_the_errors_of_a_document_are_values_of_the_check_that_fails(
    house: House, instance: dg.DagsterInstance
) -> None:
    """R-STRAT-38: code, file, line, key and rule, which a program can read."""
    text = (LIBRARY / "ma_crossover.yaml").read_text(encoding="utf-8")
    (house.conf / "strategy" / "ma_crossover.yaml").write_text(text.replace("crossunder(", "crosunder("))
    checks = dg.AssetSelection.checks_for_assets(dg.AssetKey(["strategy", "ma_crossover", "backtest"]))
    job = dg.define_asset_job("checks", selection=checks)
    merged = dg.Definitions.merge(research_definitions(house.overrides), dg.Definitions(jobs=[job]))
    (check,) = merged.resolve_job_def("checks").execute_in_process(instance=instance).get_asset_check_evaluations()
    (error,) = check.metadata["errors"].value  # type: ignore[misc]
    assert (error["code"], error["line"], error["key"]) == ("DSL_UNSUPPORTED_FUN", 13, "rules[1].if")
    assert (error["column"], error["hint"]) == (9, "did you mean crossunder?")
    assert error["hint"] in error["rule"]


def test_the_event_of_a_failed_asset_carries_the_errors_of_its_document(
    house: House, instance: dg.DagsterInstance
) -> None:
    """R-STRAT-38: it was broken after the definitions were loaded, as by a person while the daemon runs."""
    path = house.conf / "strategy" / "ma_crossover.yaml"
    sound = (LIBRARY / "ma_crossover.yaml").read_text(encoding="utf-8")

    path.write_text(sound)
    chosen = dg.define_asset_job("chain", selection=[dg.AssetKey(["strategy", "ma_crossover", "signals"])])
    definitions = dg.Definitions.merge(research_definitions(house.overrides), dg.Definitions(jobs=[chosen]))
    job = definitions.resolve_job_def("chain")
    path.write_text(sound.replace("crossover(ma(close, fast)", "crossover(ma(close, fst)"))
    run = job.execute_in_process(instance=instance, raise_on_error=False)
    (event,) = [each for each in run.all_events if each.event_type is dg.DagsterEventType.STEP_FAILURE]
    failed = event.step_failure_data.user_failure_data
    assert failed is not None
    (told,) = failed.metadata["errors"].value  # type: ignore[misc]
    assert told["rule"] in str(failed.metadata["problems"].value)
    assert (told["file"], told["line"], told["column"]) == ("conf/strategy/ma_crossover.yaml", 11, 29)
    assert (told["code"], told["key"]) == ("DSL_STATIC_FAIL", "rules[0].if")
    assert told["hint"] == "did you mean fast?"
    plain = refusal_facts(ConfigError("it needs 901 bars", where="strategy a", remedy="take more bars"))["errors"]
    assert plain == dg.MetadataValue.json(
        [{"code": "CONFIG_ERROR", "key": "strategy a", "rule": "it needs 901 bars", "hint": "take more bars"}]
    )


def test_a_wrong_root_is_said_clearly_and_fails_both_locations(house: House) -> None:
    from assets.execution.definitions import execution_definitions

    path = house.conf / "config.yaml"
    path.write_text(path.read_text().replace("- broker: sim ", "- broker: smi "))
    for load in (research_definitions, execution_definitions):
        with pytest.raises(ConfigProblems, match=r"smi"):
            load(house.overrides)


def test_a_wrong_strategy_file_does_not_touch_the_execution_location(house: House) -> None:
    from assets.execution.definitions import execution_definitions

    path = house.conf / "strategy" / "buy_and_hold.yaml"
    path.write_text(path.read_text().replace("confidence: 0.5", "confidence: 7"))
    assert "decisions" in keys(execution_definitions(house.overrides))


def edit(house: House) -> None:
    path = house.conf / "strategy" / "sma_crossover.yaml"
    path.write_text(path.read_text().replace("fast: 10", "fast: 12"))


def job_of_signals(house: House) -> dg.JobDefinition:
    definitions = research_definitions(house.overrides)
    job = dg.define_asset_job("one", selection=dg.AssetSelection.assets(["strategy", "sma_crossover", "signals"]))
    return dg.Definitions.merge(definitions, dg.Definitions(jobs=[job])).resolve_job_def("one")


def test_an_edit_after_loading_stops_the_step(house: House, instance: dg.DagsterInstance) -> None:
    definitions = research_definitions(house.overrides)
    edit(house)
    with pytest.raises(RunFailed, match="Reload the definitions and launch again"):
        execute(definitions, RESEARCH_JOB, instance)


def test_an_edit_between_launch_and_start_stops_the_step(house: House, instance: dg.DagsterInstance) -> None:
    """Two processes: the run was launched with the old graph, and its own process has loaded the new file already."""
    from dagster._core.definitions.job_base import InMemoryJob
    from dagster._core.execution.api import execute_run

    run = instance.create_run_for_job(job_of_signals(house))
    edit(house)
    result = execute_run(InMemoryJob(job_of_signals(house)), run, instance)
    assert not result.success
    failure = next(event for event in result.all_events if event.is_step_failure)
    assert "Reload the definitions" in str(failure.step_failure_data.user_failure_data.description)


def test_runs_carry_hash_mode_and_seed(house: House) -> None:
    pinned = PinnedConfig.of(house.overrides)
    settings = compose(house.overrides)
    assert pinned.tags == {
        HASH_TAG: settings.config_hash[:63], MODE_TAG: "sim", SEED_TAG: str(settings.base.seed),
    }  # fmt: skip
    definitions = research_definitions(house.overrides)
    of_none = PinnedConfig.without_strategies(house.overrides)
    assert of_none.tags.items() <= definitions.resolve_job_def("market").tags.items()
    hashes = [
        PinnedConfig.of((*house.overrides, f"strategy={name}")).config_hash
        for name in ("buy_and_hold", "sma_crossover")
    ]
    assert all(one != other for one, other in itertools.combinations(hashes, 2))

"""Settings frozen into definitions: composed once, and never older than the files they were made from."""

from __future__ import annotations

import os
from pathlib import Path

import dagster as dg
import pytest

from assets import pinned_config as frozen_module
from assets.execution.definitions import execution_definitions
from assets.pinned_config import PinnedConfig
from assets.research.definitions import MARKET_JOB, research_definitions
from assets.runs import RunFailed, execute
from conf import composition
from conf.compose import compose
from conf.problems import ConfigProblems
from conf.schema.settings import Settings
from conf.sources import digest_of_sources
from tests.support.houses import House

RISK = "risk/default.yaml"


@pytest.fixture
def composed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Every composition from now on, by its overrides."""
    seen: list[tuple[str, ...]] = []

    def spy(overrides: tuple[str, ...]) -> Settings:
        seen.append(overrides)
        return compose(overrides)

    monkeypatch.setattr(frozen_module, "compose", spy)
    return seen


def rewrite(path: Path, before: str, after: str) -> None:
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


def test_while_nothing_changes_there_is_one_composition(house: House, composed: list[tuple[str, ...]]) -> None:
    pinned = PinnedConfig.of(house.overrides)
    assert all(pinned.current() is pinned.settings for _ in range(3))
    assert composed == [house.overrides]
    path = house.conf / RISK
    os.utime(path, (1, 1))
    path.write_bytes(path.read_bytes())
    assert pinned.current() is pinned.settings, "the same text at another time is the same text"


@pytest.mark.parametrize(
    ("file", "before", "after", "differs"),
    [
        (RISK, "max_size_pct: 0.01 ", "max_size_pct: 0.02 ", True),
        (RISK, "max_size_pct: 0.01 ", "max_size_pct: 0.010 ", False),
        ("strategy/buy_and_hold.yaml", "confidence: 0.5", "confidence: 0.4", False),
        ("strategy/sma_crossover.yaml", "fast: 10", "fast: 9", True),
    ],
    ids=["a limit", "its spelling", "another strategy", "the strategy"],
)
def test_an_edit_is_composed_again(house: House, file: str, before: str, after: str, differs: bool) -> None:
    pinned = PinnedConfig.of((*house.overrides, "strategy=sma_crossover"))
    rewrite(house.conf / file, before, after)
    now = pinned.current()
    assert now is not pinned.settings
    assert (now.config_hash != pinned.config_hash) is differs
    assert now == compose(pinned.overrides)


def test_a_file_that_comes_or_goes_is_noticed(house: House) -> None:
    seen = [digest_of_sources()]
    path = house.conf / "events" / "mine.yaml"
    path.write_text("windows: []\n")
    seen.append(digest_of_sources())
    path.rename(path.with_name("yours.yaml"))
    seen.append(digest_of_sources())
    path.with_name("yours.yaml").unlink()
    assert digest_of_sources() == seen[0]
    assert len(set(seen)) == 3


def test_text_that_moves_from_one_file_to_the_next_is_noticed(house: House) -> None:
    one, other = (house.conf / "events" / name for name in ("a.yaml", "b.yaml"))
    digests = set()
    for texts in (("windows: []\n# x\n", "windows: []\n"), ("windows: []\n", "# x\nwindows: []\n")):
        for path, text in zip((one, other), texts, strict=True):
            path.write_text(text)
        digests.add(digest_of_sources())
    assert len(digests) == 2


def test_a_variable_of_the_environment_is_one_of_the_sources(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """``MODE`` chooses the mode, and YAML may refer to any name."""
    monkeypatch.setenv("MODE", "paper")
    pinned = PinnedConfig.of((*house.overrides, "broker=ibkr"))
    assert pinned.current().mode.name == "paper"
    monkeypatch.delenv("MODE")
    with pytest.raises(ConfigProblems, match="is not for mode=sim"):
        pinned.current()
    monkeypatch.setenv("MODE", "paper")
    assert pinned.current() is pinned.settings


def test_a_file_that_became_wrong_is_refused_and_not_overlooked(house: House) -> None:
    pinned = PinnedConfig.of(house.overrides)
    rewrite(house.conf / RISK, "max_gross: 0.50", "max_gross: lots")
    with pytest.raises(ConfigProblems, match="max_gross"):
        pinned.current()


def test_an_edit_during_the_composition_shows_afterwards(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(overrides: tuple[str, ...]) -> Settings:
        settings = compose(overrides)
        rewrite(house.conf / RISK, "max_size_pct: 0.01 ", "max_size_pct: 0.02 ")
        return settings

    with monkeypatch.context() as patch:
        patch.setattr(frozen_module, "compose", slow)
        pinned = PinnedConfig.of(house.overrides)
    assert pinned.settings.risk.max_size_pct != pinned.current().risk.max_size_pct


def test_a_comment_does_not_stop_a_run_and_a_limit_does(house: House, instance: dg.DagsterInstance) -> None:
    definitions = execution_definitions(house.overrides)
    path = house.conf / RISK
    path.write_text(path.read_text() + "# reviewed\n")
    execute(definitions, "reconcile", instance)
    rewrite(path, "max_size_pct: 0.01 ", "max_size_pct: 0.02 ")
    with pytest.raises(RunFailed, match="Reload the definitions and launch again"):
        execute(definitions, "reconcile", instance)


def test_a_location_is_loaded_with_as_many_compositions_whatever_the_number_of_strategies(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted, not timed: 50 strategies cost one composition, in which each of them is exchanged."""
    made: list[object] = []
    plain = composition.hydra_compose
    monkeypatch.setattr(composition, "hydra_compose", lambda *given, **more: made.append(1) or plain(*given, **more))
    text = (house.conf / "strategy" / "sma_crossover.yaml").read_text().replace("name: sma_crossover\n", "")
    for number in range(48):
        (house.conf / "strategy" / f"copy_{number}.yaml").write_text(text)
    definitions = research_definitions(house.overrides)
    assert len(made) == 1
    assert {f"strategy/copy_{number}/backtest" for number in range(48)} < graph(definitions)
    made.clear()
    execution_definitions(house.overrides)
    assert made == [], "the same composition, made before"


def test_an_exchanged_strategy_has_the_settings_of_a_composition_of_its_own(house: House) -> None:
    for name, made in PinnedConfig.of_strategies(house.overrides).items():
        assert isinstance(made, PinnedConfig)
        assert made.settings == compose((*house.overrides, f"strategy={name}"))
        assert made.current() == made.settings


def test_where_the_chosen_strategy_is_wrong_the_rest_goes_on_without_one(house: House) -> None:
    overrides = (*house.overrides, "strategy=buy_and_hold")
    rewrite(house.conf / "strategy" / "buy_and_hold.yaml", "confidence: 0.5", "confidence: 7")
    with pytest.raises(ConfigProblems, match="buy_and_hold"):
        PinnedConfig.of(overrides)
    pinned = PinnedConfig.without_strategies(overrides)
    assert pinned.settings.strategy.name == "none"
    rewrite(house.conf / "strategy" / "buy_and_hold.yaml", "kind: buy_and_hold", "kind: nonsense")
    assert pinned.current() == pinned.settings
    rewrite(house.conf / RISK, "max_gross: 0.50", "max_gross: lots")
    with pytest.raises(ConfigProblems, match="max_gross"):
        PinnedConfig.without_strategies(overrides)


def graph(definitions: dg.Definitions) -> set[str]:
    return {key.to_user_string() for key in definitions.resolve_asset_graph().get_all_asset_keys()}


def test_a_file_that_is_removed_takes_its_assets_with_it_after_a_reload(house: House) -> None:
    before = [graph(location(house.overrides)) for location in (research_definitions, execution_definitions)]
    (house.conf / "strategy" / "buy_and_hold.yaml").unlink()
    after = [graph(location(house.overrides)) for location in (research_definitions, execution_definitions)]
    parts = ("signals", "backtest", "evaluation", "metrics_window", "risk_report", "monte_carlo", "certificate")
    assert before[0] - after[0] == {f"strategy/buy_and_hold/{part}" for part in parts}
    assert before[1] - after[1] == {"strategy/buy_and_hold/signals"}
    assert all(now < then for now, then in zip(after, before, strict=True))


def test_an_added_file_runs_to_its_report(house: House, instance: dg.DagsterInstance) -> None:
    text = (house.conf / "strategy" / "sma_crossover.yaml").read_text()
    (house.conf / "strategy" / "mine.yaml").write_text(text.replace("name: sma_crossover", "name: mine"))
    for path in (house.conf / "strategy").glob("*.yaml"):
        if path.stem != "mine":
            path.unlink()
    overrides = (*house.overrides, "strategy=mine")
    definitions = research_definitions(overrides)
    execute(definitions, MARKET_JOB, instance, partition_key="BTC")
    execute(definitions, "research", instance)
    assert [path.name for path in (house.root / "reports").glob("*.html")] == ["mine.html"]


@pytest.mark.parametrize("instruments", [("BTC",), ("ETH", "AAPL", "BTC")])
def test_partitions_are_the_universe_in_its_order(house: House, instruments: tuple[str, ...]) -> None:
    overrides = (*house.overrides, f"universe.instruments=[{','.join(instruments)}]")
    job = research_definitions(overrides).resolve_job_def(MARKET_JOB)
    assert job.partitions_def is not None
    assert tuple(job.partitions_def.get_partition_keys()) == instruments

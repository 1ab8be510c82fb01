"""The job ``backfill_bars``: symbol, from and to in its config; again it adds nothing; a refusal fails the run."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest

from assets.research.backfill import BACKFILL_JOB
from assets.research.definitions import research_definitions
from assets.runs import RunFailed, execute
from conf.compose import compose
from runtime.container import Container
from tests.support.houses import House
from tradewright.model.bars import Timeframe


def launch(overrides: tuple[str, ...], instance: dg.DagsterInstance, **config: Any) -> list[str]:
    """Run the job; the lines of its log about what was stored."""
    definitions = research_definitions(overrides)
    run_config = {"ops": {"ask_for_history": {"config": config}}}
    run = execute(definitions, BACKFILL_JOB, instance, run_config=run_config)
    records = instance.all_logs(run.run_id)
    return [record.user_message for record in records if "from scenario:" in record.user_message]


def test_a_history_is_stored_and_again_adds_nothing(house: House, instance: dg.DagsterInstance) -> None:
    """R-DATA-16."""
    span = {"symbol": "BTC", "from": "2026-11-01", "to": "2026-11-10", "timeframes": ["1d"]}
    assert launch(house.overrides, instance, **span) == ["BTC 1d from scenario: 10 added, 0 unchanged, 0 revised"]
    assert launch(house.overrides, instance, **span) == ["BTC 1d from scenario: 0 added, 10 unchanged, 0 revised"]
    with Container(compose(house.overrides)) as made:
        covered = made.bar_store.coverage("BTC", Timeframe.D1)
    assert covered is not None
    assert (f"{covered.first:%m-%d}", f"{covered.last:%m-%d}") == ("11-01", "11-10")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"symbol": "BTCC"}, "did you mean 'BTC'"),
        ({"from": "2199-01-01"}, "is in the future"),
        ({"timeframes": ["1d", "3m"]}, "there is no timeframe 3m"),
    ],
)
def test_a_refusal_fails_the_run_with_its_reason(
    house: House, instance: dg.DagsterInstance, change: dict[str, Any], words: str
) -> None:
    with pytest.raises(RunFailed, match=words):
        launch(house.overrides, instance, **{"symbol": "BTC", "from": "2026-11-01", **change})


def test_a_feed_that_asks_nobody_is_refused(house: House, instance: dg.DagsterInstance) -> None:
    plain = [text for text in house.overrides if not text.startswith("feed.")]
    with pytest.raises(RunFailed, match="feed=files has no source that can be asked"):
        launch((*plain, "feed=files"), instance, **{"symbol": "BTC", "from": "2026-11-01"})


def test_its_config_reads_no_variable(
    house: House, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key of a vendor stays in the environment of this location, and a run's config may not name it."""
    monkeypatch.setenv("POLYGON_API_KEY", "canary-3357")
    asked = {"env": "POLYGON_API_KEY"}
    with pytest.raises(dg.DagsterInvalidConfigError) as caught:
        launch(house.overrides, instance, **{"symbol": asked, "from": asked, "to": asked, "timeframes": [asked]})
    assert "canary-3357" not in str(caught.value)

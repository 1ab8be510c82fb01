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


def launch(definitions: dg.Definitions, instance: dg.DagsterInstance, **config: Any) -> list[str]:
    """Run the job; the lines of its log about what was stored."""
    run_config = {"ops": {"ask_for_history": {"config": config}}}
    run = execute(definitions, BACKFILL_JOB, instance, run_config=run_config)
    records = instance.all_logs(run.run_id)
    return [record.user_message for record in records if "from scenario:" in record.user_message]


def test_a_history_is_stored_again_adds_nothing_and_a_refusal_fails_the_run(
    house: House, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R-DATA-16."""
    job = research_definitions(house.overrides)
    span: dict[str, Any] = {"symbol": "BTC", "from": "2026-11-01", "to": "2026-11-10", "timeframes": ["1d"]}
    assert launch(job, instance, **span) == ["BTC 1d from scenario: 10 added, 0 unchanged, 0 revised"]
    assert launch(job, instance, **span) == ["BTC 1d from scenario: 0 added, 10 unchanged, 0 revised"]
    with Container(compose(house.overrides)) as made:
        covered = made.bar_store.coverage("BTC", Timeframe.D1)
    assert covered is not None
    assert (f"{covered.first:%m-%d}", f"{covered.last:%m-%d}") == ("11-01", "11-10")
    for change, words in (
        ({"symbol": "BTCC"}, "did you mean 'BTC'"),
        ({"from": "2199-01-01", "to": ""}, "is in the future"),
        ({"timeframes": ["1d", "3m"]}, "there is no timeframe 3m"),
    ):
        with pytest.raises(RunFailed, match=words):
            launch(job, instance, **span | change)
    monkeypatch.setenv("POLYGON_API_KEY", "canary-3357")
    with pytest.raises(dg.DagsterInvalidConfigError) as caught:
        launch(job, instance, **span | {"symbol": {"env": "POLYGON_API_KEY"}})
    assert "canary-3357" not in str(caught.value), "a run's config may not name a variable"


def test_a_feed_that_asks_nobody_is_refused(house: House, instance: dg.DagsterInstance) -> None:
    plain = [text for text in house.overrides if not text.startswith("feed.")]
    job = research_definitions((*plain, "feed=files"))
    with pytest.raises(RunFailed, match="feed=files has no source that can be asked"):
        launch(job, instance, **{"symbol": "BTC", "from": "2026-11-01"})

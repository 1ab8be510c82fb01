"""A house with one instrument and two strategies, materialized once for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from tests.support import schema_copy
from tests.support.houses import House, conf_copy

copied_schema = pytest.fixture(autouse=True, scope="module")(schema_copy.copying)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    """An empty house whose YAML a test may break."""
    monkeypatch.setenv("TRADEWRIGHT_CONF", str(conf_copy(tmp_path)))
    return House(tmp_path / "conf", tmp_path / "data", ("universe.instruments=[BTC]",))


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house in which research has run to its end."""
    from assets.research.definitions import RESEARCH_JOB, research_definitions

    folder = tmp_path_factory.mktemp("settled")
    made = House(conf_copy(folder), folder / "data", ("universe.instruments=[BTC]",))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRADEWRIGHT_CONF", str(made.conf))
        definitions = research_definitions(made.overrides)
        with dg.DagsterInstance.ephemeral() as instance:
            for job, key in (("market", "BTC"), (RESEARCH_JOB, None)):
                run = definitions.resolve_job_def(job).execute_in_process(instance=instance, partition_key=key)
                assert run.success
        yield made

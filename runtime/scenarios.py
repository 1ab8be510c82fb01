"""The scenarios of ``conf/scenario`` in the store of the settings in force."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from runtime.container import Container
from tradewright.model.clock import SystemClock
from tradewright.scenarios.datasets import Manifest, ScenarioDatasets
from tradewright.scenarios.document import ScenarioDocument


class Stored(NamedTuple):
    """A dataset that was made or found; ``written`` where it was made now."""

    manifest: Manifest
    written: bool


def datasets(house: Container) -> ScenarioDatasets:
    """The stored scenarios under the storage root."""
    return ScenarioDatasets(house.root)


def store_scenarios(house: Container, documents: Iterable[ScenarioDocument]) -> list[Stored]:
    """Make and store the dataset of every document; those that are there and sound stay.

    Raises:
        ConfigError, DataError, StoreError: as :meth:`tradewright.scenarios.datasets.ScenarioDatasets.write`.
    """
    now = SystemClock().now()
    return [Stored(*datasets(house).write(each, now)) for each in documents]


def wrong_datasets(house: Container, documents: Iterable[ScenarioDocument]) -> Iterator[tuple[str, str]]:
    """The scenarios whose stored dataset is missing, damaged or another than the document makes, each with what."""
    for each in documents:
        if problem := datasets(house).problem(each):
            yield each.id, problem

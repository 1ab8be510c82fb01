"""Synthetic markets: stored, listed, checked; and the certificate of a strategy on them."""

from __future__ import annotations

from collections.abc import Sequence

from conf.scenarios import scenarios
from conf.schema.settings import Settings
from runtime.container import Container
from runtime.scenarios import datasets, store_scenarios, wrong_datasets
from tradewright.evaluation.certificate import ScenarioCertificate
from tradewright.model.base import FrozenModel
from tradewright.scenarios.document import ScenarioDocument


class ScenarioRow(FrozenModel):
    """One scenario as it is listed.

    Args:
        state: ``stored``, ``missing``, or what is wrong with the dataset.
    """

    scenario: str
    scenario_hash: str
    family: str
    timeframe: str
    bars: int
    instruments: int
    seed: int
    events: tuple[str, ...]
    state: str


class GeneratedRow(FrozenModel):
    """One dataset of the store; ``written`` where it was made now."""

    scenario: str
    scenario_hash: str
    bars: int
    written: bool
    folder: str


class WrongDataset(FrozenModel):
    """A scenario without a sound dataset, and what is wrong."""

    scenario: str
    problem: str


class ShownScenario(FrozenModel):
    """A scenario with all its values, and its manifest where a dataset is stored and sound."""

    row: ScenarioRow
    document: dict[str, object]
    manifest: dict[str, object] | None


def generate(settings: Settings, names: Sequence[str] = ()) -> list[GeneratedRow]:
    """Store the datasets of scenarios, of all of them where none is named.

    Raises:
        ConfigError, StoreError: a wrong scenario, before anything is written; a store that cannot be written.
    """
    with Container(settings) as house:
        documents = scenarios(names)
        made = store_scenarios(house, documents)
        return [
            GeneratedRow(
                scenario=each.manifest.scenario_id,
                scenario_hash=each.manifest.scenario_hash,
                bars=each.manifest.bars,
                written=each.written,
                folder=str(datasets(house).folder(document)),
            )
            for document, each in zip(documents, made, strict=True)
        ]


def listed(settings: Settings) -> list[ScenarioRow]:
    """Every scenario, and whether its dataset is stored and sound.

    Raises:
        ConfigError: a wrong scenario.
    """
    with Container(settings) as house:
        return [_row(house, each) for each in scenarios()]


def shown(settings: Settings, name: str) -> ShownScenario:
    """One scenario.

    Raises:
        ConfigError: there is none of that name, or it is wrong.
    """
    with Container(settings) as house:
        (document,) = scenarios([name])
        row = _row(house, document)
        manifest = datasets(house).manifest(document).model_dump(mode="json") if row.state == "stored" else None
    return ShownScenario(row=row, document=document.model_dump(mode="json"), manifest=manifest)


def wrong(settings: Settings) -> list[WrongDataset]:
    """The scenarios without a sound dataset (R-SCEN-16).

    Raises:
        ConfigError: a wrong scenario.
    """
    with Container(settings) as house:
        return [WrongDataset(scenario=name, problem=text) for name, text in wrong_datasets(house, scenarios())]


def certificate(settings: Settings, names: Sequence[str] = ()) -> ScenarioCertificate:
    """The strategy in force on scenarios, on all of them where none is named.

    Raises:
        ConfigError, StrategyError: as :func:`runtime.certify.certificate_of`.
    """
    from runtime.certify import certificate_of  # the kernels, which a list of scenarios does without

    documents = scenarios(names)
    with Container(settings) as house:
        return certificate_of(house, documents)


def _row(house: Container, document: ScenarioDocument) -> ScenarioRow:
    kept = datasets(house)
    state = (kept.problem(document) or "stored") if kept.is_stored(document) else "missing"
    return ScenarioRow(
        scenario=document.id,
        scenario_hash=document.scenario_hash,
        family=document.family.value,
        timeframe=document.timeframe,
        bars=document.duration_bars,
        instruments=document.instruments,
        seed=document.seed,
        events=tuple(event.kind for event in document.events),
        state=state,
    )

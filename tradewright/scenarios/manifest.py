"""What a scenario data set was made from, so that it can be made again (R-SCEN-11, R-SCEN-12)."""

from __future__ import annotations

from datetime import datetime

import pandas as pd

from tradewright.model.bars import Timeframe
from tradewright.model.bars_schema import bars_of
from tradewright.model.base import FrozenModel, Instant
from tradewright.model.hashing import ENGINE_VERSION, content_hash
from tradewright.model.instrument import Instrument
from tradewright.scenarios.scenario import Scenario
from tradewright.store.fingerprint import bars_hash


class ScenarioManifest(FrozenModel):
    """One data set of a scenario. ``minimum`` and ``maximum`` are the extreme prices, None without bars."""

    scenario_id: str
    scenario_hash: str
    """SHA-256 of the canonical JSON of everything that the bars follow from: definition, seed and timeframe."""
    dataset_hash: str
    engine_ver: str
    instrument: str
    timeframe: Timeframe
    seed: int
    bars: int
    minimum: float | None
    maximum: float | None
    generated_at: Instant


def manifest_of(
    scenario_id: str,
    scenario: Scenario,
    instrument: Instrument,
    timeframe: Timeframe,
    frame: pd.DataFrame,
    generated_at: datetime,
) -> ScenarioManifest:
    """The manifest of bars that ``scenario`` gave for an instrument.

    Raises:
        DataError: for an instrument that the scenario does not make.
    """
    return ScenarioManifest(
        scenario_id=scenario_id,
        scenario_hash=scenario_hash(scenario, instrument, timeframe),
        dataset_hash=bars_hash(bars_of(frame)),
        engine_ver=ENGINE_VERSION,
        instrument=instrument.symbol,
        timeframe=timeframe,
        seed=scenario.seed,
        bars=len(frame),
        minimum=None if frame.empty else float(frame["low"].min()),
        maximum=None if frame.empty else float(frame["high"].max()),
        generated_at=generated_at,
    )


def scenario_hash(scenario: Scenario, instrument: Instrument, timeframe: Timeframe) -> str:
    """SHA-256 over seed, span, timeframe, the instrument's profile and what of the instrument shapes its bars.

    Raises:
        DataError: for an instrument that the scenario does not make.
    """
    return content_hash(
        {
            "family": "random_walk",
            "seed": scenario.seed,
            "end": scenario.end.to_pydatetime(),
            "days": scenario.days,
            "years": scenario.years,
            "timeframe": timeframe,
            "profile": scenario.profile(instrument),
            "instrument": instrument.model_dump(
                include={"symbol", "calendar", "tick_size", "lot_size", "default_spread_bps"}
            ),
            "engine_ver": ENGINE_VERSION,
        }
    )

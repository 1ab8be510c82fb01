"""The code location ``research``."""

from __future__ import annotations

import dagster as dg

from assets.pinned_config import PinnedConfig
from assets.research.bars import bars_and_features
from assets.research.strategies import all_chains
from conf.environment import environment_overrides

MARKET_JOB = "market"
RESEARCH_JOB = "research"


def research_definitions(overrides: tuple[str, ...] = ()) -> dg.Definitions:
    """Everything of research under some overrides.

    Raises:
        ConfigProblems: when the root of the configuration is wrong; a wrong strategy file only fails its own assets.
    """
    pinned = PinnedConfig.without_strategies(overrides)
    market = bars_and_features(pinned, pinned.settings.universe.instruments)
    chains, checks = all_chains(overrides)
    made = [key for asset in chains if isinstance(asset, dg.AssetsDefinition) for key in asset.keys]
    jobs = [
        dg.define_asset_job(MARKET_JOB, dg.AssetSelection.groups("market"), tags=pinned.tags),
        dg.define_asset_job(RESEARCH_JOB, dg.AssetSelection.assets(*made), tags=pinned.tags),
    ]
    return dg.Definitions(assets=[*market, *chains], asset_checks=checks, jobs=jobs, executor=dg.in_process_executor)


@dg.definitions
def defs() -> dg.Definitions:
    """What ``workspace.yaml`` loads; overrides come from ``TRADEWRIGHT_OVERRIDES``."""
    return research_definitions(environment_overrides())

"""The code location ``research``."""

from __future__ import annotations

import dagster as dg

from assets.frozen import Frozen
from assets.research.bars import bars_and_features
from assets.research.schedules import SIGNALS_JOB, following, refreshing
from assets.research.strategies import all_chains, signals_key
from conf.compose import environment_overrides

MARKET_JOB = "market"
RESEARCH_JOB = "research"


def research_definitions(overrides: tuple[str, ...] = ()) -> dg.Definitions:
    """Everything of research under some overrides.

    Raises:
        ConfigProblems: when the root of the configuration is wrong; a wrong strategy file only fails its own assets.
    """
    frozen = Frozen.apart_from_strategies(overrides)
    strategies = Frozen.of_strategies(overrides)
    good = {name: each for name, each in strategies.items() if isinstance(each, Frozen)}
    found = (each.settings.strategy.timeframe for each in good.values())
    timeframes = tuple(dict.fromkeys(timeframe for timeframe in found if timeframe is not None))
    market = bars_and_features(frozen, frozen.settings.universe.instruments, timeframes)
    chains, checks = all_chains(strategies)
    refresh, refresh_bars = refreshing(frozen, timeframes)
    signals = {name: signals_key(name) for name in good}
    made = [key for asset in chains if isinstance(asset, dg.AssetsDefinition) for key in asset.keys]
    jobs = [
        dg.define_asset_job(MARKET_JOB, dg.AssetSelection.groups("market"), tags=frozen.tags),
        dg.define_asset_job(RESEARCH_JOB, dg.AssetSelection.assets(*made), tags=frozen.tags),
        dg.define_asset_job(SIGNALS_JOB, dg.AssetSelection.assets(*signals.values()), tags=frozen.tags),
    ]
    return dg.Definitions(
        assets=[*market, *chains],
        asset_checks=checks,
        jobs=[*jobs, refresh],
        schedules=[refresh_bars],
        sensors=[following(frozen, good, signals)],
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """What ``workspace.yaml`` loads; overrides come from ``TRADEWRIGHT_OVERRIDES``."""
    return research_definitions(environment_overrides())

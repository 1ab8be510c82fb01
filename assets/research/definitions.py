"""The code location ``research``."""

from __future__ import annotations

import dagster as dg

from assets.home import keep_outputs_in_memory
from assets.pinned_config import PinnedConfig
from assets.research.backfill import backfill_job
from assets.research.bars import bars_and_features
from assets.research.events import event_blackout_asset
from assets.research.impact import impact_asset
from assets.research.llm_tables import llm_tables_asset
from assets.research.packages import verify_job
from assets.research.robustness import robustness_assets
from assets.research.scenarios import DATASETS, engine_job, scenario_asset
from assets.research.schedules import SIGNALS_JOB, following, refreshing
from assets.research.strategies import all_chains, is_usable, signals_key
from assets.research.strategy_mix import MIX_JOB, strategy_mix_assets
from conf.environment import code_location_overrides
from runtime.signal_series import deciding_timeframes

MARKET_JOB = "market"
RESEARCH_JOB = "research"
ROBUSTNESS_JOB = "robustness"
"""Sweeps, walk-forwards, Monte Carlo and certificates of all strategies: no part of :data:`RESEARCH_JOB`."""
SCENARIOS_JOB = "generate_scenarios"


def research_definitions(overrides: tuple[str, ...] = ()) -> dg.Definitions:
    """Everything of research under some overrides.

    Raises:
        ConfigProblems: when the root of the configuration is wrong; a wrong strategy file only fails its own assets.
    """
    pinned = PinnedConfig.without_strategies(overrides)
    strategies = PinnedConfig.of_strategies(overrides)
    good = {name: each for name, each in strategies.items() if isinstance(each, PinnedConfig)}
    timeframes = tuple(dict.fromkeys(length for each in good.values() for length in deciding_timeframes(each.settings)))
    market = bars_and_features(pinned, pinned.settings.universe.instruments, timeframes)
    chains, checks = all_chains(strategies)
    usable = {name: each for name, each in good.items() if is_usable(each)}
    mix = [*strategy_mix_assets(pinned, usable), llm_tables_asset(pinned, usable)]
    robustness = [asset for name, each in good.items() for asset in robustness_assets(name, each)]
    refresh, refresh_bars = refreshing(pinned, timeframes)
    signals = {name: signals_key(name) for name, each in good.items() if is_usable(each)}
    made = [key for asset in chains if isinstance(asset, dg.AssetsDefinition) for key in asset.keys]
    jobs = [
        dg.define_asset_job(MARKET_JOB, dg.AssetSelection.groups("market"), tags=pinned.tags),
        dg.define_asset_job(RESEARCH_JOB, dg.AssetSelection.assets(*made), tags=pinned.tags),
        dg.define_asset_job(SCENARIOS_JOB, dg.AssetSelection.assets(DATASETS), tags=pinned.tags),
        dg.define_asset_job(SIGNALS_JOB, dg.AssetSelection.assets(*signals.values()), tags=pinned.tags),
    ]
    jobs.append(dg.define_asset_job(MIX_JOB, dg.AssetSelection.assets(*mix), tags=pinned.tags))
    if robustness:
        jobs.append(dg.define_asset_job(ROBUSTNESS_JOB, dg.AssetSelection.assets(*robustness), tags=pinned.tags))
    alone = (event_blackout_asset(pinned), impact_asset(pinned), scenario_asset(pinned))
    return dg.Definitions(
        assets=[*market, *alone, *chains, *robustness, *mix],
        asset_checks=checks,
        jobs=[
            *jobs,
            refresh,
            backfill_job(pinned),
            *(engine_job(pinned, tier) for tier in ("t0", "t1")),
            verify_job(pinned),
        ],
        schedules=[refresh_bars],
        sensors=[following(pinned, {name: good[name] for name in signals}, signals)],
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """What ``workspace.yaml`` loads; overrides come from ``TRADEWRIGHT_OVERRIDES``."""
    keep_outputs_in_memory()
    return research_definitions(code_location_overrides())

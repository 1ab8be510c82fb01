"""Settings pinned for a run: those in force when the definitions were loaded must be in force when a step starts.

A run's process reads the YAML again. When a file was edited meanwhile, the graph on the screen and the run would differ
unnoticed; so the hash travels in the step's tags, and a step that finds another one stops.
"""

from __future__ import annotations

from dataclasses import dataclass

import dagster as dg

from conf.compose import compose, compose_strategies, compose_without_strategy
from conf.overrides import without_strategy
from conf.problems import ConfigProblems
from conf.schema.settings import Settings
from conf.sources import digest_of_sources

HASH_TAG = "tradewright/config_hash"
MODE_TAG = "tradewright/mode"
SEED_TAG = "tradewright/seed"


class ConfigDrift(dg.Failure):
    """The configuration changed between loading the definitions and starting the step."""


@dataclass(frozen=True)
class PinnedConfig:
    """One composition: its overrides, the settings made when the definitions were loaded, a digest of the sources."""

    overrides: tuple[str, ...]
    settings: Settings
    sources: str
    without_strategy: bool = False
    """Whether it serves assets that belong to no strategy, so that a wrong strategy file does not stop it."""
    strategy: str = ""
    """The strategy whose assets it serves, whatever the root file chooses; empty for the one that that chooses."""

    @classmethod
    def of(cls, overrides: tuple[str, ...]) -> PinnedConfig:
        """Compose now, and keep the settings with a digest of their sources.

        Raises:
            ConfigProblems: when the configuration is wrong.
        """
        before = digest_of_sources()  # an edit during the composition then shows as one after it
        return cls(overrides, compose(overrides), before)

    @classmethod
    def without_strategies(cls, overrides: tuple[str, ...]) -> PinnedConfig:
        """The settings of assets that belong to no strategy: no strategy file stops them, or changes their hash.

        Raises:
            ConfigProblems: when anything else is wrong.
        """
        before = digest_of_sources()
        return cls(overrides, _of_no_strategy(overrides), before, without_strategy=True)

    @classmethod
    def of_strategies(cls, overrides: tuple[str, ...]) -> dict[str, PinnedConfig | ConfigProblems]:
        """Every strategy file under the same overrides, or its problems, by name."""
        before = digest_of_sources()
        return {
            name: cls((*overrides, f"strategy='{name}'"), made, before, strategy=name)
            if isinstance(made, Settings)
            else made
            for name, made in compose_strategies(overrides).items()
        }

    @property
    def config_hash(self) -> str:
        """The hash of the settings as they were loaded."""
        return self.settings.config_hash

    @property
    def tags(self) -> dict[str, str]:
        """The tags of every step and run under these settings."""
        mode, seed = self.settings.mode.name.value, self.settings.base.seed
        return {HASH_TAG: self.config_hash[:63], MODE_TAG: mode, SEED_TAG: str(seed)}

    def current(self) -> Settings:
        """The settings of now: those that were loaded as long as nothing they were made from has changed.

        Raises:
            ConfigProblems: when the configuration is wrong by now.
        """
        if digest_of_sources() == self.sources:
            return self.settings
        if self.without_strategy:
            return _of_no_strategy(self.overrides)
        if not self.strategy:
            return compose(self.overrides)
        made = compose_strategies(self.overrides, names=(self.strategy,))[self.strategy]
        if isinstance(made, ConfigProblems):
            raise made
        return made

    def verified(self, context: dg.OpExecutionContext | dg.AssetExecutionContext) -> Settings:
        """The settings, verified to be those with which the run was launched.

        Raises:
            ConfigDrift: when they are not.
            ConfigProblems: when the configuration is wrong by now.
        """
        settings = self.current()
        launched = _launched_with(context)
        if settings.config_hash[:63] != launched:
            raise ConfigDrift(
                f"the configuration changed after the definitions were loaded: {launched[:12]} then, "
                f"{settings.config_hash[:12]} now. Reload the definitions and launch again."
            )
        return settings


def _of_no_strategy(overrides: tuple[str, ...]) -> Settings:
    return compose_without_strategy(without_strategy(overrides))


def _launched_with(context: dg.OpExecutionContext | dg.AssetExecutionContext) -> str:
    """The hash in the step's tags as the launching process saw them, which may be older than this process's own."""
    run, name = context.run, context.op_execution_context.op_def.name if _is_asset(context) else context.op_def.name
    own = dict(context.op_execution_context.op_def.tags if _is_asset(context) else context.op_def.tags)
    snapshot = context.instance.get_job_snapshot(run.job_snapshot_id) if run.job_snapshot_id else None
    if snapshot is not None:
        for definition in snapshot.node_defs_snapshot.op_def_snaps:
            if definition.name == name:
                return str(definition.tags.get(HASH_TAG, ""))
    return str(own.get(HASH_TAG, ""))


def _is_asset(context: object) -> bool:
    return isinstance(context, dg.AssetExecutionContext)

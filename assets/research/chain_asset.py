"""What all assets of a strategy share: key, group, frozen settings, one check, the pool of steps that compute."""

import inspect
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import dagster as dg

from assets.home import RESEARCH_POOL
from assets.metadata import refusal_facts, summarised
from assets.pinned_config import PinnedConfig
from assets.strategy_keys import part_key
from conf.schema.settings import Settings
from tradewright.model.errors import ConfigError, StrategyError

_ROOTS = dg.BackfillPolicy.single_run()


def root_asset(**terms: Any) -> Callable[..., dg.AssetsDefinition]:
    """``dg.asset`` of one that needs no other.

    "Materialize all" puts all of these of one policy into one run, whatever their code location, and no run can have
    ``positions``, which is of the other one, and assets of this one. The parameter for it is a beta of Dagster.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        made: Callable[..., dg.AssetsDefinition] = dg.asset(backfill_policy=_ROOTS, **terms)
    return made


def chain_asset(
    name: str,
    pinned: PinnedConfig,
    make: Callable[[dg.AssetExecutionContext, Settings], dg.MaterializeResult],
    described_by: Callable[..., object],
    *,
    group: str,
    deps: Sequence[str | dg.AssetKey],
    check: dg.AssetCheckSpec,
) -> dg.AssetsDefinition:
    """One part of a chain, made under the frozen settings.

    Args:
        make: called with the settings, verified to be those of the launch. A wrong configuration fails the step, with
            its problems as metadata.
        described_by: the function whose name is the part's and whose documentation is its description.
        check: what ``make`` reports.
    """

    kind: Callable[..., Callable[..., dg.AssetsDefinition]] = dg.asset if deps else root_asset

    @kind(
        key=part_key(name, described_by.__name__),
        deps=deps,
        group_name=group,
        description=inspect.getdoc(described_by),
        check_specs=[check],
        op_tags=pinned.tags,
        pool=RESEARCH_POOL,
        code_version=pinned.config_hash,
    )
    def made(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        try:
            return summarised(context, make(context, pinned.verified(context)))
        except ConfigError as error:  # the event of the failure carries code, place and hint of each problem
            raise dg.Failure(str(error), metadata=refusal_facts(error)) from error
        except SystemExit as error:  # of a person's code: it would end the process, and with it all other strategies
            raise StrategyError(f"its code ends the program: SystemExit: {error}", where=f"strategy {name}") from error

    return made


def warning(name: str, problems: Sequence[str]) -> dg.AssetCheckResult:
    """A check that warns and stops nothing: what these assets say is told to a person and never traded on."""
    told = {"problems": dg.MetadataValue.md("\n".join(f"- {text}" for text in problems) or "none")}
    return dg.AssetCheckResult(check_name=name, passed=not problems, severity=dg.AssetCheckSeverity.WARN, metadata=told)

"""The datasets of all synthetic markets as one asset, with the checks that every dataset must pass."""

import dagster as dg

from assets.home import RESEARCH_POOL
from assets.metadata import Facts, described, summarised, table
from assets.pinned_config import PinnedConfig
from conf.scenarios import scenarios
from conf.schema.settings import Settings
from runtime.container import Container
from runtime.scenarios import store_scenarios, wrong_datasets
from tradewright.evaluation.formatting import count
from tradewright.model.hashing import content_hash

DATASETS = "scenario_dataset"
SANE = "scenario_sane"
CHECK = (
    "Every dataset is stored whole, as its document makes it: prices above zero and finite, log returns within 25 sigma"
    " and the declared events, as many bars as told."
)


def scenario_asset(pinned: PinnedConfig) -> dg.AssetsDefinition:
    """The asset. It needs nothing from outside, and its check blocks what follows it."""
    check = dg.AssetCheckSpec(SANE, asset=DATASETS, description=CHECK, blocking=True)

    @dg.asset(name=DATASETS, group_name="scenarios", op_tags=pinned.tags, pool=RESEARCH_POOL, check_specs=[check])
    def made(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """The bars of every scenario of conf/scenario, as `tradewright scenarios generate` stores them."""
        return summarised(context, make_datasets(pinned.verified(context)))

    return made


def make_datasets(settings: Settings) -> dg.MaterializeResult:
    """Store all datasets, then read every one of them and compare it with its document.

    Raises:
        ConfigError, DataError, StoreError: a wrong scenario, or a store that cannot be written.
    """
    with Container(settings) as house:
        documents = scenarios()
        stored = [each.manifest for each in store_scenarios(house, documents)]
        wrong = dict(wrong_datasets(house, documents))
    header = ("scenario", "family", "bars", "low", "high", "seed", "hash", "generated at")
    rows = [
        (
            each.scenario_id,
            each.family,
            each.bars,
            f"{each.low:g}",
            f"{each.high:g}",
            each.seed,
            each.scenario_hash[:12],
            f"{each.generated_at:%Y-%m-%d %H:%M}",
        )
        for each in stored
    ]
    manifests = [each.model_dump(mode="json") for each in stored]
    facts: Facts = {"scenarios": table(header, rows), "manifests": dg.MetadataValue.json(manifests)}
    data_hash = content_hash([each.sha256 for each in stored])
    told = "; ".join(f"{name}: {problem}" for name, problem in wrong.items()) or "none"
    return dg.MaterializeResult(
        metadata=described(settings, f"{count(len(stored), 'scenario')} stored", facts, data_hash=data_hash),
        check_results=[
            dg.AssetCheckResult(
                check_name=SANE,
                passed=not wrong,
                severity=dg.AssetCheckSeverity.ERROR,
                metadata={"problems": told},
            )
        ],
    )

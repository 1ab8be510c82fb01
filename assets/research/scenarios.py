"""The datasets of all synthetic markets as one asset, with the checks that every dataset must pass."""

import dagster as dg

from assets.home import RESEARCH_POOL
from assets.metadata import Facts, described, summarised, table
from assets.pinned_config import PinnedConfig
from assets.research.chain_asset import root_asset
from conf.environment import in_project
from conf.scenarios import scenarios
from conf.schema.settings import Settings
from runtime.container import Container
from runtime.engine_test import EngineTerms, demand_fit, engine_test
from runtime.scenarios import datasets, store_scenarios, wrong_datasets
from tradewright.evaluation.formatting import count, percent
from tradewright.model.errors import ConfigError, TradewrightError
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

    @root_asset(name=DATASETS, group_name="scenarios", op_tags=pinned.tags, pool=RESEARCH_POOL, check_specs=[check])
    def made(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """The bars of every scenario of conf/scenario, as `tradewright scenarios generate` stores them."""
        return summarised(context, make_datasets(pinned.verified(context)))

    return made


CONFIG = {
    "strategy": dg.Field(str, description="a file with a strategy document"),
    "scenario": dg.Field(str, description="a stored scenario of conf/scenario, of one series"),
    "fees_bps": dg.Field(float, default_value=1.0, description="basis points of each fill"),
    "slippage_bps": dg.Field(float, default_value=0.0, description="basis points of each fill"),
    "bar_delay": dg.Field(int, default_value=1, description="bars between a decision and its fill"),
    "cash": dg.Field(float, default_value=100_000.0, description="at the start, in the account's currency"),
}


def engine_job(pinned: PinnedConfig, tier: str) -> dg.JobDefinition:
    """The job of a test of the engine: ``backtest_t0`` (quick) or ``backtest_t1`` (full)."""

    @dg.op(name=f"test_engine_{tier}", tags=pinned.tags, config_schema=CONFIG, pool=RESEARCH_POOL)
    def step(context: dg.OpExecutionContext) -> None:
        try:
            context.log.info(engine_told(pinned.verified(context), tier, **context.op_config))
        except TradewrightError as error:
            raise dg.Failure(str(error), allow_retries=False) from error

    @dg.job(name=f"backtest_{tier}", tags=pinned.tags, executor_def=dg.in_process_executor)
    def job() -> None:
        """A strategy document on one stored scenario, as `tradewright scenarios test` runs it."""
        step()

    return job


def engine_told(settings: Settings, tier: str, strategy: str, scenario: str, **terms: float) -> str:
    """A test of the engine in one line.

    Args:
        strategy: a file with a strategy document.
        scenario: the name of a stored one.
        terms: the fields of :class:`runtime.engine_test.EngineTerms`.

    Raises:
        ConfigError, StoreError, StrategyError: as :func:`runtime.engine_test.engine_test`; a file that cannot be read.
    """
    file, (document,) = in_project(strategy), scenarios([scenario])
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError("the file cannot be read", where=strategy, remedy="name a file in UTF-8") from error
    demand_fit(document, tier)
    with Container(settings) as house:
        stored = datasets(house).read(document)
        asked = EngineTerms(terms["fees_bps"], terms["slippage_bps"], int(terms["bar_delay"]), terms["cash"])
        done = engine_test(house, text, document, asked, tier=tier, stored=stored, where=strategy)
    figures = f"{count(done.metrics.trades, 'trade')}, return {percent(done.metrics.total_return, 2)}"
    return (
        f"{file.stem} on {scenario}: {figures}; {'from the cache' if done.used_cache else 'made now'}, {done.cache_key}"
    )


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

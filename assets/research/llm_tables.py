"""All strategies in a few short tables, for a language model that is asked about them: bounded, and no more."""

import inspect
from collections.abc import Callable, Mapping

import dagster as dg

from assets.home import RESEARCH_POOL
from assets.metadata import Facts, described, summarised
from assets.pinned_config import PinnedConfig
from assets.research.chain_asset import root_asset, warning
from assets.strategy_keys import part_key
from conf.schema.settings import Settings
from runtime.container import Container
from runtime.study import run_study
from tradewright.evaluation.compact_tables import MOST_BYTES, compact_row, compact_tables
from tradewright.model.errors import TradewrightError
from tradewright.model.hashing import content_hash

TABLES = "llm_tables"
CHECK = "within_its_size"


def llm_tables_asset(pinned: PinnedConfig, strategies: Mapping[str, PinnedConfig]) -> dg.AssetsDefinition:
    """The asset.

    Args:
        strategies: those with a backtest.
    """
    text = f"At most {MOST_BYTES:,} bytes, and every strategy is in it."
    backtests = [part_key(name, "backtest") for name in strategies]

    kind: Callable[..., Callable[..., dg.AssetsDefinition]] = dg.asset if backtests else root_asset

    @kind(
        name=TABLES,
        deps=backtests,
        group_name="strategy_mix",
        description=inspect.getdoc(make_llm_tables),
        check_specs=[dg.AssetCheckSpec(CHECK, asset=TABLES, description=text)],
        op_tags=pinned.tags,
        pool=RESEARCH_POOL,
    )
    def made(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        settings = pinned.verified(context)
        return summarised(
            context, make_llm_tables(settings, {name: each.current() for name, each in strategies.items()})
        )

    return made


def make_llm_tables(settings: Settings, strategies: Mapping[str, Settings]) -> dg.MaterializeResult:
    """Metrics, exposure, drawdown and slippage of each strategy's backtest as compact text of at most 4,000 bytes.

    Nothing reads it by itself. A strategy that cannot be backtested is left out, and the check tells why.
    """
    rows, left_out, hashes = [], [], []
    for name, own in strategies.items():
        try:
            done = run_study(Container(own))
        except TradewrightError as error:
            left_out.append(f"{name}: {error}")
            continue
        hashes.append(done.data_hash)
        rows.append(compact_row(name, done.account, done.metrics, done.report.verdict))
    text = compact_tables(rows)
    with Container(settings) as house:
        house.artefacts.write_json((TABLES,), {"text": text})
    size = len(text.encode())
    facts: Facts = {"bytes": size, "tables": dg.MetadataValue.md(f"```\n{text}```")}
    if missing := [row.metrics[0] for row in rows if f"\n{row.metrics[0]}|" not in text]:
        left_out.append(f"no room for {', '.join(missing)}")
    summary = f"{len(rows)} strategies in {size:,} bytes"
    return dg.MaterializeResult(
        metadata=described(settings, summary, facts, data_hash=content_hash(hashes)),
        check_results=[warning(CHECK, left_out)],
    )

"""Bars and features of each instrument, checked before anything may use them."""

from collections.abc import Mapping, Sequence
from functools import partial

import dagster as dg
import pandas as pd

from assets.home import RESEARCH_POOL
from assets.metadata import Facts, described, line, summarised, table
from assets.pinned_config import PinnedConfig
from conf.schema.settings import Settings
from runtime import feeds, research
from runtime.bar_checks import (
    failing_bars,
)
from runtime.container import Container
from runtime.features import features_version
from runtime.fresh_bars import KeptSet, judge_bars, keep_features
from tradewright.indicators.features import FEATURES_VERSION
from tradewright.model.bars import Timeframe
from tradewright.quality.evidence import QualityEvidence
from tradewright.quality.expectations import SuiteResult
from tradewright.quality.report import Code, Finding, Severity

BARS_CHECKS = {
    "contract": "The Pandera contract of a bars table.",
    "expectations": "The suite that conf/expectations declares, by Great Expectations.",
    "config_valid": "The tables of the configuration: rules between their rows.",
}
SHOWN = 5
"""Bars that are listed."""
FEATURES_CHECKS = {"complete": "The newest bar has a value of every feature."}


def bars_and_features(
    pinned: PinnedConfig, instruments: Sequence[str], timeframes: Sequence[Timeframe] = ()
) -> list[dg.AssetsDefinition]:
    """The two assets, partitioned by instrument.

    Args:
        timeframes: those on which strategies decide, beside the universe's.
    """
    partitions = dg.StaticPartitionsDefinition(list(instruments))
    in_market = partial(
        dg.asset, partitions_def=partitions, group_name="market", op_tags=pinned.tags, pool=RESEARCH_POOL
    )

    @in_market(check_specs=_blocking("bars", BARS_CHECKS))
    def bars(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """Prices of one instrument, from the feed.

        Each run adds the bars that have closed since the last one; a correction by the feed is kept as a revision.
        """
        return summarised(context, make_bars(pinned.verified(context), context.partition_key, timeframes))

    code_version = f"{FEATURES_VERSION}-{features_version(pinned.settings)}"

    @in_market(deps=[bars], code_version=code_version, check_specs=_blocking("features", FEATURES_CHECKS))
    def features(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """Indicators, sessions and labels per bar, and the feature sets; only new bars are computed.

        No value uses a later bar; the rows of the warm-up are null.
        """
        return summarised(context, make_features(pinned.verified(context), context.partition_key))

    return [bars, features]


def _blocking(asset: str, checks: Mapping[str, str]) -> list[dg.AssetCheckSpec]:
    return [dg.AssetCheckSpec(name, asset=asset, blocking=True, description=text) for name, text in checks.items()]


def make_bars(settings: Settings, symbol: str, timeframes: Sequence[Timeframe] = ()) -> dg.MaterializeResult:
    """Refresh the bars of an instrument, check them, and record for the gate whether they passed.

    Args:
        timeframes: beside those of the universe.

    Raises:
        DataError, StoreError: for bars that the feed has not, or the store refuses or cannot read; a failed check.
    """
    universe = settings.universe.timeframe
    with Container(settings) as house, failing_bars(house, symbol, (universe, *timeframes)):
        source = feeds.feed(house, symbol)
        updates = research.refreshed(house, source, symbol, timeframes) if source else {}
        data_hash = house.bars.data_hash(symbol, universe)
        judged = judge_bars(house, symbol, timeframes)
        frame = house.bars.read(symbol, universe)
    counts = {
        **{f"added {timeframe}": update.added for timeframe, update in updates.items()},
        **{f"revised {timeframe}": update.revised for timeframe, update in updates.items()},
        **{f"set aside {timeframe}": update.kept_out for timeframe, update in updates.items() if update.kept_out},
    }
    newest = {"newest bars": table(("start", "open", "high", "low", "close", "volume"), _newest(frame))}
    facts: Facts = {"rows": len(frame), **counts, **newest, "findings": _findings(judged.series)}
    chart = line(frame["close"], f"{symbol} {universe}: close")
    summary = f"{symbol}: {len(frame):,} bars of {universe}, {_told(counts)}"
    return dg.MaterializeResult(
        metadata=described(settings, summary, facts, data_hash=data_hash, picture=chart),
        check_results=[_contract_result(judged.series), _suite_result(judged.suite), _tables_result(judged.problems)],
    )


def make_features(settings: Settings, symbol: str) -> dg.MaterializeResult:
    """Compute and keep the features of an instrument, and record for the gate whether the newest are complete.

    Raises:
        DataError, StoreError: for bars that are missing or damaged; that is a failed check.
    """
    with Container(settings) as house:
        kept = keep_features(house, symbol)
    computed, newest = kept.table, kept.newest
    sets = [_told_set(each) for each in kept.sets]
    shown, warm_up = ", ".join(kept.unknown) or "none", int(computed.isna().any(axis=1).sum())
    facts: Facts = {
        "rows": len(computed),
        "made now": kept.made,
        "warm_up_rows": warm_up,
        "version": newest.version,
        "newest": table(("feature", f"at {newest.ts:%Y-%m-%d %H:%M} UTC"), _values(newest.values)),
        "sets": table(("set", "timeframe", "version", "rows", "made now", "remark"), sets) if sets else "none",
    }
    summary = f"{symbol}: {len(newest.values)} features on {len(computed):,} bars; unknown on the newest: {shown}"
    chart = line(computed["rolling_vol"], f"{symbol}: rolling volatility")
    return dg.MaterializeResult(
        metadata=described(settings, summary, facts, data_hash=kept.data_hash, picture=chart),
        check_results=[
            dg.AssetCheckResult(check_name="complete", passed=not kept.unknown, metadata={"unknown": shown})
        ],
    )


def _told_set(kept: KeptSet) -> tuple[object, ...]:
    told = (kept.declared.name, kept.declared.timeframe, kept.declared.identity)
    rows, made = ("" if count is None else count for count in (kept.rows, kept.made))
    return (*told, rows, made, kept.remark)


def _newest(frame: pd.DataFrame) -> list[tuple[object, ...]]:
    """The newest bars, the last one first."""
    last = frame[["ts", "open", "high", "low", "close", "volume"]].tail(SHOWN).iloc[::-1]
    return [(f"{ts:%Y-%m-%d %H:%M}", *(f"{value:,.8g}" for value in row)) for ts, *row in last.itertuples(index=False)]


def _values(values: Mapping[str, object]) -> list[tuple[str, object]]:
    """Each feature with its value, which has six significant digits where it is a number with a fraction."""
    return [(name, f"{value:.6g}" if isinstance(value, float) else value) for name, value in values.items()]


def _told(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name}: {number:,}" for name, number in counts.items()) or "no feed is asked"


def _of_contract(judged: Mapping[Timeframe, QualityEvidence]) -> list[tuple[Timeframe, Finding]]:
    """The findings of the contract and the anomalies; those of the suite and the tables have checks of their own."""
    others = (Code.EXPECTATION, Code.CONFIGURATION)
    return [(each, row) for each, evidence in judged.items() for row in evidence.findings if row.code not in others]


def _findings(judged: Mapping[Timeframe, QualityEvidence]) -> dg.MarkdownMetadataValue | str:
    rows = [(each, row.severity, row.code, row.message) for each, row in _of_contract(judged)]
    return table(("timeframe", "severity", "finding", "figures"), rows) if rows else "nothing found"


def _contract_result(judged: Mapping[Timeframe, QualityEvidence]) -> dg.AssetCheckResult:
    found = _of_contract(judged)
    blocking = any(row.severity is Severity.BLOCK for _, row in found)
    return dg.AssetCheckResult(check_name="contract", passed=not blocking, metadata={"findings": len(found)})


def _tables_result(problems: Sequence[str]) -> dg.AssetCheckResult:
    text = "\n".join(f"- {problem}" for problem in problems)
    metadata = {"problems": dg.MetadataValue.md(text)}
    return dg.AssetCheckResult(check_name="config_valid", passed=not problems, metadata=metadata)


def _suite_result(suite: SuiteResult | None) -> dg.AssetCheckResult:
    if suite is None:
        return dg.AssetCheckResult(
            check_name="expectations",
            passed=True,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"skipped": "Great Expectations is not installed (extra: quality)"},
        )
    return dg.AssetCheckResult(
        check_name="expectations",
        passed=not suite.failed,
        severity=dg.AssetCheckSeverity.ERROR if suite.blocking else dg.AssetCheckSeverity.WARN,
        metadata={"failed": len(suite.failed), "outcomes": len(suite.outcomes)},
    )

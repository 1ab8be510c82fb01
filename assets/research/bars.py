"""Bars and features of each instrument, checked before anything may use them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import dagster as dg
import pandas as pd

from assets.home import RESEARCH_POOL
from assets.metadata import Facts, described, line, summarised, table
from assets.pinned_config import PinnedConfig
from conf.environment import SOURCE, conf_folder
from conf.rules import MARKET_TABLES
from conf.schema.settings import Settings
from conf.table_rules import broken_tables
from runtime import feeds, research
from runtime.container import Container
from tradewright.calendars.registry import calendar_of
from tradewright.indicators.features import feature_snapshot, feature_table
from tradewright.model.bars import Timeframe
from tradewright.model.errors import DataError, StoreError
from tradewright.quality.check import check_bars
from tradewright.quality.expectations import QualityExtraMissing, SuiteResult, load_suite, run_suite
from tradewright.quality.report import QualityReport

SUITE = "expectations/bars.yaml"
"""Of the folder of YAML files; the one that ships where that has none."""
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

    @in_market(deps=[bars], check_specs=_blocking("features", FEATURES_CHECKS))
    def features(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """Indicators, sessions and labels per bar.

        No value uses a later bar; the rows of the warm-up are null.
        """
        return summarised(context, make_features(pinned.verified(context), context.partition_key))

    return [bars, features]


def _suite_file() -> Path:
    own = conf_folder() / SUITE
    return own if own.is_file() else SOURCE / "conf" / SUITE


def _blocking(asset: str, checks: Mapping[str, str]) -> list[dg.AssetCheckSpec]:
    return [dg.AssetCheckSpec(name, asset=asset, blocking=True, description=text) for name, text in checks.items()]


def make_bars(settings: Settings, symbol: str, timeframes: Sequence[Timeframe] = ()) -> dg.MaterializeResult:
    """Refresh the bars of an instrument, check them, and record for the gate whether they passed.

    Args:
        timeframes: beside those of the universe.

    Raises:
        DataError, StoreError: for bars that the feed has not, or the store refuses or cannot read; a failed check.
    """
    problems = [str(broken.problem("conf")) for broken in broken_tables(settings, MARKET_TABLES)]
    with Container(settings) as house, _failed_check(house, f"bars.{symbol}"):
        source = feeds.feed(house)
        updates = research.refreshed(house, source, symbol, timeframes) if source else {}
        report, suite = quality(house, symbol), expectations(house, symbol)
        frame = house.bar_store.read(symbol, settings.universe.timeframe)
        data_hash = house.bar_store.data_hash(symbol, settings.universe.timeframe)
        passed = not report.blocking and (suite is None or not suite.blocking) and not problems
        findings = [*(row.message for row in report.findings), *problems]
        house.ledger.checks.record(f"bars.{symbol}", passed, {"findings": findings})
    counts = {
        **{f"added {timeframe}": update.added for timeframe, update in updates.items()},
        **{f"revised {timeframe}": update.revised for timeframe, update in updates.items()},
    }
    newest = {"newest bars": table(("start", "open", "high", "low", "close", "volume"), _newest(frame))}
    facts: Facts = {"rows": report.rows, **counts, **newest, "findings": _findings(report)}
    chart = line(frame["close"], f"{symbol} {settings.universe.timeframe}: close")
    summary = f"{symbol}: {report.rows:,} bars of {settings.universe.timeframe}, {_told(counts)}"
    return dg.MaterializeResult(
        metadata=described(settings, summary, facts, data_hash=data_hash, picture=chart),
        check_results=[_contract_result(report), _suite_result(suite), _tables_result(problems)],
    )


def make_features(settings: Settings, symbol: str) -> dg.MaterializeResult:
    """Compute and keep the features of an instrument, and record for the gate whether the newest are complete.

    Raises:
        DataError, StoreError: for bars that are missing or damaged; that is a failed check.
    """
    with Container(settings) as house:
        with _failed_check(house, f"features.{symbol}"):
            computed = features_of(house, symbol)
            newest = feature_snapshot(computed, symbol)
        row = newest.model_dump(mode="json")
        house.artefacts.write_frame(("features", symbol), computed)
        house.artefacts.write_json(("features", symbol, "newest"), row)
        unknown = sorted(name for name, value in newest.values.items() if value is None)
        house.ledger.checks.record(f"features.{symbol}", not unknown, {"unknown": unknown})
        data_hash = house.bar_store.data_hash(symbol, settings.universe.timeframe)
    shown, warm_up = ", ".join(unknown) or "none", int(computed.isna().any(axis=1).sum())
    facts: Facts = {
        "rows": len(computed),
        "warm_up_rows": warm_up,
        "version": newest.version,
        "newest": table(("feature", f"at {newest.ts:%Y-%m-%d %H:%M} UTC"), _values(newest.values)),
    }
    summary = f"{symbol}: {len(newest.values)} features on {len(computed):,} bars; unknown on the newest: {shown}"
    chart = line(computed["rolling_vol"], f"{symbol}: rolling volatility")
    return dg.MaterializeResult(
        metadata=described(settings, summary, facts, data_hash=data_hash, picture=chart),
        check_results=[dg.AssetCheckResult(check_name="complete", passed=not unknown, metadata={"unknown": shown})],
    )


@contextmanager
def _failed_check(house: Container, name: str) -> Iterator[None]:
    """An error inside fails the check in the ledger: the one of an hour ago must not speak for data that broke now."""
    try:
        yield
    except (DataError, StoreError) as error:
        house.ledger.checks.record(name, False, {"findings": [str(error)]})
        raise


def quality(house: Container, symbol: str) -> QualityReport:
    """The contract and the quirks of an instrument's deciding bars."""
    store, instrument, timeframe = house.bar_store, house.instrument(symbol), house.settings.universe.timeframe
    frame = store.read(symbol, timeframe)
    grid = calendar_of(instrument).expected_starts(timeframe, pd.DatetimeIndex(frame["ts"]).as_unit("ns").asi8)
    now, symbol_map = house.clock.now(), store.actions.symbol_map(symbol)
    return check_bars(frame, instrument, timeframe, now=now, grid=grid, symbol_map=symbol_map)


def expectations(house: Container, symbol: str) -> SuiteResult | None:
    """The declared suite over an instrument's deciding bars, with Data Docs; None where the extra is not installed."""
    frame = house.bar_store.read(symbol, house.settings.universe.timeframe)
    try:
        return run_suite(frame, load_suite(_suite_file()), house.root / "data_docs" / symbol)
    except QualityExtraMissing:
        return None


def features_of(house: Container, symbol: str) -> pd.DataFrame:
    """The features table of an instrument's deciding bars."""
    bars = house.bar_store.read_bars(symbol, house.settings.universe.timeframe)
    return feature_table(bars, research.feature_settings(house.settings, house.instrument(symbol)))


def _newest(frame: pd.DataFrame) -> list[tuple[object, ...]]:
    """The newest bars, the last one first."""
    last = frame[["ts", "open", "high", "low", "close", "volume"]].tail(SHOWN).iloc[::-1]
    return [(f"{ts:%Y-%m-%d %H:%M}", *(f"{value:,.8g}" for value in row)) for ts, *row in last.itertuples(index=False)]


def _values(values: Mapping[str, object]) -> list[tuple[str, object]]:
    """Each feature with its value, which has six significant digits where it is a number with a fraction."""
    return [(name, f"{value:.6g}" if isinstance(value, float) else value) for name, value in values.items()]


def _told(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name}: {number:,}" for name, number in counts.items()) or "no feed is asked"


def _findings(report: QualityReport) -> dg.MarkdownMetadataValue | str:
    rows = [(row.severity, row.code, row.message) for row in report.findings]
    return table(("severity", "finding", "figures"), rows) if rows else "nothing found"


def _contract_result(report: QualityReport) -> dg.AssetCheckResult:
    metadata = {"findings": len(report.findings)}
    return dg.AssetCheckResult(check_name="contract", passed=not report.blocking, metadata=metadata)


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

"""Bars and features of each instrument, checked before anything may use them."""

from pathlib import Path

import dagster as dg
import pandas as pd

from assets.frozen import Frozen
from conf import build, research
from conf.compose import PROJECT
from conf.schema.settings import Settings
from conf.tables import table_problems
from tradewright.calendars.registry import calendar
from tradewright.indicators.features import feature_snapshot, feature_table
from tradewright.model.bars import Bars
from tradewright.model.clock import Clock
from tradewright.model.errors import DataError, StoreError
from tradewright.quality.check import check_bars
from tradewright.quality.expectations import QualityExtraMissing, SuiteResult, load_suite, run_suite
from tradewright.quality.report import QualityReport

CHECKS = {
    "contract": "The Pandera contract of a bars table.",
    "expectations": "The suite that conf/expectations declares, by Great Expectations.",
    "config_valid": "The tables of the configuration, by Pandera.",
}
SUITE = PROJECT / "conf" / "expectations" / "bars.yaml"


def bars_and_features(frozen: Frozen, instruments: tuple[str, ...]) -> list[dg.AssetsDefinition]:
    """The two assets, partitioned by instrument."""
    partitions = dg.StaticPartitionsDefinition(list(instruments))
    blocking = [dg.AssetCheckSpec(name, asset="bars", blocking=True, description=text) for name, text in CHECKS.items()]

    @dg.asset(partitions_def=partitions, group_name="market", check_specs=blocking, op_tags=frozen.tags)
    def bars(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """Bars brought up to date from the feed: an incremental upsert; a correction is a new revision."""
        settings = frozen.thaw(context)
        clock, symbol = build.clock(settings), context.partition_key
        store, source = build.bar_store(settings, clock), research.feed(settings, clock)
        try:
            updates = research.refresh(settings, store, source, symbol) if source else {}
        except (DataError, StoreError) as error:
            with build.ledger(settings, clock) as books:
                books.marks.record_check(f"bars.{symbol}", False, {"findings": [str(error)]})
            raise
        report = quality(settings, clock, symbol)
        suite = expectations(settings, clock, symbol)
        problems = table_problems(settings)
        passed = not report.blocking and (suite is None or not suite.blocking)
        with build.ledger(settings, clock) as books:
            books.marks.record_check(f"bars.{symbol}", passed, {"findings": [row.message for row in report.findings]})
        return dg.MaterializeResult(
            metadata={
                **{f"added {timeframe}": update.added for timeframe, update in updates.items()},
                **{f"revised {timeframe}": update.revised for timeframe, update in updates.items()},
                "rows": report.rows,
                "data_hash": _hash(settings, clock, symbol),
                "config_hash": settings.config_hash,
                "findings": dg.MetadataValue.md(_findings(report)),
            },
            check_results=[
                dg.AssetCheckResult(
                    check_name="contract", passed=not report.blocking, metadata={"findings": len(report.findings)}
                ),
                _suite_result(suite),
                dg.AssetCheckResult(
                    check_name="config_valid",
                    passed=not problems,
                    metadata={"problems": dg.MetadataValue.md("\n".join(f"- {problem}" for problem in problems))},
                ),
            ],
        )

    @dg.asset(
        partitions_def=partitions,
        group_name="market",
        deps=[bars],
        op_tags=frozen.tags,
        check_specs=[dg.AssetCheckSpec("complete", asset="features", blocking=True)],
    )
    def features(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """Indicators, sessions and labels per bar; no value uses a later bar, warm-up rows are null."""
        settings = frozen.thaw(context)
        clock, symbol = build.clock(settings), context.partition_key
        table = features_of(settings, clock, symbol)
        artefacts = build.artefacts(settings)
        artefacts.write_frame(("features", symbol), table)
        newest = feature_snapshot(table, symbol)
        artefacts.write_json(("features", symbol, "newest"), newest.model_dump(mode="json"))
        unknown = sorted(name for name, value in newest.values.items() if value is None)
        with build.ledger(settings, clock) as books:
            books.marks.record_check(f"features.{symbol}", not unknown, {"unknown": unknown})
        return dg.MaterializeResult(
            metadata={
                "rows": len(table),
                "version": newest.version,
                "config_hash": settings.config_hash,
                "newest": dg.MetadataValue.json(newest.model_dump(mode="json")),
                "warm_up_rows": int(table.isna().any(axis=1).sum()),
            },
            check_results=[
                dg.AssetCheckResult(
                    check_name="complete", passed=not unknown, metadata={"unknown": ", ".join(unknown) or "none"}
                )
            ],
        )

    return [bars, features]


def quality(settings: Settings, clock: Clock, symbol: str) -> QualityReport:
    """The contract and the quirks of an instrument's deciding bars."""
    store, instrument = build.bar_store(settings, clock), build.instrument(settings, symbol)
    frame = store.read(symbol, settings.universe.timeframe)
    ends = (frame["ts"].iloc[0], frame["ts"].iloc[-1]) if len(frame) else (pd.Timestamp(0, tz="UTC"),) * 2
    grid = calendar(instrument.calendar).grid(settings.universe.timeframe, *ends)
    return check_bars(
        frame,
        instrument,
        settings.universe.timeframe,
        now=clock.now(),
        grid=grid,
        symbol_map=store.actions.symbol_map(symbol),
    )


def expectations(settings: Settings, clock: Clock, symbol: str) -> SuiteResult | None:
    """The declared suite over an instrument's deciding bars, with Data Docs; None where the extra is not installed."""
    frame = build.bar_store(settings, clock).read(symbol, settings.universe.timeframe)
    try:
        return run_suite(frame, load_suite(SUITE), docs_folder(settings, symbol))
    except QualityExtraMissing:
        return None


def docs_folder(settings: Settings, symbol: str) -> Path:
    """Where the Data Docs of an instrument stand."""
    return build.root(settings) / "data_docs" / symbol


def features_of(settings: Settings, clock: Clock, symbol: str) -> pd.DataFrame:
    """The features table of an instrument's deciding bars."""
    instrument = build.instrument(settings, symbol)
    return feature_table(_deciding_bars(settings, clock, symbol), research.feature_settings(settings, instrument))


def _deciding_bars(settings: Settings, clock: Clock, symbol: str) -> Bars:
    return build.bar_store(settings, clock).read_bars(symbol, settings.universe.timeframe)


def _hash(settings: Settings, clock: Clock, symbol: str) -> str:
    return build.bar_store(settings, clock).data_hash(symbol, settings.universe.timeframe)


def _findings(report: QualityReport) -> str:
    rows = [f"| {row.severity} | {row.code} | {row.message} |" for row in report.findings]
    return "\n".join(["| severity | finding | figures |", "|---|---|---|", *rows]) if rows else "nothing found"


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

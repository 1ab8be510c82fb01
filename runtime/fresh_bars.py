"""Bars that have changed, judged and made into features, whoever brought them. Loads the kernels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from conf.rules import MARKET_TABLES
from conf.table_rules import broken_tables
from runtime.bar_checks import failing_features, findings_of_tables, judge, record_features
from runtime.bar_suite import findings_of_suite, suite_on
from runtime.container import Container
from runtime.features import feature_sets, update_features, update_set
from runtime.uses import Reading, begin_reading, record_use
from tradewright.indicators.feature_set import FeatureSet
from tradewright.indicators.features import FeatureSnapshot, feature_snapshot
from tradewright.model.bars import Timeframe
from tradewright.model.errors import StoreError
from tradewright.quality.evidence import QualityEvidence
from tradewright.quality.expectations import SuiteResult
from tradewright.store.uses import UseKind


class Judged(NamedTuple):
    """The evidence on an instrument's series, as it was recorded.

    Args:
        problems: broken rules of the tables of the configuration.
        suite: of the declared expectations; None where Great Expectations is not installed.
    """

    problems: tuple[str, ...]
    suite: SuiteResult | None
    series: dict[Timeframe, QualityEvidence]


def judge_bars(house: Container, symbol: str, timeframes: Sequence[Timeframe] = ()) -> Judged:
    """Judge the stored bars of an instrument by all checks, and record the evidence for the gate.

    Args:
        timeframes: on which strategies decide, beside the universe's.

    Raises:
        ConfigError: for an instrument that is not defined.
        StoreError: for bars that are missing or damaged.
    """
    problems = tuple(str(broken.problem("conf")) for broken in broken_tables(house.settings, MARKET_TABLES))
    suite = suite_on(house, symbol)
    of_all, of_deciding = findings_of_tables(problems), findings_of_suite(suite)
    return Judged(problems, suite, judge(house, symbol, timeframes, of_all=of_all, of_deciding=of_deciding))


class KeptSet(NamedTuple):
    """A feature set that was brought up to date, or why it was not."""

    declared: FeatureSet
    rows: int | None
    made: int | None
    remark: str


class KeptFeatures(NamedTuple):
    """The features of an instrument as they are stored now.

    Args:
        made: how many rows were computed.
        unknown: the features without a value on the newest bar.
    """

    table: pd.DataFrame
    made: int
    newest: FeatureSnapshot
    unknown: list[str]
    sets: list[KeptSet]
    data_hash: str


def keep_features(house: Container, symbol: str) -> KeptFeatures:
    """Compute and keep the features of an instrument, and record for the gate whether the newest are complete.

    Raises:
        DataError, StoreError: for bars that are missing or damaged; that is a failed check.
    """
    timeframe = house.settings.universe.timeframe
    fingerprint = house.bars.fingerprint(symbol, timeframe)  # before the bars are read
    with failing_features(house, symbol):
        reading = begin_reading(house, [house.instrument(symbol)], timeframe)
        computed, made = update_features(house, symbol)
        newest = feature_snapshot(computed, symbol)
    house.artefacts.write_json(("features", symbol, "newest"), newest.model_dump(mode="json"))
    unknown = sorted(name for name, value in newest.values.items() if value is None)
    record_features(house, symbol, fingerprint, unknown)
    declared = feature_sets(house.settings, house.instrument(symbol), house.bars.kind_of(symbol))
    sets = [_kept_set(house, symbol, each) for each in declared.values()]
    data_hash = house.bars.data_hash(symbol, timeframe)
    _note_use(house, symbol, reading, computed, data_hash, {"version": newest.version})
    return KeptFeatures(computed, made, newest, unknown, sets, data_hash)


def _kept_set(house: Container, symbol: str, chosen: FeatureSet) -> KeptSet:
    """A feature set brought up to date; one whose bars are missing or damaged says so and stops no other."""
    try:
        reading = begin_reading(house, [house.instrument(symbol)], chosen.timeframe)
        data_hash = house.bars.data_hash(symbol, chosen.timeframe)
        found, made = update_set(house, symbol, chosen)
    except StoreError as error:
        return KeptSet(chosen, None, None, str(error))
    _note_use(house, symbol, reading, found, data_hash, {"set": chosen.name, "version": chosen.identity})
    return KeptSet(chosen, len(found), made, "")


def _note_use(
    house: Container, symbol: str, reading: Reading, made: pd.DataFrame, data_hash: str, detail: Mapping[str, str]
) -> None:
    """Note the bars that a table of features was made of."""
    read = {symbol: (pd.DatetimeIndex(made["ts"]).as_unit("ns").asi8, data_hash)}
    record_use(house, UseKind.FEATURES, symbol, reading, read, detail=detail)

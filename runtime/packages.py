"""The backtest of a strategy package: run here, told in its manifest, and run again where it is verified."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import version
from typing import NamedTuple

import numpy as np
import pandas as pd
from pydantic import JsonValue

from conf.schema.settings import Settings
from runtime.certify import certificate_of
from runtime.container import Container
from runtime.exchange_rates import account_currency
from runtime.research import benchmark_tables, tables, terms, timeframe
from runtime.secondary_series import series_read
from runtime.study import run_study
from strategies.documents import strategy_class
from tradewright.backtest.engine_digest import engine_digest, versions
from tradewright.backtest.result import BacktestResult
from tradewright.dsl.document import StrategyDocument
from tradewright.dsl.program import Program
from tradewright.evaluation.certificate import ScenarioCertificate
from tradewright.evaluation.study import StudyResult
from tradewright.model.bar_rules import select
from tradewright.model.bars import Timeframe, Times
from tradewright.model.certify_limits import CertifyLimits
from tradewright.model.errors import DataError
from tradewright.model.hashing import content_hash
from tradewright.packages.manifest import DataFingerprint, Engine, Evaluation, Expected, ExpectedFills, finite
from tradewright.research.bars import InstrumentBars
from tradewright.scenarios.document import ScenarioDocument
from tradewright.store.dataset import bars_hash

KEY = "TRADEWRIGHT_PACKAGE_KEY"
"""The variable with the private key that signs packages, or with ``_FILE`` behind it, that of its file."""


class Backtested(NamedTuple):
    """A backtest as a manifest tells it."""

    data: tuple[DataFingerprint, ...]
    expected: Expected
    evaluation: Evaluation

    @property
    def traded(self) -> tuple[DataFingerprint, ...]:
        """The bars that it decided on."""
        return tuple(row for row in self.data if row.use == "traded")


def backtested(house: Container, document: StrategyDocument, program: Program) -> Backtested:
    """The backtest of a document under the settings in force; it is recorded as a trial, like every backtest.

    Args:
        document, program: take the place of the strategy that the settings name.

    Raises:
        ConfigError, StoreError, DataError, StrategyError: as :func:`runtime.study.run_study`; also when no instrument
            has a bar, and when the bars were changed while it ran.
    """
    _take(house, document, program)
    done = run_study(house)
    length, read = timeframe(house.settings), tables(house)
    if not any(len(item.bars.ts) for item in read.values()):
        what = f"no bar of {', '.join(read)} lies in the period"
        raise DataError(what, where="backtest", remedy="bring bars, or choose another period")
    if done.data_hash != _together([item.data_hash for item in read.values()]):
        remedy = "run it again while nothing is imported"
        raise DataError("the stored bars were changed while the backtest ran", where="backtest", remedy=remedy)
    data = (*_traded(read, length), *_beside(read, length), *_benchmark(house, read, length), *_rates(house, read))
    return Backtested(data, _expected(house, done), _evaluation(done))


def certified(
    settings: Settings,
    document: StrategyDocument,
    program: Program,
    scenarios: Iterable[ScenarioDocument],
    limits: CertifyLimits | None = None,
) -> ScenarioCertificate:
    """The scenario certificate of a document under the settings of its package.

    Each scenario is run at the timeframe of the document, else at its own: a package names the timeframe of its bars,
    which are none of a scenario's.

    Args:
        limits: those of a certificate that is made again; None for those of the document and the settings.

    Raises:
        ConfigError, StrategyError: as :func:`runtime.certify.certificate_of`.
    """
    backtest = settings.backtest.model_copy(update={"timeframe": None})
    with Container(settings.model_copy(update={"backtest": backtest})) as house:
        _take(house, document, program)
        return certificate_of(house, scenarios, limits)


def _take(house: Container, document: StrategyDocument, program: Program) -> None:
    """Put a document in the place of the strategy that the settings name."""
    house.strategy = strategy_class(document, program)(**house.settings.strategy.parameters)


def engine() -> Engine:
    """The engine of this process."""
    return Engine(program=version("tradewright"), digest=engine_digest(), **versions())


def _together(hashes: list[str]) -> str:
    return hashes[0] if len(hashes) == 1 else content_hash(hashes)


def _traded(read: Mapping[str, InstrumentBars], length: Timeframe) -> Iterator[DataFingerprint]:
    for symbol, item in read.items():
        yield _fingerprint("traded", symbol, length, item.bars.ts, item.data_hash)


def _beside(read: Mapping[str, InstrumentBars], length: Timeframe) -> Iterator[DataFingerprint]:
    for (symbol, other), (ts, digest) in sorted(series_read(read.values(), length).items()):
        yield _fingerprint("read", symbol, other, ts, digest)


def _benchmark(house: Container, read: Mapping[str, InstrumentBars], length: Timeframe) -> Iterator[DataFingerprint]:
    """The benchmark's bars from the last one before the backtest to its end, which alone count."""
    begun = [item.bars.ts for item in read.values() if len(item.bars.ts)]
    first, last = min(int(ts[0]) for ts in begun), max(int(ts[-1]) for ts in begun)
    for symbol, item in benchmark_tables(house, length).items():
        ts = item.bars.ts
        start = max(int(np.searchsorted(ts, first, side="right")) - 1, 0)
        used = select(item.bars, slice(start, int(np.searchsorted(ts, last, side="right"))))
        yield _fingerprint("benchmark", symbol, length, used.ts, bars_hash(used))


def _rates(house: Container, read: Mapping[str, InstrumentBars]) -> Iterator[DataFingerprint]:
    """The exchange rates of the bars of instruments in another currency than the account's."""
    length = timeframe(house.settings)
    for symbol, item in read.items():
        for conversion in terms(house, length)(item).conversions:
            yield _fingerprint("rates", symbol, length, item.bars.ts, conversion.digest)


def _fingerprint(use: str, symbol: str, length: Timeframe, ts: Times, digest: str) -> DataFingerprint:
    ends = [pd.Timestamp(int(at), tz="UTC").to_pydatetime(warn=False) for at in ts[[0, -1]]] if len(ts) else [None] * 2
    row = {"use": use, "instrument": symbol, "timeframe": length, "bars": len(ts), "sha256": digest}
    return DataFingerprint.model_validate({**row, "first": ends[0], "last": ends[1]})


def _expected(house: Container, done: StudyResult) -> Expected:
    orders = tuple(
        ExpectedFills(instrument=name, orders=each.orders, fills=len(each.fills), sha256=fills_hash(each))
        for name, each in done.results.items()
    )
    metrics = {name: finite(_plain(value)) for name, value in done.metrics.as_dict().items()}
    return Expected(currency=account_currency(house.settings), code=done.code_hash, orders=orders, metrics=metrics)


def fills_hash(result: BacktestResult) -> str:
    """SHA-256 over the fills and the corporate actions of an account in their order: the time of the bar, then every
    value, as little-endian numbers of eight bytes.
    """
    digest = hashlib.sha256()
    for rows in (result.fills, result.adjustments):
        columns = [result.bars.ts[rows["bar"]].astype("<i8")]
        columns += [rows[name].astype("<f8") for name in rows.dtype.names or () if name != "bar"]
        digest.update(len(rows).to_bytes(8, "little"))
        for column in columns:
            digest.update(column.tobytes())
    return digest.hexdigest()


def _evaluation(done: StudyResult) -> Evaluation:
    verdict = done.report.verdict
    figures = {name: finite(_plain(value)) for name, value in verdict.figures.items()}
    void = next((row.message for _, row in done.report.findings() if row.code == "LOOK_AHEAD"), "")
    return Evaluation(
        trials=int(verdict.figures["trials"] or 0),
        effective_trials=float(verdict.figures["effective_trials"] or 0.0),
        verdict=verdict.code.value,
        text=verdict.text,
        figures=figures,
        void=void,
    )


def _plain(value: object) -> JsonValue:
    """A figure as Python's own number; numpy's are none of JSON."""
    match value:
        case np.generic():
            return _plain(value.item())
        case list():
            return [_plain(each) for each in value]
        case None | bool() | int() | float() | str():
            return value
    raise TypeError(f"{type(value).__name__} is no figure: {value!r}")

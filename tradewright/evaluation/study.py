"""A study: one strategy backtested on its instruments, measured and checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from tradewright.backtest.cache import run_cached
from tradewright.backtest.code import code_identity
from tradewright.backtest.result import BacktestResult
from tradewright.backtest.spec import BacktestSpec
from tradewright.evaluation.benchmark import Benchmark
from tradewright.evaluation.charts import weights_figure
from tradewright.evaluation.equity_curve import Sampling
from tradewright.evaluation.finding import ValidityEvidence
from tradewright.evaluation.metrics import Metrics
from tradewright.evaluation.risk_report import Drawings, RiskReport, risk_report
from tradewright.evaluation.stress import stressed_profit
from tradewright.evaluation.trial_count import TrialCount
from tradewright.evaluation.untraded import reason_untraded
from tradewright.model.bars import Bars, Times
from tradewright.model.errors import ConfigError
from tradewright.model.hashing import content_hash
from tradewright.model.risk_free import RiskFree
from tradewright.model.strategy import Strategy
from tradewright.store.dataset import bars_hash


@dataclass(frozen=True)
class MetricsConfig:
    """The conventions of the metrics (D12).

    Args:
        sampling: how equity is sampled.
        days_per_year: the sampled days of a year, for all instruments or by instrument.
        risk_free: the yearly rate, as a fraction, or such rates as they became known.
        benchmark: what accounts are measured against; the instruments held when None.
        windows: the lengths of rolling figures, in periods.
    """

    sampling: Sampling = Sampling.SESSION
    days_per_year: float | Mapping[str, float] = 252
    risk_free: RiskFree = 0.0
    benchmark: Benchmark | None = None
    windows: tuple[int, ...] = ()


CountTrials = Callable[[Mapping[str, BacktestResult]], TrialCount]
"""Records the trial of a strategy, given its results by instrument; how many there have been on these bars."""


@dataclass(frozen=True)
class StudyResult:
    """The results of a study.

    Args:
        results: by instrument.
        account: all instruments as one account; the only result where there is one instrument.
        cache_key, data_hash: of the one result, or over those of all.
        used_cache: whether every result was there already.
        code_hash: the code identity of strategy and engine.
    """

    results: dict[str, BacktestResult]
    account: BacktestResult
    metrics: Metrics
    report: RiskReport
    cache_key: str
    data_hash: str
    used_cache: bool
    code_hash: str


def study(
    strategy: Strategy,
    bars: Mapping[str, Bars],
    specs: Mapping[str, BacktestSpec],
    measures: MetricsConfig,
    cache: Path,
    *,
    count: CountTrials | None = None,
    evidence: Mapping[str, ValidityEvidence] | None = None,
    facts: Mapping[str, str] | None = None,
    days: Mapping[str, Times] | None = None,
    data: Mapping[str, str] | None = None,
) -> StudyResult:
    """Backtest on every instrument with an equal part of the cash, and report.

    The accounts are independent: none lends to another and nothing is rebalanced.

    Args:
        specs: the terms by instrument; ``cash`` is the whole account's.
        cache: the folder of stored results.
        count: records the trial; None counts none, for callers that show the result to nobody.
        days: the dates of the bars' sessions by instrument, in days since 1970; None takes UTC days.
        data: the hash of all bars that are read for an instrument; None takes that of its own bars.

    Raises:
        ConfigError: without an instrument.
        DataError: for bars that cannot be traded on.
    """
    if not bars:
        raise ConfigError("no instrument", where="backtest.instruments", remedy="name at least one")
    hashes = {name: data[name] if data else bars_hash(table) for name, table in bars.items()}
    parts = {name: replace(specs[name], cash=specs[name].cash / len(bars)) for name in bars}
    runs = {name: run_cached(strategy, table, parts[name], cache, data=hashes[name]) for name, table in bars.items()}
    results = {name: replace(run.result, session_days=(days or {}).get(name)) for name, run in runs.items()}
    known = {
        name: replace(
            (evidence or {}).get(name, ValidityEvidence()),
            **stressed_profit(strategy, result, parts[name], cache, hashes[name])._asdict(),
            untraded="" if len(result.fills) else reason_untraded(strategy, bars[name], parts[name], result.orders),
        )
        for name, result in results.items()
    }
    report = risk_report(
        strategy.name,
        results,
        sampling=measures.sampling,
        days_per_year=measures.days_per_year,
        risk_free=measures.risk_free,
        benchmark=measures.benchmark,
        windows=measures.windows,
        evidence=known,
        tried=count(results) if count else None,
        facts=facts,
    )
    account = report.sections[0].result
    return StudyResult(
        results=results,
        account=account,
        metrics=report.sections[0].metrics,
        report=replace(report, drawings=drawings_of(results, account)),
        cache_key=_together([run.cache_key for run in runs.values()]),
        data_hash=_together(list(hashes.values())),
        used_cache=all(run.used_cache for run in runs.values()),
        code_hash=code_identity(strategy.generate_signal),
    )


def drawings_of(results: Mapping[str, BacktestResult], account: BacktestResult) -> Drawings:
    """The pictures of several instruments in or as one account."""
    return {"Weights over time, as shares of the account's equity": partial(weights_figure, results, account)}


def _together(hashes: list[str]) -> str:
    return hashes[0] if len(hashes) == 1 else content_hash(hashes)

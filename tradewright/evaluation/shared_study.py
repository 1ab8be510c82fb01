"""A study of many instruments in one account: backtested together, measured and checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tradewright.backtest.code import code_identity
from tradewright.backtest.panel.shared_account import SharedAccount
from tradewright.backtest.result import BacktestResult, Curves
from tradewright.backtest.spec import BacktestSpec
from tradewright.evaluation.aggregate import pooled
from tradewright.evaluation.finding import TOGETHER, Finding, Severity, ValidityEvidence, pooled_validity_evidence
from tradewright.evaluation.formatting import count as counted
from tradewright.evaluation.formatting import money
from tradewright.evaluation.risk_report import risk_report
from tradewright.evaluation.study import CountTrials, MetricsConfig, StudyResult, drawings_of
from tradewright.model.allocation import Allocation, decision_of, is_allocation
from tradewright.model.bars import Bars, Times
from tradewright.model.hashing import content_hash
from tradewright.model.strategy import Strategy
from tradewright.store.dataset import bars_hash

if TYPE_CHECKING:
    from tradewright.backtest.panel.book import Flags
    from tradewright.backtest.panel.engine import PanelRun
    from tradewright.backtest.panel.panel import Panel


def shared_study(
    strategy: Strategy | Allocation,
    bars: Mapping[str, Bars],
    specs: Mapping[str, BacktestSpec],
    shared: SharedAccount,
    measures: MetricsConfig,
    cache: Path,
    *,
    count: CountTrials | None = None,
    evidence: Mapping[str, ValidityEvidence] | None = None,
    facts: Mapping[str, str] | None = None,
    days: Mapping[str, Times] | None = None,
    data: Mapping[str, str] | None = None,
) -> StudyResult:
    """Backtest all instruments in one account, and report on the account.

    Args:
        bars: in the order that decides which instrument comes first where cash is short.
        specs, cache, count, days, data: as for :func:`tradewright.evaluation.study.study`.

    Raises:
        ConfigError, DataError: as :func:`tradewright.backtest.panel.panel.panel_of`.
        StrategyError: the decision cannot be compiled, or gave weights that are not admitted.
    """
    from tradewright.backtest.panel.cache import panel_key, run_panel_cached  # the compiler is loaded only where needed
    from tradewright.backtest.panel.member_results import member_results
    from tradewright.backtest.panel.panel import deciding_bars, panel_of, session_days

    panel = panel_of(bars, specs)
    dated = session_days(panel, days)
    hashes = {name: data[name] if data else bars_hash(table) for name, table in bars.items()}
    key = panel_key(strategy, panel, shared, dated, hashes)
    run, used_cache = run_panel_cached(strategy, panel, shared, dated, key, cache)
    results = {
        name: replace(result, session_days=(days or {}).get(name))
        for name, result in member_results(panel, run).items()
    }
    account = account_of(panel, run, results)
    known = pooled_validity_evidence([(evidence or {}).get(name, ValidityEvidence()) for name in panel.names])
    if not (len(run.fills) or run.orders.sum()) and is_allocation(strategy):
        known = replace(known, untraded=_untraded(deciding_bars(shared.rebalance or strategy.rebalance, dated), panel))
    report = risk_report(
        strategy.name,
        {TOGETHER: account},
        sampling=measures.sampling,
        days_per_year=_most(measures.days_per_year),
        risk_free=measures.risk_free,
        benchmark=measures.benchmark,
        windows=measures.windows,
        evidence={TOGETHER: replace(known, account=tuple(told_of(panel, run, account.currency)))},
        tried=count({TOGETHER: account}) if count else None,
        facts=facts,
    )
    return StudyResult(
        results=results,
        account=account,
        metrics=report.sections[0].metrics,
        report=replace(report, instruments=len(panel.names), drawings=drawings_of(on_rows(panel, results), account)),
        cache_key=key,
        data_hash=next(iter(hashes.values())) if len(hashes) == 1 else content_hash(list(hashes.values())),
        used_cache=used_cache,
        code_hash=code_identity(decision_of(strategy)),
    )


def _untraded(decides: Flags, panel: Panel) -> str:
    """What is possible where an allocation sent no order: it is asked in few bars, and there a window may be young."""
    last = np.datetime64(int(panel.ts[np.flatnonzero(decides)[-1]]), "ns").astype("datetime64[D]")
    return (
        f"It was asked for weights in {counted(int(decides.sum()), 'bar')}, last on {last}: there what it reads was not"
        " known yet, nothing was to be held, the parts came to less than one lot, or no later bar was there."
    )


def account_of(panel: Panel, run: PanelRun, results: Mapping[str, BacktestResult]) -> BacktestResult:
    """The shared account as one result, on the rows of the panel: each of its bars has the time of a row.

    Its prices are the value of holding an equal part of the cash in each instrument from its first bar on, as those of
    the pooled accounts of a split are, so that both are compared with the same. Of a part of the bars it has those of
    the part.
    """
    cash, members = panel.specs[0].cash, len(panel.names)
    first = panel.specs[0].first_bar
    parts = {name: replace(each, initial_cash=cash / members) for name, each in on_rows(panel, results).items()}
    pool = pooled(parts)
    market = pool.bars.close
    equity, money_left = run.equity[first:], run.cash[first:]
    position = np.divide(equity - money_left, market, out=np.zeros(len(market)), where=market != 0.0)
    return replace(
        pool,
        initial_cash=float(cash),
        orders=int(run.orders.sum()),
        given=Curves(equity, money_left, position),
    )


def on_rows(panel: Panel, results: Mapping[str, BacktestResult]) -> dict[str, BacktestResult]:
    """The results of the instruments with their bars at the times of their rows, as the account has them."""
    first, found = panel.specs[0].first_bar, dict[str, BacktestResult]()
    for n, name in enumerate(panel.names):
        times = panel.times_of(n)[np.searchsorted(panel.rows[n], first) :]
        found[name] = replace(results[name], bars=results[name].bars._replace(ts=times))
    return found


def told_of(panel: Panel, run: PanelRun, currency: str) -> Iterator[Finding]:
    """What a person must know of the account: instruments that ended, borrowed units, margin calls."""
    for name in panel.ended:
        day = np.datetime64(int(panel.bars[panel.names.index(name)].ts[-1]), "ns").astype("datetime64[D]")
        text = f"{name} ended on {day}, before the last bar of all: what was held was closed at its last close."
        yield Finding("INSTRUMENT_ENDED", Severity.INFO, text)
    if run.borrowed > 0.0:
        text = f"Borrowed units cost {money(run.borrowed)} {currency}".rstrip() + ", which no fill shows."
        yield Finding("BORROWED_UNITS", Severity.INFO, text)
    if run.margin_calls:
        day = np.datetime64(int(panel.ts[run.first_call]), "ns").astype("datetime64[D]")
        text = f"The margin guard closed the whole account {counted(run.margin_calls, 'time')}, first after {day}."
        yield Finding("MARGIN_CALL", Severity.WARNING, text)


def _most(days_per_year: float | Mapping[str, float]) -> float:
    return max(days_per_year.values()) if isinstance(days_per_year, Mapping) else days_per_year

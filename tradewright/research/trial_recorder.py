"""What makes an evaluation a recorded trial: the identity of its parameter sets, and the sketch of its bars."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np
import numpy.typing as npt

from tradewright.backtest.code import code_digest
from tradewright.backtest.rates import Conversion
from tradewright.backtest.result import BacktestResult
from tradewright.backtest.spec import BacktestSpec
from tradewright.backtest.strategy_errors import features_of
from tradewright.catalog.data_sketch import mixed, sketch_of, sketch_of_rates
from tradewright.catalog.trials import TRIAL, Evaluation, EvaluationFacts, RatesUsed, Trials, TrialSource
from tradewright.evaluation.aggregate import pooled
from tradewright.evaluation.equity_curve import Sampling, levels, returns_of
from tradewright.evaluation.significance import shape_of
from tradewright.evaluation.trial_count import TrialCount
from tradewright.model.allocation import Allocation, decision_of
from tradewright.model.bars import Floats, Timeframe
from tradewright.model.hashing import content_hash
from tradewright.model.strategy import Strategy
from tradewright.research.bars import InstrumentBars


@dataclass(frozen=True)
class TrialRecorder:
    """Records the trials of one strategy on its bars.

    Args:
        tables: the bars by instrument.
        specs: the terms of each instrument, whose exchange rates make other trials of the same sets.
        terms: the hash of every setting that makes another trial of the same parameters: costs, fills, span.
        settings_hash: of all settings in force.
    """

    ledger: Trials
    now: Callable[[], datetime]
    tables: Mapping[str, InstrumentBars]
    specs: Mapping[str, BacktestSpec]
    timeframe: Timeframe
    terms: str
    settings_hash: str

    def of_study(self, strategy: Strategy | Allocation) -> Callable[[Mapping[str, BacktestResult]], TrialCount]:
        """What counts the one trial of a backtest, given its results."""

        def count(results: Mapping[str, BacktestResult]) -> TrialCount:
            account = next(iter(results.values())) if len(results) == 1 else pooled(results)
            equity = levels(account.bars.ts, account.equity, account.initial_cash, Sampling.BAR)
            sharpe = np.array([shape_of(returns_of(equity)[1:]).sharpe])
            return self.record(TrialSource.BACKTEST, [strategy], sharpe)

        return count

    def record(
        self,
        source: TrialSource,
        strategies: Sequence[Strategy | Allocation],
        sharpe: Floats,
        *,
        judged: int = 0,
        effective: float = 1.0,
        overfitting: float | None = None,
    ) -> TrialCount:
        """Record sets that were evaluated on all bars.

        Args:
            sharpe: their Sharpe ratios per bar.
            judged, effective, overfitting: as for :class:`~tradewright.catalog.trials.Evaluation`.

        Raises:
            StoreError: the ledger is damaged, or cannot be written.
        """
        rows = trial_rows(self.keys(strategies), sharpe)
        done = self.evaluation(source, strategies[0], rows, judged=judged, effective=effective, overfitting=overfitting)
        return self.ledger.record([done], self.now())

    def evaluation(
        self,
        source: TrialSource,
        strategy: Strategy | Allocation,
        rows: npt.NDArray[np.void],
        *,
        judged: int = 0,
        effective: float = 1.0,
        overfitting: float | None = None,
        searched: bool = False,
    ) -> Evaluation:
        """Sets that were evaluated on all bars, as the ledger records them.

        Args:
            strategy: any one of them.
            rows: of :func:`trial_rows`.
            judged, effective, overfitting, searched: as for :class:`~tradewright.catalog.trials.Evaluation`.
        """
        bars, rates = [item.bars for item in self.tables.values()], self._rates()
        hashes = sorted(item.data_hash for item in self.tables.values())
        facts = EvaluationFacts(
            source=source,
            strategy=strategy.name,
            code=code_digest(decision_of(strategy)),
            instruments=tuple(sorted(self.tables)),
            timeframe=self.timeframe,
            data_hash=content_hash([hashes, [each.fingerprint for each in rates]] if rates else hashes),
            settings_hash=self.settings_hash,
            first=min((int(each.ts[0]) for each in bars if len(each.ts)), default=0),
            last=max((int(each.ts[-1]) for each in bars if len(each.ts)), default=0),
            rates=rates,
        )
        used = sketch_of_rates(
            (known.pair, self.tables[symbol].bars.ts, known.close)
            for symbol, spec in self.specs.items()
            for known in spec.conversions
        )
        return Evaluation(facts, sketch_of(bars), rows, judged, effective, overfitting, searched, used)

    def _rates(self) -> tuple[RatesUsed, ...]:
        """The exchange rates, by instrument and use."""
        found = []
        for symbol, spec in sorted(self.specs.items()):
            used: tuple[tuple[Literal["prices", "fees"], Conversion | None], ...]
            used = ("prices", spec.conversion), ("fees", spec.fee_conversion)
            found += [
                RatesUsed(
                    instrument=symbol,
                    use=use,
                    source=known.quote,
                    target=known.account,
                    origin=known.origin,
                    fingerprint=known.digest,
                )
                for use, known in used
                if known is not None
            ]
        return tuple(found)

    def keys(self, strategies: Sequence[Strategy | Allocation]) -> npt.NDArray[np.uint64]:
        """A number for each set: of the code, the terms, the instruments, the features and the parameters."""
        common = [code_digest(decision_of(strategies[0])), self.terms, sorted(self.tables), self.timeframe]
        known: dict[object, int] = {}
        features = np.array(
            [[_number(feature, known) for feature in features_of(each)] for each in strategies], np.uint64
        )
        values = np.array([[float(value) for value in each.parameters()] for each in strategies], np.float64)
        keys = np.full(len(strategies), int(content_hash(common)[:16], 16), np.uint64)
        for column in (*features.T, *np.ascontiguousarray(values.T).view(np.uint64)):
            keys = mixed(keys ^ mixed(column))
        return keys


def trial_rows(keys: npt.NDArray[np.uint64], sharpe: Floats) -> npt.NDArray[np.void]:
    """An array of ``TRIAL``: the numbers of sets, and their Sharpe ratios per bar."""
    rows = np.empty(len(keys), TRIAL)
    rows["key"], rows["sharpe"] = keys, sharpe
    return rows


def keys_on_part(keys: npt.NDArray[np.uint64], part: object) -> npt.NDArray[np.uint64]:
    """The numbers of the same sets where they were evaluated on a part of the bars.

    Args:
        part: what tells it from other parts, as JSON can hold it.
    """
    number = np.full(1, int(content_hash(part)[:16], 16), np.uint64)
    return mixed(keys ^ mixed(number))


def _number(feature: object, known: dict[object, int]) -> int:
    if feature not in known:
        known[feature] = int(content_hash(repr(feature))[:16], 16)
    return known[feature]

"""How a backtest could have come out: other orders of its returns, trades and bars, higher costs, later fills."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from tradewright.backtest.panel.shared_account import SharedAccount
from tradewright.backtest.result import BacktestResult
from tradewright.backtest.spec import BacktestSpec
from tradewright.evaluation.blocks import Blocks
from tradewright.evaluation.equity_curve import Sampling, levels, periods_per_year, returns_of
from tradewright.evaluation.metrics import Metrics, evaluate
from tradewright.evaluation.monte_carlo import MonteCarloSummary, bootstrap_returns, miss_trades, shuffle_trades
from tradewright.evaluation.monte_carlo_fan import Fan, bootstrap_fan
from tradewright.evaluation.stress import stressed
from tradewright.model.allocation import Allocation
from tradewright.model.bars import Floats
from tradewright.model.risk_free import RiskFree
from tradewright.model.strategy import Strategy
from tradewright.research.accounts import account_under
from tradewright.research.bars import InstrumentBars
from tradewright.research.permutation_test import PermutationTest, not_permuted, permutation_test

OVERLAP = (
    "several instruments share the account: a trade is a part of a position that is held beside others, so that trades"
    " in another order, or fewer of them, are no path that the account could have taken"
)
"""Why trades are neither shuffled nor missed."""


@dataclass(frozen=True)
class MonteCarloRules:
    """What is simulated.

    Args:
        paths: of each simulation.
        block: the mean length in bars of stationary blocks, the length of circular ones.
        missed_share: the share of the trades that are left out.
        cost_factors: how many times as high costs and slippage are taken, each above zero.
        delays: by how many bars later than ``bar_delay`` an order reaches the market.
        permutations: of the bars, each a backtest; 0 for none.
        seed: of all that is random.
    """

    paths: int
    block: int
    blocks: Blocks
    missed_share: float
    cost_factors: tuple[float, ...]
    delays: tuple[int, ...]
    permutations: int
    seed: int


@dataclass(frozen=True)
class Stress:
    """The same backtest with costs and slippage ``costs`` times as high, each order ``delay`` bars later."""

    costs: float
    delay: int
    metrics: Metrics


@dataclass(frozen=True)
class MonteCarloStudy:
    """The simulations of one account.

    ``bootstrap`` draws blocks of its bars' returns, ``shuffled`` its closed trades in other orders, ``missed`` leaves a
    share of them out. The Sharpe ratios of the latter two are per trade, not per year. What makes no sense here is
    None, and ``left_out`` gives the reason by its name; ``permuted`` is also None where none was asked for.
    ``returns`` are those of the bars, ``rules`` what was simulated.
    """

    bars: int
    trades: int
    bootstrap: MonteCarloSummary
    shuffled: MonteCarloSummary | None
    missed: MonteCarloSummary | None
    stresses: tuple[Stress, ...]
    permuted: PermutationTest | None
    left_out: Mapping[str, str]
    returns: Floats = field(compare=False)
    rules: MonteCarloRules

    @cached_property
    def fan(self) -> Fan:
        """Between which levels the equity of the bootstrap's paths lies, computed when it is asked for."""
        rules = self.rules
        return bootstrap_fan(self.returns, paths=rules.paths, block=rules.block, blocks=rules.blocks, seed=rules.seed)


def monte_carlo(
    strategy: Strategy | Allocation,
    account: BacktestResult,
    metrics: Metrics,
    tables: Mapping[str, InstrumentBars],
    specs: Mapping[str, BacktestSpec],
    rules: MonteCarloRules,
    risk_free: RiskFree | None = None,
    shared: SharedAccount | None = None,
) -> MonteCarloStudy:
    """Simulate other histories of a backtest, and run it again under stress.

    A stress is no new trial and none is recorded: it asks the same decision another question, and nothing is chosen by
    its answer. Who trades other costs or delays backtests them, and that is a trial.

    Where several instruments share an account, no order of its trades is a path that it could have taken: a closed
    trade is a part of a position that was held beside others, often for years, and what it earned was a fraction of
    another equity than that at its entry. Shuffled and missed trades are left out there.

    Args:
        account: the backtest, of all instruments as one account, with its ``metrics``, whose conventions hold here too.
        specs: its terms by instrument; ``cash`` is the whole account's.
        risk_free: as the metrics were computed with; their own rate when None.
        shared: as for :func:`tradewright.research.accounts.account_under`.

    Raises:
        ReturnsRefused: rules out of range.
        DataError, ConfigError, StrategyError: as :func:`tradewright.backtest.engine.run`.
    """
    asked = [*((factor, 0) for factor in rules.cost_factors), *((1.0, late) for late in rules.delays)]
    returns = returns_of(levels(account.bars.ts, account.equity, account.initial_cash, Sampling.BAR))
    idle = metrics.risk_free if risk_free is None else risk_free
    trades, rest = trade_returns(account), {"paths": rules.paths, "seed": rules.seed}
    overlap = shared is not None and len(tables) > 1
    why = not_permuted(tables, shared) if rules.permutations else ""
    unlike = {"permuted": why} if why else {}

    def harder(costs: float, delay: int) -> Metrics:
        terms = {symbol: stressed(spec, costs, delay) for symbol, spec in specs.items()}
        again = account_under(strategy, tables, terms, shared)
        return evaluate(again, metrics.sampling, metrics.days_per_year, idle)

    return MonteCarloStudy(
        bars=len(account.bars.ts),
        trades=len(trades),
        bootstrap=bootstrap_returns(
            returns,
            paths=rules.paths,
            block=rules.block,
            blocks=rules.blocks,
            periods_per_year=periods_per_year(account.bars.ts, Sampling.BAR, metrics.days_per_year, account.days),
            seed=rules.seed,
        ).summary(),
        shuffled=None if overlap else shuffle_trades(trades, **rest).summary(),
        missed=None if overlap else miss_trades(trades, share=rules.missed_share, **rest).summary(),
        stresses=tuple(Stress(costs, late, harder(costs, late)) for costs, late in asked),
        permuted=permutation_test(
            strategy, account, tables, specs, metrics.days_per_year, rules.permutations, rules.seed, shared
        ),
        left_out={**(dict.fromkeys(("shuffled", "missed"), OVERLAP) if overlap else {}), **unlike},
        returns=returns,
        rules=rules,
    )


def trade_returns(account: BacktestResult) -> Floats:
    """Each closed trade's profit as a fraction of the equity at the close before its entry; 0 where none was left."""
    before = np.concatenate(([account.initial_cash], account.equity))[account.trades["entry_bar"]]
    found: Floats = np.divide(account.trades["profit"], before, out=np.zeros(len(before)), where=before > 0.0)
    return found

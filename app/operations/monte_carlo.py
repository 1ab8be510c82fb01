"""Monte Carlo simulations and stress tests of a backtest, as the command line asks for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from app.operations.research import LOOK_AHEAD, base_timeframes, known_at_text, quoted_instruments, run
from conf.schema.settings import Settings
from runtime.container import Container
from runtime.exchange_rates import account_currency
from runtime.monte_carlo import monte_carlo_of
from tradewright.evaluation.monte_carlo import MonteCarloSummary
from tradewright.evaluation.monte_carlo_fan import fan_figure
from tradewright.evaluation.risk_report import Drawings
from tradewright.research.permutation_test import PermutationTest


@dataclass(frozen=True)
class StressLine:
    """The backtest with costs and slippage ``costs`` times as high, each order ``delay`` bars later."""

    costs: float
    delay: int
    net_profit: float
    total_return: float
    sharpe: float
    max_drawdown: float
    profit_factor: float
    trades: int
    fees: float


@dataclass(frozen=True)
class MonteCarloReply:
    """Other histories of one backtest; drawdowns are negative, ratios fractions (D16), money in ``currency``.

    Args:
        bootstrap: of blocks of the bars' returns; its Sharpe ratio is a year's.
        shuffled, missed: of the closed trades in other orders, and without a share of them; Sharpe ratios per trade.
        sharpe_p5, max_drawdown_p95, profit_factor_p5: of the bootstrap, what 5 % of the paths fall short of (R-MET-10).
        stresses: the backtest again; no further trial.
        permuted: the Sharpe ratio among those on permuted bars, with its p-value; None also where none was asked for.
        left_out: the reason by the name of each simulation (``shuffled``, ``missed``, ``permuted``) that makes no sense
            here and is None.
        void, made_of, known_at, quotes, verdict: as for a backtest.
    """

    strategy: str
    currency: str
    seed: int
    blocks: str
    block_bars: int
    missed_share: float
    bars: int
    trades: int
    sharpe_p5: float
    max_drawdown_p95: float
    profit_factor_p5: float
    bootstrap: MonteCarloSummary
    shuffled: MonteCarloSummary | None
    missed: MonteCarloSummary | None
    stresses: Sequence[StressLine]
    permuted: PermutationTest | None
    config_hash: str
    verdict: Mapping[str, object]
    void: str = ""
    made_of: Mapping[str, str] = field(default_factory=dict)
    known_at: str = ""
    quotes: Sequence[str] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)


def monte_carlo(settings: Settings, report: Path | None = None) -> MonteCarloReply:
    """Backtest the strategy in force, which is a trial, and simulate other histories of it.

    Args:
        report: where its risk report is written, with the fan of the bootstrap's paths.

    Raises:
        ConfigError, DataError, StoreError, StrategyError: naming what is wrong and what to do.
    """
    done = run(settings)
    found, chosen = monte_carlo_of(Container(settings), done), settings.montecarlo
    if report is not None:
        fan: Drawings = {"Equity of the paths of the bootstrap": partial(fan_figure, found.fan)}
        replace(done.report, drawings={**fan, **done.report.drawings}).write(report)
    return MonteCarloReply(
        strategy=settings.strategy.name,
        currency=account_currency(settings),
        seed=settings.base.seed,
        blocks=chosen.blocks.value,
        block_bars=chosen.block_bars,
        missed_share=chosen.missed_share,
        bars=found.bars,
        trades=found.trades,
        sharpe_p5=found.bootstrap.sharpe.p5,
        max_drawdown_p95=found.bootstrap.max_drawdown.p5,
        profit_factor_p5=found.bootstrap.profit_factor.p5,
        bootstrap=found.bootstrap,
        shuffled=found.shuffled,
        missed=found.missed,
        stresses=[
            StressLine(
                costs=each.costs,
                delay=each.delay,
                net_profit=each.metrics.net_profit,
                total_return=each.metrics.total_return,
                sharpe=each.metrics.sharpe,
                max_drawdown=each.metrics.max_drawdown,
                profit_factor=each.metrics.profit_factor,
                trades=each.metrics.trades,
                fees=each.metrics.fees,
            )
            for each in found.stresses
        ],
        permuted=found.permuted,
        config_hash=settings.config_hash,
        verdict=done.report.verdict.plain(),
        void=next((row.message for _, row in done.report.findings() if row.code == LOOK_AHEAD), ""),
        made_of=base_timeframes(settings),
        known_at=known_at_text(settings),
        quotes=quoted_instruments(settings),
        left_out=found.left_out,
    )


def left_out_lines(reasons: Mapping[str, str]) -> list[tuple[str, str]]:
    """What was not simulated and why, each reason once."""
    told: dict[str, list[str]] = {}
    for name, why in reasons.items():
        told.setdefault(why, []).append(SIMULATIONS[name])
    return [(" or ".join(names), why) for why, names in told.items()]


SIMULATIONS = {"shuffled": "trades in other orders", "missed": "trades missed", "permuted": "bars in other orders"}
"""The words of what may be left out."""

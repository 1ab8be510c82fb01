"""Settings to the arguments of ``tradewright.research.monte_carlo``. Loads the kernels."""

from __future__ import annotations

from runtime.container import Container
from runtime.research import risk_free_rate, selection, terms, timeframe
from runtime.secondary_series import with_series_of_strategy
from runtime.shared_account import shared_account
from tradewright.evaluation.study import StudyResult
from tradewright.research.bars import InstrumentBars
from tradewright.research.monte_carlo import MonteCarloRules, MonteCarloStudy, monte_carlo


def monte_carlo_of(house: Container, done: StudyResult) -> MonteCarloStudy:
    """Simulate other histories of a study of the strategy in force, on the very bars that it read.

    Raises:
        ConfigError, DataError, StoreError, StrategyError: naming what is wrong and what to do.
    """
    house = house.for_research
    chosen, price = house.settings.montecarlo, terms(house, timeframe(house.settings))
    read = {
        symbol: InstrumentBars(
            house.instrument(symbol), result.bars, house.bars.kind_of(symbol), actions=result.actions
        )
        for symbol, result in done.results.items()
    }
    read = with_series_of_strategy(house, selection(house), read)
    rules = MonteCarloRules(
        paths=chosen.paths,
        block=chosen.block_bars,
        blocks=chosen.blocks,
        missed_share=chosen.missed_share,
        cost_factors=chosen.cost_factors,
        delays=chosen.delays,
        permutations=chosen.permutations,
        seed=house.settings.base.seed,
    )
    specs = {symbol: price(item) for symbol, item in read.items()}
    idle, shared = risk_free_rate(house.settings), shared_account(house)
    return monte_carlo(house.strategy, done.account, done.metrics, read, specs, rules, idle, shared)

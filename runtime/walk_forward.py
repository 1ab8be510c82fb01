"""Settings to the arguments of ``tradewright.research.walk_forward``. Loads the kernels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from runtime.container import Container
from runtime.research import selection, timeframe
from runtime.shared_account import divided
from runtime.sweep import sweep_inputs
from tradewright.evaluation.folds import FoldRules
from tradewright.research.bars import read_base
from tradewright.research.walk_forward import Grounds, WalkForward, walk_forward
from tradewright.store.uses import UseKind


def walk_forward_sets(
    house: Container,
    sets: Sequence[Mapping[str, float]],
    rank: str = "sharpe",
    progress: Callable[[int, int], None] | None = None,
) -> WalkForward:
    """Walk the parameter sets of the strategy in force forward over the bars of its instruments.

    Args:
        sets: parameters that differ from the settings, one mapping per set.
        rank: the figure of ``TOTALS`` by which each fold's set is chosen.

    Raises:
        ConfigError: as :func:`tradewright.research.walk_forward.walk_forward`.
        ConfigProblems: as :func:`runtime.sweep.sweep_inputs`.
    """
    found = sweep_inputs(house, sets, rank, UseKind.WALK_FORWARD)
    house, settings = found.house, found.house.settings
    chosen, picked = settings.walkforward, selection(found.house)
    rules = FoldRules(chosen.folds, chosen.train_share, chosen.anchored, chosen.embargo_bars)
    facts = {
        "strategy": settings.strategy.name,
        "parameters": f"chosen anew in each of {chosen.folds} folds, by {rank}",
        "train": f"{'all bars from the first one' if chosen.anchored else 'equally many bars'} before each test",
        "embargo": f"{chosen.embargo_bars} bars",
        **({} if found.shared is None else {"cash": divided(found.shared)}),
        "mode": settings.mode.name,
        "prices": settings.backtest.prices,
        "timeframe": timeframe(settings),
        "config hash": settings.config_hash,
    }
    made_of = {each.symbol: read_base(house.bars, picked, each) for each in picked.instruments}
    bases = {symbol: base for symbol, base in made_of.items() if base is not None}
    grounds = Grounds(timeframe(settings), bases, settings.quality, facts)
    return walk_forward(found.make, sets, found.read, found.terms, found.rules, rules, grounds, progress, found.shared)

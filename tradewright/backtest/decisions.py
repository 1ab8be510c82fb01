"""A strategy's decisions as plain Python, bar by bar: the live path, and the witness of the compiled one."""

from __future__ import annotations

import numpy as np

from tradewright.indicators.registry import columns
from tradewright.model.bars import Bars, Floats
from tradewright.model.strategy import Action, Strategy


def decide(strategy: Strategy, bars: Bars, position: float) -> Action:
    """What the strategy wishes at the close of the last bar, knowing no later one; ``position`` in signed units.

    Raises:
        IndexError: without a bar.
    """
    if len(bars.ts) == 0:
        raise IndexError("there is no bar to decide on")
    features = columns(strategy.prepare_state(), bars)
    return strategy.generate_signal(len(bars.ts) - 1, features, strategy.parameters(), position)


def replay(strategy: Strategy, bars: Bars, positions: Floats) -> Floats:
    """The action of every bar, given the position held at its close. Shape (bars, 4): an :data:`Action` per row."""
    features = columns(strategy.prepare_state(), bars)
    parameters = strategy.parameters()
    actions = np.empty((len(bars.ts), 4))
    for i, position in enumerate(positions):
        actions[i] = strategy.generate_signal(i, features, parameters, float(position))
    return actions

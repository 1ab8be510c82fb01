"""Weights that were decided before, as an allocation that the panel kernel can run."""

from __future__ import annotations

from tradewright.model.allocation import Rebalance, Tables
from tradewright.model.bars import Floats
from tradewright.model.strategy import Feature


def given_weights(i: int, features: Tables, _params: tuple[float, ...], _weights: Floats, out: Floats) -> bool:
    """The weights that stand in the only table, in the bars that have any."""
    given = features[0]
    for n in range(len(out)):
        out[n] = given[i, n]
    return bool(given[i, 0] == given[i, 0])


class GivenWeights:
    """Asks in each bar; its only table has the weights, shape (rows, instruments), NaN where nothing is traded."""

    name, rebalance, allocate = "given_weights", Rebalance.BAR, staticmethod(given_weights)

    def prepare_state(self) -> tuple[Feature, ...]:
        """Nothing: the table is handed to the run."""
        return ()

    def parameters(self) -> tuple[float, ...]:
        """None."""
        return ()

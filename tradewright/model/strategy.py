"""The strategy port: one definition for the kernel, the live path and the look-ahead test."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from tradewright.model.bars import Floats
from tradewright.model.order import Fill

NAN = float("nan")
HOLD = (NAN, NAN, NAN, NAN)
"""No signal: the position is kept."""


class Feature(NamedTuple):
    """One column that a strategy needs: an indicator and its arguments, hashable, so that sweeps share it.

    ``Feature("sma", (10,))`` is the simple mean of 10 closes; ``Feature("close")`` is the close itself.
    """

    indicator: str
    arguments: tuple[float, ...] = ()

    @property
    def label(self) -> str:
        """Name and arguments, as ``ema(12)``; the name alone without arguments."""
        arguments = ", ".join(f"{argument:g}" for argument in self.arguments)
        return f"{self.indicator}({arguments})" if arguments else self.indicator


Action = tuple[float, float, float, float]
"""(target, limit, stop, take_profit). ``target`` in [-1, 1] is the exposure asked for as a share of the size that is
allowed, 0 is flat and NaN is "no signal"; the other three are prices, NaN for none: a limit makes the entry a limit
order, stop and take-profit protect the position until it is closed."""

GenerateSignal = Callable[[int, tuple[Floats, ...], tuple[float, ...], float], Action]
"""(bar index, feature columns, parameters, signed position in units) -> action. Reads columns at indices <= i only,
uses only what numba compiles and nothing but its arguments."""


class Strategy(Protocol):
    """A strategy: parameters, the features it needs, one scalar decision.

    ``generate_signal`` is a plain module-level function (no ``self``), so that the kernel can compile it; the live path
    and the reference call the very same function as Python.
    """

    @property
    def name(self) -> str:
        """The kind: what a configuration calls it."""
        ...

    @property
    def generate_signal(self) -> GenerateSignal:
        """The decision."""
        ...

    def prepare_state(self) -> tuple[Feature, ...]:
        """The columns that ``generate_signal`` reads, in its order."""
        ...

    def parameters(self) -> tuple[float, ...]:
        """The numbers that ``generate_signal`` gets, in its order."""
        ...

    def post_trade_update(self, fill: Fill) -> None:
        """Told of every fill of an order it caused; most strategies ignore it."""
        ...

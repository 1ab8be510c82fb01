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
    ``Feature("sma", (50,), timeframe="1d")`` is the mean of 50 daily closes, ``Feature("close", of="SPY")`` the close
    of another instrument; see :class:`~tradewright.model.secondary.SecondarySeries` for their value in a bar.

    Args:
        of: the instrument whose bars are read; empty for the one that the strategy decides on.
        timeframe: of the bars that are read, never shorter than the strategy's; empty for the strategy's own.
    """

    indicator: str
    arguments: tuple[float, ...] = ()
    of: str = ""
    timeframe: str = ""

    def __repr__(self) -> str:
        """Without ``of`` and ``timeframe`` where they are empty: trials and feature tables are told apart by it."""
        source = f", of={self.of!r}, timeframe={str(self.timeframe)!r}" if self.source else ""
        return f"Feature(indicator={self.indicator!r}, arguments={self.arguments!r}{source})"

    @property
    def label(self) -> str:
        """Name, arguments and bars, as ``ema(12)``, ``close of SPY``, ``sma(50) of SPY on 1d``."""
        arguments = ", ".join(f"{argument:g}" for argument in self.arguments)
        name = f"{self.indicator}({arguments})" if arguments else self.indicator
        return "".join((name, f" of {self.of}" if self.of else "", f" on {self.timeframe}" if self.timeframe else ""))

    @property
    def source(self) -> tuple[str, ...]:
        """Instrument and timeframe where one of them is named; nothing for a column of the strategy's own bars."""
        return (self.of, str(self.timeframe)) if self.of or self.timeframe else ()

    @property
    def terms(self) -> list[str | float]:
        """All that tells it from other features, as plain values for a hash."""
        return [self.indicator, *self.arguments, *self.source]


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

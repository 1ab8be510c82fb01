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
        own, _, _made_of = self.indicator.partition("#")  # of a feature that remembers, its code and inputs follow
        name = f"{own}({arguments})" if arguments else own
        return "".join((name, f" of {self.of}" if self.of else "", f" on {self.timeframe}" if self.timeframe else ""))

    @property
    def source(self) -> tuple[str, ...]:
        """Instrument and timeframe where one of them is named; nothing for a column of the strategy's own bars."""
        return (self.of, str(self.timeframe)) if self.of or self.timeframe else ()

    @property
    def terms(self) -> list[str | float]:
        """All that tells it from other features, as plain values for a hash."""
        return [self.indicator, *self.arguments, *self.source]


MOST_FEATURES = 200
"""Columns of one decision: the compiler takes forty seconds for so many, and minutes for more."""

Action = tuple[float, float, float, float]
"""(target, limit, stop, take_profit). ``target`` in [-1, 1] is the exposure asked for as a share of the size that is
allowed, 0 is flat and NaN is "no signal"; the other three are prices, NaN for none: a limit makes the entry a limit
order, stop and take-profit protect the position until it is closed."""


class OrderRequest(NamedTuple):
    """What a decision may answer with instead of the four numbers: a target with orders of any kind.

    Made by :func:`order`, which the compiler knows; a decision answers with requests on every way through it, or with
    four numbers on every way.

    Args:
        target, limit, stop, take_profit: as of :data:`Action`.
        stop_entry: the entry waits until the price reaches this, above the market for a purchase; with a limit it is a
            stop-limit order.
        trail: a stop follows the best price at this distance, in price units; NaN for none.
        trail_percent: the same, in percent of the best price, above 0 and below 100. One of the two at most.
        time_stop: bars after which the position is closed, from 1; NaN for none.
        good_for: bars during which an entry works, from 1; :data:`DAY`, :data:`GTC`, or NaN for the terms' own number.
        fill_at: :data:`AT_OPEN` or :data:`AT_CLOSE` of the bar that it reaches; NaN for the terms' own moment.
    """

    target: float = NAN
    limit: float = NAN
    stop: float = NAN
    take_profit: float = NAN
    stop_entry: float = NAN
    trail: float = NAN
    trail_percent: float = NAN
    time_stop: float = NAN
    good_for: float = NAN
    fill_at: float = NAN


NO_ORDER = OrderRequest()
"""No signal, of a decision that answers with requests: the position and its exits are kept."""

DAY = 0.0
"""``good_for``: until the end of the session of the first bar in which the entry works."""

GTC = float("inf")
"""``good_for``: until the next target."""

AT_OPEN, AT_CLOSE = 0.0, 1.0
"""``fill_at``: the opening and the closing price."""


def order(
    target: float,
    limit: float = NAN,
    stop: float = NAN,
    take_profit: float = NAN,
    stop_entry: float = NAN,
    trail: float = NAN,
    trail_percent: float = NAN,
    time_stop: float = NAN,
    good_for: float = NAN,
    fill_at: float = NAN,
) -> OrderRequest:
    """The request with these terms, all of them numbers; see :class:`OrderRequest`."""
    return OrderRequest(
        float(target),
        float(limit),
        float(stop),
        float(take_profit),
        float(stop_entry),
        float(trail),
        float(trail_percent),
        float(time_stop),
        float(good_for),
        float(fill_at),
    )


def is_order(request: OrderRequest) -> bool:
    """Whether a request lies within its limits: the target in [-1, 1], prices finite or NaN, the rest as documented.

    Plain scalar code, which the look-ahead test compiles.
    """
    target, trail, percent = request.target, request.trail, request.trail_percent
    held, good_for, at = request.time_stop, request.good_for, request.fill_at
    prices = abs(request.limit), abs(request.stop), abs(request.take_profit), abs(request.stop_entry)
    return bool(
        not (target > 1.0 or target < -1.0)
        and not (prices[0] == GTC or prices[1] == GTC or prices[2] == GTC or prices[3] == GTC)
        and (trail != trail or 0.0 < trail < GTC)
        and (percent != percent or 0.0 < percent < 100.0)
        and (trail != trail or percent != percent)
        and (held != held or (1.0 <= held < GTC and held % 1.0 == 0.0))
        and (good_for != good_for or good_for == DAY or good_for >= 1.0)
        and (at != at or at in (AT_OPEN, AT_CLOSE))
    )


GenerateSignal = Callable[[int, tuple[Floats, ...], tuple[float, ...], float], Action | OrderRequest]
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

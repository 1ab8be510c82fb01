"""When an order fills and at what price: plain scalar rules, compiled by the kernel, called as they are by the venue.

Everything here takes and gives plain floats, ints and bools (:func:`trailed` also the venue's decimals), so that numba
can compile it and the execution location can use it without numba. Prices are before slippage. ``side`` is +1 for a
purchase and -1 for a sale. "No fill" is NaN. Bars are assumed sane (low <= open, close <= high, all finite).
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TypeVar

Price = TypeVar("Price", float, Decimal)


def market_fill(open_: float, close: float, at_close: bool) -> float:
    """A market order fills at the open of the bar that it reaches, or at its close (``fill.market: next_close``)."""
    return close if at_close else open_


def limit_fill(side: int, limit: float, open_: float, high: float, low: float, marketable: bool) -> float:
    """The price at which a limit order fills in a bar, NaN where it does not.

    ``marketable`` (the default, ``fill.limit: marketable``): a limit that the open already satisfies fills at the open,
    which is a better price; otherwise it fills at the limit when the bar touches it. Without it (``fill.limit: touch``)
    the strict rule holds: it fills at the limit, and only where ``low <= limit <= high``. A NaN limit never fills.
    """
    if not marketable:
        return limit if low <= limit <= high else math.nan
    if side > 0:
        if open_ <= limit:
            return open_
        return limit if low <= limit else math.nan
    if open_ >= limit:
        return open_
    return limit if high >= limit else math.nan


def stop_fill(side: int, stop: float, open_: float, high: float, low: float) -> float:
    """The price at which a stop order fills in a bar: the stop, or the open where the market gapped beyond it.

    A sale (the stop of a long position) triggers at or below the stop, a purchase at or above it. NaN where the bar
    does not reach the stop; a NaN stop never fills.
    """
    if side > 0:
        if open_ >= stop:
            return open_
        return stop if high >= stop else math.nan
    if open_ <= stop:
        return open_
    return stop if low <= stop else math.nan


def stop_limit_fill(side: int, stop: float, limit: float, open_: float, high: float, low: float) -> float:
    """The price at which a stop-limit order fills in the bar that reaches its stop; NaN where it does not.

    It is :func:`stop_fill` where that is no worse than the limit. Where it is, the bar triggers the order and fills
    nothing, since the path inside of a bar is not known; from the next bar on it is a limit order.
    """
    price = stop_fill(side, stop, open_, high, low)
    return price if side * price <= side * limit else math.nan


def trailed(side: int, stop: Price, best: Price, distance: Price) -> Price:
    """Where a trailing stop stands once the market has traded at ``best``: it never moves back.

    A sale's stop follows from ``distance`` below, a purchase's from above. A NaN stop begins there. Within a bar it
    moves at the open, which is known to be first, and by high or low only after the bar that it has survived.
    """
    moved = best + side * distance
    if stop != stop:
        return moved
    return min(stop, moved) if side > 0 else max(stop, moved)

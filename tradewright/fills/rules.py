"""When an order fills and at what price: plain scalar rules, compiled by the kernel, called as they are by the venue.

Everything here takes and gives plain floats, ints and bools and imports nothing but ``math``, so that numba can compile
it and the execution location can use it without numba. Prices are before slippage. ``side`` is +1 for a purchase and -1
for a sale. "No fill" is NaN. Bars are assumed sane (low <= open, close <= high, all finite).
"""

from __future__ import annotations

import math


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

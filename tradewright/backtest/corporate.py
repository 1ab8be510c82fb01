"""The corporate actions of an instrument's raw bars, as the account books them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tradewright.model.bars import Bars, Floats, PriceView
from tradewright.store.actions import adjust, ends_of

if TYPE_CHECKING:
    import pandas as pd

PLAIN_PARTS, PLAIN_ERROR = 100, 1e-4
"""Tables round their factors: a ratio this close to one of whole numbers up to so many is that one (7:1, 1:10, 3:2)."""


@dataclass(frozen=True, eq=False)
class CorporateActions:
    """The actions within a span of raw bars.

    Args:
        rows: shape (actions, 3), ascending, one row per bar: the first bar that trades without the old terms, the new
            units per old one, the cash dividend per old unit in the quote currency.
        split: what raw prices are multiplied by to be those of the units after all actions; shape (bars,).
        total: the same with dividends reinvested: raw prices times ``total`` are the total-return view.
    """

    rows: npt.NDArray[np.float64]
    split: Floats
    total: Floats

    @cached_property
    def digest(self) -> str:
        """The hash of everything that changes a result or its yardstick."""
        return hashlib.sha256(self.rows.tobytes() + self.split.tobytes() + self.total.tobytes()).hexdigest()

    def part(self, start: int, stop: int) -> CorporateActions:
        """The actions of the bars ``[start, stop)``; what happens before the first of them opens is none of theirs."""
        rows = self.rows[(self.rows[:, 0] > start) & (self.rows[:, 0] < stop)] - (start, 0.0, 0.0)
        return CorporateActions(rows, self.split[start:stop], self.total[start:stop])

    def head(self, stop: int) -> CorporateActions:
        """The actions of the first ``stop`` bars."""
        return self.part(0, stop)

    def stated(self, name: str) -> str:
        """The actions in words, for a report."""
        splits, paid = (int(np.count_nonzero(self.rows[:, k] != none)) for k, none in ((1, 1.0), (2, 0.0)))
        return f"{name}: {splits} split{'' if splits == 1 else 's'}, {paid} dividend{'' if paid == 1 else 's'}"


def corporate_actions(bars: Bars, factors: pd.DataFrame) -> CorporateActions:
    """The actions that a factor table (``tradewright.store.actions``) tells of raw bars.

    A row of the table holds until its date and the next one from the day after, so the step between them is what the
    holders of that date's close get: ``split factor after / before`` new units for each, and of its reference price
    (the raw close of the date; where the table has none, that of the bar before) the share that the price factor steps
    by. Of actions that fall between two bars the amounts are added up per unit of the first.
    """
    count = len(bars.ts)
    ones = Bars(bars.ts, *[np.ones(count)] * 6)
    split = adjust(ones, factors, PriceView.SPLIT_ADJUSTED).close
    total = adjust(ones, factors, PriceView.TOTAL_RETURN).close
    found: dict[int, tuple[float, float]] = {}
    for bar, ratio, share, reference in _steps(bars, factors):
        if 0 < bar < count:
            price = reference if reference > 0.0 else float(bars.close[bar - 1])
            units, paid = found.get(bar, (1.0, 0.0))
            found[bar] = units * ratio, paid + units * share * price
    rows = [(float(bar), *terms) for bar, terms in sorted(found.items()) if terms != (1.0, 0.0)]
    return CorporateActions(np.array(rows, np.float64).reshape(-1, 3), split, total)


def _steps(bars: Bars, factors: pd.DataFrame) -> list[tuple[int, float, float, float]]:
    """Of each step of a factor table: the first bar after it, new units per old, dividend share, reference price."""
    if factors.empty:
        return []
    firsts = np.searchsorted(bars.ts, ends_of(factors), side="left")
    price, split = (np.append(factors[name].to_numpy(np.float64), 1.0) for name in ("price_factor", "split_factor"))
    references = factors["reference_price"].to_numpy(np.float64)
    return [
        (int(first), _plain(split[k + 1] / split[k]), _share(price[k] / price[k + 1]), float(references[k]))
        for k, first in enumerate(firsts)
    ]


def _plain(ratio: float) -> float:
    """A ratio without the rounding of its factors."""
    if ratio < 1.0:
        return 1.0 / _plain(1.0 / ratio)
    near = float(Fraction(ratio).limit_denominator(PLAIN_PARTS))
    return near if abs(near / ratio - 1.0) < PLAIN_ERROR else ratio


def _share(step: float) -> float:
    """The part of the price that is paid out; 0 where only the rounding of a factor steps."""
    return 1.0 - step if abs(step - 1.0) > 1e-9 else 0.0

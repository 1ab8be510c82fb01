"""Parity: the fills of a rehearsal beside those of the backtest, each difference with its reason."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import numpy as np

UNEXPLAINED = "UNEXPLAINED"
"""The reason of a difference for which nothing was found; a rehearsal with one is not sound."""
TAKEN_OVER = "TAKEN_OVER"
"""The reason of an entry that the backtest made before the rehearsal began, and of that entry's exit where a trailing
stop, which follows the best price since the entry, began anew with it."""
PRICE_DIFFERS = "PRICE_DIFFERS"
"""Both sides filled, farther apart than spread, slippage and tick explain; a rehearsal with one is not sound."""
NOTHING_HELD = "NOTHING_HELD"
"""The reason of an exit that closes an entry which the rehearsal did not make."""


@dataclass(frozen=True)
class ParityFill:
    """One fill of either side.

    Args:
        bar: the start of the bar in which it happened.
        side: +1 for a purchase, -1 for a sale.
        allowance_bps: of a fill of the backtest, how far the rehearsal's price may lie from its own, in hundredths of a
            percent: what spread, slippage and tick explain.
    """

    bar: datetime
    instrument: str
    side: int
    quantity: Decimal
    price: Decimal
    allowance_bps: float = 0.0


@dataclass(frozen=True)
class ParityRow:
    """One fill of the backtest, of the rehearsal, or one of each that belong together; None on the side without it.

    Args:
        difference_bps: by how much worse the rehearsal traded, in hundredths of a percent of the backtest's price:
            above 0 it bought dearer or sold cheaper. None where one side has no fill.
        reasons: codes that say why one side has no fill, or that the prices differ; empty where all is explained.
    """

    backtest: ParityFill | None
    rehearsed: ParityFill | None
    difference_bps: float | None
    reasons: tuple[str, ...]

    @property
    def sides(self) -> tuple[ParityFill | None, ParityFill | None]:
        """The fill of the backtest and that of the rehearsal."""
        return self.backtest, self.rehearsed

    @property
    def fill(self) -> ParityFill:
        """The fill of the side that has one, the backtest's where both have."""
        return next(fill for fill in self.sides if fill is not None)


@dataclass(frozen=True)
class Parity:
    """The comparison of all fills, in the order of time."""

    rows: tuple[ParityRow, ...]

    @property
    def matched(self) -> int:
        """The number of fills that both sides made."""
        return sum(row.difference_bps is not None for row in self.rows)

    @property
    def median_difference_bps(self) -> float | None:
        """The median of the differences in price; None without a matched fill."""
        found = [row.difference_bps for row in self.rows if row.difference_bps is not None]
        return float(np.median(found)) if found else None

    @property
    def unexplained(self) -> int:
        """The number of rows that nothing explains: a fill of one side alone, or prices too far apart."""
        return sum(not {UNEXPLAINED, PRICE_DIFFERS}.isdisjoint(row.reasons) for row in self.rows)

    def reasons(self) -> dict[str, int]:
        """How often each reason kept one side from a fill, the most frequent first."""
        counts: dict[str, int] = defaultdict(int)
        for row in self.rows:
            for reason in row.reasons:
                counts[reason] += 1
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def compare(
    backtest: Sequence[ParityFill],
    rehearsed: Sequence[ParityFill],
    refusals: Mapping[tuple[str, datetime], Iterable[str]],
    began: datetime,
    trailed: Collection[str] = (),
) -> Parity:
    """Pair fills of the same bar, instrument and side; the quantities need not agree, for each side sizes by its own.

    Args:
        refusals: the codes for which gate or sender refused an order in a bar, by instrument and start of the bar.
        began: the start of the first bar of the rehearsal. An entry of the rehearsal in it may be one that the backtest
            made earlier.
        trailed: the instruments in which such an entry has a trailing stop.
    """
    waiting: dict[tuple[datetime, str, int], list[ParityFill]] = defaultdict(list)
    for fill in rehearsed:
        waiting[fill.bar, fill.instrument, fill.side].append(fill)
    rows, held = [], dict.fromkeys({fill.instrument for fill in backtest}, Decimal(0))
    anew = _exits_anew(backtest, rehearsed, began, trailed)
    for fill in sorted(backtest, key=lambda row: (row.bar, row.instrument)):
        partners, closes = waiting[fill.bar, fill.instrument, fill.side], held[fill.instrument] * fill.side < 0
        held[fill.instrument] += fill.side * fill.quantity
        if partners:
            other = partners.pop(0)
            worse = worse_by(fill, other)
            rows.append(ParityRow(fill, other, worse, (PRICE_DIFFERS,) if abs(worse) > fill.allowance_bps else ()))
        elif fill in anew:
            rows.append(ParityRow(fill, None, None, (TAKEN_OVER,)))
        elif closes and not _held_before(rehearsed, fill):
            rows.append(ParityRow(fill, None, None, (NOTHING_HELD,)))
        else:
            codes = tuple(dict.fromkeys(refusals.get((fill.instrument, fill.bar), ())))
            rows.append(ParityRow(fill, None, None, codes or (UNEXPLAINED,)))
    alone = (fill for partners in waiting.values() for fill in partners)
    for fill in alone:
        taken = fill.bar <= began or fill in anew
        rows.append(ParityRow(None, fill, None, (TAKEN_OVER if taken else UNEXPLAINED,)))
    return Parity(tuple(sorted(rows, key=lambda row: (row.fill.bar, row.fill.instrument))))


def _exits_anew(
    backtest: Sequence[ParityFill], rehearsed: Sequence[ParityFill], began: datetime, trailed: Collection[str]
) -> list[ParityFill]:
    """The first exit of either side from each position that was taken over with a trailing stop."""
    found = []
    for entry in rehearsed:
        if entry.instrument in trailed and entry.bar <= began:
            for side in (backtest, rehearsed):
                later = (fill for fill in side if fill.instrument == entry.instrument and fill.bar > began)
                first = min(later, key=lambda fill: fill.bar, default=entry)
                found += [first] if first.side != entry.side else []
    return found


def _held_before(fills: Iterable[ParityFill], at: ParityFill) -> Decimal:
    """Signed units of an instrument before the bar of ``at``."""
    mine = (fill for fill in fills if fill.instrument == at.instrument and fill.bar < at.bar)
    return sum((fill.side * fill.quantity for fill in mine), Decimal(0))


def worse_by(backtest: ParityFill, rehearsed: ParityFill) -> float:
    """By how much the rehearsal traded worse, in hundredths of a percent of the backtest's price."""
    return float((rehearsed.price - backtest.price) / abs(backtest.price) * backtest.side * 10_000)

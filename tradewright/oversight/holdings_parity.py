"""Parity of an allocation: the holdings after each rebalance of a rehearsal, beside those of the backtest.

Both size by the equity of their own account, the backtest at a close and the rehearsal at the open that follows, so
that one may sell a little of what the other buys a little of. So not the fills are compared but what is held after
them: each holding of the rehearsal has to be the backtest's, times one number for all instruments.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from statistics import median

from tradewright.oversight.parity import PRICE_DIFFERS, UNEXPLAINED, Parity, ParityFill, ParityRow, worse_by

SAME_HOLDING = "SAME_HOLDING"
"""The reason of a fill of one side alone after which both hold the same, in relation to their equity."""
TOLERANCE = Decimal("0.02")
"""How far a holding may be from the backtest's besides one lot: the equity moves from a close to the next open, and
dividends change the units of adjusted prices."""

Place = tuple[str, datetime]
Codes = Mapping[Place, Iterable[str]]


def compare_holdings(
    backtest: Sequence[ParityFill],
    rehearsed: Sequence[ParityFill],
    refusals: Codes,
    cuts: Codes,
    lots: Mapping[str, Decimal],
) -> Parity:
    """Pair the fills of the same bar and instrument, and judge them by the holdings that they leave.

    Args:
        refusals, cuts: the codes for which an order was refused, waited, or was approved for less, by instrument and
            start of the bar. They explain a holding that differs until it is the same again.
        lots: the lot of each instrument.
    """
    ours, theirs = _changes(rehearsed), _changes(backtest)
    codes = {place: [*refusals.get(place, ()), *cuts.get(place, ())] for place in {*refusals, *cuts}}
    bars = sorted({bar for _instrument, bar in (*ours, *theirs, *codes)})
    held, wanted = defaultdict[str, Decimal](Decimal), defaultdict[str, Decimal](Decimal)
    standing = defaultdict[str, list[str]](list)
    rows: list[ParityRow] = []
    for bar in bars:
        touched = sorted({name for name, at in (*ours, *theirs) if at == bar})
        for name in touched:
            held[name] += _signed(ours.get((name, bar), ()))
            wanted[name] += _signed(theirs.get((name, bar), ()))
        for (name, at), told in codes.items():
            if at == bar:
                standing[name] += told
        ratios = [held[name] / wanted[name] for name in wanted if held[name] and wanted[name] and not standing[name]]
        scale = median(ratios) if ratios else None
        for name in touched:
            is_same = _is_same(held[name], wanted[name], scale, lots[name])
            reasons = () if is_same else tuple(dict.fromkeys(standing[name])) or (UNEXPLAINED,)
            if is_same:
                standing[name].clear()
            rows += _rows(theirs.get((name, bar), ()), ours.get((name, bar), ()), reasons)
    return Parity(tuple(rows))


def _changes(fills: Iterable[ParityFill]) -> dict[Place, list[ParityFill]]:
    found: dict[Place, list[ParityFill]] = {}
    for fill in fills:
        found.setdefault((fill.instrument, fill.bar), []).append(fill)
    return found


def _signed(fills: Iterable[ParityFill]) -> Decimal:
    return sum((fill.side * fill.quantity for fill in fills), Decimal(0))


def _is_same(held: Decimal, wanted: Decimal, scale: Decimal | None, lot: Decimal) -> bool:
    if not held and not wanted:
        return True
    return scale is not None and abs(held - scale * wanted) <= max(lot, scale * lot) + TOLERANCE * abs(held)


def _rows(theirs: Sequence[ParityFill], ours: Sequence[ParityFill], reasons: tuple[str, ...]) -> list[ParityRow]:
    """Fills of the same side in pairs, then those of one side alone."""
    rows, left = [], list(ours)
    for fill in theirs:
        other = next((each for each in left if each.side == fill.side), None)
        if other is None:
            rows.append(ParityRow(fill, None, None, reasons or (SAME_HOLDING,)))
            continue
        left.remove(other)
        worse = worse_by(fill, other)
        differs = (PRICE_DIFFERS,) if abs(worse) > fill.allowance_bps else ()
        rows.append(ParityRow(fill, other, worse, (*reasons, *differs)))
    return rows + [ParityRow(None, fill, None, reasons or (SAME_HOLDING,)) for fill in left]

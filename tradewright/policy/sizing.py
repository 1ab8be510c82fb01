"""Sizing: the largest quantity within what was asked and every cap, in whole lots, and why it is not more."""

from __future__ import annotations

from decimal import Decimal

from tradewright.model.decision import Reason, Verdict
from tradewright.policy.caps import CAPS, EXPOSURES, ONE, Cap
from tradewright.policy.case import Case
from tradewright.policy.rule import show

ROUNDS_TO_ZERO = "QUANTITY_ROUNDS_TO_ZERO"
ROUNDED_TO_LOT = "ROUNDED_TO_LOT"
NEAR = "NEAR_"


def sized(case: Case) -> tuple[Decimal, tuple[Reason, ...]]:
    """The quantity, 0 or more, and the reasons.

    A cap without any room rejects, and so does a quantity of less than a lot (R-EXEC-27). The cap that binds is named
    in a remark, as is the loss of a part of a lot.
    """
    rooms = [(cap, room) for cap in CAPS if cap.binds_exits is case.exit and (room := cap.room(case)) is not None]
    if full := tuple(_without_room(cap, room) for cap, room in rooms if room <= 0):
        return Decimal(0), full
    asked, lot = case.terms.quantity, _lot(case)
    binding, quantity = min(((cap, room) for cap, room in rooms if room < asked), key=_room, default=(None, asked))
    whole = quantity // lot * lot
    remark = _remark(binding, quantity, asked) if binding or whole < quantity else ()
    if whole == 0:
        text = f"{show(quantity)} units are less than one lot of {show(lot)}"
        return whole, (Reason(code=ROUNDS_TO_ZERO, verdict=Verdict.REJECT, text=text), *remark)
    return whole, remark


def exceeded(case: Case) -> tuple[Reason, ...]:
    """The caps that an already approved order is above, with the drift that prices are granted until it is sent."""
    grace = ONE + case.limits.recheck_drift
    reasons = []
    for cap in CAPS:
        room = cap.room(case) if cap.at_send and cap.binds_exits is case.exit else None
        if room is not None and case.terms.quantity > room * grace:
            text = f"{cap.looks_at}: room for {show(room)} units, the order has {show(case.terms.quantity)}"
            reasons.append(Reason(code=cap.code, verdict=Verdict.REJECT, text=text))
    return tuple(reasons)


def near_limits(case: Case, quantity: Decimal) -> tuple[Reason, ...]:
    """A remark for each exposure that the order brings to ``warn_ratio`` of its limit (R-RISK-42). None for exits."""
    equity, value = case.snapshot.holdings.equity, case.unit_value()
    if case.exit or equity is None or value is None:
        return ()
    remarks = []
    for exposure in EXPOSURES:
        limit, used = equity * exposure.share(case), exposure.used(case)
        if used is not None and (after := used + quantity * value) >= case.limits.warn_ratio * limit:
            text = f"{exposure.looks_at}: {show(after)} of {show(limit)} once filled"
            remarks.append(Reason(code=NEAR + exposure.code, verdict=Verdict.APPROVE, text=text))
    return tuple(remarks)


def size_pct(case: Case, quantity: Decimal) -> float:
    """The quantity's value as a share of equity; 0 where either is not known, which only an exit survives."""
    equity, value = case.snapshot.holdings.equity, case.unit_value()
    if value is None or equity is None or equity <= 0:
        return 0.0
    return float(quantity * value / equity)


def _room(pair: tuple[Cap, Decimal]) -> Decimal:
    return pair[1]


def _lot(case: Case) -> Decimal:
    return case.snapshot.instrument.lot_size if case.snapshot.instrument else ONE


def _without_room(cap: Cap, room: Decimal) -> Reason:
    return Reason(code=cap.code, verdict=Verdict.REJECT, text=f"{cap.looks_at}: no room ({show(room)} units)")


def _remark(binding: Cap | None, quantity: Decimal, asked: Decimal) -> tuple[Reason, ...]:
    if binding is None:
        text = f"{show(asked)} units are not a whole number of lots"
        return (Reason(code=ROUNDED_TO_LOT, verdict=Verdict.APPROVE, text=text),)
    text = f"{binding.looks_at}: room for {show(quantity)} of {show(asked)} units"
    return (Reason(code=binding.code, verdict=Verdict.APPROVE, text=text),)

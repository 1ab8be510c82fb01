"""Rebalancing: the orders that bring a holding to the target weight of an allocation."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

from tradewright.model.intent import Intent
from tradewright.model.order import OrderTerms, Side
from tradewright.model.signal import SignalAction, SignalCandidate
from tradewright.portfolio.identity import Leg, intent_id
from tradewright.portfolio.intents import closing, direction_of, intent_of
from tradewright.portfolio.position_size import quantity_of, size_pct_of
from tradewright.portfolio.state import PortfolioState

Known = Callable[[str], Intent | None]
"""The intent of an id that is on record."""


def rebalancing(
    signal: SignalCandidate, portfolio: PortfolioState, decided_at: datetime, known: Known, *, proposed: bool = False
) -> tuple[Intent, ...]:
    """The intents that bring a holding to ``target`` times ``size_pct`` of equity, in whole lots, the reduction first.

    One rebalance has at most one reduction and one increase of an instrument, and both only where it changes sides:
    what is on record comes back as recorded, and nothing is added to it, since equity and prices have moved by the next
    proposal and would otherwise make a small order of each of them.

    Args:
        signal: with ``rebalances``.
        portfolio: positions, orders on their way included, and equity now.
        decided_at: when the deciding bar closed.
        proposed: whether this rebalance of the instrument was proposed before: nothing that is not on record follows.

    Raises:
        ConfigError: for an instrument that is not defined in the portfolio.
        DataError: for a signal whose action and target point in opposite directions.
    """
    if signal.candidate_action is SignalAction.HOLD:
        return ()
    side, held = direction_of(signal), portfolio.held(signal.instrument)
    reduced, increased = (known(intent_id(signal, leg, portfolio.account)) for leg in (Leg.CLOSE, Leg.OPEN))
    if proposed or increased is not None:
        return tuple(intent for intent in (reduced, increased) if intent is not None)
    if reduced is not None:
        changes_sides = reduced.terms.side.sign == side
        return (reduced, *(_increase(signal, portfolio, decided_at, side) if changes_sides else ()))
    if held and held * side <= 0:
        return (closing(signal, portfolio, decided_at), *_increase(signal, portfolio, decided_at, side))
    return _reduction(signal, portfolio, decided_at, side) or _increase(signal, portfolio, decided_at, side)


def _reduction(
    signal: SignalCandidate, portfolio: PortfolioState, decided_at: datetime, side: int
) -> tuple[Intent, ...]:
    """The sale of what is held beyond the target, or the purchase that covers it; none where that is not known."""
    held, wanted = abs(portfolio.held(signal.instrument)), _wanted(signal, portfolio)
    if wanted is None or held <= wanted:
        return ()
    if not wanted:
        return (closing(signal, portfolio, decided_at),)
    beyond = portfolio.instrument(signal.instrument).round_quantity(held - wanted)
    return (_order(signal, portfolio, decided_at, -side, beyond, Leg.CLOSE),) if beyond else ()


def _increase(
    signal: SignalCandidate, portfolio: PortfolioState, decided_at: datetime, side: int
) -> tuple[Intent, ...]:
    """The order for what lacks. Where nothing is held, one of less than a lot is left for the gate to reject."""
    if not side or signal.size_pct <= 0:
        return ()
    held = max(Decimal(0), portfolio.held(signal.instrument) * side)
    if not held:
        return (_order(signal, portfolio, decided_at, side, _affordable(signal, portfolio), Leg.OPEN),)
    lacking = (_wanted(signal, portfolio) or held) - held
    whole = portfolio.instrument(signal.instrument).round_quantity(max(Decimal(0), lacking))
    return (_order(signal, portfolio, decided_at, side, whole, Leg.OPEN),) if whole else ()


def _wanted(signal: SignalCandidate, portfolio: PortfolioState) -> Decimal | None:
    """Units of the target in whole lots, without sign; None where they cannot be computed: no equity, price or rate."""
    if portfolio.equity <= 0 or not portfolio.unit_value(signal.instrument, signal.price):
        return None
    return portfolio.instrument(signal.instrument).round_quantity(_affordable(signal, portfolio))


def _affordable(signal: SignalCandidate, portfolio: PortfolioState) -> Decimal:
    share = abs(Decimal(repr(signal.target))) * Decimal(repr(signal.size_pct))
    return quantity_of(portfolio, signal.instrument, share, signal.price)


def _order(
    signal: SignalCandidate, portfolio: PortfolioState, decided_at: datetime, side: int, quantity: Decimal, leg: Leg
) -> Intent:
    terms = OrderTerms(instrument=signal.instrument, side=Side.BUY if side > 0 else Side.SELL, quantity=quantity)
    share = size_pct_of(portfolio, signal.instrument, quantity, signal.price)
    changes = {"reduce_only": leg is Leg.CLOSE, "size_pct": share}
    return intent_of(signal, portfolio, decided_at, terms, leg).model_copy(update=changes)

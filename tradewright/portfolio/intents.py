"""From signals to intents: direction from the signal, quantity from equity, price and lot size."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from tradewright.model.errors import DataError
from tradewright.model.intent import Intent
from tradewright.model.order import OrderTerms, Side
from tradewright.model.signal import SignalAction, SignalCandidate
from tradewright.portfolio.identity import Leg, intent_id
from tradewright.portfolio.state import PortfolioState

_SIGN = {SignalAction.BUY: 1, SignalAction.SELL: -1, SignalAction.CLOSE: 0}


def propose(signals: Iterable[tuple[SignalCandidate, datetime]], book: PortfolioState) -> tuple[Intent, ...]:
    """The intents of many signals, each given with the moment when its bar closed.

    Exits come first, because they free cash and exposure for the entries; within both the signals' order is kept.
    """
    intents = [intent for signal, decided_at in signals for intent in intents_of(signal, book, decided_at)]
    return tuple(sorted(intents, key=lambda intent: not intent.reduce_only))


def intents_of(signal: SignalCandidate, book: PortfolioState, decided_at: datetime) -> tuple[Intent, ...]:
    """What has to be traded so that a signal comes true: none, one, or, for a reversal, two (close, then open).

    ``HOLD`` asks for nothing, and so does a wish for what is already held: positions are not topped up. ``CLOSE`` and
    a target of 0 sell or cover the whole holding, reduce-only. Whether a sale may leave a short position is for the
    gate to say.

    Args:
        signal: the wish; ``size_pct`` of equity is what an opening asks for.
        book: positions and equity now.
        decided_at: when the deciding bar closed.

    Raises:
        ConfigError: for an instrument that is not in the book.
        DataError: for a signal whose action and target point in opposite directions.
    """
    if signal.candidate_action is SignalAction.HOLD:
        return ()
    wanted, held = _direction(signal), book.held(signal.instrument)
    legs = []
    if held and held * wanted <= 0:
        legs.append(_closing(signal, book, decided_at))
    if wanted and held * wanted <= 0 and signal.size_pct > 0:
        legs.append(_opening(signal, book, decided_at, wanted))
    return tuple(legs)


def _direction(signal: SignalCandidate) -> int:
    sign = _SIGN[signal.candidate_action]
    if sign * signal.target < 0:
        raise DataError(
            f"{signal.candidate_action} with target {signal.target}",
            where=f"signal {signal.signal_id}",
            remedy="a BUY has a target above 0, a SELL one below",
        )
    return sign if signal.target else 0


def _closing(signal: SignalCandidate, book: PortfolioState, decided_at: datetime) -> Intent:
    held = book.held(signal.instrument)
    whole = abs(book.instrument(signal.instrument).round_quantity(held)) or abs(held)
    terms = OrderTerms(instrument=signal.instrument, side=Side.SELL if held > 0 else Side.BUY, quantity=whole)
    return _intent(signal, book, decided_at, terms, Leg.CLOSE).model_copy(
        update={"reduce_only": True, "size_pct": book.size_pct(signal.instrument, whole, signal.price)}
    )


def _opening(signal: SignalCandidate, book: PortfolioState, decided_at: datetime, wanted: int) -> Intent:
    quantity = book.quantity(signal.instrument, Decimal(repr(signal.size_pct)), signal.price)
    terms = OrderTerms(instrument=signal.instrument, side=Side.BUY if wanted > 0 else Side.SELL, quantity=quantity)
    return _intent(signal, book, decided_at, terms, Leg.OPEN).model_copy(
        update={"stop": signal.stop, "take_profit": signal.take_profit}
    )


def _intent(signal: SignalCandidate, book: PortfolioState, decided_at: datetime, terms: OrderTerms, leg: Leg) -> Intent:
    return Intent(
        intent_id=intent_id(signal, leg),
        strategy=signal.strategy,
        signal_id=signal.signal_id,
        terms=terms,
        confidence=signal.confidence,
        size_pct=signal.size_pct,
        reference_price=signal.price,
        decided_at=decided_at,
        account=book.account,
        provenance={
            "data_hash": signal.data_hash,
            "feature_hash": signal.feature_hash,
            "config_hash": signal.config_hash,
        },
    )

"""Intents: of signals, with the quantity from equity, price and lot size, and of a person's own order."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from tradewright.model.errors import DataError
from tradewright.model.intent import MANUAL, Intent
from tradewright.model.order import OrderTerms, Side
from tradewright.model.signal import SignalAction, SignalCandidate
from tradewright.portfolio.identity import Leg, intent_id, manual_intent_id
from tradewright.portfolio.position_size import quantity_of, size_pct_of
from tradewright.portfolio.state import PortfolioState

_SIGN = {SignalAction.BUY: 1, SignalAction.SELL: -1, SignalAction.CLOSE: 0}


def propose(signals: Iterable[tuple[SignalCandidate, datetime]], portfolio: PortfolioState) -> tuple[Intent, ...]:
    """The intents of many signals, each given with the moment when its bar closed.

    Exits come first, because they free cash and exposure for the entries; within both the signals' order is kept.
    """
    intents = [intent for signal, decided_at in signals for intent in intents_of(signal, portfolio, decided_at)]
    return tuple(sorted(intents, key=lambda intent: not intent.reduce_only))


def intents_of(signal: SignalCandidate, portfolio: PortfolioState, decided_at: datetime) -> tuple[Intent, ...]:
    """The intents that carry out a signal: none, one, or, for a reversal, two (close, then open).

    ``HOLD`` gives none, and so does a target on the side that is already held: positions are not increased. ``CLOSE``
    and a target of 0 sell or cover the whole holding, reduce-only. The gate decides whether a sale may leave a short
    position.

    Args:
        signal: ``size_pct`` of equity is the notional of an opening.
        portfolio: positions and equity now.
        decided_at: when the deciding bar closed.

    Raises:
        ConfigError: for an instrument that is not defined in the portfolio.
        DataError: for a signal whose action and target point in opposite directions.
    """
    if signal.candidate_action is SignalAction.HOLD:
        return ()
    side, held = direction_of(signal), portfolio.held(signal.instrument)
    legs = []
    if held and held * side <= 0:
        legs.append(closing(signal, portfolio, decided_at))
    if side and held * side <= 0 and signal.size_pct > 0:
        legs.append(_opening(signal, portfolio, decided_at, side))
    return tuple(legs)


def direction_of(signal: SignalCandidate) -> int:
    """The sign of the position that a signal asks for; 0 for none.

    Raises:
        DataError: for a signal whose action and target point in opposite directions.
    """
    sign = _SIGN[signal.candidate_action]
    if sign * signal.target < 0:
        raise DataError(
            f"{signal.candidate_action} with target {signal.target}",
            where=f"signal {signal.signal_id}",
            remedy="a BUY has a target above 0, a SELL one below",
        )
    return sign if signal.target else 0


def closing(signal: SignalCandidate, portfolio: PortfolioState, decided_at: datetime) -> Intent:
    """The intent that sells or covers the whole holding."""
    held = portfolio.held(signal.instrument)
    whole = abs(portfolio.instrument(signal.instrument).round_quantity(held)) or abs(held)
    terms = OrderTerms(instrument=signal.instrument, side=Side.SELL if held > 0 else Side.BUY, quantity=whole)
    return intent_of(signal, portfolio, decided_at, terms, Leg.CLOSE).model_copy(
        update={"reduce_only": True, "size_pct": size_pct_of(portfolio, signal.instrument, whole, signal.price)}
    )


def _opening(signal: SignalCandidate, portfolio: PortfolioState, decided_at: datetime, side: int) -> Intent:
    quantity = quantity_of(portfolio, signal.instrument, Decimal(repr(signal.size_pct)), signal.price)
    terms = OrderTerms(instrument=signal.instrument, side=Side.BUY if side > 0 else Side.SELL, quantity=quantity)
    return intent_of(signal, portfolio, decided_at, terms, Leg.OPEN).model_copy(
        update={
            "stop": signal.stop,
            "take_profit": signal.take_profit,
            "trail": signal.trail,
            "trail_percent": signal.trail_percent,
        }
    )


def intent_of(
    signal: SignalCandidate, portfolio: PortfolioState, decided_at: datetime, terms: OrderTerms, leg: Leg
) -> Intent:
    """An order of a signal as an intent that says where it comes from."""
    return Intent(
        intent_id=intent_id(signal, leg, portfolio.account),
        strategy=signal.strategy,
        signal_id=signal.signal_id,
        terms=terms,
        confidence=signal.confidence,
        size_pct=signal.size_pct,
        reference_price=signal.price,
        decided_at=decided_at,
        account=portfolio.account,
        provenance={
            "bar": f"{signal.timeframe or ''} {signal.bar_ts.isoformat()}".strip(),
            **({"features": _features(signal)} if signal.features else {}),
            **({"series": ", ".join(signal.series)} if signal.series else {}),
            "data_hash": signal.data_hash,
            "feature_hash": signal.feature_hash,
            "config_hash": signal.config_hash,
            "strategy_hash": signal.strategy_hash,
        },
    )


def _features(signal: SignalCandidate) -> str:
    """The values that the strategy saw, for a person: ten digits at most; ``none`` where an indicator had no value."""
    told = (f"{name} {'none' if value is None else f'{value:.10g}'}" for name, value in signal.features.items())
    return ", ".join(told)


def manual_intent(
    key: str,
    terms: OrderTerms,
    portfolio: PortfolioState,
    reference_price: Decimal,
    decided_at: datetime,
    *,
    stop: Decimal | None = None,
    take_profit: Decimal | None = None,
    reduce_only: bool = False,
    strategy: str = MANUAL,
) -> Intent:
    """An intent in the quantity that a person names.

    Args:
        key: the idempotency key: the same key is the same intent, so that a repeated call cannot become a second
            order. The ledger compares the payloads (R-EXEC-04).
        terms: of the order.
        portfolio: equity, account and instruments.
        reference_price: the newest known price, at which a market order is valued.
        decided_at: when the person asked.
        strategy: ``MANUAL``, or ``FLATTEN`` for an order that closes a holding.

    Raises:
        DataError: for an empty key.
        ConfigError: for an instrument that is not defined in the portfolio.
    """
    if not key.strip():
        raise DataError("the idempotency key is empty", where="manual intent", remedy="give each order its own key")
    return Intent(
        intent_id=manual_intent_id(key, portfolio.account),
        strategy=strategy,
        signal_id=f"{strategy}:{key}",
        terms=terms,
        confidence=1.0,
        size_pct=size_pct_of(portfolio, terms.instrument, terms.quantity, reference_price),
        reference_price=reference_price,
        stop=stop,
        take_profit=take_profit,
        decided_at=decided_at,
        reduce_only=reduce_only,
        account=portfolio.account,
    )

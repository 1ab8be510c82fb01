"""Manual intents: a person's wish, which passes the same gate as any other."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from tradewright.model.errors import DataError
from tradewright.model.intent import Intent
from tradewright.model.order import OrderTerms
from tradewright.portfolio.identity import manual_intent_id
from tradewright.portfolio.state import PortfolioState

MANUAL = "manual"
"""The strategy name of intents that people make."""


def manual_intent(
    key: str,
    terms: OrderTerms,
    book: PortfolioState,
    reference_price: Decimal,
    decided_at: datetime,
    *,
    stop: Decimal | None = None,
    take_profit: Decimal | None = None,
    reduce_only: bool = False,
) -> Intent:
    """An intent in the quantity that a person names.

    Args:
        key: the idempotency key: the same key is the same intent, so that a repeated call cannot become a second
            order. Whether the payload is also the same is for the ledger to say (R-EXEC-04).
        terms: what to trade.
        book: equity, account and instruments.
        reference_price: what a market order is valued at, the newest known price.
        decided_at: when the person asked.

    Raises:
        DataError: for an empty key.
        ConfigError: for an instrument that is not in the book.
    """
    if not key.strip():
        raise DataError("the idempotency key is empty", where="manual intent", remedy="give each wish its own key")
    return Intent(
        intent_id=manual_intent_id(key),
        strategy=MANUAL,
        signal_id=f"{MANUAL}:{key}",
        terms=terms,
        confidence=1.0,
        size_pct=book.size_pct(terms.instrument, terms.quantity, reference_price),
        reference_price=reference_price,
        stop=stop,
        take_profit=take_profit,
        decided_at=decided_at,
        reduce_only=reduce_only,
        account=book.account,
    )

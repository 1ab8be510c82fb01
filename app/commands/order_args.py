"""The options of trading commands, parsed: order terms, and the executions of a statement."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from tradewright.model.errors import ConfigError
from tradewright.model.order import LimitOrder, MarketOrder, OrderTerms, Side

TYPES = ("MKT", "LMT")
ENDS = ("FILLED", "CANCELLED", "REJECTED", "NOT_SENT")


def parse_order_terms(instrument: str, side: str, quantity: str, order_type: str, limit: str) -> OrderTerms:
    """The order terms that the options describe.

    Raises:
        ConfigError: naming the option, its value and what is admitted.
    """
    if not instrument:
        raise ConfigError("an intent needs an instrument", where="--instrument", remedy="say --instrument AAPL")
    sides = [item.value for item in Side]
    if side.upper() not in sides:
        raise ConfigError(f"{side!r} is no side", where="--side", remedy=f"one of {', '.join(sides)}")
    if order_type.upper() not in TYPES:
        raise ConfigError(f"{order_type!r} is no type", where="--type", remedy=f"one of {', '.join(TYPES)}")
    if (order_type.upper() == "LMT") != bool(limit):
        raise ConfigError(
            "a limit order has a limit, no other has", where="--limit", remedy="say --type LMT --limit 180"
        )
    return OrderTerms(
        instrument=instrument,
        side=Side(side.upper()),
        quantity=_amount("--qty", quantity),
        order=LimitOrder(limit_price=_amount("--limit", limit)) if limit else MarketOrder(),
    )


def parse_state(text: str) -> str:
    """The state in which a statement says that an order ended.

    Raises:
        ConfigError: for any other state.
    """
    if text.upper() not in ENDS:
        raise ConfigError(f"{text!r} ends no order", where="--state", remedy=f"one of {', '.join(ENDS)}")
    return text.upper()


def parse_statement_fill(text: str) -> dict[str, object]:
    """One execution of a statement, written as ``EXECUTION_ID=QUANTITY@PRICE``.

    Raises:
        ConfigError: naming the part that is wrong.
    """
    exec_id, _, rest = text.partition("=")
    quantity, _, price = rest.partition("@")
    if not exec_id or not quantity or not price:
        raise ConfigError(f"{text!r} is no execution", where="--fill", remedy="say --fill 0001.01=10@99.5")
    return {"exec_id": exec_id, "quantity": _amount("--fill", quantity), "price": _amount("--fill", price)}


def _amount(option: str, text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation as error:
        raise ConfigError(f"{text!r} is not a number", where=option, remedy=f"say {option} 10") from error
    if not value.is_finite() or value <= 0:
        raise ConfigError(f"{text} is not a finite number above 0", where=option, remedy=f"say {option} 10")
    return value

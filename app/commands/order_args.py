"""The options of trading commands, parsed: order terms, and the executions of a statement."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import TypeVar

from pydantic import ValidationError

from tradewright.model.base import is_bounded
from tradewright.model.errors import ConfigError
from tradewright.model.order import OrderTerms, OrderType, Side, TimeInForce
from tradewright.model.plain_words import plain_rule

Kind = TypeVar("Kind", bound=StrEnum)

SHORT_TYPES = {
    "MKT": OrderType.MARKET,
    "LMT": OrderType.LIMIT,
    "STP": OrderType.STOP,
    "STP_LMT": OrderType.STOP_LIMIT,
    "TRAIL": OrderType.TRAILING_STOP,
    "MOO": OrderType.MARKET_ON_OPEN,
    "MOC": OrderType.MARKET_ON_CLOSE,
}
"""The kinds of order in brokers' short form; the long names are admitted as well."""
PRICES = {
    OrderType.LIMIT: {"limit"},
    OrderType.STOP: {"stop"},
    OrderType.STOP_LIMIT: {"stop", "limit"},
    OrderType.TRAILING_STOP: {"trail"},
}
"""The price options that each kind of order needs; the others need none."""
LONGEST_NUMBER, LONGEST_PLACES = 100, 40
"""Characters of a number of the command line."""
ENDS = ("FILLED", "CANCELLED", "REJECTED", "NOT_SENT")


def parse_order_terms(
    instrument: str,
    side: str,
    quantity: str,
    order_type: str = "MKT",
    limit: str = "",
    stop: str = "",
    trail: str = "",
    tif: str = "DAY",
    good_till: str = "",
) -> OrderTerms:
    """The order terms that the options describe.

    Args:
        trail: the distance of a trailing stop: ``1.50`` in price units, ``2%`` of the price.
        good_till: the end of a GTD order, in ISO 8601 with its offset.

    Raises:
        ConfigError: naming the option, its value and the admitted values.
    """
    if not instrument:
        raise ConfigError("an intent needs an instrument", where="--instrument", remedy="say --instrument AAPL")
    kind = _kind(order_type)
    given = {name: text for name, text in (("limit", limit), ("stop", stop), ("trail", trail)) if text}
    needed = PRICES.get(kind, set())
    optional = {"stop"} if kind is OrderType.TRAILING_STOP else set()
    if needed - given.keys() or given.keys() - needed - optional:
        wanted = " and ".join(f"--{name}" for name in sorted(needed)) or "no price"
        got = ", ".join(f"--{name}" for name in given) or "no price"
        remedy = f"give {wanted} and no other price: tradewright intent --help"
        raise ConfigError(f"a {kind} order has {wanted}, and {got} was given", where="--type", remedy=remedy)
    try:
        return OrderTerms.model_validate(
            {
                "instrument": instrument,
                "side": _one_of(Side, "--side", side),
                "quantity": _amount("--qty", quantity),
                "order": {"kind": kind, **_prices(given)},
                "tif": _one_of(TimeInForce, "--tif", tif),
                "good_till": _moment(good_till) if good_till else None,
            }
        )
    except ValidationError as error:
        text = plain_rule(error.errors()[0]).replace("good_till", "--good-till")
        raise ConfigError(text, where="--tif, --good-till", remedy="tradewright intent --help") from error


def parse_price(option: str, text: str) -> Decimal | None:
    """The price of an option, None for an empty one.

    Raises:
        ConfigError: for anything that is not a number above 0.
    """
    return _amount(option, text) if text else None


def _kind(text: str) -> OrderType:
    found = SHORT_TYPES.get(text.upper())
    return found or _one_of(OrderType, "--type", text, (*SHORT_TYPES, *OrderType))


def _prices(given: Mapping[str, str]) -> dict[str, Decimal]:
    prices = {}
    for name, text in given.items():
        if name == "trail":
            field = "percent" if text.endswith("%") else "amount"
            prices[field] = _amount("--trail", text.removesuffix("%"))
        else:
            prices[f"{name}_price"] = _amount(f"--{name}", text)
    return prices


def _moment(text: str) -> datetime:
    moment = None
    with suppress(ValueError):
        moment = datetime.fromisoformat(text)
    if moment is None or moment.tzinfo is None:
        remedy = "say 2026-12-01T16:00:00-05:00"
        raise ConfigError(f"{text!r} is no moment with an offset", where="--good-till", remedy=remedy)
    return moment


def _one_of(kinds: type[Kind], option: str, text: str, admitted: Iterable[str] = ()) -> Kind:
    try:
        return kinds(text.upper())
    except ValueError as error:
        names = list(admitted or kinds)
        if not text:
            remedy = f"say {option} {names[0]}; one of {', '.join(names)}"
            raise ConfigError("is missing", where=option, remedy=remedy) from error
        near = difflib.get_close_matches(text.upper(), names, n=1)
        hint = f"did you mean {str(near[0])!r}? " if near else ""
        remedy = f"{hint}one of {', '.join(names)}"
        raise ConfigError(f"{text!r} is not admitted", where=option, remedy=remedy) from error


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
    shown = text[:40]
    if not text:
        raise ConfigError("is missing", where=option, remedy=f"say {option} 10")
    try:
        value = Decimal(text) if len(text) <= LONGEST_NUMBER else Decimal("NaN")
    except InvalidOperation as error:
        raise ConfigError(f"{shown!r} is not a number", where=option, remedy=f"say {option} 10") from error
    if len(text) > LONGEST_NUMBER or (value.is_finite() and not is_bounded(value, LONGEST_PLACES)):
        raise ConfigError(f"{shown!r} has too many digits or places", where=option, remedy=f"say {option} 10")
    if not value.is_finite() or value <= 0:
        raise ConfigError(f"{text} is not a finite number above 0", where=option, remedy=f"say {option} 10")
    return value

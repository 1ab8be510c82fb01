"""Replies as text and as JSON documents: local times, table rows; decimals as numbers, enums by value."""

from __future__ import annotations

import dataclasses
import math
import numbers
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from pydantic import BaseModel, SecretStr

from tradewright.model.errors import TradewrightError

if TYPE_CHECKING:
    from app.operations.performance import EquityCompared
    from app.operations.replies import IntentView
    from tradewright.execution.operator_actions import OrderView
    from tradewright.model.instrument import Instrument
    from tradewright.oversight.parity import ParityRow
    from tradewright.oversight.performance import PerformanceDay


def document(value: object) -> object:
    """The plain form of a reply; numbers that are not finite become null. NumPy's numbers are numbers, unimported."""
    match value:
        case Enum():
            return document(value.value)
        case None | str() | Decimal() | numbers.Integral() | numbers.Real():
            return _scalar(value)
        case datetime() | date():
            return value.isoformat()
        case SecretStr() | Path():
            return str(value)
        case BaseModel():
            return {name: document(getattr(value, name)) for name in type(value).model_fields}
        case Mapping():
            return {str(document(key)): document(item) for key, item in value.items()}
        case AbstractSet():
            return sorted((document(item) for item in value), key=repr)
        case Sequence():
            return [document(item) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: document(getattr(value, field.name)) for field in dataclasses.fields(value)}
    raise TypeError(f"{type(value).__name__} has no JSON form: {value!r}")


def _scalar(value: object) -> object:
    match value:
        case bool() | int():
            return value
        case numbers.Integral():
            return int(value)
        case numbers.Real():
            return float(value) if math.isfinite(value) else None
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
    return value


def refusal_text(error: TradewrightError | OSError) -> str:
    """A refusal, or what the operating system says, with its place and what helps."""
    if isinstance(error, TradewrightError):
        return str(error)
    place = f"{error.filename}: " if error.filename else ""
    return f"{place}{error.strerror or error} (check the path, its owner, the disk)"


def price_text(value: Decimal | None, instrument: Instrument | None) -> str:
    """A price with the places of the instrument's tick; in ten significant digits where its tick is not known.

    Never with an exponent, and empty for an unknown price. A mean of fills is rounded like any other price.
    """
    if value is None:
        return ""
    if instrument is None:
        return f"{Decimal(f'{value:.10g}'):f}"
    places = max(-int(instrument.tick_size.normalize().as_tuple().exponent), 0)
    return f"{value:,.{places}f}"


def local(at: datetime, tz: str) -> str:
    """A moment as the clocks of ``base.tz`` show it; elsewhere than in UTC with the offset, for an hour comes twice."""
    if tz == "UTC":
        return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
    return at.astimezone(ZoneInfo(tz)).isoformat(" ", "seconds")


def parity_row(row: ParityRow) -> tuple[object, ...]:
    """One fill of a rehearsal beside the backtest's: bar, instrument, side, quantities and prices, the reasons."""
    side = "BUY" if row.fill.side > 0 else "SELL"
    shown = [(None, None) if each is None else (float(each.quantity), float(each.price)) for each in row.sides]
    worse = None if row.difference_bps is None else round(row.difference_bps, 2)
    return (
        f"{row.fill.bar:%Y-%m-%d %H:%M}",
        row.fill.instrument,
        side,
        *shown[0],
        *shown[1],
        worse,
        ", ".join(row.reasons),
    )


ORDER_HEADER = (
    "ref",
    "instrument",
    "side",
    "quantity",
    "attempt",
    "order",
    "filled",
    "price",
    "fees",
    "since",
    "terms",
)


def fees_text(fees: Mapping[str, Decimal]) -> str:
    """Fees by currency in words, each in its own: ``1.25 USD, 200 JPY``; empty where none was told."""
    return ", ".join(f"{amount.normalize():,f} {currency}".rstrip() for currency, amount in sorted(fees.items()))


def order_row(view: OrderView) -> tuple[object, ...]:
    """An order as a row of a table, in the columns of ``ORDER_HEADER``."""
    attempt = view.attempt
    named = (attempt.ref, attempt.instrument, attempt.side, attempt.quantity, view.state, view.order_state or "none")
    price = price_text(view.average_price, None)
    since = f"{view.since:%Y-%m-%d %H:%M:%S}"
    return (*named, view.filled, price, fees_text(view.fees) or "none", since, view.terms)


def intent_row(view: IntentView) -> tuple[object, ...]:
    """An intent as a table's row: strategy, instrument, side, asked, verdict, approved, reasons, decision."""
    terms, decided = view.intent.terms, view.decision
    who = (view.intent.strategy, terms.instrument, terms.side, terms.quantity)
    if decided is None:
        return (*who, "none yet", "", "", "")
    verdict = f"{decided.verdict} (waits for you)" if view.waits else decided.verdict
    return (*who, verdict, decided.approved_quantity, ", ".join(r.code for r in decided.reasons), decided.decision_id)


PERFORMANCE_HEADER = ("strategy", "day", "held", "fills", "fees", "net", "total", "remarks")


def performance_row(row: PerformanceDay) -> tuple[object, ...]:
    """A day of a strategy in trading, in the columns of ``PERFORMANCE_HEADER``; amounts in whole hundredths."""
    held = ", ".join(f"{units.normalize():f} {name}" for name, units in row.held.items()) or "nothing"
    amounts = (amount_text(row.fees), amount_text(row.net), amount_text(row.total))
    return (row.strategy or "other hands", row.day.isoformat(), held, row.fills, *amounts, "; ".join(row.remarks))


def amount_text(amount: Decimal | None) -> str:
    """An amount of money in whole hundredths, rounded half to even; ``unknown`` for None."""
    return "unknown" if amount is None else f"{amount:.2f}"


def equity_text(found: EquityCompared, currency: str) -> str:
    """What was earned in trading beside the change of the account's equity, as a line."""
    span = f"from {found.since:%Y-%m-%d %H:%M} to {found.until:%Y-%m-%d %H:%M} UTC"
    told = f"the venue's equity changed by {amount_text(found.change)} {currency} {span}"
    return f"{told}; all trades earned {amount_text(found.earned)}; difference {amount_text(found.difference)}"

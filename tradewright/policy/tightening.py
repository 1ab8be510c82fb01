"""The second layer of limits: what people tightened on top of the configuration. Nothing here can loosen a limit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from operator import gt, lt
from typing import Any

from pydantic import ValidationError

from tradewright.model.errors import TradewrightError
from tradewright.model.hashing import canonical_value
from tradewright.model.plain_words import plain_rule
from tradewright.model.tightening import Tightening
from tradewright.policy.limits import Limits

_LOWER = (
    "allow_short",
    "correlation_cap",
    "max_check_age_seconds",
    "max_correlation",
    "max_daily_drawdown",
    "max_daily_loss",
    "max_daily_notional",
    "max_data_age_seconds",
    "max_gross",
    "max_open_orders_per_side",
    "max_order_money",
    "max_order_value",
    "max_position",
    "max_rate_age_seconds",
    "max_size_pct",
    "max_spread_bps",
    "max_strategy",
    "risk_per_trade",
)
_HIGHER = ("duplicate_window_seconds", "manual_approval", "min_confidence", "min_liquidity", "restricted")
TIGHTER: Mapping[str, Callable[[Any, Any], bool]] = dict.fromkeys(_LOWER, lt) | dict.fromkeys(_HIGHER, gt)
"""The limits that may be tightened, and when one value is tighter than another; of a set, the larger is ``>``.

Only such as let less through the tighter they are. A narrower collar is none: a market order is worth less under it.
"""


class NotTighter(TradewrightError):
    """A change of a limit that is no tightening."""


def tightened_value(limits: Limits, name: str, text: str) -> Any:
    """The value of a limit that someone asks for, as canonical JSON has it.

    Args:
        limits: those in force.
        text: a number; ``true`` or ``false``; of ``restricted``, the instruments that are added, by commas.

    Raises:
        NotTighter: for a limit that cannot be tightened, a value that is none, and one that is not tighter than that
            in force.
    """
    if name not in TIGHTER:
        among = ", ".join(sorted(TIGHTER))
        raise NotTighter(f"{name!r} is no limit that can be tightened", where="limit", remedy=f"choose among {among}")
    present = getattr(limits, name)
    wanted: object = text
    if isinstance(present, frozenset):
        wanted = present | {part.strip() for part in text.split(",")}
    value = getattr(_changed(limits, name, wanted), name)
    if not _is_tighter(name, value, present):
        raise NotTighter(
            f"{_said(value)} is not tighter than {_said(present)}, which is in force",
            where=f"limit {name}",
            remedy="to loosen a limit, change it in conf/policy, conf/risk or conf/stage",
        )
    return canonical_value(value)


def tightened(configured: Limits, changes: Iterable[Tightening]) -> Limits:
    """The limits in force: the configured ones, with each change that was made on what is still configured.

    A change that would loosen is none, whoever wrote it into the ledger.
    """
    limits, applied = configured, list[Tightening]()
    for change in changes:
        if change.name not in TIGHTER or plain_value(configured, change.name) != _plain(change.base):
            continue
        changed = _changed(limits, change.name, change.value)
        if _is_tighter(change.name, getattr(changed, change.name), getattr(limits, change.name)):
            limits = changed
            applied.append(change)
    return limits.model_copy(update={"tightened": tuple(applied)}) if applied else configured


def plain_value(limits: Limits, name: str) -> Any:
    """The value of a limit, as canonical JSON has it."""
    return canonical_value(getattr(limits, name))


def _is_tighter(name: str, value: Any, present: Any) -> bool:
    return present is None or (value is not None and TIGHTER[name](value, present))


def _changed(limits: Limits, name: str, value: object) -> Limits:
    values = limits.model_dump() | {name: value}
    try:
        if name == "max_daily_drawdown":  # its warning comes first
            values["warn_daily_drawdown"] = min(limits.warn_daily_drawdown, Decimal(str(value)))
    except ArithmeticError:
        pass  # no number, as the model tells
    try:
        return Limits.model_validate(values)
    except ValidationError as error:
        told = f"{_said(value)} {plain_rule(error.errors()[0])}"
        raise NotTighter(told, where=f"limit {name}", remedy="its range stands in docs/rules.md") from error


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _said(value: object) -> str:
    return ", ".join(sorted(map(str, value))) or "none" if isinstance(value, frozenset) else str(value)

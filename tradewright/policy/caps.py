"""Caps: how many units of an order each limit has room for (R-RISK-17, R-RISK-20..24, Q-21, controls 3, 5, 6)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

from tradewright.model.order import Side
from tradewright.policy.case import Case, reducible_quantity

ONE = Decimal(1)


class Cap(NamedTuple):
    """A limit on the quantity.

    Args:
        room: units that fit, below zero when the limit is already passed; None when the cap does not speak to this
            order, or an input is not known (which rejects by itself).
        binds_exits: whether it caps reduce-only orders (only the holding does) or all others.
        at_send: whether the sender asks again.
    """

    code: str
    source: str
    looks_at: str
    room: Callable[[Case], Decimal | None]
    binds_exits: bool = False
    at_send: bool = True


class Exposure(NamedTuple):
    """Something of which equity allows only a share: what is used of it, and the share.

    ``used`` answers None when it is not known.
    """

    code: str
    source: str
    looks_at: str
    share: Callable[[Case], Decimal]
    used: Callable[[Case], Decimal | None]

    def room(self, case: Case) -> Decimal | None:
        """Units that fit below the share."""
        used = self.used(case)
        return None if used is None else _units(case, _of_equity(case, self.share(case)), used)


def _of_equity(case: Case, share: Decimal) -> Decimal | None:
    equity = case.snapshot.holdings.equity
    return None if equity is None else equity * share


def _units(case: Case, money: Decimal | None, used: Decimal = Decimal(0)) -> Decimal | None:
    """How many units the unused part of an amount of account currency buys, rounded towards zero at 100 digits."""
    value = case.unit_value()
    return None if money is None or value is None else (money - used) / value


def _max_size(case: Case) -> Decimal | None:
    return _units(case, _of_equity(case, case.limits.max_size_pct))


def _risk_per_trade(case: Case) -> Decimal | None:
    """Of a distance of zero nothing can be lost: no cap. A stop at the reference price is refused elsewhere."""
    loss, distance, point = _of_equity(case, case.limits.risk_per_trade), _stop_distance(case), case.point_value()
    return None if loss is None or not distance or point is None else loss / (distance * point)


def _stop_distance(case: Case) -> Decimal | None:
    """From the stop to the farthest price at which the order may be filled, in price points; None when not known."""
    if case.stop is not None:
        return max(abs(price - case.stop) for price in case.prices())
    atr = case.snapshot.market.atr
    return None if atr is None else case.limits.atr_stop_multiple * atr


def _order_value(case: Case) -> Decimal | None:
    """A market order is valued at the far end of its collar (fault 49)."""
    far_end = ONE + case.collar() if case.is_market() else ONE
    return _units(case, _of_equity(case, case.limits.max_order_value / far_end))


def _stage_money(case: Case) -> Decimal | None:
    return _units(case, case.limits.max_order_money)


def _cash(case: Case) -> Decimal | None:
    return _units(case, case.snapshot.holdings.cash) if case.terms.side is Side.BUY else None


def _holding(case: Case) -> Decimal | None:
    return reducible_quantity(case.terms.side, case.snapshot)


def _symbol_exposure(case: Case) -> Decimal | None:
    """In the direction of the order: a sale has all the room that a long position would have to pass."""
    exposure = case.snapshot.holdings.symbol_exposure
    return None if exposure is None else exposure * case.terms.side.sign


EXPOSURES: tuple[Exposure, ...] = (
    Exposure(
        "MAX_POSITION",
        "R-RISK-21, R-RISK-23, control 6",
        "exposure in the symbol",
        lambda case: case.limits.max_position,
        _symbol_exposure,
    ),
    Exposure(
        "MAX_STRATEGY",
        "R-RISK-23, control 6",
        "exposure of the strategy",
        lambda case: case.limits.max_strategy,
        lambda case: case.snapshot.holdings.strategy_exposure,
    ),
    Exposure(
        "MAX_GROSS",
        "R-RISK-22, R-RISK-23, control 6",
        "gross exposure",
        lambda case: case.limits.max_gross,
        lambda case: case.snapshot.holdings.gross_exposure,
    ),
    Exposure(
        "CORRELATION_CAP",
        "R-RISK-24",
        "exposure of the correlated cluster",
        lambda case: case.limits.correlation_cap,
        lambda case: case.snapshot.holdings.cluster_exposure,
    ),
    Exposure(
        "MAX_DAILY_NOTIONAL",
        "control 5",
        "value traded today",
        lambda case: case.limits.max_daily_notional,
        lambda case: case.snapshot.holdings.traded_today,
    ),
)
"""What has a used part, so that its room shrinks and its limit can be near (R-RISK-42)."""

CAPS: tuple[Cap, ...] = (
    Cap("MAX_SIZE", "Q-21", "size of one order", _max_size),
    Cap("RISK_PER_TRADE", "R-RISK-20, Q-20", "loss at the stop", _risk_per_trade, at_send=False),
    *(Cap(each.code, each.source, each.looks_at, each.room) for each in EXPOSURES),
    Cap("MAX_ORDER_VALUE", "control 3", "value of one order at the far end of its collar", _order_value),
    Cap("STAGE_MONEY", "R-RISK-33, Q-21", "money of one order at this stage", _stage_money),
    Cap("CASH", "15c3-5 capital", "cash, for purchases", _cash),
    Cap("HOLDING", "Q-19", "position less the orders that already reduce it", _holding, binds_exits=True),
)
"""The smallest room wins; of equals the first."""

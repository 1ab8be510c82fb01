"""Several accounts as one: the result of a strategy on all of its instruments together."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from tradewright.backtest.result import BacktestResult, Curves
from tradewright.evaluation.equity_curve import buy_and_hold
from tradewright.model.bars import Bars, Floats, Times
from tradewright.model.errors import DataError

_TRADE_PRICES = {"entry_price": "entry_rate", "exit_price": "exit_rate"}


def pooled(accounts: Mapping[str, BacktestResult]) -> BacktestResult:
    """The sum of at least one account, on the union of their time stamps.

    An account counts its starting cash before its first bar and its last equity after its last one; nothing is lent or
    rebalanced between accounts. Every price of the pooled bars is the value of the pooled buy and hold, and the
    position is counted in units of that, so that ``equity == cash + position * close`` still holds. Fills and trades
    keep their quantities, and a fill the cash and position of its own account; their prices are money per unit in the
    account's currency, and multiplier and rates are 1.

    Raises:
        DataError: for accounts in different currencies; nothing is added up one to one.
    """
    _refuse_several_currencies(accounts)
    members = list(accounts.values())
    stamps = np.unique(np.concatenate([each.bars.ts for each in members]))
    equity = sum((_aligned(each, each.equity, stamps) for each in members), np.zeros(len(stamps)))
    cash = sum((_aligned(each, each.cash, stamps) for each in members), np.zeros(len(stamps)))
    market = sum((_aligned(each, buy_and_hold(each), stamps) for each in members), np.zeros(len(stamps)))
    unknown = np.full(len(stamps), np.nan)
    return BacktestResult(
        bars=Bars(stamps, market, market, market, market, unknown, unknown),
        initial_cash=sum(each.initial_cash for each in members),
        fills=_joined(members, "fills", ("bar",), {"price": "rate"}, stamps),
        trades=_joined(members, "trades", ("exit_bar", "entry_bar"), _TRADE_PRICES, stamps),
        orders=sum(each.orders for each in members),
        given=Curves(equity, cash, np.divide(equity - cash, market, out=np.zeros(len(market)), where=market != 0.0)),
        currency=members[0].currency,
        session_days=_days(members, stamps),
    )


def _refuse_several_currencies(accounts: Mapping[str, BacktestResult]) -> None:
    found = {each.currency: name for name, each in accounts.items() if each.currency}
    if len(found) > 1:
        told = " and ".join(f"{currency} of {name}" for currency, name in found.items())
        raise DataError(f"{told} cannot be added up", where="the pool", remedy="backtest all in one account currency")


def _days(members: list[BacktestResult], stamps: Times) -> Times:
    """The day of each pooled bar: the latest of its accounts' days, and never one before that of an earlier bar."""
    latest = np.full(len(stamps), np.iinfo(np.int64).min)
    for member in members:
        rows = np.searchsorted(stamps, member.bars.ts)
        latest[rows] = np.maximum(latest[rows], member.days)
    return np.maximum.accumulate(latest)


def _aligned(account: BacktestResult, values: Floats, stamps: Times) -> Floats:
    known = np.searchsorted(account.bars.ts, stamps, side="right")
    return np.concatenate(([account.initial_cash], values))[known]


def _joined(
    members: list[BacktestResult], table: str, bars: tuple[str, ...], prices: Mapping[str, str], stamps: Times
) -> npt.NDArray[np.void]:
    """The records of all accounts in order of their first ``bars`` column, with pooled bars and money per unit.

    Args:
        prices: the column of the rate of each column of prices.
    """
    parts = []
    for member in members:
        part = getattr(member, table).copy()
        for name in bars:
            part[name] = np.searchsorted(stamps, member.bars.ts[part[name]])
        for name, rate in prices.items():
            part[name] *= member.multiplier * part[rate]
            part[rate] = 1.0
        parts.append(part)
    joined = np.concatenate(parts)
    return joined[np.argsort(joined[bars[0]], kind="stable")]

"""The closed trades of a backtest as rows of text, newest first."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from tradewright.backtest.result import BacktestResult
from tradewright.evaluation.excursions import excursions
from tradewright.evaluation.formatting import QUANTITY_DIGITS, money, percent, plain
from tradewright.model.bars import Floats

TRADE_HEADER = ("Entered", "Closed", "Side", "Quantity", "Entry", "Exit", "Fees", "Profit", "MAE", "MFE")


class TradeRow(NamedTuple):
    """One closed trade; times are the starts of its bars, UTC, and the profit is after both fees.

    ``mae`` and ``mfe`` are how far it went against and in favour of the account, in money and of the entry price.
    """

    entered: str
    closed: str
    side: str
    quantity: str
    entry: str
    exit: str
    fees: str
    profit: str
    mae: str
    mfe: str


def trade_rows(result: BacktestResult, most: int) -> tuple[TradeRow, ...]:
    """The newest closed trades, at most ``most``; none for an account without a trade."""
    ts, known = result.bars.ts, excursions(result)
    against = _moves(known.adverse, known.adverse_share)
    favour = _moves(known.favourable, known.favourable_share)
    return tuple(
        TradeRow(
            entered=_moment(int(ts[row["entry_bar"]])),
            closed=_moment(int(ts[row["exit_bar"]])),
            side="long" if row["direction"] > 0 else "short",
            quantity=plain(float(row["quantity"]), QUANTITY_DIGITS),
            entry=plain(float(row["entry_price"])),
            exit=plain(float(row["exit_price"])),
            fees=money(float(row["entry_fee"] + row["exit_fee"])),
            profit=money(float(row["profit"])),
            mae=worst,
            mfe=best,
        )
        for row, worst, best in zip(result.trades[::-1][:most], against, favour, strict=False)
    )


def _moves(amounts: Floats, shares: Floats) -> Iterator[str]:
    """Money and share of the entry price, newest first."""
    return (f"{money(amount)} ({percent(share)})" for amount, share in zip(amounts[::-1], shares[::-1], strict=True))


def _moment(nanoseconds: int) -> str:
    return f"{datetime.fromtimestamp(nanoseconds // 1_000_000_000, tz=UTC):%Y-%m-%d %H:%M}"

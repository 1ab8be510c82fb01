"""The closed trades of a backtest as rows of text, newest first."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from tradewright.backtest.result import BacktestResult
from tradewright.evaluation.formatting import QUANTITY_DIGITS, money, plain

TRADE_HEADER = ("Entered", "Closed", "Side", "Quantity", "Entry", "Exit", "Fees", "Profit")


class TradeRow(NamedTuple):
    """One closed trade; times are the starts of its bars, UTC, and the profit is after both fees."""

    entered: str
    closed: str
    side: str
    quantity: str
    entry: str
    exit: str
    fees: str
    profit: str


def trade_rows(result: BacktestResult, most: int) -> tuple[TradeRow, ...]:
    """The newest closed trades, at most ``most``; none for an account without a trade."""
    ts = result.bars.ts
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
        )
        for row in result.trades[::-1][:most]
    )


def _moment(nanoseconds: int) -> str:
    return f"{datetime.fromtimestamp(nanoseconds // 1_000_000_000, tz=UTC):%Y-%m-%d %H:%M}"

"""The terms of a backtest in words: how large a position is, what a fill costs, when it fills."""

from __future__ import annotations

import math

from tradewright.backtest import sizing
from tradewright.backtest.panel.shared_account import SharedAccount
from tradewright.backtest.sizing import SizingTerms
from tradewright.backtest.spec import BacktestSpec
from tradewright.fills.costs import FeeTerms
from tradewright.fills.slippage import SlippageTerms
from tradewright.model.bars import PriceView

_FILLS = {"next_open": "the open", "next_close": "the close", "quote_close": "bid and ask of the close"}


def terms_in_words(
    spec: BacktestSpec, prices: PriceView, shared: SharedAccount | None, *, is_allocation: bool
) -> dict[str, str]:
    """The terms by name, each a short text without the name of a class or of a key.

    Args:
        shared: the terms of one account for all instruments; None where each has its part of the cash.
        is_allocation: whether it decides on weights, so that the model of sizes is not asked.
    """
    money = f" {spec.currency}".rstrip()
    account = "in one account" if shared is not None else "in equal parts for each series"
    return {
        "size": _size(spec.sizing.terms(), money) if not is_allocation else "the weights that it gives",
        "cash": f"{spec.cash:,.12g}{money}, {account}"
        + (f", {_percent(shared.cash_buffer)} kept free" if shared else ""),
        "fees": _fees(spec.costs.terms(), f" {spec.costs.currency}" if spec.costs.currency else money),
        "slippage": _slippage(spec.slippage.terms()),
        "fills": _fills(spec),
        "shorts": "allowed" if spec.allow_short else "not allowed",
        "prices": str(prices).replace("_", " "),
    }


def _percent(fraction: float) -> str:
    return f"{fraction * 100:.6g}%"


def _fills(spec: BacktestSpec) -> str:
    bars = spec.bar_delay - (1 if spec.fill_market == "quote_close" else 0)
    when = {0: "that decided", 1: "of the bar after the decision"}.get(bars, f"{bars} bars after the decision")
    most = "" if spec.volume_share is None else f", at most {_percent(spec.volume_share)} of a bar's volume"
    return f"at {_FILLS[spec.fill_market]} {when}{most}"


def _size(terms: SizingTerms, money: str) -> str:
    match terms.kind:
        case sizing.FIXED_UNITS:
            return f"{terms.amount:g} units an entry"
        case sizing.FIXED_CASH:
            return f"{terms.amount:,.12g}{money} an entry"
        case sizing.PERCENT_EQUITY:
            return f"{_percent(terms.amount)} of the equity an entry"
        case sizing.TARGET_PERCENT:
            return f"{_percent(terms.amount)} of the equity an entry, fees included"
        case sizing.RISK_PER_TRADE:
            return f"so much that the stop loses {_percent(terms.amount)} of the equity"
    return "all of the equity an entry"


def _fees(terms: FeeTerms, money: str) -> str:
    parts = []
    if terms.per_unit:
        parts.append(f"{terms.per_unit:g}{money} a unit")
    if terms.taker:
        parts.append(f"{_percent(terms.taker)} of a fill's value")
    if terms.maker != terms.taker:
        parts.append(f"{_percent(terms.maker)} where a resting order fills")
    if terms.minimum > 0.0:
        parts.append(f"at least {terms.minimum:g}{money} an order")
    if terms.cap < math.inf:
        parts.append(f"at most {_percent(terms.cap)} of its value")
    if terms.passed_taker or terms.passed_maker:
        parts.append(f"and {terms.passed_taker:g}{money} a unit for others, {terms.passed_maker:g} where it rests")
    return ", ".join(parts) or "none"


def _slippage(terms: SlippageTerms) -> str:
    parts = []
    if terms.base:
        parts.append(f"{terms.base:g} basis points")
    if terms.vol:
        parts.append(f"{terms.vol:g} basis points times the volatility of a bar")
    if terms.spread:
        parts.append(f"{terms.spread:g} times the spread")
    if terms.impact:
        parts.append(f"{terms.impact:g} basis points times the root of the share of the volume")
    return " and ".join(parts) or "none"

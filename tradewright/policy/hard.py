"""Hard rules on the market, the account and the inputs: any of them rejects (R-RISK-04..09, controls 13, 15, P2)."""

from __future__ import annotations

from decimal import Decimal

from tradewright.model.decision import Verdict
from tradewright.model.order import Side
from tradewright.policy.case import Case
from tradewright.policy.rule import Rule, show


def _market_closed(case: Case) -> str:
    return "the market is closed" if case.snapshot.market.market_open is False else ""


def _data_stale(case: Case) -> str:
    age = case.snapshot.market.data_age_seconds
    allowed = case.limits.max_data_age_seconds + case.snapshot.market.bars_only_seconds
    if age is None or age <= allowed:
        return ""
    return f"the data is {show(age)} s old; at most {show(allowed)} s are allowed"


def _not_allowlisted(case: Case) -> str:
    symbol = case.terms.instrument
    return "" if symbol in case.limits.allowlist else f"{symbol} is not on the allow-list"


def _restricted(case: Case) -> str:
    symbol = case.terms.instrument
    return f"{symbol} is on the restricted list" if symbol in case.limits.restricted else ""


def _short(case: Case) -> str:
    position, open_orders = case.snapshot.holdings.position, case.snapshot.holdings.open_orders
    if case.terms.side is Side.BUY or position is None or open_orders is None:
        return ""
    leaving = sum((order.quantity for order in open_orders if order.side is Side.SELL), Decimal(0))
    after = position - leaving - case.terms.quantity
    instrument = case.snapshot.instrument
    allowed = case.limits.allow_short and instrument is not None and instrument.shortable
    return "" if allowed or after >= 0 else f"the sale would leave {show(after)} units, and shorts are not allowed here"


def _daily_drawdown(case: Case) -> str:
    drawdown, limit = case.snapshot.holdings.daily_drawdown, case.limits.max_daily_drawdown
    if drawdown is None or drawdown < limit:
        return ""
    return f"the day's drawdown {show(drawdown)} has reached {show(limit)}"


def _event_blackout(case: Case) -> str:
    return "an event window is open" if case.snapshot.market.event_blackout_active else ""


def _illiquid(case: Case) -> str:
    score, limit = case.snapshot.market.liquidity_score, case.limits.min_liquidity
    if score is None or score >= limit:
        return ""
    return f"the liquidity score {show(score)} is below {show(limit)}"


def _bars_gap(case: Case) -> str:
    return "bars are missing where the strategy looked" if case.snapshot.market.bars_gap else ""


def _volatility_pause(case: Case) -> str:
    return "the instrument is in a volatility pause" if case.snapshot.market.volatility_pause else ""


def _check_missing(case: Case) -> str:
    checks = case.snapshot.checks
    if checks is None:
        return ""
    if not checks:
        return "no input was checked at all"
    names = ", ".join(check.name for check in checks if check.passed is None or check.age_seconds is None)
    return f"no result of {names}" if names else ""


def _check_failed(case: Case) -> str:
    names = ", ".join(check.name for check in case.snapshot.checks or () if check.passed is False)
    return f"failed: {names}" if names else ""


def _check_stale(case: Case) -> str:
    limit = case.limits.max_check_age_seconds
    stale = [
        f"{check.name} ({show(check.age_seconds)} s)"
        for check in case.snapshot.checks or ()
        if check.age_seconds is not None and check.age_seconds > limit
    ]
    return f"older than {show(limit)} s: {', '.join(stale)}" if stale else ""


HARD_RULES: tuple[Rule, ...] = (
    Rule("MARKET_CLOSED", Verdict.REJECT, "R-RISK-04", "market open", _market_closed, binds_exits=True),
    Rule("DATA_STALE", Verdict.REJECT, "R-RISK-05, R-RISK-19, C-22", "data age, length of a bar", _data_stale),
    Rule("NOT_ALLOWLISTED", Verdict.REJECT, "R-RISK-06, C-49", "instrument, allow-list", _not_allowlisted),
    Rule("RESTRICTED", Verdict.REJECT, "control 13", "instrument, restricted list", _restricted, binds_exits=True),
    Rule("SHORT_NOT_ALLOWED", Verdict.REJECT, "control 13, D7", "side, quantity, position, open sales", _short),
    Rule("DAILY_DRAWDOWN", Verdict.REJECT, "R-RISK-07, C-13", "daily drawdown", _daily_drawdown),
    Rule("EVENT_BLACKOUT", Verdict.REJECT, "R-RISK-08", "event blackout", _event_blackout),
    Rule("ILLIQUID", Verdict.REJECT, "R-RISK-09", "liquidity score", _illiquid),
    Rule("BARS_GAP", Verdict.REJECT, "control 15", "gap in the bars", _bars_gap),
    Rule("VOLATILITY_PAUSE", Verdict.REJECT, "control 15", "volatility pause", _volatility_pause),
    Rule("CHECK_MISSING", Verdict.REJECT, "P2", "latest check of every input", _check_missing),
    Rule("CHECK_FAILED", Verdict.REJECT, "P2", "latest check of every input", _check_failed),
    Rule("CHECK_STALE", Verdict.REJECT, "P2", "age of the latest checks", _check_stale),
)
"""In the order in which their reasons are listed."""

"""Rules on the market, the account and the checks of the inputs: each rejects (R-RISK-04..09, controls 13, 15, P2)."""

from __future__ import annotations

from decimal import Decimal

from tradewright.model.decision import Verdict
from tradewright.model.duration import age_text, limit_text
from tradewright.model.order import Side
from tradewright.policy.decimals import show
from tradewright.policy.order_context import OrderContext, Rule


def _market_closed(context: OrderContext) -> str:
    return "the market is closed" if context.snapshot.market.market_open is False else ""


def _data_stale(context: OrderContext) -> str:
    age = context.snapshot.market.data_age_seconds
    allowed = context.limits.max_data_age_seconds + context.snapshot.market.bars_only_seconds
    if age is None or age <= allowed:
        return ""
    return f"the data is {age_text(age)} old; at most {limit_text(allowed)} are allowed"


def _rate_stale(context: OrderContext) -> str:
    oldest = context.limits.max_rate_age_seconds
    return "; ".join(filter(None, (rate.why_stale(oldest) for rate in context.rates())))


def _not_allowlisted(context: OrderContext) -> str:
    symbol = context.terms.instrument
    return "" if symbol in context.limits.allowlist else f"{symbol} is not on the allow-list"


def _restricted(context: OrderContext) -> str:
    symbol = context.terms.instrument
    return f"{symbol} is on the restricted list" if symbol in context.limits.restricted else ""


def _short(context: OrderContext) -> str:
    position, open_orders = context.snapshot.holdings.position, context.snapshot.holdings.open_orders
    if context.terms.side is Side.BUY or position is None or open_orders is None:
        return ""
    leaving = sum((order.quantity for order in open_orders if order.side is Side.SELL), Decimal(0))
    after = position - leaving - context.terms.quantity
    instrument = context.snapshot.instrument
    allowed = context.limits.allow_short and instrument is not None and instrument.shortable
    return "" if allowed or after >= 0 else f"the sale would leave {show(after)} units, and shorts are not allowed here"


def _daily_drawdown(context: OrderContext) -> str:
    drawdown, limit = context.snapshot.holdings.daily_drawdown, context.limits.max_daily_drawdown
    if drawdown is None or drawdown < limit:
        return ""
    return f"the day's drawdown {show(drawdown)} has reached {show(limit)}"


def _daily_loss(context: OrderContext) -> str:
    loss, limit = context.snapshot.holdings.loss_today, context.limits.max_daily_loss
    if loss is None or limit is None or loss < limit:
        return ""
    return f"the day's loss {show(loss)} {context.limits.currency} has reached {show(limit)}"


def _event_blackout(context: OrderContext) -> str:
    market = context.snapshot.market
    if not market.event_blackout_active:
        return ""
    return f"an event window is open: {market.event}" if market.event else "an event window is open"


def _illiquid(context: OrderContext) -> str:
    score, limit = context.snapshot.market.liquidity_score, context.limits.min_liquidity
    if score is None or score >= limit:
        return ""
    return f"the liquidity score {show(score)} is below {show(limit)}"


def _spread_stress(context: OrderContext) -> str:
    spread, limit = context.snapshot.market.spread_bps, context.limits.max_spread_bps
    if spread is None or spread <= limit:
        return ""
    return f"the newest spread of {show(spread)} basis points is above {show(limit)}"


def _bars_gap(context: OrderContext) -> str:
    return "bars are missing where the strategy looked" if context.snapshot.market.bars_gap else ""


def _volatility_pause(context: OrderContext) -> str:
    return "the instrument is in a volatility pause" if context.snapshot.market.volatility_pause else ""


CHECK_AGAIN = "tradewright trade --once checks again"
SHOW_FINDINGS = "tradewright data findings lists them"


def _check_missing(context: OrderContext) -> str:
    checks = context.snapshot.checks
    if checks is None:
        return ""
    if not checks:
        return "no input was checked at all"
    names = ", ".join(check.name for check in checks if check.passed is None or check.age_seconds is None)
    return f"no result of {names}; {CHECK_AGAIN}" if names else ""


def _check_failed(context: OrderContext) -> str:
    failed = [check for check in context.snapshot.checks or () if check.passed is False]
    names = ", ".join(f"{check.name} ({check.findings})" if check.findings else check.name for check in failed)
    return f"failed: {names}; {SHOW_FINDINGS}" if names else ""


def _check_of_other_data(context: OrderContext) -> str:
    names = ", ".join(check.name for check in context.snapshot.checks or () if check.other_data)
    return f"the bars have changed since {names}; {CHECK_AGAIN}" if names else ""


def _check_by_other_rules(context: OrderContext) -> str:
    names = ", ".join(check.name for check in context.snapshot.checks or () if check.other_rules)
    return f"the rules of quality have changed since {names}; {CHECK_AGAIN}" if names else ""


def _check_stale(context: OrderContext) -> str:
    limit = context.limits.max_check_age_seconds
    stale = [
        f"{check.name} ({age_text(check.age_seconds)})"
        for check in context.snapshot.checks or ()
        if check.age_seconds is not None and check.age_seconds > limit
    ]
    return f"older than {limit_text(limit)}: {', '.join(stale)}; {CHECK_AGAIN}" if stale else ""


MARKET_RULES: tuple[Rule, ...] = (
    Rule("MARKET_CLOSED", Verdict.REJECT, "R-RISK-04", "market open", _market_closed, applies_to_exits=True),
    Rule("DATA_STALE", Verdict.REJECT, "R-RISK-05, R-RISK-19, C-22", "data age, length of a bar", _data_stale),
    Rule("FX_RATE_STALE", Verdict.REJECT, "R-PORT-17", "age of each rate, currencies", _rate_stale),
    Rule("NOT_ALLOWLISTED", Verdict.REJECT, "R-RISK-06, C-49", "instrument, allow-list", _not_allowlisted),
    Rule("RESTRICTED", Verdict.REJECT, "control 13", "instrument, restricted list", _restricted, applies_to_exits=True),
    Rule("SHORT_NOT_ALLOWED", Verdict.REJECT, "control 13, D7", "side, quantity, position, open sales", _short),
    Rule("DAILY_DRAWDOWN", Verdict.REJECT, "R-RISK-07, C-13", "daily drawdown", _daily_drawdown),
    Rule("DAILY_LOSS_MONEY", Verdict.REJECT, "R-RISK-33", "loss of the day in money, its limit", _daily_loss),
    Rule("EVENT_BLACKOUT", Verdict.REJECT, "R-RISK-08", "event blackout", _event_blackout),
    Rule("ILLIQUID", Verdict.REJECT, "R-RISK-09", "liquidity score", _illiquid),
    Rule("SPREAD_STRESS", Verdict.REJECT, "R-RISK-30", "spread", _spread_stress),
    Rule("BARS_GAP", Verdict.REJECT, "control 15", "gap in the bars", _bars_gap),
    Rule("VOLATILITY_PAUSE", Verdict.REJECT, "control 15", "volatility pause", _volatility_pause),
    Rule("CHECK_MISSING", Verdict.REJECT, "P2", "latest check of every input", _check_missing),
    Rule("CHECK_FAILED", Verdict.REJECT, "P2", "latest check of every input", _check_failed),
    Rule("CHECK_OTHER_DATA", Verdict.REJECT, "P2", "bars that the latest checks judged", _check_of_other_data),
    Rule("CHECK_OTHER_RULES", Verdict.REJECT, "P2", "rules that the latest checks judged by", _check_by_other_rules),
    Rule("CHECK_STALE", Verdict.REJECT, "P2", "age of the latest checks", _check_stale),
)
"""In the order in which their reasons are listed."""

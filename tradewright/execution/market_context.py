"""The market of one instrument as the gate sees it: its context (age, hours, events, liquidity) and its prices."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from tradewright.execution.account_values import price_of
from tradewright.execution.input_checks import age_seconds
from tradewright.execution.market_state import MarketState, is_open, open_seconds
from tradewright.model.bars import Timeframe
from tradewright.model.broker import Quote
from tradewright.model.event_calendar import EventCalendar
from tradewright.model.instrument import Instrument
from tradewright.model.order import Side
from tradewright.policy.snapshot import Market

NO_EVENTS = EventCalendar(windows=())


def market_of(
    instrument: Instrument,
    side: Side,
    facts: MarketState,
    quote: Quote | None,
    events: EventCalendar,
    timeframe: Timeframe,
    now: datetime,
) -> Market:
    """The facts of the gate about a market; this is the only place that makes them.

    Price and age come from one source: a live quote, else the newest bar. A quote no younger than the close of the
    newest bar is that bar's price, as the simulated venue gives it, and is aged as a bar: by the time that the market
    was open since. Any other quote is aged by the wall clock, because a quote of before a break is not of now; one
    whose time is not known has no age.

    Args:
        side: which side of the quote the order is valued at.
        timeframe: on which strategies decide; its length relaxes the age limit where the bar's own is not known.
    """
    told = None if quote is None else price_against(quote, side)
    moment = quote.time if quote is not None and told is not None else facts.closed_at
    is_bar = told is None or (moment is not None and facts.closed_at is not None and moment <= facts.closed_at)
    blackout = events.blackout(instrument, now)
    return Market(
        data_age_seconds=_bar_age(instrument, facts, now) if is_bar else age_seconds(now, moment),
        bars_only_seconds=(facts.bar_seconds or Decimal(timeframe.seconds)) if is_bar else Decimal(0),
        market_open=is_open(instrument, now),
        event_blackout_active=blackout.active,
        event=blackout.reason,
        liquidity_score=facts.liquidity,
        spread_bps=newest_spread(quote, facts),
        last_price=facts.last_close if told is None else told,
        previous_close=facts.previous_close,
        atr=facts.atr,
        bars_gap=facts.gap,
        volatility_pause=facts.shock,
    )


def newest_spread(quote: Quote | None, facts: MarketState) -> Decimal | None:
    """The spread in basis points of the middle, from whatever is newest; None where that has none. None is assumed.

    A quote younger than the newest bar speaks alone: one with a single side, or whose bid is above its ask, has no
    spread, whatever the bar had. A quote of before that bar's close is not of now, and the bar's own counts. Of the
    same moment the wider counts, because the simulated venue quotes a usual spread around a bar's close.
    """
    quoted, of_bar = _quoted_spread(quote), facts.spread
    moment, closed = None if quote is None else quote.time, facts.closed_at
    if closed is None or (moment is not None and moment > closed):
        return quoted
    if moment != closed or quoted is None:
        return of_bar
    return quoted if of_bar is None else max(quoted, of_bar)


def _quoted_spread(quote: Quote | None) -> Decimal | None:
    """Of both sides of a quote whose time is known, where neither is above the other."""
    if quote is None or quote.bid is None or quote.ask is None or quote.time is None or quote.bid > quote.ask:
        return None
    middle = abs(quote.bid + quote.ask) / 2
    return (quote.ask - quote.bid) / middle * 10_000 if middle else None


def price_against(quote: Quote, side: Side) -> Decimal | None:
    """What an order is valued at: the ask for a purchase and the bid for a sale, else as :func:`price_of`."""
    worse = quote.ask if side is Side.BUY else quote.bid
    return worse if worse is not None else price_of(quote)


def _bar_age(instrument: Instrument, facts: MarketState, now: datetime) -> Decimal | None:
    """Seconds of open market since the newest bar closed; None without a bar, and for one of the future."""
    closed = facts.closed_at
    return None if closed is None or age_seconds(now, closed) is None else open_seconds(instrument, closed, now)

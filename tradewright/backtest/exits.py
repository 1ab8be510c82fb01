"""How a position ends by itself: stop, trailing stop, take-profit, time stop, the end of the run.

Compiled by the kernel (see ``account.py``). The exits belong to the position, whichever order opened it;
``docs/strategies.md`` has the table of what happens in a bar, and in which order.
"""

from __future__ import annotations

from tradewright.backtest.account import (
    CLOSING,
    END_FILL,
    ENTRY_BAR,
    LOTS,
    ORDERS,
    REQUESTS,
    STOP,
    STOP_FILL,
    TAKE_PROFIT,
    TARGET_FILL,
    TIME_FILL,
    TIME_STOP,
    TRAIL,
    TRAIL_FILL,
    TRAIL_PERCENT,
    TRAIL_STOP,
    WORKING,
    BarArrays,
    FillLog,
    execute,
    fill_part,
    half_spread,
    is_closing,
)
from tradewright.backtest.spec import KernelParameters
from tradewright.fills.rules import limit_fill, market_fill, stop_fill, trailed
from tradewright.fills.slippage import slipped
from tradewright.model.bars import Floats
from tradewright.model.strategy import NAN


def is_guarded(account: Floats) -> bool:
    """Whether an exit can end the position in the next bar."""
    return bool(
        account[LOTS] != 0.0
        and (
            account[STOP] == account[STOP]
            or account[TAKE_PROFIT] == account[TAKE_PROFIT]
            or is_closing(account)
            or is_trailed(account)
            or (REQUESTS and account[TIME_STOP] == account[TIME_STOP])
        )
    )


def is_trailed(account: Floats) -> bool:
    """Whether a trailing stop is set."""
    if not REQUESTS:
        return False
    return bool(account[TRAIL] == account[TRAIL] or account[TRAIL_PERCENT] == account[TRAIL_PERCENT])


def clear_exits(account: Floats) -> None:
    """No exits: those of the next position are yet to be named."""
    account[STOP] = account[TAKE_PROFIT] = NAN
    if REQUESTS:
        account[TIME_STOP] = account[TRAIL] = account[TRAIL_PERCENT] = account[TRAIL_STOP] = NAN


def trail_distance(amount: float, percent: float, price: float) -> float:
    """How far a trailing stop stays from ``price``: an amount, or else a percentage of it."""
    return amount if amount == amount else abs(price) * percent / 100.0


def move_trail(account: Floats, side: int, best: float) -> None:
    """Move the trailing stop of a position that an order of ``side`` closes; ``best`` is a price of that side."""
    distance = trail_distance(account[TRAIL], account[TRAIL_PERCENT], best)
    account[TRAIL_STOP] = trailed(side, account[TRAIL_STOP], best, distance)


def start_trail(account: Floats, market: BarArrays, rules: KernelParameters, i: int, base: float) -> None:
    """Begin the trailing stop of a position that was entered at the close, at the middle price ``base``."""
    if account[LOTS] != 0.0 and is_trailed(account):
        side = -1 if account[LOTS] > 0.0 else 1
        move_trail(account, side, slipped(base, side, half_spread(market, rules, i)))


def match_exits(
    account: Floats, log: FillLog, market: BarArrays, rules: KernelParameters, i: int, start: float, inside: bool
) -> None:
    """Close the position where its stop, or else its take-profit, is reached in what is left of bar ``i``.

    ``start`` is the bar's price at which that begins, in quotes a middle one. Of stop and trailing stop the nearer one
    counts. A trailing stop that survives moves with the best price of the bar; of a bar in which the position was
    entered (``inside``) only the close is known to come after the entry.
    """
    held = account[LOTS]
    side = -1 if held > 0.0 else 1
    half = half_spread(market, rules, i)
    begun, high, low = (
        slipped(start, side, half),
        slipped(market.high[i], side, half),
        slipped(market.low[i], side, half),
    )
    stop, reason = account[STOP], STOP_FILL
    trailing = is_trailed(account)
    if trailing:
        move_trail(account, side, begun)
        if not side * stop <= side * account[TRAIL_STOP]:
            stop, reason = account[TRAIL_STOP], TRAIL_FILL
    price = stop_fill(side, stop, begun, high, low)
    if price != price and not inside:
        reason = TARGET_FILL
        price = limit_fill(side, account[TAKE_PROFIT], begun, high, low, rules.marketable)
    if price == price:
        leave(account, log, market, rules, i, price, reason)
    elif trailing:
        best = low if side > 0 else high
        move_trail(account, side, slipped(market.close[i], side, half) if inside else best)


def leave(
    account: Floats, log: FillLog, market: BarArrays, rules: KernelParameters, i: int, price: float, reason: int
) -> None:
    """Close the position at ``price``, and cancel what is working.

    What the bar's volume leaves of it is closed at market in the next bars; a take-profit rests on.
    """
    held = account[LOTS]
    account[WORKING] = 0.0
    rest = fill_part(account, log, market, rules, i, -1 if held > 0.0 else 1, abs(held), price, reason, NAN)
    rests_on = rest > 0.0 and reason == TARGET_FILL
    account[ORDERS] += 0.0 if rests_on else 1.0
    account[CLOSING] = 1.0 if rest > 0.0 and not rests_on else 0.0


def is_out_of_time(account: Floats, i: int) -> bool:
    """Whether the position has been held for the bars of its time stop."""
    return bool(account[LOTS] != 0.0 and i >= account[ENTRY_BAR] + account[TIME_STOP])


def leave_in_time(account: Floats, log: FillLog, market: BarArrays, rules: KernelParameters, i: int) -> None:
    """Close at market a position that is out of time."""
    if not is_closing(account):
        leave(account, log, market, rules, i, market_fill(market.open[i], market.close[i], rules.at_close), TIME_FILL)


def close_out(account: Floats, log: FillLog, market: BarArrays, rules: KernelParameters, i: int) -> None:
    """Close what is open at the close of the last bar (``close_at_end``), whatever its volume: the books are closed."""
    held = account[LOTS]
    if held != 0.0:
        account[ORDERS] += 1.0
        execute(account, log, market, rules, i, -1 if held > 0.0 else 1, abs(held), market.close[i], END_FILL, NAN)

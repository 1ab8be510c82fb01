"""Protection: what the protective legs at the venue cover, which orders a close must end first, and what is missing.

Protective legs close the holding of their strategy. They commit no exposure and count in no limit on entries.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from tradewright.execution.order_terms import approved_terms
from tradewright.execution.unfinished_exits import unfinished_exits
from tradewright.ledger.attempt import Attempt
from tradewright.ledger.ledger import Ledger
from tradewright.model.approved import ApprovedOrder
from tradewright.model.intent import FLATTEN, MANUAL, RESERVED
from tradewright.model.order import PROTECTIVE_KINDS, AttemptState, Leg

ZERO = Decimal(0)


@dataclass(frozen=True)
class Protection:
    """An entry with its protective legs.

    Args:
        legs: none for an order that was sent alone.
        uncovered: units that the entry has opened and none of its legs has closed; below zero when they closed more.
    """

    entry: Attempt
    legs: tuple[Attempt, ...]
    uncovered: Decimal

    @property
    def live(self) -> tuple[Attempt, ...]:
        """The legs that the venue may still fill."""
        return tuple(leg for leg in self.legs if not leg.state.terminal)

    @property
    def stop(self) -> Attempt | None:
        """The stop loss, live or not; None where none was wanted."""
        return next((leg for leg in self.legs if leg.leg is Leg.STOP_LOSS), None)


def protection(ledger: Ledger, ref: str) -> Protection:
    """The group of an entry."""
    entry, *legs = ledger.attempts.group(ref)
    closed = sum((ledger.executions.filled(leg.ref) for leg in legs), ZERO)
    return Protection(entry, tuple(legs), ledger.executions.filled(entry.ref) - closed)


def live_protections(ledger: Ledger, account: str) -> list[Protection]:
    """The groups with a leg that the venue may still fill, oldest first."""
    refs = dict.fromkeys(row.entry_ref for row in ledger.attempts.live(account) if row.is_protective and row.sending_at)
    return [protection(ledger, ref) for ref in refs]


def protection_texts(ledger: Ledger, account: str) -> dict[str, str]:
    """What protects each holding at the venue now, in words: ``10: trailing stop 2.5 behind the best price``.

    Legs of entries that have opened nothing yet are left out; instruments without protection have no text.
    """
    found: dict[str, list[str]] = {}
    for group in live_protections(ledger, account):
        if group.uncovered > ZERO:
            legs = ", ".join(approved_terms(ledger, leg).text for leg in group.live)
            found.setdefault(group.entry.instrument, []).append(f"{group.uncovered:f}: {legs}")
    return {instrument: "; ".join(texts) for instrument, texts in found.items()}


def orders_to_end_first(ledger: Ledger, order: ApprovedOrder) -> list[Attempt]:
    """The live orders that could open a position once this order has closed what is held.

    An order that flattens ends every other order in its instrument. Any other order ends the newest groups of its
    strategy, entries included, whose legs would cover more than what is left after it; a person's order does so with
    the groups of all strategies, and only as far as it sells what the person does not hold.
    """
    account, symbol, side = order.account, order.terms.instrument, order.terms.side
    live = [row for row in ledger.attempts.live(account) if row.instrument == symbol and row.sending_at is not None]
    if order.strategy == FLATTEN:
        return [row for row in live if row.strategy != FLATTEN]
    groups = [
        group
        for group in live_protections(ledger, account)
        if (group.live[0].instrument, group.live[0].side) == (symbol, side)
        and (group.entry.strategy == order.strategy or order.strategy == MANUAL)
    ]
    held = -side.sign * _held(ledger, account, order.strategy, symbol)
    left = max(ZERO, held - order.terms.quantity)
    covered = sum((max(ZERO, group.uncovered) for group in groups), ZERO)
    ended: list[Attempt] = []
    for group in reversed(groups):
        if covered <= left:
            break
        covered -= max(ZERO, group.uncovered)
        ended += [row for row in (group.entry, *group.legs) if not row.state.terminal]
    return ended


def units_to_close(ledger: Ledger, order: ApprovedOrder) -> Decimal:
    """Units that an order may take off the holding behind it: its strategy's own, or the account's for a person's."""
    held = _held(ledger, order.account, order.strategy, order.terms.instrument)
    return max(ZERO, -order.terms.side.sign * held)


def _held(ledger: Ledger, account: str, strategy: str, symbol: str) -> Decimal:
    if strategy in RESERVED:
        return ledger.executions.position(account, symbol)
    return ledger.executions.units_of(account, strategy).get(symbol, ZERO)


def gaps(ledger: Ledger, account: str) -> Iterator[tuple[str, Attempt, str]]:
    """Holdings whose stop is gone or whose exit fell short, and legs that could open one: code, attempt and text."""
    held = {row.instrument for row in ledger.executions.positions(account)}
    groups = live_protections(ledger, account)
    holders = ledger.executions.holders(account) if held or groups else {}
    if held:
        instruments = held | {name for name, owners in holders.items() if owners}
        sent = ledger.attempts.sent_in(account, instruments)  # once: it reads every order that was sent
        yield from _gaps_of_holdings(ledger, account, held, holders, sent)
        for order, units in unfinished_exits(ledger, holders, sent):
            text = f"{order.strategy} was to reduce it: the order is {order.state}, and {units:f} are held still"
            yield "EXIT_UNFINISHED", order, text
    for group in groups:
        strategy, symbol = group.entry.strategy, group.entry.instrument
        units = holders.get(symbol, {}).get(strategy, ZERO)
        holding = max(ZERO, units * group.entry.side.sign)
        if group.uncovered > holding:
            text = f"it would close {group.uncovered}, and {strategy} holds {holding}: it could open a position"
            yield "PROTECTION_TOO_LARGE", group.live[0], text


def _gaps_of_holdings(
    ledger: Ledger, account: str, held: set[str], holders: Mapping[str, Mapping[str, Decimal]], sent: list[Attempt]
) -> Iterator[tuple[str, Attempt, str]]:
    """The gaps of each holding of the strategies that have sent an entry in an instrument that the account holds."""
    by_hand = _stops_sent_alone(ledger, account)
    entries = [row for row in reversed(sent) if not row.is_protective]
    with_legs = {row.entry_ref for row in sent if row.is_protective}
    strategies = {row.strategy for row in entries if row.instrument in held} - {FLATTEN}
    for strategy in sorted(strategies):
        for symbol in sorted(holders):
            if units := holders[symbol].get(strategy, ZERO):
                newest = [row for row in entries if (row.strategy, row.instrument) == (strategy, symbol)]
                yield from _unprotected(ledger, newest, units, by_hand.get(symbol, ZERO))
                grouped = [row for row in newest if row.ref in with_legs]
                yield from _opened_by_legs(ledger, grouped, units)


def _unprotected(
    ledger: Ledger, newest: Iterable[Attempt], units: Decimal, by_hand: Decimal
) -> Iterator[tuple[str, Attempt, str]]:
    """What is held is laid to the newest entries, and compared with the stops at the venue."""
    wanted, left = ZERO, abs(units)
    covered = abs(by_hand) if by_hand * units < 0 else ZERO
    gone: Attempt | None = None
    for entry in newest:
        if entry.side.sign * units <= 0 or left <= 0:
            continue
        group = protection(ledger, entry.ref)
        part = min(left, max(ZERO, group.uncovered))
        left -= part
        if group.stop is not None and part:
            wanted += part
            covered += ZERO if group.stop.state.terminal else part
            gone = group.stop if group.stop.state.terminal else gone
    if gone is not None and covered < wanted:
        text = f"{wanted - covered} of {abs(units)} held by {gone.strategy} have no stop at the venue: it is "
        yield "UNPROTECTED", gone, f"{text}{gone.state}"


def _opened_by_legs(ledger: Ledger, newest: Iterable[Attempt], units: Decimal) -> Iterator[tuple[str, Attempt, str]]:
    """The newest group whose legs both closed the same units, where what they opened is still held.

    Args:
        newest: entries with protective legs, newest first; the others cost a reading each and close nothing.
    """
    for entry in newest:
        if entry.side.sign * units >= 0:
            continue
        group = protection(ledger, entry.ref)
        if group.uncovered < 0:
            text = f"its legs closed {-group.uncovered} more than it had opened: {entry.strategy} holds {units}"
            yield "PROTECTION_TOO_LARGE", entry, text
            return


def _stops_sent_alone(ledger: Ledger, account: str) -> dict[str, Decimal]:
    """Signed units of live stop orders without an entry, by instrument: a person has placed them."""
    found: dict[str, Decimal] = {}
    for row in ledger.attempts.live(account):
        is_alone = not row.is_protective and row.state is not AttemptState.CLAIMED
        kind = ledger.outbox.get(row.decision_id).terms.order.kind if is_alone else None
        if kind in PROTECTIVE_KINDS[Leg.STOP_LOSS]:
            left = row.side.sign * (row.quantity - ledger.executions.filled(row.ref))
            found[row.instrument] = found.get(row.instrument, ZERO) + left
    return found

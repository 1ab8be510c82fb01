"""Requests about accounts: values, summaries, positions, profit."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from brokers.ibkr.gateway import messages
from brokers.ibkr.gateway.hub import GatewayState, Handler
from brokers.ibkr.gateway.session import Session

MOST_SUMMARIES = 2


def account_values(hub: GatewayState, account: str) -> list[tuple[str, str, str]]:
    """(tag, value, currency) of everything that is known of an account."""
    book, equity = hub.venue.book(account), hub.venue.equity(account)
    amounts = {
        "NetLiquidation": equity,
        "TotalCashValue": book.cash,
        "SettledCash": book.cash,
        "AvailableFunds": book.cash,
        "BuyingPower": max(Decimal(0), equity * 4),
        "EquityWithLoanValue": equity,
        "GrossPositionValue": equity - book.cash,
    }
    values = [(tag, f"{amount:.2f}", book.currency) for tag, amount in amounts.items()]
    return [("AccountType", "INDIVIDUAL", ""), *values, ("CashBalance", f"{book.cash:.2f}", book.currency)]


def account_updates(hub: GatewayState, session: Session, fields: Iterator[str]) -> None:
    """6: values and portfolio of one account."""
    next(fields)
    subscribe, account = next(fields) == "1", next(fields) or hub.accounts[0]
    if not subscribe:
        return
    if account not in hub.accounts:
        session.error(-1, 321, f"Error validating request: unknown account {account}.")
        return
    for tag, value, currency in account_values(hub, account):
        session.send([6, 2, tag, value, currency, account])
    for held in hub.venue.book(account).holdings.values():
        known = hub.venue.prices.get(held.instrument)
        price = known.newest if known and known.newest is not None else held.average_price
        session.send(messages.portfolio_value(hub.listing(held.instrument), held, price))
    session.send([8, 1, hub.clock.now().strftime("%H:%M")])
    session.send([54, 1, account])


def account_updates_multi(hub: GatewayState, session: Session, fields: Iterator[str]) -> None:
    """76: values of one account under a request id."""
    next(fields)
    request, account = int(next(fields)), next(fields) or hub.accounts[0]
    if account not in hub.accounts:
        session.error(request, 321, f"Error validating request: unknown account {account}.")
        return
    for tag, value, currency in account_values(hub, account):
        session.send([73, 1, request, account, "", tag, value, currency])
    session.send([74, 1, request])


def account_summary(hub: GatewayState, session: Session, fields: Iterator[str]) -> None:
    """62: chosen values of all accounts; two subscriptions at most."""
    next(fields)
    request, _group, tags = next(fields), next(fields), set(next(fields).split(","))
    if len(session.summaries) >= MOST_SUMMARIES:
        session.error(
            int(request), 322, "Error processing request: Maximum number of account summary requests exceeded"
        )
        return
    session.summaries.add(request)
    for account in hub.accounts:
        for tag, value, currency in account_values(hub, account):
            if tag in tags:
                session.send([63, 1, request, account, tag, value, currency])
    session.send([64, 1, request])


def cancel_account_summary(_hub: GatewayState, session: Session, fields: Iterator[str]) -> None:
    """63: end a summary."""
    next(fields)
    session.summaries.discard(next(fields))


def positions(hub: GatewayState, session: Session, _fields: Iterator[str]) -> None:
    """61: the holdings of all accounts."""
    for account in hub.accounts:
        for held in hub.venue.book(account).holdings.values():
            if held.quantity:
                session.send(messages.position(hub.listing(held.instrument), held))
    session.send([62, 1])


def profit(hub: GatewayState, session: Session, fields: Iterator[str]) -> None:
    """92: profit of an account: since the start of the venue, as it keeps no marks of yesterday."""
    request, account = int(next(fields)), next(fields)
    realized = sum(
        (item.realized or Decimal(0) for item in hub.venue.state.executions if item.order.account == account),
        Decimal(0),
    )
    book = hub.venue.book(account)
    cost = sum(
        held.quantity * held.average_price * hub.venue.instrument(symbol).multiplier
        for symbol, held in book.holdings.items()
    )
    unrealized = hub.venue.equity(account) - book.cash - cost
    session.send([94, request, realized + unrealized, unrealized, realized])


def managed_accounts(hub: GatewayState, session: Session, _fields: Iterator[str]) -> None:
    """17: the accounts again."""
    session.send([15, 1, ",".join(hub.accounts)])


def current_time(hub: GatewayState, session: Session, _fields: Iterator[str]) -> None:
    """49: the venue's clock, in whole seconds."""
    session.send([49, 1, int(hub.clock.now().timestamp() + hub.faults.clock_skew)])


def nothing(_hub: GatewayState, _session: Session, _fields: Iterator[str]) -> None:
    """14, 64, 77, 93: nothing to answer."""


HANDLERS: dict[int, Handler] = {
    6: account_updates,
    14: nothing,
    17: managed_accounts,
    49: current_time,
    61: positions,
    62: account_summary,
    63: cancel_account_summary,
    64: nothing,
    76: account_updates_multi,
    77: nothing,
    92: profit,
    93: nothing,
}

"""Reading an account: a complete view of the venue with money and prices, over whichever connection is given."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from tradewright.execution.heard import heard_session, snapshot_since
from tradewright.execution.risk_snapshot import AccountView, SnapshotBuilder
from tradewright.ledger.ledger import Ledger
from tradewright.model.broker import AccountState, Broker, BrokerEvent, BrokerSnapshot, Quote
from tradewright.model.errors import BrokerError
from tradewright.model.intent import Intent
from tradewright.model.order import OrderType


class AccountReader:
    """Asks the venue about one account. It sends nothing, holds no lease, and changes no order.

    Views and decisions use it over a connection of their own, so that asking never waits for the sender; the sender
    uses it over its own connection for the checks before a send.
    """

    def __init__(self, broker: Broker, ledger: Ledger, builder: SnapshotBuilder, account: str) -> None:
        self._broker, self._ledger, self._builder, self._account = broker, ledger, builder, account

    async def connect(self) -> None:
        """Connect; the messages of the venue are left to the sender's connection.

        Raises:
            BrokerError: when the venue refuses or hangs.
        """
        await self._broker.connect(_ignore)

    async def disconnect(self) -> None:
        """Close the connection; harmless when there is none."""
        await self._broker.disconnect()

    def holds_protection(self, symbol: str) -> bool:
        """Whether the venue can hold protective legs beside an entry in an instrument; False for an unknown one."""
        instrument = self._builder.instruments.get(symbol)
        return instrument is not None and instrument.asset_class in self._broker.capabilities.groups

    def holds_legs_of(self, intent: Intent) -> bool:
        """Whether the venue can hold the protective legs of an intent: all of them, by instrument and kind."""
        trails = intent.trailing_stop is not None
        kinds = self._broker.capabilities.kinds
        return self.holds_protection(intent.terms.instrument) and (not trails or OrderType.TRAILING_STOP in kinds)

    async def view(self, symbols: Collection[str]) -> AccountView:
        """A complete view, with quotes of these symbols and of everything held or on order; the equity is recorded.

        A loss that has reached a limit trips the circuit breaker.

        Raises:
            BrokerError: when the venue cannot be read, or answers for another account.
        """
        snapshot = await snapshot_since(self._broker, heard_session(self._ledger, self._account))
        view = await self.valued(snapshot, symbols)
        self._builder.exchange.refresh()  # losses and sizes are counted at the rates of now
        self._ledger.equity.mark(self._account, view.account.equity, view.account.cash)
        self._builder.watch_losses(view.account)
        return view

    async def valued(self, snapshot: BrokerSnapshot, symbols: Iterable[str]) -> AccountView:
        """A snapshot that was taken already, with money and prices.

        Raises:
            BrokerError: as :meth:`view`.
        """
        to_price = self._builder.instruments_to_price(snapshot, self._account)
        return AccountView(snapshot, await self.money(), await self._quotes({*symbols, *to_price}))

    async def money(self) -> AccountState:
        """Equity and cash.

        Raises:
            BrokerError: when the venue does not say, or answers for another account.
        """
        money = await self._broker.account()
        if money.account != self._account:
            raise BrokerError(
                f"the venue answers for account {money.account!r}, not for {self._account!r}",
                where=self._broker.venue,
                remedy="set broker.account to the account that the gateway manages",
            )
        return money

    async def _quotes(self, symbols: Iterable[str]) -> dict[str, Quote]:
        """The newest prices; a symbol without one is left out, and the gate says so."""
        quotes = {}
        for symbol in sorted(symbols):
            try:
                quotes[symbol] = await self._broker.quote(symbol)
            except BrokerError:
                continue
        return quotes


def _ignore(_event: BrokerEvent) -> None:
    """Leave a message to the connection of the sender, which keeps it."""

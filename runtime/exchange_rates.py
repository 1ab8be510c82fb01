"""Where exchange rates come from: a file of ``backtest.rates``, or stored bars of currency pairs. Loads no numba."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from conf.environment import in_project
from conf.schema.settings import Settings
from runtime.container import Container
from tradewright.model.bar_rules import select
from tradewright.model.bars import Bars, Timeframe
from tradewright.model.currency import RateSeries, base_currency
from tradewright.model.errors import ConfigError
from tradewright.model.instrument import Instrument

if TYPE_CHECKING:
    from tradewright.execution.exchange_rates import ExchangeRates

Pairs = dict[tuple[str, str], Instrument]
"""Instruments by their base and quote currency."""

NEWEST_BARS = 40
NEWEST_SPAN = timedelta(days=10)
"""Of each pair the newest bars that tell what a rate is now: at least so many periods, and so many days."""


def account_currency(settings: Settings) -> str:
    """The currency of the account: of its cash, its limits, and every amount that is reported."""
    return settings.policy.currency


def fee_currency(settings: Settings) -> str | None:
    """The currency of the amounts of ``backtest.costs``; None where it is the account's, or there are none."""
    charged = settings.backtest.costs.currency
    return None if charged == account_currency(settings) else charged


def fee_rate_series(house: Container, charged: str, timeframe: Timeframe, *, newest: bool = False) -> RateSeries:
    """The rates from the currency of the costs to the account's; see :func:`rates_from`.

    Raises:
        ConfigError: there are none.
        DataError, StoreError: as for :func:`rates_from`.
    """
    found, account = rates_from(house, charged, timeframe, newest=newest), account_currency(house.settings)
    if found is None:
        raise ConfigError(
            f"fees are charged in {charged}, the account is in {account}, and there are no rates between them",
            where=f"backtest.costs.currency, policy.currency={account}",
            remedy=to_bring(house, charged),
        )
    return found


class FeeRates:
    """The rates at which a simulated venue exchanges its fees, from the sources of a backtest.

    Args:
        charged: the currency of the fees.
        timeframe: of the bars of a pair that are preferred.
    """

    def __init__(self, house: Container, charged: str, timeframe: Timeframe) -> None:
        self._house, self._charged, self._timeframe = house, charged, timeframe
        self._whole: RateSeries | None = None

    def __call__(self, moment: datetime) -> Decimal:
        """The newest rate known at a moment, however old: a fee must be booked. Before the first one it is that.

        Raises:
            ConfigError, DataError, StoreError: as :func:`fee_rate_series`.
        """
        at = np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "ns").astype(np.int64)
        rate = float(self._reaching(int(at)).at(np.array([at]))[0][0])
        return Decimal(repr(rate if rate == rate else float(self._reaching(int(at)).rates[0])))

    def _reaching(self, at: int) -> RateSeries:
        """A series that has the newest rate of a moment: the whole one is read once, and of later rates the newest."""
        if self._whole is None or at > self._whole.known[-1]:
            newest = fee_rate_series(self._house, self._charged, self._timeframe, newest=True)
            if at >= newest.known[0]:
                return newest
            self._whole = fee_rate_series(self._house, self._charged, self._timeframe)
        return self._whole


def fee_rates(house: Container, timeframe: Timeframe) -> FeeRates | None:
    """The rates of a simulated venue's fees; None where they are charged in the account's currency."""
    charged = fee_currency(house.settings)
    return None if charged is None else FeeRates(house, charged, timeframe)


def newest_rates(house: Container) -> ExchangeRates:
    """The newest rates into the account's currency, from the sources of a backtest on the universe's timeframe."""
    from tradewright.execution.exchange_rates import ExchangeRates

    def source(currency: str) -> RateSeries:
        found = rates_from(house, currency, house.settings.universe.timeframe, newest=True)
        if found is None:
            raise ConfigError("there is no pair with stored bars and no file", remedy=to_bring(house, currency))
        return found

    return ExchangeRates(account_currency(house.settings), source)


def rates_from(house: Container, quote: str, timeframe: Timeframe, *, newest: bool = False) -> RateSeries | None:
    """The rates from a currency to the account's; None where there are none.

    A declared file comes first, then a pair of the two currencies in either direction, then two pairs with a third
    currency between them, the first of the alphabet.

    Args:
        timeframe: of the bars that are preferred.
        newest: only the last of them, for what a rate is now.

    Raises:
        DataError: a broken file.
        StoreError: the bars of a pair are damaged.
    """
    from tradewright.formats.rates_file import read_rates

    settings, account = house.settings, account_currency(house.settings)
    named = settings.backtest.rates.get(quote)
    if named is not None:
        return read_rates(in_project(named), quote, account)
    stored = _StoredPairs(house, timeframe, newest)
    direct = stored.between(quote, account)
    if direct is not None:
        return direct
    for third in sorted(set(chain.from_iterable(stored.pairs)) - {quote, account}):
        first = stored.between(quote, third)
        second = stored.between(third, account) if first is not None else None
        if first is not None and second is not None:
            return first.through(second)
    return None


def to_bring(house: Container, quote: str) -> str:
    """What gives the rates from a currency to the account's, as an order to a person."""
    account = account_currency(house.settings)
    declared = [
        row.symbol for row in house.instruments.values() if {base_currency(row), row.currency} == {quote, account}
    ]
    bring = f"import bars of {declared[0]}" if declared else f"declare and import a pair such as {quote}{account}"
    return f"{bring}, or name a file of {account} per {quote}: backtest.rates.{quote}=FILE.csv"


class _StoredPairs:
    """The pairs with stored bars, those of the universe first where two are of the same currencies."""

    def __init__(self, house: Container, timeframe: Timeframe, newest: bool) -> None:
        self._house, self._newest = house, newest
        universe = house.settings.universe
        wanted = timeframe, universe.timeframe, universe.base_timeframe, Timeframe.H1, Timeframe.D1
        self._timeframes = tuple(dict.fromkeys(wanted))
        self.pairs: Pairs = {}
        for row in sorted(house.instruments.values(), key=lambda each: each.symbol not in universe.instruments):
            base = base_currency(row)
            if base is not None and next(self._stored(row), None) is not None:
                self.pairs.setdefault((base, row.currency), row)

    def between(self, source: str, target: str) -> RateSeries | None:
        """The rates of one pair in either direction; None where none is stored."""
        straight, turned = self.pairs.get((source, target)), self.pairs.get((target, source))
        if straight is not None:
            return self._closes(straight, source, target)
        return self._closes(turned, target, source).inverse() if turned is not None else None

    def _stored(self, pair: Instrument) -> Iterator[Timeframe]:
        for each in self._timeframes:
            if self._house.bars.coverage(pair.symbol, each) is not None:
                yield each

    def _closes(self, pair: Instrument, source: str, target: str) -> RateSeries:
        """The closes of a pair, each known when its bar closed.

        A daily bar that starts with no session, as a vendor's of Sunday evening, tells no moment at which it was known.

        Raises:
            DataError: of no bar.
        """
        from tradewright.calendars.bar_closes import bar_closes
        from tradewright.calendars.registry import calendar_of

        stored, market = next(self._stored(pair)), calendar_of(pair)
        bars = self._bars(pair, stored)
        if stored is Timeframe.D1 and not market.utc_days:
            bars = select(bars, np.isin(bars.ts, market.opens))
        known = bar_closes(market, stored, bars.ts)
        return RateSeries(source, target, known, bars.close, f"{pair.symbol} {stored}")

    def _bars(self, pair: Instrument, stored: Timeframe) -> Bars:
        covered = self._house.bars.coverage(pair.symbol, stored)
        if not self._newest or covered is None:
            return self._house.bars.read_bars(pair.symbol, stored)
        span = max(NEWEST_SPAN, NEWEST_BARS * timedelta(seconds=stored.seconds))
        since = min(covered.last.to_pydatetime(), self._house.clock.now()) - span
        return self._house.bars.read_bars(pair.symbol, stored, start=since)

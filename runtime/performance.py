"""The performance of strategies in trading, with the marks and rates that are stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np

from runtime.container import Container
from runtime.exchange_rates import account_currency, rates_from, to_bring
from tradewright.ledger.ownership import Trade
from tradewright.model.bar_rules import select
from tradewright.model.bars import Floats, Timeframe, Times
from tradewright.model.currency import RateSeries
from tradewright.model.errors import TradewrightError
from tradewright.model.instrument import Instrument
from tradewright.oversight.performance import Known, MarkedMarket, PerformanceDay, Terms, performance

_BEFORE = timedelta(days=35)
"""Of bars from so long before the first trade: a monthly one that was closed by then is among them."""


def strategy_days(house: Container, trades: list[Trade]) -> list[PerformanceDay]:
    """A row for each strategy and day, at the closes of stored bars and the rates of a backtest."""
    terms = {row.symbol: Terms(row.currency, row.multiplier) for row in house.instruments.values()}
    currency = account_currency(house.settings)
    since = min((trade.at for trade in trades), default=house.clock.now()) - _BEFORE
    splits = {name: splits_of(house, name) for name in {trade.instrument for trade in trades} & terms.keys()}
    market = MarkedMarket(Marks(house, since).at, Rates(house).at, splits)
    return performance(trades, terms, currency, market, house.clock.now())


def splits_of(house: Container, symbol: str) -> list[datetime]:
    """The moments of the splits of an instrument, as far as its corporate actions are stored.

    Raises:
        StoreError: the table is damaged.
    """
    from tradewright.store.actions import NoFactors, ends_of

    try:
        factors = house.bar_store.actions.factors(symbol)
    except NoFactors:
        return []
    if factors.empty:
        return []
    split = np.append(factors["split_factor"].to_numpy(np.float64), 1.0)
    ends = ends_of(factors)[split[1:] != split[:-1]]
    return [datetime.fromtimestamp(int(each) / 1e9, UTC) for each in ends]


@dataclass(frozen=True, eq=False)
class _Closes:
    """Closes as they became known; ``until`` is the end of the first whole session after each, int64 nanoseconds."""

    known: Times
    close: Floats
    until: Times


class Marks:
    """The newest close of stored bars that was known at a moment.

    It is a mark until a whole session has ended in which no bar became known; on a market that stands still, for ever.

    Args:
        since: of bars that start later; of a market that stands still all are read.
    """

    def __init__(self, house: Container, since: datetime) -> None:
        self._house, self._since = house, since
        self._read: dict[str, _Closes | str] = {}

    def at(self, symbol: str, moment: datetime) -> Known:
        """The mark of an instrument of ``conf/instruments``, or why there is none."""
        if symbol not in self._read:
            self._read[symbol] = self._closes(self._house.instrument(symbol))
        found, at = self._read[symbol], _nanoseconds(moment)
        if isinstance(found, str):
            return found
        row = int(np.searchsorted(found.known, at, side="right")) - 1
        if row < 0:
            return f"{symbol} has no bar that was closed by {moment:%Y-%m-%d %H:%M} UTC"
        if found.until[row] <= at and not self._house.stands_still:
            newest = np.datetime64(int(found.known[row]), "ns").astype("datetime64[m]").item()
            return (
                f"{symbol} has no bar of a session that ended by {moment:%Y-%m-%d %H:%M}: the last is of {newest} UTC"
            )
        return Decimal(repr(float(found.close[row])))

    def _closes(self, instrument: Instrument) -> _Closes | str:
        from tradewright.calendars.bar_closes import bar_closes
        from tradewright.calendars.registry import calendar_of

        market, symbol = calendar_of(instrument), instrument.symbol
        try:
            for wanted in self._house.mark_timeframes:
                stored = self._house.bars.base_of(symbol, wanted)
                if stored is None:
                    continue
                since = None if self._house.stands_still else self._since
                bars = self._house.bars.read_bars(symbol, stored, start=since)
                if stored is Timeframe.D1 and not market.utc_days:
                    bars = select(bars, np.isin(bars.ts, market.opens))
                known = bar_closes(market, stored, bars.ts)
                row = np.searchsorted(market.opens, known, side="left")
                last = len(market.closes) - 1
                until = np.where(row <= last, market.closes[np.minimum(row, last)], np.iinfo(np.int64).max)
                return _Closes(known, bars.close, until)
        except TradewrightError as error:
            return str(error)
        return f"{symbol} has no stored bars"


class Rates:
    """The newest rate into the account's currency that was known at a moment, as old as the gate may use it."""

    def __init__(self, house: Container) -> None:
        self._house = house
        self._read: dict[str, RateSeries | str] = {}

    def at(self, currency: str, moment: datetime) -> Known:
        """The rate of a currency, or why there is none."""
        if currency not in self._read:
            self._read[currency] = self._series(currency)
        found, policy = self._read[currency], self._house.settings.policy
        if isinstance(found, str):
            return found
        rate, days = (float(column[0]) for column in found.at(np.array([_nanoseconds(moment)])))
        if np.isnan(rate):
            return f"{found.origin} has no rate of {currency} by {moment:%Y-%m-%d %H:%M} UTC"
        if days * 86_400 > policy.max_rate_age_seconds:
            return f"the rate of {currency} from {found.origin} is {days:.1f} days old at {moment:%Y-%m-%d %H:%M} UTC"
        return Decimal(repr(rate))

    def _series(self, currency: str) -> RateSeries | str:
        try:
            found = rates_from(self._house, currency, self._house.settings.universe.timeframe)
        except TradewrightError as error:
            return str(error)
        return f"there is no rate of {currency}: {to_bring(self._house, currency)}" if found is None else found


def _nanoseconds(moment: datetime) -> int:
    return int(np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "ns").astype(np.int64))

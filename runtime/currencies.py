"""Where the rates of a backtest come from: a file of ``backtest.rates``, or the stored bars of currency pairs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

import numpy as np

from conf.environment import in_project
from conf.schema.settings import Settings
from runtime.container import Container
from tradewright.backtest.rates import Conversion, conversion
from tradewright.calendars.bar_closes import bar_closes
from tradewright.calendars.registry import calendar_of
from tradewright.formats.rates_file import read_rates
from tradewright.model.bar_rules import select
from tradewright.model.bars import Timeframe
from tradewright.model.currency import RateSeries, base_currency, paid_in_full
from tradewright.model.errors import ConfigError
from tradewright.model.instrument import Instrument
from tradewright.research.bars import InstrumentBars

Pairs = dict[tuple[str, str], Instrument]
"""Instruments by their base and quote currency."""


def account_currency(settings: Settings) -> str:
    """The currency of the account: of its cash, its limits, and every amount that is reported."""
    return settings.policy.currency


def conversion_of(
    house: Container, item: InstrumentBars, timeframe: Timeframe, *, lenient: bool = False
) -> Conversion | None:
    """The conversion of an instrument's bars into the account's currency; None where it is quoted in that.

    Args:
        timeframe: of the bars.
        lenient: for decisions, which need no money: bars before the first rate take that.

    Raises:
        ConfigError: nothing gives the rates.
        DataError: the rates do not cover the bars, or their file is broken.
        StoreError: the bars of a pair are damaged.
    """
    instrument, account = item.instrument, account_currency(house.settings)
    if instrument.currency == account:
        return None
    closes = bar_closes(calendar_of(instrument), timeframe, item.bars.ts)
    return conversion(
        rate_series(house, instrument, timeframe),
        item.bars.ts,
        closes,
        paid_in_full=paid_in_full(instrument, account),
        name=instrument.symbol,
        lenient=lenient,
    )


def rate_series(house: Container, instrument: Instrument, timeframe: Timeframe) -> RateSeries:
    """The rates from an instrument's currency to the account's.

    A declared file comes first, then a pair of the two currencies in either direction, then two pairs with a third
    currency between them, the first of the alphabet.

    Raises:
        ConfigError: there are none.
        DataError, StoreError: as for :func:`conversion_of`.
    """
    settings, quote, account = house.settings, instrument.currency, account_currency(house.settings)
    named = settings.backtest.rates.get(quote)
    if named is not None:
        return read_rates(in_project(named), quote, account)
    pairs = _stored_pairs(house, timeframe)
    direct = _between(house, pairs, quote, account, timeframe)
    if direct is not None:
        return direct
    for third in sorted(set(chain.from_iterable(pairs)) - {quote, account}):
        first = _between(house, pairs, quote, third, timeframe)
        second = _between(house, pairs, third, account, timeframe) if first is not None else None
        if first is not None and second is not None:
            return first.through(second)
    raise _no_rates(house, instrument)


def _timeframes(settings: Settings, timeframe: Timeframe) -> tuple[Timeframe, ...]:
    universe = settings.universe
    return tuple(dict.fromkeys((timeframe, universe.timeframe, universe.base_timeframe, Timeframe.H1, Timeframe.D1)))


def _stored_pairs(house: Container, timeframe: Timeframe) -> Pairs:
    """The pairs with stored bars, those of the universe first where two are of the same currencies."""
    universe = house.settings.universe.instruments
    rows = sorted(house.instruments.values(), key=lambda each: each.symbol not in universe)
    found: Pairs = {}
    for row in rows:
        base = base_currency(row)
        if base is not None and next(_stored(house, row, timeframe), None) is not None:
            found.setdefault((base, row.currency), row)
    return found


def _stored(house: Container, pair: Instrument, timeframe: Timeframe) -> Iterator[Timeframe]:
    for each in _timeframes(house.settings, timeframe):
        if house.bars.coverage(pair.symbol, each) is not None:
            yield each


def _between(house: Container, pairs: Pairs, source: str, target: str, timeframe: Timeframe) -> RateSeries | None:
    """The rates of one pair in either direction; None where none is stored."""
    straight, turned = pairs.get((source, target)), pairs.get((target, source))
    if straight is not None:
        return _closes(house, straight, source, target, timeframe)
    return _closes(house, turned, target, source, timeframe).inverse() if turned is not None else None


def _closes(house: Container, pair: Instrument, source: str, target: str, timeframe: Timeframe) -> RateSeries:
    """The closes of a pair, each known when its bar closed.

    A daily bar that starts with no session, as a vendor's of Sunday evening, tells no moment at which it was known.
    """
    stored, market = next(_stored(house, pair, timeframe)), calendar_of(pair)
    bars = house.bars.read_bars(pair.symbol, stored)
    if stored is Timeframe.D1 and not market.utc_days:
        bars = select(bars, np.isin(bars.ts, market.opens))
    known = bar_closes(market, stored, bars.ts)
    return RateSeries(source, target, known, bars.close, f"{pair.symbol} {stored}")


def _no_rates(house: Container, instrument: Instrument) -> ConfigError:
    quote, account = instrument.currency, account_currency(house.settings)
    declared = [
        row.symbol for row in house.instruments.values() if {base_currency(row), row.currency} == {quote, account}
    ]
    bring = f"import bars of {declared[0]}" if declared else f"declare and import a pair such as {quote}{account}"
    return ConfigError(
        f"{instrument.symbol} is quoted in {quote}, the account is in {account}, and there are no rates between them",
        where=f"{instrument.symbol}, policy.currency={account}",
        remedy=f"{bring}, or name a file of {account} per {quote}: backtest.rates.{quote}=FILE.csv",
    )


def refuse_other_currencies(house: Container, instruments: Iterable[Instrument], road: str) -> None:
    """Refuse instruments in another currency than the account's where no conversion is made.

    Raises:
        ConfigError: naming them.
    """
    account = account_currency(house.settings)
    others = [each for each in instruments if each.currency != account]
    if others:
        told = ", ".join(f"{each.symbol} in {each.currency}" for each in others)
        raise ConfigError(
            f"{road} keeps an account in {account} only, and {told} is not",
            where="universe.instruments",
            remedy="leave it out; a backtest converts it (docs/instruments.md)",
        )

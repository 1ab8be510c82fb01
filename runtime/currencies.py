"""The rates of a backtest: the conversion of an instrument's bars, or the refusal."""

from __future__ import annotations

from collections.abc import Iterable

from runtime.container import Container
from runtime.exchange_rates import account_currency, fee_currency, fee_rate_series, rates_from, to_bring
from tradewright.backtest.rates import Conversion, conversion
from tradewright.calendars.bar_closes import bar_closes
from tradewright.calendars.registry import calendar_of
from tradewright.model.bars import Timeframe
from tradewright.model.currency import RateSeries, paid_in_full
from tradewright.model.errors import ConfigError
from tradewright.model.instrument import Instrument
from tradewright.research.bars import InstrumentBars


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
    found, paid = rate_series(house, instrument, timeframe), paid_in_full(instrument, account)
    return _conversion(item, timeframe, found, paid, lenient)


def fee_conversion_of(
    house: Container, item: InstrumentBars, timeframe: Timeframe, *, lenient: bool = False
) -> Conversion | None:
    """The conversion of the currency of the costs at an instrument's bars; None where it is the account's.

    Args:
        timeframe, lenient: as for :func:`conversion_of`.

    Raises:
        ConfigError, DataError, StoreError: as for :func:`conversion_of`.
    """
    charged = fee_currency(house.settings)
    if charged is None:
        return None
    return _conversion(item, timeframe, fee_rate_series(house, charged, timeframe), True, lenient)


def _conversion(item: InstrumentBars, timeframe: Timeframe, found: RateSeries, paid: bool, lenient: bool) -> Conversion:
    closes = bar_closes(calendar_of(item.instrument), timeframe, item.bars.ts)
    name = item.instrument.symbol
    return conversion(found, item.bars.ts, closes, paid_in_full=paid, name=name, lenient=lenient)


def rate_series(house: Container, instrument: Instrument, timeframe: Timeframe) -> RateSeries:
    """The rates from an instrument's currency to the account's; see :func:`rates_from`.

    Raises:
        ConfigError: there are none.
        DataError, StoreError: as for :func:`conversion_of`.
    """
    found, account = rates_from(house, instrument.currency, timeframe), account_currency(house.settings)
    if found is None:
        raise ConfigError(
            f"{instrument.symbol} is quoted in {instrument.currency}, the account is in {account}, and there are no "
            "rates between them",
            where=f"{instrument.symbol}, policy.currency={account}",
            remedy=to_bring(house, instrument.currency),
        )
    return found


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

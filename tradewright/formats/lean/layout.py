"""The layout of a LEAN data folder: class folder, market, ticker, contract, and the zone of its time stamps."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from tradewright.formats.plain_files import content
from tradewright.model.bars import Timeframe
from tradewright.model.errors import DataError
from tradewright.model.instrument import AssetClass, Instrument

RESOLUTIONS = {Timeframe.M1: "minute", Timeframe.H1: "hour", Timeframe.D1: "daily"}

_CLASSES: dict[AssetClass, tuple[str, ...]] = {
    AssetClass.STOCK: ("equity",),
    AssetClass.ETF: ("equity",),
    AssetClass.INDEX: ("index",),
    AssetClass.FOREX: ("forex",),
    AssetClass.CRYPTO: ("crypto", "cryptofuture"),
    AssetClass.FUTURE: ("future", "cryptofuture"),
    AssetClass.CFD: ("cfd",),
    AssetClass.METAL: ("cfd", "forex"),
}


class LeanPlace(NamedTuple):
    """An instrument in a LEAN data folder. ``contract`` is empty where a zip holds only one table."""

    data: Path
    security: str
    """``equity``, ``index``, ``forex``, ``crypto``, ``cryptofuture``, ``future`` or ``cfd``."""
    market: str
    ticker: str
    contract: str = ""

    @property
    def folder(self) -> Path:
        """The market's folder, such as ``<data>/equity/usa``."""
        return self.data / self.security / self.market

    @property
    def price_scale(self) -> float:
        """The divisor of stored prices: equities are integers in hundredths of a cent."""
        return 10_000.0 if self.security == "equity" else 1.0

    def files(self, timeframe: Timeframe, kind: str) -> list[Path]:
        """The zips with bars of ``kind`` (``trade`` or ``quote``), oldest first; a plain name may be of any kind."""
        resolution = RESOLUTIONS.get(timeframe)
        if resolution is None:
            return []
        if timeframe is Timeframe.M1:
            return sorted((self.folder / resolution / self.ticker).glob(f"*_{kind}.zip"))
        names = (f"{self.ticker}_{kind}.zip", f"{self.ticker}.zip")
        paths = (self.folder / resolution / name for name in names)
        return [path for path in paths if path.is_file()][:1]


def locate(data: Path, instrument: Instrument, timeframe: Timeframe) -> LeanPlace:
    """The place of an instrument's bars.

    The instrument's LEAN name (``venue_symbols: {lean: ...}``, its symbol where absent) is
    ``[[class/]market/]ticker[:contract]``: ``SPY``, ``coinbase/btcusd``, ``future/cme/es:201312``. What is not named
    is found by asset class and by looking.

    Raises:
        DataError: when the folder is no LEAN data folder, there are no such bars, or several places have them.
    """
    if not data.is_dir():
        raise DataError("there is no such folder", where=str(data), remedy="give LEAN's Data folder")
    name, _, contract = instrument.venue_symbol("lean").lower().partition(":")
    *prefix, ticker = name.split("/")
    securities = (prefix[-2],) if len(prefix) > 1 else _CLASSES[instrument.asset_class]
    market = prefix[-1] if prefix else "*"
    places = [
        LeanPlace(data, security, folder.name, ticker, contract)
        for security in securities
        for folder in sorted((data / security).glob(market))
    ]
    having = [place for place in places if any(place.files(timeframe, kind) for kind in ("trade", "quote"))]
    if len(having) == 1:
        return having[0]
    raise _unlocated(data, instrument, timeframe, securities, having)


def _unlocated(
    data: Path, instrument: Instrument, timeframe: Timeframe, securities: tuple[str, ...], having: list[LeanPlace]
) -> DataError:
    if having:
        choices = ", ".join(f"{place.market}/{place.ticker}" for place in having)
        return DataError(
            f"{instrument.symbol} at {timeframe} is in several markets: {choices}",
            where=str(data),
            remedy="name one in the instrument's venue_symbols: {lean: ...}",
        )
    if timeframe not in RESOLUTIONS:
        known = ", ".join(RESOLUTIONS)
        return DataError(
            f"LEAN keeps no {timeframe} bars, only {known}", where=str(data), remedy="import one of them and resample"
        )
    return DataError(
        f"no {RESOLUTIONS[timeframe]} bars of {instrument.venue_symbol('lean')} under {' or '.join(securities)}",
        where=str(data),
        remedy="check the folder, the timeframe and the instrument's asset class and venue_symbols: {lean: ...}",
    )


_SPELLINGS = {"cryptofuture": "CryptoFuture"}
_FIXED_OFFSET = re.compile(r"UTC([+-])(\d\d)(?::?(\d\d))?")
_WITHOUT_DATABASE = {"equity": "America/New_York", "index": "America/Chicago"}


def data_zone(place: LeanPlace) -> str:
    """The zone in which the place's bars are stamped.

    The entry of the symbol comes before that of its market. Without a database: New York for equities, Chicago for
    indices, UTC for the rest.

    Raises:
        DataError: when the database cannot be read, or names a zone that there is not.
    """
    path = place.data / "market-hours" / "market-hours-database.json"
    fallback = _WITHOUT_DATABASE.get(place.security, "UTC")
    if not path.is_file():
        return fallback
    security = _SPELLINGS.get(place.security, place.security.capitalize())
    entries = _entries(path)
    for symbol in (place.ticker.upper(), "[*]"):
        entry = entries.get(f"{security}-{place.market}-{symbol}")
        if entry is not None:
            return _zone(str(entry.get("dataTimeZone", "")), path)
    return fallback


def _zone(name: str, path: Path) -> str:
    """A zone of the database by the name that pandas knows; LEAN writes fixed offsets as ``UTC-05``.

    Raises:
        DataError: for a zone that nobody knows.
    """
    if offset := _FIXED_OFFSET.fullmatch(name):
        sign, hours, minutes = offset.groups()
        return f"UTC{sign}{hours}:{minutes or '00'}"
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise DataError(f"there is no zone {name!r}", where=str(path), remedy="fetch the database again") from error
    return name


def _entries(path: Path) -> dict[str, dict[str, str]]:
    try:
        read = json.loads(content(path).decode("utf-8-sig"))["entries"]
        entries = {str(name): dict(entry) for name, entry in read.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError("not a market-hours database", where=str(path), remedy="fetch it again") from error
    return entries

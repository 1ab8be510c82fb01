"""How an instrument is called at Interactive Brokers."""

from __future__ import annotations

from typing import NamedTuple

from tradewright.model.hashing import decimal_text
from tradewright.model.instrument import AssetClass, Instrument

SEC_TYPES: dict[AssetClass, str] = {
    AssetClass.STOCK: "STK",
    AssetClass.ETF: "STK",
    AssetClass.INDEX: "CFD",
    AssetClass.CFD: "CFD",
    AssetClass.FOREX: "CASH",
    AssetClass.CRYPTO: "CRYPTO",
    AssetClass.METAL: "CMDTY",
    AssetClass.FUTURE: "FUT",
}
"""Indices are traded as contracts for difference."""

EXCHANGES = {"CASH": "IDEALPRO", "CRYPTO": "PAXOS"}
"""Where a security type has one exchange; everything else goes to SMART unless the instrument names another."""


class VenueName(NamedTuple):
    """The fields that identify a contract at the venue."""

    symbol: str
    sec_type: str
    exchange: str
    currency: str
    expiry: str = ""
    multiplier: str = ""

    @property
    def local_symbol(self) -> str:
        """The venue's short name: pairs carry their currency."""
        return f"{self.symbol}.{self.currency}" if self.sec_type in EXCHANGES else self.symbol


def venue_name(instrument: Instrument) -> VenueName:
    """The contract of an instrument.

    ``venue_symbols["ibkr"]`` overrides what follows from symbol, asset class and currency. Its form is
    ``SYMBOL[.CURRENCY][-EXCHANGE]`` (``BTC.USD-PAXOS``, ``EUR.USD-IDEALPRO``), for futures ``SYMBOL-EXCHANGE-EXPIRY``
    (``ES-CME-202612``). A share keeps its dot as a blank (``BRK.B`` is ``BRK B`` there).
    """
    sec_type = SEC_TYPES[instrument.asset_class]
    name, *rest = instrument.venue_symbol("ibkr").split("-")
    exchange = rest[0] if rest else EXCHANGES.get(sec_type, instrument.exchange)
    expiry = rest[1] if len(rest) > 1 else ""
    symbol, currency = name.replace(".", " "), instrument.currency
    if sec_type in EXCHANGES:
        symbol, _, quoted = name.partition(".")
        currency = quoted or currency
        symbol = _without_currency(symbol, currency) if sec_type == "CASH" else symbol
    multiplier = decimal_text(instrument.multiplier) if instrument.multiplier != 1 else ""
    return VenueName(symbol, sec_type, exchange, currency, expiry, multiplier)


def _without_currency(pair: str, currency: str) -> str:
    """``EURUSD`` is EUR in USD."""
    return pair.removesuffix(currency) if len(pair) > len(currency) else pair

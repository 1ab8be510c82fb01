"""The IBKR adapter on a gateway simulator, for senders in processes of their own."""

from __future__ import annotations

from brokers.ibkr.adapter import IbkrBroker
from brokers.ibkr.settings import IbkrSettings
from tradewright.model.clock import SystemClock
from tradewright.model.instrument import AssetClass, Instrument

ACCOUNT = "DU100"
INSTRUMENTS = [Instrument(symbol=symbol, asset_class=AssetClass.STOCK) for symbol in ("AAPL", "MSFT")]


def broker(port: str, timeout: float = 5) -> IbkrBroker:
    """A broker, not yet connected, at a port of this machine."""
    return IbkrBroker(IbkrSettings(port=int(port), account=ACCOUNT, timeout=timeout), INSTRUMENTS, SystemClock())

"""Binance as a plug-in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from brokers.vendors.base import StreamSettings, VendorPlugin
from tradewright.model.clock import Clock
from tradewright.model.live import LiveFeed
from tradewright.model.ports import Feed

if TYPE_CHECKING:
    from brokers.vendors.binance.history import BinanceHistory


class BinanceSettings(StreamSettings):
    """``feed=binance``."""

    kind: Literal["binance"]


class BinancePlugin(VendorPlugin):
    """Public market data: there is no key."""

    kind = "binance"
    settings = BinanceSettings

    def build(self, settings: BinanceSettings, clock: Clock) -> Feed:
        """The feed of candles."""
        from brokers.vendors.feed import VendorFeed

        return VendorFeed(self._history(settings, clock), settings, clock)

    def stream(self, settings: BinanceSettings, clock: Clock) -> LiveFeed:
        """The live feed of candles, bid and ask."""
        from brokers.vendors.binance.stream import BinanceStream
        from brokers.vendors.web_socket import WebSocketClient

        client = WebSocketClient(self.kind, settings.stream_url)
        return BinanceStream(client, self._history(settings, clock), clock)

    def _history(self, settings: BinanceSettings, clock: Clock) -> BinanceHistory:
        from brokers.pacing import Pace
        from brokers.vendors.binance.history import BinanceHistory
        from brokers.vendors.http_client import HttpClient

        paces = {"": Pace(settings.requests_per_minute, 60, clock)}
        return BinanceHistory(HttpClient(self.kind, settings.base_url, {}, (), paces, clock))

"""Binance as a plug-in."""

from __future__ import annotations

from typing import Literal

from brokers.vendors.base import VendorPlugin, VendorSettings
from tradewright.model.clock import Clock
from tradewright.model.ports import Feed


class BinanceSettings(VendorSettings):
    """``feed=binance``."""

    kind: Literal["binance"]


class BinancePlugin(VendorPlugin):
    """Public market data: there is no key."""

    kind = "binance"
    settings = BinanceSettings

    def build(self, settings: BinanceSettings, clock: Clock) -> Feed:
        """The feed of candles."""
        from brokers.pacing import Pace
        from brokers.vendors.binance.history import BinanceHistory
        from brokers.vendors.feed import VendorFeed
        from brokers.vendors.http_client import HttpClient

        paces = {"": Pace(settings.requests_per_minute, 60, clock)}
        client = HttpClient(self.kind, settings.base_url, {}, (), paces, clock)
        return VendorFeed(BinanceHistory(client), settings, clock)

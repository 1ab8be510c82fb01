"""Yahoo as a plug-in."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Literal

from brokers.vendors.base import VendorPlugin, VendorSettings
from tradewright.model.clock import Clock
from tradewright.model.errors import ConfigError
from tradewright.model.ports import Feed


class YahooSettings(VendorSettings):
    """``feed=yahoo``."""

    kind: Literal["yahoo"]


class YahooPlugin(VendorPlugin):
    """Public pages without a key; for private use, by the vendor's terms."""

    kind = "yahoo"
    settings = YahooSettings

    def build(self, settings: YahooSettings, clock: Clock) -> Feed:
        """The feed of charts.

        Raises:
            ConfigError: where yfinance is not installed.
        """
        if find_spec("yfinance") is None:
            what = "feed=yahoo needs yfinance, which is not installed"
            raise ConfigError(what, where="feed.kind", remedy="pip install tradewright[yahoo]")
        from brokers.pacing import Pace
        from brokers.vendors.feed import VendorFeed
        from brokers.vendors.yahoo.client import YahooClient
        from brokers.vendors.yahoo.history import YahooHistory

        paces = {"": Pace(settings.requests_per_minute, 60, clock)}
        client = YahooClient(self.kind, settings.base_url, {}, (), paces, clock)
        return VendorFeed(YahooHistory(client, clock), settings, clock)

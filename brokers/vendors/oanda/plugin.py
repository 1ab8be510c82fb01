"""OANDA as a plug-in."""

from __future__ import annotations

from typing import Literal

from pydantic import SecretStr

from brokers.vendors.base import VendorPlugin, VendorSettings, demanded
from tradewright.model.clock import Clock
from tradewright.model.ports import Feed


class OandaSettings(VendorSettings):
    """``feed=oanda``.

    Args:
        api_token: of the practice or the live account, as ``base_url`` is; from ``OANDA_API_TOKEN``.
    """

    kind: Literal["oanda"]
    api_token: SecretStr | None


class OandaPlugin(VendorPlugin):
    """One token, in a header; it belongs to a practice or a live account."""

    kind = "oanda"
    settings = OandaSettings

    def build(self, settings: OandaSettings, clock: Clock) -> Feed:
        """The feed of candles."""
        from brokers.pacing import Pace
        from brokers.vendors.feed import VendorFeed
        from brokers.vendors.http_client import HttpClient
        from brokers.vendors.oanda.history import OandaHistory

        token = demanded(settings.api_token, "OANDA_API_TOKEN", self.kind)
        paces = {"": Pace(settings.requests_per_minute, 60, clock)}
        headers = {"Authorization": f"Bearer {token}"}
        client = HttpClient(self.kind, settings.base_url, headers, (token,), paces, clock)
        return VendorFeed(OandaHistory(client), settings, clock)

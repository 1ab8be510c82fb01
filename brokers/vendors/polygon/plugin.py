"""Polygon as a plug-in."""

from __future__ import annotations

from typing import Literal

from pydantic import SecretStr

from brokers.vendors.base import VendorPlugin, VendorSettings, demanded
from tradewright.model.clock import Clock
from tradewright.model.ports import Feed


class PolygonSettings(VendorSettings):
    """``feed=polygon``.

    Args:
        api_key: of the account; from ``POLYGON_API_KEY``.
    """

    kind: Literal["polygon"]
    api_key: SecretStr | None


class PolygonPlugin(VendorPlugin):
    """One key, in a header; the plan decides how often and how late."""

    kind = "polygon"
    settings = PolygonSettings

    def build(self, settings: PolygonSettings, clock: Clock) -> Feed:
        """The feed of aggregates."""
        from brokers.pacing import Pace
        from brokers.vendors.feed import VendorFeed
        from brokers.vendors.http_client import HttpClient
        from brokers.vendors.polygon.history import PolygonHistory

        key = demanded(settings.api_key, "POLYGON_API_KEY", self.kind)
        paces = {"": Pace(settings.requests_per_minute, 60, clock)}
        headers = {"Authorization": f"Bearer {key}"}
        client = HttpClient(self.kind, settings.base_url, headers, (key,), paces, clock)
        return VendorFeed(PolygonHistory(client), settings, clock)

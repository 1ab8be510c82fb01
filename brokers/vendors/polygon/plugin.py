"""Polygon as a plug-in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import SecretStr

from brokers.vendors.base import StreamSettings, VendorPlugin, demanded
from tradewright.model.clock import Clock
from tradewright.model.live import LiveFeed
from tradewright.model.ports import Feed

if TYPE_CHECKING:
    from brokers.vendors.polygon.history import PolygonHistory


class PolygonSettings(StreamSettings):
    """``feed=polygon``.

    Args:
        api_key: of the account; from ``POLYGON_API_KEY``.
        stream_quotes: whether bid and ask are streamed beside the minutes; the plan has to include them.
    """

    kind: Literal["polygon"]
    api_key: SecretStr | None
    stream_quotes: bool = False


class PolygonPlugin(VendorPlugin):
    """One key, in a header; the plan decides how often and how late."""

    kind = "polygon"
    settings = PolygonSettings

    def build(self, settings: PolygonSettings, clock: Clock) -> Feed:
        """The feed of aggregates."""
        from brokers.vendors.feed import VendorFeed

        return VendorFeed(self._history(settings, clock), settings, clock)

    def stream(self, settings: PolygonSettings, clock: Clock) -> LiveFeed:
        """The live feed of minutes, and of quotes where the settings say so."""
        from brokers.vendors.polygon.stream import PolygonStream
        from brokers.vendors.web_socket import WebSocketClient

        key = demanded(settings.api_key, "POLYGON_API_KEY", self.kind)
        client = WebSocketClient(self.kind, settings.stream_url, (key,))
        return PolygonStream(client, self._history(settings, clock), key, quotes=settings.stream_quotes)

    def _history(self, settings: PolygonSettings, clock: Clock) -> PolygonHistory:
        from brokers.pacing import Pace
        from brokers.vendors.http_client import HttpClient
        from brokers.vendors.polygon.history import PolygonHistory

        key = demanded(settings.api_key, "POLYGON_API_KEY", self.kind)
        paces = {"": Pace(settings.requests_per_minute, 60, clock)}
        headers = {"Authorization": f"Bearer {key}"}
        return PolygonHistory(HttpClient(self.kind, settings.base_url, headers, (key,), paces, clock))

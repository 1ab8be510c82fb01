"""OANDA as a plug-in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import SecretStr

from brokers.vendors.base import StreamSettings, VendorPlugin, demanded
from tradewright.model.clock import Clock
from tradewright.model.live import LiveFeed
from tradewright.model.ports import Feed

if TYPE_CHECKING:
    from brokers.vendors.oanda.history import OandaHistory


class OandaSettings(StreamSettings):
    """``feed=oanda``.

    Args:
        api_token: of the practice or the live account, as ``base_url`` is; from ``OANDA_API_TOKEN``.
        account_id: whose prices are streamed; from ``OANDA_ACCOUNT_ID``. Candles need none.
    """

    kind: Literal["oanda"]
    api_token: SecretStr | None
    account_id: SecretStr | None


class OandaPlugin(VendorPlugin):
    """One token, in a header; it belongs to a practice or a live account."""

    kind = "oanda"
    settings = OandaSettings

    def build(self, settings: OandaSettings, clock: Clock) -> Feed:
        """The feed of candles."""
        from brokers.vendors.feed import VendorFeed

        return VendorFeed(self._history(settings, clock), settings, clock)

    def stream(self, settings: OandaSettings, clock: Clock) -> LiveFeed:
        """The live feed of prices."""
        from brokers.vendors.http_lines import HttpLines
        from brokers.vendors.oanda.stream import OandaStream

        token = demanded(settings.api_token, "OANDA_API_TOKEN", self.kind)
        account = demanded(settings.account_id, "OANDA_ACCOUNT_ID", self.kind)
        client = HttpLines(self.kind, settings.stream_url, {"Authorization": f"Bearer {token}"}, (token, account))
        return OandaStream(client, self._history(settings, clock), account)

    def _history(self, settings: OandaSettings, clock: Clock) -> OandaHistory:
        from brokers.pacing import Pace
        from brokers.vendors.http_client import HttpClient
        from brokers.vendors.oanda.history import OandaHistory

        token = demanded(settings.api_token, "OANDA_API_TOKEN", self.kind)
        paces = {"": Pace(settings.requests_per_minute, 60, clock)}
        headers = {"Authorization": f"Bearer {token}"}
        return OandaHistory(HttpClient(self.kind, settings.base_url, headers, (token,), paces, clock))

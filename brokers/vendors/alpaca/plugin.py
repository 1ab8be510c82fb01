"""Alpaca as a plug-in."""

from __future__ import annotations

from typing import Literal

from pydantic import SecretStr

from brokers.vendors.base import VendorPlugin, VendorSettings, demanded
from tradewright.model.clock import Clock
from tradewright.model.ports import Feed


class AlpacaSettings(VendorSettings):
    """``feed=alpaca``.

    Args:
        tape: ``sip`` is of all exchanges, ``iex`` of one that has a few per cent of the volume.
        key_id, key_secret: of the account; from ``APCA_API_KEY_ID`` and ``APCA_API_SECRET_KEY``.
    """

    kind: Literal["alpaca"]
    tape: Literal["sip", "iex"]
    key_id: SecretStr | None
    key_secret: SecretStr | None


class AlpacaPlugin(VendorPlugin):
    """A key and its secret, each in a header."""

    kind = "alpaca"
    settings = AlpacaSettings

    def build(self, settings: AlpacaSettings, clock: Clock) -> Feed:
        """The feed of bars."""
        from brokers.pacing import Pace
        from brokers.vendors.alpaca.history import AlpacaHistory
        from brokers.vendors.feed import VendorFeed
        from brokers.vendors.http_client import HttpClient

        key = demanded(settings.key_id, "APCA_API_KEY_ID", self.kind)
        secret = demanded(settings.key_secret, "APCA_API_SECRET_KEY", self.kind)
        paces = {"": Pace(settings.requests_per_minute, 60, clock)}
        headers = {"APCA-API-KEY-ID": key, "APCA-API-SECRET-KEY": secret}
        client = HttpClient(self.kind, settings.base_url, headers, (key, secret), paces, clock)
        return VendorFeed(AlpacaHistory(client, settings.tape), settings, clock)

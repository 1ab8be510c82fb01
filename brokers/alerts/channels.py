"""The channels of alerts, and which addresses a webhook may have. Loads nothing of the network."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

Channel = Literal["file", "webhook"]
"""The channels that ``observability.alerts.channels`` may name."""

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def wrong_address(address: str | None) -> str:
    """Why an address is none of a webhook; empty where it is. The text does not tell the address."""
    if not address:
        return "the webhook has no address"
    try:
        parts = urlsplit(address)
        host, _port = parts.hostname, parts.port
    except ValueError:
        return "the webhook's address is no URL"
    if parts.scheme == "https" and host:
        return ""
    if parts.scheme == "http" and host in LOOPBACK:
        return ""
    return "the webhook's address must begin with https://, or with http:// on this machine"

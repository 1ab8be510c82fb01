"""The sinks of alerts. A sink delivers one alert or raises; it never delivers the same one twice in a row."""

from __future__ import annotations

import http.client
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from brokers.alerts.channels import Channel, wrong_address
from tradewright.model.alert import Alert
from tradewright.model.errors import TradewrightError

FILE = "alerts.jsonl"
PATIENCE = 5.0
"""Seconds that a webhook gets to answer."""
_TAIL = 64 * 1024


class AlertNotDelivered(TradewrightError):
    """A sink could not take an alert; it is delivered again later."""


class AlertSink(Protocol):
    """Where alerts go."""

    def deliver(self, alert: Alert) -> None:
        """Hand over one alert.

        Raises:
            AlertNotDelivered: when it did not arrive.
        """


def sink(channel: Channel, folder: Path, address: str | None) -> AlertSink:
    """The sink of a channel.

    Args:
        folder: where the file is kept.
        address: of the webhook.

    Raises:
        AlertNotDelivered: for a webhook without an address that :func:`wrong_address` passes.
    """
    if channel == "file":
        return FileSink(folder / FILE)
    if problem := wrong_address(address):
        raise AlertNotDelivered(problem, where="webhook", remedy="set TRADEWRIGHT_ALERT_WEBHOOK in the environment")
    return Webhook(address or "")


class FileSink:
    """Appends each alert as one JSON line to a file that its owner alone may read."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def deliver(self, alert: Alert) -> None:
        """Append and flush to the disk; an alert that is the last line already is left alone.

        Raises:
            AlertNotDelivered: when the disk refuses.
        """
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                last = _last_line(descriptor)
                if last.get("id") != alert.id:
                    os.write(descriptor, f"{json.dumps(alert.document)}\n".encode())
                    os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise AlertNotDelivered(error.strerror or str(error), where=str(self._path)) from error


class Webhook:
    """Posts each alert as a JSON document; the header ``Idempotency-Key`` names it, should it arrive twice.

    Redirects are not followed. The address is a secret: neither errors nor logs hold more than its host.
    """

    def __init__(self, address: str, patience: float = PATIENCE) -> None:
        self._parts, self._patience = urlsplit(address), patience

    def deliver(self, alert: Alert) -> None:
        """Post it; any answer of 2xx is a delivery.

        Raises:
            AlertNotDelivered: when the receiver cannot be reached, or answers anything else.
        """
        where = f"webhook at {self._parts.hostname}"
        body = json.dumps(alert.document).encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": alert.id}
        try:
            status = self._post(body, headers)
        except (OSError, http.client.HTTPException) as error:
            raise AlertNotDelivered(type(error).__name__, where=where, remedy="it is told again later") from None
        if not 200 <= status < 300:
            raise AlertNotDelivered(f"it answered {status}", where=where, remedy="it is told again later")

    def _post(self, body: bytes, headers: Mapping[str, str]) -> int:
        parts = self._parts
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=self._patience)
        try:
            target = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
            connection.request("POST", target, body, dict(headers))
            return connection.getresponse().status
        finally:
            connection.close()


def _last_line(descriptor: int) -> dict[str, object]:
    size = os.fstat(descriptor).st_size
    lines = os.pread(descriptor, _TAIL, max(0, size - _TAIL)).splitlines()
    try:
        found = json.loads(lines[-1]) if lines else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}

"""Answers of HTTP that do not end, line by line: bounded in size, their losses told without secrets."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping

import httpx

from brokers.vendors.http_client import (
    FORBIDDEN,
    REPEATED,
    VendorError,
    VendorRefused,
    VendorUnavailable,
    authorities,
)
from brokers.vendors.unreachable import REMEDY, cannot_be_reached

CONNECT = 10.0
MOST_BYTES = 64 * 2**10
"""Of one line, and of a refusal."""
_TOLD = 200


class HttpLines:
    """Asks one vendor for a stream. Who listens watches how long it is silent.

    Args:
        vendor: its name, for messages.
        base: the address before the path.
        headers: of each request.
        secrets: which of their texts no message may hold.
    """

    def __init__(self, vendor: str, base: str, headers: Mapping[str, str], secrets: Iterable[str]) -> None:
        self._base, self._headers, self._secrets = base.rstrip("/"), dict(headers), tuple(secrets)
        self.where = f"{vendor} at {httpx.URL(base).host}"

    async def lines(self, path: str, parameters: Mapping[str, str]) -> AsyncGenerator[bytes]:
        """The lines that are not empty, without their ends; what a torn connection left unfinished is none.

        Raises:
            VendorUnavailable: when the answer does not begin, or breaks off, and may come later.
            VendorRefused: when the vendor refuses it.
        """
        timeout = httpx.Timeout(None, connect=CONNECT)
        try:
            async with (
                httpx.AsyncClient(
                    headers=self._headers, timeout=timeout, verify=authorities(), follow_redirects=False
                ) as client,
                client.stream("GET", f"{self._base}{path}", params=dict(parameters)) as answer,
            ):
                if answer.status_code != 200:
                    raise await self._refused(answer)
                rest = b""
                async for part in answer.aiter_bytes():
                    *whole, rest = (rest + part).split(b"\n")
                    for line in whole:
                        if line.strip():
                            yield self._cleaned(line)
                    if len(rest) > MOST_BYTES:
                        raise self._lost(f"a line is longer than {MOST_BYTES // 1024} KiB")
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise self._lost(cannot_be_reached(error), REMEDY) from None
        raise self._lost("the vendor ended the answer")

    async def _refused(self, answer: httpx.Response) -> VendorError:
        body = b""
        async for part in answer.aiter_bytes():
            body += part
            if len(body) > MOST_BYTES:
                break
        told = self._clean(" ".join(body.decode("utf-8", "replace").split()))[:_TOLD] or "an empty answer"
        status = answer.status_code
        if status in REPEATED:
            return self._lost(f"it answers {status}: {told}")
        if 300 <= status < 400:
            return VendorError("it sends us on, where the key does not go", where=self.where,
                               remedy="correct feed.stream_url")  # fmt: skip
        remedy = "check the token, the account and what they include" if status in FORBIDDEN else ""
        return VendorRefused(f"it answers {status}: {told}", where=self.where, remedy=remedy, status=status)

    def _lost(self, what: str, remedy: str = "") -> VendorUnavailable:
        return VendorUnavailable(self._clean(what)[: 2 * _TOLD], where=self.where, remedy=remedy)

    def _cleaned(self, line: bytes) -> bytes:
        """A line without the secrets that a vendor may send back."""
        for secret in self._secrets:
            line = line.replace(secret.encode(), b"***")
        return line

    def _clean(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text

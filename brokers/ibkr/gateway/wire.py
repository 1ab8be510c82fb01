"""The TWS wire: length-prefixed frames of NUL-terminated text fields."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterable, Iterator
from decimal import Decimal

from tradewright.model.hashing import decimal_text

MIN_VERSION, MAX_VERSION = 157, 178
UNSET_DOUBLE = "1.7976931348623157E308"
UNSET_INTEGER = "2147483647"
LONGEST_FRAME = 1 << 20


class WireError(Exception):
    """The peer does not speak the protocol."""


def text_of(value: object) -> str:
    """A field as the wire writes it: truth as 1 or 0, nothing as the empty field, decimals without exponent.

    Raises:
        WireError: for a text that holds a NUL, which would become two fields.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    text = decimal_text(value) if isinstance(value, Decimal) else str(value)
    if "\0" in text:
        raise WireError(f"a field cannot hold a NUL: {text!r}")
    return text


def frame(fields: Iterable[object]) -> bytes:
    """One message."""
    body = "".join(f"{text_of(value)}\0" for value in fields).encode()
    return struct.pack(">I", len(body)) + body


async def read_frame(reader: asyncio.StreamReader) -> bytes:
    """The body of the next message.

    Raises:
        asyncio.IncompleteReadError: when the peer has gone.
        WireError: for a length that no client sends.
    """
    (length,) = struct.unpack(">I", await reader.readexactly(4))
    if not 0 < length <= LONGEST_FRAME:
        raise WireError(f"a frame of {length} bytes")
    return await reader.readexactly(length)


def fields_of(body: bytes) -> list[str]:
    """The fields of a message body.

    Raises:
        WireError: when the last field is not terminated.
    """
    if not body.endswith(b"\0"):
        raise WireError("the last field is not terminated")
    return body[:-1].decode(errors="backslashreplace").split("\0")


class Fields(Iterator[str]):
    """The fields of a message, taken one by one.

    Raises:
        WireError: when one is wanted that is not there.
    """

    def __init__(self, fields: Iterable[str]) -> None:
        self._rest = iter(fields)

    def __next__(self) -> str:
        for field in self._rest:
            return field
        raise WireError("fields are missing")


async def handshake(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, best: int, time: str) -> int:
    """Agree on the newest version that both speak and answer with it; ``best`` is the newest that we offer.

    Raises:
        WireError: when the peer is no client, or speaks only versions that we do not.
    """
    if await reader.readexactly(4) != b"API\0":
        raise WireError("the first bytes are not API")
    offer = (await read_frame(reader)).decode(errors="backslashreplace").split(" ")[0]
    low, _, high = offer.removeprefix("v").partition("..")
    if not (low.isdigit() and high.isdigit()):
        raise WireError(f"versions {offer!r}")
    version = min(int(high), best)
    if not max(MIN_VERSION, int(low)) <= version:
        raise WireError(f"the client speaks {offer}, the gateway {MIN_VERSION}..{best}")
    writer.write(frame([version, time]))
    return version

"""References: how our attempts are marked at a venue."""

from __future__ import annotations

import re

from tradewright.model.errors import BrokerError

REFERENCE = re.compile(r"[A-Za-z0-9._-]{1,32}")


def checked_reference(ref: str, where: str) -> str:
    """``ref`` itself when a venue can carry it: 1 to 32 letters, digits, dots, dashes.

    Raises:
        BrokerError: otherwise; nothing was sent.
    """
    if not REFERENCE.fullmatch(ref):
        raise BrokerError(
            f"reference {ref!r} is not 1 to 32 letters, digits, dots or dashes; nothing was sent",
            where=where,
            remedy="use <intent>.<attempt>",
        )
    return ref

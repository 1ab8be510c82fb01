"""Long spans of time in parts, whose borders do not depend on where a span begins."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

_MICROSECOND = 1_000


def parts(first: int, last: int, span: timedelta) -> Iterator[tuple[int, int]]:
    """The parts of a span, ascending and without a gap; none where it ends before it begins.

    Their borders are whole multiples of ``span`` since 1970, so that another request for the same time asks the same.

    Args:
        first, last: in nanoseconds since 1970 UTC, both included.
        span: the longest part, above zero.
    """
    length = span // timedelta(microseconds=1) * _MICROSECOND
    while first <= last:
        end = min(last, (first // length + 1) * length - 1)
        yield first, end
        first = end + 1

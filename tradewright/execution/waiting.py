"""Waiting for something, but not for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tradewright.model.clock import Clock


async def wait_until(
    clock: Clock, heard: asyncio.Event, done: Callable[[], bool], seconds: float, pause: float
) -> bool:
    """Wait until ``done()``, asking again whenever ``heard`` is set and at least every ``pause`` seconds.

    Returns:
        False when ``seconds`` of the clock's monotonic time went by first.
    """
    deadline = clock.monotonic() + seconds
    while not done():
        remaining = deadline - clock.monotonic()
        if remaining <= 0:
            return False
        heard.clear()
        await _first(asyncio.ensure_future(heard.wait()), asyncio.ensure_future(clock.sleep(min(pause, remaining))))
    return True


async def _first(*tasks: asyncio.Future[object]) -> None:
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

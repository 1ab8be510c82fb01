"""Failures of what stands behind the guard: one line in the log, and an answer that tells nothing of the inside."""

from __future__ import annotations

import logging
import traceback
from pathlib import Path

from app.asgi import refuse
from app.bounds import AsgiApp, Message, Receive, Scope, Send

_LOG = logging.getLogger("tradewright.guard")
_MOST = 200
"""Characters of a path and of a reason that are told."""


class Failures:
    """ASGI middleware: an error of the application is told in one line, and answered with 500, a websocket with 1008.

    A request of a visitor's own making would otherwise fill the log with the inside of a library.
    """

    def __init__(self, app: AsgiApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        has_begun = False

        async def noted(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        try:
            await self._app(scope, receive, noted)
        except Exception as error:  # noqa: BLE001 - whatever it is, the server goes on
            _LOG.error("%s failed: %s", _request(scope), _cause(error))
            if not has_begun:
                await refuse(scope, receive, send, 500, "this request failed; the log of the server says why")


def _request(scope: Scope) -> str:
    return f"{scope.get('method', 'websocket')} {str(scope['path'])[:_MOST]!r}"


def _cause(error: Exception) -> str:
    """The first error, and the place of it."""
    while isinstance(error.__cause__, Exception):
        error = error.__cause__
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:_MOST]}{place}"

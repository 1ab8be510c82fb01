"""Taking a port of this machine before anything is started that needs it."""

from __future__ import annotations

import contextlib
import socket

from tradewright.model.errors import TradewrightError

MAX_PORT = 65535


class ServeError(TradewrightError):
    """Nothing can be served."""


def listen(host: str, port: int, remedy: str) -> socket.socket:
    """A listening socket.

    Args:
        remedy: what to do when the port is taken.

    Raises:
        ServeError: when the port is in use or may not be taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with contextlib.ExitStack() as undo:
        link = undo.enter_context(socket.socket(family, socket.SOCK_STREAM))
        link.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            link.bind((host, port))
            link.listen()
        except OSError as error:
            raise ServeError(f"cannot listen: {error.strerror}", where=f"{host}:{port}", remedy=remedy) from error
        undo.pop_all()
    return link

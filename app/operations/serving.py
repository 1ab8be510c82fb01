"""Serving the apps under some overrides."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable

from app.port import listen
from app.serve import new_token, run
from conf.compose import OVERRIDES, environment
from conf.schema.settings import Settings


def serve_apps(overrides: tuple[str, ...], settings: Settings, ready: Callable[[dict[str, object]], None]) -> None:
    """Serve until interrupted; ``ready`` is told the address, which holds the token.

    Raises:
        ServeError: when the port is in use.
    """
    chosen = settings.observability.serve
    other = f"stop the other program, or choose another: observability.serve.port={chosen.port + 1}"
    link = listen(chosen.host, chosen.port, other)
    token = environment("TRADEWRIGHT_TOKEN") or new_token()
    os.environ[OVERRIDES] = shlex.join(overrides)  # the notebooks run in this process and compose for themselves
    port = link.getsockname()[1]
    ready({"url": f"http://127.0.0.1:{port}/?access_token={token}", "port": port})
    run(link, token)

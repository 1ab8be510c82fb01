"""The one ASGI process that serves the apps, on loopback and behind a token."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Sequence
from types import FrameType

import marimo
import uvicorn
from marimo._runtime.virtual_file.storage import InMemoryStorage, VirtualFileStorageManager
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route

from app.bounds import AsgiApp, server_config
from app.guard import SessionOwners, guarded
from app.roads import AppRoads
from app.tokens import Token, new_token
from conf.environment import own_or_shipped

APPS = {
    "lab": "Strategy lab: parameters, fills, equity, findings",
    "documents": "Strategy documents: write, check, save",
    "monitor": "Monitor: positions, approvals, orders",
    "quality": "Quality of bars: scores, findings, days, bars set aside",
}
PATIENCE = 5.0
"""Seconds that open pages and their threads are given when the server is to end."""
_HEAD = """<style>[data-testid=notebook-actions-dropdown], div.fixed:has(> div.absolute.bg-background),
.js-plotly-plot .modebar {display: none !important}
body:has(h1#strategy-documents) textarea {font-family: ui-monospace, monospace; font-size: .8rem; white-space: pre}
body:has(h1#monitor) :is(.marimo-output-stale, .marimo-output-loading) {
  opacity: 1 !important; filter: none !important}
@media (max-width: 640px) {
  body:has(h1#monitor, h1#quality-of-bars) :is(div[style*="flex-direction: row"], div[style*="flex-flow: row"]) {
    flex-wrap: wrap !important; gap: 1rem !important}
  body:has(h1#monitor, h1#quality-of-bars) :is(div[style*="flex-direction: row"], div[style*="flex-flow: row"]) > div {
    flex: 1 1 100% !important; min-width: 0}
  body:has(h1#monitor, h1#quality-of-bars) div[style*="min-height: 318px"] {min-height: 0 !important}
  body:has(h1#strategy-lab) .output-area {padding-inline: .5rem !important}
  body:has(h1#strategy-lab) marimo-tabs {--spacing: .2rem}
}</style>"""
"""Style of the served apps: marimo's tools for authors are hidden; the monitor's safety state is never dimmed while it
refreshes; on a phone monitor and quality page stand in one column, and the lab's tabs fit in one row; documents are
written in a font of one width."""
_INDEX = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Tradewright</title><style>body{{font:16px/1.6 system-ui;margin:10vh auto;max-width:36rem;padding:0 1rem}}
a{{display:block;padding:.8rem 1rem;margin:.6rem 0;border:1px solid #8884;border-radius:.5rem;text-decoration:none}}
</style><h1>Tradewright</h1>{links}</html>"""


def build(port: int, token: str, others: Sequence[Token] = ()) -> AsgiApp:
    """The whole ASGI application: index, health, and each notebook as an app, the project's own before ours.

    Args:
        port: where it will listen; the Host and Origin checks need it.
        token: of the user who started the server.
        others: of further visitors.

    Raises:
        ServeError: for a token that is too short or not ASCII.
    """
    VirtualFileStorageManager().storage = InMemoryStorage()
    inner = new_token()
    builder = marimo.create_asgi_app(token=inner, include_code=False, quiet=True, html_head=_HEAD)
    for name in APPS:
        builder = builder.with_app(path=f"/{name}", root=str(own_or_shipped(f"notebooks/{name}.py")))
    routes = [
        Route("/", _index),
        Route("/health/live", _live),
        Mount("/", app=builder.build()),
    ]
    return guarded(SessionOwners(AppRoads(Starlette(routes=routes))), port, token, others, inner)


async def _index(request: Request) -> Response:  # noqa: ARG001 - the framework calls it with the request
    return HTMLResponse(_INDEX.format(links="".join(f'<a href="/{name}/">{text}</a>' for name, text in APPS.items())))


async def _live(request: Request) -> Response:  # noqa: ARG001 - the framework calls it with the request
    return PlainTextResponse("live")


class Server(uvicorn.Server):
    """Ends when it is asked to, within ``PATIENCE``, whatever the thread of a notebook is waiting for.

    Nothing is lost: the ledger is complete at every moment.
    """

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop, and see to it that the process comes to its end."""
        super().handle_exit(sig, frame)
        last_word = threading.Timer(PATIENCE, os._exit, (0,))
        last_word.daemon = True
        last_word.start()


def run(link: socket.socket, token: str, others: Sequence[Token] = ()) -> None:
    """Serve until interrupted."""
    config = server_config(build(link.getsockname()[1], token, others))
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):  # cells print for nbval, not for people
        Server(config).run(sockets=[link])

"""What the served apps use of marimo's interface; the rest of it is not there, whatever marimo itself would admit."""

from __future__ import annotations

from app.asgi import refuse
from app.bounds import AsgiApp, Receive, Scope, Send

ACTS = frozenset(f"api/kernel/{name}" for name in ("set_ui_element_value", "set_model_value", "function_call"))
"""What a page posts: the value of an element, the state of a widget, a question of an element such as a table."""
SOCKET = "ws"
"""The one websocket of a page."""
_ABSENT = ("api/", "auth/", "lsp/", "mcp/", "terminal/")
"""Beginnings of further addresses: exports with sources, folders of this machine, sign-in beside the gate."""


class AppRoads:
    """ASGI middleware: answers 404 for everything of marimo's that a served page does not use."""

    def __init__(self, app: AsgiApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what a page uses."""
        if scope["type"] not in ("http", "websocket") or self._is_used(scope):
            await self._app(scope, receive, send)
        else:
            await refuse(scope, receive, send, 404, "nothing is served here")

    @staticmethod
    def _is_used(scope: Scope) -> bool:
        _, _, rest = str(scope["path"]).lstrip("/").partition("/")
        if scope["type"] == "websocket":
            return rest == SOCKET
        if scope["method"] in ("GET", "HEAD"):
            return not rest.startswith(_ABSENT)
        return scope["method"] == "POST" and rest in ACTS

"""What the parts of the local servers have in common: a refusal, and the query of a request."""

from __future__ import annotations

from urllib.parse import parse_qsl

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse

from app.bounds import Receive, Scope, Send

_DISCARDED = 65_536


async def refuse(scope: Scope, receive: Receive, send: Send, status: int, reason: str) -> None:
    """End a request with a status and a reason, a websocket with code 1008."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": reason})
        return
    headers = {"cache-control": "no-store"}
    told = Headers(scope=scope).get("content-length", "0")
    if "transfer-encoding" in Headers(scope=scope) or not told.isdecimal() or int(told[:20]) > _DISCARDED:
        headers["connection"] = "close"  # nothing of a large body is read
    if status == 429:
        headers["retry-after"] = "60"
    await PlainTextResponse(reason, status, headers)(scope, receive, send)


def query_of(scope: Scope) -> list[tuple[str, str]]:
    """The names and values of a request's query, in order."""
    return parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)

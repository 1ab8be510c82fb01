"""The control port: one JSON request per line, one JSON answer per line, a token in each."""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

from brokers.ibkr.gateway.commands import COMMANDS
from tradewright.model.errors import BrokerError, TradewrightError

if TYPE_CHECKING:
    from brokers.ibkr.gateway.hub import GatewayState

Answer = dict[str, object]


class Control:
    """Commands to a running gateway, from inside its event loop."""

    def __init__(self, hub: GatewayState) -> None:
        self._hub = hub

    def do(self, command: str, **arguments: object) -> Answer:
        """Carry out one command of ``brokers.ibkr.gateway.commands``.

        Raises:
            BrokerError: for an unknown command or arguments that do not fit it.
        """
        if command not in COMMANDS:
            raise BrokerError(
                f"unknown command {command!r}", where="gateway control", remedy=f"one of {', '.join(sorted(COMMANDS))}"
            )
        try:
            return COMMANDS[command](self._hub, **arguments) or {}
        except (TypeError, ValueError, ArithmeticError, LookupError) as problem:
            raise BrokerError(f"{problem}", where=f"gateway control, command {command!r}") from problem


async def serve_control(
    control: Control, token: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Answer requests until the peer goes or shows a wrong token."""
    with suppress(ConnectionError, ValueError):
        while line := await reader.readline():
            answer = _answer(control, token, line)
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
            if answer.get("error") == "wrong token":
                break
    writer.close()


def _answer(control: Control, token: str, line: bytes) -> Answer:
    try:
        request = json.loads(line)
        given, command, arguments = request["token"], request["command"], request.get("arguments", {})
    except (ValueError, KeyError, TypeError, AttributeError):
        return {"ok": False, "error": "wrong token"}
    if not secrets.compare_digest(str(given).encode(), token.encode()):
        return {"ok": False, "error": "wrong token"}
    if not isinstance(arguments, dict):
        return {"ok": False, "error": f"gateway control: arguments are a table of names and values, not {arguments!r}"}
    try:
        return {"ok": True, **control.do(str(command), **arguments)}
    except TradewrightError as problem:
        return {"ok": False, "error": str(problem)}


class ControlClient:
    """Commands to a gateway in another process or thread, over its control port."""

    def __init__(self, port: int, token: str, host: str = "127.0.0.1", timeout: float = 10.0) -> None:
        self._address, self._token, self._timeout = (host, port), token, timeout

    def do(self, command: str, **arguments: object) -> Answer:
        """Carry out one command.

        Raises:
            BrokerError: when the gateway is not there, or refuses the command.
        """
        where = f"gateway control {self._address[0]}:{self._address[1]}"
        request = {"token": self._token, "command": command, "arguments": arguments}
        try:
            with socket.create_connection(self._address, self._timeout) as link, link.makefile("rwb") as pipe:
                pipe.write(json.dumps(request).encode() + b"\n")
                pipe.flush()
                answer: Answer = json.loads(pipe.readline())
        except (OSError, ValueError) as problem:
            remedy = "start it with `tradewright gateway`"
            raise BrokerError(f"no answer: {problem}", where=where, remedy=remedy) from problem
        if not answer.pop("ok"):
            raise BrokerError(str(answer["error"]), where=where)
        return answer

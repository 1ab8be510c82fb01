"""A gateway in a thread of its own, for callers that have no event loop running."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Self, TypeVar

from brokers.ibkr.gateway.control import Answer
from brokers.ibkr.gateway.server import Gateway

Result = TypeVar("Result")


class GatewayThread:
    """Runs a gateway between entering and leaving a ``with`` block.

    Raises:
        BrokerError: on entering, when a port is taken.
    """

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="ibkr-gateway", daemon=True)

    def do(self, command: str, **arguments: object) -> Answer:
        """Carry out a control command inside the gateway's loop.

        Raises:
            BrokerError: when the command is refused.
        """

        async def act() -> Answer:
            return self.gateway.control.do(command, **arguments)

        return self._wait(act())

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self._wait(self.gateway.start())
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._wait(self.gateway.stop())
        self._end()

    def _wait(self, work: Coroutine[object, object, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

"""The gateway simulator as a process: ``python -m brokers.ibkr.gateway --port 4002 --control-port 4003``."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from pydantic import TypeAdapter

from brokers.ibkr.gateway.server import PAPER_ACCOUNT, Gateway
from brokers.ibkr.gateway.wire import MAX_VERSION
from tradewright.model.clock import ShiftedClock, SystemClock
from tradewright.model.errors import BrokerError
from tradewright.model.instrument import AssetClass, Instrument

SHARES = ("AAPL", "MSFT", "GOOG")


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until the process is asked to end. The first line of output is a JSON object with the ports and the token.

    Returns 0 at the end, 1 when a port is taken or a value is wrong.
    """
    options = _options(arguments)
    try:
        gateway = _gateway(options)
        asyncio.run(gateway.run(_announce))
    except (BrokerError, ValueError, OSError, ArithmeticError) as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m brokers.ibkr.gateway", description=__doc__)
    parser.add_argument("--port", type=int, default=4002, help="for clients; 0 takes any free port")
    parser.add_argument("--control-port", type=int, default=4003, help="for control; 0 takes any free port")
    parser.add_argument("--token", default="", help="of the control port; made up when absent")
    parser.add_argument("--version", type=int, default=MAX_VERSION, help="the newest server version offered, 157..178")
    parser.add_argument("--account", default=PAPER_ACCOUNT)
    parser.add_argument("--cash", type=Decimal, default=Decimal(100_000))
    parser.add_argument("--instruments", type=Path, help="a JSON list of instruments; three shares when absent")
    parser.add_argument("--price", action="append", default=[], metavar="SYMBOL=PRICE", help="may be repeated")
    parser.add_argument("--start", type=datetime.fromisoformat, help="simulate a clock that starts at this moment")
    return parser.parse_args(arguments)


def _gateway(options: argparse.Namespace) -> Gateway:
    shares = [Instrument(symbol=symbol, asset_class=AssetClass.STOCK) for symbol in SHARES]
    if options.instruments:
        shares = TypeAdapter(list[Instrument]).validate_json(options.instruments.read_bytes())
    gateway = Gateway(
        shares,
        ShiftedClock(options.start) if options.start else SystemClock(),
        cash={options.account: options.cash},
        port=options.port,
        control_port=options.control_port,
        token=options.token,
        version=options.version,
    )
    for price in options.price:
        symbol, _, last = price.partition("=")
        gateway.control.do("quote", symbol=symbol, last=last)
    return gateway


def _announce(gateway: Gateway) -> None:
    ports = {"host": gateway.host, "port": gateway.port, "control_port": gateway.control_port, "token": gateway.token}
    sys.stdout.write(json.dumps(ports) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

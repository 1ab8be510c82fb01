"""The works of ``benchmarks.growth``: what they need before they begin, and those that are no command."""

from __future__ import annotations

import resource
import shutil
import sys
import time
from pathlib import Path

from conf.environment import SOURCE

ROW = "X{}: {{asset_class: stock, calendar: XNYS, tick_size: 0.01, lot_size: 1, default_spread_bps: 1, liquid: true}}\n"
SENDS = 5


def finished(count: int, folder: Path) -> None:
    """A storage folder with so many finished orders."""
    from benchmarks.histories import finished_orders
    from conf.compose import compose_without_strategy
    from runtime.container import Container

    with Container(compose_without_strategy((f"storage.root={folder / 'data'}",))) as house:
        finished_orders(house, count)


def instruments(count: int, folder: Path) -> None:
    """A conf folder with so many further instruments in one file."""
    path = _conf(folder) / "instruments" / "crypto.yaml"
    path.write_text(path.read_text() + "".join(ROW.format(number) for number in range(count)))


def strategies(count: int, folder: Path) -> None:
    """A conf folder with so many strategies, the shipped ones among them."""
    place = _conf(folder) / "strategy"
    text = (place / "ema_crossover.yaml").read_text()
    for number in range(count - len(list(place.glob("*.yaml")))):
        lines = [line for line in text.splitlines() if not line.startswith("name:")]
        (place / f"more_{number}.yaml").write_text("\n".join(lines) + "\n")


def _conf(folder: Path) -> Path:
    unwanted = shutil.ignore_patterns("*.py", "__pycache__", "schema")
    return Path(shutil.copytree(SOURCE / "conf", folder / "conf", ignore=unwanted))


def definitions() -> None:
    """F3: the research location, loaded once."""
    from assets.research.definitions import research_definitions

    research_definitions()


def send(size: int, folder: Path) -> float:
    """F5: CPU seconds of an order in a simulated venue that has had so many before."""
    from decimal import Decimal

    from benchmarks.histories import ACCOUNT, INSTRUMENT, crowded_venue
    from tradewright.model.order import MarketOrder, OrderTerms, Side

    market = crowded_venue(size, folder)
    terms = OrderTerms(instrument=INSTRUMENT, side=Side.BUY, quantity=Decimal(1), order=MarketOrder())
    began = time.process_time()
    for number in range(SENDS):
        order_id = market.reserve_order_id(21)
        market.place(terms, ACCOUNT, f"new{number}.1", order_id, 21)
    return (time.process_time() - began) / SENDS


def report(size: int, _folder: Path) -> int:
    """F6: the bytes of a report on so many instruments of 2,520 days."""
    from benchmarks.peer import walk
    from strategies.sma_crossover import SmaCrossover
    from tradewright.backtest.engine import run
    from tradewright.backtest.spec import BacktestSpec
    from tradewright.evaluation.risk_report import risk_report

    spec = BacktestSpec(cash=10_000.0)
    day = 86_400 * 10**9
    bars = {f"I{number}": walk(2_520, number) for number in range(size)}
    results = {
        name: run(SmaCrossover(10, 30), each._replace(ts=each.ts // (60 * 10**9) * day), spec)
        for name, each in bars.items()
    }
    return len(risk_report("sma_crossover", results).html().encode())


def reply(size: int, folder: Path) -> float:
    """F11: CPU seconds of the reply that a table shows, for a backtest of so many bars; composing is part of it."""
    from app.operations.research import reply_of
    from benchmarks.peer import walk
    from conf.compose import compose
    from strategies.sma_crossover import SmaCrossover
    from tradewright.backtest.spec import BacktestSpec
    from tradewright.evaluation.study import MetricsConfig, study

    spec = BacktestSpec(cash=10_000.0)
    done = study(SmaCrossover(2, 5), {"BTC": walk(size)}, {"BTC": spec}, MetricsConfig(), folder / "cache")
    began = time.process_time()
    reply_of(compose(), done, with_fills=False)
    return time.process_time() - began


def main() -> None:
    """Do one work, and tell its memory, and its own CPU seconds or result where it has them, on standard error."""
    name, size, folder = sys.argv[1], int((*sys.argv[2:], "0")[0]), Path((*sys.argv[3:], ".")[0])
    if name in ("F5", "F11"):
        sys.stderr.write(f"\nCPU {(send if name == 'F5' else reply)(size, folder)}")
    elif name == "F6":
        sys.stderr.write(f"\nRESULT {report(size, folder)}")
    else:
        definitions()
    sys.stderr.write(f"\nMB {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}\n")


if __name__ == "__main__":
    main()

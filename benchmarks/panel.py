"""Many instruments in one account, rebalanced to equal weights each month: us and vectorbt with cash sharing, warm.

Both are given the prices as tables, and both give the fills and the account's value in every bar. vectorbt runs on the
fastest engine that it finds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.peer import FEE
from strategies.equal_weight import EqualWeight
from tradewright.backtest.panel.engine import run_allocation
from tradewright.backtest.panel.panel import Panel, deciding_bars, feature_tables, panel_of, session_days
from tradewright.backtest.panel.shared_account import SharedAccount
from tradewright.backtest.spec import BacktestSpec
from tradewright.fills.costs import PercentCosts
from tradewright.model.bars import Bars

CASH, BUFFER, LOT = 10_000_000.0, 0.05, 1e-6
DAY = 86_400 * 10**9
SHARED = SharedAccount(cash_buffer=BUFFER)


def walks(instruments: int, count: int) -> dict[str, Bars]:
    """Days of random walks."""
    rng, found = np.random.default_rng(7), {}
    for n in range(instruments):
        close = 100.0 * np.exp(np.cumsum(rng.normal(0.0003, 0.015, count)))
        open_ = np.concatenate(([100.0], close[:-1])) * np.exp(rng.normal(0.0, 0.003, count))
        high, low = np.maximum(open_, close) * 1.003, np.minimum(open_, close) * 0.997
        ts = np.arange(count, dtype=np.int64) * DAY
        found[f"I{n}"] = Bars(ts, open_, high, low, close, np.full(count, 1e6), np.full(count, np.nan))
    return found


class Peer:
    """vectorbt's target weights in one group with cash sharing, sales first."""

    def __init__(self, panel: Panel) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import vectorbt
        self.portfolio = vectorbt.Portfolio
        self.opens, self.closes = np.array(panel.market.open), np.array(panel.market.close)
        self.known = np.vstack([self.opens[:1], self.closes[:-1]])
        self.sizes = np.full(self.opens.shape, np.nan)
        decides = deciding_bars(EqualWeight.rebalance, session_days(panel, None))
        self.sizes[np.flatnonzero(decides[:-1]) + 1] = (1.0 - BUFFER) / len(panel.names)
        self.engine = "rust" if self._works("rust") else "numba"

    def _works(self, engine: str) -> bool:
        try:
            self.run(engine)
        except (ImportError, RuntimeError, ValueError, TypeError):
            return False
        return True

    def run(self, engine: str) -> Any:
        """The account's value in every bar."""
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            made = self.portfolio.from_orders(
                self.closes,
                size=self.sizes,
                size_type="targetpercent",
                price=self.opens,
                val_price=self.known,
                fees=FEE,
                init_cash=CASH,
                group_by=True,
                cash_sharing=True,
                call_seq="auto",
                freq="1D",
                engine=engine,
            )
            return np.asarray(made.value()).ravel()


def timed(work: Callable[[], object]) -> float:
    """CPU seconds of one call."""
    start = time.process_time()
    work()
    return time.process_time() - start


def compare(instruments: int, count: int, rounds: int) -> dict[str, float | str]:
    """Medians of interleaved calls; the same value in every bar is checked first."""
    bars, strategy = walks(instruments, count), EqualWeight()
    specs = dict.fromkeys(bars, BacktestSpec(cash=CASH, costs=PercentCosts(FEE), lot_size=LOT))
    panel = panel_of(bars, specs)
    tables, days, peer = feature_tables(strategy, panel), session_days(panel, None), Peer(panel)
    ours = run_allocation(strategy, panel, SHARED, days, tables)
    np.testing.assert_allclose(ours.equity, peer.run(peer.engine), rtol=1e-7)
    seconds: dict[str, list[float]] = {"vectorbt": [], "ours": [], "from bars": []}
    for _ in range(rounds):
        seconds["vectorbt"].append(timed(lambda: peer.run(peer.engine)))
        seconds["ours"] += [timed(lambda: run_allocation(strategy, panel, SHARED, days, tables)) for _ in range(5)]
    seconds["from bars"].append(timed(lambda: feature_tables(strategy, panel_of(bars, specs))))
    middle = {name: statistics.median(values) for name, values in seconds.items()}
    return {
        "instruments": instruments,
        "bars": count,
        "fills": len(ours.fills),
        "engine": peer.engine,
        "milliseconds": middle["ours"] * 1e3,
        "milliseconds_vectorbt": middle["vectorbt"] * 1e3,
        "milliseconds_tables": middle["from bars"] * 1e3,
        "ratio": middle["vectorbt"] / middle["ours"],
    }


def main() -> None:
    """Run and print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--instruments", type=int, default=500)
    parser.add_argument("--bars", type=int, default=2_520)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = compare(options.instruments, options.bars, options.rounds)
    told = {name: round(value, 3) if isinstance(value, float) else value for name, value in figures.items()}
    print(json.dumps(told) if options.json else "  ".join(f"{name} {value}" for name, value in told.items()))


if __name__ == "__main__":
    main()

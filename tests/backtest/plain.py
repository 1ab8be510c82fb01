"""Two engines without a compiler: the reference, and the kernel as the plain Python that it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from unittest.mock import patch

import numpy as np

from tests.backtest.reference import run_reference
from tradewright.backtest import kernel
from tradewright.backtest.account import FILLS, FillLog
from tradewright.backtest.engine import inputs_of, market_of, workspace_of
from tradewright.backtest.kernel import SUMMARY_SLOTS
from tradewright.backtest.result import FILL, TRADE, BacktestResult, FillReason, parted
from tradewright.backtest.spec import BacktestSpec
from tradewright.model.bars import Bars
from tradewright.model.strategy import HOLD, NAN, Action, Feature, GenerateSignal, Strategy

Row = tuple[float, float, float, float]
FLAT: Row = (100.0, 101.0, 99.0, 100.0)


def act(share: float, *, limit: float = NAN, stop: float = NAN, target: float = NAN) -> Action:
    """The action that a strategy returns."""
    return (share, limit, stop, target)


@dataclass(frozen=True)
class Script:
    """Decisions by bar, whatever the market does."""

    targets: Mapping[int, Action]
    name: str = "script"

    @property
    def generate_signal(self) -> GenerateSignal:
        return lambda i, _features, _params, _position: self.targets.get(i, HOLD)

    def prepare_state(self) -> tuple[Feature, ...]:
        return ()

    def parameters(self) -> tuple[float, ...]:
        return ()

    def post_trade_update(self, fill: object) -> None:
        """Not interested."""


def bars(*rows: Row, volume: float = 1000.0, spread: float = NAN) -> Bars:
    """Daily bars of (open, high, low, close)."""
    open_, high, low, close = (np.array(column, np.float64) for column in zip(*rows, strict=True))
    count = len(rows)
    ts = np.arange(count, dtype=np.int64) * 86_400 * 10**9
    return Bars(ts, open_, high, low, close, np.full(count, volume), np.full(count, spread))


def plain_kernel(strategy: Strategy, table: Bars, spec: BacktestSpec) -> BacktestResult:
    """The kernel without its compiler."""
    rules = spec.rules()
    log = FillLog(np.empty(500, FILL).view(np.recarray), np.empty(500, TRADE).view(np.recarray))
    totals, workspace = np.empty((1, SUMMARY_SLOTS)), workspace_of(rules)
    nothing, none = np.empty((0, 0)), np.empty((0, 0), np.int64)
    with patch.object(kernel, "generate_signal", strategy.generate_signal):
        kernel.simulate_sets(
            *inputs_of(strategy, table, spec.secondary),
            nothing,
            none,
            nothing,
            market_of(table, spec, requests=True),
            rules,
            workspace,
            log,
            totals,
        )
    done, adjustments = parted(np.array(log.fills[: int(workspace.account[FILLS])], FILL))
    assert len(done) == totals[0, kernel.ALL_FILLS]
    return BacktestResult(
        bars=table,
        initial_cash=rules.cash,
        fills=done,
        adjustments=adjustments,
        trades=np.array(log.trades[: int(totals[0, kernel.ALL_TRADES])], TRADE),
        orders=int(totals[0, kernel.ALL_ORDERS]),
        multiplier=rules.multiplier,
    )


def both(strategy: Strategy, table: Bars, spec: BacktestSpec) -> BacktestResult:
    """The reference's result, after the kernel has agreed with it to the last bit."""
    result, other = run_reference(strategy, table, spec), plain_kernel(strategy, table, spec)
    assert result.orders == other.orders
    for name in ("fills", "adjustments", "trades", "equity", "cash", "position"):
        np.testing.assert_array_equal(getattr(result, name), getattr(other, name), err_msg=name)
    return result


def fills(result: BacktestResult) -> list[tuple[int, int, float, float, FillReason]]:
    """(bar, side, units, price, reason) of every fill."""
    return [
        (int(row["bar"]), int(row["side"]), float(row["quantity"]), float(row["price"]), FillReason(row["reason"]))
        for row in result.fills
    ]

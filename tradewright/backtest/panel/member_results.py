"""The part of each instrument in the result of a shared account."""

from __future__ import annotations

import numpy as np

from tradewright.backtest.panel.engine import PanelRun
from tradewright.backtest.panel.panel import Panel
from tradewright.backtest.result import BacktestResult, parted
from tradewright.backtest.span import from_bar


def member_results(panel: Panel, run: PanelRun) -> dict[str, BacktestResult]:
    """By instrument its own fills and trades, on its own bars, as if the account held nothing else.

    ``cash`` is that of the whole account at the start less what the instrument's fills cost, so ``equity`` less the
    starting cash is what the instrument gained; these gains less what borrowed units cost are the gain of the account.
    Of a part of the bars (:func:`~tradewright.backtest.panel.span.panel_span`) bar 0 is the first one that is in it.
    """
    found = {}
    for n, name in enumerate(panel.names):
        spec, rows = panel.specs[n], panel.rows[n]
        every = np.concatenate((run.adjustments[run.adjustment_of == n], run.fills[run.fill_of == n]))
        every = every[np.argsort(every["bar"], kind="stable")]
        trades = run.trades[run.trade_of == n].copy()
        every["bar"] = np.searchsorted(rows, every["bar"])
        for column in ("entry_bar", "exit_bar"):
            trades[column] = np.searchsorted(rows, trades[column])
        spent = every["side"] * every["quantity"] * every["price"] * spec.multiplier + every["fee"]
        every["cash"] = spec.cash - np.cumsum(spent)
        fills, adjustments = parted(every)
        made = BacktestResult(
            bars=panel.bars[n],
            initial_cash=float(spec.cash),
            fills=fills,
            trades=trades,
            orders=int(run.orders[n]),
            multiplier=float(spec.multiplier),
            currency=spec.currency,
            actions=spec.actions,
            adjustments=adjustments,
        )
        found[name] = from_bar(made, int(np.searchsorted(rows, spec.first_bar))) if spec.first_bar else made
    return found

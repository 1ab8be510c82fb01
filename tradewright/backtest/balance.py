"""Whether the books of a finished backtest balance: cash, position, fees, closed trades and the totals of the run.

The kernel adds up its totals in one pass and writes the account after each fill; here both are added up once more from
the fills alone, so that a run that is shown or stored is never one in which money came from nowhere.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from tradewright.backtest.result import BacktestResult

RELATIVE = 1e-9
"""The rounding that is admitted, as a share of the money and of the units that went through the account."""


def imbalances(result: BacktestResult) -> tuple[str, ...]:
    """Everything that does not add up, in words; empty is the good result.

    A result of given curves (several instruments in one account, the folds of a walk-forward) has no books of its own,
    and nothing is said of it. Money in another currency and corporate actions change cash outside of fills; then
    position, fees and equity are compared.
    """
    return () if result.given is not None else tuple(_imbalances(result))


def _imbalances(result: BacktestResult) -> Iterator[str]:
    fills, equity = result.fills, result.equity
    moved = fills["side"] * fills["quantity"]
    spent = moved * fills["price"] * result.multiplier
    through = RELATIVE * (result.initial_cash + float(np.abs(spent).sum()))
    units = RELATIVE * (1.0 + float(np.abs(moved).sum()))
    alone = result.conversion is None and not len(result.adjustments)
    if not len(result.adjustments):
        yield from _differ("the position after each fill", np.cumsum(moved), fills["position"], units)
    if alone:
        cash = result.initial_cash - np.cumsum(spent + fills["fee"])
        yield from _differ("the cash after each fill", cash, fills["cash"], through)
        worth = result.cash + result.position * result.multiplier * result.bars.close
        yield from _differ("the equity at each close", worth, equity, through)
        if len(fills) and fills["position"][-1] == 0.0:
            made = np.array([result.trades["profit"].sum()])
            yield from _differ("the profit of all trades", made, equity[-1:] - result.initial_cash, through)
    if not np.isfinite(equity).all():
        yield f"the equity of bar {int(np.argmin(np.isfinite(equity)))} is no number"
    if result.totals is not None and len(equity):
        totals = result.totals[:1]
        yield from _differ("the final equity", equity[-1:], totals["final_equity"], through)
        yield from _differ("the fees", np.array([fills["fee"].sum()]), totals["fees"], through)
        yield from _differ("the number of fills", np.array([float(len(fills))]), totals["fills"], 0.0)
        yield from _differ("the number of trades", np.array([float(len(result.trades))]), totals["trades"], 0.0)


def _differ(what: str, added: npt.NDArray[np.float64], told: npt.NDArray[np.float64], allowed: float) -> Iterator[str]:
    """One sentence where ``told`` is farther from what was added up than rounding explains."""
    wrong = ~(np.abs(added - told) <= allowed)
    if wrong.any():
        first = int(np.argmax(wrong))
        place = f" (number {first + 1})" if len(wrong) > 1 else ""
        yield f"{what}{place} is {float(told[first]):.10g}, and adds up to {float(added[first]):.10g}"

"""Runs of the panel kernel: arrays in, the shared account and its fills out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt

from tradewright.backtest.account import ACCOUNT_SLOTS, FillLog
from tradewright.backtest.code import answers_with_requests
from tradewright.backtest.compiled import allocation_simulator, panel_simulator
from tradewright.backtest.engine import inputs_of
from tradewright.backtest.kernel import Indices, Matrix
from tradewright.backtest.orders import TARGET_SLOTS
from tradewright.backtest.panel.allocation_kernel import (
    ABOVE_GROSS,
    ABOVE_WEIGHT,
    FAULT_BAR,
    FAULT_INSTRUMENT,
    FAULT_KIND,
    FAULT_VALUE,
    NO_SHORTS,
    NOT_A_NUMBER,
    SOUND,
    UNAVAILABLE,
    Weights,
)
from tradewright.backtest.panel.book import (
    POOL_BORROWED,
    POOL_FILLS,
    POOL_FIRST_CALL,
    POOL_MARGIN_CALLS,
    POOL_SLOTS,
    POOL_TRADES,
    Book,
    Caps,
    Curves,
)
from tradewright.backtest.panel.decision_kernel import Desk
from tradewright.backtest.panel.panel import WHERE, Panel, deciding_bars, feature_tables, own_columns
from tradewright.backtest.panel.shared_account import SharedAccount
from tradewright.backtest.result import FILL, TRADE, FillReason, parted
from tradewright.backtest.spec import KernelParameters
from tradewright.backtest.strategy_errors import located_errors, strategy_error
from tradewright.model.allocation import Allocation, Tables, is_allocation
from tradewright.model.bars import Floats, Times
from tradewright.model.errors import ConfigError, StrategyError
from tradewright.model.strategy import Strategy

BARS_PER_FILL = 8
"""The first pass has room for a fill and a trade in so many bars; a run with more is made once again with enough."""

REFUSALS = {
    NOT_A_NUMBER: (
        "WEIGHT_NOT_A_NUMBER",
        "is no number",
        "write a weight for each instrument, 0 where a feature is NaN",
    ),
    NO_SHORTS: ("WEIGHT_SHORT", "is short", "set backtest.allow_short=true, or give no weight below 0"),
    UNAVAILABLE: ("WEIGHT_UNAVAILABLE", "is for an instrument without bars then", "give 0 where a feature is NaN"),
    ABOVE_WEIGHT: ("WEIGHT_ABOVE_CAP", "is above backtest.shared.max_weight", "give less, or raise the cap"),
    ABOVE_GROSS: ("WEIGHTS_ABOVE_GROSS", "is above backtest.shared.max_gross", "give less, or raise the cap"),
}
"""By fault: the code, what is wrong with the weight, what to do."""


@dataclass(frozen=True)
class PanelRun:
    """What a run made.

    Args:
        equity, cash: of the account at the close of each bar of the union.
        fills, trades: of all instruments, in the order in which they were made; bars are those of the union. Of a fill,
            ``cash`` is that of the shared account after it, ``position`` that of its instrument.
        fill_of, trade_of: the number of the instrument of each.
        orders: by instrument, whether filled or not.
        adjustments, adjustment_of: the corporate actions that positions met, as rows of fills, and of which instrument.
        borrowed: what borrowed units cost, in money.
        margin_calls: how often the margin guard closed everything, for the first time in bar ``first_call``.
    """

    equity: Floats
    cash: Floats
    fills: npt.NDArray[np.void]
    trades: npt.NDArray[np.void]
    fill_of: Indices
    trade_of: Indices
    orders: Indices
    adjustments: npt.NDArray[np.void]
    adjustment_of: Indices
    borrowed: float = 0.0
    margin_calls: int = 0
    first_call: int = 0


def run_panel(strategy: Strategy | Allocation, panel: Panel, shared: SharedAccount, days: Times) -> PanelRun:
    """Backtest a strategy on instruments that share one account. The same input gives the same bytes.

    Args:
        days: the date of each bar's session in days since 1970, for the calendar of an allocation.

    Raises:
        ConfigError: a feature that no indicator gives.
        StrategyError: the decision cannot be compiled, or gave weights that are not admitted.
    """
    if is_allocation(strategy):
        return run_allocation(strategy, panel, shared, days, feature_tables(strategy, panel))
    decides = cast("Strategy", strategy)
    refuse_requests(decides)
    inputs = [inputs_of(decides, table, spec.secondary) for table, spec in zip(panel.bars, panel.specs, strict=True)]
    columns, which = own_columns([each.features for each in inputs], max(len(table.ts) for table in panel.bars))
    return run_decisions(decides, panel, shared, columns, which)


def run_allocation(
    strategy: Allocation, panel: Panel, shared: SharedAccount, days: Times, features: Tables
) -> PanelRun:
    """:func:`run_panel` of an allocation whose features are there already, as of :func:`feature_tables`.

    Raises:
        StrategyError: as :func:`run_panel`.
    """
    rules, count = panel.specs[0].rules(), len(panel.names)
    decides = deciding_bars(shared.rebalance or strategy.rebalance, days, panel.specs[0].first_bar)
    params = tuple(map(float, strategy.parameters())) or (0.0,)
    acts, charged = len(panel.market.actions) > 0, len(panel.market.fee_open) > 0
    simulate = allocation_simulator(strategy.allocate, actions=acts, fee_rates=charged)
    fault = np.zeros(4)

    def once(book: Book, log: FillLog, curves: Curves) -> None:
        slots = _slots(rules)
        memory = Weights(
            np.empty(count),
            np.empty(count),
            np.empty((slots, count)),
            np.empty(slots, np.int64),
            np.empty(count),
            fault,
        )
        simulate(
            features,
            params,
            decides,
            panel.market,
            panel.terms,
            rules,
            caps_of(shared),
            panel.life,
            book,
            memory,
            log,
            curves,
        )

    with located_errors(strategy):
        made = _made(panel, once)
    if fault[FAULT_KIND] != SOUND:
        raise refusal(strategy, panel, fault)
    return made


def refuse_requests(strategy: Strategy) -> None:
    """Refuse a strategy that asks for orders which the shared account does not have.

    Raises:
        ConfigError: naming them, and what to do.
    """
    if answers_with_requests(strategy.generate_signal):
        raise ConfigError(
            f"{strategy.name} asks for orders that the shared account does not have"
            " (order(...) in Python; stop_entry, exits.trail or max_hold_bars of a document)",
            where=WHERE,
            remedy="use backtest.account=split for it",
            code="NO_ORDER_REQUESTS",
        )


def run_decisions(strategy: Strategy, panel: Panel, shared: SharedAccount, columns: Matrix, which: Indices) -> PanelRun:
    """:func:`run_panel` of a strategy that decides on each instrument, whose features are there already.

    Args:
        columns, which: as of :func:`~tradewright.backtest.panel.panel.own_columns`.

    Raises:
        StrategyError: as :func:`run_panel`.
    """
    rules, count = panel.specs[0].rules(), len(panel.names)
    params = tuple(map(float, strategy.parameters())) or (0.0,)
    acts, charged = len(panel.market.actions) > 0, len(panel.market.fee_open) > 0
    simulate = panel_simulator(strategy.generate_signal, which.shape[1], actions=acts, fee_rates=charged)

    def once(book: Book, log: FillLog, curves: Curves) -> None:
        slots = _slots(rules)
        desk = Desk(
            np.empty((slots, count, TARGET_SLOTS)),
            np.empty((slots, count), np.int64),
            np.empty((count, TARGET_SLOTS)),
            np.empty(count, np.bool_),
            np.empty(count, np.int64),
            np.empty(count, np.int64),
        )
        simulate(
            columns,
            which,
            params,
            panel.market,
            panel.terms,
            rules,
            caps_of(shared),
            panel.life,
            book,
            desk,
            log,
            curves,
        )

    with located_errors(strategy):
        return _made(panel, once)


def _made(panel: Panel, once: Callable[[Book, FillLog, Curves], None]) -> PanelRun:
    """Run with room for some fills, and once again where there were more."""
    count, bars = len(panel.names), len(panel.ts)
    room = bars * count // BARS_PER_FILL + 1
    while True:
        log = FillLog(np.empty(room, FILL), np.empty(room, TRADE))
        pool, accounts = np.zeros(POOL_SLOTS), np.empty((count, ACCOUNT_SLOTS))
        book = Book(
            pool, accounts, np.empty(count), np.empty(count), np.empty(room, np.int64), np.empty(room, np.int64)
        )
        curves = Curves(np.empty(bars), np.empty(bars))
        once(book, log, curves)
        fills, trades = int(pool[POOL_FILLS]), int(pool[POOL_TRADES])
        if fills <= room:
            break
        room = fills
    done, adjustments = parted(log.fills[:fills])
    acts = log.fills["reason"][:fills] >= FillReason.SPLIT
    return PanelRun(
        equity=curves.equity,
        cash=curves.cash,
        fills=done,
        trades=log.trades[:trades],
        fill_of=book.fill_of[:fills][~acts],
        adjustments=adjustments,
        adjustment_of=book.fill_of[:fills][acts],
        trade_of=book.trade_of[:trades],
        orders=book.orders.astype(np.int64),
        borrowed=float(pool[POOL_BORROWED]),
        margin_calls=int(pool[POOL_MARGIN_CALLS]),
        first_call=int(pool[POOL_FIRST_CALL]),
    )


def _slots(rules: KernelParameters) -> int:
    return 1 << rules.delay.bit_length()


def caps_of(shared: SharedAccount) -> Caps:
    """The limits of the account, as the kernels read them."""
    names = ("max_weight", "max_gross", "cash_buffer", "borrow_rate", "margin")
    return Caps(*(float(getattr(shared, name)) for name in names))


def refusal(strategy: Allocation, panel: Panel, fault: Floats) -> StrategyError:
    """The error of the first weight that is not admitted."""
    code, wrong, remedy = REFUSALS[int(fault[FAULT_KIND])]
    day = np.datetime64(int(panel.ts[int(fault[FAULT_BAR])]), "ns").astype("datetime64[s]")
    whose = "of all" if code == "WEIGHTS_ABOVE_GROSS" else f"of {panel.names[int(fault[FAULT_INSTRUMENT])]}"
    what = f"the target weight {whose}, {fault[FAULT_VALUE]:g} in the bar of {day}, {wrong}"
    return strategy_error(strategy, what, remedy, error_code=code)

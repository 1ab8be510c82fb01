"""The engine once more, slowly and in plain Python: the witness that the kernel is checked against.

It shares with the kernel only the scalar rules (fills, fees, slippage, sizes); how orders come about, in which order
they fill and what they do to the account is written here a second time, from the specification.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from tradewright.backtest.engine import VOLATILITY, check_bars
from tradewright.backtest.result import FILL, TRADE, BacktestResult, Curves, FillReason
from tradewright.backtest.sizing import MAX, sized_units, whole_lots
from tradewright.backtest.spec import BacktestSpec, KernelParameters
from tradewright.fills.costs import affordable_units, fee
from tradewright.fills.rules import limit_fill, market_fill, stop_fill
from tradewright.fills.slippage import slippage_bps, slipped
from tradewright.indicators.registry import columns
from tradewright.model.bars import Bars
from tradewright.model.strategy import Action, Strategy


@dataclass(frozen=True)
class _Bar:
    index: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    spread: float
    volatility: float
    """Of the bar before: what was known when this one opened."""
    open_rate: float
    close_rate: float
    """Account currency per unit of quote currency, as known at the open and at the close."""


@dataclass(frozen=True)
class _Decision:
    due: int
    share: float
    units: float | None
    limit: float
    stop: float
    target: float


@dataclass(frozen=True)
class _Entry:
    side: int
    lots: float
    limit: float
    last_bar: int


@dataclass
class _Account:
    rules: KernelParameters
    foreign: bool
    cash: float
    debt: float = 0.0
    """What an open position that settles its difference was bought for, in the quote currency; below 0 when short."""
    lots: float = 0.0
    entry_price: float = 0.0
    entry_value: float = 0.0
    """What the open units cost, in the account's currency at the rates of their fills."""
    entry_fees: float = 0.0
    entry_bar: int = 0
    stop: float = math.nan
    target: float = math.nan
    working: _Entry | None = None
    orders: int = 0
    fills: list[tuple[float, ...]] = field(default_factory=list)
    trades: list[tuple[float, ...]] = field(default_factory=list)

    def money(self, rate: float) -> float:
        return self.cash - self.debt * rate if self.debt else self.cash

    def equity(self, price: float, rate: float) -> float:
        return self.money(rate) + self.lots * (self.rules.lot_size * self.rules.multiplier) * (price * rate)

    def half(self, bar: _Bar) -> float:
        """Half the spread of a bar of quotes."""
        if not self.rules.quoted:
            return 0.0
        known = bar.spread if bar.spread >= 0 else self.rules.slippage.default_spread
        return min(known / 2, 10_000.0)

    def sided(self, bar: _Bar, side: int, start: float) -> tuple[float, float, float]:
        """What a bar is from ``start`` on to an order of one side: its beginning, high and low."""
        half = self.half(bar)
        begun, high, low = (slipped(price, side, half) for price in (start, bar.high, bar.low))
        return begun, high, low

    def order(self, bar: _Bar, side: int, lots: float, base: float, reason: FillReason) -> None:
        """Fill what the account can cover of one order."""
        rules = self.rules
        resting = reason in (FillReason.LIMIT, FillReason.TAKE_PROFIT)
        half = self.half(bar)
        maker = resting and base != slipped(bar.open, side, half)
        if reason in (FillReason.SIGNAL, FillReason.END):
            base = slipped(base, side, half)
        size = lots * rules.lot_size
        bps = 0.0 if resting else slippage_bps(bar.volatility, bar.spread, size, bar.volume, rules.slippage)
        price = slipped(base, side, bps)
        ends = reason is FillReason.END or (reason is FillReason.SIGNAL and rules.at_close)
        rate = bar.close_rate if ends else bar.open_rate
        covered = lots if rules.allow_overdraft else self._covered(side, lots, price, rate, maker)
        if covered > 0:
            units = covered * rules.lot_size
            cost = fee(units, abs(units * price * rules.multiplier * rate), maker, rules.fees)
            self._book(bar, side, covered, price, rate, cost)
            after = self.cash, self.lots * rules.lot_size, -self.debt, rate
            told = 0.0 if resting else bps + half
            self.fills.append((bar.index, side, units, price, cost, told, int(reason), *after))

    def _covered(self, side: int, lots: float, price: float, rate: float, maker: bool) -> float:
        rules, cash = self.rules, self.money(rate)
        value = price * rules.multiplier * rate

        def outlay(count: float) -> float:
            units = count * rules.lot_size
            return units * value + fee(units, abs(units * value), maker, rules.fees)

        if side < 0 and self.lots > 0:
            units = lots * rules.lot_size
            return lots if cash + units * value - fee(units, abs(units * value), maker, rules.fees) >= 0 else 0.0
        money = cash if side > 0 else cash + 2.0 * self.lots * rules.lot_size * value
        most = whole_lots(affordable_units(money, value, maker, rules.fees), rules.lot_size)
        while most > 0 and outlay(most) > money:
            most -= 1
        return min(lots, most)

    def _book(self, bar: _Bar, side: int, lots: float, price: float, rate: float, cost: float) -> None:
        units, before = lots * self.rules.lot_size, self.lots
        value = side * units * price * self.rules.multiplier
        is_long = before > 0 or (before == 0 and side > 0)
        paid = not self.foreign or (self.rules.paid_in_full and is_long)
        part = 1.0 if before * side >= 0 else lots / abs(before)
        if paid:
            self.cash -= value * rate + cost
        elif before * side >= 0:
            self.cash, self.debt = self.cash - cost, self.debt + value
        else:
            ended = self.debt * part
            self.cash, self.debt = self.cash - cost - (ended + value) * rate, self.debt - ended
        self.lots += side * lots
        self.debt = self.debt if self.lots else 0.0
        if before * side >= 0:
            if before == 0:
                self.entry_bar, self.entry_price, self.entry_value = bar.index, price, 0.0
            else:
                self.entry_price = (abs(before) * self.entry_price + lots * price) / (abs(before) + lots)
            self.entry_value += abs(value) * rate
            self.entry_fees += cost
            return
        direction = 1 if before > 0 else -1
        share, spent = self.entry_fees * part, self.entry_value * part
        bought = units * self.entry_price * self.rules.multiplier
        entry_rate = spent / bought if paid and self.foreign else rate
        gained = price * rate - self.entry_price * entry_rate
        profit = direction * units * self.rules.multiplier * gained - share - cost
        self.trades.append(
            (
                self.entry_bar,
                bar.index,
                direction,
                units,
                self.entry_price,
                price,
                share,
                cost,
                profit,
                entry_rate,
                rate,
            )
        )
        self.entry_fees = self.entry_fees - share if self.lots != 0 else 0.0
        self.entry_value -= spent

    def close(self, bar: _Bar, price: float, reason: FillReason) -> None:
        if self.lots:
            self.orders += 1
            self.order(bar, -1 if self.lots > 0 else 1, abs(self.lots), price, reason)

    def place(self, bar: _Bar, decision: _Decision) -> None:
        """A decision reaches the market: first the order that reduces, then the one that enters."""
        rules, self.working = self.rules, None
        share = decision.share if decision.share > 0 or rules.allow_short else 0.0
        base = market_fill(bar.open, bar.close, rules.at_close)
        if self.lots * share <= 0:
            self.close(bar, base, FillReason.SIGNAL)
            self.stop = self.target = math.nan
        if share == 0 or self.lots * share < 0:
            return
        self.stop = self.stop if math.isnan(decision.stop) else decision.stop
        self.target = self.target if math.isnan(decision.target) else decision.target
        side = 1 if share > 0 else -1
        entry = slipped(base, side, self.half(bar)) if math.isnan(decision.limit) else decision.limit
        units = self._all(bar, share, side, entry, decision.units)
        wanted = whole_lots(units, rules.lot_size)
        more = wanted - abs(self.lots)
        if wanted == 0 or more == 0:
            return
        self.orders += 1
        if more < 0:
            self.order(bar, -side, -more, base, FillReason.SIGNAL)
        elif math.isnan(decision.limit):
            self.order(bar, side, more, base, FillReason.SIGNAL)
        else:
            first = bar.index + 1 if rules.at_close else bar.index
            self.working = _Entry(side, more, decision.limit, first + rules.timeout - 1)

    def _all(self, bar: _Bar, share: float, side: int, base: float, units: float | None) -> float:
        if units is not None:
            return units
        rules = self.rules
        price = slipped(base, side, slippage_bps(bar.volatility, bar.spread, 0.0, bar.volume, rules.slippage))
        rate = bar.close_rate if rules.at_close else bar.open_rate
        equity = self.equity(price, rate)
        return sized_units(abs(share), equity, price, price, rules.multiplier * rate, rules.sizing, rules.fees)

    def rest(self, bar: _Bar) -> None:
        """What waits in the market during a bar: the entry limit, then the stop, then the take-profit."""
        start, inside, entry = bar.open, False, self.working
        if entry is not None:
            begun, high, low = self.sided(bar, entry.side, bar.open)
            price = limit_fill(entry.side, entry.limit, begun, high, low, self.rules.marketable)
            if not math.isnan(price):
                self.order(bar, entry.side, entry.lots, price, FillReason.LIMIT)
                inside, self.working = price != begun, None
                start = price / (1 + entry.side * self.half(bar) / 10_000) if inside else bar.open
            elif bar.index >= entry.last_bar:
                self.working = None
        if self.lots == 0:
            return
        side, reason = -1 if self.lots > 0 else 1, FillReason.STOP
        begun, high, low = self.sided(bar, side, start)
        price = stop_fill(side, self.stop, begun, high, low)
        if math.isnan(price) and not inside:
            reason = FillReason.TAKE_PROFIT
            price = limit_fill(side, self.target, begun, high, low, self.rules.marketable)
        if not math.isnan(price):
            self.working = None
            self.close(bar, price, reason)


def run_reference(strategy: Strategy, bars: Bars, spec: BacktestSpec) -> BacktestResult:
    """The result of :func:`tradewright.backtest.engine.run`, about ten thousand times slower.

    Raises:
        DataError, ConfigError: as there.
    """
    check_bars(bars)
    rules = spec.rules()
    features, parameters = columns(strategy.prepare_state(), bars, spec.secondary), strategy.parameters()
    account, curve = _Account(rules, spec.conversion is not None, rules.cash), []
    waiting: list[_Decision] = []
    table = _bars(bars, spec)
    for bar in table:
        due = [decision for decision in waiting if decision.due == bar.index]
        if due and not rules.at_close:
            account.place(bar, due[0])
        account.rest(bar)
        if due and rules.at_close:
            account.place(bar, due[0])
        if rules.close_at_end and bar is table[-1]:
            account.close(bar, bar.close, FillReason.END)
        elif bar.index >= rules.first_bar:
            action = strategy.generate_signal(bar.index, features, parameters, account.lots * rules.lot_size)
            waiting = [decision for decision in waiting if decision.due > bar.index]
            waiting += [] if math.isnan(action[0]) else [_decision(bar, action, account, rules)]
            if waiting and waiting[-1].due == bar.index:
                account.place(bar, waiting[-1])
        money = account.money(bar.close_rate)
        curve.append((account.equity(bar.close, bar.close_rate), money, account.lots * rules.lot_size))
    return BacktestResult(
        bars=bars,
        initial_cash=rules.cash,
        fills=np.array(account.fills, FILL),
        trades=np.array(account.trades, TRADE),
        orders=account.orders,
        multiplier=rules.multiplier,
        conversion=spec.conversion,
        given=Curves(*np.array(curve, np.float64).reshape(-1, 3).T.copy()),
    )


def _bars(bars: Bars, spec: BacktestSpec) -> list[_Bar]:
    volatility = columns((VOLATILITY,), bars)[0] if spec.slippage.terms().vol else np.zeros(len(bars.ts))
    before = np.concatenate(([0.0], volatility))
    rates = (spec.conversion.open, spec.conversion.close) if spec.conversion else (np.ones(len(bars.ts)),) * 2
    rows = zip(*(values.tolist() for values in (*bars[1:], before[: len(bars.ts)], *rates)), strict=True)
    return [_Bar(index, *row) for index, row in enumerate(rows)]


def _decision(bar: _Bar, action: Action, account: _Account, rules: KernelParameters) -> _Decision:
    target, limit, stop, profit = action
    share = min(max(target, -1.0), 1.0)
    price = bar.close if math.isnan(limit) else limit
    units = None
    if rules.sizing.kind != MAX:
        equity, value = account.equity(bar.close, bar.close_rate), rules.multiplier * bar.close_rate
        units = sized_units(abs(share), equity, price, stop, value, rules.sizing, rules.fees)
    return _Decision(bar.index + rules.delay, share, units, limit, stop, profit)

"""The shared account once more, slowly and in plain Python: the witness that the panel kernel is checked against.

Instruments are looked up by time and name, never by row; the order of events, who may use which money and what a target
weight means are written here a second time, from the specification. Orders of one instrument are those of
``reference.py``, whose accounts are given one purse.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tests.backtest import reference
from tests.backtest.reference import _Account
from tests.backtest.reference_orders import Bar, Decision
from tradewright.backtest.panel.shared_account import SharedAccount
from tradewright.backtest.result import FillReason
from tradewright.backtest.sizing import MAX, sized_units, whole_lots
from tradewright.backtest.spec import BacktestSpec, KernelParameters
from tradewright.fills.costs import exchanged
from tradewright.indicators.registry import columns
from tradewright.model.allocation import Allocation
from tradewright.model.bars import Bars
from tradewright.model.strategy import OrderRequest, Strategy

DAY = 86_400 * 10**9
YEAR = 365.25 * DAY


@dataclass
class Purse:
    """The cash of all, and what an order may not use of it."""

    cash: float
    kept: float = 0.0


class Member(_Account):
    """The account of one instrument, whose cash is in the purse."""

    def __init__(self, rules: KernelParameters, purse: Purse) -> None:
        self.purse = purse
        super().__init__(rules, False, purse.cash)

    @property
    def cash(self) -> float:  # type: ignore[override]
        return self.purse.cash

    @cash.setter
    def cash(self, value: float) -> None:
        self.purse.cash = value

    def money(self, rate: float) -> float:  # noqa: ARG002 - one currency
        return self.purse.cash - self.purse.kept

    def worth(self, price: float) -> float:
        return self.lots * self.rules.lot_size * self.rules.multiplier * price


@dataclass
class Expected:
    """What the kernel must arrive at; fills and trades by instrument."""

    equity: list[float] = field(default_factory=list)
    cash: list[float] = field(default_factory=list)
    fills: dict[str, list[tuple[float, ...]]] = field(default_factory=dict)
    trades: dict[str, list[tuple[float, ...]]] = field(default_factory=dict)
    orders: dict[str, int] = field(default_factory=dict)
    borrowed: float = 0.0
    calls: int = 0


class _Panel:
    def __init__(self, bars: Mapping[str, Bars], specs: Mapping[str, BacktestSpec], shared: SharedAccount) -> None:
        self.bars, self.shared, self.names = bars, shared, list(bars)
        self.times = sorted({int(t) for table in bars.values() for t in table.ts})
        self.rules = {name: specs[name].rules() for name in bars}
        self.common = self.rules[self.names[0]]
        self.purse = Purse(self.common.cash)
        self.members = {name: Member(self.rules[name], self.purse) for name in bars}
        place = {t: k for k, t in enumerate(self.times)}
        self.bar: dict[tuple[int, str], Bar] = {}
        for name, table in bars.items():
            for t, bar in zip(table.ts.tolist(), reference._bars(table, specs[name]), strict=True):
                self.bar[t, name] = replace(bar, index=place[t])
        self.actions = {
            (int(table.ts[int(row[0])]), name): (row[1], row[2])
            for name, table in bars.items()
            if specs[name].actions is not None
            for row in specs[name].actions.rows.tolist()
        }
        self.marks = dict.fromkeys(self.names, 0.0)
        self.ended = {name for name in bars if self._ended(bars[name].ts)}
        self.result, self.equity, self.busy_until = Expected(), self.common.cash, -1

    def _ended(self, ts: Any) -> bool:
        usual = float(np.median(np.diff(ts))) if len(ts) > 1 else 0.0
        return self.times[-1] - int(ts[-1]) > max(7 * DAY, 3 * usual)

    def closes_now(self, name: str, t: int) -> bool:
        return t == self.bars[name].ts[-1] and (name in self.ended or self.common.close_at_end)

    def today(self, t: int) -> dict[str, Bar]:
        return {name: self.bar[t, name] for name in self.names if (t, name) in self.bar}

    def shorts(self, but: str = "") -> float:
        return sum(max(-self.members[n].worth(self.marks[n]), 0.0) for n in self.names if n != but)

    def gross(self) -> float:
        return sum(abs(self.members[n].worth(self.marks[n])) for n in self.names)

    def all_money(self) -> None:
        self.purse.kept = 0.0

    def no_credit(self, name: str) -> None:
        """An order of an allocation that enters: shorts of others are covered in full."""
        self.purse.kept = min(2 * self.shorts(name), self.purse.cash) if self.shorts(name) else 0.0

    def entry_money(self, name: str) -> None:
        """A decision that enters: no credit, shorts covered in full, buffer and caps kept."""
        shared, own = self.shared, self.members[name].worth(self.marks[name])
        free = self.purse.cash - 2 * self.shorts(name) - shared.cash_buffer * self.equity
        own_short = max(-own, 0.0)
        if shared.max_weight < 1:
            free = min(free, shared.max_weight * self.equity - abs(own) + 2 * own_short)
        if shared.max_gross < 1:
            free = min(free, shared.max_gross * self.equity - self.gross() + 2 * own_short)
        self.purse.kept = 0.0 if free == self.purse.cash else self.purse.cash - max(free, 0.0)

    def begin(self, k: int) -> None:
        if k:
            cost = self.shorts() * self.shared.borrow_rate * (self.times[k] - self.times[k - 1]) / YEAR
            self.purse.cash -= cost
            self.result.borrowed += cost

    def act(self, t: int) -> dict[str, float]:
        """Corporate actions of positions and resting orders; by instrument the new units per old one."""
        found = {name: self.actions[t, name] for name in self.names if (t, name) in self.actions}
        for name, (ratio, paid) in found.items():
            self.members[name].act(self.bar[t, name], ratio, paid)
            self.marks[name] /= ratio
        return {name: ratio for name, (ratio, _paid) in found.items()}

    def finish(self, k: int, today: Mapping[str, Bar]) -> bool:
        """Close what ends, mark, and say whether the margin guard closes everything."""
        self.all_money()
        for name, bar in today.items():
            if self.closes_now(name, self.times[k]):
                self.members[name].working = None
                self.members[name].close(bar, bar.close, FillReason.END)
            self.marks[name] = bar.close
        self.equity = self.purse.cash + sum(self.members[n].worth(self.marks[n]) for n in self.names)
        self.result.equity.append(self.equity)
        self.result.cash.append(self.purse.cash)
        if k < self.busy_until or not self.shorts() or self.equity >= self.shared.margin * self.gross():
            return False
        self.result.calls += 1
        self.busy_until = k + self.common.delay
        return True

    def done(self) -> Expected:
        for name, member in self.members.items():
            self.result.fills[name], self.result.trades[name] = member.fills, member.trades
            self.result.orders[name] = member.orders
        return self.result


def decisions(
    strategy: Strategy, bars: Mapping[str, Bars], specs: Mapping[str, BacktestSpec], shared: SharedAccount
) -> Expected:
    """Decisions by instrument that compete for one purse."""
    panel, waiting = _Panel(bars, specs, shared), {name: list[Decision]() for name in bars}
    ready: dict[str, Decision] = {}
    features = {name: columns(strategy.prepare_state(), table) for name, table in bars.items()}
    own = dict.fromkeys(bars, -1)
    for k, t in enumerate(panel.times):
        today = panel.today(t)
        panel.begin(k)
        for name, ratio in panel.act(t).items():
            waiting[name] = [each.split(ratio) for each in waiting[name]]
            ready.update({name: ready[name].split(ratio)} if name in ready else {})
        for name in bars:
            due = [each for each in waiting[name] if each.due == k]
            ready.update({name: due[-1]} if due else {})
        if panel.common.at_close:
            _rest(panel, today)
        _place(panel, ready, today)
        if not panel.common.at_close:
            _rest(panel, today)
        if panel.finish(k, today):
            ready.clear()
            for name, member in panel.members.items():
                member.working = None
                waiting[name] = [Decision(k + panel.common.delay, 0.0, None, OrderRequest(0.0))]
        for name, bar in today.items():
            own[name] += 1
            member = panel.members[name]
            if k < panel.busy_until or panel.closes_now(name, t):
                continue
            position = member.lots * member.rules.lot_size
            action = strategy.generate_signal(own[name], features[name], strategy.parameters(), position)
            if not math.isnan(action[0]):
                waiting[name].append(_decided(panel, bar, action, member.rules, k))
    return panel.done()


def _decided(panel: _Panel, bar: Bar, action: Any, rules: KernelParameters, k: int) -> Decision:
    target, limit, stop, _profit = action
    share, units = min(max(target, -1.0), 1.0), None
    if rules.sizing.kind != MAX:
        price = bar.close if math.isnan(limit) else limit
        fees = exchanged(rules.fees, bar.close_fee_rate)
        units = sized_units(abs(share), panel.equity, price, stop, rules.multiplier, rules.sizing, fees)
    return Decision(k + rules.delay, share, units, OrderRequest(*action))


def _place(panel: _Panel, ready: dict[str, Decision], today: Mapping[str, Bar]) -> None:
    here = [name for name in panel.names if name in ready and name in today]
    for name in here:
        member, decision = panel.members[name], ready[name]
        share = decision.share if decision.share > 0 or member.rules.allow_short else 0.0
        panel.all_money()
        if member.lots and member.lots * share <= 0:
            member.place(today[name], replace(decision, share=0.0))
            if share == 0 or member.lots:
                del ready[name]
        elif _sells_down(member, decision):
            member.place(today[name], decision)
            del ready[name]
    for name in here:
        if name in ready:
            panel.entry_money(name)
            panel.members[name].place(today[name], ready.pop(name))


def _sells_down(member: Member, decision: Decision) -> bool:
    known = decision.units is not None and member.lots != 0
    return known and whole_lots(decision.units or 0.0, member.rules.lot_size) < abs(member.lots)


def _rest(panel: _Panel, today: Mapping[str, Bar]) -> None:
    entering = [name for name in today if panel.members[name].working is not None]
    for name in entering:
        panel.entry_money(name)
        panel.members[name].rest(today[name])
    panel.all_money()
    for name in today:
        if name not in entering:
            panel.members[name].rest(today[name])


def allocations(
    strategy: Allocation,
    bars: Mapping[str, Bars],
    specs: Mapping[str, BacktestSpec],
    shared: SharedAccount,
    asked: set[int],
) -> Expected:
    """Target weights of all instruments; ``asked`` are the times of the bars that are decided on."""
    panel, arriving = _Panel(bars, specs, shared), dict[int, dict[str, float]]()
    orders: dict[str, float] = {}
    made = {name: columns(strategy.prepare_state(), table) for name, table in bars.items()}
    for k, t in enumerate(panel.times):
        today = panel.today(t)
        panel.begin(k)
        _in_new_units(panel.act(t), (orders, *arriving.values()))
        orders = arriving.pop(k, orders)
        panel.all_money()
        for name, wanted in list(orders.items()):
            member = panel.members[name]
            if wanted == member.lots:
                del orders[name]
            elif member.lots and name in today and (member.lots * wanted <= 0 or abs(wanted) < abs(member.lots)):
                fewer = abs(member.lots) - (abs(wanted) if member.lots * wanted > 0 else 0.0)
                _market(panel, today[name], member, -1 if member.lots > 0 else 1, fewer)
        for name, wanted in [(name, orders[name]) for name in panel.names if name in orders and name in today]:
            member = panel.members[name]
            if member.lots * wanted >= 0 and abs(wanted) > abs(member.lots):
                panel.no_credit(name)
                _market(panel, today[name], member, 1 if wanted > 0 else -1, abs(wanted) - abs(member.lots))
            del orders[name]
        if panel.finish(k, today):
            arriving, orders = {k + panel.common.delay: dict.fromkeys(panel.names, 0.0)}, {}
        elif k >= panel.busy_until and t in asked and k < len(panel.times) - 1 and panel.equity > 0:
            wanted = _weighed(panel, strategy, made, k)
            if wanted is not None:
                arriving[k + panel.common.delay] = wanted
    return panel.done()


def _in_new_units(ratios: Mapping[str, float], targets: Iterable[dict[str, float]]) -> None:
    for wanted in targets:
        for name in ratios.keys() & wanted.keys():
            wanted[name] = math.copysign(whole_lots(abs(wanted[name]) * ratios[name], 1.0), wanted[name])


def _market(panel: _Panel, bar: Bar, member: Member, side: int, lots: float) -> None:
    member.orders += 1
    member.order(bar, side, lots, bar.close if panel.common.at_close else bar.open, FillReason.SIGNAL)


def _weighed(panel: _Panel, strategy: Allocation, made: Any, k: int) -> dict[str, float] | None:
    """The signed lots of each living instrument; None where it does not wish to trade."""
    t, count = panel.times[k], len(strategy.prepare_state())
    tables = tuple(np.full((k + 1, len(panel.names)), np.nan) for _ in range(count))
    for n, name in enumerate(panel.names):
        ts = panel.bars[name].ts
        for j in range(k + 1):
            known = int(np.searchsorted(ts, panel.times[j], side="right")) - 1
            over = (name in panel.ended or panel.common.close_at_end) and panel.times[j] > ts[-1]
            for f in range(count):
                tables[f][j, n] = np.nan if known < 0 or over else made[name][f][known]
    present = np.array([panel.members[n].worth(panel.marks[n]) / panel.equity for n in panel.names])
    target = np.zeros(len(panel.names))
    if not strategy.allocate(k, tables, strategy.parameters(), present, target):
        return None
    wanted = {}
    for name, weight in zip(panel.names, target.tolist(), strict=True):
        ts, rules = panel.bars[name].ts, panel.rules[name]
        last = t >= ts[-1] and (name in panel.ended or panel.common.close_at_end)
        if ts[0] <= t and not last:
            money = abs(weight) * (1 - panel.shared.cash_buffer) * panel.equity
            worth = panel.marks[name] * rules.multiplier
            lots = whole_lots(money / worth, rules.lot_size) if worth > 0 else 0.0
            wanted[name] = math.copysign(lots, weight)
    return wanted

"""The engine once more, slowly and in plain Python: the witness that the kernel is checked against.

It shares with the kernel only the scalar rules (fills, fees, slippage, sizes); how orders come about, in which order
they fill and what they do to the account is written here a second time, from the specification.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from tests.backtest.reference_orders import Bar, Decision, Entry, Trail
from tradewright.backtest.engine import VOLATILITY, check_bars
from tradewright.backtest.result import FILL, TRADE, BacktestResult, Curves, FillReason
from tradewright.backtest.sizing import MAX, sized_units, whole_lots
from tradewright.backtest.spec import BacktestSpec, KernelParameters
from tradewright.fills.costs import affordable_units, exchanged, fee
from tradewright.fills.rules import limit_fill, stop_fill
from tradewright.fills.slippage import slippage_bps, slipped
from tradewright.indicators.registry import columns
from tradewright.model.bars import Bars
from tradewright.model.strategy import DAY, Action, OrderRequest, Strategy

AT_MARKET = (
    FillReason.SIGNAL,
    FillReason.END,
    FillReason.TIME_STOP,
    FillReason.MARKET_ON_OPEN,
    FillReason.MARKET_ON_CLOSE,
    FillReason.REST,
)


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
    trail: Trail | None = None
    bars_held: float = math.inf
    """The time stop, in bars."""
    working: Entry | None = None
    closing: bool = False
    """Whether a former bar left a part of the position that is to be closed at market."""
    orders: int = 0
    fills: list[tuple[float, ...]] = field(default_factory=list)
    trades: list[tuple[float, ...]] = field(default_factory=list)
    days: list[object] = field(default_factory=list)
    adjustments: list[tuple[float, ...]] = field(default_factory=list)

    def money(self, rate: float) -> float:
        return self.cash - self.debt * rate if self.debt else self.cash

    def equity(self, price: float, rate: float) -> float:
        return self.money(rate) + self.lots * (self.rules.lot_size * self.rules.multiplier) * (price * rate)

    def half(self, bar: Bar) -> float:
        """Half the spread of a bar of quotes."""
        if not self.rules.quoted:
            return 0.0
        known = bar.spread if bar.spread >= 0 else self.rules.slippage.default_spread
        return min(known / 2, 10_000.0)

    def sided(self, bar: Bar, side: int, start: float) -> tuple[float, float, float]:
        """What a bar is from ``start`` on to an order of one side: its beginning, high and low."""
        half = self.half(bar)
        begun, high, low = (slipped(price, side, half) for price in (start, bar.high, bar.low))
        return begun, high, low

    def ends(self, reason: FillReason) -> bool:
        """Whether a fill of this cause happens at the close of its bar."""
        usual = reason in (FillReason.SIGNAL, FillReason.TIME_STOP, FillReason.REST)
        return reason in (FillReason.END, FillReason.MARKET_ON_CLOSE) or (usual and self.rules.at_close)

    def order(
        self, bar: Bar, side: int, lots: float, base: float, reason: FillReason, worst: float | None = None
    ) -> float:
        """Fill what bar and account can cover of one order (``worst``: its limit); what the volume leaves of it."""
        part = lots if reason is FillReason.END else min(lots, self.within(bar))
        filled = self._fill(bar, side, part, base, reason, worst) if part else 0.0
        return lots - part if filled == part else 0.0

    def within(self, bar: Bar) -> float:
        """The lots of one order that the volume of a bar admits."""
        share = self.rules.volume_share
        if not share or math.isnan(bar.volume):
            return math.inf
        return whole_lots(share * bar.volume, self.rules.lot_size)

    def _fill(self, bar: Bar, side: int, lots: float, base: float, reason: FillReason, worst: float | None) -> float:
        rules = self.rules
        resting = reason in (FillReason.LIMIT, FillReason.TAKE_PROFIT)
        half = self.half(bar)
        maker = resting and base != slipped(bar.open, side, half)
        if reason in AT_MARKET:
            base = slipped(base, side, half)
        size = lots * rules.lot_size
        bps = 0.0 if resting else slippage_bps(bar.volatility, bar.spread, size, bar.volume, rules.slippage)
        price = slipped(base, side, bps)
        if worst is not None and (price > worst if side > 0 else price < worst):
            price, bps = worst, abs(worst / base - 1) * 10_000
        rate = bar.close_rate if self.ends(reason) else bar.open_rate
        fee_rate = bar.close_fee_rate if self.ends(reason) else bar.open_fee_rate
        covered = lots if rules.allow_overdraft else self._covered(side, lots, price, rate, fee_rate, maker)
        if covered > 0:
            units = covered * rules.lot_size
            cost = self._charge(units, units * price * rules.multiplier * rate, fee_rate, maker)
            self._book(bar, side, covered, price, rate, cost)
            after = self.cash, self.lots * rules.lot_size, -self.debt, rate
            told = 0.0 if resting else bps + half
            self.fills.append((bar.index, side, units, price, cost, told, int(reason), *after))
        return max(covered, 0.0)

    def _charge(self, units: float, value: float, fee_rate: float, maker: bool) -> float:
        """The fee of a value, told in the currency of the fees and exchanged."""
        return fee(units, abs(value) / fee_rate, maker, self.rules.fees) * fee_rate

    def _covered(self, side: int, lots: float, price: float, rate: float, fee_rate: float, maker: bool) -> float:
        rules, cash = self.rules, self.money(rate)
        value = price * rules.multiplier * rate

        def outlay(count: float) -> float:
            units = count * rules.lot_size
            return units * value + self._charge(units, units * value, fee_rate, maker)

        if side < 0 and self.lots > 0:
            units = lots * rules.lot_size
            return lots if cash + units * value - self._charge(units, units * value, fee_rate, maker) >= 0 else 0.0
        money = cash if side > 0 else cash + 2.0 * self.lots * rules.lot_size * value
        most = whole_lots(affordable_units(money / fee_rate, value / fee_rate, maker, rules.fees), rules.lot_size)
        while most > 0 and outlay(most) > money:
            most -= 1
        return min(lots, most)

    def _book(self, bar: Bar, side: int, lots: float, price: float, rate: float, cost: float) -> None:
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

    def close(self, bar: Bar, price: float, reason: FillReason) -> None:
        self.closing = False
        if self.lots:
            left = self.order(bar, -1 if self.lots > 0 else 1, abs(self.lots), price, reason)
            rests_on = left > 0 and reason is FillReason.TAKE_PROFIT
            self.orders += not rests_on
            self.closing = left > 0 and not rests_on

    def act(self, bar: Bar, ratio: float, dividend: float) -> None:
        """The dividend of what was held at the close before, then its new units."""
        size, rate, held = self.rules.lot_size, bar.open_rate, self.lots
        away = -1 if held > 0 else 1

        def tell(side: int, lots: float, price: float, reason: FillReason) -> None:
            after = self.cash, self.lots * size, -self.debt, rate
            self.adjustments.append((bar.index, side, lots * size, price, 0.0, 0.0, int(reason), *after))

        if held and dividend:
            self.cash += held * size * self.rules.multiplier * dividend * rate
            tell(away, abs(held), dividend, FillReason.DIVIDEND)
        if ratio == 1:
            return
        if held:
            new = abs(held) * ratio
            self.lots, self.entry_price = -away * new, self.entry_price / ratio
            tell(-away if ratio > 1 else away, abs(new - abs(held)), 0.0, FillReason.SPLIT)
            whole = whole_lots(new, 1.0)
            if (new - whole) * size > 1e-9:
                self._book(bar, away, new - whole, bar.open, rate, 0.0)
                self.lots = -away * whole
                tell(away, new - whole, bar.open, FillReason.CASH_IN_LIEU)
            self.lots = -away * whole
            if not whole:
                self.stop = self.target = self.bars_held = math.nan
                self.trail, self.bars_held = None, math.inf
        self.stop, self.target = self.stop / ratio, self.target / ratio
        if self.trail:
            level = self.trail.level
            self.trail = Trail(self.trail.amount / ratio, self.trail.percent, level and level / ratio)
        if self.working:
            left, old = whole_lots(self.working.lots * ratio, 1.0), self.working
            new_prices = {"limit": old.limit / ratio, "trigger": old.trigger / ratio}
            self.working = replace(old, lots=left, **new_prices) if left else None

    def place(self, bar: Bar, decision: Decision) -> None:
        """A decision reaches the market: first the order that reduces, then the one that enters."""
        rules, self.working, self.closing, asked = self.rules, None, False, decision.asked
        share = decision.share if decision.share > 0 or rules.allow_short else 0.0
        late = decision.late(rules)
        reason = FillReason.MARKET_ON_CLOSE if late else FillReason.MARKET_ON_OPEN
        reason = FillReason.SIGNAL if late == rules.at_close else reason
        base = bar.close if late else bar.open
        if self.lots * share <= 0:
            self.close(bar, base, reason)
            self.stop = self.target = math.nan
            self.trail, self.bars_held = None, math.inf
        if share == 0 or (self.lots * share < 0 and not self.closing):
            return
        self._guard(asked)
        side = 1 if share > 0 else -1
        entry = next(
            (price for price in (asked.limit, asked.stop_entry) if not math.isnan(price)),
            slipped(base, side, self.half(bar)),
        )
        units = self._all(bar, share, side, entry, decision.units, late)
        wanted = whole_lots(units, rules.lot_size)
        more = wanted - (0 if self.closing else abs(self.lots))
        if wanted != 0 and more != 0:
            self.orders += 1
            if more < 0 or (math.isnan(asked.limit) and math.isnan(asked.stop_entry)):
                self.working = Entry(side if more > 0 else -side, abs(more), math.nan, math.inf)
                self._at_market(bar, base, reason)
            else:
                last = self._last(asked.good_for, bar.index + 1 if late else bar.index)
                self.working = Entry(side, more, asked.limit, last, asked.stop_entry)
        if late and self.trail and self.lots and not self.closing:
            sale = self.lots > 0
            self.trail.follow(sale, slipped(base, -1 if sale else 1, self.half(bar)))

    def _at_market(self, bar: Bar, base: float, reason: FillReason) -> None:
        """Fill the working market order, which waits until what is held on the other side is closed."""
        if self.working and self.working.at_market and not self.closing:
            left = self.order(bar, self.working.side, self.working.lots, base, reason)
            self.working = replace(self.working, lots=left) if left else None

    def work_on(self, bar: Bar) -> None:
        """What former bars left of market orders."""
        base = bar.close if self.rules.at_close else bar.open
        if self.closing:
            self.closing = self.order(bar, -1 if self.lots > 0 else 1, abs(self.lots), base, FillReason.REST) > 0
            self.working = None if self.lots and not self.closing else self.working
        self._at_market(bar, base, FillReason.REST)

    def _guard(self, asked: OrderRequest) -> None:
        """The exits that are asked for take the place of those of the position; a trailing stop stays where it is."""
        if not math.isnan(asked.stop):
            self.stop = asked.stop
        if not math.isnan(asked.take_profit):
            self.target = asked.take_profit
        if not (math.isnan(asked.trail) and math.isnan(asked.trail_percent)):
            self.trail = Trail(asked.trail, asked.trail_percent, self.trail.level if self.trail else None)
        if not math.isnan(asked.time_stop):
            self.bars_held = asked.time_stop

    def _last(self, good_for: float, first: int) -> float:
        """The last bar in which an entry works that begins in ``first``."""
        if good_for == DAY:
            day = self.days[min(first, len(self.days) - 1)]
            return max(bar for bar, each in enumerate(self.days) if each == day)
        return first + (self.rules.timeout if math.isnan(good_for) else good_for) - 1

    def out_of_time(self, bar: Bar) -> None:
        """The time stop."""
        if self.lots and not self.closing and bar.index - self.entry_bar >= self.bars_held:
            self.working = None
            self.close(bar, bar.close if self.rules.at_close else bar.open, FillReason.TIME_STOP)

    def _all(self, bar: Bar, share: float, side: int, base: float, units: float | None, late: bool) -> float:
        if units is not None:
            return units
        rules = self.rules
        price = slipped(base, side, slippage_bps(bar.volatility, bar.spread, 0.0, bar.volume, rules.slippage))
        rate = bar.close_rate if late else bar.open_rate
        equity = self.equity(price, rate)
        fees = exchanged(rules.fees, bar.close_fee_rate if late else bar.open_fee_rate)
        return sized_units(abs(share), equity, price, price, rules.multiplier * rate, rules.sizing, fees)

    def rest(self, bar: Bar) -> None:
        """What waits in the market during a bar: the entry, then the stops, then the take-profit."""
        start, inside, entry = bar.open, False, self.working
        if entry is not None and not entry.at_market:
            if not self.closing:
                begun, high, low = self.sided(bar, entry.side, bar.open)
                price = self._entered(bar, entry, begun, high, low)
                if not math.isnan(price):
                    inside = price != begun
                    start = price / (1 + entry.side * self.half(bar) / 10_000) if inside else bar.open
            if self.working and not self.working.at_market and bar.index >= entry.last_bar:
                self.working = None
        if self.lots == 0 or self.closing:
            return
        sale = self.lots > 0
        side, reason, stop = -1 if sale else 1, FillReason.STOP, self.stop
        begun, high, low = self.sided(bar, side, start)
        if self.trail:
            self.trail.follow(sale, begun)
            level = self.trail.level
            if level is not None and (math.isnan(stop) or (level > stop if sale else level < stop)):
                stop, reason = level, FillReason.TRAILING_STOP
        price = stop_fill(side, stop, begun, high, low)
        if math.isnan(price) and not inside:
            reason = FillReason.TAKE_PROFIT
            price = limit_fill(side, self.target, begun, high, low, self.rules.marketable)
        if not math.isnan(price):
            self.working = None
            self.close(bar, price, reason)
        elif self.trail:
            after = slipped(bar.close, side, self.half(bar)) if inside else (high if sale else low)
            self.trail.follow(sale, after)

    def _entered(self, bar: Bar, entry: Entry, begun: float, high: float, low: float) -> float:
        """Fill a working entry where the bar reaches it; the price before slippage, NaN where it does not."""
        if math.isnan(entry.trigger):
            price = limit_fill(entry.side, entry.limit, begun, high, low, self.rules.marketable)
            reason, worst = FillReason.LIMIT, None
        else:
            price = stop_fill(entry.side, entry.trigger, begun, high, low)
            reason, worst = FillReason.STOP_ENTRY, None if math.isnan(entry.limit) else entry.limit
        if math.isnan(price):
            return price
        self.working = replace(entry, trigger=math.nan)
        if worst is not None and (price > worst if entry.side > 0 else price < worst):
            return math.nan
        left = self.order(bar, entry.side, entry.lots, price, reason, worst)
        self.working = replace(self.working, lots=left) if left else None
        return price


def run_reference(strategy: Strategy, bars: Bars, spec: BacktestSpec) -> BacktestResult:
    """The result of :func:`tradewright.backtest.engine.run`, about ten thousand times slower.

    Raises:
        DataError, ConfigError: as there.
    """
    check_bars(bars)
    rules = spec.rules()
    features, parameters = columns(strategy.prepare_state(), bars, spec.secondary), strategy.parameters()
    days = spec.sessions.dates(bars.ts).tolist()
    account, curve = _Account(rules, spec.conversion is not None, rules.cash, days=days), []
    waiting: list[Decision] = []
    table = _bars(bars, spec)
    actions = {} if spec.actions is None else {int(bar): terms for bar, *terms in spec.actions.rows.tolist()}
    for bar in table:
        if bar.index in actions and bar.index >= rules.first_bar:
            ratio, dividend = actions[bar.index]
            account.act(bar, ratio, dividend)
            waiting = [decision.split(ratio) for decision in waiting]
        due = [decision for decision in waiting if decision.due == bar.index]
        if due and not due[0].late(rules):
            account.place(bar, due[0])
        if not rules.at_close:
            if not due or due[0].late(rules):
                account.work_on(bar)
            account.out_of_time(bar)
        account.rest(bar)
        if due and due[0].late(rules):
            account.place(bar, due[0])
        if rules.at_close:
            if not due:
                account.work_on(bar)
            account.out_of_time(bar)
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
        adjustments=np.array(account.adjustments, FILL),
        orders=account.orders,
        multiplier=rules.multiplier,
        conversion=spec.conversion,
        given=Curves(*np.array(curve, np.float64).reshape(-1, 3).T.copy()),
    )


def _bars(bars: Bars, spec: BacktestSpec) -> list[Bar]:
    volatility = columns((VOLATILITY,), bars)[0] if spec.slippage.terms().vol else np.zeros(len(bars.ts))
    before = np.concatenate(([0.0], volatility))
    known = spec.conversion, spec.fee_conversion
    ones = np.ones(len(bars.ts))
    rates = [column for each in known for column in ((each.open, each.close) if each else (ones, ones))]
    rows = zip(*(values.tolist() for values in (*bars[1:], before[: len(bars.ts)], *rates)), strict=True)
    return [Bar(index, *row) for index, row in enumerate(rows)]


def _decision(bar: Bar, action: Action | OrderRequest, account: _Account, rules: KernelParameters) -> Decision:
    asked = OrderRequest(*action)
    share = min(max(asked.target, -1.0), 1.0)
    price = next((each for each in (asked.limit, asked.stop_entry) if not math.isnan(each)), bar.close)
    away = asked.trail if math.isnan(asked.trail_percent) else abs(price) * asked.trail_percent / 100
    stops = [asked.stop, price - away if share > 0 else price + away]
    stop = min((each for each in stops if not math.isnan(each)), key=lambda each: abs(price - each), default=math.nan)
    units = None
    if rules.sizing.kind != MAX:
        equity, value = account.equity(bar.close, bar.close_rate), rules.multiplier * bar.close_rate
        fees = exchanged(rules.fees, bar.close_fee_rate)
        units = sized_units(abs(share), equity, price, stop, value, rules.sizing, fees)
    return Decision(bar.index + rules.delay, share, units, asked)

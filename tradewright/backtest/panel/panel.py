"""The bars of many instruments side by side, in rows of those that overlap in time, checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tradewright.backtest.engine import VOLATILITY, check_bars, contiguous
from tradewright.backtest.kernel import Indices, Matrix
from tradewright.backtest.panel.book import Flags, Life, PanelMarket, PanelTerms
from tradewright.backtest.panel.rows import WHERE, rows_of
from tradewright.backtest.spec import BacktestSpec
from tradewright.backtest.strategy_errors import features_of
from tradewright.indicators.registry import columns
from tradewright.model.allocation import Allocation, Rebalance, Tables
from tradewright.model.bars import Bars, Floats, Times
from tradewright.model.errors import ConfigError, DataError
from tradewright.model.strategy import Feature

DAY_NS = 86_400_000_000_000
YEAR_NS = 365.25 * DAY_NS
ENDED_DAYS, ENDED_BARS = 7, 3
"""An instrument has ended where its last bar lies more than so many days, and so many of its usual steps, before the
last bar of all; one that pauses at the end, as for a weekend, has not."""

PRICES = ("open", "high", "low", "close", "volume", "spread")


@dataclass(frozen=True)
class Panel:
    """Bars of instruments for the panel kernel.

    Args:
        names: the instruments, in the order that decides who comes first.
        bars: of each.
        rows: of each, the row of each of its bars (:func:`~tradewright.backtest.panel.rows.rows_of`).
        ts: the earliest start in each row, ascending.
        ended: the instruments that end before the last row.
        specs: the terms of each, alike but for lot size, multiplier and spread.
    """

    names: tuple[str, ...]
    bars: tuple[Bars, ...]
    rows: tuple[Indices, ...]
    ts: Times
    ended: tuple[str, ...]
    specs: tuple[BacktestSpec, ...]
    market: PanelMarket
    terms: PanelTerms
    life: Life

    def times_of(self, place: int) -> Times:
        """The time of the row of each bar of an instrument; where all begin together, the starts of its bars."""
        return self.ts[self.rows[place]]


def panel_of(bars: Mapping[str, Bars], specs: Mapping[str, BacktestSpec]) -> Panel:
    """Put instruments side by side; ``cash`` of their terms is the whole account's.

    Raises:
        ConfigError: without an instrument, for terms that a shared account does not have, or for bars of several
            calendars of which two of one instrument overlap with one of another (``BARS_OVERLAP``).
        DataError: bars that no engine can run on, an instrument without bars or without a moment that it shares.
    """
    if not bars:
        what, remedy = "no instrument", "name at least one"
        raise ConfigError(what, where="backtest.instruments", remedy=remedy, code="NO_INSTRUMENTS")
    for name, table in bars.items():
        check_bars(table)
        _check_terms(name, specs[name])
        if len(table.ts) == 0:
            remedy = "leave it out, or choose a period in which it has bars"
            raise DataError(f"{name} has no bar in the period", where=WHERE, remedy=remedy, code="NO_BARS")
    _check_overlap(bars)
    tables, ordered = tuple(bars.values()), tuple(specs[name] for name in bars)
    known = {name: spec.sessions for name, spec in zip(bars, ordered, strict=True)}
    ts, _closes, rows = rows_of({name: table.ts for name, table in bars.items()}, known)
    ended = tuple(name for name, place in zip(bars, rows, strict=True) if has_ended(ts[place], int(ts[-1])))
    return Panel(
        names=tuple(bars),
        bars=tables,
        rows=rows,
        ts=ts,
        ended=ended,
        specs=ordered,
        market=_market(tables, rows, ts, ordered),
        terms=_terms(ordered),
        life=life_of(tuple(bars), rows, ended, len(ts), close_at_end=ordered[0].close_at_end),
    )


def feature_tables(strategy: Allocation, panel: Panel) -> Tables:
    """The features of all instruments, one table each; at least one, since compiled code needs it.

    Of an instrument they are NaN before its first bar, and after the one in which its position is closed for good; in a
    pause the last value stays.

    Raises:
        ConfigError: a feature that no indicator gives.
    """
    return tables_of(features_of(strategy), panel) or (panel.market.close,)


def tables_of(wanted: Sequence[Feature], panel: Panel) -> Tables:
    """:func:`feature_tables` of some features, in their order."""
    found = [
        columns(wanted, table, spec.secondary) if len(table.ts) else (table.close,) * len(wanted)
        for table, spec in zip(panel.bars, panel.specs, strict=True)
    ]
    alive = [closing == len(panel.ts) for closing in panel.life.closing]
    return tuple(
        _table([each[k] for each in found], panel.rows, len(panel.ts), carried=True, to_the_end=alive)
        for k in range(len(wanted))
    )


def own_columns(found: Sequence[Sequence[Floats]], count: int) -> tuple[Matrix, Indices]:
    """The features of each instrument on its own bars, padded with NaN to ``count``, and which row is whose."""
    features = len(found[0])
    padded = np.full((len(found) * features, count), np.nan)
    for n, each in enumerate(found):
        for k, values in enumerate(each):
            padded[n * features + k, : len(values)] = values
    return contiguous(padded), np.arange(len(padded)).reshape(len(found), features)


def deciding_bars(rebalance: Rebalance, days: Times, first: int = 0) -> Flags:
    """The bars at whose close an allocation is asked: the first of each period, which needs no knowledge of later bars.

    Args:
        days: the date of each bar's session in days since 1970; it never falls.
        first: the bar with which the first period begins; before it nothing is asked.
    """
    match rebalance:
        case Rebalance.BAR:
            period = np.arange(len(days))
        case Rebalance.SESSION:
            period = days
        case Rebalance.WEEK:
            period = (days + 3) // 7  # day 0 was a Thursday
        case Rebalance.MONTH:
            period = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    begins = np.ones(len(days), dtype=np.bool_)
    begins[1:] = period[1:] != period[:-1]
    begins[:first] = False
    begins[first : first + 1] = True
    return begins


def session_days(panel: Panel, days: Mapping[str, Times] | None) -> Times:
    """The date of each row: the latest among the sessions of its instruments, never an earlier one again.

    Args:
        days: the dates of each instrument's own bars in days since 1970; None takes UTC days.
    """
    if days is None:
        return panel.ts // DAY_NS
    latest = np.full(len(panel.ts), np.iinfo(np.int64).min)
    for name, rows in zip(panel.names, panel.rows, strict=True):
        latest[rows] = np.maximum(latest[rows], days[name])
    return np.maximum.accumulate(latest)


def _check_terms(name: str, spec: BacktestSpec) -> None:
    """Refuse what the shared account does not have yet, rather than to compute something else."""
    if spec.conversion is not None:
        what = f"{name} is quoted in another currency than the account's"
        raise ConfigError(what, where=WHERE, remedy="use backtest.account=split for it", code="ONE_CURRENCY")
    if spec.allow_overdraft:
        what, remedy = "it lends nothing", "set backtest.allow_overdraft=false"
        raise ConfigError(what, where=WHERE, remedy=remedy, code="NO_OVERDRAFT")
    if spec.volume_share is not None:
        what, remedy = "its orders fill whole", "set backtest.fill.volume_share=null"
        raise ConfigError(what, where=WHERE, remedy=remedy, code="NO_VOLUME_SHARE")
    if spec.fill_market == "quote_close":
        what, remedy = "its orders fill in the bars that follow", "set backtest.fill.market=next_open or next_close"
        raise ConfigError(what, where=WHERE, remedy=remedy, code="NO_QUOTE_CLOSE")
    if spec.bar_delay < 1 or spec.first_bar != 0:
        what = f"bar_delay = {spec.bar_delay}, first_bar = {spec.first_bar}"
        raise ConfigError(what, where=WHERE, remedy="a delay of at least 1 and first_bar 0 are needed")


def _check_overlap(bars: Mapping[str, Bars]) -> None:
    """Refuse an instrument that has no moment in common with any other."""
    spans = {name: (int(table.ts[0]), int(table.ts[-1])) for name, table in bars.items()}
    for name, (first, last) in spans.items():
        others = [span for other, span in spans.items() if other != name]
        if others and not any(first <= end and start <= last for start, end in others):
            what = f"the bars of {name} overlap in time with those of no other instrument"
            raise DataError(what, where=WHERE, remedy="backtest it by itself", code="NO_OVERLAP")


def has_ended(ts: Times, last: int) -> bool:
    """Whether an instrument with bars in rows of these times, at least one, has ended before the last row of all, or
    only pauses."""
    usual = float(np.median(np.diff(ts))) if len(ts) > 1 else 0.0
    return last - int(ts[-1]) > max(ENDED_DAYS * DAY_NS, ENDED_BARS * usual)


def _market(tables: Sequence[Bars], rows: Sequence[Indices], ts: Times, specs: Sequence[BacktestSpec]) -> PanelMarket:
    count = len(ts)
    plain = {name: _table([getattr(table, name) for table in tables], rows, count) for name in PRICES}
    nothing = contiguous(np.empty((0, len(tables))))
    volatility = nothing
    if specs[0].slippage.terms().vol:
        volatility = _table([columns((VOLATILITY,), table)[0] for table in tables], rows, count, carried=True)
    marks = plain["close"]
    if np.isnan(marks).any():
        marks = _table([table.close for table in tables], rows, count, carried=True)
        marks = contiguous(np.where(np.isnan(marks), 0.0, marks))
    elapsed = contiguous(np.diff(ts, prepend=ts[0]) / YEAR_NS)
    actions = _actions(rows, specs)
    before = nothing if len(actions) == 0 else _before(marks, actions)
    fee_rates = _fee_rates(tables, rows, count, specs)
    return PanelMarket(
        **plain,
        volatility=volatility,
        marks=marks,
        nothing=nothing,
        fee_open=fee_rates[0],
        fee_close=fee_rates[1],
        elapsed=elapsed,
        actions=actions,
        before=before,
    )


def _fee_rates(
    tables: Sequence[Bars], rows: Sequence[Indices], count: int, specs: Sequence[BacktestSpec]
) -> tuple[Matrix, Matrix]:
    """The rates of the currency of the fees at the open and the close of each bar; no rows where there are none.

    Raises:
        DataError: rates of other bars.
    """
    known = [spec.fee_conversion for spec in specs if spec.fee_conversion is not None]
    if len(known) < len(specs):
        nothing = contiguous(np.empty((0, len(tables))))
        return nothing, nothing
    for each, table in zip(known, tables, strict=True):
        each.check(len(table.ts))
    opens, closes = ([getattr(each, name) for each in known] for name in ("open", "close"))
    return _table(opens, rows, count, carried=True), _table(closes, rows, count, carried=True)


def _actions(rows: Sequence[Indices], specs: Sequence[BacktestSpec]) -> Matrix:
    """The corporate actions of all instruments in the order of time, each in the first bar after it."""
    found = []
    for n, (place, spec) in enumerate(zip(rows, specs, strict=True)):
        for bar, ratio, paid in [] if spec.actions is None else spec.actions.rows.tolist():
            if bar < len(place):
                found.append((float(place[int(bar)]), float(n), ratio, paid))
    return contiguous(np.array(sorted(found), np.float64).reshape(-1, 4))


def _before(marks: Matrix, actions: Matrix) -> Matrix:
    """The marks of the bar before each one, in its units; those of the first bar are its own."""
    shifted = np.concatenate((marks[:1], marks[:-1]))
    for bar, n, ratio, _paid in actions.tolist():
        shifted[int(bar), int(n)] /= ratio
    return contiguous(shifted)


def _table(
    values: Sequence[Floats],
    rows: Sequence[Indices],
    count: int,
    *,
    carried: bool = False,
    to_the_end: Sequence[bool] | None = None,
) -> Matrix:
    """Columns of instruments, shape (rows, instruments); NaN where there is no bar.

    Args:
        carried: whether a value stays until the next bar.
        to_the_end: by instrument whether it also stays after the last one; None is yes.
    """
    beside = np.full((len(values), count), np.nan)
    for n, (column, place) in enumerate(zip(values, rows, strict=True)):
        if len(place) == count:
            beside[n] = column
        elif not carried or len(place) == 0:
            beside[n, place] = column
        else:
            stop = count if to_the_end is None or to_the_end[n] else int(place[-1]) + 1
            newest = np.searchsorted(place, np.arange(place[0], stop), side="right") - 1
            beside[n, place[0] : stop] = column[newest]
    return contiguous(beside.T)


def _terms(specs: Sequence[BacktestSpec]) -> PanelTerms:
    def each(value: Callable[[BacktestSpec], float]) -> Floats:
        return np.array([value(spec) for spec in specs], np.float64)

    lots, multipliers = each(lambda spec: spec.lot_size), each(lambda spec: spec.multiplier)
    return PanelTerms(
        lot_size=lots,
        multiplier=multipliers,
        unit=lots * multipliers,
        spread_share=each(lambda spec: spec.rules().slippage.spread),
        default_spread=each(lambda spec: spec.rules().slippage.default_spread),
        quoted=np.array([spec.quoted_spread is not None for spec in specs], np.bool_),
    )


def life_of(
    names: Sequence[str], rows: Sequence[Indices], ended: Sequence[str], count: int, *, close_at_end: bool
) -> Life:
    """When positions can begin and are closed for good; an instrument without a bar does neither."""
    first = np.array([place[0] if len(place) else count for place in rows], np.int64)
    last = np.array([place[-1] if len(place) else count for place in rows], np.int64)
    closes = np.array([close_at_end or name in ended for name in names])
    closing = np.where(closes, last, count)
    ending = np.bincount(closing, minlength=count + 1)[:count].astype(np.int64)
    return Life(first, closing, ending)

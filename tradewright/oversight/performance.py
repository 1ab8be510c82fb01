"""The performance of each strategy in trading, day by day: from fills and fees of the ledger and closes of bars."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import groupby

from tradewright.ledger.ownership import Trade

Known = Decimal | str
"""A figure, or why it is not known."""
At = Callable[[str, datetime], Known]
"""The mark of an instrument, or the rate of a currency, at a moment."""
UNKNOWN_BEFORE = "the value of the day before is not known"
_ZERO = Decimal(0)
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Terms:
    """How the price of an instrument is money: its currency, and what one price point of one unit is worth in it."""

    currency: str
    multiplier: Decimal


@dataclass(frozen=True)
class MarkedMarket:
    """What holdings and balances are worth.

    Args:
        marks: the price of an instrument at a moment.
        rates: units of the account's currency for one of another, at a moment.
        splits: the moments from which the units of an instrument are others.
    """

    marks: At
    rates: At
    splits: Mapping[str, Sequence[datetime]] = field(default_factory=dict)


@dataclass(frozen=True)
class PerformanceDay:
    """What one strategy earned in trading on one UTC day, in the account's currency; None where it is not known.

    Args:
        strategy: ``manual``, ``flatten``, or empty for what no order of ours brought.
        at: the moment of the figures: the end of the day, or now.
        held: signed units at that moment, by instrument.
        fills: the number of executions of the day, a shared one counted for each owner.
        fees: what was paid on the day, at the rates of its end.
        net: the change of the day, after fees. Of other currencies the whole balance is exchanged at each day's rate.
        total: what the strategy has earned up to this moment, after fees.
        remarks: why a figure is not known, and what a person has moved by hand.
    """

    strategy: str
    day: date
    at: datetime
    held: Mapping[str, Decimal]
    fills: int
    fees: Decimal | None
    net: Decimal | None
    total: Decimal | None
    remarks: tuple[str, ...]


class _Books:
    """What the trades of one strategy have left it: holdings, and cash less fees by currency."""

    def __init__(self, terms: Mapping[str, Terms], account: str) -> None:
        self._terms, self.account = terms, account
        self.cash: dict[str, Decimal] = defaultdict(Decimal)
        self.held: dict[str, Decimal] = defaultdict(Decimal)
        self.missing: list[str] = []
        """What the total lacks for good: a fee that was not told, a trade in an instrument without terms."""
        self.is_adrift = False
        """Whether what is missing may be in another currency, so that it is exchanged anew each day."""

    @property
    def at_rest(self) -> bool:
        """Whether no price and no rate changes what they are worth."""
        return not any(self.held.values()) and not any(self.cash[each] for each in self.cash if each != self.account)

    def take(self, trade: Trade) -> tuple[str, Decimal] | None:
        """Follow a trade; gives currency and amount of its fee, None where they are not known."""
        known = self._terms.get(trade.instrument)
        self.held[trade.instrument] += trade.quantity
        if known is None:
            self._lacks(f"{trade.instrument} is not in conf/instruments")
        else:
            self.cash[known.currency] -= trade.quantity * trade.price * known.multiplier
        if trade.fee == 0:
            return self.account, _ZERO
        if trade.fee is None or not trade.fee_currency:
            what = "a fee" if trade.fee is None else "the currency of a fee"
            self._lacks(f"{what} in {trade.instrument} of {trade.at:%Y-%m-%d} is not known", known)
            return None
        self.cash[trade.fee_currency] -= trade.fee
        return trade.fee_currency, trade.fee

    def split(self, told: Iterable[str]) -> None:
        """Follow splits of what is held: the units of the ledger are those before them, whatever it is told later."""
        for what in told:
            self._lacks(what)

    def worth(self, market: MarkedMarket, at: datetime) -> tuple[Decimal | None, list[str]]:
        """Cash and holdings in the account's currency at a moment; None with the reasons where they are not known."""
        amounts, why = dict(self.cash), []
        for name, units in self.held.items():
            known = self._terms.get(name)
            mark = market.marks(name, at) if units and known is not None else _ZERO
            if isinstance(mark, str):
                why.append(mark)
            elif known is not None:
                amounts[known.currency] = amounts.get(known.currency, _ZERO) + units * mark * known.multiplier
            elif units:
                why.append(f"{name} is not in conf/instruments")
        total, no_rate = _exchanged(amounts.items(), self.account, market.rates, at)
        return (None if why else total), [*why, *no_rate]

    def _lacks(self, what: str, terms: Terms | None = None) -> None:
        self.missing.append(what)
        self.is_adrift |= terms is None or terms.currency != self.account


def performance(
    trades: Sequence[Trade], terms: Mapping[str, Terms], account: str, market: MarkedMarket, now: datetime
) -> list[PerformanceDay]:
    """A row for each strategy and UTC day on which it traded, held something or had a balance of another currency.

    The total is the cash that its trades have moved, less fees, and its holdings at their marks, each currency at the
    rate of the moment. So the totals of all rows of one moment add up to what trading has changed in the account.

    Args:
        trades: shared out among their owners, in any order; those after ``now`` are left out.
        account: the account's currency.
    """
    past = sorted((trade for trade in trades if trade.at <= now), key=lambda each: (each.owner, each.at))
    by_owner = groupby(past, key=lambda trade: trade.owner)
    return [row for owner, own in by_owner for row in _of_owner(owner, list(own), _Books(terms, account), market, now)]


def _of_owner(
    owner: str, trades: Sequence[Trade], books: _Books, market: MarkedMarket, now: datetime
) -> Iterator[PerformanceDay]:
    by_day = {day: list(rows) for day, rows in groupby(trades, key=lambda trade: _day_of(trade.at))}
    splits = _splits_of(trades, market.splits)
    before: Decimal | None = _ZERO
    day = min(by_day)
    while day <= _day_of(now):
        own = by_day.get(day, [])
        if own or not books.at_rest:
            at, lacked = min(datetime.combine(day + _DAY, time(), UTC), now), len(books.missing)
            books.split(splits.get(day, ()))
            paid = [books.take(trade) for trade in own]
            fees, no_fees = _exchanged([each for each in paid if each is not None], books.account, market.rates, at)
            after, why = books.worth(market, at)
            is_known = len(books.missing) == lacked and not books.is_adrift
            moved = [f"{each.instrument} was moved by hand, at {each.price}" for each in own if each.adjusted]
            remarks = [*why, *no_fees, *books.missing, *([UNKNOWN_BEFORE] if before is None else []), *moved]
            yield PerformanceDay(
                strategy=owner,
                day=day,
                at=at,
                held={name: units for name, units in sorted(books.held.items()) if units},
                fills=sum(not each.adjusted for each in own),
                fees=None if None in paid else fees,
                net=after - before if is_known and after is not None and before is not None else None,
                total=None if books.missing else after,
                remarks=tuple(dict.fromkeys(remarks)),
            )
            before = after
        day += _DAY


def _splits_of(trades: Sequence[Trade], splits: Mapping[str, Sequence[datetime]]) -> dict[date, list[str]]:
    """What is said of the splits of what was held at their moment, by day."""
    found: dict[date, list[str]] = defaultdict(list)
    for name, moments in splits.items():
        for moment in moments:
            if sum(each.quantity for each in trades if each.instrument == name and each.at < moment):
                found[_day_of(moment)].append(f"{name} was split on {moment:%Y-%m-%d} while it was held")
    return found


def _exchanged(
    amounts: Iterable[tuple[str, Decimal]], account: str, rates: At, at: datetime
) -> tuple[Decimal | None, list[str]]:
    """The sum of amounts of several currencies in the account's; None with the reasons where a rate is not known."""
    total, why = _ZERO, []
    for currency, amount in amounts:
        rate = Decimal(1) if currency == account or not amount else rates(currency, at)
        if isinstance(rate, str):
            why.append(rate)
        else:
            total += amount * rate
    return (None if why else total), why


def _day_of(moment: datetime) -> date:
    return moment.astimezone(UTC).date()

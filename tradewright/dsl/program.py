"""What a document means: its rules as terms, its exits, its parameters; one hash for all documents of equal meaning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tradewright.dsl.document import VERSION, Bounds
from tradewright.dsl.reach import Series, needed_bars
from tradewright.dsl.terms import FALSE, TRUE, Op, Term, joined, lagged, number, parameter, rolling, walk
from tradewright.model.allocation import Rebalance
from tradewright.model.hashing import content_hash


@dataclass(frozen=True)
class Side:
    """When a side is entered, and at which price.

    Args:
        condition: the rules of the side, joined by ``or``.
        limit: the price of a limit order; None for a market order.
        stop_entry: the price that the market must reach first; None where it need not.
    """

    condition: Term = FALSE
    limit: Term | None = None
    stop_entry: Term | None = None


@dataclass(frozen=True)
class Exits:
    """The distances of protective orders from the deciding close; None for none."""

    stop: Term | None = None
    take_profit: Term | None = None
    trail: Term | None = None


ONE = number(1)


@dataclass(frozen=True)
class AllocationTerms:
    """How an account is shared out among all instruments.

    Args:
        every: when it is asked.
        score: by which the instruments are ranked; None where all are held.
        top: how many of them are held at the most: a number or a parameter; None without a ranking.
        hold_if: where an instrument may be held.
        weights: in proportion to which the parts are.
        total: what the weights add up to: a number or a parameter.
    """

    every: Rebalance
    score: Term | None = None
    top: Term | None = None
    hold_if: Term = TRUE
    weights: Term = ONE
    total: Term = ONE

    def roots(self) -> Iterator[tuple[str, Term]]:
        """Every term by name."""
        rows = {"score": self.score, "top": self.top, "hold_if": self.hold_if, "weights": self.weights}
        yield from ((name, term) for name, term in {**rows, "total": self.total}.items() if term is not None)


@dataclass(frozen=True)
class Program:
    """The intermediate representation of a document (R-STRAT-26).

    Args:
        timeframe: of the bars that are decided on; empty for that of the universe.
        buy, sell: when each side is entered.
        close: when what is held is closed.
        hold: when nothing changes, whatever the other rules say.
        exits: protective orders.
        parameters: name -> (value, bounds), in the order of the names; all but ``size_pct``.
        size_pct: the notional of a full target as a fraction of equity; None where the document leaves it out.
        allocation: of a document without rules, which never enters nor closes by itself; else None.
    """

    timeframe: str
    buy: Side
    sell: Side
    close: Term
    hold: Term
    exits: Exits
    parameters: Mapping[str, tuple[float, Bounds]]
    size_pct: float | None = None
    allocation: AllocationTerms | None = None

    def roots(self) -> Iterator[tuple[str, Term]]:
        """Every term that something depends on, by name."""
        if self.allocation is not None:
            yield from self.allocation.roots()
            return
        yield from (("buy", self.buy.condition), ("sell", self.sell.condition), ("close", self.close))
        yield "hold", self.hold
        prices = {"buy.limit": self.buy.limit, "buy.stop_entry": self.buy.stop_entry, "sell.limit": self.sell.limit}
        prices |= {"sell.stop_entry": self.sell.stop_entry, "exits.stop": self.exits.stop}
        prices |= {"exits.take_profit": self.exits.take_profit, "exits.trail": self.exits.trail}
        yield from ((name, term) for name, term in prices.items() if term is not None)
        if (quiet := self.cooldown()) is not None:
            yield "cooldown", quiet

    def needed_bars(self, values: Mapping[str, float]) -> dict[Series, int]:
        """By series, how many bars must be there before all values can be known, under these values of the parameters.

        ``cooldown_bars`` needs none: before the first bar no entry was asked for.
        """
        return needed_bars(values, *(term for name, term in self.roots() if name != "cooldown"))

    def cooldown(self) -> Term | None:
        """How many bars before this one an entry was last asked for, among ``cooldown_bars``; None without any."""
        if "cooldown_bars" not in self.parameters:
            return None
        either = joined(Op.OR, (self.buy.condition, self.sell.condition))
        return rolling(Op.BARS_SINCE, lagged(either, number(1)), parameter("cooldown_bars"))

    @property
    def needs_requests(self) -> bool:
        """Whether it asks for orders that four numbers cannot say."""
        return self.backtested_alone or self.exits.trail is not None

    @property
    def backtested_alone(self) -> bool:
        """Whether it asks for orders that signals do not carry: a stop entry, or an exit after a number of bars."""
        entries = (self.buy.stop_entry, self.sell.stop_entry)
        return "max_hold_bars" in self.parameters or any(price is not None for price in entries)

    def as_json(self) -> dict[str, Any]:
        """The representation as plain values: terms by number, operands before what uses them."""
        roots = dict(self.roots())
        terms = list(walk(*roots.values()))
        calendar = {"every": self.allocation.every.value} if self.allocation is not None else {}
        place = {term: index for index, term in enumerate(terms)}
        return {
            "version": VERSION,
            "timeframe": self.timeframe,
            "terms": [_row(term, place) for term in terms],
            "roots": {name: place[term] for name, term in sorted(roots.items())},
            "parameters": {name: [value, *bounds] for name, (value, bounds) in self.parameters.items()},
            "size_pct": self.size_pct,
            **calendar,
        }

    @property
    def hash(self) -> str:
        """SHA-256 of the meaning: the same for other names of keys, orders of rules, white space, notes and titles."""
        roots = {name: term.digest for name, term in self.roots()}
        values = {
            name: [float(value), float(b.least), float(b.most), b.whole] for name, (value, b) in self.parameters.items()
        }
        calendar = [self.allocation.every.value] if self.allocation is not None else []
        return content_hash([VERSION, self.timeframe, roots, values, self.size_pct, *calendar])

    def parts(self) -> frozenset[str]:
        """The digests of the conditions and of all below them, by which two strategies are compared (Q-09)."""
        return frozenset(term.digest for term in walk(*(term for _, term in self.roots())))


def similarity(one: Program, other: Program) -> float:
    """The share of sub-expressions that two strategies have in common (Jaccard), from 0 to 1."""
    return len(one.parts() & other.parts()) / len(one.parts() | other.parts())


def _row(term: Term, place: Mapping[Term, int]) -> dict[str, Any]:
    row: dict[str, Any] = {"op": term.op.value}
    if term.args:
        row["args"] = [place[arg] for arg in term.args]
    if term.words:
        row["words"] = list(term.words)
    return row

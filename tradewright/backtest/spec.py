"""The terms of a backtest: money, costs, fills. Everything that changes a result beside strategy and bars."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from tradewright.backtest.corporate import CorporateActions
from tradewright.backtest.rates import Conversion
from tradewright.backtest.sizing import MaxSize, SizingModel, SizingTerms
from tradewright.fills.costs import CostModel, FeeTerms, NoCosts
from tradewright.fills.slippage import NoSlippage, SlippageModel, SlippageTerms
from tradewright.model.bars import Floats, Times
from tradewright.model.errors import ConfigError
from tradewright.model.secondary import SecondarySeries


class Sessions:
    """What day a bar is of, and when it closes; two are equal where their names are.

    Args:
        name: of the calendar, with its corrections.
        dates: the date of each bar's session (datetime64[D]) by the starts of the bars, in nanoseconds UTC.
        closes: when bars of the length in use close, by their starts, both in nanoseconds UTC; None where the length
            of the bars is not told.
    """

    def __init__(
        self,
        name: str,
        dates: Callable[[Times], npt.NDArray[np.datetime64]],
        closes: Callable[[Times], Times] | None = None,
    ) -> None:
        self.name, self.dates, self.closes = name, dates, closes

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sessions) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)

    def last_bars(self, ts: Times) -> Floats:
        """For each bar the index of the last bar of its session, as a float; ``ts`` ascends."""
        days = self.dates(ts)
        return (np.searchsorted(days, days, side="right") - 1).astype(np.float64)


UTC_DAYS = Sessions("UTC days", lambda ts: ts.astype("datetime64[ns]").astype("datetime64[D]"))
"""The sessions of bars whose calendar is not told."""


FillMarket = Literal["next_open", "next_close", "quote_close"]


class KernelParameters(NamedTuple):
    """A spec in the form that kernels take: numbers and flags only. Money is in the account's currency."""

    cash: float
    fees: FeeTerms
    slippage: SlippageTerms
    sizing: SizingTerms
    at_close: bool
    marketable: bool
    delay: int
    timeout: int
    allow_short: bool
    allow_overdraft: bool
    close_at_end: bool
    first_bar: int
    lot_size: float
    multiplier: float
    paid_in_full: bool
    quoted: bool
    volume_share: float


@dataclass(frozen=True)
class BacktestSpec:
    """The terms of a backtest: fills, costs, sizing.

    Args:
        cash: what the account starts with, in its currency.
        fill_market: where market orders fill: the open (default) or the close of the bar that they reach, or at bid and
            ask of the close before it (``quote_close``, bars of quotes alone): with a delay of 1 those of the deciding
            bar itself.
        fill_limit: ``marketable`` fills a limit beyond the open at the open; ``touch`` only where low <= limit <= high.
        volume_share: the most of a bar's volume that an order fills in it, a fraction; the rest works on, of a market
            order or a reached stop at market. None: no limit. Bars of unknown volume fill everything.
        bar_delay: bars between decision and fill. 1 is the honest default: decided on a close, filled in the next bar.
            0 fills at the very close that was decided on, which no one can do; tests use it to pin the shift, it needs
            ``next_close``, and configurations do not admit it.
        limit_timeout_bars: bars during which an unfilled entry limit works before it expires.
        allow_short: whether a negative target goes short; otherwise it means flat.
        allow_overdraft: whether a fill may cost more than there is cash, free of interest (D16); otherwise it is
            reduced to what cash covers, and a short sale to what the equity covers.
        close_at_end: whether an open position is closed at the last close; otherwise it is marked there.
        first_bar: the first bar that is decided on; those before it are history, which warms up the indicators.
        lot_size: the smallest quantity step in units; quantities are whole multiples of it.
        multiplier: money per unit and price point, in the quote currency.
        conversion: the rates of an instrument quoted in another currency than the account's; they belong to the bars.
        fee_conversion: the same of the currency of the costs, where that is another one than the account's.
        currency: the account's; empty where it was not told.
        sessions: of the bars; an entry that is good for the day works until theirs ends.
        quoted_spread: None for bars of trades. For bars of quotes, which hold middle prices, the basis points that
            stand in for an unknown spread. A purchase then meets the ask and a sale the bid, half the bar's spread
            away, and the slippage model comes on top, without a half spread of its own.
        secondary: the bars of other timeframes and instruments that features read; they belong to the bars. None where
            the strategy reads its own bars alone.
        actions: the corporate actions of raw bars; they belong to the bars. None where none are booked.

    Raises:
        ConfigError: a value out of its range.
    """

    cash: float = 100_000.0
    costs: CostModel = field(default_factory=NoCosts)
    slippage: SlippageModel = field(default_factory=NoSlippage)
    sizing: SizingModel = field(default_factory=MaxSize)
    fill_market: FillMarket = "next_open"
    fill_limit: Literal["marketable", "touch"] = "marketable"
    volume_share: float | None = None
    bar_delay: int = 1
    limit_timeout_bars: int = 5
    allow_short: bool = False
    allow_overdraft: bool = False
    close_at_end: bool = False
    first_bar: int = 0
    lot_size: float = 1.0
    multiplier: float = 1.0
    conversion: Conversion | None = None
    fee_conversion: Conversion | None = None
    currency: str = ""
    sessions: Sessions = UTC_DAYS
    quoted_spread: float | None = None
    secondary: SecondarySeries | None = None
    actions: CorporateActions | None = None

    def __post_init__(self) -> None:
        if self.quoted_spread is not None:
            self._check("quoted_spread", "a finite number >= 0", 0.0 <= self.quoted_spread < math.inf)
        for name in ("cash", "lot_size", "multiplier"):
            self._check(name, "a finite number > 0", 0.0 < getattr(self, name) < math.inf)
        self._check(
            "fill_market", f"one of {', '.join(get_args(FillMarket))}", self.fill_market in get_args(FillMarket)
        )
        self._check("fill_limit", "marketable or touch", self.fill_limit in ("marketable", "touch"))
        if self.volume_share is not None:
            self._check("volume_share", "above 0 and at most 1", 0.0 < self.volume_share <= 1.0)
        self._check("bar_delay", ">= 0, and 0 only with next_close", self._delay_fits())
        self._check("limit_timeout_bars", ">= 1", self.limit_timeout_bars >= 1)
        self._check("first_bar", ">= 0", self.first_bar >= 0)

    def _delay_fits(self) -> bool:
        return self.bar_delay >= (0 if self.fill_market == "next_close" else 1)

    def _check(self, name: str, needed: str, holds: bool) -> None:
        if not holds:
            raise ConfigError(f"{name} = {getattr(self, name)}", where="backtest", remedy=f"it must be {needed}")

    @property
    def conversions(self) -> tuple[Conversion, ...]:
        """The rates that it uses: those of the instrument, then those of the costs."""
        return tuple(known for known in (self.conversion, self.fee_conversion) if known is not None)

    def rules(self) -> KernelParameters:
        """The form that kernels take.

        Raises:
            ConfigError: fills at bid and ask on bars of trades.
        """
        if self.fill_market == "quote_close" and self.quoted_spread is None:
            what = "quote_close fills at bid and ask, and these bars are of trades"
            remedy = "set backtest.fill.market=next_open, or import bars of quotes (--kind quote)"
            raise ConfigError(what, where="backtest.fill.market", remedy=remedy, code="NO_QUOTES")
        sizing = self.sizing.terms()
        return KernelParameters(
            cash=float(self.cash),
            fees=FeeTerms(*map(float, self.costs.terms())),
            slippage=SlippageTerms(*map(float, self._slippage())),
            sizing=SizingTerms(sizing.kind, float(sizing.amount)),
            at_close=self.fill_market != "next_open",
            marketable=self.fill_limit == "marketable",
            delay=self.bar_delay - (1 if self.fill_market == "quote_close" else 0),
            timeout=self.limit_timeout_bars,
            allow_short=self.allow_short,
            allow_overdraft=self.allow_overdraft,
            close_at_end=self.close_at_end,
            first_bar=self.first_bar,
            lot_size=float(self.lot_size),
            multiplier=float(self.multiplier),
            paid_in_full=self.conversion is None or self.conversion.paid_in_full,
            quoted=self.quoted_spread is not None,
            volume_share=self.volume_share or 0.0,
        )

    def _slippage(self) -> SlippageTerms:
        """The model's terms; on quotes, whose price has the spread in it, without the model's own part of it."""
        terms = self.slippage.terms()
        if self.quoted_spread is None:
            return terms
        return terms._replace(spread=0.0, default_spread=terms.default_spread if terms.spread else self.quoted_spread)

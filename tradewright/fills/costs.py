"""What a fill costs: seven fee models, one scalar rule behind them.

Each model is a small frozen description; :meth:`terms` brings it to the common form that :func:`fee` evaluates, so that
the kernel, the reference and a venue share one rule. Fees are money in the quote currency, per order (= per fill here).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from tradewright.model.errors import ConfigError


class FeeTerms(NamedTuple):
    """The common form: ``min(max(per_unit x units + rate x value, minimum), cap x value) + passed x units``.

    ``taker`` and ``maker`` are rates on the traded value, ``passed_*`` third-party charges per unit, never capped.
    """

    per_unit: float = 0.0
    taker: float = 0.0
    maker: float = 0.0
    minimum: float = 0.0
    cap: float = math.inf
    passed_taker: float = 0.0
    passed_maker: float = 0.0


def fee(units: float, value: float, maker: bool, terms: FeeTerms) -> float:
    """The fee of one fill of ``units`` (> 0) worth ``value`` (> 0); ``maker`` where a resting order was filled.

    The cap wins over the minimum, as in the price lists of Interactive Brokers.
    """
    rate = terms.maker if maker else terms.taker
    passed = terms.passed_maker if maker else terms.passed_taker
    charge = max(terms.per_unit * units + rate * value, terms.minimum)
    return min(charge, terms.cap * value) + passed * units


def affordable_units(money: float, unit_value: float, maker: bool, terms: FeeTerms) -> float:
    """The largest quantity whose value and fee together ``money`` covers; 0 where it covers nothing.

    ``unit_value`` is price x multiplier. The fee is the smaller of two lines (the one with a minimum, the
    cap), so the answer is the larger of the two quantities that each line alone would allow.
    """
    if money <= 0.0 or unit_value <= 0.0:
        return 0.0
    rate = terms.maker if maker else terms.taker
    gross = unit_value + (terms.passed_maker if maker else terms.passed_taker)
    units = money / (gross + terms.per_unit + rate * unit_value)
    if terms.minimum > 0.0 or rate < 0.0:
        units = min(units, (money - terms.minimum) / gross)
    if terms.cap < math.inf:
        units = max(units, money / (gross + terms.cap * unit_value))
    return max(units, 0.0)


class CostModel(Protocol):
    """Anything that can be brought to the common form."""

    def terms(self) -> FeeTerms:
        """The common form of this model."""
        ...


def _at_least_zero(where: str, **values: float) -> None:
    for name, value in values.items():
        if not 0.0 <= value < math.inf:
            raise ConfigError(f"{name} = {value}", where=where, remedy="a finite number >= 0 is needed")


@dataclass(frozen=True)
class NoCosts:
    """Trading is free."""

    def terms(self) -> FeeTerms:
        """Zero everywhere."""
        return FeeTerms()


@dataclass(frozen=True)
class BpsCosts:
    """A fee in basis points of the traded value, per side."""

    rate: float = 1.0

    def __post_init__(self) -> None:
        _at_least_zero("costs bps", rate=self.rate)

    def terms(self) -> FeeTerms:
        """One rate for makers and takers."""
        return FeeTerms(taker=self.rate / 1e4, maker=self.rate / 1e4)


@dataclass(frozen=True)
class PercentCosts:
    """A fee as a fraction of the traded value, per side: ``rate=0.002`` is 0.2 %."""

    rate: float = 0.001

    def __post_init__(self) -> None:
        _at_least_zero("costs percent", rate=self.rate)

    def terms(self) -> FeeTerms:
        """One rate for makers and takers."""
        return FeeTerms(taker=self.rate, maker=self.rate)


@dataclass(frozen=True)
class PerShareCosts:
    """``rate`` money per unit, at least ``minimum`` money and at most ``maximum_rate`` of the value (None: no limit).

    The maximum wins over the minimum.
    """

    rate: float = 0.005
    minimum: float = 0.0
    maximum_rate: float | None = None

    def __post_init__(self) -> None:
        _at_least_zero("costs per_share", rate=self.rate, minimum=self.minimum)
        if self.maximum_rate is not None:
            _at_least_zero("costs per_share", maximum_rate=self.maximum_rate)

    def terms(self) -> FeeTerms:
        """Per unit, clipped and capped."""
        cap = math.inf if self.maximum_rate is None else self.maximum_rate
        return FeeTerms(per_unit=self.rate, minimum=self.minimum, cap=cap)


@dataclass(frozen=True)
class IbkrFixed:
    """Interactive Brokers "Fixed" for US stocks as this project defines it (D8).

    0.005 USD per share, at least 1.00 USD, at most 0.5 % of the trade value (the cap wins over the minimum). The
    regulatory fees on sales that the broker passes on are left out. Today's public list says 1 % for the cap; 0.5 % is
    the older list, which the reference results use.
    """

    def terms(self) -> FeeTerms:
        """Per share, clipped and capped."""
        return FeeTerms(per_unit=0.005, minimum=1.0, cap=0.005)


IBKR_TIERS = ((300_000, 0.0035), (3_000_000, 0.0020), (20_000_000, 0.0015), (100_000_000, 0.0010), (math.inf, 0.0005))
"""(shares a month up to, USD per share): interactivebrokers.co.uk, "Commissions Stocks", United States, Tiered."""


@dataclass(frozen=True)
class IbkrTiered:
    """Interactive Brokers "Tiered" for US stocks, approximated.

    From the public list: the tier's rate per share, at least 0.35 USD, at most 1 % of the trade value, plus 0.00020 USD
    per share for clearing (NSCC, DTC). Approximated: the tier is chosen once by ``monthly_shares`` and does not change
    as shares are traded; the exchange's fee for taking liquidity is 0.0030 USD per share at every venue (the cap of
    Regulation NMS) and the rebate for making it is taken as 0. Left out: fees on sales (SEC, FINRA) and the
    pass-through of less than 0.1 % of the commission.
    """

    monthly_shares: float = 0.0
    taking: float = 0.0030
    clearing: float = 0.00020

    def __post_init__(self) -> None:
        _at_least_zero(
            "costs ibkr_tiered", monthly_shares=self.monthly_shares, taking=self.taking, clearing=self.clearing
        )

    def terms(self) -> FeeTerms:
        """The tier's rate, clipped and capped, and the third parties' charges on top."""
        rate = next(rate for limit, rate in IBKR_TIERS if self.monthly_shares <= limit)
        return FeeTerms(
            per_unit=rate,
            minimum=0.35,
            cap=0.01,
            passed_taker=self.clearing + self.taking,
            passed_maker=self.clearing,
        )


@dataclass(frozen=True)
class MakerTaker:
    """Fractions of the traded value, as at crypto venues: ``maker`` for resting limit orders (negative = a rebate).

    A limit that the open already satisfies takes liquidity.
    """

    maker: float = 0.0002
    taker: float = 0.0005

    def __post_init__(self) -> None:
        if not (-0.01 <= self.maker < 1.0 and 0.0 <= self.taker < 1.0):
            raise ConfigError(
                f"maker = {self.maker}, taker = {self.taker}",
                where="costs maker_taker",
                remedy="fractions are needed: maker in [-0.01, 1), taker in [0, 1)",
            )

    def terms(self) -> FeeTerms:
        """Two rates, and no minimum, so that a rebate stays one."""
        return FeeTerms(taker=self.taker, maker=self.maker, minimum=-math.inf)

"""Fees of a fill: six fee models, one scalar rule behind them.

Each model is a frozen description and at the same time the schema of one file of ``conf/backtest/costs``, which holds
its numbers; ``kind`` tells them apart. :meth:`terms` brings a model to the common form that :func:`fee` evaluates, so
that the kernel, the reference and a venue share one rule. Fees are per order (= per fill here). The amounts of a price
list, per unit and as a minimum, are in the model's ``currency`` or else the account's; fractions of a value have none.
"""

from __future__ import annotations

import math
from dataclasses import field
from typing import Annotated, ClassVar, Literal, NamedTuple, Protocol

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

TERMS_CONFIG = ConfigDict(extra="forbid", allow_inf_nan=False)
"""Of every model of costs, slippage and sizing: unknown fields, NaN and infinity are refused."""

NotNegative = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
CurrencyCode = Annotated[str, Field(pattern=r"^[A-Z]{3,5}$")]
FeeCurrency = Annotated[CurrencyCode | None, Field(exclude_if=lambda code: code is None)]
"""The currency of the amounts of a price list; None, which no record of the terms mentions, for the account's."""


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


def exchanged(terms: FeeTerms, rate: float) -> FeeTerms:
    """The terms with their amounts in another currency, ``rate`` units of it per unit of theirs (> 0).

    The fee of a value is that of the value in the currency of the terms, exchanged: fractions and the cap stay.
    """
    return FeeTerms(
        terms.per_unit * rate,
        terms.taker,
        terms.maker,
        terms.minimum * rate,
        terms.cap,
        terms.passed_taker * rate,
        terms.passed_maker * rate,
    )


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

    @property
    def currency(self) -> str | None:
        """The currency of its amounts; None for the account's, and where it has none."""
        ...

    def terms(self) -> FeeTerms:
        """The common form of this model."""
        ...


@dataclass(frozen=True, config=TERMS_CONFIG)
class NoCosts:
    """Trading is free."""

    currency: ClassVar[None] = None
    kind: Literal["none"] = field(default="none", kw_only=True)

    def terms(self) -> FeeTerms:
        """Zero everywhere."""
        return FeeTerms()


@dataclass(frozen=True, config=TERMS_CONFIG)
class BpsCosts:
    """A fee of ``rate`` basis points of the traded value, per side."""

    rate: NotNegative
    currency: ClassVar[None] = None
    kind: Literal["bps"] = field(default="bps", kw_only=True)

    def terms(self) -> FeeTerms:
        """One rate for makers and takers."""
        return FeeTerms(taker=self.rate / 1e4, maker=self.rate / 1e4)


@dataclass(frozen=True, config=TERMS_CONFIG)
class PercentCosts:
    """A fee as a fraction of the traded value, per side: ``rate=0.002`` is 0.2 %."""

    rate: Fraction
    currency: ClassVar[None] = None
    kind: Literal["percent"] = field(default="percent", kw_only=True)

    def terms(self) -> FeeTerms:
        """One rate for makers and takers."""
        return FeeTerms(taker=self.rate, maker=self.rate)


@dataclass(frozen=True, config=TERMS_CONFIG)
class PerShareCosts:
    """``rate`` money per unit, at least ``minimum`` money and at most ``maximum_rate`` of the value (None: no limit).

    The money is of ``currency``. The maximum wins over the minimum. Kind ``ibkr_fixed`` is the price list "Fixed" of
    Interactive Brokers for US stocks, whose numbers stand in ``conf/backtest/costs/ibkr_fixed.yaml``.
    """

    rate: NotNegative
    minimum: NotNegative = 0.0
    maximum_rate: Fraction | None = None
    currency: FeeCurrency = field(default=None, kw_only=True)
    kind: Literal["per_share", "ibkr_fixed"] = field(default="per_share", kw_only=True)

    def terms(self) -> FeeTerms:
        """Per unit, clipped and capped."""
        cap = math.inf if self.maximum_rate is None else self.maximum_rate
        return FeeTerms(per_unit=self.rate, minimum=self.minimum, cap=cap)


@dataclass(frozen=True, config=TERMS_CONFIG)
class Tier:
    """One row of a price list: ``rate`` money per share for accounts that trade more than ``above`` shares a month."""

    above: NotNegative
    rate: NotNegative


@dataclass(frozen=True, config=TERMS_CONFIG)
class IbkrTiered:
    """Interactive Brokers "Tiered" for US stocks, approximated; ``conf/backtest/costs/ibkr_tiered.yaml`` holds it.

    From the public list: the tier's rate per share, a minimum, a maximum as a fraction of the trade's value, plus the
    charge for clearing per share (NSCC, DTC). Approximated: the tier is chosen once by ``monthly_shares`` and does not
    change as shares are traded; the exchange's fee for taking liquidity is the same at every venue (the cap of
    Regulation NMS) and the rebate for making it is taken as 0. Left out: fees on sales (SEC, FINRA) and the
    pass-through of less than 0.1 % of the commission.

    Args:
        tiers: in ascending order; the last one that lies below ``monthly_shares`` counts, at least the first.
        taking, clearing: money per share, charged by third parties and never capped.
    """

    tiers: Annotated[tuple[Tier, ...], Field(min_length=1)]
    minimum: NotNegative
    maximum_rate: Fraction
    monthly_shares: NotNegative
    taking: NotNegative
    clearing: NotNegative
    currency: FeeCurrency = field(default=None, kw_only=True)
    kind: Literal["ibkr_tiered"] = field(default="ibkr_tiered", kw_only=True)

    def terms(self) -> FeeTerms:
        """The tier's rate, clipped and capped, and the third parties' charges on top."""
        first, *others = self.tiers
        rate = [first.rate, *(tier.rate for tier in others if tier.above < self.monthly_shares)][-1]
        return FeeTerms(
            per_unit=rate,
            minimum=self.minimum,
            cap=self.maximum_rate,
            passed_taker=self.clearing + self.taking,
            passed_maker=self.clearing,
        )


@dataclass(frozen=True, config=TERMS_CONFIG)
class MakerTaker:
    """Fractions of the traded value, as at crypto venues: ``maker`` for resting limit orders (negative = a rebate).

    A limit that the open already satisfies takes liquidity.
    """

    maker: Annotated[float, Field(ge=-0.01, lt=1)]
    taker: Annotated[float, Field(ge=0, lt=1)]
    currency: ClassVar[None] = None
    kind: Literal["maker_taker"] = field(default="maker_taker", kw_only=True)

    def terms(self) -> FeeTerms:
        """Two rates, and no minimum, so that a rebate stays one."""
        return FeeTerms(taker=self.taker, maker=self.maker, minimum=-math.inf)


Costs = Annotated[
    NoCosts | BpsCosts | PercentCosts | PerShareCosts | IbkrTiered | MakerTaker, Field(discriminator="kind")
]
"""Every cost model, as the group ``backtest/costs`` names it by ``kind``."""

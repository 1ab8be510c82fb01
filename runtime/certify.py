"""Settings to the arguments of ``tradewright.research.certify``. Loads the kernels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from conf.schema.settings import Settings
from runtime.container import Container
from runtime.exchange_rates import account_currency, fee_currency
from runtime.research import spec
from tradewright.backtest.spec import BacktestSpec
from tradewright.evaluation.certificate import ScenarioCertificate
from tradewright.model.allocation import is_allocation
from tradewright.model.bars import BarKind
from tradewright.model.certify_limits import CertifyLimits
from tradewright.model.errors import ConfigError
from tradewright.model.instrument import Instrument
from tradewright.research.bars import InstrumentBars
from tradewright.research.certify import Subject, certify
from tradewright.research.strategy_check import tried
from tradewright.scenarios.document import ScenarioDocument


def synthetic_terms(settings: Settings, instrument: Instrument) -> BacktestSpec:
    """The terms of a backtest on a synthetic market, whose bars are quotes where orders fill at bid and ask."""
    kind = BarKind.QUOTE if settings.backtest.fill.market == "quote_close" else BarKind.TRADE
    return spec(settings, instrument, kind)


def certificate_of(
    house: Container, documents: Iterable[ScenarioDocument], limits: CertifyLimits | None = None
) -> ScenarioCertificate:
    """The strategy in force on scenarios, under its own parameters and the terms of a backtest.

    Costs, slippage, sizing, fills and the view of prices are those of the settings; instruments, span and exchange
    rates are not, since the markets are synthetic and all money in them is the account's. So amounts of fees in another
    currency are refused: nothing is converted one to one. An allocation has a shared account whatever
    ``backtest.account`` says.

    Args:
        limits: in the place of those of the strategy and the settings.

    Raises:
        ConfigError: also for fees whose amounts are in another currency than the account's.
        ConfigError, StrategyError: as :func:`tradewright.research.certify.certify`.
    """
    settings, chosen = house.settings, house.settings.strategy
    _demand_own_fees(settings)

    def terms(item: InstrumentBars) -> BacktestSpec:
        return replace(synthetic_terms(settings, item.instrument), secondary=item.secondary, actions=item.actions)

    subject = Subject(chosen.name, house.strategy, chosen.values, settings.backtest.timeframe or chosen.timeframe)
    in_one = settings.backtest.account == "shared" or is_allocation(house.strategy)
    return certify(
        subject,
        documents,
        terms,
        limits or chosen.certify.over(settings.certify),
        currency=account_currency(settings),
        look_ahead=tried(house.strategy, house.cache_folder / "tried"),
        prices=settings.backtest.prices,
        shared=settings.backtest.shared if in_one else None,
    )


def _demand_own_fees(settings: Settings) -> None:
    """Refuse fees whose amounts would have to be exchanged: a synthetic market has no exchange rates."""
    if (charged := fee_currency(settings)) is not None:
        account = account_currency(settings)
        raise ConfigError(
            f"fees are charged in {charged}, the account is in {account}, and a scenario has no rates between them",
            where=f"backtest.costs.currency, policy.currency={account}",
            remedy=f"certify with costs that are fractions, as backtest/costs=bps, or with policy.currency={charged}",
        )

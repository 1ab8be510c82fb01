"""Settings to the arguments of ``tradewright.research.certify``. Loads the kernels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from conf.schema.settings import Settings
from runtime.container import Container
from runtime.exchange_rates import account_currency
from runtime.research import spec
from tradewright.backtest.spec import BacktestSpec
from tradewright.evaluation.certificate import ScenarioCertificate
from tradewright.model.allocation import is_allocation
from tradewright.model.bars import BarKind
from tradewright.model.certify_limits import CertifyLimits
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
    rates are not, since the markets are synthetic and all money in them is the account's, the amounts of fees too. An
    allocation has a shared account whatever ``backtest.account`` says.

    Args:
        limits: in the place of those of the strategy and the settings.

    Raises:
        ConfigError, StrategyError: as :func:`tradewright.research.certify.certify`.
    """
    settings, chosen = house.settings, house.settings.strategy

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

"""The settings that travel with a strategy package: what its backtest depends on, without files, places and secrets."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from conf.documents import as_option
from conf.rules import STRATEGY_KEYS
from conf.schema.backtest import BacktestSettings, CurrencyCode
from conf.schema.config_model import ConfigModel, one_of
from conf.schema.market import BaseSettings, FilesFeedSettings, ScenarioFeedSettings, UniverseSettings
from conf.schema.research import EvaluationSettings, FeaturesSettings, StrategySettings
from conf.schema.settings import Settings
from conf.yaml_reader import lint_yaml
from strategies.documents import is_document
from tradewright.dsl.source import read
from tradewright.model.base import Name
from tradewright.model.hashing import canonical_json, canonical_value
from tradewright.model.instrument import Instrument
from tradewright.model.market_hours import MarketHours
from tradewright.model.plain_words import plain_rule
from tradewright.packages.fault import PackageFault, refusal
from tradewright.packages.manifest import CONFIGURATION, DOCUMENT

MOST_INSTRUMENTS = 1_000
YEARS = range(1970, 2200)
"""Of the end of a scenario."""
_SAME = ("base", "universe", "features", "backtest", "evaluation")
LocalFeed = one_of([ScenarioFeedSettings, FilesFeedSettings])


class PackageConfiguration(ConfigModel):
    """``configuration.json``: groups of the settings, and the currency of the account.

    ``feed`` is a scenario, whose bars anybody can make again, or ``files``: bars that are stored where it is verified.
    """

    base: BaseSettings
    universe: UniverseSettings
    instruments: Annotated[dict[Name, Instrument], Field(min_length=1, max_length=MOST_INSTRUMENTS)]
    calendars: dict[Name, MarketHours]
    feed: LocalFeed  # type: ignore[valid-type]
    features: FeaturesSettings
    backtest: BacktestSettings
    evaluation: EvaluationSettings
    currency: CurrencyCode


def packed_settings(settings: Settings, symbols: Iterable[str], start: datetime, end: datetime) -> dict[str, Any]:
    """The settings of a backtest as a package carries them.

    Args:
        symbols: of the instruments that it reads; the first ones are those that it trades.
        start, end: the starts of its first and last bar, which take the place of an open span.

    Raises:
        PackageRefused: for settings that name a file or a moment of this machine.
    """
    _refuse_local(settings)
    used = {symbol: settings.instruments[symbol] for symbol in symbols}
    traded = settings.backtest.instruments or settings.strategy.instruments or settings.universe.instruments
    length = settings.backtest.timeframe or settings.strategy.timeframe or settings.universe.timeframe
    span = {"instruments": tuple(traded), "timeframe": length, "start": start, "end": end}
    universe = settings.universe.model_copy(update={"instruments": tuple(traded)})
    scenario = isinstance(settings.feed, ScenarioFeedSettings)
    chosen = PackageConfiguration(
        base=settings.base,
        universe=universe,
        instruments=used,
        calendars={row.calendar: settings.calendars[row.calendar] for row in used.values()
                   if row.calendar in settings.calendars},
        feed=settings.feed if scenario else FilesFeedSettings(kind="files"),
        features=settings.features,
        backtest=settings.backtest.model_copy(update=span),
        evaluation=settings.evaluation,
        currency=settings.policy.currency,
    )  # fmt: skip
    return _plain(chosen)


def unpacked_settings(local: Settings, configuration: Mapping[str, Any], document: str) -> Settings:
    """The settings under which a package is verified: those of this project, and the package's in their place.

    Args:
        document: the text of a strategy document that was compiled.

    Raises:
        PackageRefused: naming the key and the rule.
    """
    try:
        carried = PackageConfiguration.model_validate_json(json.dumps(configuration))
    except ValidationError as error:
        row = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in row["loc"])
        fault = PackageFault.UNKNOWN_KEY if row["type"] == "extra_forbidden" else PackageFault.BAD_CONFIGURATION
        rule = "there is no such key" if row["type"] == "extra_forbidden" else plain_rule(dict(row))
        raise refusal(fault, rule, f"{CONFIGURATION}, {key}") from None
    if canonical_json(_plain(carried)) != canonical_json(configuration):  # 1 equals 1.0
        raise refusal(PackageFault.NOT_CANONICAL, "a value has another form than its only one", CONFIGURATION)
    made: dict[str, Any] = {name: getattr(carried, name) for name in _SAME}
    made |= {
        "feed": carried.feed,
        "instruments": {**local.instruments, **carried.instruments},
        "calendars": {**local.calendars, **carried.calendars},
        "strategy": strategy_of(document),
        "policy": local.policy.model_copy(update={"currency": carried.currency}),
        "schedules": local.schedules.model_copy(update={"refresh_bars": local.schedules.refresh_bars.model_copy(
            update={"enabled": False})}),
    }  # fmt: skip
    settings = local.model_copy(update=made).with_market_hours()
    _refuse_local(settings, f"{CONFIGURATION}, ", PackageFault.BAD_CONFIGURATION)
    if wrong := [name for name, row in carried.instruments.items() if row.symbol != name]:
        what, where = "its symbol is not the key of its row", f"{CONFIGURATION}, instruments.{wrong[0]}.symbol"
        raise refusal(PackageFault.BAD_CONFIGURATION, what, where)
    return settings


def refuse_traps(document: str) -> None:
    """Refuse the text of a document that means more where it is a file of the settings than it does by itself.

    Raises:
        PackageRefused: it refers to a setting or a variable, be it in a comment (a variable that a file of the settings
            names is kept by processes that drop all others), is not known as a document by its text, or has another of
            the traps of YAML.
    """
    if "${" in document:
        line = document[: document.index("${")].count("\n") + 1
        what = f"line {line}: ${{...}} would refer to a setting or a variable of this machine"
        raise refusal(PackageFault.BAD_DOCUMENT, what, DOCUMENT)
    if not is_document(document):
        what = "rules or allocate is not written plainly, as rules: with its values"
        raise refusal(PackageFault.BAD_DOCUMENT, what, DOCUMENT)
    with tempfile.TemporaryDirectory(prefix="tradewright-") as folder:
        path = Path(folder) / DOCUMENT
        path.write_bytes(document.encode())
        problems = lint_yaml(path, DOCUMENT)
    if problems:
        raise refusal(PackageFault.BAD_DOCUMENT, str(problems[0]), DOCUMENT)


def _plain(configuration: PackageConfiguration) -> dict[str, Any]:
    found: dict[str, Any] = canonical_value(configuration.model_dump(mode="json"))
    return found


def strategy_of(document: str) -> StrategySettings:
    """The group ``strategy`` that a compiled document stands for."""
    said = as_option(read(document).values)
    common = {name: value for name, value in said.items() if name in STRATEGY_KEYS}
    own = {name: value for name, value in said.items() if name not in STRATEGY_KEYS}
    return StrategySettings.model_validate_json(json.dumps({**common, "parameters": own}), strict=True)


def _refuse_local(settings: Settings, above: str = "", fault: PackageFault = PackageFault.NOT_PORTABLE) -> None:
    """Refuse what only the machine of the one who exports can tell."""
    backtest, evaluation, feed = settings.backtest, settings.evaluation, settings.feed
    told = {
        "backtest.rates": ("it names files of this machine", "import bars of the pair", bool(backtest.rates)),
        "backtest.known_at": ("it is a moment of this store", "leave it null", backtest.known_at is not None),
        "evaluation.risk_free_rates": (
            "it names a file of this machine", "give a number: evaluation.risk_free",
            evaluation.risk_free_rates is not None,
        ),
        "feed.end": (
            "a scenario needs an end, else it goes on with the clock", f"a moment from {YEARS[0]} on",
            isinstance(feed, ScenarioFeedSettings) and (feed.end is None or feed.end.year not in YEARS),
        ),
    }  # fmt: skip
    for key, (what, remedy, is_so) in told.items():
        if is_so:
            raise refusal(fault, f"a package cannot carry it: {what}", f"{above}{key}", remedy)

"""Rules that span several groups, and the parameters of strategies: what one schema alone cannot see."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from conf.problems import Problem, nearest, told
from conf.schema.desk import IbkrBrokerSettings, SimBrokerSettings
from conf.schema.research import StrategySettings
from conf.schema.settings import Settings
from conf.sources import Key
from strategies.base import Parameter
from strategies.registry import BROKEN, STRATEGIES, build, parameters_of
from tradewright.execution.times import ProtocolTimes
from tradewright.indicators.catalogue import resolve
from tradewright.model.errors import ConfigError
from tradewright.model.mode import LIVE_PORTS, PAPER_PORTS, Mode, Stage
from tradewright.model.strategy import Feature

NEVER_SHORTER = ("acknowledge", "settle", "absence", "lease")
"""Waits of the order protocol that live mode may prolong and not shorten."""

MARKET_TABLES = ("instruments", "events", "risk")
TABLE_GROUPS = frozenset({*MARKET_TABLES, "strategy"})
"""Groups that hold a table (``conf/tables.py``); every order depends on the former."""

MOST_SETS = 1_000_000
"""Of a grid: a slip of the pen must not fill the memory."""

STRATEGY_KEYS = frozenset(StrategySettings.model_fields) - {"parameters"}


class Broken(NamedTuple):
    """A broken rule: the key, its value, what is demanded, the nearest right name."""

    key: Key
    value: object
    rule: str
    near: str = ""

    def problem(self, file: str, *above: str) -> Problem:
        """As a problem of ``file``, its key under ``above``; for values that are no secrets."""
        return Problem(file, 0, ".".join((*above, *self.key)), told(self.value), self.rule, self.near)


def parameter_errors(kind: object, given: Mapping[str, object]) -> Iterator[Broken]:
    """What is wrong with a strategy's own parameters; keys are relative to ``strategy``."""
    if isinstance(kind, str) and kind in BROKEN:
        yield Broken(("kind",), kind, f"must be a strategy that can be loaded: {BROKEN[kind]}")
        return
    if not isinstance(kind, str) or kind not in STRATEGIES:
        yield Broken(("kind",), kind, f"must be one of {', '.join(STRATEGIES)}", nearest(str(kind), STRATEGIES))
        return
    known = parameters_of(kind)
    for name, value in given.items():
        if name not in known:
            yield Broken((name,), None, f"is not a parameter of {kind}", nearest(name, [*known, *STRATEGY_KEYS]))
        elif not _admitted(known[name], value):
            number = "a whole number" if known[name].whole else "a number"
            yield Broken((name,), value, f"must be {number} from {known[name].least:g} to {known[name].most:g}")
    for name in known.keys() - given.keys():
        yield Broken((name,), None, "is missing")


def _admitted(parameter: Parameter, value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float) or (parameter.whole and value != int(value)):
        return False
    return parameter.least <= value <= parameter.most


def broken_rules(settings: Settings, alone: str = "", *, swept: bool = False) -> Iterator[Broken]:
    """Everything that is wrong between keys and between groups.

    Args:
        alone: a group that is looked at by itself, while the others are as they ship: its own rules alone count.
        swept: whether the strategy's parameters are but one set of a sweep, which need not go together.
    """
    yield from _left_to_defaults(settings)
    yield from _order_of_times(settings)
    if not swept:
        yield from _strategy_as_a_whole(settings)
    yield from grid_errors(settings)
    yield from _unknown_features(settings)
    yield from _short_look_back(settings)
    if alone != "instruments":
        yield from _unknown_instruments(settings)
    if not alone:
        yield from _mode_and_broker(settings)
        yield from _ledger_url(settings)


def _left_to_defaults(settings: Settings) -> Iterator[Broken]:
    """Limits have defaults in code, for tests; a configuration spells every one of them out."""
    for group, limits in (("policy", settings.policy), ("risk", settings.risk)):
        for name in type(limits).model_fields:
            if name not in limits.model_fields_set:
                yield Broken((group, name), None, "is missing")


def _ledger_url(settings: Settings) -> Iterator[Broken]:
    if settings.storage.kind == "postgres" and settings.storage.ledger_url is None:
        yield Broken(("storage", "ledger_url"), None, "is missing: set POSTGRES_URL in the environment")


def _unknown_instruments(settings: Settings) -> Iterator[Broken]:
    known = list(settings.instruments)
    places: dict[Key, Iterable[str]] = {
        ("universe", "instruments"): settings.universe.instruments,
        ("strategy", "instruments"): settings.strategy.instruments or (),
        ("backtest", "instruments"): settings.backtest.instruments or (),
        ("events", "windows"): [window.instrument for window in settings.events.windows],
    }
    for key, names in places.items():
        for name in names:
            if name not in known:
                yield Broken(key, name, "is not in conf/instruments; define it there", nearest(name, known))


def _mode_and_broker(settings: Settings) -> Iterator[Broken]:
    mode, broker = settings.mode.name, settings.broker
    if mode is Mode.SIM and not isinstance(broker, SimBrokerSettings):
        yield Broken(("broker", "kind"), broker.kind, "mode=sim has the broker sim; say mode=paper or mode=live")
    if mode is not Mode.SIM and isinstance(broker, SimBrokerSettings):
        yield Broken(("broker", "kind"), broker.kind, f"mode={mode} needs a venue; say broker=ibkr")
    if isinstance(broker, IbkrBrokerSettings) and mode is Mode.PAPER and broker.port in LIVE_PORTS:
        yield Broken(("broker", "port"), broker.port, "is a port of live accounts, and mode is paper")
    if mode is Mode.LIVE:
        yield from _live(settings)


def _live(settings: Settings) -> Iterator[Broken]:
    broker = settings.broker
    if settings.stage.name is not Stage.LIVE_SMALL:
        yield Broken(("stage", "name"), settings.stage.name, "mode=live needs stage=live_small")
    if isinstance(broker, IbkrBrokerSettings):
        if not broker.account:
            yield Broken(("broker", "account"), None, "is missing: live mode needs the account spelled out")
        if broker.port in PAPER_PORTS:
            yield Broken(("broker", "port"), broker.port, "is a port of paper accounts, and mode is live")
    for name in NEVER_SHORTER:
        least, given = getattr(ProtocolTimes(), name), getattr(settings.execution, name)
        if given < least:
            yield Broken(("execution", name), given, f"must be at least {least:g} s in live mode")


def _order_of_times(settings: Settings) -> Iterator[Broken]:
    backtest = settings.backtest
    if backtest.start and backtest.end and str(backtest.start) > str(backtest.end):
        yield Broken(("backtest", "start"), backtest.start, f"is after backtest.end ({backtest.end})")
    for index, window in enumerate(settings.events.windows):
        if window.start >= window.end:
            yield Broken(("events", "windows", str(index), "start"), window.start, "must be before its end")


def _strategy_as_a_whole(settings: Settings) -> Iterator[Broken]:
    """Rules between parameters, which the strategy's own class knows."""
    try:
        build(settings.strategy.kind, settings.strategy.parameters)
    except ConfigError as error:
        yield Broken(("strategy",), error.what, error.remedy)


def grid_errors(settings: Settings) -> Iterator[Broken]:
    """What is wrong with the names and the size of a strategy's grid; its sets are a table (``conf/tables.py``)."""
    kind, grid = settings.strategy.kind, settings.strategy.grid
    known = parameters_of(kind)
    for name in grid.keys() - known.keys():
        yield Broken(("strategy", "grid", name), None, f"is not a parameter of {kind}", nearest(name, known))
    sets = math.prod(len(values) for values in grid.values())
    if sets > MOST_SETS:
        yield Broken(("strategy", "grid"), None, f"makes {sets:,} parameter sets, more than {MOST_SETS:,}")


def refusal(kind: str, values: Mapping[str, float]) -> str:
    """Why a strategy of this kind does not take these parameters; empty where it does."""
    try:
        build(kind, values)
    except ConfigError as error:
        return f"{error.what}; {error.remedy}"
    return ""


def _unknown_features(settings: Settings) -> Iterator[Broken]:
    """Indicators of ``features.extra`` that do not exist, or do not take these arguments."""
    for index, row in enumerate(settings.features.extra):
        try:
            resolve(Feature(row.indicator, row.arguments))
        except ConfigError as error:
            yield Broken(("features", "extra", str(index), "indicator"), row.indicator, f"{error.what}; {error.remedy}")


def _short_look_back(settings: Settings) -> Iterator[Broken]:
    """A look-back that the indicator itself refuses, for no divergence can show in it."""
    chosen = settings.features
    reach, lookback = chosen.divergence_reach, chosen.divergence_lookback
    try:
        resolve(Feature("rsi_divergence", (chosen.rsi, reach, lookback)))
    except ConfigError:
        rule = f"must be at least 2 x divergence_reach + 2 = {2 * reach + 2}, to hold two turning points"
        yield Broken(("features", "divergence_lookback"), lookback, rule)
